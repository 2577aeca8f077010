"""Attendance: who was in a session, told by whoever held it, with a result for every person."""

from typing import Literal
from uuid import UUID

import orjson
from fastapi import Request
from pydantic import BaseModel, Field, field_validator
from starlette.responses import Response

from services.chassis.errors import Unfit
from services.chassis.fields import Body
from services.chassis.language import translate
from services.chassis.web import CallerDep, NowDep, SessionDep, concept, language_of
from services.onboarding.domain.attendance import Attended, take_attendance
from services.onboarding.domain.booking import BookingState
from services.onboarding.domain.seats import load_settled
from services.onboarding.domain.topic_session import LARGEST_CAPACITY

router = concept("bookings")


class Attendee(Body):
    """Somebody who was there, or was not."""

    person_id: UUID
    state: Literal[BookingState.attended, BookingState.no_show]


class AttendanceList(Body):
    """Who was there."""

    people: list[Attendee] = Field(min_length=1, max_length=LARGEST_CAPACITY)

    @field_validator("people")
    @classmethod
    def _each_once(cls, people: list[Attendee]) -> list[Attendee]:
        if len({one.person_id for one in people}) < len(people):
            raise Unfit("Name each person once.")
        return people


class AttendanceRow(BaseModel):
    """What became of one. `detail` says why it failed, or why it completed nothing where it might have."""

    person_id: UUID
    result: Literal["recorded", "unchanged", "failed"]
    booking_id: UUID | None
    state: BookingState | None
    completed_assignments: list[UUID]
    detail: str | None


class AttendanceTaken(BaseModel):
    """A result for every row."""

    recorded: int
    unchanged: int
    failed: int
    rows: list[AttendanceRow]


@router.post(
    "/sessions/{session_id}/attendance",
    response_model=AttendanceTaken,
    summary="Take attendance",
)
async def take_session_attendance(
    session_id: UUID,
    body: AttendanceList,
    caller: CallerDep,
    now: NowDep,
    request: Request,
    session: SessionDep,
) -> Response:
    """Whoever holds it and trainers, for others, from the start until 30 days after the end; until then it can be corrected.

    What somebody completed by attending stays, so they were there.
    """
    topic_session = await load_settled(session, session_id, now)
    topic_session.require_trainer(caller)
    topic_session.require_attendance_open(now)
    told = {one.person_id: BookingState(one.state) for one in body.people}
    taken = await take_attendance(session, caller, topic_session, told, now)
    language = language_of(request)

    def row(one: Attended) -> dict[str, object]:
        booking, error = one.booking, one.error
        return {
            "person_id": one.person_id,
            "result": one.result,
            "booking_id": None if booking is None else str(booking.id),
            "state": None if booking is None else booking.state,
            "completed_assignments": [] if booking is None else booking.completed_assignments,
            "detail": None if error is None else translate(language, error.template, error.params),
        }

    results = [one.result for one in taken]
    content = {
        **{name: results.count(name) for name in ("recorded", "unchanged", "failed")},
        "rows": [row(one) for one in taken],
    }
    return Response(orjson.dumps(content), media_type="application/json")
