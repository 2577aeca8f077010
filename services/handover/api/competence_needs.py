"""Competence needs of a handover: what people must be able to do, how many, and when."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictInt, create_model
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller
from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Key, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.handover import events
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.competence import HIGHEST_LEVEL, LOWEST_LEVEL, WAIVED, CompetenceNeed
from services.handover.domain.completeness import require_answer
from services.handover.domain.contents import load_writable
from services.handover.domain.handover import Handover
from services.handover.domain.staffing import require_unstaffed
from services.handover.domain.waiver import open_waiver

router = concept("competence needs")
_LIST = "/handovers/{handover_id}/competence-needs"
_ONE = _LIST + "/{need_id}"

# `from` is a word of the language, so a class cannot spell it.
_PERIOD: Any = {"from": (date | None, ...), "to": (date | None, ...)}
Period: Any = create_model("Period", **_PERIOD)


class CompetenceNeedOut(Period):
    """So many people with a competence at a level or above."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    competence: str
    level: int
    headcount: int
    why: str | None


class CompetenceNeedPage(BaseModel):
    items: list[CompetenceNeedOut]
    next: str | None


Level = Annotated[StrictInt, Field(ge=LOWEST_LEVEL, le=HIGHEST_LEVEL)]
Headcount = Annotated[StrictInt, Field(ge=1, le=1000)]


class CompetenceNeedFields(Body):
    headcount: Headcount = 1
    starts_on: Day | None = Field(None, alias="from", examples=["2026-11-22"])
    ends_on: Day | None = Field(None, alias="to", examples=["2027-03-31"])
    why: Prose | None = None


class NewCompetenceNeed(CompetenceNeedFields):
    """A need to be."""

    competence: Key = Field(examples=["data-migration"])
    level: Level = Field(examples=[3])


class CompetenceNeedPatch(CompetenceNeedFields):
    """JSON Merge Patch of a need."""

    competence: Key = Field(default="")
    level: Level = LOWEST_LEVEL


_n = CompetenceNeed.__table__.c  # type: ignore[attr-defined]
COMPETENCE_NEEDS = Read(
    CompetenceNeedOut,
    CompetenceNeed,
    columns={"from": _n.starts_on, "to": _n.ends_on},
    filters=["handover_id"],
)


@router.post(
    _LIST, status_code=201, response_model=CompetenceNeedOut, summary="Name a competence need"
)
async def create_competence_need(
    handover_id: UUID, body: NewCompetenceNeed, caller: CallerDep, session: SessionDep
) -> Response:
    """The seller or a manager, until the handover is submitted."""
    handover = await load(session, Handover, handover_id)
    handover.require_writer(caller)
    require_answer("/why", body.why)
    need = CompetenceNeed(
        organization_id=caller.organization_id, handover_id=handover_id, **body.model_dump()
    )
    need.check_sound()
    session.add(need)
    record(session, events.competence_need_created(need))
    await session.flush()
    return found(
        await COMPETENCE_NEEDS.one(reader_of(session), need.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/competence-needs/{need.id}",
    )


@router.get(_LIST, response_model=CompetenceNeedPage, summary="List competence needs")
async def list_competence_needs(
    handover_id: UUID, query: Annotated[PageQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first."""
    await HANDOVERS.require(reader, handover_id)
    return listed(await COMPETENCE_NEEDS.page(reader, query, handover_id=handover_id), request)


@router.get(_ONE, response_model=CompetenceNeedOut, summary="Get a competence need")
async def get_competence_need(handover_id: UUID, need_id: UUID, reader: ViewerDep) -> Response:
    """One need with its ETag."""
    return found(await COMPETENCE_NEEDS.one(reader, need_id, handover_id=handover_id))


@router.patch(_ONE, response_model=CompetenceNeedOut, summary="Change a competence need")
async def change_competence_need(
    handover_id: UUID,
    need_id: UUID,
    body: CompetenceNeedPatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. Until the handover is submitted. A waiver of the need as it was ends."""
    handover = await load(session, Handover, handover_id)
    need = await load_writable(session, CompetenceNeed, handover, need_id, caller, match)
    given = body.model_dump(exclude_unset=True)
    require_answer("/why", given.get("why"))
    need.sqlmodel_update(given)
    need.check_sound()
    before, after = changes(need)
    record(session, events.competence_need_changed(need, before, after))
    if WAIVED & after.keys():
        await _end_waiver(session, need_id, caller, now)
    await session.flush()
    return found(await COMPETENCE_NEEDS.one(reader_of(session), need.id))


@router.delete(_ONE, status_code=204, summary="Take a competence need off")
async def delete_competence_need(
    handover_id: UUID,
    need_id: UUID,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """If-Match is required. Until the handover is submitted, and unless somebody is staffed on it. A waiver of it ends."""
    handover = await load(session, Handover, handover_id)
    need = await load_writable(session, CompetenceNeed, handover, need_id, caller, match)
    await require_unstaffed(session, need_id)
    await _end_waiver(session, need_id, caller, now)
    record(session, events.competence_need_deleted(need))
    await session.delete(need)
    return Response(status_code=204)


async def _end_waiver(session: AsyncSession, need_id: UUID, caller: Caller, now: datetime) -> None:
    waiver = await open_waiver(session, need_id)
    if waiver is not None:
        waiver.end(caller, now)
        record(session, events.coverage_waiver_ended(waiver))
