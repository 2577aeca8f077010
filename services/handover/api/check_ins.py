"""Check-ins with consultants: asked while they are staffed, answered by them, replied to by the lead."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictInt
from starlette.responses import Response

from services.chassis.caller import Caller
from services.chassis.database import Reader, load, reader_of
from services.chassis.errors import Conflict
from services.chassis.events import record
from services.chassis.fields import Body, Day, Moment, Prose
from services.chassis.pages import Page, PageQuery, read_cursor, write_cursor
from services.chassis.reads import Found
from services.chassis.web import CallerDep, NowDep, ReaderDep, SessionDep, concept, found, listed
from services.handover import events
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.check_in import (
    HIGHEST,
    LOWEST,
    CheckIn,
    asked_one,
    seen_one,
    seen_page,
)
from services.handover.domain.contents import load_part
from services.handover.domain.handover import Handover

router = concept("check-ins")
_LIST = "/handovers/{handover_id}/check-ins"
_ONE = _LIST + "/{delivery_check_in_id}"

_DAY = "due_on"


class DeliveryCheckInOut(BaseModel):
    """How a consultant gets into it (`ramp_up`) and feels at home (`belonging`), 1–5; null until they have answered."""

    id: UUID
    organization_id: UUID
    version: int
    handover_id: UUID
    consultant_id: UUID
    due_on: date
    ramp_up: int | None
    belonging: int | None
    help_needed: str | None
    answered_at: Moment | None
    reply: str | None
    replied_by: UUID | None
    replied_at: Moment | None


class DeliveryCheckInPage(BaseModel):
    items: list[DeliveryCheckInOut]
    next: str | None


class DeliveryCheckInQuery(PageQuery):
    due_before: Day | None = Field(None, description="Due on an earlier day than this.")
    answered: bool | None = None


class HandoverCheckInQuery(DeliveryCheckInQuery):
    consultant_id: UUID | None = None


Score = Annotated[StrictInt, Field(ge=LOWEST, le=HIGHEST, examples=[4])]


class CheckInAnswer(Body):
    """How it goes, from 1 (badly) to 5 (well)."""

    ramp_up: Score = Field(description="How well they have got into the work.")
    belonging: Score = Field(description="How much they feel at home in the team.")
    help_needed: Prose | None = Field(
        None,
        description="What they need help with; the lead is told.",
        examples=["Access to the test environment."],
    )


class CheckInReply(Body):
    """What the lead says to it."""

    reply: Prose = Field(examples=["You have it tomorrow; until then work with Anna."])


async def _shown(
    reader: Reader, caller: Caller, handover_id: UUID, id: UUID, today: date
) -> Response:
    content, version = await seen_one(reader, caller, handover_id, id, today)
    return found(Found(content.encode(), version))


async def _listed(
    reader: Reader,
    caller: Caller,
    today: date,
    query: DeliveryCheckInQuery,
    request: Request,
    *,
    handover_id: UUID | None = None,
    consultant_id: UUID | None = None,
) -> Response:
    descending = True
    if query.sort is not None:
        _, descending = query.order({_DAY: None})
    rows = await seen_page(
        reader,
        caller,
        today,
        handover_id=handover_id,
        consultant_id=consultant_id,
        due_before=query.due_before,
        answered=query.answered,
        newest_first=descending,
        after=read_cursor(query.after, _DAY, descending),
        limit=query.limit + 1,
    )
    following = None
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        following = write_cursor(_DAY, descending, rows[-1][2], rows[-1][3])
    return listed(Page(",".join(row[0] for row in rows).encode(), following), request)


@router.get(_LIST, response_model=DeliveryCheckInPage, summary="List a handover's check-ins")
async def list_delivery_check_ins(
    handover_id: UUID,
    query: Annotated[HandoverCheckInQuery, Query()],
    caller: CallerDep,
    now: NowDep,
    request: Request,
    reader: ReaderDep,
) -> Response:
    """Those that are due or answered, newest first: all of them for the lead and managers, their own for everybody else."""
    await HANDOVERS.require(reader, handover_id)
    return await _listed(
        reader,
        caller,
        now.date(),
        query,
        request,
        handover_id=handover_id,
        consultant_id=query.consultant_id,
    )


@router.get(
    "/me/delivery-check-ins", response_model=DeliveryCheckInPage, summary="List my check-ins"
)
async def list_my_delivery_check_ins(
    query: Annotated[DeliveryCheckInQuery, Query()],
    caller: CallerDep,
    now: NowDep,
    request: Request,
    reader: ReaderDep,
) -> Response:
    """Those that the caller is or was asked as a consultant, of all handovers, newest first."""
    return await _listed(reader, caller, now.date(), query, request, consultant_id=caller.person_id)


@router.get(_ONE, response_model=DeliveryCheckInOut, summary="Get a check-in")
async def get_delivery_check_in(
    handover_id: UUID,
    delivery_check_in_id: UUID,
    caller: CallerDep,
    now: NowDep,
    reader: ReaderDep,
) -> Response:
    """One check-in with its ETag, for the consultant, the lead and managers; 404 for everybody else."""
    return await _shown(reader, caller, handover_id, delivery_check_in_id, now.date())


@router.post(_ONE + "/answer", response_model=DeliveryCheckInOut, summary="Answer a check-in")
async def answer_delivery_check_in(
    handover_id: UUID,
    delivery_check_in_id: UUID,
    body: CheckInAnswer,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """The consultant who is asked, once, from the day on which it is due."""
    handover = await load(session, Handover, handover_id)
    reader = reader_of(session)
    asked = await asked_one(reader, handover_id, delivery_check_in_id, now.date())
    asked.require_answerer(caller)
    check_in = CheckIn(
        organization_id=caller.organization_id,
        id=delivery_check_in_id,
        handover_id=handover_id,
        consultant_id=asked.consultant_id,
        due_on=asked.due_on,
        answered_at=now,
        **body.model_dump(),
    )
    session.add(check_in)
    record(session, events.check_in_answered(handover, check_in))
    if check_in.help_needed is not None:
        record(session, events.check_in_help_asked(handover, check_in))
    await session.flush()
    return await _shown(reader, caller, handover_id, check_in.id, now.date())


@router.post(_ONE + "/reply", response_model=DeliveryCheckInOut, summary="Reply to a check-in")
async def reply_to_delivery_check_in(
    handover_id: UUID,
    delivery_check_in_id: UUID,
    body: CheckInReply,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """The delivery lead, once, to what was answered."""
    handover = await load(session, Handover, handover_id)
    reader = reader_of(session)
    asked = await asked_one(reader, handover_id, delivery_check_in_id, now.date())
    handover.require_lead(caller)
    if not asked.answered:
        raise Conflict("Nobody has answered it yet.")
    check_in = await load_part(session, CheckIn, handover_id, delivery_check_in_id)
    check_in.take_reply(handover, caller, body.reply, now)
    record(session, events.check_in_replied(check_in))
    await session.flush()
    return await _shown(reader, caller, handover_id, check_in.id, now.date())
