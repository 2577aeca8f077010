"""Handovers: opened by a seller, by hand; how they move on is in moves.py."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from sqlalchemy import Text, case, cast, func, literal_column
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Line, Moment, Money, Prose, Title
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
from services.handover.domain.base import directory
from services.handover.domain.customer import Source
from services.handover.domain.handover import EngagementType, Handover, Risk, State

router = concept("handovers")


class GapOut(BaseModel):
    """Something the lead found missing."""

    what: str
    why: str


class HandoverOut(BaseModel):
    """A handover."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    customer_id: UUID
    title: str
    engagement_type: EngagementType
    source: Source
    external_id: str | None
    stage_raw: str | None
    is_won: bool
    amount: Money | None
    planned_start: date | None
    planned_end: date | None
    seller_id: UUID
    delivery_lead_id: UUID | None
    situation: str | None
    background: str | None
    assessment: str | None
    recommendation: str | None
    out_of_scope: str | None
    risk: Risk
    state: State
    gaps: list[GapOut]
    cancelled_reason: str | None
    submitted_at: Moment | None
    accepted_at: Moment | None
    completed_at: Moment | None
    closed_at: Moment | None


class HandoverPage(BaseModel):
    items: list[HandoverOut]
    next: str | None


class HandoverFields(Body):
    """What a seller writes, as far as it is known."""

    stage_raw: Line | None = None
    is_won: StrictBool = False
    amount: Money | None = None
    planned_start: Day | None = None
    planned_end: Day | None = None
    delivery_lead_id: UUID | None = None
    situation: Prose | None = Field(None, description="SBAR: what is going on at the customer.")
    background: Prose | None = Field(None, description="SBAR: how it came to this.")
    assessment: Prose | None = Field(None, description="SBAR: what the seller makes of it.")
    recommendation: Prose | None = Field(None, description="SBAR: what delivery should do first.")
    out_of_scope: Prose | None = Field(None, description="What the customer does not get.")
    risk: Risk = Risk.green


class NewHandover(HandoverFields):
    """A handover to be."""

    customer_id: UUID
    title: Title = Field(examples=["Self-service tills for 42 shops"])
    engagement_type: EngagementType
    seller_id: UUID | None = Field(None, description="Default: the caller.")


class HandoverPatch(HandoverFields):
    """JSON Merge Patch of a handover."""

    title: Title = Field(default="")
    engagement_type: EngagementType = EngagementType.fixed_price


class HandoverFilter(BaseModel):
    """Which handovers; unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")

    state: State | None = None
    customer_id: UUID | None = None
    seller_id: UUID | None = None
    delivery_lead_id: UUID | None = None
    source: Source | None = None
    external_id: str | None = Field(None, max_length=500, description="The key in `source`.")
    is_won: bool | None = None


class HandoverQuery(HandoverFilter, PageQuery):
    pass


_h = Handover.__table__.c  # type: ignore[attr-defined]
_amount = case(
    (
        _h.currency.is_not(None),
        func.json_build_object(
            literal_column("'amount'"),
            cast(_h.amount, Text),
            literal_column("'currency'"),
            _h.currency,
        ),
    )
)
HANDOVERS = Read(
    HandoverOut,
    Handover,
    columns={"amount": _amount},
    sorts=["created_at"],
    filters=[
        "state",
        "source",
        "external_id",
        "customer_id",
        "seller_id",
        "delivery_lead_id",
        "is_won",
    ],
)


def _columns(given: dict[str, Any]) -> dict[str, Any]:
    """Fields of the API as columns of the table."""
    if "amount" in given:
        money = given.pop("amount")
        given["amount"] = None if money is None else Decimal(money["amount"])
        given["currency"] = None if money is None else money["currency"]
    return given


@router.post("/handovers", status_code=201, response_model=HandoverOut, summary="Open a handover")
async def create_handover(
    body: NewHandover, caller: CallerDep, runtime: RuntimeDep, session: SessionDep
) -> Response:
    """A seller opens a draft; a manager may open one for a seller."""
    caller.require(Role.seller, Role.manager)
    given = _columns(body.model_dump())
    given["seller_id"] = given["seller_id"] or caller.person_id
    people = {"/delivery_lead_id": body.delivery_lead_id}
    if given["seller_id"] != caller.person_id:
        caller.require(Role.manager)
        people["/seller_id"] = given["seller_id"]
    await directory.require_people(session, runtime.followers["gateway"], people)
    handover = Handover(organization_id=caller.organization_id, **given)
    handover.check_sound()
    record(session, events.handover_created(handover))
    return found(
        await HANDOVERS.add(session, handover),
        status=201,
        location=f"/v1/handovers/{handover.id}",
    )


@router.get("/handovers", response_model=HandoverPage, summary="List handovers")
async def list_handovers(
    query: Annotated[HandoverQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first."""
    return listed(await HANDOVERS.page(reader, query), request)


@router.get("/handovers/{handover_id}", response_model=HandoverOut, summary="Get a handover")
async def get_handover(handover_id: UUID, reader: ViewerDep) -> Response:
    """One handover with its ETag."""
    return found(await HANDOVERS.one(reader, handover_id))


@router.patch("/handovers/{handover_id}", response_model=HandoverOut, summary="Change a handover")
async def change_handover(
    handover_id: UUID,
    body: HandoverPatch,
    caller: CallerDep,
    match: MatchDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. Frozen after submission, but for risk, is_won and stage_raw."""
    handover = await load(session, Handover, handover_id)
    match.check(handover.version)
    given = body.model_dump(exclude_unset=True)
    lead = {"/delivery_lead_id": given.get("delivery_lead_id")}
    await directory.require_people(session, runtime.followers["gateway"], lead)
    handover.revise(_columns(given), caller)
    record(session, events.handover_changed(handover, *changes(handover)))
    await session.flush()
    return found(await HANDOVERS.one(reader_of(session), handover.id))
