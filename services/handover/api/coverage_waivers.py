"""Waivers of coverage: a manager answers for going ahead although a need is not covered."""

from collections.abc import Collection
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import Conflict
from services.chassis.events import record
from services.chassis.fields import Body, Day, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, NowDep, SessionDep, ViewerDep, concept, found, listed
from services.handover import events
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.competence import CompetenceNeed
from services.handover.domain.completeness import require_answer
from services.handover.domain.contents import load_part, require_parts
from services.handover.domain.coverage import dates_of
from services.handover.domain.handover import Handover
from services.handover.domain.staffing import Staffing
from services.handover.domain.waiver import (
    CoverageWaiver,
    open_waiver,
    parties_to,
    require_ahead,
    require_waiver_giver,
)

router = concept("coverage")
_LIST = "/handovers/{handover_id}/coverage/waivers"
_ONE = _LIST + "/{coverage_waiver_id}"


class CoverageWaiverOut(BaseModel):
    """A manager's word that a need may stay uncovered. It ends when it is revoked, or when its need becomes another one."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    competence_need_id: UUID
    granted_by: UUID
    reason: str
    valid_until: date | None = Field(description="The last day on which it counts.")
    ended_at: Moment | None
    ended_by: UUID | None
    end_reason: str | None


class CoverageWaiverPage(BaseModel):
    items: list[CoverageWaiverOut]
    next: str | None


class CoverageWaiverQuery(PageQuery):
    competence_need_id: UUID | None = None


class NewCoverageWaiver(Body):
    """A need to be waived."""

    competence_need_id: UUID = Field(description="A need of this handover.")
    reason: Prose = Field(examples=["Erik takes the course in week 2; Anna stands beside him."])
    valid_until: Day | None = Field(
        None,
        description="The last day on which it counts; without one until it is revoked. "
        "The need is waived only if that is its own last day or later, or its first where it has no end.",
        examples=["2199-12-31"],
    )


class WaiverRevocation(Body):
    """Why a waiver counts no more."""

    reason: Prose = Field(examples=["The course was called off."])


COVERAGE_WAIVERS = Read(
    CoverageWaiverOut, CoverageWaiver, filters=["handover_id", "competence_need_id"]
)


async def _staffed_on(session: AsyncSession, need_id: UUID) -> Collection[UUID]:
    column = Staffing.__table__.c  # type: ignore[attr-defined]
    people = await session.scalars(
        select(column.person_id).where(
            column.organization_id == organization_of(session),
            column.competence_need_id == need_id,
        )
    )
    return people.all()


@router.post(_LIST, status_code=201, response_model=CoverageWaiverOut, summary="Waive a need")
async def create_coverage_waiver(
    handover_id: UUID,
    body: NewCoverageWaiver,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """A manager with a reason, who neither sold it, leads it nor is staffed on the need, until the handover has ended."""
    # The lock of the handover lets one manager at a time.
    handover = await load(session, Handover, handover_id)
    caller.require(Role.manager)
    need_id = body.competence_need_id
    await require_parts(session, CompetenceNeed, handover_id, "/competence_need_id", need_id)
    require_answer("/reason", body.reason)
    need = await load_part(session, CompetenceNeed, handover_id, need_id, lock=False)
    require_ahead(body.valid_until, now.date(), dates_of(need, handover, now.date()).first)
    parties = parties_to(handover, await _staffed_on(session, need_id))
    require_waiver_giver(handover, caller, parties)
    earlier = await open_waiver(session, need_id)
    if earlier is not None:
        if earlier.stands(parties, now.date()):
            raise Conflict("This need is waived already: revoke that waiver first.")
        earlier.end(caller, now)
        record(session, events.coverage_waiver_ended(earlier))
        await session.flush()
    waiver = CoverageWaiver(
        organization_id=caller.organization_id,
        handover_id=handover_id,
        granted_by=caller.person_id,
        **body.model_dump(),
    )
    session.add(waiver)
    record(session, events.coverage_waiver_granted(waiver))
    await session.flush()
    return found(
        await COVERAGE_WAIVERS.one(reader_of(session), waiver.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/coverage/waivers/{waiver.id}",
    )


@router.get(_LIST, response_model=CoverageWaiverPage, summary="List waivers of coverage")
async def list_coverage_waivers(
    handover_id: UUID,
    query: Annotated[CoverageWaiverQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first, with those that have ended."""
    await HANDOVERS.require(reader, handover_id)
    return listed(await COVERAGE_WAIVERS.page(reader, query, handover_id=handover_id), request)


@router.get(_ONE, response_model=CoverageWaiverOut, summary="Get a waiver of coverage")
async def get_coverage_waiver(
    handover_id: UUID, coverage_waiver_id: UUID, reader: ViewerDep
) -> Response:
    """One waiver with its ETag."""
    return found(await COVERAGE_WAIVERS.one(reader, coverage_waiver_id, handover_id=handover_id))


@router.post(_ONE + "/revocation", response_model=CoverageWaiverOut, summary="Revoke a waiver")
async def revoke_coverage_waiver(
    handover_id: UUID,
    coverage_waiver_id: UUID,
    body: WaiverRevocation,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """Any manager, once, with a reason."""
    await load(session, Handover, handover_id)
    waiver = await load_part(session, CoverageWaiver, handover_id, coverage_waiver_id)
    caller.require(Role.manager)
    require_answer("/reason", body.reason)
    waiver.end(caller, now, body.reason)
    record(session, events.coverage_waiver_ended(waiver))
    await session.flush()
    return found(await COVERAGE_WAIVERS.one(reader_of(session), waiver.id))
