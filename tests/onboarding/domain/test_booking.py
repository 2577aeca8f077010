"""The rules of a session and its bookings, without a database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, Forbidden, Frozen, IllegalMove, Invalid
from services.chassis.tables import new_id
from services.onboarding.domain.booking import (
    MOVES,
    Booking,
    BookingMove,
    BookingState,
    moves_from,
)
from services.onboarding.domain.topic_session import SessionState, TopicSession

FIRM, TRAINER, LEARNER = UUID(int=1), UUID(int=2), UUID(int=3)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_session(**fields) -> TopicSession:
    given = {
        "organization_id": FIRM,
        "title": "Returns",
        "starts_at": NOON,
        "ends_at": NOON + timedelta(hours=1),
        "place": "Shop 12",
        "trainer_id": TRAINER,
        "capacity": 2,
        **fields,
    }
    return TopicSession(**given)


def a_booking(state: BookingState, **fields) -> Booking:
    given = {
        "organization_id": FIRM,
        "session_id": new_id(),
        "person_id": LEARNER,
        "booked_by": LEARNER,
        "number": 1,
        "state": state,
        **fields,
    }
    return Booking(**given)


def before(**by: float) -> datetime:
    return NOON - timedelta(**by)


@pytest.mark.parametrize("state", BookingState)
def test_a_seat_is_taken_only_where_it_was_offered(state: BookingState):
    booking = a_booking(state)
    if state is BookingState.offered:
        booking.accept(a_session(), before(hours=1))
        assert booking.state is BookingState.booked
        return
    with pytest.raises(IllegalMove) as refused:
        booking.accept(a_session(), before(hours=1))
    assert "accept" not in (refused.value.allowed or [])


@pytest.mark.parametrize("state", BookingState)
def test_what_is_still_to_come_is_given_up(state: BookingState):
    booking = a_booking(state)
    if state in MOVES[BookingMove.cancel][0]:
        booking.cancel(a_session(), "I am ill.", before(hours=1))
        assert (booking.state, booking.reason) == (BookingState.cancelled, "I am ill.")
        assert booking.cancelled_at == before(hours=1)
        return
    with pytest.raises(IllegalMove):
        booking.cancel(a_session(), None, before(hours=1))


def test_after_the_start_nothing_is_booked_accepted_or_given_up():
    for state, act in (
        (BookingState.offered, lambda b: b.accept(a_session(), NOON)),
        (BookingState.booked, lambda b: b.cancel(a_session(), None, NOON)),
    ):
        with pytest.raises(Conflict):
            act(a_booking(state))
    with pytest.raises(Conflict):
        a_session().require_bookable(NOON)
    a_session().require_bookable(before(seconds=1))


def test_what_nobody_can_ask_for_is_not_named_as_a_move():
    assert moves_from(BookingState.waitlisted) == [BookingMove.cancel]
    assert moves_from(BookingState.offered) == [BookingMove.accept, BookingMove.cancel]
    assert moves_from(BookingState.lapsed) == []


def test_nobody_takes_their_own_attendance():
    booking = a_booking(BookingState.booked)
    with pytest.raises(Conflict):
        booking.take_attendance(BookingState.attended, LEARNER, NOON)
    booking.take_attendance(BookingState.attended, TRAINER, NOON)
    assert (booking.attendance_by, booking.attendance_at) == (TRAINER, NOON)


def test_attendance_is_corrected_unless_it_completed_something():
    booking = a_booking(BookingState.no_show)
    booking.take_attendance(BookingState.attended, TRAINER, NOON)
    booking.take_attendance(BookingState.no_show, TRAINER, NOON)
    booking.take_attendance(BookingState.attended, TRAINER, NOON)
    booking.completed_assignments = [str(new_id())]
    with pytest.raises(Conflict):
        booking.take_attendance(BookingState.no_show, TRAINER, NOON)
    with pytest.raises(IllegalMove):
        a_booking(BookingState.waitlisted).take_attendance(BookingState.attended, TRAINER, NOON)


def test_attendance_is_open_from_the_start_until_thirty_days_after_the_end():
    session = a_session()
    with pytest.raises(Conflict):
        session.require_attendance_open(before(seconds=1))
    session.require_attendance_open(NOON)
    session.require_attendance_open(session.ends_at + timedelta(days=30))
    with pytest.raises(Frozen):
        session.require_attendance_open(session.ends_at + timedelta(days=30, seconds=1))


def test_only_what_calendars_show_raises_the_sequence():
    session = a_session()
    now = before(days=1)
    session.revise({"description": "New", "capacity": 3, "offer_hours": 1}, now, is_held=False)
    assert session.sequence == 0
    session.revise({"place": session.place}, now, is_held=False)
    assert session.sequence == 0
    session.revise({"title": "Returns again"}, now, is_held=False)
    session.revise({"starts_at": before(hours=1)}, now, is_held=False)
    assert session.sequence == 2
    session.cancel("Ill.", now, is_held=False)
    assert (session.sequence, session.state) == (3, SessionState.cancelled)


def test_a_change_that_is_not_sound_is_refused():
    now = before(days=1)
    for changes, error, is_held in (
        ({"ends_at": NOON}, Invalid, False),
        ({"place": None}, Invalid, False),
        ({"starts_at": now}, Invalid, False),
        ({"ends_at": NOON + timedelta(hours=2)}, Frozen, True),
        ({"capacity": 1}, Conflict, False),
    ):
        with pytest.raises(error):
            a_session(seats_taken=2).revise(changes, now, is_held=is_held)


def test_what_is_cancelled_or_was_held_stays_so():
    session = a_session()
    with pytest.raises(Frozen):
        session.cancel("Late.", NOON, is_held=True)
    session.cancel("Ill.", before(days=1), is_held=False)
    for act in (
        lambda: session.cancel("Again.", NOON, is_held=False),
        lambda: session.revise({"place": "Here"}, NOON, is_held=False),
        lambda: session.require_bookable(before(days=1)),
        lambda: session.require_attendance_open(NOON),
    ):
        with pytest.raises(IllegalMove):
            act()


def test_it_is_steered_by_whoever_holds_it_and_by_trainers():
    session = a_session()
    session.require_trainer(Caller(FIRM, TRAINER, "T"))
    session.require_trainer(Caller(FIRM, LEARNER, "L", frozenset({Role.trainer})))
    with pytest.raises(Forbidden):
        session.require_trainer(Caller(FIRM, LEARNER, "L", frozenset({Role.manager})))
