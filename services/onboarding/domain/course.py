"""A course and its versions: units to work through, and the competence that they give."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import FieldError, Forbidden, Invalid
from services.chassis.tables import refers_to
from services.onboarding.domain.base import SCHEMA, Row
from services.onboarding.domain.publication import Version, VersionMove, Versions, published_checks
from services.onboarding.domain.tool import Tool


class UnitKind(StrEnum):
    """How a unit is worked through."""

    reading = "reading"
    video = "video"
    exercise = "exercise"
    setup_guide = "setup_guide"
    quiz = "quiz"
    field_visit = "field_visit"
    topic_session = "topic_session"
    external_link = "external_link"


class Course(Row, table=True):
    """A course. `key` names it for good: progress hangs on it when a learner changes versions."""

    __tablename__: ClassVar[str] = "course"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        refers_to(SCHEMA, "tool", "tool_id"),
        Index("ix_course_title", "organization_id", "title", "id"),
        Index("ix_course_owner", "organization_id", "owner_id", "id"),
        Index("ix_course_tool", "organization_id", "tool_id", "id"),
        CheckConstraint("char_length(title) BETWEEN 3 AND 200", name="title_length"),
    )

    key: str
    title: str
    language: str | None = None
    owner_id: UUID
    tool_id: UUID | None = None

    def require_author(self, caller: Caller) -> None:
        """Refuse anyone but the owner of the course and trainers."""
        if self.owner_id != caller.person_id and not caller.has(Role.trainer):
            raise Forbidden("This is for the owner of the course, or a trainer.")

    def require_publisher(self, caller: Caller, tool: Tool | None) -> None:
        """Refuse anyone but trainers and the owner of the tool that the course is about."""
        owns_tool = tool is not None and tool.owner_id == caller.person_id
        if not owns_tool and not caller.has(Role.trainer):
            raise Forbidden("This is for a trainer, or the owner of the tool.")

    def require_granter(self, caller: Caller, tool: Tool | None, competence: str | None) -> None:
        """Refuse a publisher who is no trainer, where the course gives a competence that is not the tool's own."""
        if competence is None or caller.has(Role.trainer):
            return
        if tool is None or tool.competence != competence:
            raise Forbidden(
                "The owner of a tool publishes what gives the competence of that tool; a trainer, any."
            )


class CourseVersion(Version, table=True):
    """A version of a course; `minutes` is the sum of its units' minutes."""

    __tablename__: ClassVar[str] = "course_version"
    __table_args__ = (
        refers_to(SCHEMA, "course", "course_id"),
        UniqueConstraint("organization_id", "course_id", "number"),
        Index("ix_course_version_competence", "organization_id", "competence", "level"),
        CheckConstraint("number >= 1", name="number_from_one"),
        CheckConstraint("minutes >= 0", name="minutes_not_negative"),
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
        CheckConstraint("(competence IS NULL) = (level IS NULL)", name="competence_with_level"),
        *published_checks(),
    )

    course_id: UUID
    units: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    minutes: int = 0
    competence: str | None = None
    level: int | None = None

    @property
    def grants(self) -> dict[str, Any] | None:
        """The competence that completing it gives, and its level from 1 to 5."""
        if self.competence is None:
            return None
        return {"competence": self.competence, "level": self.level}

    def revise(self, changes: Mapping[str, Any]) -> None:
        """Change a draft: `units`, `grants`."""
        self.require_draft()
        if "units" in changes:
            check_units(changes["units"])
            self.units = changes["units"]
            self.minutes = sum(unit["minutes"] for unit in self.units)
        if "grants" in changes:
            given = changes["grants"] or {}
            self.competence = given.get("competence")
            self.level = given.get("level")

    def publish(self, now: datetime) -> None:
        """Make it what learners get. It must have a unit."""
        self.require_move(VersionMove.publish)
        if not self.units:
            raise Invalid(
                "A course without units teaches nothing.",
                errors=[FieldError("/units", "This is required.")],
                missing=[{"field": "units"}],
            )
        self._publish(now)


VERSIONS = Versions(Course, CourseVersion)


def check_units(units: Sequence[Mapping[str, Any]]) -> None:
    """The rules between units: each key once, and a link where the unit is one; raises `Invalid`."""
    errors = []
    seen: set[str] = set()
    for place, unit in enumerate(units):
        if unit["key"] in seen:
            errors.append(FieldError(f"/units/{place}/key", "Another unit has this key."))
        seen.add(unit["key"])
        if unit["kind"] == UnitKind.external_link and not unit.get("link"):
            errors.append(FieldError(f"/units/{place}/link", "This is required."))
    if errors:
        raise Invalid("The units do not fit together.", errors=errors)
