"""A waiver: a manager answers for going ahead although a need is not covered, and says why.

Nobody waives for themselves. A waiver is never edited or deleted: it is revoked, with a reason, or ends by itself when its
last day is over or its need becomes another one.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.database import organization_of
from services.chassis.errors import FieldError, Forbidden, IllegalMove, Invalid
from services.chassis.tables import refers_to
from services.handover.domain.base import SCHEMA, Row
from services.handover.domain.handover import ENDED, Handover


class CoverageWaiver(Row, table=True):
    """A manager's word that a need may stay uncovered, for good or until a day, which is included.

    It outlives a need that the seller takes off, and so refers to it by id alone.
    """

    __tablename__: ClassVar[str] = "coverage_waiver"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        Index("ix_coverage_waiver_handover", "organization_id", "handover_id", "id"),
        Index(
            "uq_coverage_waiver_open",
            "organization_id",
            "competence_need_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        CheckConstraint("char_length(reason) >= 1", name="reason_given"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_by_somebody"),
        CheckConstraint("end_reason IS NULL OR ended_at IS NOT NULL", name="reason_of_the_end"),
    )

    handover_id: UUID
    competence_need_id: UUID
    granted_by: UUID
    reason: str
    valid_until: date | None = None
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    ended_by: UUID | None = None
    end_reason: str | None = None

    def stands(self, parties: Collection[UUID | None], today: date) -> bool:
        """Whether it counts today: neither ended nor run out, nor granted by one of `parties` (they may have become one since)."""
        return (
            self.ended_at is None
            and (self.valid_until is None or today <= self.valid_until)
            and self.granted_by not in parties
        )

    def covers(self, last: date) -> bool:
        """Whether it counts until the need's last day is over."""
        return self.valid_until is None or last <= self.valid_until

    def end(self, caller: Caller, now: datetime, reason: str | None = None) -> None:
        """It counts no more."""
        if self.ended_at is not None:
            raise IllegalMove("The waiver has ended already.")
        self.ended_at, self.ended_by, self.end_reason = now, caller.person_id, reason


def parties_to(handover: Handover, staffed: Iterable[UUID]) -> set[UUID | None]:
    """Who would waive for themselves: the seller, the lead, and the people on the need."""
    return {handover.seller_id, handover.delivery_lead_id, *staffed}


def require_waiver_giver(
    handover: Handover, caller: Caller, parties: Collection[UUID | None]
) -> None:
    """Refuse anyone but a manager who has no part in it, and a handover that has ended."""
    caller.require(Role.manager)
    if caller.person_id in parties:
        raise Forbidden(
            "Nobody waives for themselves: ask a manager who neither sold it, leads it nor is on this need."
        )
    if handover.state in ENDED:
        raise IllegalMove(
            "A handover that is {state} needs no waiver.",
            state=handover.state,
            allowed=handover.moves_of(caller),
        )


def require_ahead(valid_until: date | None, today: date, first: date) -> None:
    """Refuse with `Invalid` a waiver that has run out before it is granted, or before the need's `first` day."""
    if valid_until is not None and valid_until < today:
        raise Invalid(
            "The waiver would have run out already.",
            errors=[FieldError("/valid_until", "It must not lie in the past.")],
        )
    if valid_until is not None and valid_until < first:
        raise Invalid(
            "The waiver would have run out before anybody is needed.",
            errors=[FieldError("/valid_until", "It must not lie before {day}.", {"day": first})],
        )


async def open_waiver(session: AsyncSession, need_id: UUID) -> CoverageWaiver | None:
    """The waiver of a need that nobody has ended; the caller holds the lock of the handover."""
    column = CoverageWaiver.__table__.c  # type: ignore[attr-defined]
    found: CoverageWaiver | None = await session.scalar(
        select(CoverageWaiver).where(
            column.organization_id == organization_of(session),
            column.competence_need_id == need_id,
            column.ended_at.is_(None),
        )
    )
    return found
