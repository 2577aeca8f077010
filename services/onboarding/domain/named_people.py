"""Who is meant by addresses, employee numbers, ids, a team or an audience: each is one look at the directory's copy."""

from collections.abc import Collection, Sequence
from uuid import UUID

from services.chassis.database import Reader
from services.chassis.listeners import FeedFollower

_BY_EMAIL = """
SELECT array_agg(p.id ORDER BY w.place)
FROM unnest($2::text[]) WITH ORDINALITY AS w(email, place)
LEFT JOIN person AS p ON p.organization_id = $1 AND p.email = w.email
"""
_BY_ID = """
SELECT array_agg(p.id ORDER BY w.place)
FROM unnest($2::uuid[]) WITH ORDINALITY AS w(id, place)
LEFT JOIN person AS p ON p.organization_id = $1 AND p.id = w.id
"""
_BY_NUMBER = """
SELECT array_agg(p.id ORDER BY w.place)
FROM unnest($2::text[]) WITH ORDINALITY AS w(number, place)
LEFT JOIN person AS p ON p.organization_id = $1 AND p.external_id = w.number
"""
_OF_TEAM = """
SELECT array_agg(p.id ORDER BY p.name, p.id)
FROM team AS t
LEFT JOIN person AS p
    ON p.organization_id = t.organization_id AND p.team_id = t.id AND p.active
WHERE t.organization_id = $1 AND t.id = $2
"""
_OF_AUDIENCE = """
SELECT array_agg(p.id ORDER BY p.id)
FROM audience AS a
LEFT JOIN (
    audience_member AS m
    JOIN person AS p ON p.organization_id = m.organization_id AND p.id = m.person_id AND p.active
) ON m.organization_id = a.organization_id AND m.audience_id = a.id
WHERE a.organization_id = $1 AND a.id = $2
"""


async def people_by_email(reader: Reader, emails: Sequence[str]) -> list[UUID | None]:
    """Who has each address; None for nobody."""
    found = await reader.connection.fetchval(_BY_EMAIL, reader.organization_id, list(emails))
    return found or []


async def people_by_number(reader: Reader, numbers: Sequence[str]) -> list[UUID | None]:
    """Who has each employee number; None for nobody."""
    found = await reader.connection.fetchval(_BY_NUMBER, reader.organization_id, list(numbers))
    return found or []


async def know_people(
    reader: Reader,
    follower: FeedFollower,
    *,
    emails: Collection[str] = (),
    numbers: Collection[str] = (),
) -> None:
    """Let the copy of the directory catch up, where somebody named is not known yet."""
    if None in await people_by_email(reader, list(emails)) or None in await people_by_number(
        reader, list(numbers)
    ):
        await follower.catch_up()


async def people_by_id(reader: Reader, ids: Sequence[UUID]) -> list[UUID | None]:
    """The ids that somebody has; None for the others."""
    found = await reader.connection.fetchval(_BY_ID, reader.organization_id, list(ids))
    return found or []


async def people_of_team(reader: Reader, team_id: UUID) -> list[UUID] | None:
    """The active people of a team, by name; None when there is no such team."""
    found = await reader.connection.fetchval(_OF_TEAM, reader.organization_id, team_id)
    return None if found is None else [id for id in found if id is not None]


async def people_of_audience(reader: Reader, audience_id: UUID) -> list[UUID] | None:
    """The active members of an audience, by id; None when there is no such audience."""
    found = await reader.connection.fetchval(_OF_AUDIENCE, reader.organization_id, audience_id)
    return None if found is None else [id for id in found if id is not None]


_UNKNOWN_TEAMS = """
SELECT w.id FROM unnest($2::uuid[]) AS w(id)
WHERE NOT EXISTS (SELECT FROM team AS t WHERE t.organization_id = $1 AND t.id = w.id)
"""


async def unknown_teams(reader: Reader, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that no team has."""
    rows = await reader.connection.fetch(_UNKNOWN_TEAMS, reader.organization_id, list(ids))
    return {row[0] for row in rows}
