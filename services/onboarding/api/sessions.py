"""Sessions: planned, moved and called off by trainers, seen by everybody with the seats that are left."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Boolean, DateTime, Text, bindparam, case, cast, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.calendar import Place, TimeZone
from services.chassis.caller import Role
from services.chassis.database import load, organization_of, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Link, Moment, Prose, Title
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    INVITATION,
    CallerDep,
    MatchDep,
    NowDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    invited,
    listed,
)
from services.onboarding import events
from services.onboarding.domain.base import directory
from services.onboarding.domain.booking import Booking
from services.onboarding.domain.seats import (
    cancel_all,
    is_held,
    keep_offers_before,
    settle,
    settle_one,
)
from services.onboarding.domain.session_invitation import appointment_of
from services.onboarding.domain.topic_session import (
    LARGEST_CAPACITY,
    LONGEST_OFFER_HOURS,
    SessionState,
    TopicSession,
)

router = concept("sessions")
_ONE = "/sessions/{session_id}"

# Stand in for what a patch leaves out; null is refused.
_NEVER = datetime.min.replace(tzinfo=UTC)
_NOBODY = UUID(int=0)

Capacity = Annotated[int, Field(ge=1, le=LARGEST_CAPACITY)]
OfferHours = Annotated[int, Field(ge=1, le=LONGEST_OFFER_HOURS)]


class SessionOut(BaseModel):
    """A session. `uid` and `sequence` are those of its calendar entry.

    The counts are as of now, whether or not an offer that has expired was moved on; `free_seats` are those that nobody who
    waits comes first for. `booked` counts those who were there, and those who were not, among the rest.
    """

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    title: str
    description: str | None
    starts_at: Moment
    ends_at: Moment
    tz: str | None
    place: str | None
    link: str | None
    trainer_id: UUID
    trainer_name: str | None
    course_id: UUID | None
    capacity: int
    offer_hours: int
    booked: int
    offered: int
    waiting: int
    free_seats: int
    uid: str
    sequence: int
    state: SessionState
    cancelled_at: Moment | None
    reason: str | None


class SessionPage(BaseModel):
    items: list[SessionOut]
    next: str | None


class SessionFields(Body):
    description: Prose | None = None
    tz: TimeZone | None = Field(
        None,
        description="The IANA time zone whose clock it keeps in calendars.",
        examples=["Europe/Copenhagen"],
    )
    place: Place | None = Field(None, description="The place or a link, one at least.")
    link: Link | None = Field(None, examples=["https://meet.example/returns"])
    course_id: UUID | None = Field(
        None,
        description="Attending completes this course in open assignments, if its units are topic sessions alone.",
    )


class NewSession(SessionFields):
    """A session to come."""

    title: Title = Field(examples=["Returns without a receipt"])
    starts_at: Moment = Field(examples=["2027-03-25T09:00:00+01:00"])
    ends_at: Moment = Field(examples=["2027-03-25T10:30:00+01:00"])
    place: Place | None = Field(
        None, description="The place or a link, one at least.", examples=["Shop 12, back room"]
    )
    trainer_id: UUID | None = Field(None, description="Any colleague. Default: the caller.")
    capacity: Capacity = Field(examples=[12])
    offer_hours: OfferHours = Field(
        24, description="How long a seat is kept for whoever is offered it; never beyond the start."
    )


class SessionPatch(SessionFields):
    """JSON Merge Patch of a session."""

    title: Title = ""
    starts_at: Moment = Field(default=_NEVER)
    ends_at: Moment = Field(default=_NEVER)
    trainer_id: UUID = _NOBODY
    capacity: Capacity = 1
    offer_hours: OfferHours = 24


class SessionQuery(PageQuery):
    upcoming: bool | None = Field(None, description="Whether it is still to start.")
    free: bool | None = Field(None, description="Whether it has a free seat.")
    course_id: UUID | None = None
    trainer_id: UUID | None = None
    state: SessionState | None = None


class Cancellation(Body):
    """Why it does not take place."""

    reason: Prose = Field(examples=["The trainer is ill; a new date follows."])


_s = TopicSession.__table__.c  # type: ignore[attr-defined]
_b = Booking.__table__.c  # type: ignore[attr-defined]
_p = directory.person.c
now_param = bindparam("now", type_=DateTime(timezone=True))


def _count(condition: Any) -> Any:
    return func.count().filter(condition)


# One walk through a session's bookings. What `settle` would do is reckoned in: expired offers are free, and those who wait
# are offered what is free.
_stored = (
    select(
        _count(_b.state.in_(["booked", "attended", "no_show"])).label("booked"),
        _count((_b.state == "offered") & (_b.expires_at > now_param)).label("offered"),
        _count(_b.state == "waitlisted").label("waiting"),
    )
    .where(_b.organization_id == _s.organization_id, _b.session_id == _s.id)
    .lateral("stored")
)
_is_open = (_s.state == "planned") & (_s.starts_at > now_param)
_left = _s.capacity - _stored.c.booked - _stored.c.offered
_next = case((_is_open, func.least(_stored.c.waiting, _left)), else_=0)
_free = case((_is_open, func.greatest(_left - _stored.c.waiting, 0)), else_=0)
SESSIONS = Read(
    SessionOut,
    TopicSession,
    columns={
        "trainer_name": _p.name,
        "booked": _stored.c.booked,
        "offered": _stored.c.offered + _next,
        "waiting": _stored.c.waiting - _next,
        "free_seats": _free,
        "uid": cast(_s.id, Text),
    },
    source=TopicSession.__table__.outerjoin(  # type: ignore[attr-defined]
        directory.person, (_p.organization_id == _s.organization_id) & (_p.id == _s.trainer_id)
    ).join(_stored, true()),
    filters=["course_id", "trainer_id", "state"],
    conditions={
        "now": now_param.is_not(None),
        "upcoming": (_s.starts_at > now_param) == bindparam("upcoming", type_=Boolean),
        "free": (_free > 0) == bindparam("free", type_=Boolean),
    },
    sorts=["starts_at"],
)


async def _shown(
    session: AsyncSession, topic_session: TopicSession, now: datetime, **rest: Any
) -> Response:
    await session.flush()
    return found(await SESSIONS.one(reader_of(session), topic_session.id, now=now), **rest)


async def _time_zone_here(session: AsyncSession) -> str | None:
    organization = directory.organization.c
    name: str | None = await session.scalar(
        select(organization.time_zone).where(
            organization.organization_id == organization_of(session)
        )
    )
    return name


@router.post("/sessions", status_code=201, response_model=SessionOut, summary="Plan a session")
async def create_session(
    body: NewSession, caller: CallerDep, now: NowDep, runtime: RuntimeDep, session: SessionDep
) -> Response:
    """Trainers. Without `tz` it keeps the organization's clock."""
    caller.require(Role.trainer)
    given = body.model_dump()
    given["trainer_id"] = body.trainer_id or caller.person_id
    given["tz"] = body.tz or await _time_zone_here(session)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/trainer_id": given["trainer_id"]}
    )
    topic_session = TopicSession(organization_id=caller.organization_id, **given)
    topic_session.check_sound()
    topic_session.require_to_come(now)
    session.add(topic_session)
    record(session, events.session_created(topic_session))
    location = f"/v1/sessions/{topic_session.id}"
    return await _shown(session, topic_session, now, status=201, location=location)


