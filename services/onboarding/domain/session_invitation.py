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
    trainer = (
        await session.execute(
            select(_p.name, _p.email).where(
                _p.organization_id == organization_of(session), _p.id == topic_session.trainer_id
            )
        )
    ).first()
    return Appointment(
        uid=str(topic_session.id),
        sequence=topic_session.sequence,
        created_at=topic_session.created_at,
        changed_at=topic_session.updated_at,
        starts_at=topic_session.starts_at,
        ends_at=topic_session.ends_at,
        time_zone=topic_session.tz,
        summary=topic_session.title,
        location=topic_session.place,
        link=topic_session.link,
        organizer=None if trainer is None else Guest(*trainer),
        guests=[Guest(name, email) for name, email in rows],
        is_cancelled=is_cancelled,
    )
