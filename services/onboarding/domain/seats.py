"""The seats of a session: who gets one, and who is next when one becomes free.

Whoever changes anything here holds the session's row lock, so what is counted stays true; the constraint on `seats_taken`,
which a trigger counts, holds it against everybody else. First of all comes `settle`: offers that have expired lapse, and
free seats are offered to those who wait, in order. So while anybody waits, every seat is taken or offered.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import flush, load, organization_of, reader_of
from services.chassis.errors import NotFound
from services.chassis.events import changes, record
from services.onboarding import events
from services.onboarding.domain.booking import CURRENT, HELD, Booking, BookingState, Seat
from services.onboarding.domain.topic_session import TopicSession

_b = Booking.__table__.c  # type: ignore[attr-defined]

_LAPSE = """
UPDATE booking SET state = 'lapsed', version = version + 1, updated_at = now()
WHERE organization_id = $1 AND session_id = ANY($2::uuid[]) AND state = 'offered' AND expires_at <= $3
RETURNING id, session_id, person_id, old.state AS was, state
"""
_OFFER = """
WITH free AS (
    SELECT id, capacity - seats_taken AS seats,
        least($3::timestamptz + make_interval(hours => offer_hours), starts_at) AS until
    FROM topic_session
    WHERE organization_id = $1 AND id = ANY($2::uuid[])
        AND state = 'planned' AND starts_at > $3 AND seats_taken < capacity
), first AS (
    SELECT waiting.id, free.until FROM free CROSS JOIN LATERAL (
        SELECT b.id FROM booking AS b
        WHERE b.organization_id = $1 AND b.session_id = free.id AND b.state = 'waitlisted'
        ORDER BY b.number LIMIT free.seats
    ) AS waiting
)
UPDATE booking AS b
SET state = 'offered', offered_at = $3, expires_at = first.until,
    version = b.version + 1, updated_at = now()
FROM first WHERE b.organization_id = $1 AND b.id = first.id
RETURNING b.id, b.session_id, b.person_id, old.state AS was, b.state, b.expires_at
"""
_CANCEL_ALL = """
UPDATE booking SET state = 'cancelled', cancelled_at = $3, cancelled_from = state, reason = $4,
    version = version + 1, updated_at = now()
WHERE organization_id = $1 AND session_id = $2 AND state IN ('booked', 'waitlisted', 'offered')
RETURNING id, session_id, person_id, old.state AS was, state
"""
_EXPIRED = """
SELECT DISTINCT session_id FROM booking
WHERE organization_id = $1 AND state = 'offered' AND expires_at <= $2
"""
_SHORTEN = """
UPDATE booking SET expires_at = $3, version = version + 1, updated_at = now()
WHERE organization_id = $1 AND session_id = $2 AND state = 'offered' AND expires_at > $3
"""
_TO_COME_OF = """
SELECT s.id FROM topic_session AS s
JOIN booking AS b ON b.organization_id = s.organization_id AND b.session_id = s.id
WHERE s.organization_id = $1 AND b.person_id = $2 AND s.starts_at > $3
    AND b.state IN ('booked', 'waitlisted', 'offered')
