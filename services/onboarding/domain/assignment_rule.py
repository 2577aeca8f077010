"""An assignment rule: who is in an audience learns a curriculum, due by a policy; and for whom no date could be worked out."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, SmallInteger, text
from sqlmodel import Field

from services.chassis.errors import Conflict, FieldError
from services.chassis.tables import refers_to, text_enum
from services.onboarding.domain.assigning import REASONS, Due
from services.onboarding.domain.assignment import DueKind
from services.onboarding.domain.base import SCHEMA, Row
from services.onboarding.domain.working_days import WorkingDays


class OnLeave(StrEnum):
    """What becomes of the assignment of somebody who leaves the audience, where nobody else asks for it."""

    suspend = "suspend"
    withdraw = "withdraw"
    keep = "keep"


class AssignmentRule(Row, table=True):
    """A curriculum for an audience. While it is active, whoever joins is assigned it at once."""

    __tablename__: ClassVar[str] = "assignment_rule"
    __table_args__ = (
        refers_to(SCHEMA, "audience", "audience_id"),
        refers_to(SCHEMA, "curriculum", "curriculum_id"),
        Index("ix_assignment_rule_name", "organization_id", "name", "id"),
        Index("ix_assignment_rule_audience", "organization_id", "audience_id", "id"),
        refers_to(SCHEMA, "rollout", "rollout_id"),
        Index("ix_assignment_rule_rollout", "organization_id", "rollout_id", "id"),
        Index("ix_assignment_rule_curriculum", "organization_id", "curriculum_id", "id"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
        CheckConstraint(
            "(due_kind IS NOT DISTINCT FROM 'fixed') = (due_on IS NOT NULL)", name="fixed_has_day"
        ),
        CheckConstraint(
            "(due_kind IS NULL OR due_kind = 'fixed') = (due_days IS NULL)", name="due_days"
        ),
        CheckConstraint(
            "(due_kind IS NOT DISTINCT FROM 'before_go_live') = (go_live_on IS NOT NULL)",
            name="go_live_has_day",
        ),
        CheckConstraint(
            "rollout_id IS NULL OR go_live_on IS NOT NULL", name="rollout_gives_the_day"
        ),
    )

    name: str
    audience_id: UUID
    curriculum_id: UUID
    due_kind: DueKind | None = Field(default=None, sa_type=text_enum(DueKind, "due_kind"))
    due_on: date | None = None
    due_days: int | None = Field(default=None, sa_type=SmallInteger)
    # The rollout's own, where it follows one.
    go_live_on: date | None = None
    rollout_id: UUID | None = None
    on_leave: OnLeave = Field(default=OnLeave.suspend, sa_type=text_enum(OnLeave, "on_leave"))
    active: bool = False

    def due(self, calendar: WorkingDays) -> Due | None:
        """The due policy, with the day before go-live counted back."""
        if self.due_kind is None:
            return None
        on = self.due_on
        if self.go_live_on is not None:
            on = calendar.before(self.go_live_on, self.due_days or 0)
        return Due(self.due_kind, on, self.due_days)

    def activate(self) -> None:
        """Assign, now and whenever somebody joins."""
        if self.active:
            raise Conflict("The rule is active already.")
        self.active = True

    def deactivate(self) -> None:
        """Assign nobody any more. What it assigned stays as it is."""
        if not self.active:
            raise Conflict("The rule is not active.")
        self.active = False


class ExceptionReason(StrEnum):
    """Why a rule could not assign somebody."""

    no_hire_date = "no_hire_date"
    too_little_time = "too_little_time"
    no_working_days = "no_working_days"
    nothing_published = "nothing_published"


EXCEPTION_WORDS: Mapping[str, FieldError] = {
    **{
        reason: REASONS[reason] for reason in ("no_hire_date", "too_little_time", "no_working_days")
    },
    "nothing_published": FieldError("", "The curriculum has no published version."),
}


class AssignmentException(Row, table=True):
    """Somebody who could not be assigned, or whose due date could not follow. Resolved when the reason is gone, or the person.

    By a rule, whose audience holds them; or by a handover that is staffed with them and needs `competence`. Where
    `assignment_id` is given, they have the assignment, and its date stays behind the go-live that it counts back from.
    """

    __tablename__: ClassVar[str] = "assignment_exception"
    __table_args__ = (
        refers_to(SCHEMA, "assignment_rule", "rule_id"),
        Index(
            "uq_assignment_exception_open",
            "organization_id",
            "rule_id",
            "person_id",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index(
            "uq_assignment_exception_handover",
            "organization_id",
            "handover_id",
            "competence",
            "person_id",
            unique=True,
            postgresql_where=text("resolved_at IS NULL AND handover_id IS NOT NULL"),
        ),
        CheckConstraint("(rule_id IS NULL) <> (handover_id IS NULL)", name="of_rule_or_handover"),
        CheckConstraint(
            "(handover_id IS NULL) = (competence IS NULL)", name="handover_needs_competence"
        ),
        Index("ix_assignment_exception_person", "organization_id", "person_id", "id"),
    )

    rule_id: UUID | None = None
    handover_id: UUID | None = None
    competence: str | None = None
    person_id: UUID
    # Of a rule it is the rule's.
    curriculum_id: UUID | None = None
    assignment_id: UUID | None = None
    reason: ExceptionReason = Field(sa_type=text_enum(ExceptionReason, "reason"))
    resolved_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
