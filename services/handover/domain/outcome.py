"""The outcome of a handover: what came of it in the end, and what to do otherwise next time. One for each."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field

from services.chassis.caller import Caller
from services.chassis.errors import FieldError, Frozen, IllegalMove, Invalid
from services.chassis.tables import refers_to, text_enum
from services.handover.domain.base import SCHEMA, Row
from services.handover.domain.handover import Handover, State
from services.handover.domain.past import require_past_day

# While there is something to tell, and until it was looked back on.
_TELLABLE = frozenset({State.in_delivery, State.completed})


class OutcomeResult(StrEnum):
    """Whether the customer got what they bought."""

    succeeded = "succeeded"
    partly = "partly"
    failed = "failed"


class Outcome(Row, table=True):
    """How it ended. It has the id of its handover: there is one at most."""

    __tablename__: ClassVar[str] = "outcome"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "id"),
        Index("ix_outcome_ended", "organization_id", "ended_on"),
        CheckConstraint("char_length(lessons) >= 1", name="lessons_given"),
    )

    ended_on: date
    result: OutcomeResult = Field(sa_type=text_enum(OutcomeResult, "result"))
    lessons: str
    told_by: UUID

    def check_sound(self, handover: Handover, now: datetime) -> None:
        """It ended after it was taken over or was to start, whichever came first, and not in days to come; raises `Invalid`."""
        taken_over = None if handover.accepted_at is None else handover.accepted_at.date()
        first = min((day for day in (taken_over, handover.planned_start) if day), default=None)
        if first is not None and self.ended_on < first:
            raise Invalid(
                "It ended before it began.",
                errors=[FieldError("/ended_on", "It must not lie before {day}.", {"day": first})],
            )
        require_past_day("/ended_on", self.ended_on, now)


def require_tellable(handover: Handover, caller: Caller) -> None:
    """Refuse an outcome before there is one, and another one once the handover is closed."""
    if handover.state is State.closed:
        raise Frozen("A handover that is {state} is over.", state=handover.state)
    if handover.state not in _TELLABLE:
        raise IllegalMove(
            "An outcome is told in delivery and after it; the handover is {state}.",
            state=handover.state,
            allowed=handover.moves_of(caller),
        )