"""
_LOCK = """
SELECT id FROM topic_session WHERE organization_id = $1 AND id = ANY($2::uuid[])
ORDER BY id FOR NO KEY UPDATE
"""


async def settle(session: AsyncSession, session_ids: Sequence[UUID], now: datetime) -> int:
    """Let expired offers lapse and offer what is free to those who wait; how many bookings moved.

    The sessions must be locked.
    """
    await flush(session)
    reader = reader_of(session)
    arguments = (reader.organization_id, list(session_ids), now)
    lapsed = await reader.connection.fetch(_LAPSE, *arguments)
    # A statement of its own: it counts the seats that the first one gave back.
    offered = await reader.connection.fetch(_OFFER, *arguments)
    _tell(session, "lapsed", lapsed)
    _tell(session, "offered", offered)
    return len(lapsed) + len(offered)


async def settle_one(session: AsyncSession, topic_session: TopicSession, now: datetime) -> None:
    """The same for one session, which then says how many seats are taken."""
    if await settle(session, [topic_session.id], now):
        await session.refresh(topic_session)


async def load_settled(session: AsyncSession, session_id: UUID, now: datetime) -> TopicSession:
    """The session, locked, with its bookings as they stand now."""
    topic_session = await load(session, TopicSession, session_id)
    await settle_one(session, topic_session, now)
    return topic_session


async def load_booking(session: AsyncSession, session_id: UUID, booking_id: UUID) -> Booking:
    """The booking of this session, locked; load the session first."""
    booking = await load(session, Booking, booking_id)
    if booking.session_id != session_id:
        raise NotFound("There is no such {thing}.", thing="booking")
    return booking


async def current_booking(
    session: AsyncSession, session_id: UUID, person_id: UUID
) -> Booking | None:
    """What the person has in this session, unless it was given up or has lapsed."""
    found: Booking | None = await session.scalar(
        select(Booking).where(
            _b.organization_id == organization_of(session),
            _b.session_id == session_id,
            _b.person_id == person_id,
            _b.state.in_(CURRENT),
        )
    )
    return found


async def is_held(session: AsyncSession, session_id: UUID) -> bool:
    """Whether it was said of anybody that they were there, or were not."""
    taken: bool | None = await session.scalar(
        select(
            exists().where(
                _b.organization_id == organization_of(session),
                _b.session_id == session_id,
                _b.state.in_(HELD),
            )
        )
    )
    return bool(taken)


async def add_booking(
    session: AsyncSession, topic_session: TopicSession, person_id: UUID, booked_by: UUID
) -> Booking:
    """A seat if one is free, else the last place in the line. The session must be settled."""
    last = await session.scalar(
        select(func.max(_b.number)).where(
            _b.organization_id == organization_of(session), _b.session_id == topic_session.id
        )
    )
    booking = Booking(
        organization_id=topic_session.organization_id,
        session_id=topic_session.id,
        person_id=person_id,
        booked_by=booked_by,
        number=(last or 0) + 1,
        state=BookingState.booked if topic_session.has_free_seat else BookingState.waitlisted,
    )
    session.add(booking)
    record(session, events.booking_created(booking))
    # When the place was taken, under the lock: whoever began earlier may have waited for it longer.
    booking.created_at = func.clock_timestamp()  # type: ignore[assignment]  # by the flush
    await session.flush()
    return booking


async def cancel_all(session: AsyncSession, session_id: UUID, reason: str, now: datetime) -> None:
    """Cancel every booking of a session that does not take place; each person is told of theirs."""
    await flush(session)
    reader = reader_of(session)
    rows = await reader.connection.fetch(
        _CANCEL_ALL, reader.organization_id, session_id, now, reason
    )
    _tell(session, "cancelled", rows)


async def keep_offers_before(session: AsyncSession, topic_session: TopicSession) -> None:
    """No offer outlasts the start of a session that was moved."""
    await flush(session)
    reader = reader_of(session)
    await reader.connection.execute(
        _SHORTEN, reader.organization_id, topic_session.id, topic_session.starts_at
    )


async def release_seats(session: AsyncSession, person_id: UUID, reason: str, now: datetime) -> None:
    """Give up what somebody has booked in sessions to come, and offer it to those who wait."""
    reader = reader_of(session)
    rows = await reader.connection.fetch(_TO_COME_OF, reader.organization_id, person_id, now)
    session_ids = await _locked(session, (row["id"] for row in rows))
    for session_id in session_ids:
        topic_session = await load(session, TopicSession, session_id)
        booking = await current_booking(session, session_id, person_id)
        if booking is not None:
            booking.cancel(topic_session, reason, now)
            record(session, events.booking_moved("cancelled", booking, *changes(booking)))
    if session_ids:
        await settle(session, session_ids, now)


async def lapse_offers(session: AsyncSession, now: datetime) -> int:
    """Move on every session of the organization in which an offer has expired; how many bookings moved.

    Nothing that is read or accepted depends on it: it tells the next in line that it is their turn.
    """
    reader = reader_of(session)
    rows = await reader.connection.fetch(_EXPIRED, reader.organization_id, now)
    session_ids = await _locked(session, (row["session_id"] for row in rows))
    return await settle(session, session_ids, now) if session_ids else 0


async def _locked(session: AsyncSession, session_ids: Iterable[UUID]) -> list[UUID]:
    """Always in the same order, or two would wait for each other."""
    reader = reader_of(session)
    rows = await reader.connection.fetch(_LOCK, reader.organization_id, list(session_ids))
    return [row["id"] for row in rows]


def _tell(session: AsyncSession, verb: str, rows: Iterable[asyncpg.Record]) -> None:
    for row in rows:
        after = {
            name: value
            for name, value in row.items()
            if name not in ("id", "session_id", "person_id", "was")
        }
        seat = Seat(row["id"], row["session_id"], row["person_id"])
        record(session, events.booking_moved(verb, seat, {"state": row["was"]}, after))
