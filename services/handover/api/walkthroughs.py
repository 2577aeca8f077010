"""Walkthroughs of a handover: planned, moved, held or not, and as invitations for calendars."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, EmailStr, Field, model_validator
from sqlalchemy import Text, cast
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.calendar import Place, TimeZone
from services.chassis.database import load, reader_of
from services.chassis.errors import Unfit
from services.chassis.events import changes, record
from services.chassis.fields import Body, Link, Moment, Name, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.runtime import Runtime
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
from services.handover import events
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.base import directory
from services.handover.domain.contents import load_part, require_parts_at
from services.handover.domain.handover import Handover
from services.handover.domain.invitation import appointment_of
from services.handover.domain.stakeholder import Stakeholder
from services.handover.domain.walkthrough import Walkthrough, WalkthroughState

router = concept("walkthroughs")
_LIST = "/handovers/{handover_id}/walkthroughs"
_ONE = _LIST + "/{walkthrough_id}"

# Stands in for what a patch leaves out; null is refused.
_NEVER = datetime.min.replace(tzinfo=UTC)


class Attendee(Body):
    """Somebody who is invited: a colleague, a stakeholder of the handover, or anybody else by e-mail address."""

    person_id: UUID | None = None
    stakeholder_id: UUID | None = None
    email: EmailStr | None = Field(None, examples=["tor@example.org"])
    name: Name | None = Field(None, description="Whose address it is.")

    @model_validator(mode="after")
    def _is_somebody(self) -> "Attendee":
        ways = (self.person_id, self.stakeholder_id, self.email)
        if len([way for way in ways if way is not None]) != 1:
            raise Unfit("Name one of person_id, stakeholder_id and email.")
        if self.name is not None and self.email is None:
            raise Unfit("A name goes with an email; the others have theirs.")
        return self


class AttendeeOut(BaseModel):
    """Somebody who is invited."""

    person_id: UUID | None
    stakeholder_id: UUID | None
    email: str | None
    name: str | None


class WalkthroughOut(BaseModel):
    """A walkthrough. `uid` and `sequence` are those of its calendar entry."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    organizer_id: UUID
    starts_at: Moment
    ends_at: Moment
    tz: str | None
    place: str | None
    link: str | None
    attendees: list[AttendeeOut]
    notes: str | None
    uid: str
    sequence: int
    state: WalkthroughState
    held_at: Moment | None


class WalkthroughPage(BaseModel):
    items: list[WalkthroughOut]
    next: str | None


class WalkthroughFields(Body):
    tz: TimeZone | None = Field(
        None,
        description="The IANA time zone whose clock it keeps in calendars; without one it stands there in UTC.",
        examples=["Europe/Oslo"],
    )
    place: Place | None = Field(None, description="The place or a link, one at least.")
    link: Link | None = Field(None, examples=["https://meet.example/tills"])
    attendees: list[Attendee] = Field(
        default_factory=list, max_length=100, description="Whoever plans it takes part anyway."
    )
    notes: Prose | None = Field(None, description="Ours; not part of the invitation.")


class NewWalkthrough(WalkthroughFields):
    """A walkthrough to be planned, or one that has been."""

    starts_at: Moment = Field(examples=["2026-10-05T10:00:00+02:00"])
    ends_at: Moment = Field(examples=["2026-10-05T11:30:00+02:00"])
    place: Place | None = Field(
        None, description="The place or a link, one at least.", examples=["Storgata 1, Oslo"]
    )


class WalkthroughPatch(WalkthroughFields):
    """JSON Merge Patch of a walkthrough."""

    starts_at: Moment = Field(default=_NEVER)
    ends_at: Moment = Field(default=_NEVER)


class WalkthroughQuery(PageQuery):
    state: WalkthroughState | None = None


class WalkthroughOutcome(Body):
    """Whether it took place."""

    state: Literal[WalkthroughState.held, WalkthroughState.not_held]
    held_at: Moment | None = Field(None, description="When it began; default: as planned.")
    notes: Prose | None = Field(None, description="In place of the notes so far.")

    @model_validator(mode="after")
    def _moment_of_what_was(self) -> "WalkthroughOutcome":
        if self.held_at is not None and self.state is WalkthroughState.not_held:
            raise Unfit("What was not held has no held_at.")
        return self


_w = Walkthrough.__table__.c  # type: ignore[attr-defined]
WALKTHROUGHS = Read(
    WalkthroughOut,
    Walkthrough,
    columns={"uid": cast(_w.id, Text)},
    filters=["handover_id", "state"],
    sorts=["starts_at"],
)


async def _check_attendees(
    session: AsyncSession, runtime: Runtime, handover_id: UUID, attendees: list[Attendee] | None
) -> None:
    """Refuse with `Invalid` who does not work here, and who is no stakeholder of this handover."""
    named = list(enumerate(attendees or ()))
    people = {f"/attendees/{place}/person_id": one.person_id for place, one in named}
    await directory.require_people(session, runtime.followers["gateway"], people)
    stakeholders = {
        f"/attendees/{place}/stakeholder_id": one.stakeholder_id
        for place, one in named
        if one.stakeholder_id is not None
    }
    await require_parts_at(session, Stakeholder, handover_id, stakeholders)


