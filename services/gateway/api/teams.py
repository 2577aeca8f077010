"""Teams. Everybody sees them; admins and managers change them. Who is in a team stands with the people."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.errors import FieldError, Invalid, NotFound
from services.chassis.events import changes, record
from services.chassis.fields import Body, Moment, Name
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, MatchDep, SessionDep, ViewerDep, concept, found, listed
from services.gateway import events
from services.gateway.domain.person import Person
from services.gateway.domain.team import Team

router = concept("teams")


class TeamOut(BaseModel):
    """A team."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    name: str
    lead_id: UUID | None


class TeamPage(BaseModel):
    items: list[TeamOut]
    next: str | None


class NewTeam(Body):
    """A team to be."""

    name: Name = Field(examples=["Levering Oslo"])
    lead_id: UUID | None = None


class TeamPatch(Body):
    """JSON Merge Patch of a team."""

    name: Name = Field(default="")
    lead_id: UUID | None = None


TEAMS = Read(TeamOut, Team, sorts=["name"])


async def _require_lead(session: AsyncSession, lead_id: UUID | None) -> None:
    if lead_id is None:
        return
    try:
        await load(session, Person, lead_id, lock=False)
    except NotFound as error:
        raise Invalid(
            "The lead is not known.", errors=[FieldError("/lead_id", "There is no such person.")]
        ) from error


@router.post("/teams", status_code=201, response_model=TeamOut, summary="Found a team")
async def create_team(body: NewTeam, caller: CallerDep, session: SessionDep) -> Response:
    """Admins and managers; a name is used once."""
    caller.require(Role.admin, Role.manager)
    await _require_lead(session, body.lead_id)
    team = Team(organization_id=caller.organization_id, **body.model_dump())
    session.add(team)
    record(session, events.team_created(team))
    await session.flush()
    return found(
        await TEAMS.one(reader_of(session), team.id), status=201, location=f"/v1/teams/{team.id}"
    )


@router.get("/teams", response_model=TeamPage, summary="List teams")
async def list_teams(
    query: Annotated[PageQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first, or by name."""
    return listed(await TEAMS.page(reader, query), request)


@router.get("/teams/{team_id}", response_model=TeamOut, summary="Get a team")
async def get_team(team_id: UUID, reader: ViewerDep) -> Response:
    """One team with its ETag."""
    return found(await TEAMS.one(reader, team_id))


@router.patch("/teams/{team_id}", response_model=TeamOut, summary="Change a team")
async def change_team(
    team_id: UUID, body: TeamPatch, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """JSON Merge Patch; admins and managers."""
    caller.require(Role.admin, Role.manager)
    team = await load(session, Team, team_id)
    match.check(team.version)
    given = body.model_dump(exclude_unset=True)
    await _require_lead(session, given.get("lead_id"))
    team.sqlmodel_update(given)
    record(session, events.team_changed(team, *changes(team)))
    await session.flush()
    return found(await TEAMS.one(reader_of(session), team.id))


@router.delete("/teams/{team_id}", status_code=204, summary="Dissolve a team")
async def delete_team(
    team_id: UUID, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """Admins and managers; only when nobody is in it any more (409)."""
    caller.require(Role.admin, Role.manager)
    team = await load(session, Team, team_id)
    match.check(team.version)
    await session.delete(team)
    record(session, events.team_deleted(team))
    await session.flush()
    return Response(status_code=204)
