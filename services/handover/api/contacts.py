"""Contacts of a customer: whom to call, whatever the deal."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, EmailStr, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.errors import NotFound
from services.chassis.events import changes, record
from services.chassis.fields import Body, Line, Moment, Name
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, MatchDep, SessionDep, ViewerDep, concept, found, listed
from services.handover import events
from services.handover.api.customers import CUSTOMERS
from services.handover.domain.customer import Contact, Customer, country_for
from services.handover.domain.reach import email_key, require_phone

router = concept("customers")
_LIST = "/customers/{customer_id}/contacts"
_ONE = _LIST + "/{contact_id}"


class ContactOut(BaseModel):
    """Somebody at the customer."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    customer_id: UUID
    name: str
    job_title: str | None
    email: str | None
    phone: str | None


class ContactPage(BaseModel):
    items: list[ContactOut]
    next: str | None


class ContactFields(Body):
    job_title: Line | None = Field(None, examples=["Head of shops"])
    email: EmailStr | None = Field(None, description="Kept in lower case.")
    phone: Line | None = Field(
        None,
        examples=["+47 22 00 00 02"],
        description="In any spelling; kept as E.164. Without a country code it is of the customer's country.",
    )


class NewContact(ContactFields):
    """Somebody at the customer, to be known."""

    name: Name = Field(examples=["Randi Fjellheim"])


class ContactPatch(ContactFields):
    """JSON Merge Patch of a contact."""

    name: Name = Field(default="")


CONTACTS = Read(ContactOut, Contact, sorts=["name"], filters=["customer_id"])


async def _reachable(
    session: AsyncSession, customer_id: UUID, given: dict[str, Any]
) -> dict[str, Any]:
    if given.get("phone"):
        country = await country_for(session, customer_id)
        given["phone"] = require_phone(given["phone"], country, "/phone")
    if given.get("email"):
        given["email"] = email_key(given["email"])
    return given


async def _load(session: AsyncSession, customer_id: UUID, contact_id: UUID) -> Contact:
    contact = await load(session, Contact, contact_id)
    if contact.customer_id != customer_id:
        raise NotFound("There is no such {thing}.", thing="contact")
    return contact


@router.post(_LIST, status_code=201, response_model=ContactOut, summary="Name a contact")
async def create_contact(
    customer_id: UUID, body: NewContact, caller: CallerDep, session: SessionDep
) -> Response:
    """Sellers, delivery and managers, at any time."""
    caller.require(Role.seller, Role.delivery, Role.manager)
    await load(session, Customer, customer_id, lock=False)
    given = await _reachable(session, customer_id, body.model_dump())
    contact = Contact(organization_id=caller.organization_id, customer_id=customer_id, **given)
    record(session, events.contact_created(contact))
    return found(
        await CONTACTS.add(session, contact),
        status=201,
        location=f"/v1/customers/{customer_id}/contacts/{contact.id}",
    )


@router.get(_LIST, response_model=ContactPage, summary="List contacts")
async def list_contacts(
    customer_id: UUID,
    query: Annotated[PageQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first, or by name. Everybody may read them."""
    await CUSTOMERS.require(reader, customer_id)
    return listed(await CONTACTS.page(reader, query, customer_id=customer_id), request)


@router.get(_ONE, response_model=ContactOut, summary="Get a contact")
async def get_contact(customer_id: UUID, contact_id: UUID, reader: ViewerDep) -> Response:
    """One contact with its ETag."""
    return found(await CONTACTS.one(reader, contact_id, customer_id=customer_id))


@router.patch(_ONE, response_model=ContactOut, summary="Change a contact")
async def change_contact(
    customer_id: UUID,
    contact_id: UUID,
    body: ContactPatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. Sellers, delivery and managers."""
    contact = await _load(session, customer_id, contact_id)
    caller.require(Role.seller, Role.delivery, Role.manager)
    match.check(contact.version)
    given = await _reachable(session, customer_id, body.model_dump(exclude_unset=True))
    contact.sqlmodel_update(given)
    record(session, events.contact_changed(contact, *changes(contact)))
    await session.flush()
    return found(await CONTACTS.one(reader_of(session), contact.id))


@router.delete(_ONE, status_code=204, summary="Take a contact off")
async def delete_contact(
    customer_id: UUID, contact_id: UUID, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """If-Match is required. Sellers, delivery and managers."""
    contact = await _load(session, customer_id, contact_id)
    caller.require(Role.seller, Role.delivery, Role.manager)
    match.check(contact.version)
    record(session, events.contact_deleted(contact))
    await session.delete(contact)
    return Response(status_code=204)
