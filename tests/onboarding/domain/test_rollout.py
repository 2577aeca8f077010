"""A rollout's moves as a table, without a database."""

from datetime import UTC, date, datetime

import pytest

from services.chassis.errors import Frozen, IllegalMove, Invalid
from services.chassis.tables import new_id
from services.onboarding.domain.rollout import MOVES, Move, Rollout, State, moves_from

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TODAY = NOW.date()


def a_rollout(state: State = State.draft, **fields) -> Rollout:
    given = {
        "organization_id": new_id(),
        "tool_id": new_id(),
        "team_ids": [new_id()],
        "go_live_on": date(2026, 12, 1),
        "min_pct": 90,
        "required_curricula": [new_id()],
        "state": state,
        "paused_in": State.planned if state is State.paused else None,
        **fields,
    }
    return Rollout(**given)


DOING = {
    Move.plan: lambda r: r.plan(TODAY),
    Move.train: Rollout.train,
    Move.make_ready: Rollout.make_ready,
    Move.go_live: lambda r: r.go_live(NOW),
    Move.adopt: lambda r: r.adopt(NOW),
    Move.pause: lambda r: r.pause("Holidays."),
    Move.resume: Rollout.resume,
    Move.cancel: lambda r: r.cancel("No."),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
def test_every_move_exists_where_the_table_says_and_nowhere_else(state: State, move: Move):
    rollout = a_rollout(state)
    origins, targets = MOVES[move]
    if state in origins:
        DOING[move](rollout)
        assert rollout.state in targets
    else:
        with pytest.raises(IllegalMove) as refused:
            DOING[move](rollout)
        assert refused.value.allowed == sorted(moves_from(state))
        assert rollout.state is state


def test_live_adopted_and_cancelled_lead_no_further_than_they_should():
    assert moves_from(State.live) == [Move.adopt]
    assert moves_from(State.adopted) == []
    assert moves_from(State.cancelled) == []


@pytest.mark.parametrize(
    ("state", "resumed"),
    [
        (State.planned, State.planned),
        (State.training, State.training),
        (State.ready, State.training),
    ],
)
def test_what_was_ready_is_resumed_as_training(state: State, resumed: State):
    rollout = a_rollout(state)
    rollout.pause("Holidays.")
    rollout.resume()
    assert rollout.state is resumed
    assert (rollout.paused_in, rollout.reason) == (None, None)


def test_a_day_that_has_passed_cannot_be_planned():
    with pytest.raises(Invalid):
        a_rollout(go_live_on=date(2026, 11, 22)).plan(TODAY)
    a_rollout(go_live_on=TODAY).plan(TODAY)


def test_what_is_paused_before_training_may_still_get_another_gate():
    rollout = a_rollout(State.paused)
    rollout.revise({"min_pct": 80}, TODAY)
    assert rollout.min_pct == 80
    rollout.paused_in = State.training
    with pytest.raises(Frozen):
        rollout.revise({"min_pct": 70}, TODAY)
