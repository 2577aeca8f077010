"""The caller's own organization."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StrictInt
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.country import known_country
from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Moment, Name
from services.chassis.reads import Read
from services.chassis.web import CallerDep, MatchDep, SessionDep, ViewerDep, concept, found
from services.gateway import events
from services.gateway.api.people import Locale, TimeZone
from services.gateway.domain.organization import Organization

router = concept("organization")

WorkingDay = Annotated[StrictInt, Field(ge=1, le=7)]
Country = Annotated[str, AfterValidator(known_country)]
Holiday = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class OrganizationOut(BaseModel):
    """An organization."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    name: str
    locale: str
    time_zone: str
    country: str | None
    working_days: list[int]
    holidays: list[str]


class OrganizationPatch(Body):
    """JSON Merge Patch of an organization."""

    name: Name = Field(default="")
    locale: Locale = Field(default="en")
    time_zone: TimeZone = Field(default="Europe/Oslo")
    country: Country | None = Field(
        None,
        description="ISO 3166-1. Whose public holidays are days off, and whose telephone numbers need no country code.",
        examples=["NO"],
    )
    working_days: list[WorkingDay] = Field(
        default_factory=list, max_length=7, description="Monday is 1."
    )
    holidays: list[Holiday] = Field(
        default_factory=list, max_length=400, description="Days off beside the public holidays."
    )


ORGANIZATIONS = Read(OrganizationOut, Organization)


@router.get("/organization", response_model=OrganizationOut, summary="Get your organization")
async def get_organization(reader: ViewerDep) -> Response:
    """Name, language, time zone, working days."""
    return found(await ORGANIZATIONS.one(reader, reader.organization_id))


@router.patch("/organization", response_model=OrganizationOut, summary="Change your organization")
async def change_organization(
    body: OrganizationPatch, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """JSON Merge Patch; admins only."""
    caller.require(Role.admin)
    organization = await load(session, Organization, caller.organization_id)
    match.check(organization.version)
    organization.sqlmodel_update(body.model_dump(exclude_unset=True))
    record(session, events.organization_changed(organization, *changes(organization)))
    await session.flush()
    return found(await ORGANIZATIONS.one(reader_of(session), organization.id))
