"""One's own people: those whose manager one is, and those of the teams that one leads.

Trainers and admins see everybody's learning; everybody else, managers too, sees their own and that of their own people. To a
manager somebody else's is not there (`NotFound`), to others it is `Forbidden`. A team is one's own when one leads it or has
people in it; of a team that one does not lead, one sees those people.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, or_, select

from services.chassis.caller import Caller, Role
from services.chassis.database import Reader, Viewer
from services.chassis.errors import Forbidden, NotFound
from services.chassis.statement import Statement
from services.onboarding.domain.base import directory

# Whose sight ends nowhere.
_SEE_ALL = (Role.trainer, Role.admin)

_person, _team = directory.person.c, directory.team.c
_viewer = bindparam("viewer", type_=Uuid())
_led = select(_team.id).where(
    _team.organization_id == bindparam("organization_id", type_=Uuid()), _team.lead_id == _viewer
)
_OWN = Statement(
    select(_person.id).where(
        _person.organization_id == bindparam("organization_id", type_=Uuid()),
        or_(_person.manager_id == _viewer, _person.team_id.in_(_led)),
    )
)
_IS_OWN = """
SELECT EXISTS (
    SELECT FROM person AS p
    LEFT JOIN team AS t ON t.organization_id = p.organization_id AND t.id = p.team_id
    WHERE p.organization_id = $1 AND p.id = $2 AND $3 IN (p.manager_id, t.lead_id)
)
"""
_TEAM = """
SELECT t.lead_id IS NOT DISTINCT FROM $3::uuid AS leads, EXISTS (
    SELECT FROM person AS p
    WHERE p.organization_id = $1 AND p.team_id = t.id AND p.manager_id = $3
) AS has_people
FROM team AS t WHERE t.organization_id = $1 AND t.id = $2
"""


async def people_seen_by(reader: Reader | Viewer, caller: Caller) -> list[UUID]:
    """The caller and their own people.

    Their ids, asked for before a list is read: as a condition of the list, they were looked for row by row.
    """
    found = await reader.fetch(
        _OWN, {"organization_id": reader.organization_id, "viewer": caller.person_id}
    )
    return [caller.person_id, *(row["id"] for row in found)]


async def bounds_of(reader: Reader | Viewer, caller: Caller) -> dict[str, Any]:
    """What bounds a list of people's learning: `person_ids`, or nothing where the caller sees all."""
    if caller.has(*_SEE_ALL):
        return {}
    return {"person_ids": await people_seen_by(reader, caller)}


async def is_own(reader: Reader, caller: Caller, person_id: UUID) -> bool:
    """Whether somebody is one of the caller's own people."""
    answer: bool = await reader.connection.fetchval(
        _IS_OWN, reader.organization_id, person_id, caller.person_id
    )
    return answer


async def require_may_see_person(
    reader: Reader, caller: Caller, person_id: UUID, thing: str = "person"
) -> None:
    """Refuse unless the caller may see this person's learning; to a manager `thing` is not there."""
    if caller.person_id == person_id or caller.has(*_SEE_ALL):
        return
    if await is_own(reader, caller, person_id):
        return
    if caller.has(Role.manager):
        raise NotFound("There is no such {thing}.", thing=thing)
    raise Forbidden("This is for the learner, their manager or lead, trainers and admins.")


async def require_may_steer(
    reader: Reader, caller: Caller, person_id: UUID, thing: str = "assignment"
) -> None:
    """Refuse anyone but trainers, and managers for their own people, and all of them for themselves.

    To a manager somebody else's `thing` is not there.
    """
    caller.require(Role.trainer, Role.manager)
    if caller.person_id == person_id:
        raise Forbidden("Nobody steers their own learning: ask a trainer or your manager.")
    if caller.has(Role.trainer):
        return
    if not await is_own(reader, caller, person_id):
        raise NotFound("There is no such {thing}.", thing=thing)


async def require_may_act_for(reader: Reader, caller: Caller, person_id: UUID) -> None:
    """Refuse with `Forbidden` anyone but the person, their manager, the lead of their team, trainers and admins."""
    if caller.person_id == person_id or caller.has(*_SEE_ALL):
        return
    if not await is_own(reader, caller, person_id):
        raise Forbidden("This is for the person, their manager or lead, trainers and admins.")


async def is_known_team(reader: Reader, caller: Caller, team_id: UUID) -> bool:
    """Whether there is such a team."""
    return await _team_of(reader, caller, team_id) is not None


async def leads_team(reader: Reader, caller: Caller, team_id: UUID) -> bool:
    """Whether the caller leads the team."""
    found = await _team_of(reader, caller, team_id)
    return found is not None and found[0]


async def sight_of_team(reader: Reader, caller: Caller, team_id: UUID) -> UUID | None:
    """Whose people of a team the caller sees: None for all of it, else their own id; refuses whom it does not concern."""
    if caller.has(*_SEE_ALL):
        return None
    found = await _team_of(reader, caller, team_id)
    if found is not None:
        leads, has_people = found
        if leads:
            return None
        if has_people:
            return caller.person_id
    if found is None or caller.has(Role.manager):
        raise NotFound("There is no such {thing}.", thing="team")
    raise Forbidden("This is for trainers, admins and those who lead the team or people in it.")


async def _team_of(reader: Reader, caller: Caller, team_id: UUID) -> tuple[bool, bool] | None:
    row = await reader.connection.fetchrow(_TEAM, reader.organization_id, team_id, caller.person_id)
    return None if row is None else (row["leads"], row["has_people"])
