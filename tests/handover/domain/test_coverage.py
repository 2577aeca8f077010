"""Whether enough people can do what is needed, and when that cannot be known."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.chassis.tables import new_id
from services.handover.domain.competence import CompetenceNeed
from services.handover.domain.coverage import CoverageState, NeedCoverage, cover, overall
from services.handover.domain.handover import Handover
from services.handover.domain.staffing import Staffing
from services.handover.domain.training_copy import Known, Trained
from services.handover.domain.waiver import CoverageWaiver

TODAY = date(2026, 11, 22)
SELLER, LEAD, MANAGER = new_id(), new_id(), new_id()


def day(number: int) -> date:
    """So many days from today."""
    return TODAY + timedelta(days=number)


def a_need(**fields: Any) -> CompetenceNeed:
    return CompetenceNeed(**{"competence": "tills", "level": 2, **fields})


def planned(start: date | None = None, end: date | None = None) -> Handover:
    return Handover(seller_id=SELLER, delivery_lead_id=LEAD, planned_start=start, planned_end=end)


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


def judged(
    need: CompetenceNeed, copy: Known | None, handover: Handover | None = None, **given: Any
) -> NeedCoverage:
    return cover(need, handover or planned(), copy, TODAY, **given)


def state(
    need: CompetenceNeed, copy: Known | None, handover: Handover | None = None, **given: Any
) -> CoverageState:
    return judged(need, copy, handover, **given).state


def test_enough_people_cover_a_need():
    assert state(a_need(headcount=2), known(trained(), trained(3))) == "covered"


def test_too_few_leave_a_gap():
    covered = judged(a_need(headcount=2), known(trained(), trained(1)))
    assert covered.state == "gap"
    assert len(covered.people) == 1


def test_nothing_is_known_of_a_level_that_no_course_grants():
    assert state(a_need(level=4), known(trained(5), granted=3)) == "unknown"
    assert state(a_need(competence="boats"), known(trained())) == "unknown"


def test_nothing_is_known_before_the_copy_has_caught_up():
    assert state(a_need(), None) == "unknown"


def test_somebody_with_two_courses_counts_once_at_their_best():
    person = new_id()
    covered = judged(
        a_need(headcount=2), known(trained(2, person=person), trained(3, person=person))
    )
    assert covered.state == "gap"
    assert [one.level for one in covered.people] == [3]


def test_what_runs_out_before_the_need_ends_does_not_cover_it():
    copy = known(trained(until=day(10)))
    assert state(a_need(ends_on=day(10)), copy) == "covered"
    assert state(a_need(ends_on=day(11)), copy) == "gap"
    assert state(a_need(starts_on=day(11)), copy) == "gap"
    assert state(a_need(starts_on=day(11), ends_on=day(20)), copy) == "gap"


def test_what_is_granted_after_the_need_starts_does_not_cover_it():
    copy = known(trained(since=day(5)))
    assert state(a_need(starts_on=day(5), ends_on=day(9)), copy) == "covered"
    assert state(a_need(starts_on=day(4), ends_on=day(9)), copy) == "gap"
    assert state(a_need(), copy) == "gap"


def test_without_a_last_day_only_what_never_runs_out_is_known_to_last():
    assert state(a_need(starts_on=day(3)), known(trained())) == "covered"
    assert state(a_need(starts_on=day(3)), known(trained(until=day(400)))) == "unknown"
    assert state(a_need(), known(trained(until=day(400)))) == "unknown"


def test_a_need_without_days_takes_those_of_the_plan():
    copy = known(trained(until=day(10)))
    assert state(a_need(), copy, planned(day(2), day(10))) == "covered"
    assert state(a_need(), copy, planned(day(2), day(11))) == "gap"
    assert state(a_need(ends_on=day(10)), copy, planned(day(2), day(90))) == "covered"
    assert state(a_need(starts_on=day(11)), copy, planned(day(2), day(20))) == "gap"


def test_a_planned_day_that_contradicts_the_needs_own_says_nothing():
    late = judged(a_need(starts_on=day(30)), known(trained()), planned(day(2), day(20)))
    assert (late.period.first, late.period.last) == (day(30), None)
    early = judged(a_need(ends_on=day(5)), known(trained()), planned(day(10), day(20)))
    assert (early.period.first, early.period.last) == (TODAY, day(5))


def test_certificates_that_follow_one_another_count_as_one():
    person = new_id()
    renewed = [
        trained(person=person, until=day(10)),
        trained(3, person=person, since=day(11), until=day(40)),
    ]
    [one] = judged(a_need(ends_on=day(40)), known(*renewed)).people
    assert (one.level, one.since, one.until) == (3, day(-30), day(40))
    late = trained(person=person, since=day(12), until=None)
    assert state(a_need(ends_on=day(40)), known(renewed[0], late)) == "gap"
    forever = trained(person=person, since=day(5))
    assert state(a_need(), known(renewed[0], forever)) == "covered"


def on(need: CompetenceNeed, person: UUID, first: date, last: date | None = None) -> Staffing:
    return Staffing(competence_need_id=need.id, person_id=person, starts_on=first, ends_on=last)


def test_whoever_is_staffed_fills_a_seat_and_must_hold_it():
    need = a_need(starts_on=day(1), ends_on=day(30))
    able, unable = new_id(), new_id()
    copy = known(trained(person=able))
    assert state(need, copy) == "covered"
    assert state(need, copy, staffing=[on(need, able, day(1))]) == "covered"
    seen = judged(need, copy, staffing=[on(need, unable, day(1))])
    assert (seen.state, seen.have) == ("gap", 0)
    assert [one.state for one in seen.staffed] == ["gap"]
    assert [one.person_id for one in seen.people] == [able]


def test_an_empty_seat_counts_while_somebody_else_in_the_firm_holds_it():
    need = a_need(headcount=2, starts_on=day(1), ends_on=day(30))
    able, other = new_id(), new_id()
    both = known(trained(person=able), trained(person=other))
    staffing = [on(need, able, day(1), day(30))]
    assert state(need, both, staffing=staffing) == "covered"
    assert state(need, known(trained(person=able)), staffing=staffing) == "gap"


def test_who_comes_later_is_judged_on_their_own_days():
    need = a_need(starts_on=day(1), ends_on=day(30))
    first, second = new_id(), new_id()
    copy = known(trained(person=first, until=day(15)), trained(person=second, since=day(10)))
    relay = [on(need, first, day(1), day(15)), on(need, second, day(16), day(30))]
    assert state(need, copy, staffing=relay) == "covered"
    too_long = [on(need, first, day(1), day(20)), on(need, second, day(21))]
    assert state(need, copy, staffing=too_long) == "gap"


def test_a_staffing_outside_of_the_needs_days_or_on_another_need_does_not_count():
    need, other = a_need(starts_on=day(10), ends_on=day(20)), a_need()
    person = new_id()
    seen = judged(
        need,
        known(),
        staffing=[on(need, person, day(1), day(9)), on(other, person, day(10), day(20))],
    )
    assert seen.state == "gap"
    assert [one.days for one in seen.staffed] == [None]


def test_staffed_for_good_on_a_certificate_that_runs_out_is_not_known_to_last():
    need = a_need(starts_on=day(1))
    person = new_id()
    copy = known(trained(person=person, until=day(100)))
    assert state(need, copy, staffing=[on(need, person, day(1))]) == "unknown"


def a_waiver(need: CompetenceNeed, **fields: Any) -> CoverageWaiver:
    return CoverageWaiver(
        **{"competence_need_id": need.id, "granted_by": MANAGER, "reason": "So be it.", **fields}
    )


def test_a_waiver_takes_the_place_of_a_gap_and_of_what_is_not_known_but_not_of_being_covered():
    need = a_need()
    assert state(need, known(), waivers=[a_waiver(need)]) == "waived"
    assert state(need, None, waivers=[a_waiver(need)]) == "waived"
    assert state(need, known(trained()), waivers=[a_waiver(need)]) == "covered"
    assert state(need, known(), waivers=[a_waiver(a_need())]) == "gap"


@pytest.mark.parametrize(
    "fields",
    [
        {"valid_until": day(-1)},
        {"ended_at": datetime(2026, 11, 20, tzinfo=UTC)},
        {"granted_by": SELLER},
        {"granted_by": LEAD},
    ],
)
def test_a_waiver_that_ran_out_or_was_revoked_or_is_for_oneself_waives_nothing(
    fields: dict[str, Any],
):
    need = a_need()
    assert state(need, known(), waivers=[a_waiver(need, **fields)]) == "gap"
    assert state(need, known(), waivers=[a_waiver(need, valid_until=TODAY)]) == "waived"


def test_a_manager_who_is_staffed_on_the_need_later_waives_it_no_more():
    need = a_need()
    staffing = [on(need, MANAGER, day(1))]
    assert state(need, known(), staffing=staffing, waivers=[a_waiver(need)]) == "gap"


def test_what_has_run_out_does_not_count_even_for_a_need_of_the_past():
    copy = known(trained(until=TODAY - timedelta(days=1)))
    assert state(a_need(ends_on=TODAY - timedelta(days=60)), copy) == "gap"


@pytest.mark.parametrize(
    ("states", "together"),
    [
        (["covered", "covered"], "covered"),
        (["covered", "unknown"], "unknown"),
        (["covered", "unknown", "gap"], "gap"),
        (["covered", "waived"], "waived"),
        (["waived", "unknown"], "unknown"),
        ([], "unknown"),
    ],
)
def test_a_gap_outweighs_all_and_the_unknown_what_is_covered(states: list[str], together: str):
    assert overall(CoverageState(one) for one in states) == together
