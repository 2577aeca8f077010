"""The front desk: somebody calls or walks in; which customer is it?"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, EmailStr, Field, create_model
from starlette.responses import Response

from services.chassis.database import Viewer
from services.chassis.errors import FieldError, Invalid
from services.chassis.fields import Line, Moment
from services.chassis.web import CallerDep, NowDep, ViewerDep, concept
from services.handover.api.customers import Country
from services.handover.domain.customer import KeyKind
from services.handover.domain.glance import glance_at
from services.handover.domain.handover import Risk, State
from services.handover.domain.lookup import find_customers
from services.handover.domain.organization import home_country_of, time_zone_of
from services.handover.domain.promise import PromiseKind, PromiseState
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


class GlancePromise(BaseModel):
    """A promise that binds us, or waits for a stance."""

    id: UUID
    handover_id: UUID
    statement: str
    kind: PromiseKind
    state: PromiseState
    due_on: date | None
    overdue: bool


class GlancePromises(BaseModel):
    """Live promises of open handovers, the soonest first: ten of `total`, of which `overdue` are late."""

    total: int
    overdue: int
    items: list[GlancePromise]


# `as` is a word of the language, so a class cannot spell it.
_AS: Any = {"as": (Literal["delivery_lead", "seller"], ...)}
As: Any = create_model("As", **_AS)


class Responsible(As):
    """Who answers for it now: the delivery lead, or the seller while there is none."""

    person_id: UUID
    name: str
    email: str


class GlanceHandover(BaseModel):
    """A handover that has not ended."""

    id: UUID
    title: str
    state: State
    risk: Risk
    planned_end: date | None
    responsible: Responsible | None


class GlanceHandovers(BaseModel):
    """Open handovers, the newest ten of `total`."""

    total: int
    items: list[GlanceHandover]


class GlanceQuestion(BaseModel):
    """A blocking question that nobody has answered well enough."""

    id: UUID
    handover_id: UUID
    text: str
    due_on: date | None


class GlanceQuestions(BaseModel):
    """Open blocking questions, the soonest ten of `total`."""

    total: int
    items: list[GlanceQuestion]


class ToldKind(StrEnum):
    """Where it was written down."""

    log = "log"
    voice = "voice"


class GlanceTold(BaseModel):
    """What they told us: a meeting, call or e-mail of the log, or their own words where they let us share them."""

    kind: ToldKind
    id: UUID
    handover_id: UUID
    at: Moment
    how: str | None = Field(examples=["meeting"])
    text: str
    said_by: str | None


class GlanceOut(BaseModel):
    """A customer who just walked in."""

    customer: CustomerCard
    promises: GlancePromises
    handovers: GlanceHandovers
    blocking_questions: GlanceQuestions
    last_told: list[GlanceTold]


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


@router.get(
    "/customers/{customer_id}/glance", response_model=GlanceOut, summary="Who just walked in"
)
async def glance_at_customer(
    customer_id: UUID, caller: CallerDep, now: NowDep, reader: ViewerDep
) -> Response:
    """What we promised, what is open, what they last told us, who is responsible. Everybody may read it."""
    zone = await time_zone_of(reader, caller.person_id)
    glance = await glance_at(reader, customer_id, now.astimezone(zone).date())
    return Response(glance, media_type="application/json")


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
