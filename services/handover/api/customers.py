"""Customers: who was promised something."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, EmailStr, Field
from sqlalchemy import Text, bindparam, func
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Line, Link, Moment, Name
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, MatchDep, SessionDep, ViewerDep, concept, found, listed
from services.handover import events
from services.handover.domain.customer import Customer, Source

router = concept("customers")


class CustomerOut(BaseModel):
    """A customer."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    name: str
    source: Source
    external_id: str | None
    registration_number: str | None
    website: str | None
    phones: list[str]
    emails: list[str]


class CustomerPage(BaseModel):
    items: list[CustomerOut]
    next: str | None


class NewCustomer(Body):
    """A customer to be."""

    name: Name = Field(examples=["Fjordkraft Kommune"])
    source: Source = Source.manual
    external_id: Line | None = None
    registration_number: Line | None = Field(None, examples=["999 888 777"])
    website: Link | None = None
    phones: list[Line] = Field(default_factory=list, max_length=20)
    emails: list[EmailStr] = Field(default_factory=list, max_length=20)


class CustomerPatch(Body):
    """JSON Merge Patch of a customer."""

    name: Name = Field(default="")
    registration_number: Line | None = None
    website: Link | None = None
    phones: list[Line] = Field(default_factory=list, max_length=20)
    emails: list[EmailStr] = Field(default_factory=list, max_length=20)


class CustomerQuery(PageQuery):
    source: Source | None = None
    name: Name | None = Field(None, description="Part of the name, in any case.")


_name = Customer.__table__.c.name  # type: ignore[attr-defined]
CUSTOMERS = Read(
    CustomerOut,
    Customer,
    sorts=["name"],
    filters=["source"],
    conditions={
        "name": func.strpos(func.lower(_name), func.lower(bindparam("name", type_=Text))) > 0
    },
)


@router.post(
    "/customers", status_code=201, response_model=CustomerOut, summary="Register a customer"
)
async def create_customer(body: NewCustomer, caller: CallerDep, session: SessionDep) -> Response:
    """Sellers, delivery and managers register customers."""
    caller.require(Role.seller, Role.delivery, Role.manager)
    customer = Customer(organization_id=caller.organization_id, **body.model_dump())
    session.add(customer)
    record(session, events.customer_created(customer))
    await session.flush()
    return found(
        await CUSTOMERS.one(reader_of(session), customer.id),
        status=201,
        location=f"/v1/customers/{customer.id}",
    )


@router.get("/customers", response_model=CustomerPage, summary="List customers")
async def list_customers(
    query: Annotated[CustomerQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first, or by name."""
    return listed(await CUSTOMERS.page(reader, query), request)


@router.get("/customers/{customer_id}", response_model=CustomerOut, summary="Get a customer")
async def get_customer(customer_id: UUID, reader: ViewerDep) -> Response:
    """One customer with its ETag."""
    return found(await CUSTOMERS.one(reader, customer_id))


@router.patch("/customers/{customer_id}", response_model=CustomerOut, summary="Change a customer")
async def change_customer(
    customer_id: UUID, body: CustomerPatch, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """JSON Merge Patch; If-Match is required."""
    caller.require(Role.seller, Role.delivery, Role.manager)
    customer = await load(session, Customer, customer_id)
    match.check(customer.version)
    customer.sqlmodel_update(body.model_dump(exclude_unset=True))
    record(session, events.customer_changed(customer, *changes(customer)))
    await session.flush()
    return found(await CUSTOMERS.one(reader_of(session), customer.id))
