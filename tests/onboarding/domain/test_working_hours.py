"""When people are at work, where they are."""

from datetime import UTC, date, datetime

import pytest

from services.onboarding.domain.working_days import WorkingDays
from services.onboarding.domain.working_hours import at_work

MONDAY_TO_FRIDAY = WorkingDays()


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "there"),
    [
        ("2026-06-10T05:59", ["Asia/Tokyo"]),
        ("2026-06-10T06:00", ["Asia/Tokyo", "Europe/Oslo"]),
        ("2026-06-10T07:00", ["Asia/Tokyo", "Europe/London", "Europe/Oslo"]),
        ("2026-06-10T08:00", ["Europe/London", "Europe/Oslo"]),
        ("2026-06-10T15:00", ["Europe/London"]),
        ("2026-06-10T23:30", ["Asia/Tokyo"]),
        # Friday evening here is Saturday in Tokyo.
        ("2026-06-12T23:30", []),
        ("2026-06-14T12:00", []),
        # The clocks change between these two Fridays: eight o'clock comes an hour earlier.
        ("2026-03-27T06:30", ["Asia/Tokyo"]),
        ("2026-04-03T06:30", ["Asia/Tokyo", "Europe/Oslo"]),
    ],
)
def test_people_are_at_work_from_eight_to_five_on_working_days(moment, there):
    zones = ["Asia/Tokyo", "Europe/London", "Europe/Oslo"]
    assert [one.zone for one in at_work(zones, MONDAY_TO_FRIDAY, at(moment))] == there


def test_the_day_and_its_beginning_are_those_of_the_place():
    [there] = at_work(["Asia/Tokyo"], MONDAY_TO_FRIDAY, at("2026-06-10T23:30"))
    assert there.today == date(2026, 6, 11)
    assert there.began == at("2026-06-10T15:00")


@pytest.mark.parametrize(
    ("days", "moment", "reach"),
    [
        (MONDAY_TO_FRIDAY, "2026-06-10T10:00", "2026-06-10"),
        (MONDAY_TO_FRIDAY, "2026-06-12T10:00", "2026-06-14"),
        # Easter: from Wednesday noon on nobody works until Tuesday.
        (WorkingDays(country="NO"), "2026-04-01T10:00", "2026-04-06"),
        (WorkingDays(days_off=frozenset({date(2026, 6, 11)})), "2026-06-10T10:00", "2026-06-11"),
    ],
)
def test_a_day_reaches_until_people_are_back_at_work(days, moment, reach):
    [here] = at_work(["Europe/Oslo"], days, at(moment))
    assert here.reach == date.fromisoformat(reach)


def test_a_place_that_nobody_here_knows_keeps_the_time_of_greenwich():
    [there] = at_work(["Atlantis/Poseidonis"], MONDAY_TO_FRIDAY, at("2026-06-10T08:00"))
    assert there.began == at("2026-06-10T00:00")
