"""Who may see whose learning: oneself, those who steer it, and the lead of one's team.

A manager sees their own teams: those that they lead, or in which they are somebody's manager.
"""

from uuid import UUID

from services.chassis.caller import Caller, Role
from services.chassis.database import Reader
from services.chassis.errors import Forbidden, NotFound
from services.onboarding.domain.assignment import STEERING

_LEADS_TEAM = """
SELECT lead_id IS NOT DISTINCT FROM $3::uuid FROM team WHERE organization_id = $1 AND id = $2
"""
_TEAM = """
SELECT t.lead_id IS NOT DISTINCT FROM $3::uuid OR EXISTS (
    SELECT FROM person AS p
    WHERE p.organization_id = $1 AND p.team_id = t.id AND p.manager_id = $3
)
FROM team AS t WHERE t.organization_id = $1 AND t.id = $2
"""
_LEADS_PERSON = """
SELECT EXISTS (
    SELECT FROM person AS p
    JOIN team AS t ON t.organization_id = p.organization_id AND t.id = p.team_id
    WHERE p.organization_id = $1 AND p.id = $2 AND t.lead_id = $3
)
"""


async def leads_team(reader: Reader, caller: Caller, team_id: UUID) -> bool | None:
    """Whether the caller leads the team; None when there is no such team."""
    answer: bool | None = await reader.connection.fetchval(
        _LEADS_TEAM, reader.organization_id, team_id, caller.person_id
    )
    return answer


async def require_may_see_person(reader: Reader, caller: Caller, person_id: UUID) -> None:
    """Refuse with `Forbidden` unless the caller may see this person's learning."""
    if caller.person_id == person_id or caller.has(*STEERING):
        return
    if not await reader.connection.fetchval(
        _LEADS_PERSON, reader.organization_id, person_id, caller.person_id
    ):
        raise Forbidden("This is for the learner, their lead, trainers, managers and admins.")


async def owns_team(reader: Reader, caller: Caller, team_id: UUID) -> bool | None:
    """Whether the caller leads the team or is somebody's manager in it; None when there is no such team."""
    answer: bool | None = await reader.connection.fetchval(
        _TEAM, reader.organization_id, team_id, caller.person_id
    )
    return answer


async def require_may_see_team(reader: Reader, caller: Caller, team_id: UUID) -> None:
    """Refuse unless the caller may see this team's learning: to a manager, another's team is `NotFound`."""
    if caller.has(Role.trainer, Role.admin) or await owns_team(reader, caller, team_id):
        return
    if caller.has(Role.manager):
        raise NotFound("There is no such {thing}.", thing="team")
    raise Forbidden("This is for trainers, admins and those who lead the team or people in it.")