@router.get("/sessions", response_model=SessionPage, summary="List sessions")
async def list_sessions(
    query: Annotated[SessionQuery, Query()], request: Request, now: NowDep, reader: ViewerDep
) -> Response:
    """Everybody. Newest first; by time with `sort=starts_at`."""
    return listed(await SESSIONS.page(reader, query, now=now), request)


@router.get(_ONE, response_model=SessionOut, summary="Get a session")
async def get_session(session_id: UUID, now: NowDep, reader: ViewerDep) -> Response:
    """Everybody: one session with its ETag. Bookings change it, too."""
    return found(await SESSIONS.one(reader, session_id, now=now))


@router.get(
    _ONE + "/calendar",
    summary="Get a session for the calendar",
    **INVITATION,
)
async def get_session_calendar(
    session_id: UUID, request: Request, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Its invitation (iCalendar, RFC 5545): the same UID always, a SEQUENCE that rises when it moves.

    Who has a seat is named to those who have one, whoever holds it, trainers and admins. Who gave a place up, or waited for
    one when it was cancelled, gets their own METHOD:CANCEL; everybody else the session without names (METHOD:PUBLISH).
    """
    topic_session = await load(session, TopicSession, session_id, lock=False)
    appointment = await appointment_of(session, topic_session, caller)
    return invited(request, appointment, topic_session.version, now)


@router.patch(_ONE, response_model=SessionOut, summary="Move a session")
async def change_session(
    session_id: UUID,
    body: SessionPatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. Whoever holds it and trainers, until attendance is taken.

    What calendars show raises `sequence`. More seats are offered to those who wait; fewer than are taken: 409.
    """
    topic_session = await load(session, TopicSession, session_id)
    topic_session.require_trainer(caller)
    # What was there to be read, before expired offers are moved on.
    match.check(topic_session.version)
    await settle_one(session, topic_session, now)
    given = body.model_dump(exclude_unset=True)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/trainer_id": given.get("trainer_id")}
    )
    topic_session.revise(given, now, is_held=await is_held(session, session_id))
    record(session, events.session_changed(topic_session, *changes(topic_session)))
    await keep_offers_before(session, topic_session)
    await settle(session, [session_id], now)
    return await _shown(session, topic_session, now)


@router.post(_ONE + "/cancellation", response_model=SessionOut, summary="Call a session off")
async def cancel_session(
    session_id: UUID, body: Cancellation, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Whoever holds it and trainers, with a reason, until attendance is taken. Every booking is cancelled with it."""
    topic_session = await load(session, TopicSession, session_id)
    topic_session.require_trainer(caller)
    topic_session.cancel(body.reason, now, is_held=await is_held(session, session_id))
    record(session, events.session_cancelled(topic_session, *changes(topic_session)))
    await cancel_all(session, session_id, body.reason, now)
    return await _shown(session, topic_session, now)
