"""Whether enough people can do what is needed, and when that cannot be known."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.chassis.tables import new_id
from services.handover.domain.coverage import (
    CoverageState,
    Known,
    Need,
    Trained,
    cover,
    overall,
)

TODAY = date(2026, 11, 22)


def a_need(**fields: Any) -> Need:
    return Need(
        **{
            "id": new_id(),
            "competence": "tills",
            "level": 2,
            "headcount": 1,
            "starts_on": None,
            "ends_on": None,
            **fields,
        }
    )


def trained(level: int = 2, *, person: UUID | None = None, **fields: Any) -> Trained:
    return Trained(
        **{
            "person_id": person or new_id(),
            "name": "Lærke",
            "competence": "tills",
            "level": level,
            "since": TODAY - timedelta(days=30),
            "until": None,
            **fields,
        }
    )


def known(*people: Trained, granted: int = 3) -> Known:
    return Known({"tills": granted}, {"tills": granted}, people)


def state(need: Need, copy: Known | None) -> CoverageState:
    return cover(need, copy, TODAY).state


def test_enough_people_cover_a_need():
    assert state(a_need(headcount=2), known(trained(), trained(3))) == "covered"


def test_too_few_leave_a_gap():
    covered = cover(a_need(headcount=2), known(trained(), trained(1)), TODAY)
    assert covered.state == "gap"
    assert len(covered.people) == 1


def test_nothing_is_known_of_a_level_that_no_course_grants():
    assert state(a_need(level=4), known(trained(5), granted=3)) == "unknown"
    assert state(a_need(competence="boats"), known(trained())) == "unknown"


def test_nothing_is_known_before_the_copy_has_caught_up():
    assert state(a_need(), None) == "unknown"


def test_somebody_with_two_courses_counts_once_at_their_best():
    person = new_id()
    covered = cover(
        a_need(headcount=2), known(trained(2, person=person), trained(3, person=person)), TODAY
    )
    assert covered.state == "gap"
    assert [one.level for one in covered.people] == [3]


def test_what_runs_out_before_the_need_ends_does_not_cover_it():
    until = TODAY + timedelta(days=10)
    copy = known(trained(until=until))
    assert state(a_need(), copy) == "covered"
    assert state(a_need(ends_on=until), copy) == "covered"
    assert state(a_need(ends_on=until + timedelta(days=1)), copy) == "gap"
    assert state(a_need(starts_on=until + timedelta(days=1)), copy) == "gap"


def test_what_has_run_out_does_not_count_even_for_a_need_of_the_past():
    copy = known(trained(until=TODAY - timedelta(days=1)))
    assert state(a_need(ends_on=TODAY - timedelta(days=60)), copy) == "gap"


@pytest.mark.parametrize(
    ("states", "together"),
    [
        (["covered", "covered"], "covered"),
        (["covered", "unknown"], "unknown"),
        (["covered", "unknown", "gap"], "gap"),
        ([], "unknown"),
    ],
)
def test_a_gap_outweighs_all_and_the_unknown_what_is_covered(states: list[str], together: str):
    assert overall(CoverageState(one) for one in states) == together
