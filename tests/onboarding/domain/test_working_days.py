"""Counting working days: weeks, public holidays and an organization's own days off."""

from datetime import date

import pytest

from services.onboarding.domain.working_days import WorkingDays


def days(country: str | None = None, **fields) -> WorkingDays:
    return WorkingDays(country=country, **fields)


@pytest.mark.parametrize(
    ("country", "count", "day"),
    [
        # Easter 2026: 2 to 6 April; Maundy Thursday is a holiday in Denmark and Norway alone.
        ("DK", 1, "2026-04-01"),
        ("NO", 1, "2026-04-01"),
        ("SE", 1, "2026-04-02"),
        ("FI", 1, "2026-04-02"),
        (None, 1, "2026-04-06"),
        ("NO", 5, "2026-03-26"),
        ("SE", 5, "2026-03-27"),
    ],
)
def test_easter_is_not_worked(country, count, day):
    assert days(country).before(date(2026, 4, 7), count) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("country", "day"),
    [
        # From Thursday 7 January 2027 five working days back: Epiphany is a holiday in Sweden and Finland.
        ("DK", "2026-12-30"),
        ("NO", "2026-12-30"),
        ("SE", "2026-12-29"),
        ("FI", "2026-12-29"),
    ],
)
def test_it_counts_over_new_year(country, day):
    assert days(country).before(date(2027, 1, 7), 5) == date.fromisoformat(day)


def test_every_country_has_its_own_days():
    assert not days("NO").holds(date(2027, 5, 17))
    assert days("DK").holds(date(2027, 5, 18))
    assert not days("FI").holds(date(2027, 12, 6))
    assert not days("FI").holds(date(2026, 6, 19))
    assert days("NO").holds(date(2026, 6, 19))


def test_the_organizations_own_days_off_and_its_week_count():
    monday = date(2026, 11, 23)
    assert days(days_off={date(2026, 11, 20)}).before(monday, 1) == date(2026, 11, 19)
    assert days(week={6, 7}).before(monday, 3) == date(2026, 11, 15)
    assert days(week={6, 7}).after(monday, 3) == date(2026, 12, 5)


def test_no_days_before_is_the_day_itself():
    sunday = date(2026, 11, 22)
    assert days("NO").before(sunday, 0) == sunday


def test_where_nobody_ever_works_there_is_no_such_day():
    assert days(week=()).before(date(2026, 11, 22), 1) is None


def test_a_country_that_is_not_known_has_no_public_holidays():
    assert days("QQ").holds(date(2026, 12, 25))
