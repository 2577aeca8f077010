"""Coverage: whether the people that a handover needs are there on its dates, and who they are."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.database import load, organization_of, reader_of
from services.chassis.fields import Moment
from services.chassis.web import NowDep, SessionDep, concept
from services.handover.api.competence_needs import Period
from services.handover.api.heard import HeardDep
from services.handover.api.staffing import StaffedDays
from services.handover.domain.base import directory
from services.handover.domain.competence import CompetenceNeed
from services.handover.domain.contents import coverage_of, parts_of
from services.handover.domain.coverage import CoverageState, NeedCoverage, overall
from services.handover.domain.handover import Handover
from services.handover.domain.staffing import Staffing
from services.handover.domain.training_copy import last_applied

router = concept("coverage")


class CoveringPersonOut(BaseModel):
    """Somebody who has the competence; `until` is the last day on which it holds."""

    person_id: UUID
    name: str
    level: int
    since: date
    until: date | None


class StaffedPersonOut(StaffedDays):
    """Somebody staffed on the need. `state` says whether they hold what it takes on all of their days on it."""

    staffing_id: UUID
    person_id: UUID
    name: str
    allocation: int
    on_its_dates: bool = Field(description="Whether they are there on any day that is judged.")
    state: CoverageState
    level: int | None
    since: date | None
    until: date | None


class StandingWaiverOut(BaseModel):
    """The waiver that stands for the need."""

    id: UUID
    granted_by: UUID
    reason: str
    valid_until: date | None


class NeedCoverageOut(Period):
    """A need, who is staffed on it, and who in the firm has what it takes for all of its time."""

    need_id: UUID
    competence: str = Field(examples=["data-migration"])
    level: int
    headcount: int
    judged_from: date = Field(
        description="From this day on: its own first day, or else the handover's, but not before today."
    )
    judged_to: date | None = Field(description="Until this day; null while nobody knows the end.")
    state: CoverageState
    have: int = Field(description="How many of the headcount there are on the day with fewest.")
    trainable: bool = Field(description="Whether a course can be taken that grants it.")
    waiver: StandingWaiverOut | None
    staffed: list[StaffedPersonOut]
    people: list[CoveringPersonOut]


class CoverageOut(BaseModel):
    """Whether the needs are covered, as known at `as_of`; null means that nothing was ever heard."""

    handover_id: UUID
    state: CoverageState
    as_of: Moment | None
    needs: list[NeedCoverageOut]


@router.get(
    "/handovers/{handover_id}/coverage",
    response_model=CoverageOut,
    summary="Who can do what it needs",
)
async def get_handover_coverage(
    handover_id: UUID, now: NowDep, heard_at: HeardDep, session: SessionDep
) -> Response:
    """Anybody. From handover's own copy of what onboarding tells, brought up to date first. `unknown` where it cannot be known."""
    handover = await load(session, Handover, handover_id, lock=False)
    as_of = heard_at or await last_applied(reader_of(session))
    staffing = await parts_of(session, Staffing, handover_id)
    covered = await coverage_of(
        session,
        handover,
        await parts_of(session, CompetenceNeed, handover_id),
        staffing,
        now.date(),
        heard=as_of is not None,
    )
    names = await _names_of(session, staffing)
    body = {
        "handover_id": handover_id,
        "state": overall(one.state for one in covered),
        "as_of": as_of,
        "needs": [_shown(one, names) for one in covered],
    }
    return Response(orjson.dumps(body, default=str), media_type="application/json")


async def _names_of(session: AsyncSession, staffing: Sequence[Staffing]) -> Mapping[UUID, str]:
    if not staffing:
        return {}
    person = directory.person.c
    rows = await session.execute(
        select(person.id, person.name).where(
            person.organization_id == organization_of(session),
            person.id.in_({one.person_id for one in staffing}),
        )
    )
    return {row.id: row.name for row in rows}


def _shown(covered: NeedCoverage, names: Mapping[UUID, str]) -> dict[str, Any]:
    need, waiver = covered.need, covered.waiver
    return {
        "need_id": need.id,
        "competence": need.competence,
        "level": need.level,
        "headcount": need.headcount,
        "from": need.starts_on,
        "to": need.ends_on,
        "judged_from": covered.period.first,
        "judged_to": covered.period.last,
        "state": covered.state,
        "have": covered.have,
        "trainable": covered.trainable,
        "waiver": None
        if waiver is None
        else {
            "id": waiver.id,
            "granted_by": waiver.granted_by,
            "reason": waiver.reason,
            "valid_until": waiver.valid_until,
        },
        "staffed": [
            {
                "staffing_id": one.staffing.id,
                "person_id": one.staffing.person_id,
                "name": names[one.staffing.person_id],
                "from": one.staffing.starts_on,
                "to": one.staffing.ends_on,
                "allocation": one.staffing.allocation,
                "on_its_dates": one.days is not None,
                "state": one.state,
                "level": None if one.held is None else one.held.level,
                "since": None if one.held is None else one.held.since,
                "until": None if one.held is None else one.held.until,
            }
            for one in covered.staffed
        ],
        "people": [
            {
                "person_id": one.person_id,
                "name": one.name,
                "level": one.level,
                "since": one.since,
                "until": one.until,
            }
            for one in covered.people
        ],
    }
