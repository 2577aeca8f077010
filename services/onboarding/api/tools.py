"""Tools. Everybody sees them; trainers, managers and admins register them, their owner keeps them."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictBool
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Link, Moment, Name, Prose
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
from services.onboarding import events
from services.onboarding.domain.base import directory
from services.onboarding.domain.tool import Tool

router = concept("tools")


class ToolOut(BaseModel):
    """A tool."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    key: str
    name: str
    owner_id: UUID
    description: str | None
    link: str | None
    competence: str | None
    trains_for_handovers: bool


class ToolPage(BaseModel):
    items: list[ToolOut]
    next: str | None


class ToolFields(Body):
    description: Prose | None = None
    link: Link | None = None
    competence: Key | None = Field(
        None, description="What one must be able to do to use it.", examples=["customer-service"]
    )
    trains_for_handovers: StrictBool = Field(
        False,
        description="Whether an accepted handover that needs the competence, and that nobody staffed on it has, "
        "sends those who are staffed to learn it. Only the owner switches it.",
    )


class NewTool(ToolFields):
    """A tool to be."""

    key: Key = Field(examples=["kundeglimt"], description="Names it for good.")
    name: Name = Field(examples=["Kundeglimt"])
    owner_id: UUID | None = Field(None, description="Default: the caller.")


class ToolPatch(ToolFields):
    """JSON Merge Patch of a tool."""

    name: Name = Field(default="")
    owner_id: UUID = Field(default=UUID(int=0))


class ToolQuery(PageQuery):
    key: Key | None = None
    owner_id: UUID | None = None
    competence: Key | None = None


TOOLS = Read(ToolOut, Tool, sorts=["name"], filters=["key", "owner_id", "competence"])


@router.post("/tools", status_code=201, response_model=ToolOut, summary="Register a tool")
async def create_tool(
    body: NewTool, caller: CallerDep, runtime: RuntimeDep, session: SessionDep
) -> Response:
    """Trainers, managers and admins; a key is used once."""
    caller.require(Role.trainer, Role.manager, Role.admin)
    given = body.model_dump()
    given["owner_id"] = body.owner_id or caller.person_id
    await directory.require_people(
        session, runtime.followers["gateway"], {"/owner_id": body.owner_id}
    )
    tool = Tool(organization_id=caller.organization_id, **given)
    if tool.trains_for_handovers:
        tool.require_switcher(caller)
    tool.check_sound()
    session.add(tool)
    record(session, events.tool_created(tool))
    await session.flush()
    return found(
        await TOOLS.one(reader_of(session), tool.id), status=201, location=f"/v1/tools/{tool.id}"
    )


@router.get("/tools", response_model=ToolPage, summary="List tools")
async def list_tools(
    query: Annotated[ToolQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first, or by name."""
    return listed(await TOOLS.page(reader, query), request)


@router.get("/tools/{tool_id}", response_model=ToolOut, summary="Get a tool")
async def get_tool(tool_id: UUID, reader: ViewerDep) -> Response:
    """One tool with its ETag."""
    return found(await TOOLS.one(reader, tool_id))


@router.patch("/tools/{tool_id}", response_model=ToolOut, summary="Change a tool")
async def change_tool(
    tool_id: UUID,
    body: ToolPatch,
    caller: CallerDep,
    match: MatchDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; its owner or a trainer, its competence a trainer: the owner publishes what gives that."""
    tool = await load(session, Tool, tool_id)
    tool.require_owner_or_trainer(caller)
    match.check(tool.version)
    given = body.model_dump(exclude_unset=True)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/owner_id": given.get("owner_id")}
    )
    if given.get("competence") not in (None, tool.competence):
        caller.require(Role.trainer)
    if given.get("trains_for_handovers", tool.trains_for_handovers) != tool.trains_for_handovers:
        tool.require_switcher(caller)
    tool.sqlmodel_update(given)
    tool.check_sound()
    record(session, events.tool_changed(tool, *changes(tool)))
    await session.flush()
    return found(await TOOLS.one(reader_of(session), tool.id))


@router.delete("/tools/{tool_id}", status_code=204, summary="Remove a tool")
async def delete_tool(
    tool_id: UUID, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """Its owner or a trainer; only while no course is about it (409)."""
    tool = await load(session, Tool, tool_id)
    tool.require_owner_or_trainer(caller)
    match.check(tool.version)
    await session.delete(tool)
    record(session, events.tool_deleted(tool))
    await session.flush()
    return Response(status_code=204)
