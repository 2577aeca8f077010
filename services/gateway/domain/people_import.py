"""Taking in a file of people: first decided who is new, who changed and what stands in the way, then written at once.

Somebody is found by their external id, else by their address. What a row leaves out stays as it is, roles and tags are granted and
never taken away, and nobody is made inactive: a file with fewer people in it than there are harms nobody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import Connection, reader_of
from services.chassis.errors import FieldError
from services.chassis.events import record
from services.chassis.file_problem import file_problem
from services.chassis.tables import new_id
from services.gateway import events
from services.gateway.domain.people_file import ListedPerson, PeopleFile, PersonRow
from services.gateway.domain.person import Person
from services.gateway.domain.team import Team


class Outcome(StrEnum):
    """What becomes of a row."""

    created = "created"
    updated = "updated"
    unchanged = "unchanged"
    failed = "failed"


@dataclass(slots=True)
class RowResult:
    """A row of the file, and what became of it."""

    line: int
    email: str | None
    outcome: Outcome
    person_id: UUID | None = None
    problems: tuple[FieldError, ...] = ()


@dataclass(slots=True)
class PeopleImport:
    """All that an import does, decided and not yet written."""

    rows: list[RowResult]
    teams: list[Team] = field(default_factory=list)
    created: list[Person] = field(default_factory=list)
    # As they will be, with what changes before and after.
    updated: list[tuple[Person, Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        return sum(row.outcome is outcome for row in self.rows)


# Two imports at once would find the same people missing: the second waits for the first.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('people import'), hashtext($1::uuid::text))"
# Lists are joined rather than compared by ANY, which would look at every entry for every row.
_KNOWN = """
SELECT id, name, email, lower(email) AS address, external_id, active, hire_date, job_role, location, team_id, manager_id,
  time_zone, locale, roles, tags, version
