"""One's own people: those whose manager one is, and those of the teams that one leads."""

from uuid import UUID

from sqlalchemy import Uuid, bindparam, or_, select

from services.chassis.caller import Caller, Role
from services.chassis.database import Reader, Viewer
from services.chassis.errors import Forbidden
from services.chassis.statement import Statement
from services.onboarding.domain.base import directory

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


async def people_seen_by(reader: Reader | Viewer, caller: Caller) -> list[UUID]:
    """The caller and their own people.

    Their ids, asked for before a list is read: as a condition of the list, they were looked for row by row.
    """
    found = await reader.fetch(
        _OWN, {"organization_id": reader.organization_id, "viewer": caller.person_id}
    )
    return [caller.person_id, *(row["id"] for row in found)]


async def require_may_act_for(reader: Reader, caller: Caller, person_id: UUID) -> None:
    """Refuse with `Forbidden` anyone but the person, their manager, the lead of their team, trainers and admins."""
    if caller.person_id == person_id or caller.has(Role.trainer, Role.admin):
        return
    if not await reader.connection.fetchval(
        _IS_OWN, reader.organization_id, person_id, caller.person_id
    ):
        raise Forbidden("This is for the person, their manager or lead, trainers and admins.")
