"""People of the organization. Everybody sees them; admins change them."""

from datetime import date
from typing import Annotated
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import Query, Request
from pydantic import AfterValidator, BaseModel, EmailStr, Field, StrictBool
from sqlalchemy import Text, bindparam, func
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.errors import FieldError, Invalid, NotFound, Unfit
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Line, Moment, Name, Tag
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, MatchDep, SessionDep, ViewerDep, concept, found, listed
from services.gateway import events
from services.gateway.domain.person import Person
from services.gateway.domain.team import Team

router = concept("people")


def _sorted_once(tags: list[str]) -> list[str]:
    """Each tag once, in order: the same tags are the same list."""
    return sorted(set(tags))


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise Unfit("This is not a time zone of the IANA database, such as Europe/Stockholm.")
    return name


TimeZone = Annotated[str, Field(max_length=60), AfterValidator(_known_zone)]
Tags = Annotated[list[Tag], Field(max_length=50), AfterValidator(_sorted_once)]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", examples=["nb"])]


class PersonOut(BaseModel):
    """A person."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    name: str
    email: str
    external_id: str | None
    active: bool
    hire_date: date | None
    job_role: str | None
    location: str | None
    team_id: UUID | None
    manager_id: UUID | None
    time_zone: str | None
    locale: str | None
    roles: list[Role]
    tags: list[str]


class PersonPage(BaseModel):
    items: list[PersonOut]
    next: str | None


class PersonFields(Body):
    external_id: Line | None = None
    active: StrictBool = True
    hire_date: Day | None = None
    job_role: Line | None = None
    location: Line | None = None
    team_id: UUID | None = None
    manager_id: UUID | None = None
    time_zone: TimeZone | None = None
    locale: Locale | None = None
    roles: list[Role] = Field(default_factory=list, max_length=len(Role))
    tags: Tags = Field(
        default_factory=list, description="For audiences to choose by.", examples=[["counter"]]
    )


class NewPerson(PersonFields):
    """A person to be."""

    name: Name = Field(examples=["Åse Bjørnstad"])
    email: EmailStr = Field(examples=["ase@nordlys.example"])


class PersonPatch(PersonFields):
    """JSON Merge Patch of a person. `active: false` locks them out."""

    name: Name = Field(default="")
    email: EmailStr = Field(default="")


class PersonQuery(PageQuery):
    team_id: UUID | None = None
    manager_id: UUID | None = None
    active: bool | None = None
    email: str | None = Field(None, max_length=320)


_p = Person.__table__.c  # type: ignore[attr-defined]
PEOPLE = Read(
    PersonOut,
    Person,
    sorts=["name"],
    filters=["team_id", "manager_id", "active"],
    conditions={"email": func.lower(_p.email) == func.lower(bindparam("email", type_=Text))},
)


async def _require_known(
    session: AsyncSession, team_id: UUID | None, manager_id: UUID | None
) -> None:
    wrong = []
    for pointer, table, id in (("/team_id", Team, team_id), ("/manager_id", Person, manager_id)):
        if id is not None:
            try:
                await load(session, table, id, lock=False)
            except NotFound:
                wrong.append(
                    FieldError(pointer, "There is no such {thing}.", {"thing": table.__tablename__})
                )
    if wrong:
        raise Invalid("It refers to something that is not there.", errors=wrong)


@router.post("/people", status_code=201, response_model=PersonOut, summary="Register a person")
async def create_person(body: NewPerson, caller: CallerDep, session: SessionDep) -> Response:
    """Admins register people; an e-mail address is used once."""
    caller.require(Role.admin)
    await _require_known(session, body.team_id, body.manager_id)
    person = Person(organization_id=caller.organization_id, **body.model_dump())
    session.add(person)
    record(session, events.person_created(person))
    await session.flush()
    return found(
        await PEOPLE.one(reader_of(session), person.id),
        status=201,
        location=f"/v1/people/{person.id}",
    )


@router.get("/people", response_model=PersonPage, summary="List people")
async def list_people(
    query: Annotated[PersonQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first, or by name."""
    return listed(await PEOPLE.page(reader, query), request)


@router.get("/people/{person_id}", response_model=PersonOut, summary="Get a person")
async def get_person(person_id: UUID, reader: ViewerDep) -> Response:
    """One person with their ETag."""
    return found(await PEOPLE.one(reader, person_id))


@router.patch("/people/{person_id}", response_model=PersonOut, summary="Change a person")
async def change_person(
    person_id: UUID, body: PersonPatch, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """JSON Merge Patch; admins only, and nobody takes away their own admin role or access."""
    caller.require(Role.admin)
    person = await load(session, Person, person_id)
    match.check(person.version)
    given = body.model_dump(exclude_unset=True)
    if person.id == caller.person_id and (
        given.get("active") is False or Role.admin not in given.get("roles", [Role.admin])
    ):
        raise Invalid(
            "Nobody locks themselves out.",
            errors=[FieldError("/roles", "Ask another admin to do it.")],
        )
    await _require_known(session, given.get("team_id"), given.get("manager_id"))
    person.sqlmodel_update(given)
    before_after = changes(person)
    record(session, events.person_changed(person, *before_after))
    await session.flush()
    return found(await PEOPLE.one(reader_of(session), person.id))
