"""Unknowns of a handover: gaps declared instead of filled with something made up."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.responses import Response

from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.handover import events
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.base import directory
from services.handover.domain.completeness import Item, require_answer
from services.handover.domain.contents import load_writable
from services.handover.domain.declaring import (
    let_go,
    question_for,
    question_of,
    restate,
)
from services.handover.domain.handover import Handover
from services.handover.domain.past import require_day_ahead
from services.handover.domain.question import Question
from services.handover.domain.unknown import Unknown

router = concept("unknowns")
_LIST = "/handovers/{handover_id}/unknowns"
_ONE = _LIST + "/{unknown_id}"


class UnknownOut(BaseModel):
    """What nobody knows yet, and who finds it out by when."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    what: Item
    reason: str
    owner_id: UUID
    due_on: date
    question_id: UUID | None = Field(description="The question that it opened.")
    resolved_at: Moment | None = Field(description="When an answer to that was accepted.")


class UnknownPage(BaseModel):
    items: list[UnknownOut]
    next: str | None


class NewUnknown(Body):
    """A gap to be declared."""

    what: Item = Field(description="An item of the missing list.", examples=["planned_end"])
    reason: Prose = Field(examples=["The municipality decides on the routes in March."])
    owner_id: UUID = Field(description="Who finds it out.")
    due_on: Day = Field(description="By when.", examples=["2199-12-31"])


class UnknownPatch(Body):
    """JSON Merge Patch of an unknown."""

    reason: Prose = Field(default="")
    owner_id: UUID = Field(default=UUID(int=0))
    due_on: Day = Field(default=date.min)


_u = Unknown.__table__.c  # type: ignore[attr-defined]
_q = Question.__table__.c  # type: ignore[attr-defined]
UNKNOWNS = Read(
    UnknownOut,
    Unknown,
    columns={
        "question_id": select(_q.id)
        .where(_q.organization_id == _u.organization_id, _q.unknown_id == _u.id)
        .scalar_subquery()
    },
    filters=["handover_id"],
)


@router.post(_LIST, status_code=201, response_model=UnknownOut, summary="Declare an unknown")
async def create_unknown(
    handover_id: UUID,
    body: NewUnknown,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """The seller or a manager, until the handover is submitted; once for each item of the missing list. Opens a question."""
    handover = await load(session, Handover, handover_id)
    handover.require_writer(caller)
    require_answer("/reason", body.reason)
    require_day_ahead("/due_on", body.due_on, now)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/owner_id": body.owner_id}
    )
    unknown = Unknown(
        organization_id=caller.organization_id, handover_id=handover_id, **body.model_dump()
    )
    session.add(unknown)
    await session.flush()
    question = await question_for(session, unknown, handover, caller, now)
    session.add(question)
    record(session, events.unknown_created(unknown), events.question_asked(question))
    await session.flush()
    return found(
        await UNKNOWNS.one(reader_of(session), unknown.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/unknowns/{unknown.id}",
    )


@router.get(_LIST, response_model=UnknownPage, summary="List unknowns")
async def list_unknowns(
    handover_id: UUID, query: Annotated[PageQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first."""
    await HANDOVERS.require(reader, handover_id)
    return listed(await UNKNOWNS.page(reader, query, handover_id=handover_id), request)


@router.get(_ONE, response_model=UnknownOut, summary="Get an unknown")
async def get_unknown(handover_id: UUID, unknown_id: UUID, reader: ViewerDep) -> Response:
    """One unknown with its ETag."""
    return found(await UNKNOWNS.one(reader, unknown_id, handover_id=handover_id))


@router.patch(_ONE, response_model=UnknownOut, summary="Change an unknown")
async def change_unknown(
    handover_id: UUID,
    unknown_id: UUID,
    body: UnknownPatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. Until the handover is submitted or the question answered, which changes too."""
    handover = await load(session, Handover, handover_id)
    unknown = await load_writable(session, Unknown, handover, unknown_id, caller, match)
    given = body.model_dump(exclude_unset=True)
    require_answer("/reason", given.get("reason"))
    require_day_ahead("/due_on", given.get("due_on"), now)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/owner_id": given.get("owner_id")}
    )
    unknown.sqlmodel_update(given)
    record(session, events.unknown_changed(unknown, *changes(unknown)))
    question = await question_of(session, unknown)
    if question is not None:
        await restate(session, question, unknown, handover)
        record(session, events.question_changed(question, *changes(question)))
    await session.flush()
    return found(await UNKNOWNS.one(reader_of(session), unknown.id))


@router.delete(_ONE, status_code=204, summary="Take an unknown off")
async def delete_unknown(
    handover_id: UUID,
    unknown_id: UUID,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """If-Match is required. Until the handover is submitted. Withdraws its question, unless that was answered."""
    handover = await load(session, Handover, handover_id)
    unknown = await load_writable(session, Unknown, handover, unknown_id, caller, match)
    record(session, events.unknown_deleted(unknown))
    question = await question_of(session, unknown)
    if question is not None:
        if let_go(question, now):
            record(session, events.question_withdrawn(question, *changes(question)))
        await session.flush()
    await session.delete(unknown)
    return Response(status_code=204)
