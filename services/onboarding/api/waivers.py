"""Waivers and extensions of an assignment: trainers waive, trainers and managers give more time, nobody for themselves."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller
from services.chassis.database import load, reader_of
from services.chassis.events import record
from services.chassis.fields import Body, Day, Key, Prose
from services.chassis.web import CallerDep, NowDep, SessionDep, concept, found
from services.onboarding import events
from services.onboarding.api.assignments import AssignmentDetail, detail_of
from services.onboarding.domain.assignment import Assignment
from services.onboarding.domain.certifying import settle_waivers
from services.onboarding.domain.own_people import require_may_steer
from services.onboarding.domain.progress import sets_and_done
from services.onboarding.domain.waiver import WaiverReason, extend, waive

router = concept("assignments")


class NewWaiver(Body):
    """Why it need not be worked through."""

    reason: WaiverReason = Field(
        description="As in cmi5. Administrative counts as done, but certifies nothing."
    )
    evidence: Prose | None = Field(None, examples=["Led the till project at the last employer."])
    valid_until: Day | None = Field(None, description="The last day; for good if left out.")


class NewExtension(Body):
    """More time, and why."""

    due_on: Day = Field(examples=["2027-03-31"])
    reason: Prose = Field(examples=["Back from parental leave in February."])


async def _waived(
    session: AsyncSession,
    assignment_id: UUID,
    caller: Caller,
    keys: Collection[str] | None,
    body: NewWaiver,
    now: datetime,
) -> Response:
    assignment = await load(session, Assignment, assignment_id)
    sets, done = await sets_and_done(session, assignment, now.date())
    waivers = waive(
        assignment,
        caller,
        sets,
        done,
        keys,
        reason=body.reason,
        evidence=body.evidence,
        valid_until=body.valid_until,
        now=now,
    )
    await settle_waivers(session, assignment, sets, waivers, now)
    return found(
        await detail_of(reader_of(session), assignment.id, now.date()),
        status=201,
        location=f"/v1/assignments/{assignment.id}",
    )


@router.post(
    "/assignments/{assignment_id}/items/{key}/waivers",
    status_code=201,
    response_model=AssignmentDetail,
    summary="Waive an item",
)
async def waive_item(
    assignment_id: UUID,
    key: Annotated[Key, Path(examples=["customer-dialogue"])],
    body: NewWaiver,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """A trainer, not for themselves, while it is under way. It counts as done; tested out and equivalent give the competence."""
    return await _waived(session, assignment_id, caller, [key], body, now)


@router.post(
    "/assignments/{assignment_id}/waivers",
    status_code=201,
    response_model=AssignmentDetail,
    summary="Waive all that is left",
)
async def waive_assignment(
    assignment_id: UUID, body: NewWaiver, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """A trainer, not for themselves, while it is under way. Every item that is left is waived, and it is completed."""
    return await _waived(session, assignment_id, caller, None, body, now)


@router.post(
    "/assignments/{assignment_id}/extensions",
    status_code=201,
    response_model=AssignmentDetail,
    summary="Give more time",
)
async def extend_assignment(
    assignment_id: UUID, body: NewExtension, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers, and managers for their people, not for themselves. From now on no rule makes it due earlier."""
    assignment = await load(session, Assignment, assignment_id)
    await require_may_steer(reader_of(session), caller, assignment.person_id)
    extension = extend(assignment, caller, body.due_on, body.reason, now.date())
    session.add(extension)
    record(session, events.assignment_extended(assignment, extension))
    await session.flush()
    return found(
        await detail_of(reader_of(session), assignment.id, now.date()),
        status=201,
        location=f"/v1/assignments/{assignment.id}",
    )
