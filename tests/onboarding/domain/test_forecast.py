"""The arithmetic of a forecast, without a database."""

import math
import random
from datetime import date
from itertools import product

import pytest

from services.onboarding.domain.forecast import FURTHEST, Pace, Seats, Team, chance_of


def test_no_pace_is_observed_where_nothing_was_completed():
    assert Pace.observed(0, 0, 5) is None
    assert Pace.observed(100, 10_000, 0) is None


def test_the_pace_counts_the_days_without_any():
    # One of two people completed 20 minutes on two of ten days.
    pace = Pace.observed(40, 800, 2)
    assert pace is not None
    assert pace.mean == 2
    assert pace.deviation == pytest.approx(math.sqrt(40 - 4))


def test_the_pace_of_the_first_day_is_not_thinned_by_days_on_which_nobody_could_learn():
    pace = Pace.observed(13 * 120, 13 * 120 * 120, 97, working_days=1)
    assert pace is not None
    assert pace.mean == pytest.approx(13 * 120 / 97)
    over_ten_days = Pace.observed(13 * 120, 13 * 120 * 120, 97)
    assert over_ten_days is not None
    assert over_ten_days.mean == pytest.approx(pace.mean / 10)


def test_a_steady_pace_is_through_on_the_day_and_not_before():
    pace = Pace(20, 0)
    assert [pace.chance(60, days) for days in (0, 2, 3)] == [0, 0, 1]
    assert pace.chance(0, 0) == 1
    team = Team(2, {60: 1, 40: 1, 200: 1}, pace)
    assert (team.days_until(0.5), team.days_until(0.8)) == (3, 3)


def test_half_are_through_when_the_mean_is():
    assert Pace(6, 9).chance(60, 10) == pytest.approx(0.5)


def test_the_chance_of_enough_is_the_sum_over_every_way_it_can_go():
    chances = [0.1, 0.5, 0.5, 0.9]
    for needed in range(6):
        expected = sum(
            math.prod(p if done else 1 - p for p, done in zip(chances, outcome, strict=True))
            for outcome in product((True, False), repeat=4)
            if sum(outcome) >= needed
        )
        assert chance_of(needed, {0.1: 1, 0.5: 2, 0.9: 1}) == pytest.approx(expected)


def test_for_many_people_the_normal_comes_close_to_the_exact():
    exact = sum(math.comb(400, k) * 0.5**400 for k in range(210, 401))
    assert chance_of(210, {0.5: 400}) == pytest.approx(exact, abs=0.001)
    assert chance_of(100, {1.0: 100}) == 1
    assert chance_of(100, {0.0: 100}) == 0
    assert chance_of(101, {1.0: 100}) == 0


def test_the_days_agree_with_drawing_days_at_random():
    # People who complete a 20-minute course on three of ten days, with 60 minutes left, and all of 12 are needed.
    team = Team(12, {60: 12}, Pace.observed(12 * 3 * 20, 12 * 3 * 400, 12))
    drawn = random.Random(7)

    def until_all_are_through() -> int:
        return max(_days_of_one(drawn) for _ in range(12))

    runs = sorted(until_all_are_through() for _ in range(2000))
    # Whole courses make the sum of few days lumpy: within a fifth, and two days, of what is drawn.
    for chance in (0.5, 0.8):
        days = team.days_until(chance)
        assert days is not None
        assert abs(days - runs[int(chance * 2000)]) <= max(2, 0.2 * days)


def _days_of_one(drawn: random.Random) -> int:
    left, days = 60, 0
    while left > 0:
        days += 1
        left -= 20 * (drawn.random() < 0.3)
    return days


def test_a_later_quantile_is_never_an_earlier_day_and_more_work_takes_longer():
    for pace in (Pace(3, 10), Pace(12, 4)):
        days = [Team(4, {minutes: 5}, pace).days_until(0.5) for minutes in (20, 60, 120, 300)]
        assert days == sorted(days)
        team = Team(4, {120: 5}, pace)
        assert team.days_until(0.5) <= team.days_until(0.8)


def test_what_takes_longer_than_five_years_is_not_foreseen():
    assert Team(1, {10 * FURTHEST: 1}, Pace(1, 0)).days_until(0.5) is None
    assert Team(1, {10: 1}, None).days_until(0.5) is None


def test_a_team_that_needs_nobody_more_is_ready_today():
    assert Team(0, {}, None).days_until(0.8) == 0


def test_seats_are_there_when_the_last_one_who_needs_one_sits():
    days = [(date(2026, 12, 1), 3), (date(2026, 12, 8), 3)]
    assert Seats(3, days).day() == date(2026, 12, 1)
    assert Seats(4, days).day() == date(2026, 12, 8)
    assert Seats(7, days).day() is None
