"""A customer: who was promised something. A second deal for a known customer is the normal case."""

from enum import StrEnum
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.chassis.tables import empty_list, text_enum
from services.handover.domain.base import Row


class Source(StrEnum):
    """Where a customer or a handover came from."""

    manual = "manual"
    csv = "csv"
    hubspot = "hubspot"
    salesforce = "salesforce"
    pipedrive = "pipedrive"


class Customer(Row, table=True):
    """An organization or person that buys. `external_id` is its key in `source`."""

    __tablename__: ClassVar[str] = "customer"
    __table_args__ = (
        UniqueConstraint("organization_id", "source", "external_id"),
        Index("ix_customer_name", "organization_id", "name", "id"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
    )

    name: str
    source: Source = Field(default=Source.manual, sa_type=text_enum(Source, "source"))
    external_id: str | None = None
    registration_number: str | None = None
    website: str | None = None
    phones: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))
    emails: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))
