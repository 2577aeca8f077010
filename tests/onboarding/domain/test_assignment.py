"""What may happen to an assignment in which state, and by whose hand."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, Forbidden, IllegalMove, Invalid, NotFound
from services.chassis.tables import new_id
from services.onboarding.domain.assigning import Assigning, Due
from services.onboarding.domain.assignment import (
    MOVES,
    Assignment,
    DueKind,
    Move,
    State,
    Suspension,
    moves_from,
)
from services.onboarding.domain.course_set import CourseSet, Item, Rule

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
FIRM = new_id()
LEARNER = Caller(FIRM, new_id(), "Lærke")
TRAINER = Caller(FIRM, new_id(), "Tora", frozenset({Role.trainer}))
STRANGER = Caller(FIRM, new_id(), "Signe", frozenset({Role.seller, Role.manager}))


def item(key: str, competence: str | None = None) -> Item:
    level = None if competence is None else 2
    return Item(key, key.title(), 10, UUID(int=1), 3, 0, competence, level)


ORDERED = [CourseSet("s", "S", Rule.all_in_order, (item("a", "selling"), item("b")))]


def an_assignment(state: State = State.assigned, **fields) -> Assignment:
    given = {
        "organization_id": FIRM,
        "person_id": LEARNER.person_id,
        "curriculum_id": new_id(),
        "curriculum_version_id": new_id(),
        "state": state,
        **fields,
    }
    return Assignment(**given)


def moved(assignment: Assignment, move: Move) -> None:
    match move:
        case Move.suspend:
            assignment.suspend(TODAY, "On leave")
        case Move.resume:
            assignment.resume(TODAY, None)
        case Move.withdraw:
            assignment.withdraw(TODAY, "Changed jobs")


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", [Move.suspend, Move.resume, Move.withdraw])
def test_every_move_is_made_from_the_states_of_the_table_and_refused_from_all_others(state, move):
    assignment = an_assignment(state, starts_on=TODAY + timedelta(days=3))
    origins, targets = MOVES[move]
    if state in origins:
        moved(assignment, move)
        assert assignment.state in targets
    else:
        with pytest.raises(IllegalMove) as refused:
            moved(assignment, move)
        assert refused.value.allowed == sorted(moves_from(state))
        assert assignment.state is state


def test_what_has_ended_is_moved_by_nobody_who_asks_for_it():
    assert moves_from(State.completed) == []
    assert moves_from(State.withdrawn) == []


def test_a_scheduled_assignment_arrives_on_its_day_by_itself():
    assignment = an_assignment(State.scheduled, starts_on=TODAY)
    assert assignment.state_on(TODAY - timedelta(days=1)) is State.scheduled
    assert assignment.state_on(TODAY) is State.assigned
    assignment.complete_item(LEARNER, ORDERED, set(), "a", NOW)
    assert assignment.state is State.in_progress


def test_nothing_is_completed_before_the_first_day():
    assignment = an_assignment(State.scheduled, starts_on=TODAY + timedelta(days=1))
    with pytest.raises(IllegalMove, match="It starts on 2026-11-23"):
        assignment.complete_item(LEARNER, ORDERED, set(), "a", NOW)


def test_items_are_completed_in_their_order_and_the_last_one_completes_it():
    assignment = an_assignment()
    with pytest.raises(Conflict, match="first comes a"):
        assignment.complete_item(LEARNER, ORDERED, set(), "b", NOW)
    first = assignment.complete_item(LEARNER, ORDERED, set(), "a", NOW)
    assert (assignment.state, assignment.started_at) == (State.in_progress, NOW)
    assert (first.competence, first.level, first.course_version) == ("selling", 2, 3)
    assignment.complete_item(LEARNER, ORDERED, {"a"}, "b", NOW)
    assert (assignment.state, assignment.completed_at) == (State.completed, NOW)
    assert assignment.items_done == 2


def test_a_trainer_completes_for_the_learner_and_is_named():
    completion = an_assignment().complete_item(TRAINER, ORDERED, set(), "a", NOW)
    assert completion.person_id == LEARNER.person_id
    assert completion.completed_by == TRAINER.person_id


def test_nobody_else_completes_anything():
    with pytest.raises(Forbidden):
        an_assignment().complete_item(STRANGER, ORDERED, set(), "a", NOW)


def test_an_item_is_completed_once_and_must_exist():
    with pytest.raises(Conflict, match="already"):
        an_assignment().complete_item(LEARNER, ORDERED, {"a"}, "a", NOW)
    with pytest.raises(NotFound):
        an_assignment().complete_item(LEARNER, ORDERED, set(), "zzz", NOW)


@pytest.mark.parametrize("state", [State.suspended, State.completed, State.withdrawn])
def test_nothing_is_completed_in_an_assignment_that_rests_or_has_ended(state):
    with pytest.raises(IllegalMove):
        an_assignment(state).complete_item(LEARNER, ORDERED, set(), "a", NOW)


def test_of_what_is_completed_it_is_said_that_it_is():
    with pytest.raises(IllegalMove, match="It is completed already"):
        an_assignment(State.completed).complete_item(LEARNER, ORDERED, {"a", "b"}, "a", NOW)


def test_it_goes_on_where_it_was_left():
    begun = an_assignment(State.suspended, items_done=1, starts_on=TODAY)
    begun.resume(TODAY, None)
    assert begun.state is State.in_progress
    to_come = an_assignment(State.suspended, starts_on=TODAY + timedelta(days=1))
    to_come.resume(TODAY, None)
    assert to_come.state is State.scheduled
    fresh = an_assignment(State.suspended)
    fresh.resume(TODAY, None)
    assert fresh.state is State.assigned


def test_what_rests_because_somebody_left_is_not_resumed_by_hand():
    assignment = an_assignment()
    assignment.suspend(TODAY, "Left", Suspension.inactive)
    with pytest.raises(Conflict, match="not active"):
        assignment.resume_by_hand(TODAY, "Please")
    assignment.resume(TODAY, None)
    assert (assignment.state, assignment.suspension) == (State.assigned, None)


def test_due_dates_are_counted_from_the_start():
    assert Due(DueKind.fixed, on=TODAY).common_date(TODAY - timedelta(days=9)) == TODAY
    after = Due(DueKind.after_assignment, days=30)
    assert after.common_date(date(2026, 12, 1)) == date(2026, 12, 31)
    assert Due(DueKind.after_hire, days=30).common_date(TODAY) is None


def test_nothing_is_due_before_it_starts():
    due = Due(DueKind.fixed, on=TODAY + timedelta(days=3))
    with pytest.raises(Invalid):
        Assigning(new_id(), new_id(), due, TODAY + timedelta(days=4)).check_sound(TODAY)
    Assigning(new_id(), new_id(), due, TODAY + timedelta(days=3)).check_sound(TODAY)
    Assigning(new_id(), new_id(), due, None).check_sound(TODAY)
