"""What somebody completed before Stafett, or outside of it: once for a person, a course or curriculum, and a day."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, SmallInteger, text
from sqlmodel import Field

from services.chassis.tables import refers_to, text_enum
from services.onboarding.domain.base import SCHEMA, Row


class CompletionBasis(StrEnum):
    """What it rests on: worked through, passed an exam, or certified by somebody else."""

    completed = "completed"
    passed = "passed"
    certified = "certified"


class PastCompletion(Row, table=True):
    """A completion that was brought in from a file, and what it led to. The certificate holds what counts today."""

    __tablename__: ClassVar[str] = "past_completion"
    __table_args__ = (
        refers_to(SCHEMA, "course", "course_id"),
        refers_to(SCHEMA, "curriculum", "curriculum_id"),
        refers_to(SCHEMA, "assignment", "assignment_id"),
        refers_to(SCHEMA, "certificate", "certificate_id"),
        Index(
            "uq_past_completion_course",
            "organization_id",
            "person_id",
            "course_id",
            "completed_on",
            unique=True,
            postgresql_where=text("course_id IS NOT NULL"),
        ),
        Index(
            "uq_past_completion_curriculum",
            "organization_id",
            "person_id",
            "curriculum_id",
            "completed_on",
            unique=True,
            postgresql_where=text("curriculum_id IS NOT NULL"),
        ),
        CheckConstraint("num_nonnulls(course_id, curriculum_id) = 1", name="one_subject"),
        CheckConstraint("expires_on >= completed_on", name="expires_after_completion"),
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
        CheckConstraint("level IS NULL OR course_id IS NOT NULL", name="level_of_course"),
        CheckConstraint("imported_by <> person_id", name="not_for_oneself"),
    )

    person_id: UUID
    course_id: UUID | None = None
    curriculum_id: UUID | None = None
    completed_on: date
    expires_on: date | None = None
    level: int | None = Field(default=None, sa_type=SmallInteger)
    basis: CompletionBasis = Field(
        default=CompletionBasis.completed, sa_type=text_enum(CompletionBasis, "basis")
    )
    evidence: str | None = None
    assignment_id: UUID | None = None
    certificate_id: UUID | None = None
    imported_by: UUID
    imported_at: datetime = Field(sa_type=DateTime(timezone=True))

    @property
    def subject_id(self) -> UUID:
        """The course or the curriculum."""
        id = self.course_id or self.curriculum_id
        assert id is not None
        return id
