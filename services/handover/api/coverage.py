"""Coverage: whether the firm has the people that a handover needs."""

import asyncio
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson
import structlog
from pydantic import BaseModel, Field
from sqlalchemy import exc
from starlette.responses import Response

from services.chassis.errors import Unavailable
from services.chassis.fields import Moment
from services.chassis.listeners import FeedFollower
from services.chassis.web import CallerDep, NowDep, RuntimeDep, concept
from services.handover.api.competence_needs import Period
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.coverage import (
    CoverageState,
    NeedCoverage,
    cover,
    known_to,
    last_applied,
    needs_of,
    overall,
)

log = structlog.get_logger(__name__)
router = concept("coverage")

# Longer than this nobody waits; the copy as it is then answers.
_PATIENCE_SECONDS = 2.0


class CoveringPersonOut(BaseModel):
    """Somebody who has the competence; `until` is the last day on which it holds."""

    person_id: UUID
    name: str
    level: int
    since: date
    until: date | None


class NeedCoverageOut(Period):
    """A need, and who has what it takes for all of its time."""

    need_id: UUID
    competence: str = Field(examples=["data-migration"])
    level: int
    headcount: int
    state: CoverageState
    have: int
    trainable: bool = Field(description="Whether a course can be taken that grants it.")
    people: list[CoveringPersonOut]


class CoverageOut(BaseModel):
    """Whether the needs are covered, as known at `as_of`; null means that nothing was ever heard."""

    handover_id: UUID
    state: CoverageState
    as_of: Moment | None
    needs: list[NeedCoverageOut]


async def _catch_up(follower: FeedFollower) -> datetime | None:
    """Hear what onboarding has told until now; the moment of the last success when that is not possible."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await follower.catch_up()
    except (
        TimeoutError,
        Unavailable,
        httpx.HTTPError,
        asyncpg.PostgresError,
        exc.SQLAlchemyError,
    ) as error:
        log.warning("coverage_from_the_copy", source=follower.source, error=repr(error))
    return follower.caught_up_at


@router.get(
    "/handovers/{handover_id}/coverage",
    response_model=CoverageOut,
    summary="Who can do what it needs",
)
async def get_handover_coverage(
    handover_id: UUID, caller: CallerDep, now: NowDep, runtime: RuntimeDep
) -> Response:
    """From handover's own copy of what onboarding tells, brought up to date first. `unknown` where it cannot be known."""
    as_of = await _catch_up(runtime.followers["onboarding"])
    async with runtime.database.reading(caller.organization_id) as reader:
        await HANDOVERS.require(reader, handover_id)
        if as_of is None:
            as_of = await last_applied(reader)
        known = None if as_of is None else await known_to(reader, handover_id)
        covered = [cover(need, known, now.date()) for need in await needs_of(reader, handover_id)]
    body = {
        "handover_id": handover_id,
        "state": overall(one.state for one in covered),
        "as_of": as_of,
        "needs": [_shown(one) for one in covered],
    }
    return Response(orjson.dumps(body, default=str), media_type="application/json")


def _shown(covered: NeedCoverage) -> dict[str, Any]:
    need = covered.need
    return {
        "need_id": need.id,
        "competence": need.competence,
        "level": need.level,
        "headcount": need.headcount,
        "from": need.starts_on,
        "to": need.ends_on,
        "state": covered.state,
        "have": len(covered.people),
        "trainable": covered.trainable,
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
