"""The outcome of a handover: told by its lead or a manager, once it is known, and kept when it is closed."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import Conflict
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Moment, Prose
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
)
from services.handover import events
from services.handover.domain.completeness import require_answer
from services.handover.domain.handover import Handover
from services.handover.domain.outcome import Outcome, OutcomeResult, require_tellable

router = concept("outcomes")
_PATH = "/handovers/{handover_id}/outcome"


class OutcomeOut(BaseModel):
    """What came of a handover; `id` is that of the handover."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    ended_on: date
    result: OutcomeResult
    lessons: str
    told_by: UUID


class NewOutcome(Body):
    """What came of a handover, to be told."""

    ended_on: Day = Field(examples=["2026-11-20"])
    result: OutcomeResult
    lessons: Prose = Field(
        description="What to do otherwise next time, and what to do again.",
        examples=["Visit the shops with a weak network before the price is given."],
    )


class OutcomePatch(Body):
    """JSON Merge Patch of an outcome."""

    ended_on: Day = Field(default=date.min)
    result: OutcomeResult = OutcomeResult.succeeded
    lessons: Prose = Field(default="")


OUTCOMES = Read(OutcomeOut, Outcome)


@router.post(_PATH, status_code=201, response_model=OutcomeOut, summary="Tell the outcome")
async def create_outcome(
    handover_id: UUID, body: NewOutcome, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The lead or a manager, in delivery and after it, once."""
    handover = await load(session, Handover, handover_id)
    handover.require_lead_or_manager(caller)
    require_tellable(handover, caller)
    if await session.get(Outcome, (organization_of(session), handover_id)) is not None:
        raise Conflict("The outcome is told already: change it.")
    require_answer("/lessons", body.lessons)
    outcome = Outcome(
        organization_id=caller.organization_id,
        id=handover_id,
        told_by=caller.person_id,
        **body.model_dump(),
    )
    outcome.check_sound(handover, now)
    record(session, events.outcome_created(outcome))
    return found(
        await OUTCOMES.add(session, outcome),
        status=201,
        location=f"/v1/handovers/{handover_id}/outcome",
    )


@router.get(_PATH, response_model=OutcomeOut, summary="Get the outcome")
async def get_outcome(handover_id: UUID, reader: ViewerDep) -> Response:
    """What came of it, with its ETag; 404 while nobody has told."""
    return found(await OUTCOMES.one(reader, handover_id))


@router.patch(_PATH, response_model=OutcomeOut, summary="Change the outcome")
async def change_outcome(
    handover_id: UUID,
    body: OutcomePatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. The lead or a manager, until the handover is closed."""
    handover = await load(session, Handover, handover_id)
    outcome = await load(session, Outcome, handover_id)
    handover.require_lead_or_manager(caller)
    match.check(outcome.version)
    require_tellable(handover, caller)
    given = body.model_dump(exclude_unset=True)
    require_answer("/lessons", given.get("lessons"))
    outcome.sqlmodel_update(given)
    outcome.check_sound(handover, now)
    record(session, events.outcome_changed(outcome, *changes(outcome)))
    await session.flush()
    return found(await OUTCOMES.one(reader_of(session), handover_id))
