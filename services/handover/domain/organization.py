"""Where an organization and its people are, from handover's copy of the directory: for days and telephone numbers."""

from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select

from services.chassis.database import Reader, Viewer
from services.chassis.statement import Statement
from services.handover.domain.base import directory

_organization, _person = directory.organization.c, directory.person.c
_COUNTRY = Statement(
    select(_organization.country).where(
        _organization.organization_id == bindparam("organization_id")
    )
)
_TIME_ZONE = Statement(
    select(
        func.coalesce(
            select(_person.time_zone)
            .where(
                _person.organization_id == bindparam("organization_id"),
                _person.id == bindparam("person_id"),
            )
            .scalar_subquery(),
            select(_organization.time_zone)
            .where(_organization.organization_id == bindparam("organization_id"))
            .scalar_subquery(),
            "UTC",
        )
    )
)


async def home_country_of(reader: Reader | Viewer) -> str | None:
    """The organization's country (ISO 3166-1); None if it lies in none, or was not heard of yet."""
    row = await reader.fetchrow(_COUNTRY, {"organization_id": reader.organization_id})
    return None if row is None else row[0]


async def time_zone_of(reader: Reader | Viewer, person_id: UUID) -> ZoneInfo:
    """Where somebody's days begin: their own time zone, else the organization's; UTC until either was heard of."""
    values = {"organization_id": reader.organization_id, "person_id": person_id}
    row = await reader.fetchrow(_TIME_ZONE, values)
    return ZoneInfo("UTC" if row is None else row[0])
