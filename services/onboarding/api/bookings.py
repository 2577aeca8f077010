"""Bookings: a seat in a session, a place in the line for one, and the offer in between."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Integer,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller, Role
from services.chassis.database import Viewer, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    NowDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    language_of,
    listed,
)
from services.onboarding import events
from services.onboarding.api.sessions import SESSIONS, now_param
from services.onboarding.api.spoken import WITH_WORDS, own_reasons, sentence_for
from services.onboarding.domain.base import directory
from services.onboarding.domain.booking import Booking, BookingState
from services.onboarding.domain.own_people import people_seen_by, require_may_act_for
from services.onboarding.domain.seats import (
    add_booking,
    current_booking,
    load_booking,
    load_settled,
    settle,
)
from services.onboarding.domain.topic_session import TopicSession

router = concept("bookings")
_LIST = "/sessions/{session_id}/bookings"
_ONE = _LIST + "/{booking_id}"


class Clash(BaseModel):
    """Another session at the same time, in which the person has a seat or is offered one.

    Which one is for the person, their manager or lead, trainers and admins.
    """

    session_id: UUID | None
    title: str | None
    starts_at: Moment
    ends_at: Moment


class BookingOut(BaseModel):
    """A booking, as of now: an offer that has expired is lapsed, and the next in line is offered the seat.

    `place_in_line` counts from 1. `clashes` is a warning.
    """

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    session_id: UUID
    session_title: str
    starts_at: Moment
    ends_at: Moment
    person_id: UUID
    person_name: str | None
    booked_by: UUID
    state: BookingState
    place_in_line: int | None
    expires_at: Moment | None
    cancelled_at: Moment | None
    reason: str | None
    attendance_at: Moment | None
    attendance_by: UUID | None
    completed_assignments: list[UUID]
    clashes: list[Clash]


class BookingPage(BaseModel):
    items: list[BookingOut]
    next: str | None


class NewBooking(Body):
    """Somebody to be booked."""

    person_id: UUID | None = Field(None, description="Default: the caller.")


class Withdrawal(Body):
    """Why it is given up, where that needs saying."""

    reason: Prose | None = None


class BookingQuery(PageQuery):
    state: BookingState | None = None


class OwnBookingQuery(BookingQuery):
    upcoming: bool | None = Field(None, description="Whether the session is still to start.")


class BookingsQuery(OwnBookingQuery):
    person_id: UUID | None = None
    session_id: UUID | None = None


_b = Booking.__table__.c  # type: ignore[attr-defined]
_s = TopicSession.__table__.c  # type: ignore[attr-defined]
_p = directory.person.c
_in_line = Booking.__table__.alias("in_line")  # type: ignore[attr-defined]
_other = Booking.__table__.alias("other")  # type: ignore[attr-defined]
_other_session = TopicSession.__table__.alias("other_session")  # type: ignore[attr-defined]
_stored_state = cast(_b.state, Text)
_waits = _stored_state == "waitlisted"
# For one who waits: how many come first, and how many seats the offers hold that have expired.
_line = (
    select(
        func.count().filter(_in_line.c.state == "waitlisted").label("ahead"),
        func.count().filter(_in_line.c.state == "offered").label("expired"),
    )
    .where(
        _waits,
        _in_line.c.organization_id == _b.organization_id,
        _in_line.c.session_id == _b.session_id,
        or_(
            (_in_line.c.state == "waitlisted") & (_in_line.c.number < _b.number),
            (_in_line.c.state == "offered") & (_in_line.c.expires_at <= now_param),
        ),
    )
    .lateral("line")
)
_is_next = (
    _waits
    & (_s.starts_at > now_param)
    & (_line.c.ahead < _line.c.expired + _s.capacity - _s.seats_taken)
)
_state = case(
    ((_stored_state == "offered") & (_b.expires_at <= now_param), "lapsed"),
    (_is_next, "offered"),
    else_=_stored_state,
)
# The clock of an offer begins when it is made.
_if_made_now = func.least(
    now_param + func.make_interval(0, 0, 0, 0, cast(_s.offer_hours, Integer)), _s.starts_at
)
_place = _line.c.ahead + 1 - (_line.c.expired + _s.capacity - _s.seats_taken)
# Whether the reader may know in which other sessions the person is.
_knows_all, _knows = bindparam("knows_all", type_=Boolean), bindparam("knows", type_=ARRAY(Uuid()))
_is_known = _knows_all | (_b.person_id == func.any(_knows))
_clashes = (
    select(
        func.json_agg(
            func.json_build_object(
                literal_column("'session_id'"),
                case((_is_known, _other_session.c.id)),
                literal_column("'title'"),
                case((_is_known, _other_session.c.title)),
                literal_column("'starts_at'"),
                _other_session.c.starts_at,
                literal_column("'ends_at'"),
                _other_session.c.ends_at,
            )
        )
    )
    .select_from(
        _other.join(
            _other_session,
            (_other_session.c.organization_id == _other.c.organization_id)
            & (_other_session.c.id == _other.c.session_id),
        )
    )
    .where(
        _state.in_(["booked", "offered", "waitlisted"]),
        _other.c.organization_id == _b.organization_id,
        _other.c.person_id == _b.person_id,
        _other.c.session_id != _b.session_id,
        or_(
            _other.c.state == "booked",
            (_other.c.state == "offered") & (_other.c.expires_at > now_param),
        ),
        _other_session.c.starts_at < _s.ends_at,
        _other_session.c.ends_at > _s.starts_at,
    )
    .correlate(Booking.__table__, TopicSession.__table__, _line)  # type: ignore[attr-defined]
    .scalar_subquery()
)


def _is_one_of(ids: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = _b.person_id == func.any(bindparam(ids, type_=ARRAY(Uuid())))
    return condition


BOOKINGS = Read(
    BookingOut,
    Booking,
    columns={
        "session_title": _s.title,
        "starts_at": _s.starts_at,
        "ends_at": _s.ends_at,
        "person_name": _p.name,
        "state": _state,
        "place_in_line": case((_waits & ~_is_next, _place)),
        "reason": sentence_for(_b.reason),
        "expires_at": case((_is_next, _if_made_now), else_=_b.expires_at),
        "clashes": func.coalesce(_clashes, literal_column("'[]'::json")),
    },
    source=Booking.__table__.join(  # type: ignore[attr-defined]
        TopicSession.__table__,  # type: ignore[attr-defined]
        (_s.organization_id == _b.organization_id) & (_s.id == _b.session_id),
    )
    .outerjoin(
        directory.person, (_p.organization_id == _b.organization_id) & (_p.id == _b.person_id)
    )
    .join(_line, true()),
    filters=["session_id", "person_id"],
    conditions={
        **WITH_WORDS,
        "now": now_param.is_not(None),
        "knows_all": _knows_all.is_not(None),
        "knows": _knows.is_not(None),
        "state": _state == bindparam("state", type_=Text),
        "stored": _stored_state == func.any(bindparam("stored", type_=ARRAY(Text))),
        "upcoming": (_s.starts_at > now_param) == bindparam("upcoming", type_=Boolean),
        "people": _is_one_of("people"),
        "seen_people": or_(_stored_state == "booked", _is_one_of("seen_people")),
    },
)


# For those who may act for the person, and so know where they are.
_KNOWS_ALL: dict[str, Any] = {"knows_all": True, "knows": []}


def _stored(query: BookingQuery) -> dict[str, Any]:
    """What is stored of those in the state asked for: found first, so that only they are looked at more closely."""
    match query.state:
        case None:
            return {}
        case BookingState.lapsed:
            return {"stored": [BookingState.lapsed, BookingState.offered]}
        case BookingState.offered:
            return {"stored": [BookingState.offered, BookingState.waitlisted]}
        case state:
            return {"stored": [state]}


async def _seen(reader: Viewer, caller: Caller) -> dict[str, Any]:
    """What the caller sees of a session: who has a seat, and of the rest their own and their people's."""
    if caller.has(Role.trainer, Role.admin):
        return _KNOWS_ALL
    people = await people_seen_by(reader, caller)
    return {"seen_people": people, "knows_all": False, "knows": people}


