"""Promises: what the customer was told. Written by the seller, superseded once the handover was submitted."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from sqlalchemy import Date, Uuid, and_, bindparam, or_, select
from sqlalchemy.orm import aliased
from starlette.responses import Response

from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Line, Moment, Prose
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
from services.handover.domain.completeness import require_answer
from services.handover.domain.contents import changes_of, load_writable, require_parts
from services.handover.domain.guards import require_keepable
from services.handover.domain.handover import Handover
from services.handover.domain.log import LogEntry
from services.handover.domain.promise import (
    Channel,
    Feasibility,
    Promise,
    PromiseKind,
    PromiseMove,
    PromiseOutcome,
    PromiseState,
)
from services.handover.domain.superseding import (
    require_deletable,
    require_offerable,
    supersede,
    void_read_back,
)

router = concept("promises")
_LIST = "/handovers/{handover_id}/promises"
_ONE = _LIST + "/{promise_id}"


class PromiseOut(BaseModel):
    """A promise."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    statement: str
    kind: PromiseKind
    channel: Channel
    said_by: UUID
    said_on: date
    said_to: str | None
    due_on: date | None
    done_when: str
    evidence: list[UUID]
    customer_validated: bool
    feasibility: Feasibility
    supersedes: UUID | None
    superseded_by: UUID | None
    state: PromiseState
    outcome_note: str | None
    outcome_at: Moment | None


class PromisePage(BaseModel):
    items: list[PromiseOut]
    next: str | None


class PromiseFields(Body):
    said_to: Line | None = Field(None, description="Who at the customer heard it.")
    due_on: Day | None = Field(None, examples=["2026-11-22"])
    evidence: list[UUID] = Field(
        default_factory=list, max_length=50, description="Entries of this handover's log."
    )
    customer_validated: StrictBool = Field(
        False, description="Whether the customer agreed to these words."
    )
    feasibility: Feasibility = Feasibility.unreviewed


class NewPromise(PromiseFields):
    """A promise to be."""

    statement: Prose = Field(examples=["All 42 shops can take cards on the first day."])
    kind: PromiseKind
    channel: Channel
    said_by: UUID = Field(description="The colleague who said it.")
    said_on: Day = Field(examples=["2026-10-01"])
    done_when: Prose = Field(
        description="How the customer will judge it.",
        examples=["Each shop has sold something by card before noon."],
    )
    supersedes: UUID | None = Field(
        None,
        description="The promise of this handover whose place it takes. After submission, "
        "the only way to change one.",
    )


class PromisePatch(PromiseFields):
    """JSON Merge Patch of a promise."""

    statement: Prose = Field(default="")
    kind: PromiseKind = PromiseKind.feature
    channel: Channel = Channel.verbal
    said_by: UUID = Field(default=UUID(int=0))
    said_on: Day = Field(default=date.min)
    done_when: Prose = Field(default="")


class HandoverPromiseQuery(PageQuery):
    state: PromiseState | None = None
    kind: PromiseKind | None = None


class PromiseFilter(BaseModel):
    """Which promises of all handovers; unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")

    state: PromiseState | None = None
    kind: PromiseKind | None = None
    due_before: Day | None = Field(None, description="Due on an earlier day than this.")
    mine: bool = Field(
        False, description="Those that the caller made, sold or leads the delivery of."
    )
    handover_id: UUID | None = None


class PromiseQuery(PromiseFilter, PageQuery):
    pass


class NewPromiseOutcome(Body):
    """What became of a promise."""

    state: PromiseOutcome
    note: Prose | None = Field(None, description="What happened, in words.")
    evidence: list[UUID] = Field(
        default_factory=list,
        max_length=50,
        description="Entries of the handover's log; `released` needs the one with the customer's consent.",
    )


_p = Promise.__table__.c  # type: ignore[attr-defined]
_h = Handover.__table__  # type: ignore[attr-defined]
_next = aliased(Promise.__table__, name="next_promise")  # type: ignore[attr-defined]
_other = aliased(Promise.__table__, name="own_promise")  # type: ignore[attr-defined]
_me = bindparam("mine", type_=Uuid)
_organization = bindparam("organization_id", type_=Uuid)
PROMISES = Read(
    PromiseOut,
    Promise,
    columns={
        "superseded_by": select(_next.c.id)
        .where(_next.c.organization_id == _p.organization_id, _next.c.supersedes == _p.id)
        .scalar_subquery()
    },
    sorts=["due_on"],
    filters=["state", "kind", "handover_id"],
    conditions={
        "due_before": _p.due_on < bindparam("due_before", type_=Date),
        # Gathered, not asked of each promise: whoever has few would have all of the firm's gone through.
        "mine": _p.id.in_(
            select(_other.c.id)
            .where(_other.c.organization_id == _organization, _other.c.said_by == _me)
            .union(
                select(_other.c.id)
                .join(
                    _h,
                    and_(
                        _h.c.organization_id == _other.c.organization_id,
                        _h.c.id == _other.c.handover_id,
                    ),
                )
                .where(
                    _h.c.organization_id == _organization,
                    or_(_h.c.seller_id == _me, _h.c.delivery_lead_id == _me),
                )
            )
        ),
    },
)


@router.post(_LIST, status_code=201, response_model=PromiseOut, summary="Write a promise down")
async def create_promise(
    handover_id: UUID,
    body: NewPromise,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """The seller or a manager, until it is submitted; with `supersedes` until it has ended, after acceptance by the lead too.

    After acceptance `evidence` names the log entry that holds the customer's consent.
    """
    handover = await load(session, Handover, handover_id)
    require_offerable(handover, caller, body.supersedes)
    await require_parts(session, LogEntry, handover_id, "/evidence", body.evidence)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/said_by": body.said_by}
    )
    promise = Promise(
        organization_id=caller.organization_id,
        handover_id=handover_id,
        worded_at=now,
        **body.model_dump(),
    )
    promise.check_dates(now)
    if promise.supersedes is not None:
        require_answer("/statement", promise.statement)
        require_answer("/done_when", promise.done_when)
        replaced = await supersede(session, handover, promise, now)
        record(session, events.promise_moved("superseded", replaced, *changes(replaced)))
    session.add(promise)
    record(session, events.promise_created(promise))
    await session.flush()
    return found(
        await PROMISES.one(reader_of(session), promise.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/promises/{promise.id}",
    )


@router.get(_LIST, response_model=PromisePage, summary="List a handover's promises")
async def list_promises_of_handover(
    handover_id: UUID,
    query: Annotated[HandoverPromiseQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first. Sorted by `due_on` are those that have it."""
    await HANDOVERS.require(reader, handover_id)
    return listed(await PROMISES.page(reader, query, handover_id=handover_id), request)


