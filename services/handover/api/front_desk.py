"""The front desk: somebody calls or walks in; which customer is it?"""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, EmailStr, Field
from starlette.responses import Response

from services.chassis.database import Viewer
from services.chassis.errors import FieldError, Invalid
from services.chassis.fields import Line
from services.chassis.web import ViewerDep, concept
from services.handover.api.customers import Country
from services.handover.domain.customer import KeyKind
from services.handover.domain.lookup import find_customers
from services.handover.domain.organization import home_country_of
from services.handover.domain.reach import email_key, registration_key, require_phone

router = concept("front desk")


class MatchedBy(StrEnum):
    """Whose number or address it is."""

    customer = "customer"
    contact = "contact"
    stakeholder = "stakeholder"


class MatchOut(BaseModel):
    """Why the customer was found; `name` is the person's, `handover_id` the stakeholder's handover."""

    by: MatchedBy
    id: UUID
    name: str | None
    handover_id: UUID | None


class CustomerCard(BaseModel):
    """A customer, in short."""

    id: UUID
    name: str
    country: str | None
    registration_number: str | None
    website: str | None
    phones: list[str]
    emails: list[str]


class FoundCustomer(BaseModel):
    """A customer that it may be, and why."""

    customer: CustomerCard
    matched: list[MatchOut]


class LookupOut(BaseModel):
    """What was looked for, in the spelling in which it is kept, and whom it led to: the newest 20 of `total`."""

    kind: KeyKind
    value: str = Field(examples=["+4722123456"])
    items: list[FoundCustomer]
    total: int


def _plus(text: Any) -> Any:
    # `+` in a query means a space unless it is written %2B, which people forget.
    return f"+{text[1:]}" if isinstance(text, str) and text[:1] == " " else text


class LookupQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    phone: Annotated[Line, BeforeValidator(_plus)] | None = Field(
        None, examples=["+47 22 12 34 56"], description="In any spelling."
    )
    email: EmailStr | None = Field(None, description="In any case.")
    registration_number: Line | None = Field(
        None, examples=["NO 999 888 777 MVA"], description="In any spelling."
    )
    country: Country | None = Field(
        None,
        description="Where a phone number without a country code is from. "
        "Default: the organization's country.",
    )


@router.get("/customers/lookup", response_model=LookupOut, summary="Who is calling")
async def lookup_customers(query: Annotated[LookupQuery, Query()], reader: ViewerDep) -> Response:
    """By exactly one of phone, email and registration number; of customers, contacts and stakeholders. Everybody may."""
    kind, value = await _asked(query, reader)
    items, total = await find_customers(reader, kind, value)
    head = LookupOut(kind=kind, value=value, items=[], total=total)
    body = head.model_dump_json().replace('"items":[]', f'"items":[{",".join(items)}]', 1)
    return Response(body, media_type="application/json")


async def _asked(query: LookupQuery, reader: Viewer) -> tuple[KeyKind, str]:
    """What to look for, in the spelling in which it is kept; raises `Invalid`."""
    given = [kind for kind in KeyKind if getattr(query, kind) is not None]
    if len(given) != 1:
        raise Invalid(
            "Look for one thing: a phone, an email or a registration_number.",
            errors=[
                FieldError(f"/{kind}", "Give exactly one of the three.", where="query")
                for kind in given or KeyKind
            ],
        )
    if query.email is not None:
        return KeyKind.email, email_key(query.email)
    if query.registration_number is not None:
        number = registration_key(query.registration_number)
        if number is None:
            raise Invalid(
                "A registration number has digits.",
                errors=[
                    FieldError("/registration_number", "There is no number in it.", where="query")
                ],
            )
        return KeyKind.registration_number, number
    country = query.country or await home_country_of(reader)
    phone = require_phone(query.phone or "-", country, "/phone", "query")
    return KeyKind.phone, str(phone)
