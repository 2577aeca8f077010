"""A session as an appointment for calendars, with whoever has a seat."""

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.calendar import Appointment, Guest
from services.chassis.database import organization_of
from services.onboarding.domain.base import directory
from services.onboarding.domain.booking import HELD, Booking, BookingState
from services.onboarding.domain.topic_session import SessionState, TopicSession

_b = Booking.__table__.c  # type: ignore[attr-defined]
_p = directory.person.c


async def appointment_of(session: AsyncSession, topic_session: TopicSession) -> Appointment:
    """The appointment with the names and addresses that people have now. Of one that is cancelled: who was to come."""
    is_cancelled = topic_session.state is SessionState.cancelled
    invited = (
        # Cancelled with it. Some of them only waited: an entry that is called off hurts nobody.
        _b.cancelled_at == topic_session.cancelled_at
        if is_cancelled
        else _b.state.in_([BookingState.booked, *HELD])
    )
    rows = await session.execute(
        select(_p.name, _p.email)
        .join(Booking, and_(_b.organization_id == _p.organization_id, _b.person_id == _p.id))
        .where(
            _b.organization_id == organization_of(session),
            _b.session_id == topic_session.id,
            invited,
        )
        .order_by(_b.number)
    )
    trainers = await directory.guests(session, [topic_session.trainer_id])
    return Appointment.of(
        topic_session,
        topic_session.title,
        trainers.get(topic_session.trainer_id),
        [Guest(name, email) for name, email in rows],
        is_cancelled=is_cancelled,
    )
