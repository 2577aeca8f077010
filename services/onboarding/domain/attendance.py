"""Who was there, and what being there completes.

Attending completes a course in the attendee's open assignments where the course consists of sessions alone, or where its
quizzes are passed. Where it also has something to read or to try, attendance stays on record and the learner completes the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller, Role
from services.chassis.database import organization_of
from services.chassis.errors import DomainError, FieldError
from services.chassis.events import changes, record
from services.onboarding import events
from services.onboarding.domain.assignment import UNDER_WAY, Assignment, State
from services.onboarding.domain.booking import CURRENT, Booking, BookingState
from services.onboarding.domain.certifying import settle_completion
from services.onboarding.domain.course import CourseVersion, UnitKind
from services.onboarding.domain.course_set import Item
from services.onboarding.domain.gating import quizzes_before, retired_before
from services.onboarding.domain.progress import sets_and_done
from services.onboarding.domain.topic_session import TopicSession

_a = Assignment.__table__.c  # type: ignore[attr-defined]
_b = Booking.__table__.c  # type: ignore[attr-defined]
_v = CourseVersion.__table__.c  # type: ignore[attr-defined]


@dataclass(slots=True)
class Attended:
    """What became of one row: recorded, unchanged or failed, and why."""

    person_id: UUID
    result: str
    booking: Booking | None = None
    error: FieldError | None = None


async def take_attendance(
    session: AsyncSession,
    caller: Caller,
    topic_session: TopicSession,
    told: Mapping[UUID, BookingState],
    now: datetime,
) -> list[Attended]:
    """Record who was there and who was not, each by themselves. The session must be locked."""
    found = await session.scalars(
        select(Booking)
        .where(
            _b.organization_id == organization_of(session),
            _b.session_id == topic_session.id,
            _b.person_id.in_(list(told)),
            _b.state.in_(CURRENT),
        )
        .order_by(_b.id)
        .with_for_update()
    )
    bookings = {booking.person_id: booking for booking in found}
    return [
        await _take(session, caller, topic_session, bookings.get(person_id), person_id, state, now)
        for person_id, state in told.items()
    ]


async def _take(
    session: AsyncSession,
    caller: Caller,
    topic_session: TopicSession,
    booking: Booking | None,
    person_id: UUID,
    state: BookingState,
    now: datetime,
) -> Attended:
    if booking is None:
        nobody = FieldError("", "The person has no seat in this session.")
        return Attended(person_id, "failed", error=nobody)
    if booking.state is state:
        return Attended(person_id, "unchanged", booking)
    try:
        booking.take_attendance(state, caller.person_id, now)
    except DomainError as refused:
        why = FieldError("", refused.template, refused.params)
        return Attended(person_id, "failed", booking, why)
    # Taken before anything is completed, which stores the booking, too.
    moved = changes(booking)
    error = None
    if state is BookingState.attended and topic_session.course_id is not None:
        error = await _complete(session, caller, booking, topic_session.course_id, now)
    record(session, events.booking_attendance(booking, *moved))
    return Attended(person_id, "recorded", booking, error)


async def _complete(
    session: AsyncSession, caller: Caller, booking: Booking, course_id: UUID, now: datetime
) -> FieldError | None:
    """Complete the course wherever the attendee has it open; why not, where an assignment does not allow it."""
    # Whoever holds the session speaks as a trainer for those who were there, whatever their roles.
    trainer = replace(caller, roles=caller.roles | {Role.trainer})
    assignments = await session.scalars(
        select(Assignment)
        .where(
            _a.organization_id == organization_of(session),
            _a.person_id == booking.person_id,
            _a.state.in_([State.scheduled, *UNDER_WAY]),
        )
        .order_by(_a.id)
        .with_for_update()
    )
    error = None
    completed = []
    for assignment in assignments:
        sets, done = await sets_and_done(session, assignment, now.date())
        item = next(
            (item for one in sets for item in one.items if item.course_id == course_id), None
        )
        if item is None or item.key in done:
            continue
        quizzes = await quizzes_before(session, assignment, item)
        if not all(quiz.passed for quiz in quizzes) or not (
            quizzes or await _is_sessions_alone(session, item)
        ):
            continue
        if await retired_before(session, assignment, item):
            continue
        try:
            completion = assignment.complete_item(trainer, sets, done, item.key, now)
        except DomainError as refused:
            error = FieldError("", refused.template, refused.params)
            continue
        if quizzes:
            completion.completed_by = assignment.person_id
        await settle_completion(session, assignment, completion, now)
        completed.append(str(assignment.id))
    booking.completed_assignments = completed
    return error


async def _is_sessions_alone(session: AsyncSession, item: Item) -> bool:
    units: list[dict[str, Any]] | None = await session.scalar(
        select(_v.units).where(
            _v.organization_id == organization_of(session),
            _v.course_id == item.course_id,
            _v.number == item.course_version,
        )
    )
    return bool(units) and {unit["kind"] for unit in units or ()} == {UnitKind.topic_session}
