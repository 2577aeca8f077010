"""When each team of a rollout will be ready."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.chassis.web import CallerDep, NowDep, ReaderDep, concept
from services.onboarding.api.readiness import asked_by
from services.onboarding.domain.forecast import Standing, forecast
from services.onboarding.domain.readiness import TEAMS, gate_of, require_sees

router = concept("rollouts")

_METHOD = """Trainers, managers, admins, the owner of the tool, and who leads a team or people in one.

What is left is the least number of minutes that still leads each missing person through the required curricula. The
pace is what the team's people completed in the last ten working days, today included, or since the first of them was
assigned it, where that is less long ago: mean μ and variance σ² of a person's minutes on a working day. A person with
R minutes left is through within n working days with probability Φ((n·μ - R) / (σ·√n)); the team is ready when as many
as it still needs are through, people taken as independent. `p50` and `p80` are the first working days of the
organization on which that is at least 50 and 80 % likely. Where a course takes place in sessions, they are moved to
the day by which there were seats for everybody in the rollout who still needs one. Without a pace the days are
`unknown`. The same facts always give the same days."""


class TeamForecast(BaseModel):
    """A team: `have` of `of`, where `need` are needed, and the days by which it is ready with 50 and 80 %.

    `pace` is in minutes a person completes on a working day; `chance_pct` that of being ready on the day to go live.
    """

    team_id: UUID | None
    team_name: str | None
    of: int
    have: int
    need: int
    state: Standing
    empty: Literal["no_people", "all_left_out"] | None = Field(
        description="Why nobody of the team counts, where nobody does."
    )
    minutes_left: int = Field(description="Of all who are missing, together.")
    pace: float | None
    p50: date | None
    p80: date | None
    chance_pct: int | None
    seats_on: date | None = Field(
        description="By then there were seats in sessions for everybody who needs one."
    )
    too_few_seats: bool


class RolloutForecast(BaseModel):
    """When each team will be ready, as of a day."""

    rollout_id: UUID
    on: date
    go_live_on: date
    teams_total: int
    teams: list[TeamForecast]


class ForecastQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    teams: int = Field(TEAMS, ge=1, le=1000, description="Teams at most; first those that lack.")


@router.get(
    "/rollouts/{rollout_id}/forecast",
    response_model=RolloutForecast,
    summary="When it will be ready",
    description=_METHOD,
)
async def get_rollout_forecast(
    rollout_id: UUID,
    query: Annotated[ForecastQuery, Query()],
    caller: CallerDep,
    now: NowDep,
    reader: ReaderDep,
) -> Response:
    """The p50 and p80 day of each team; the description says how."""
    gate, owner_id = await gate_of(reader, rollout_id)
    asked = asked_by(caller, owner_id, now.date(), teams=query.teams)
    told = await forecast(reader, gate, asked, now)
    require_sees(told)
    shown = {name: told[name] for name in RolloutForecast.model_fields}
    return Response(orjson.dumps(shown), media_type="application/json")
