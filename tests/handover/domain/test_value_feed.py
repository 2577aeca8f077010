"""The periods that people ask for, in the days of their own time zone."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.handover.domain.value_feed import Period, standard_periods

OSLO = ZoneInfo("Europe/Oslo")


@pytest.mark.parametrize(
    ("today", "saturday", "sunday"),
    [
        (date(2026, 11, 23), date(2026, 11, 21), date(2026, 11, 22)),  # a Monday
        (date(2026, 11, 27), date(2026, 11, 21), date(2026, 11, 22)),  # a Friday
        (date(2026, 11, 28), date(2026, 11, 21), date(2026, 11, 22)),  # the next Saturday
        (date(2026, 11, 29), date(2026, 11, 21), date(2026, 11, 22)),  # and its Sunday
        (date(2026, 1, 5), date(2026, 1, 3), date(2026, 1, 4)),
    ],
)
def test_the_last_weekend_is_the_one_that_is_over(
    today: date, saturday: date, sunday: date
) -> None:
    [weekend] = [period for period in standard_periods(today) if period.name == "last_weekend"]
    assert (weekend.first, weekend.last) == (saturday, sunday)
    assert (weekend.first.isoweekday(), weekend.last.isoweekday()) == (6, 7)


def test_yesterday_and_the_month_on_the_first_of_a_year() -> None:
    periods = {period.name: period for period in standard_periods(date(2026, 1, 1))}
    assert periods["yesterday"] == Period("yesterday", date(2025, 12, 31), date(2025, 12, 31))
    assert periods["this_month"] == Period("this_month", date(2026, 1, 1), date(2026, 1, 1))


def test_a_day_begins_and_ends_where_people_are() -> None:
    day = Period("a day", date(2026, 7, 1), date(2026, 7, 1))
    assert day.starts_at(OSLO) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert day.ends_at(OSLO) == datetime(2026, 7, 1, 22, tzinfo=UTC)


def test_the_day_on_which_clocks_are_put_back_has_25_hours() -> None:
    day = Period("a day", date(2026, 10, 25), date(2026, 10, 25))
    length = day.ends_at(OSLO).astimezone(UTC) - day.starts_at(OSLO).astimezone(UTC)
    assert length.total_seconds() == 25 * 3600
