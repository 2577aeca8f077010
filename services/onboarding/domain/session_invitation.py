"""A session as an appointment for calendars: with whoever has a seat, for those who may know it."""

from collections.abc import Sequence

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.calendar import Appointment, Guest
from services.chassis.caller import Caller, Role
from services.chassis.database import organization_of
from services.onboarding.domain.base import directory
from services.onboarding.domain.booking import HELD, Booking, BookingState
from services.onboarding.domain.topic_session import SessionState, TopicSession

_b = Booking.__table__.c  # type: ignore[attr-defined]
_p = directory.person.c
_SEATED = frozenset({BookingState.booked, *HELD})
_GONE = frozenset({BookingState.cancelled, BookingState.lapsed})


async def appointment_of(
    session: AsyncSession, topic_session: TopicSession, caller: Caller
) -> Appointment:
    """The appointment as the caller may see it, with the names and addresses that people have now.

    Of one that is cancelled: who was to come. Who waits is named to nobody else.
    """
    is_cancelled = topic_session.state is SessionState.cancelled
    mine = await _newest_of(session, topic_session, caller)
    seated = mine is not None and _is_seated(mine, topic_session)
    guests: Sequence[Guest] | None = None
    if mine is not None and not seated and mine.state in _GONE:
        is_cancelled = True
        own = await directory.guests(session, [caller.person_id])
        guests = list(own.values())
    elif (
        seated
        or caller.person_id == topic_session.trainer_id
        or caller.has(Role.trainer, Role.admin)
    ):
        guests = await _seated_in(session, topic_session)
    trainers = await directory.guests(session, [topic_session.trainer_id])
    return Appointment.of(
        topic_session,
        topic_session.title,
        trainers.get(topic_session.trainer_id),
        guests,
        is_cancelled=is_cancelled,
    )


async def _newest_of(
    session: AsyncSession, topic_session: TopicSession, caller: Caller
) -> Booking | None:
    found: Booking | None = await session.scalar(
        select(Booking)
        .where(
            _b.organization_id == organization_of(session),
            _b.session_id == topic_session.id,
            _b.person_id == caller.person_id,
        )
        .order_by(_b.number.desc())
        .limit(1)
    )
    return found


def _is_seated(booking: Booking, topic_session: TopicSession) -> bool:
    """Whether somebody has a seat, or had one when the session was cancelled."""
    if topic_session.state is not SessionState.cancelled:
        return booking.state in _SEATED
    return (
        booking.cancelled_at == topic_session.cancelled_at
        and booking.cancelled_from == BookingState.booked
    )


async def _seated_in(session: AsyncSession, topic_session: TopicSession) -> list[Guest]:
    rows = await session.execute(
        select(_p.name, _p.email)
        .join(Booking, and_(_b.organization_id == _p.organization_id, _b.person_id == _p.id))
        .where(
            _b.organization_id == organization_of(session),
            _b.session_id == topic_session.id,
            and_(
                _b.cancelled_at == topic_session.cancelled_at,
                _b.cancelled_from == BookingState.booked.value,
            )
            if topic_session.state is SessionState.cancelled
            else _b.state.in_(_SEATED),
        )
        .order_by(_b.number)
    )
    return [Guest(name, email) for name, email in rows]
