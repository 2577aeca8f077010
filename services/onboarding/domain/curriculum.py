"""A curriculum and its versions: a tree of courses, whose versions are pinned when it is published."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.chassis.errors import Conflict, FieldError, Invalid
from services.chassis.tables import refers_to
from services.onboarding.domain.base import SCHEMA, Row
from services.onboarding.domain.course import Course, CourseVersion
from services.onboarding.domain.course_set import CourseSet, Item, Rule, check_sound, minutes_left
from services.onboarding.domain.publication import Version, VersionMove, Versions, published_checks

# What publication adds to each course of the tree.
_UNPINNED: Mapping[str, None] = dict.fromkeys(
    ("key", "title", "course_version", "minutes", "grants")
)


class Curriculum(Row, table=True):
    """What somebody in a certain position learns. `key` names it for good."""

    __tablename__: ClassVar[str] = "curriculum"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        Index("ix_curriculum_title", "organization_id", "title", "id"),
        CheckConstraint("char_length(title) BETWEEN 3 AND 200", name="title_length"),
    )

    key: str
    title: str
    language: str | None = None
    owner_id: UUID


class CurriculumVersion(Version, table=True):
    """A version of a curriculum; `minutes` is the least that completing it takes, known from publication on."""

    __tablename__: ClassVar[str] = "curriculum_version"
    __table_args__ = (
        refers_to(SCHEMA, "curriculum", "curriculum_id"),
        UniqueConstraint("organization_id", "curriculum_id", "number"),
        CheckConstraint("number >= 1", name="number_from_one"),
        CheckConstraint("minutes >= 0", name="minutes_not_negative"),
        CheckConstraint("(state = 'draft') = (minutes IS NULL)", name="minutes_once_published"),
        *published_checks(),
    )

    curriculum_id: UUID
    sets: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    minutes: int | None = None

    def revise(self, sets: list[dict[str, Any]]) -> None:
        """Change the tree of a draft."""
        self.require_draft()
        check_sound(sets)
        self.sets = [
            {**one, "courses": [{**_UNPINNED, **entry} for entry in one["courses"]]} for one in sets
        ]

    def course_ids(self) -> list[UUID]:
        """The courses of the tree."""
        return [UUID(entry["course_id"]) for one in self.sets for entry in one["courses"]]

    def unpinned_sets(self) -> list[dict[str, Any]]:
        """The tree as a draft holds it, for the version after this one."""
        return [
            {**one, "courses": [{**entry, **_UNPINNED} for entry in one["courses"]]}
            for one in self.sets
        ]

    def publish(self, current: Mapping[UUID, tuple[Course, CourseVersion]], now: datetime) -> None:
        """Make it what learners get, with every course at its `current` published version."""
        self.require_move(VersionMove.publish)
        if not self.sets:
            raise Invalid(
                "A curriculum without courses teaches nothing.",
                errors=[FieldError("/sets", "This is required.")],
                missing=[{"field": "sets"}],
            )
        unpublished = [
            FieldError(
                f"/sets/{place}/courses/{nth}/course_id", "The course has no published version."
            )
            for place, one in enumerate(self.sets)
            for nth, entry in enumerate(one["courses"])
            if UUID(entry["course_id"]) not in current
        ]
        if unpublished:
            raise Conflict("Publish every course of the curriculum first.", errors=unpublished)
        self.sets = [
            {
                **one,
                "courses": [
                    _pinned(entry, *current[UUID(entry["course_id"])]) for entry in one["courses"]
                ],
            }
            for one in self.sets
        ]
        self.minutes = minutes_left(course_sets(self.sets), ())
        self._publish(now)


VERSIONS = Versions(Curriculum, CurriculumVersion)


def _pinned(entry: Mapping[str, Any], course: Course, version: CourseVersion) -> dict[str, Any]:
    """A course in the tree together with what was published of it: reading the tree needs nothing else."""
    return {
        "course_id": entry["course_id"],
        "points": entry["points"],
        "key": course.key,
        "title": course.title,
        "course_version": version.number,
        "minutes": version.minutes,
        "grants": version.grants,
    }


def course_sets(sets: list[dict[str, Any]]) -> list[CourseSet]:
    """The stored tree of a published version."""
    return [
        CourseSet(
            key=one["key"],
            title=one["title"],
            rule=Rule(one["rule"]),
            n=one["n"],
            min_points=one["min_points"],
            items=tuple(
                Item(
                    key=entry["key"],
                    title=entry["title"],
                    minutes=entry["minutes"],
                    points=entry["points"] or 0,
                    course_id=UUID(entry["course_id"]),
                    course_version=entry["course_version"],
                    competence=(entry["grants"] or {}).get("competence"),
                    level=(entry["grants"] or {}).get("level"),
                )
                for entry in one["courses"]
            ),
        )
        for one in sets
    ]