def _columns(body: WalkthroughFields, given: dict[str, Any]) -> dict[str, Any]:
    """Fields of the API as columns of the table."""
    if "attendees" in given:
        given["attendees"] = [one.model_dump(mode="json") for one in body.attendees]
    return given


async def _shown(session: AsyncSession, walkthrough: Walkthrough, **rest: Any) -> Response:
    await session.flush()
    return found(await WALKTHROUGHS.one(reader_of(session), walkthrough.id), **rest)


@router.post(_LIST, status_code=201, response_model=WalkthroughOut, summary="Plan a walkthrough")
async def create_walkthrough(
    handover_id: UUID,
    body: NewWalkthrough,
    caller: CallerDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """The seller, the lead or a manager, until the handover has ended; one that has been is written down, too."""
    handover = await load(session, Handover, handover_id)
    handover.require_party(caller)
    handover.require_open()
    await _check_attendees(session, runtime, handover_id, body.attendees)
    walkthrough = Walkthrough(
        organization_id=caller.organization_id,
        handover_id=handover_id,
        organizer_id=caller.person_id,
        **_columns(body, body.model_dump()),
    )
    walkthrough.check_sound()
    session.add(walkthrough)
    record(session, events.walkthrough_created(walkthrough))
    location = f"/v1/handovers/{handover_id}/walkthroughs/{walkthrough.id}"
    return await _shown(session, walkthrough, status=201, location=location)


@router.get(_LIST, response_model=WalkthroughPage, summary="List walkthroughs")
async def list_walkthroughs(
    handover_id: UUID,
    query: Annotated[WalkthroughQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first; by time with `sort=starts_at`."""
    await HANDOVERS.require(reader, handover_id)
    return listed(await WALKTHROUGHS.page(reader, query, handover_id=handover_id), request)


@router.get(_ONE, response_model=WalkthroughOut, summary="Get a walkthrough")
async def get_walkthrough(handover_id: UUID, walkthrough_id: UUID, reader: ViewerDep) -> Response:
    """One walkthrough with its ETag."""
    return found(await WALKTHROUGHS.one(reader, walkthrough_id, handover_id=handover_id))


@router.get(
    _ONE + "/calendar",
    summary="Get a walkthrough for the calendar",
    **INVITATION,
)
async def get_walkthrough_calendar(
    handover_id: UUID, walkthrough_id: UUID, request: Request, now: NowDep, session: SessionDep
) -> Response:
    """Its invitation (iCalendar, RFC 5545): the same UID always, a SEQUENCE that rises with each change.

    Stakeholders without an e-mail address stand in no calendar.
    """
    handover = await load(session, Handover, handover_id, lock=False)
    walkthrough = await load_part(session, Walkthrough, handover_id, walkthrough_id, lock=False)
    appointment = await appointment_of(session, handover, walkthrough)
    return invited(request, appointment, walkthrough.version, now)


@router.patch(_ONE, response_model=WalkthroughOut, summary="Move a walkthrough")
async def change_walkthrough(
    handover_id: UUID,
    walkthrough_id: UUID,
    body: WalkthroughPatch,
    caller: CallerDep,
    match: MatchDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. The seller, the lead or a manager, unless it was held or cancelled.

    Another time, place or other attendees raise `sequence`; another start plans one anew that was not held.
    """
    handover = await load(session, Handover, handover_id)
    walkthrough = await load_part(session, Walkthrough, handover_id, walkthrough_id)
    handover.require_party(caller)
    match.check(walkthrough.version)
    handover.require_open()
    given = _columns(body, body.model_dump(exclude_unset=True))
    if "attendees" in given:
        await _check_attendees(session, runtime, handover_id, body.attendees)
    walkthrough.revise(given)
    record(session, events.walkthrough_changed(walkthrough, *changes(walkthrough)))
    return await _shown(session, walkthrough)


@router.post(
    _ONE + "/outcome", response_model=WalkthroughOut, summary="Say whether a walkthrough was held"
)
async def create_walkthrough_outcome(
    handover_id: UUID,
    walkthrough_id: UUID,
    body: WalkthroughOutcome,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """The seller, the lead or a manager: held, once it has begun, or not. Acceptance waits for one that was held."""
    handover = await load(session, Handover, handover_id)
    walkthrough = await load_part(session, Walkthrough, handover_id, walkthrough_id)
    handover.require_party(caller)
    handover.require_open()
    if body.state is WalkthroughState.held:
        walkthrough.hold(now, body.held_at, body.notes)
    else:
        walkthrough.miss(body.notes)
    verb = "held" if body.state is WalkthroughState.held else "not-held"
    record(session, events.walkthrough_moved(verb, walkthrough, *changes(walkthrough)))
    return await _shown(session, walkthrough)


@router.post(
    _ONE + "/cancellation", response_model=WalkthroughOut, summary="Call a walkthrough off"
)
async def cancel_walkthrough(
    handover_id: UUID, walkthrough_id: UUID, caller: CallerDep, session: SessionDep
) -> Response:
    """The seller, the lead or a manager, unless it was held. Its calendar entry becomes METHOD:CANCEL."""
    handover = await load(session, Handover, handover_id)
    walkthrough = await load_part(session, Walkthrough, handover_id, walkthrough_id)
    handover.require_party(caller)
    handover.require_open()
    walkthrough.cancel()
    record(session, events.walkthrough_moved("cancelled", walkthrough, *changes(walkthrough)))
    return await _shown(session, walkthrough)
