"""One's own people: those whose manager one is, and those of the teams that one leads."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from services.chassis.caller import Caller, Role
from services.chassis.database import Reader
from services.chassis.errors import Forbidden
from services.onboarding.domain.base import directory

_IS_OWN = """
SELECT EXISTS (
    SELECT FROM person AS p
    LEFT JOIN team AS t ON t.organization_id = p.organization_id AND t.id = p.team_id
    WHERE p.organization_id = $1 AND p.id = $2 AND $3 IN (p.manager_id, t.lead_id)
)
"""


def is_own_person(person: Any, viewer: ColumnElement[UUID]) -> ColumnElement[bool]:
    """As a condition: `person`, columns of the directory's people, is one of the viewer's own."""
    team = directory.team.c
    leads = select(team.id).where(
        team.organization_id == person.organization_id,
        team.id == person.team_id,
        team.lead_id == viewer,
    )
    return or_(person.manager_id == viewer, leads.exists())


async def require_may_act_for(reader: Reader, caller: Caller, person_id: UUID) -> None:
    """Refuse with `Forbidden` anyone but the person, their manager, the lead of their team, trainers and admins."""
    if caller.person_id == person_id or caller.has(Role.trainer, Role.admin):
        return
    if not await reader.connection.fetchval(
        _IS_OWN, reader.organization_id, person_id, caller.person_id
    ):
        raise Forbidden("This is for the person, their manager or lead, trainers and admins.")
