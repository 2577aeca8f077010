"""Stakeholders of a handover: who at the customer has a say."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, EmailStr, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Line, Moment, Name, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, MatchDep, SessionDep, ViewerDep, concept, found, listed
from services.handover import events
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.contents import load_writable
from services.handover.domain.customer import country_for
from services.handover.domain.handover import Handover
from services.handover.domain.reach import email_key, require_phone
from services.handover.domain.stakeholder import Stakeholder, StakeholderRole

router = concept("stakeholders")
_LIST = "/handovers/{handover_id}/stakeholders"
_ONE = _LIST + "/{stakeholder_id}"


class StakeholderOut(BaseModel):
    """Somebody at the customer."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    name: str
    role: StakeholderRole
    email: str | None
    phone: str | None
    preferences: str | None


class StakeholderPage(BaseModel):
    items: list[StakeholderOut]
    next: str | None


class StakeholderFields(Body):
    email: EmailStr | None = None
    phone: Line | None = Field(
        None,
        examples=["+47 22 00 00 01"],
        description="In any spelling; kept as E.164. Without a country code it is of the customer's country.",
    )
    preferences: Prose | None = Field(None, description="How they want to be met.")


class NewStakeholder(StakeholderFields):
    """Somebody at the customer, to be named."""

    name: Name = Field(examples=["Randi Fjellheim"])
    role: StakeholderRole


class StakeholderPatch(StakeholderFields):
    """JSON Merge Patch of a stakeholder."""

    name: Name = Field(default="")
    role: StakeholderRole = StakeholderRole.user


class StakeholderQuery(PageQuery):
    role: StakeholderRole | None = None


STAKEHOLDERS = Read(StakeholderOut, Stakeholder, filters=["handover_id", "role"])


async def _reachable(
    session: AsyncSession, handover: Handover, given: dict[str, Any]
) -> dict[str, Any]:
    """What was given, with the telephone number and the address in one spelling."""
    if given.get("phone"):
        country = await country_for(session, handover.customer_id)
        given["phone"] = require_phone(given["phone"], country, "/phone")
    if given.get("email"):
        given["email"] = email_key(given["email"])
    return given


@router.post(_LIST, status_code=201, response_model=StakeholderOut, summary="Name a stakeholder")
async def create_stakeholder(
    handover_id: UUID, body: NewStakeholder, caller: CallerDep, session: SessionDep
) -> Response:
    """The seller or a manager, until the handover is submitted."""
    handover = await load(session, Handover, handover_id)
    handover.require_writer(caller)
    given = await _reachable(session, handover, body.model_dump())
    stakeholder = Stakeholder(
        organization_id=caller.organization_id, handover_id=handover_id, **given
    )
    session.add(stakeholder)
    record(session, events.stakeholder_created(stakeholder))
    await session.flush()
    return found(
        await STAKEHOLDERS.one(reader_of(session), stakeholder.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/stakeholders/{stakeholder.id}",
    )


@router.get(_LIST, response_model=StakeholderPage, summary="List stakeholders")
async def list_stakeholders(
    handover_id: UUID,
    query: Annotated[StakeholderQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first."""
    await HANDOVERS.require(reader, handover_id)
    return listed(await STAKEHOLDERS.page(reader, query, handover_id=handover_id), request)


@router.get(_ONE, response_model=StakeholderOut, summary="Get a stakeholder")
async def get_stakeholder(handover_id: UUID, stakeholder_id: UUID, reader: ViewerDep) -> Response:
    """One stakeholder with their ETag."""
    return found(await STAKEHOLDERS.one(reader, stakeholder_id, handover_id=handover_id))


@router.patch(_ONE, response_model=StakeholderOut, summary="Change a stakeholder")
async def change_stakeholder(
    handover_id: UUID,
    stakeholder_id: UUID,
    body: StakeholderPatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. Until the handover is submitted."""
    handover = await load(session, Handover, handover_id)
    stakeholder = await load_writable(session, Stakeholder, handover, stakeholder_id, caller, match)
    given = await _reachable(session, handover, body.model_dump(exclude_unset=True))
    stakeholder.sqlmodel_update(given)
    record(session, events.stakeholder_changed(stakeholder, *changes(stakeholder)))
    await session.flush()
    return found(await STAKEHOLDERS.one(reader_of(session), stakeholder.id))


@router.delete(_ONE, status_code=204, summary="Take a stakeholder off")
async def delete_stakeholder(
    handover_id: UUID,
    stakeholder_id: UUID,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """If-Match is required. Until the handover is submitted."""
    handover = await load(session, Handover, handover_id)
    stakeholder = await load_writable(session, Stakeholder, handover, stakeholder_id, caller, match)
    record(session, events.stakeholder_deleted(stakeholder))
    await session.delete(stakeholder)
    return Response(status_code=204)