async def _shown(
    session: AsyncSession, booking: Booking, now: datetime, request: Request, **rest: Any
) -> Response:
    await session.flush()
    where = {"now": now, "words": own_reasons(language_of(request)), **_KNOWS_ALL}
    return found(await BOOKINGS.one(reader_of(session), booking.id, **where), **rest)


@router.post(
    _LIST,
    status_code=201,
    response_model=BookingOut,
    responses={200: {"model": BookingOut, "description": "The person has a booking already."}},
    summary="Book a session",
)
async def create_booking(
    session_id: UUID,
    body: NewBooking,
    request: Request,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """For oneself; trainers, admins, a manager and a lead for their people. Where no seat is free, the person waits."""
    topic_session = await load_settled(session, session_id, now)
    person_id = body.person_id or caller.person_id
    await require_may_act_for(reader_of(session), caller, person_id)
    topic_session.require_bookable(now)
    booking = await current_booking(session, session_id, person_id)
    status = 200
    if booking is None:
        await directory.require_people(
            session, runtime.followers["gateway"], {"/person_id": person_id}
        )
        booking = await add_booking(session, topic_session, person_id, caller.person_id)
        status = 201
    location = f"/v1/sessions/{session_id}/bookings/{booking.id}"
    return await _shown(session, booking, now, request, status=status, location=location)


@router.get(_LIST, response_model=BookingPage, summary="List a session's bookings")
async def list_session_bookings(
    session_id: UUID,
    query: Annotated[BookingQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    reader: ViewerDep,
) -> Response:
    """Everybody sees who is booked; who waits, came or did not, only the person, their manager or lead, trainers, admins."""
    await SESSIONS.require(reader, session_id)
    where = {"session_id": session_id, "now": now, **_stored(query)}
    where |= {"words": own_reasons(language_of(request))}
    where |= await _seen(reader, caller)
    return listed(await BOOKINGS.page(reader, query, **where), request)


@router.get(_ONE, response_model=BookingOut, summary="Get a booking")
async def get_booking(
    session_id: UUID,
    booking_id: UUID,
    request: Request,
    caller: CallerDep,
    now: NowDep,
    reader: ViewerDep,
) -> Response:
    """One booking with its ETag, for those who see it in the list."""
    where = {"session_id": session_id, "now": now, **await _seen(reader, caller)}
    where |= {"words": own_reasons(language_of(request))}
    return found(await BOOKINGS.one(reader, booking_id, **where))


@router.get("/me/bookings", response_model=BookingPage, summary="My bookings")
async def list_my_bookings(
    query: Annotated[OwnBookingQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    reader: ViewerDep,
) -> Response:
    """The caller's own, newest first."""
    where = {"person_id": caller.person_id, "now": now, **_KNOWS_ALL, **_stored(query)}
    where |= {"words": own_reasons(language_of(request))}
    return listed(await BOOKINGS.page(reader, query, **where), request)


@router.get("/bookings", response_model=BookingPage, summary="List bookings")
async def list_bookings(
    query: Annotated[BookingsQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    reader: ViewerDep,
) -> Response:
    """One's own and one's people's as their manager or lead; trainers and admins see everybody's."""
    where = {"now": now, "words": own_reasons(language_of(request))}
    where |= {**_KNOWS_ALL, **_stored(query)}
    if not caller.has(Role.trainer, Role.admin):
        where["people"] = await people_seen_by(reader, caller)
    return listed(await BOOKINGS.page(reader, query, **where), request)


@router.post(_ONE + "/acceptance", response_model=BookingOut, summary="Accept an offered seat")
async def accept_booking(
    session_id: UUID,
    booking_id: UUID,
    request: Request,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """The person, their manager or lead, trainers and admins, while the offer lasts."""
    topic_session = await load_settled(session, session_id, now)
    booking = await load_booking(session, session_id, booking_id)
    await require_may_act_for(reader_of(session), caller, booking.person_id)
    booking.accept(topic_session, now)
    record(session, events.booking_moved("accepted", booking, *changes(booking)))
    return await _shown(session, booking, now, request)


@router.post(_ONE + "/cancellation", response_model=BookingOut, summary="Give a booking up")
async def cancel_booking(
    session_id: UUID,
    booking_id: UUID,
    body: Withdrawal,
    request: Request,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """The person, their manager or lead, trainers and admins, until it starts. The seat is offered to whoever waits first."""
    topic_session = await load_settled(session, session_id, now)
    booking = await load_booking(session, session_id, booking_id)
    await require_may_act_for(reader_of(session), caller, booking.person_id)
    booking.cancel(topic_session, body.reason, now)
    record(session, events.booking_moved("cancelled", booking, *changes(booking)))
    await settle(session, [session_id], now)
    return await _shown(session, booking, now, request)
