"""Each service's own copy of the directory, people, teams and the organization, as the gateway's feed tells it."""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.calendar import Guest
from services.chassis.database import organization_of
from services.chassis.errors import FieldError, Invalid
from services.chassis.language import Language, negotiate
from services.chassis.listeners import FeedFollower, HeardEvent


class Directory:
    """The tables of the copy, and what keeps them true."""

    def __init__(self, metadata: MetaData) -> None:
        self.person = Table(
            "person",
            metadata,
            Column("organization_id", Uuid, primary_key=True),
            Column("id", Uuid, primary_key=True),
            Column("name", Text, nullable=False),
            Column("email", Text, nullable=False),
            Column("external_id", Text, nullable=True),
            Column("active", Boolean, nullable=False),
            Column("hire_date", Date, nullable=True),
            Column("job_role", Text, nullable=True),
            Column("location", Text, nullable=True),
            Column("team_id", Uuid, nullable=True),
            Column("manager_id", Uuid, nullable=True),
            Column("time_zone", Text, nullable=True),
            Column("locale", Text, nullable=True),
            Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
            Column("version", Integer, nullable=False),
            Index("ix_person_organization_id_email", "organization_id", "email"),
            Index("ix_person_organization_id_team_id", "organization_id", "team_id"),
        )
        self.team = Table(
            "team",
            metadata,
            Column("organization_id", Uuid, primary_key=True),
            Column("id", Uuid, primary_key=True),
            Column("name", Text, nullable=False),
            Column("lead_id", Uuid, nullable=True),
        )
        self.organization = Table(
            "organization",
            metadata,
            Column("organization_id", Uuid, primary_key=True),
            Column("id", Uuid, primary_key=True),
            Column("name", Text, nullable=False),
            Column("locale", Text, nullable=False),
            Column("time_zone", Text, nullable=False),
            Column("country", Text, nullable=True),
            Column("working_days", ARRAY(SmallInteger), nullable=False),
            Column("holidays", ARRAY(Text), nullable=False),
            Column("version", Integer, nullable=False),
        )
        # A change that began before another one may be told after it: the newer version stays.
        self._keep_person_statement = _upsert(self.person, newer="version")
        self._keep_team_statement = _upsert(self.team)
        self._keep_organization_statement = _upsert(self.organization, newer="version")
        self.listeners = {
            "organization.created": self._keep_organization,
            "organization.changed": self._keep_organization,
            "person.created": self._keep_person,
            "person.changed": self._keep_person,
            "team.created": self._keep_team,
            "team.changed": self._keep_team,
            "team.deleted": self._drop_team,
        }

    async def _keep_person(self, session: AsyncSession, event: HeardEvent) -> None:
        told = event.data["person"]
        row = {
            "organization_id": event.organization_id,
            "id": UUID(told["id"]),
            "name": told["name"],
            "email": told["email"].lower(),
            "external_id": told.get("external_id"),
            "active": told["active"],
            "hire_date": _date(told["hire_date"]),
            "job_role": told["job_role"],
            "location": told["location"],
            "team_id": _id(told["team_id"]),
            "manager_id": _id(told["manager_id"]),
            "time_zone": told.get("time_zone"),
            "locale": told.get("locale"),
            "tags": told.get("tags", []),
            "version": told["version"],
        }
        await self._execute(session, self._keep_person_statement, row)

    async def _keep_organization(self, session: AsyncSession, event: HeardEvent) -> None:
        told = event.data["organization"]
        row = {
            "organization_id": event.organization_id,
            "id": UUID(told["id"]),
            **{
                name: told[name]
                for name in (
                    "name",
                    "locale",
                    "time_zone",
                    "country",
                    "working_days",
                    "holidays",
                    "version",
                )
            },
        }
        await self._execute(session, self._keep_organization_statement, row)

    async def _keep_team(self, session: AsyncSession, event: HeardEvent) -> None:
        told = event.data["team"]
        row = {
            "organization_id": event.organization_id,
            "id": UUID(told["id"]),
            "name": told["name"],
            "lead_id": _id(told["lead_id"]),
        }
        await self._execute(session, self._keep_team_statement, row)

    @staticmethod
    async def _execute(session: AsyncSession, statement: Insert, row: dict[str, Any]) -> None:
        # On the connection: an import of people tells thousands at once, and the session has no part in it.
        await (await session.connection()).execute(statement, row)

    async def _drop_team(self, session: AsyncSession, event: HeardEvent) -> None:
        team = self.team
        await session.execute(
            team.delete().where(
                team.c.organization_id == event.organization_id,
                team.c.id == UUID(event.data["team"]["id"]),
            )
        )

    async def guests(self, session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, Guest]:
        """Colleagues as calendars know them, by the name and the address that they have now."""
        person = self.person.c
        rows = await session.execute(
            select(person.id, person.name, person.email).where(
                person.organization_id == organization_of(session), person.id.in_(ids)
            )
        )
        return {id: Guest(name, email) for id, name, email in rows}

    async def language(self, session: AsyncSession) -> Language:
        """The organization's language, for what it says to others; English until it was heard of."""
        organization = self.organization.c
        locale = await session.scalar(
            select(organization.locale).where(
                organization.organization_id == organization_of(session)
            )
        )
        return negotiate(locale)

    async def require_people(
        self, session: AsyncSession, follower: FeedFollower, people: dict[str, UUID | None]
    ) -> None:
        """Refuse with `Invalid` unless each of `people` (JSON Pointer → id) is an active colleague.

        Someone who is not known yet makes the copy catch up before it says no.
        """
        wanted = {pointer: id for pointer, id in people.items() if id is not None}
        if not wanted:
            return
        unknown = await self._unknown(session, wanted)
        if unknown:
            await follower.catch_up()
            unknown = await self._unknown(session, wanted)
        if unknown:
            raise Invalid(
                "Somebody named here is not an active colleague.",
                errors=[
                    FieldError(pointer, "No active person has this id.") for pointer in unknown
                ],
            )

    async def _unknown(self, session: AsyncSession, wanted: dict[str, UUID]) -> list[str]:
        person = self.person
        known = set(
            await session.scalars(
                select(person.c.id).where(
                    person.c.organization_id == organization_of(session),
                    person.c.id.in_(set(wanted.values())),
                    person.c.active,
                )
            )
        )
        return [pointer for pointer, id in wanted.items() if id not in known]


def _upsert(table: Table, newer: str | None = None) -> Insert:
    """Store a row in the place of the one with its id; if `newer` is given, only where that column grows."""
    statement = insert(table)
    return statement.on_conflict_do_update(
        index_elements=["organization_id", "id"],
        set_={column.name: statement.excluded[column.name] for column in table.c},
        where=None if newer is None else statement.excluded[newer] > table.c[newer],
    )


def _date(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def _id(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)
