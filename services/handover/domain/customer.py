"""A customer: who was promised something. A second deal for a known customer is the normal case."""

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, UniqueConstraint, Uuid, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field

from services.chassis.database import organization_of, reader_of
from services.chassis.errors import FieldError, Invalid
from services.chassis.tables import empty_list, refers_to, text_enum
from services.handover.domain.base import SCHEMA, Row, metadata
from services.handover.domain.organization import home_country_of
from services.handover.domain.reach import email_key, registration_key


class Source(StrEnum):
    """Where a customer or a handover came from."""

    manual = "manual"
    csv = "csv"
    hubspot = "hubspot"
    salesforce = "salesforce"
    pipedrive = "pipedrive"


class KeyKind(StrEnum):
    """By what a customer is found at the front desk."""

    phone = "phone"
    email = "email"
    registration_number = "registration_number"


class Customer(Row, table=True):
    """An organization or person that buys. `external_id` is its key in `source`; `country` where its numbers are from."""

    __tablename__: ClassVar[str] = "customer"
    __table_args__ = (
        UniqueConstraint("organization_id", "source", "external_id"),
        Index("ix_customer_name", "organization_id", "name", "id"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_code"),
    )

    name: str
    source: Source = Field(default=Source.manual, sa_type=text_enum(Source, "source"))
    external_id: str | None = None
    country: str | None = None
    registration_number: str | None = None
    website: str | None = None
    phones: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))
    emails: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))

    def keys(self) -> Iterator[tuple[KeyKind, str]]:
        """By what it is found."""
        for phone in self.phones:
            yield KeyKind.phone, phone
        for email in self.emails:
            yield KeyKind.email, email_key(email)
        if self.registration_number is not None:
            number = registration_key(self.registration_number)
            if number is not None:
                yield KeyKind.registration_number, number

    def check_sound(self) -> None:
        """The rules of its fields; raises `Invalid`."""
        if (
            self.registration_number is not None
            and registration_key(self.registration_number) is None
        ):
            raise Invalid(
                "A registration number has digits.",
                errors=[FieldError("/registration_number", "There is no number in it.")],
            )


class Contact(Row, table=True):
    """Somebody at the customer, whatever the deal."""

    __tablename__: ClassVar[str] = "contact"
    __table_args__ = (
        refers_to(SCHEMA, "customer", "customer_id"),
        Index("ix_contact_customer", "organization_id", "customer_id", "id"),
        Index("ix_contact_phone", "organization_id", "phone"),
        Index("ix_contact_email", "organization_id", "email"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
    )

    customer_id: UUID
    name: str
    job_title: str | None = None
    email: str | None = None
    phone: str | None = None


# What a customer's lists and number say, a row each: an index on an array is not used under row-level security, since its
# operator might leak what it compares.
customer_key = Table(
    "customer_key",
    metadata,
    Column("organization_id", Uuid, primary_key=True),
    Column("kind", text_enum(KeyKind, "kind"), primary_key=True),
    Column("value", Text, primary_key=True),
    Column("customer_id", Uuid, primary_key=True),
    refers_to(SCHEMA, "customer", "customer_id"),
    Index("ix_customer_key_customer", "organization_id", "customer_id"),
)


async def keep_keys(session: AsyncSession, customer: Customer) -> None:
    """Let the customer be found by what it is reached by now. The customer must be flushed."""
    keys = customer_key.c
    await session.execute(
        customer_key.delete().where(
            keys.organization_id == customer.organization_id, keys.customer_id == customer.id
        )
    )
    rows = [
        {
            "organization_id": customer.organization_id,
            "kind": kind,
            "value": value,
            "customer_id": customer.id,
        }
        for kind, value in dict.fromkeys(customer.keys())
    ]
    if rows:
        await session.execute(customer_key.insert(), rows)


async def country_for(session: AsyncSession, customer_id: UUID | None) -> str | None:
    """Where a number without a country code is from: the customer's country, else the organization's own."""
    columns = Customer.__table__.c  # type: ignore[attr-defined]
    country: str | None = None
    if customer_id is not None:
        country = await session.scalar(
            select(columns.country).where(
                columns.organization_id == organization_of(session), columns.id == customer_id
            )
        )
    return country or await home_country_of(reader_of(session))
