"""An outcome: once there is one, and until it was looked back on."""

from datetime import UTC, date, datetime

import pytest

from services.chassis.caller import Caller, Role
from services.chassis.errors import Frozen, IllegalMove, Invalid
from services.chassis.tables import new_id
from services.handover.domain.handover import Handover, State
from services.handover.domain.outcome import Outcome, require_tellable

NOW = datetime(2026, 11, 22, 23, tzinfo=UTC)
MANAGER = Caller(new_id(), new_id(), "Mona", frozenset({Role.manager}))


@pytest.mark.parametrize("state", list(State))
def test_it_is_told_in_delivery_and_after_it(state: State):
    handover = Handover(state=state)
    if state in (State.in_delivery, State.completed):
        require_tellable(handover, MANAGER)
    else:
        with pytest.raises(Frozen if state is State.closed else IllegalMove):
            require_tellable(handover, MANAGER)


@pytest.mark.parametrize(
    ("ended_on", "sound"),
    [
        (date(2026, 10, 31), False),
        (date(2026, 11, 1), True),
        (date(2026, 11, 22), True),
        (date(2026, 11, 23), True),
        (date(2026, 11, 24), False),
    ],
)
def test_it_ended_after_it_was_to_start_and_not_in_days_to_come(ended_on: date, sound: bool):
    outcome, handover = Outcome(ended_on=ended_on), Handover(planned_start=date(2026, 11, 1))
    if sound:
        outcome.check_sound(handover, NOW)
    else:
        with pytest.raises(Invalid) as refused:
            outcome.check_sound(handover, NOW)
        assert [error.pointer for error in refused.value.errors] == ["/ended_on"]


@pytest.mark.parametrize(
    ("ended_on", "sound"), [(date(2026, 11, 19), False), (date(2026, 11, 20), True)]
)
def test_what_was_started_ahead_of_its_plan_may_end_ahead_of_it(ended_on: date, sound: bool):
    handover = Handover(
        planned_start=date(2027, 1, 4), accepted_at=datetime(2026, 11, 20, 8, tzinfo=UTC)
    )
    if sound:
        Outcome(ended_on=ended_on).check_sound(handover, NOW)
    else:
        with pytest.raises(Invalid) as refused:
            Outcome(ended_on=ended_on).check_sound(handover, NOW)
        assert refused.value.errors[0].params == {"day": date(2026, 11, 20)}


def test_where_nobody_knew_the_start_any_day_will_do():
    Outcome(ended_on=date(1999, 1, 1)).check_sound(Handover(), NOW)
