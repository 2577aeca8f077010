"""Customers: who was promised something."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import AfterValidator, BaseModel, EmailStr, Field
from sqlalchemy import Text, bindparam, func
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.country import known_country
from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Line, Link, Moment, Name
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, MatchDep, SessionDep, ViewerDep, concept, found, listed
from services.handover import events
from services.handover.domain.customer import Customer, Source, country_for, keep_keys
from services.handover.domain.reach import email_key, require_phones

router = concept("customers")


Country = Annotated[str, Field(examples=["NO"]), AfterValidator(known_country)]


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
    country: str | None
    registration_number: str | None
    website: str | None
    phones: list[str]
    emails: list[str]


class CustomerPage(BaseModel):
    items: list[CustomerOut]
    next: str | None


class CustomerFields(Body):
    country: Country | None = Field(
        None,
        description="ISO 3166-1 alpha-2: where numbers without a country code are from. "
        "Default: the organization's country.",
    )
    registration_number: Line | None = Field(
        None, examples=["999 888 777"], description="As its country writes it: CVR, orgnr, VAT."
    )
    website: Link | None = None
    phones: list[Line] = Field(
        default_factory=list,
        max_length=20,
        examples=[["+47 22 12 34 56"]],
        description="In any spelling; kept as E.164.",
    )
    emails: list[EmailStr] = Field(
        default_factory=list, max_length=20, description="Kept in lower case."
    )


class NewCustomer(CustomerFields):
    """A customer to be."""

    name: Name = Field(examples=["Fjordkraft Kommune"])
    source: Source = Source.manual
    external_id: Line | None = None


class CustomerPatch(CustomerFields):
    """JSON Merge Patch of a customer."""

    name: Name = Field(default="")


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


async def _reachable(
    session: AsyncSession, given: dict[str, Any], customer: Customer | None = None
) -> dict[str, Any]:
    """What was given, with telephone numbers and addresses in one spelling, each once."""
    if given.get("phones"):
        country = given.get("country", customer and customer.country)
        pointers = [f"/phones/{place}" for place in range(len(given["phones"]))]
        given["phones"] = require_phones(
            given["phones"], country or await country_for(session, None), pointers
        )
    if given.get("emails"):
        given["emails"] = list(dict.fromkeys(map(email_key, given["emails"])))
    return given


@router.post(
    "/customers", status_code=201, response_model=CustomerOut, summary="Register a customer"
)
async def create_customer(body: NewCustomer, caller: CallerDep, session: SessionDep) -> Response:
    """Sellers, delivery and managers register customers."""
    caller.require(Role.seller, Role.delivery, Role.manager)
    given = await _reachable(session, body.model_dump())
    customer = Customer(organization_id=caller.organization_id, **given)
    customer.check_sound()
    session.add(customer)
    record(session, events.customer_created(customer))
    await session.flush()
    await keep_keys(session, customer)
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
    given = await _reachable(session, body.model_dump(exclude_unset=True), customer)
    customer.sqlmodel_update(given)
    customer.check_sound()
    record(session, events.customer_changed(customer, *changes(customer)))
    await session.flush()
    await keep_keys(session, customer)
    return found(await CUSTOMERS.one(reader_of(session), customer.id))
