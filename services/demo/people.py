"""The demo company's people: founded with its teams in one transaction, since nobody can be let in before."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from services.chassis.caller import Scope
from services.chassis.database import Database
from services.chassis.events import record, store_recorded
from services.chassis.tables import new_id
from services.demo.content import Data
from services.gateway import events
from services.gateway.domain.api_key import ApiKey
from services.gateway.domain.organization import Organization
from services.gateway.domain.person import Person
from services.gateway.domain.team import Team

# Longer than filling takes, should it be cut off before it takes its own keys back.
FILLING_TAKES = timedelta(hours=1)


class Colleague:
    """Somebody of the company, with a key that lasts while it is filled."""

    def __init__(self, person: Person, key: str) -> None:
        self.id, self.email, self.key = person.id, person.email, key


class Founded:
    """An organization with its people by e-mail address and its teams by key."""

    def __init__(self, id: UUID, people: dict[str, Colleague], teams: dict[str, UUID]) -> None:
        self.id, self.people, self.teams = id, people, teams


async def found(
    gateway: Database, name: str, organization: Data, teams: Data, people: Data, today: date
) -> Founded:
    """An organization called `name` with its teams and people."""
    own = Organization.found(
        name,
        locale=organization["locale"],
        time_zone=organization["time_zone"],
        working_days=organization["working_days"],
    )
    team_rows = {
        team["key"]: Team(organization_id=own.id, name=team["name"]) for team in teams.values()
    }
    ids = {email: new_id() for email in people}
    rows = {
        email: Person(
            organization_id=own.id,
            id=ids[email],
            name=person["name"],
            email=email,
            job_role=person["job_role"],
            location=person["location"],
            hire_date=today - timedelta(days=person["hired_days_ago"]),
            team_id=team_rows[person["team"]].id,
            manager_id=ids[person["manager"]] if "manager" in person else None,
            roles=person.get("roles", []),
            locale=person["locale"],
            time_zone=person["time_zone"],
        )
        for email, person in people.items()
    }
    async with gateway.transaction(own.id) as session:
        session.add_all([own, *team_rows.values()])
        await session.flush()
        session.add_all(rows.values())
        await session.flush()
        # A team and its lead refer to one another.
        for key, team in teams.items():
            team_rows[key].lead_id = ids[team["lead"]]
        ends = datetime.now(UTC) + FILLING_TAKES
        colleagues = {}
        for email, row in rows.items():
            issued, text = ApiKey.issue(own.id, row.id, "filling the demo", list(Scope), ends)
            session.add(issued)
            colleagues[email] = Colleague(row, text)
        record(session, events.organization_created(own))
        record(session, *(events.team_created(team) for team in team_rows.values()))
        record(session, *(events.person_created(row) for row in rows.values()))
        await session.flush()
        await store_recorded(session, None, None)
    return Founded(own.id, colleagues, {key: team.id for key, team in team_rows.items()})
