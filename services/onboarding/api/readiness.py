"""How ready a rollout is: each team with its denominator, who is missing and who is left out."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.chassis.caller import Caller
from services.chassis.web import CallerDep, NowDep, ReaderDep, concept
from services.onboarding.domain.assignment import STEERING
from services.onboarding.domain.readiness import (
    NAMED,
    TEAMS,
    Asked,
    gate_of,
    readiness,
    require_sees,
)

router = concept("rollouts")


class MissingPerson(BaseModel):
    """Somebody who counts and is not trained; `lacks` are the curricula still to be completed, `lacks_titles` their titles.

    `reason` is suspended where somebody asked that one of them rests.
    """

    person_id: UUID
    name: str
    lacks: list[UUID]
    lacks_titles: list[str]
    reason: Literal["suspended"] | None


class LeftOutPerson(BaseModel):
    """Somebody who does not count, and why."""

    person_id: UUID
    name: str
    reason: Literal["inactive", "suspended", "not_in_audience"]


class MissingPeople(BaseModel):
    """Who is missing: how many, and by name as far as asked for and allowed."""

    total: int
    people: list[MissingPerson]


class WaivedPerson(BaseModel):
    """Somebody who has everything that is required, some of it by a waiver that holds on the day."""

    person_id: UUID
    name: str


class WaivedPeople(BaseModel):
    """Who counts for the gate by a waiver: how many, and by name as far as asked for and allowed."""

    total: int
    people: list[WaivedPerson]


class LeftOutReasons(BaseModel):
    """How many do not count for which reason: not active; resting, as they left a rule's audience; in the team, but not meant."""

    inactive: int
    suspended: int
    not_in_audience: int


class LeftOutPeople(BaseModel):
    """Who does not count: how many, why, and by name as far as asked for and allowed."""

    total: int
    by_reason: LeftOutReasons
    people: list[LeftOutPerson]


class TeamReadiness(BaseModel):
    """A team against the gate: `have`, trained or waived, of `of` who count, where `need` are needed.

    `override_id` lets it through.
    """

    team_id: UUID | None
    team_name: str | None
    of: int
    trained: int
    have: int
    need: int
    met: bool
    empty: Literal["no_people", "all_left_out"] | None = Field(
        description="Why nobody of the team counts, where nobody does. Only a team without people keeps nobody from going live."
    )
    override_id: UUID | None
    missing: MissingPeople
    waived: WaivedPeople
    left_out: LeftOutPeople


class Readiness(BaseModel):
    """A rollout against its gate on a day. `may_go_live` says that every team meets it or has an override."""

    rollout_id: UUID
    on: date
    min_pct: int
    may_go_live: bool
    of: int
    trained: int
    waived: int
    missing: int
    left_out: int
    teams_total: int
    teams: list[TeamReadiness]


class ReadinessQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    people: int = Field(NAMED, ge=0, le=200, description="People at most that are named of each.")
    teams: int = Field(TEAMS, ge=1, le=1000, description="Teams at most; first those that lack.")


@router.get("/rollouts/{rollout_id}/readiness", response_model=Readiness, summary="How ready it is")
async def get_rollout_readiness(
    rollout_id: UUID,
    query: Annotated[ReadinessQuery, Query()],
    caller: CallerDep,
    now: NowDep,
    reader: ReaderDep,
) -> Response:
    """Trainers, managers, admins and the owner of the tool; others see names of those whom they manage or lead."""
    gate, owner_id = await gate_of(reader, rollout_id)
    asked = asked_by(caller, owner_id, now.date(), people=query.people, teams=query.teams)
    told = await readiness(reader, gate, asked)
    require_sees(told)
    shown = {name: told[name] for name in Readiness.model_fields}
    return Response(orjson.dumps(shown), media_type="application/json")


def asked_by(caller: Caller, owner_id: UUID, on: date, *, people: int = 0, teams: int) -> Asked:
    """What is asked for: who steers learning or owns the tool sees names of every team."""
    sees_all = caller.has(*STEERING) or owner_id == caller.person_id
    return Asked(on, None if sees_all else caller.person_id, people, teams)
