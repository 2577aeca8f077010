"""Working days: an organization's week without the public holidays of its country and its own days off.

Public holidays come from the `holidays` library, by ISO 3166-1 code; of a country that it does not know, none are days off.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import holidays

from services.chassis.database import Reader

_WEEK = frozenset({1, 2, 3, 4, 5})
# Further than this nobody plans: whoever has no working day in all that time has none.
_FURTHEST_DAYS = 3660


@cache
def _public_holidays(country: str) -> Mapping[Any, str]:
    """The public holidays of a country, worked out year by year when they are asked for."""
    try:
        return holidays.country_holidays(country)
    except NotImplementedError:
        return {}


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The days on which an organization works. `week` counts from Monday = 1 (ISO 8601)."""

    week: Collection[int] = _WEEK
    country: str | None = None
    days_off: Collection[date] = frozenset()

    def holds(self, day: date) -> bool:
        """Whether it is a working day."""
        if day.isoweekday() not in self.week or day in self.days_off:
            return False
        return self.country is None or day not in _public_holidays(self.country)

    def before(self, day: date, count: int) -> date | None:
        """The working day that lies `count` working days before `day`, which itself is not counted; the day itself for 0.

        None where nobody ever works.
        """
        return self._counted(day, count, timedelta(days=-1))

    def after(self, day: date, count: int) -> date | None:
        """The working day that lies `count` working days after `day`; as `before`."""
        return self._counted(day, count, timedelta(days=1))

    def between(self, first: date, last: date) -> int:
        """How many working days there are from `first` to `last`, both counted."""
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return sum(map(self.holds, days))

    def _counted(self, day: date, count: int, step: timedelta) -> date | None:
        left = count
        idle = 0
        while left:
            day += step
            if self.holds(day):
                left -= 1
                idle = 0
            elif (idle := idle + 1) > _FURTHEST_DAYS:
                return None
        return day


_OF_ORGANIZATION = """
SELECT working_days, country, holidays FROM organization WHERE organization_id = $1 AND id = $1
"""


async def working_days_of(reader: Reader) -> WorkingDays:
    """The organization's working days; Monday to Friday while nothing is known of it."""
    row = await reader.connection.fetchrow(_OF_ORGANIZATION, reader.organization_id)
    if row is None:
        return WorkingDays()
    days_off = frozenset(date.fromisoformat(day) for day in row["holidays"])
    return WorkingDays(frozenset(row["working_days"]), row["country"], days_off)
