"""When people are at work: from eight to five where they are, on the organization's working days."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.chassis.database import Reader
from services.onboarding.domain.working_days import WorkingDays

OPENS, CLOSES = time(8), time(17)


@dataclass(frozen=True, slots=True)
class AtWork:
    """A time zone in which it is working time now: which day it is there, and when that day began.

    `reach` is the last day before people are back at work, the day itself as a rule: what falls on a day off until then
    is told today, or it would be told too late.
    """

    zone: str
    today: date
    began: datetime
    reach: date


def at_work(zones: Iterable[str], days: WorkingDays, now: datetime) -> list[AtWork]:
    """Those of the time zones (IANA names) in which it is working time at `now`."""
    found = []
    for name in zones:
        zone = _zone_of(name)
        local = now.astimezone(zone)
        today = local.date()
        if days.holds(today) and OPENS <= local.time() < CLOSES:
            back = days.after(today, 1)
            reach = today if back is None else back - timedelta(days=1)
            began = datetime.combine(today, time(), zone)
            found.append(AtWork(name, today, began, reach))
    return found


def _zone_of(name: str) -> ZoneInfo:
    # It was known to whoever took it in; this machine's table may be older.
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return ZoneInfo("UTC")


_ZONE = "SELECT time_zone FROM organization WHERE organization_id = $1 AND id = $1"
_ZONES = """
SELECT DISTINCT coalesce(time_zone, $2) AS zone FROM person WHERE organization_id = $1 AND active
"""


async def home_zone(reader: Reader) -> str:
    """The organization's time zone, which is that of everybody without one; UTC while nothing is known of it."""
    zone: str | None = await reader.connection.fetchval(_ZONE, reader.organization_id)
    return zone or "UTC"


async def zones_of_people(reader: Reader, home: str) -> list[str]:
    """The time zones of the people who are active."""
    rows = await reader.connection.fetch(_ZONES, reader.organization_id, home)
    return [row["zone"] for row in rows]
