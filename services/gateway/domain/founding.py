"""Founding an organization: itself, its first person, who is its admin, and that person's first key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from services.chassis.caller import Role, Scope
from services.chassis.database import Database
from services.chassis.errors import NotFound
from services.chassis.events import record, store_recorded
from services.gateway import events
from services.gateway.domain.api_key import ApiKey
from services.gateway.domain.organization import Organization
from services.gateway.domain.person import Person

_person = Person.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Founded:
    """The new organization, its admin, and the admin's key, which is shown this once."""

    organization_id: UUID
    admin_id: UUID
    key: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key: its id, and the key itself, which is shown this once."""

    id: UUID
    key: str


async def found_organization(
    database: Database,
    name: str,
    admin_name: str,
    admin_email: str,
    *,
    roles: Sequence[Role] = (Role.admin,),
    locale: str = "en",
    time_zone: str = "Europe/Oslo",
) -> Founded:
    """What an operator does from the command line, since nobody can be let in before there is an organization."""
    organization = Organization.found(name, locale=locale, time_zone=time_zone)
    async with database.transaction(organization.id) as session:
        admin = Person(
            organization_id=organization.id,
            name=admin_name,
            email=admin_email,
            locale=locale,
            roles=[role.value for role in roles],
        )
        session.add_all([organization, admin])
        await session.flush()
        key, text = ApiKey.issue(organization.id, admin.id, "first key", list(Scope), None)
        session.add(key)
        record(session, events.organization_created(organization), events.person_created(admin))
        record(session, events.api_key_created(key))
        await session.flush()
        await store_recorded(session, None, None)
    return Founded(organization.id, admin.id, text)


async def issue_key(
    database: Database,
    organization_id: UUID,
    email: str,
    name: str,
    scopes: Sequence[Scope] = tuple(Scope),
    expires_at: datetime | None = None,
) -> Issued:
    """A key for a person by e-mail address; raises `NotFound` when nobody has it."""
    async with database.transaction(organization_id) as session:
        person_id = await session.scalar(
            select(_person.id).where(
                _person.organization_id == organization_id,
                func.lower(_person.email) == email.lower(),
            )
        )
        if person_id is None:
            raise NotFound("Nobody has the address {email}.", email=email)
        key, text = ApiKey.issue(organization_id, person_id, name, scopes, expires_at)
        session.add(key)
        record(session, events.api_key_created(key))
        await session.flush()
        await store_recorded(session, None, None)
    return Issued(key.id, text)


# The feed is what tells of every organization; its rows show themselves to nobody but themselves.
_NAMES = """
SELECT DISTINCT ON (organization_id) organization_id, data #>> '{after,name}' AS name
FROM event
WHERE type IN ('organization.created', 'organization.changed') AND data #>> '{after,name}' IS NOT NULL
ORDER BY organization_id, transaction_id DESC, id DESC
"""


async def organizations_called(database: Database, name: str) -> list[UUID]:
    """The organizations whose name is `name` now, whatever its case; oldest first."""
    async with database.across_organizations() as (_, driver):
        rows = await driver.fetch(_NAMES)
    wanted = name.strip().casefold()
    return [row["organization_id"] for row in rows if row["name"].casefold() == wanted]
