"""An assessment: questions drawn from a bank, and what it takes to pass. Draft → published → retired.

It stands alone, or is the quiz of a course: then passing it completes that course within an assignment. A published one may
still be changed: an attempt keeps the questions and the pass mark that it began with.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Index,
    Numeric,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, FieldError, Forbidden, Invalid
from services.chassis.tables import refers_to, text_enum
from services.onboarding.domain.base import SCHEMA, Row
from services.onboarding.domain.publication import (
    Published,
    VersionMove,
    VersionState,
    published_checks,
)


class Reveal(StrEnum):
    """When a learner is told what is right: once it is passed or no attempt is left, whenever one is handed in, or not at all."""

    never = "never"
    when_done = "when_done"
    always = "always"


class Assessment(Published, table=True):
    """What is drawn, how often one may try, and when it is passed. Times are in minutes, the pass mark is a share."""

    __tablename__: ClassVar[str] = "assessment"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        refers_to(SCHEMA, "question_bank", "question_bank_id"),
        refers_to(SCHEMA, "course", "course_id"),
        Index("ix_assessment_title", "organization_id", "title", "id"),
        Index(
            "uq_assessment_unit",
            "organization_id",
            "course_id",
            "unit_key",
            unique=True,
            postgresql_where=text("state <> 'retired'"),
        ),
        CheckConstraint("char_length(title) BETWEEN 3 AND 200", name="title_length"),
        CheckConstraint("(course_id IS NULL) = (unit_key IS NULL)", name="course_with_unit"),
        CheckConstraint("pass_mark > 0 AND pass_mark <= 1", name="pass_mark"),
        CheckConstraint("max_attempts >= 1", name="max_attempts"),
        CheckConstraint("questions_drawn >= 1", name="questions_drawn"),
        CheckConstraint("cooldown_minutes >= 0", name="cooldown"),
        CheckConstraint("time_limit_minutes >= 1", name="time_limit"),
        *published_checks(),
    )

    key: str
    title: str
    description: str | None = None
    question_bank_id: UUID
    course_id: UUID | None = None
    unit_key: str | None = None
    pass_mark: Decimal = Field(sa_type=Numeric(6, 5))
    max_attempts: int | None = Field(default=None, sa_type=SmallInteger)
    questions_drawn: int | None = Field(default=None, sa_type=SmallInteger)
    cooldown_minutes: int = 0
    time_limit_minutes: int | None = None
    reveal: Reveal = Field(
        default=Reveal.when_done,
        sa_type=text_enum(Reveal, "reveal"),
        sa_column_kwargs={"server_default": "when_done"},
    )

    def require_published(self) -> None:
        """Refuse attempts at what is not published."""
        if self.state is not VersionState.published:
            raise Conflict("The assessment is {state}.", state=self.state)

    def publish(self, questions: int, now: datetime) -> None:
        """Let people try it; the bank must have as many questions as are drawn."""
        self.require_move(VersionMove.publish)
        if questions < (self.questions_drawn or 1):
            raise Conflict(
                "The bank has {there} questions that ask something; {drawn} are drawn.",
                there=questions,
                drawn=self.questions_drawn or 1,
            )
        self._publish(now)


class AttemptGrant(Row, table=True):
    """Further attempts for somebody, within the cycle: the assignment, where the assessment belongs to a course."""

    __tablename__: ClassVar[str] = "attempt_grant"
    __table_args__ = (
        refers_to(SCHEMA, "assessment", "assessment_id"),
        Index("ix_attempt_grant_person", "organization_id", "assessment_id", "person_id", "id"),
        CheckConstraint("attempts BETWEEN 1 AND 100", name="attempts"),
    )

    assessment_id: UUID
    person_id: UUID
    assignment_id: UUID | None = None
    attempts: int = Field(default=1, sa_type=SmallInteger)
    reason: str
    granted_by: UUID


def require_granter(caller: Caller, person_id: UUID) -> None:
    """Refuse anyone but trainers, and trainers for themselves."""
    caller.require(Role.trainer)
    if caller.person_id == person_id:
        raise Forbidden("Nobody decides on their own attempts.")


def check_unit(units: list[Mapping[str, Any]] | None, unit_key: str) -> None:
    """Refuse with `Invalid` unless the newest version of the course has a quiz of this key."""
    if not any(unit["key"] == unit_key and unit["kind"] == "quiz" for unit in units or ()):
        raise Invalid(
            "The course has no such quiz.",
            errors=[FieldError("/unit_key", "The course has no quiz with this key.")],
        )