FROM person
WHERE organization_id = $1 AND (
  external_id IN (SELECT unnest($2::text[])) OR lower(email) IN (SELECT lower(unnest($3::text[])))
)
ORDER BY id
FOR UPDATE
"""
_MANAGERS = """
SELECT lower(email), id FROM person
WHERE organization_id = $1 AND lower(email) IN (SELECT lower(unnest($2::text[])))
"""
_TEAMS = """
SELECT lower(name), id FROM team
WHERE organization_id = $1 AND lower(name) IN (SELECT lower(unnest($2::text[])))
"""
_COLUMNS = {
    "name": "text",
    "email": "text",
    "external_id": "text",
    "active": "boolean",
    "hire_date": "date",
    "job_role": "text",
    "location": "text",
    "team_id": "uuid",
    "manager_id": "uuid",
    "time_zone": "text",
    "locale": "text",
    "roles": "text[]",
    "tags": "text[]",
}
_TYPED = ", ".join(f"{name} {kind}" for name, kind in {"id": "uuid", **_COLUMNS}.items())
_ROWS = f"jsonb_to_recordset($2::text::jsonb) AS r({_TYPED})"
_INSERT = f"""
INSERT INTO person (organization_id, id, {", ".join(_COLUMNS)})
SELECT $1, r.id, {", ".join(f"r.{name}" for name in _COLUMNS)} FROM {_ROWS}
"""  # nosec B608  # nothing but our own column names
_UPDATE = f"""
UPDATE person p
SET {", ".join(f"{name} = r.{name}" for name in _COLUMNS)}, version = p.version + 1, updated_at = now()
FROM {_ROWS}
WHERE p.organization_id = $1 AND p.id = r.id
"""  # nosec B608  # nothing but our own column names
# Copied from the file where it says something.
_PLAIN = (
    "name",
    "email",
    "external_id",
    "hire_date",
    "job_role",
    "location",
    "time_zone",
    "locale",
)


@dataclass(slots=True)
class _Candidate:
    """A row that holds a person, while it is decided what becomes of them."""

    listed: ListedPerson
    result: RowResult
    id: UUID
    known: Mapping[str, Any] | None


class _Decision:
    """Decides row by row; a row that fails takes those along whose manager it would have been."""

    def __init__(self, organization_id: UUID, file: PeopleFile) -> None:
        self._organization_id = organization_id
        self._file = file
        self._candidates: list[_Candidate] = []
        self.plan = PeopleImport([])

    async def decide(self, connection: Connection) -> PeopleImport:
        listed = [row.person for row in self._file.rows if row.person is not None]
        rows = await connection.fetch(
            _KNOWN,
            self._organization_id,
            [person.external_id for person in listed if person.external_id is not None],
            [person.email for person in listed],
        )
        known: list[dict[str, Any]] = [dict(row) for row in rows]
        by_external_id = {row["external_id"]: row for row in known if row["external_id"]}
        by_address = {row["address"]: row for row in known}
        seen: dict[UUID, int] = {}
        for row in self._file.rows:
            self._take(row, by_external_id, by_address, seen)
        managers = await self._ids(connection, _MANAGERS, (p.manager_email for p in listed))
        self._find_managers(managers)
        teams = await self._ids(connection, _TEAMS, (c.listed.team for c in self._candidates))
        self._found_teams(teams)
        managers |= {c.listed.email.lower(): c.id for c in self._candidates}
        for candidate in self._candidates:
            self._compare(candidate, teams, managers)
        return self.plan

    async def _ids(
        self, connection: Connection, statement: str, names: Iterable[str | None]
    ) -> dict[str, UUID]:
        asked = sorted({name for name in names if name is not None})
        if not asked:
            return {}
        rows = await connection.fetch(statement, self._organization_id, asked)
        return {row[0]: row[1] for row in rows}

    def _take(
        self,
        row: PersonRow,
        by_external_id: Mapping[str, dict[str, Any]],
        by_address: Mapping[str, dict[str, Any]],
        seen: dict[UUID, int],
    ) -> None:
        result = RowResult(row.line, row.email, Outcome.failed, problems=row.problems)
        self.plan.rows.append(result)
        listed = row.person
        if row.duplicate_of is not None:
            self._fail(
                result, "email", "The same person stands on line {other}", other=row.duplicate_of
            )
        if listed is None:
            return
        known = by_external_id.get(listed.external_id or "")
        holder = by_address.get(listed.email.lower())
        if known is not None and holder is not None and holder["id"] != known["id"]:
            self._fail(result, "email", "{email} belongs to somebody else", email=listed.email)
            return
        if known is None and holder is not None:
            known = holder
            if None not in (listed.external_id, known["external_id"]):
                self._fail(
                    result,
                    "external_id",
                    "{email} belongs to somebody with the external id {external_id}",
                    email=listed.email,
                    external_id=known["external_id"],
                )
                return
        id = new_id() if known is None else known["id"]
        other = seen.setdefault(id, row.line)
        if other != row.line:
            self._fail(result, "email", "The same person stands on line {other}", other=other)
            return
        self._candidates.append(_Candidate(listed, result, id, known))

    def _fail(self, result: RowResult, column: str, template: str, /, **params: object) -> None:
        result.outcome = Outcome.failed
        result.problems += (
            file_problem(result.line, self._file.columns.get(column), template, **params),
        )

    def _find_managers(self, managers: Mapping[str, UUID]) -> None:
        """Drop whose manager is not to be found, until nobody else depends on who was dropped."""
        dropped = True
        while dropped:
            ids = {**managers, **{c.listed.email.lower(): c.id for c in self._candidates}}
            staying = [c for c in self._candidates if self._has_manager(c, ids)]
            dropped = len(staying) < len(self._candidates)
            self._candidates = staying

    def _has_manager(self, candidate: _Candidate, ids: Mapping[str, UUID]) -> bool:
        address = candidate.listed.manager_email
        if address is None:
            return True
        manager = ids.get(address.lower())
        if manager is None:
            self._fail(
                candidate.result, "manager_email", "Nobody has the address {email}", email=address
            )
        elif manager == candidate.id:
            self._fail(candidate.result, "manager_email", "Nobody is their own manager")
        return manager is not None and manager != candidate.id

    def _found_teams(self, teams: dict[str, UUID]) -> None:
        for candidate in self._candidates:
            name = candidate.listed.team
            if name is not None and name.lower() not in teams:
                team = Team(organization_id=self._organization_id, name=name)
                self.plan.teams.append(team)
                teams[name.lower()] = team.id

    def _compare(
        self, candidate: _Candidate, teams: Mapping[str, UUID], managers: Mapping[str, UUID]
    ) -> None:
        listed, known, result = candidate.listed, candidate.known, candidate.result
        said = {name: getattr(listed, name) for name in _PLAIN}
        if listed.team is not None:
            said["team_id"] = teams[listed.team.lower()]
        if listed.manager_email is not None:
            said["manager_id"] = managers[listed.manager_email.lower()]
        said = {name: value for name, value in said.items() if value is not None}
        result.person_id = candidate.id
        if known is None:
            person = self._person(
                candidate.id, said | {"roles": list(listed.roles), "tags": sorted(listed.tags)}
            )
            self.plan.created.append(person)
            result.outcome = Outcome.created
            return
        if listed.email.lower() == known["address"]:
            # An address in other letters is the same address.
            said["email"] = known["email"]
        said["roles"] = [*known["roles"], *(r for r in listed.roles if r not in known["roles"])]
        said["tags"] = sorted({*known["tags"], *listed.tags})
        after = {name: value for name, value in said.items() if value != known[name]}
        if not after:
            result.outcome = Outcome.unchanged
            return
        before = {name: known[name] for name in after}
        held = {name: known[name] for name in (*_COLUMNS, "version")}
        person = self._person(candidate.id, held | after)
        self.plan.updated.append((person, before, after))
        result.outcome = Outcome.updated

    def _person(self, id: UUID, fields: Mapping[str, Any]) -> Person:
        return Person(organization_id=self._organization_id, id=id, **fields)


async def decide(session: AsyncSession, file: PeopleFile) -> PeopleImport:
    """What the file would do. Whoever it names is locked until the transaction ends."""
    reader = reader_of(session)
    await reader.connection.execute(_ONE_AT_A_TIME, reader.organization_id)
    return await _Decision(reader.organization_id, file).decide(reader.connection)


async def carry_out(session: AsyncSession, plan: PeopleImport) -> None:
    """Write what was decided: a statement for those who are new, and one for those who changed."""
    session.add_all(plan.teams)
    record(session, *map(events.team_created, plan.teams))
    await session.flush()
    reader = reader_of(session)
    for statement, people in (
        (_INSERT, plan.created),
        (_UPDATE, [person for person, _, _ in plan.updated]),
    ):
        if people:
            rows = [person.model_dump(include={"id", *_COLUMNS}) for person in people]
            await reader.connection.execute(
                statement, reader.organization_id, orjson.dumps(rows, default=str).decode()
            )
    record(session, *map(events.person_created, plan.created))
    record(session, *(events.person_changed(*change) for change in plan.updated))
