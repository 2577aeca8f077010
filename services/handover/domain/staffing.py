"""Staffing: who delivers, from when until when, with how much of their time, and which need it answers.

Staffing is not what was said to the customer, so submission does not freeze it: it goes on changing while somebody delivers.
"""

from datetime import date, timedelta
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, UniqueConstraint, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller, Role
from services.chassis.database import organization_of
from services.chassis.errors import Conflict, FieldError, Forbidden, IllegalMove, Invalid
from services.chassis.tables import refers_to
from services.handover.domain.base import SCHEMA, Row
from services.handover.domain.handover import Handover, State

# While delivery has it in its hands; a returned one keeps its lead, who may plan on.
STAFFABLE = frozenset({State.in_review, State.returned, State.accepted, State.in_delivery})

# Check-ins are due for each week of it: a year that was mistyped would ask for thousands.
EARLIEST = date(2000, 1, 1)
LONGEST = timedelta(days=3653)


class Staffing(Row, table=True):
    """A person on a handover from a day until a day, both included, with a share of their time in percent."""

    __tablename__: ClassVar[str] = "staffing"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        refers_to(SCHEMA, "competence_need", "competence_need_id"),
        # Overlapping days are refused under the lock of the handover; the embedded PostgreSQL has no btree_gist.
        UniqueConstraint(
            "organization_id",
            "handover_id",
            "person_id",
            "competence_need_id",
            "starts_on",
            name="uq_staffing_start",
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_staffing_handover", "organization_id", "handover_id", "id"),
        Index("ix_staffing_person", "organization_id", "person_id", "starts_on"),
        Index("ix_staffing_need", "organization_id", "competence_need_id"),
        CheckConstraint("allocation BETWEEN 1 AND 100", name="allocation_percent"),
        CheckConstraint("ends_on >= starts_on", name="end_after_start"),
    )

    handover_id: UUID
    person_id: UUID
    competence_need_id: UUID | None = None
    starts_on: date
    ends_on: date | None = None
    allocation: int = 100

    def check_sound(self) -> None:
        """The rules between fields; raises `Invalid`."""
        if self.ends_on and self.ends_on < self.starts_on:
            raise Invalid(
                "The staffing ends before it starts.",
                errors=[FieldError("/to", "It must not lie before from.")],
            )
        if self.starts_on < EARLIEST:
            raise Invalid(
                "The staffing starts too early.",
                errors=[FieldError("/from", "It must not lie before {day}.", {"day": EARLIEST})],
            )
        if self.ends_on and self.ends_on - self.starts_on > LONGEST:
            raise Invalid(
                "The staffing is too long.",
                errors=[
                    FieldError(
                        "/to", "It must be at most {days} days after from.", {"days": LONGEST.days}
                    )
                ],
            )


def require_staffer(handover: Handover, caller: Caller) -> None:
    """Refuse anyone but the lead and managers, and any time but from claim until the handover has ended."""
    if not handover.is_led_by(caller) and not caller.has(Role.manager):
        raise Forbidden("This is for the delivery lead of the handover, or a manager.")
    if handover.state not in STAFFABLE:
        raise IllegalMove(
            "A handover is staffed from its claim until it has ended; it is {state}.",
            state=handover.state,
            allowed=handover.moves_of(caller),
        )


async def require_free(session: AsyncSession, staffing: Staffing) -> None:
    """Refuse with `Conflict` the same person twice on the same need on the same day.

    The caller holds the lock of the handover, so nobody else can staff it meanwhile.
    """
    column = Staffing.__table__.c  # type: ignore[attr-defined]
    last = func.coalesce(column.ends_on, literal_column("'infinity'::date", Date))
    overlapping = select(column.starts_on).where(
        column.organization_id == organization_of(session),
        column.handover_id == staffing.handover_id,
        column.person_id == staffing.person_id,
        column.competence_need_id.is_not_distinct_from(staffing.competence_need_id),
        column.id != staffing.id,
        last >= staffing.starts_on,
    )
    if staffing.ends_on is not None:
        overlapping = overlapping.where(column.starts_on <= staffing.ends_on)
    since = await session.scalar(overlapping.limit(1))
    if since is not None:
        raise Conflict(
            "The same person is on the same need already, from {since}, on some of these days.",
            errors=[FieldError("/from", "It overlaps with another staffing of this person.")],
            since=since,
        )


async def require_unstaffed(session: AsyncSession, need_id: UUID) -> None:
    """Refuse with `Conflict` while somebody is staffed on the need."""
    column = Staffing.__table__.c  # type: ignore[attr-defined]
    somebody = await session.scalar(
        select(column.id)
        .where(
            column.organization_id == organization_of(session),
            column.competence_need_id == need_id,
        )
        .limit(1)
    )
    if somebody is not None:
        raise Conflict("Somebody is staffed on this need: take them off it first.")
