"""Reports: rows of figures that PostgreSQL makes in one statement, read by pages or all at once.

A statement is set-based, and looks only at what its page is about: what is chosen is chosen before it is counted. Who sees
what is a list of teams (`teams`, null: all of them).
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.chassis.caller import Caller, Role
from services.chassis.database import Reader, Viewer
from services.chassis.errors import Forbidden, NotFound
from services.chassis.pages import Page, read_cursor, write_cursor
from services.chassis.statement import Statement

# Whoever has no team is in this one.
NO_TEAM = UUID(int=0)
# Averages over fewer people tell of each of them (rule 12 of the design: a figure for fewer than five is withheld).
FEWEST_PEOPLE = 5
_AT_ONCE = 500


class Report:
    """A statement whose rows are `item` (JSON), `place` and `id`, in the order of the last two, after :after_place and :after_id.

    It stops after :limit rows; null is all of them.
    """

    def __init__(self, name: str, sql: str) -> None:
        self.name = name
        self._statement = Statement(text(sql))

    async def page(
        self, reader: Reader | Viewer, values: Mapping[str, Any], *, limit: int, after: str | None
    ) -> Page:
        """A page of it; raises `Invalid` for a cursor that is none of its own."""
        place = read_cursor(after, self.name, False)
        rows = await reader.fetch(
            self._statement,
            {
                **values,
                "organization_id": reader.organization_id,
                "limit": limit + 1,
                "after_place": None if place is None else place.value,
                "after_id": None if place is None else place.id,
            },
        )
        following = None
        if len(rows) > limit:
            last = rows[limit - 1]
            following = write_cursor(self.name, False, last["place"], last["id"])
        items = b",".join(row["item"].encode() for row in rows[:limit])
        return Page(items or None, following)

    async def every(self, reader: Reader, values: Mapping[str, Any]) -> AsyncIterator[list[bytes]]:
        """All of it as one moment sees it, some rows at a time."""
        asked = {
            **values,
            "organization_id": reader.organization_id,
            "limit": None,
            "after_place": None,
            "after_id": None,
        }
        arguments = self._statement.arguments(asked)
        cursor = await reader.connection.cursor(self._statement.sql, *arguments)
        while rows := await cursor.fetch(_AT_ONCE):
            yield [row["item"].encode() for row in rows]


_TEAMS = Statement(
    text("""
SELECT t.id, t.lead_id = CAST(:caller AS uuid) OR EXISTS (
    SELECT FROM person AS p
    WHERE p.organization_id = t.organization_id AND p.team_id = t.id
        AND p.manager_id = CAST(:caller AS uuid)
) AS own
FROM team AS t
WHERE t.organization_id = CAST(:organization_id AS uuid)
    AND (CAST(:team_id AS uuid) IS NULL OR t.id = CAST(:team_id AS uuid))
""")
)


async def teams_seen(reader: Viewer, caller: Caller, team_id: UUID | None) -> list[UUID] | None:
    """The teams whose figures the caller may see, or the one that is asked for; None for everybody.

    Trainers and admins see all. A manager sees their own: those that they lead or have people in; raises `NotFound` for
    another, and `Forbidden` for whoever has none and is no manager.
    """
    sees_all = caller.has(Role.trainer, Role.admin)
    if sees_all and team_id is None:
        return None
    values = {
        "organization_id": reader.organization_id,
        "caller": caller.person_id,
        "team_id": team_id,
    }
    rows = await reader.fetch(_TEAMS, values)
    seen = [row["id"] for row in rows if sees_all or row["own"]]
    if not seen and not sees_all and not caller.has(Role.manager):
        raise Forbidden("This is for trainers, admins and those who lead the team or people in it.")
    if not seen and team_id is not None:
        raise NotFound("There is no such {thing}.", thing="team")
    return seen