@router.get(_ONE, response_model=PromiseOut, summary="Get a promise of a handover")
async def get_promise_of_handover(
    handover_id: UUID, promise_id: UUID, reader: ViewerDep
) -> Response:
    """One promise with its ETag."""
    return found(await PROMISES.one(reader, promise_id, handover_id=handover_id))


@router.patch(_ONE, response_model=PromiseOut, summary="Change a promise")
async def change_promise(
    handover_id: UUID,
    promise_id: UUID,
    body: PromisePatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. Until the handover is submitted; a read-back of other words is void."""
    handover = await load(session, Handover, handover_id)
    promise = await load_writable(session, Promise, handover, promise_id, caller, match)
    given: dict[str, Any] = body.model_dump(exclude_unset=True)
    await require_parts(session, LogEntry, handover_id, "/evidence", given.get("evidence", []))
    await directory.require_people(
        session, runtime.followers["gateway"], {"/said_by": given.get("said_by")}
    )
    if promise.reword(given, now):
        await void_read_back(session, promise.id, now)
    before, after = changes(promise)
    if after:
        record(session, events.promise_changed(promise, before, after))
    await session.flush()
    return found(await PROMISES.one(reader_of(session), promise.id))


@router.delete(_ONE, status_code=204, summary="Take a promise out")
async def delete_promise(
    handover_id: UUID, promise_id: UUID, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """If-Match is required. Until the handover is submitted, and unless the log or a read-back names it."""
    handover = await load(session, Handover, handover_id)
    promise = await load_writable(session, Promise, handover, promise_id, caller, match)
    await require_deletable(session, promise)
    record(session, events.promise_deleted(promise))
    await session.delete(promise)
    await session.flush()
    return Response(status_code=204)


@router.get("/promises", response_model=PromisePage, summary="List promises")
async def list_promises(
    query: Annotated[PromiseQuery, Query()],
    caller: CallerDep,
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Of all handovers, newest first; with `due_before` the first due first. Sorted by `due_on` are those that have it."""
    if query.due_before is not None and query.sort is None:
        query = query.model_copy(update={"sort": "due_on"})
    mine = caller.person_id if query.mine else None
    return listed(await PROMISES.page(reader, query, mine=mine), request)


@router.get("/promises/{promise_id}", response_model=PromiseOut, summary="Get a promise")
async def get_promise(promise_id: UUID, reader: ViewerDep) -> Response:
    """One promise with its ETag."""
    return found(await PROMISES.one(reader, promise_id))


@router.post(
    "/promises/{promise_id}/outcome", response_model=PromiseOut, summary="Say what became of it"
)
async def create_promise_outcome(
    promise_id: UUID, body: NewPromiseOutcome, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The lead, while the handover is in delivery: kept, broken, or released by the customer.

    What a `change` in the log has overtaken is not kept: supersede it first, or correct the entry.
    """
    # The handover first, as everywhere: two orders of locking would wait for one another.
    handover_id = (await load(session, Promise, promise_id, lock=False)).handover_id
    handover = await load(session, Handover, handover_id)
    promise = await load(session, Promise, promise_id)
    handover.require_delivering(caller)
    require_answer("/note", body.note)
    await require_parts(session, LogEntry, handover_id, "/evidence", body.evidence)
    if body.state is PromiseOutcome.kept:
        promise.require_move(PromiseMove.keep)
        require_keepable(promise, await changes_of(session, handover_id))
    promise.end(body.state, now, note=body.note, evidence=body.evidence)
    record(session, events.promise_moved(body.state, promise, *changes(promise)))
    await session.flush()
    return found(await PROMISES.one(reader_of(session), promise.id))
