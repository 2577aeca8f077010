"""A walkthrough: planned, moved, held or not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.chassis.errors import Conflict, IllegalMove, Invalid
from services.handover.domain.walkthrough import (
    MOVES,
    Walkthrough,
    WalkthroughMove,
    WalkthroughState,
)

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_walkthrough(**fields: Any) -> Walkthrough:
    starts_at = fields.pop("starts_at", NOW - 2 * HOUR)
    if fields.get("state") is WalkthroughState.held:
        fields["held_at"] = starts_at
    return Walkthrough(
        starts_at=starts_at, ends_at=starts_at + HOUR, **{"place": "Storgata 1", **fields}
    )


MAKE: dict[WalkthroughMove, Callable[[Walkthrough], None]] = {
    WalkthroughMove.change: lambda one: one.revise({"place": "Storgata 2"}),
    WalkthroughMove.hold: lambda one: one.hold(NOW, None, None),
    WalkthroughMove.miss: lambda one: one.miss(None),
    WalkthroughMove.cancel: lambda one: one.cancel(),
}


@pytest.mark.parametrize("move", list(WalkthroughMove))
@pytest.mark.parametrize("state", list(WalkthroughState))
def test_a_move_exists_where_the_table_says_and_nowhere_else(
    state: WalkthroughState, move: WalkthroughMove
):
    walkthrough = a_walkthrough(state=state)
    if state in MOVES[move]:
        MAKE[move](walkthrough)
    else:
        with pytest.raises(IllegalMove):
            MAKE[move](walkthrough)
        assert walkthrough.state is state


@pytest.mark.parametrize(
    ("change", "sequence"),
    [
        ({"starts_at": NOW - 3 * HOUR}, 1),
        ({"ends_at": NOW}, 1),
        ({"tz": "Europe/Oslo"}, 1),
        ({"place": "Storgata 2"}, 1),
        ({"link": "https://meet.example/a"}, 1),
        ({"attendees": [{"email": "tor@kunde.example"}]}, 1),
        ({"place": "Storgata 2", "ends_at": NOW}, 1),
        ({"place": "Storgata 1"}, 0),
        ({"notes": "Bring the plan of the shops."}, 0),
        ({}, 0),
    ],
)
def test_what_stands_in_calendars_raises_the_sequence_by_one(change: dict[str, Any], sequence: int):
    walkthrough = a_walkthrough()
    walkthrough.revise(change)
    assert walkthrough.sequence == sequence


def test_cancelling_raises_the_sequence_too():
    walkthrough = a_walkthrough()
    walkthrough.cancel()
    assert walkthrough.sequence == 1


def test_one_that_was_not_held_is_planned_anew_by_moving_it():
    walkthrough = a_walkthrough(state=WalkthroughState.not_held)
    walkthrough.revise({"notes": "Randi was ill."})
    assert walkthrough.state is WalkthroughState.not_held
    walkthrough.revise({"starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR})
    assert walkthrough.state is WalkthroughState.planned


def test_it_ends_after_it_starts():
    walkthrough = a_walkthrough()
    walkthrough.ends_at = walkthrough.starts_at
    with pytest.raises(Invalid) as refused:
        walkthrough.check_sound()
    assert [error.pointer for error in refused.value.errors] == ["/ends_at"]


def test_it_is_somewhere():
    with pytest.raises(Invalid) as refused:
        a_walkthrough().revise({"place": None})
    assert [error.pointer for error in refused.value.errors] == ["/place"]


@pytest.mark.parametrize(
    ("starts_at", "held_at", "told"),
    [
        (NOW - 2 * HOUR, None, NOW - 2 * HOUR),
        (NOW + HOUR / 6, None, NOW),
        (NOW + HOUR / 6, NOW - HOUR, NOW - HOUR),
    ],
)
def test_it_was_held_as_planned_unless_another_time_is_told(
    starts_at: datetime, held_at: datetime | None, told: datetime
):
    walkthrough = a_walkthrough(starts_at=starts_at, notes="Bring the plan.")
    walkthrough.hold(NOW, held_at, None)
    assert (walkthrough.held_at, walkthrough.notes) == (told, "Bring the plan.")


def test_one_whose_time_has_not_come_is_moved_before_it_counts_as_held():
    walkthrough = a_walkthrough(starts_at=NOW + HOUR)
    with pytest.raises(Conflict) as refused:
        walkthrough.hold(NOW, NOW - HOUR, None)
    assert refused.value.allowed == ["cancel", "change"]
    walkthrough.revise({"starts_at": NOW - HOUR, "ends_at": NOW})
    walkthrough.hold(NOW, None, None)
    assert walkthrough.held_at == NOW - HOUR


def test_what_is_to_come_was_not_held():
    with pytest.raises(Invalid) as refused:
        a_walkthrough().hold(NOW, NOW + HOUR, "It went well.")
    assert [error.pointer for error in refused.value.errors] == ["/held_at"]


def test_it_lasts_a_week_at_most():
    walkthrough = a_walkthrough()
    walkthrough.revise({"ends_at": walkthrough.starts_at + timedelta(days=7)})
    with pytest.raises(Invalid) as refused:
        walkthrough.revise({"ends_at": walkthrough.starts_at + timedelta(days=7, seconds=1)})
    assert refused.value.errors[0].pointer == "/ends_at"
