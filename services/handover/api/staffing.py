"""Staffing of a handover: who delivers, when, with how much of their time."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictInt, create_model
from sqlalchemy import Date, Integer, cast, func, literal_column, select
from sqlalchemy.orm import aliased
from starlette.responses import Response

from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Moment
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
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
from services.handover.domain.competence import CompetenceNeed
from services.handover.domain.contents import load_part, require_parts
from services.handover.domain.handover import ENDED, Handover
from services.handover.domain.staffing import Staffing, require_free, require_staffer

router = concept("staffing")
_LIST = "/handovers/{handover_id}/staffing"
_ONE = _LIST + "/{staffing_id}"

# `from` is a word of the language, so a class cannot spell it.
_DAYS: Any = {"from": (date, ...), "to": (date | None, ...)}
StaffedDays: Any = create_model("StaffedDays", **_DAYS)


class StaffingOut(StaffedDays):
    """A person on a handover, from a day until a day, both included."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    person_id: UUID
    competence_need_id: UUID | None
    allocation: int
    allocated: int = Field(
        description="The most that the person is allocated on any of these days, in percent, "
        "over all handovers that have not ended. More than 100 is too much; nothing forbids it.",
        examples=[120],
    )


class StaffingPage(BaseModel):
    items: list[StaffingOut]
    next: str | None


class HandoverStaffingQuery(PageQuery):
    person_id: UUID | None = None
    competence_need_id: UUID | None = None


Percent = Annotated[StrictInt, Field(ge=1, le=100, examples=[80])]


class StaffingFields(Body):
    ends_on: Day | None = Field(
        None, alias="to", description="The last day.", examples=["2027-03-31"]
    )
    competence_need_id: UUID | None = Field(
        None, description="The need of this handover that it answers."
    )
    allocation: Percent = 100


class NewStaffing(StaffingFields):
    """Somebody to be staffed."""

    person_id: UUID
    starts_on: Day = Field(alias="from", examples=["2026-12-01"])


class StaffingPatch(StaffingFields):
    """JSON Merge Patch of a staffing. Another person is another staffing."""

    starts_on: Day = Field(date.min, alias="from", examples=["2026-12-01"])


_table = Staffing.__table__  # type: ignore[attr-defined]
_s = _table.c
_h = Handover.__table__.c  # type: ignore[attr-defined]
_turn = aliased(_table, name="turn")
_other = aliased(_table, name="other")
_FOREVER = literal_column("'infinity'::date", Date)
# The load only grows where a staffing begins: the first of these days, and each on which another one starts.
_day = func.greatest(_turn.c.starts_on, _s.starts_on)
_allocated = (
    select(cast(func.sum(_other.c.allocation), Integer))
    .select_from(_turn)
    .join(
        _other,
        (_other.c.organization_id == _turn.c.organization_id)
        & (_other.c.person_id == _turn.c.person_id)
        & (_other.c.starts_on <= _day)
        & (func.coalesce(_other.c.ends_on, _FOREVER) >= _day),
    )
    .join(
        Handover.__table__,  # type: ignore[attr-defined]
        (_h.organization_id == _other.c.organization_id)
        & (_h.id == _other.c.handover_id)
        & _h.state.not_in(ENDED),
    )
    .where(
        _turn.c.organization_id == _s.organization_id,
        _turn.c.person_id == _s.person_id,
        _turn.c.starts_on <= func.coalesce(_s.ends_on, _FOREVER),
        func.coalesce(_turn.c.ends_on, _FOREVER) >= _s.starts_on,
    )
    .group_by(_turn.c.id)
    .order_by(func.sum(_other.c.allocation).desc())
    .limit(1)
    .correlate(_table)
    .scalar_subquery()
)
STAFFING = Read(
    StaffingOut,
    Staffing,
    columns={
        "from": _s.starts_on,
        "to": _s.ends_on,
        "allocated": func.coalesce(_allocated, 0),
    },
    filters=["handover_id", "person_id", "competence_need_id"],
)


async def _require_need(session: SessionDep, staffing: Staffing) -> None:
    if staffing.competence_need_id is not None:
        await require_parts(
            session,
            CompetenceNeed,
            staffing.handover_id,
            "/competence_need_id",
            staffing.competence_need_id,
        )


@router.post(_LIST, status_code=201, response_model=StaffingOut, summary="Staff somebody")
async def create_staffing(
    handover_id: UUID,
    body: NewStaffing,
    caller: CallerDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """The lead or a manager, from claim until the handover has ended; nobody twice on the same need on the same day."""
    handover = await load(session, Handover, handover_id)
    require_staffer(handover, caller)
    staffing = Staffing(
        organization_id=caller.organization_id, handover_id=handover_id, **body.model_dump()
    )
    staffing.check_sound()
    await _require_need(session, staffing)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/person_id": staffing.person_id}
    )
    await require_free(session, staffing)
    session.add(staffing)
    record(session, events.staffing_created(staffing))
    await session.flush()
    return found(
        await STAFFING.one(reader_of(session), staffing.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/staffing/{staffing.id}",
    )


@router.get(_LIST, response_model=StaffingPage, summary="List who is staffed")
async def list_staffing(
    handover_id: UUID,
    query: Annotated[HandoverStaffingQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first."""
    await HANDOVERS.require(reader, handover_id)
    return listed(await STAFFING.page(reader, query, handover_id=handover_id), request)


@router.get(_ONE, response_model=StaffingOut, summary="Get a staffing")
async def get_staffing(handover_id: UUID, staffing_id: UUID, reader: ViewerDep) -> Response:
    """One staffing with its ETag."""
    return found(await STAFFING.one(reader, staffing_id, handover_id=handover_id))


@router.patch(_ONE, response_model=StaffingOut, summary="Change a staffing")
async def change_staffing(
    handover_id: UUID,
    staffing_id: UUID,
    body: StaffingPatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. The lead or a manager, from claim until the handover has ended."""
    handover = await load(session, Handover, handover_id)
    staffing = await load_part(session, Staffing, handover_id, staffing_id)
    require_staffer(handover, caller)
    match.check(staffing.version)
    staffing.sqlmodel_update(body.model_dump(exclude_unset=True))
    staffing.check_sound()
    await _require_need(session, staffing)
    await require_free(session, staffing)
    record(session, events.staffing_changed(staffing, *changes(staffing)))
    await session.flush()
    return found(await STAFFING.one(reader_of(session), staffing.id))


@router.delete(_ONE, status_code=204, summary="Take a staffing off")
async def delete_staffing(
    handover_id: UUID, staffing_id: UUID, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """If-Match is required. The lead or a manager, for what was planned by mistake; who has been there gets a last day."""
    handover = await load(session, Handover, handover_id)
    staffing = await load_part(session, Staffing, handover_id, staffing_id)
    require_staffer(handover, caller)
    match.check(staffing.version)
    record(session, events.staffing_deleted(staffing))
    await session.delete(staffing)
    return Response(status_code=204)
