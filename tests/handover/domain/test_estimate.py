"""An estimate has three points in order, and is live until a new one takes its place."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.chassis.errors import Conflict, Invalid
from services.chassis.tables import new_id
from services.handover.domain.estimate import Estimate

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def estimate(*points: int) -> Estimate:
    optimistic, likely, pessimistic = map(Decimal, points or (4, 6, 12))
    return Estimate(
        item="Tills for the first shop",
        optimistic_hours=optimistic,
        likely_hours=likely,
        pessimistic_hours=pessimistic,
    )


@pytest.mark.parametrize("points", [(4, 6, 12), (6, 6, 12), (4, 12, 12), (6, 6, 6)])
def test_points_in_order_are_sound_and_may_coincide(points: tuple[int, int, int]):
    estimate(*points).check_sound()


@pytest.mark.parametrize(
    ("points", "pointers"),
    [
        ((8, 6, 20), ["/likely_hours"]),
        ((4, 6, 5), ["/pessimistic_hours"]),
        ((12, 6, 4), ["/likely_hours", "/pessimistic_hours"]),
    ],
)
def test_points_out_of_order_are_named_with_the_order(
    points: tuple[int, int, int], pointers: list[str]
):
    with pytest.raises(Invalid, match="optimistic ≤ likely ≤ pessimistic") as refused:
        estimate(*points).check_sound()
    assert [error.pointer for error in refused.value.errors] == pointers


def test_a_change_must_leave_the_points_in_order():
    with pytest.raises(Invalid):
        estimate().revise({"likely_hours": Decimal(13)})


def test_a_superseded_estimate_stands_as_it_is():
    one = estimate()
    assert one.is_live
    one.supersede(NOW)
    assert not one.is_live
    for change in (
        lambda: one.supersede(NOW),
        lambda: one.revise({"item": "Other tills"}),
        lambda: one.enter_actual(Decimal(7)),
        one.require_deletable,
    ):
        with pytest.raises(Conflict, match="superseded"):
            change()


def test_what_it_took_ends_the_estimating():
    one = estimate()
    one.enter_actual(Decimal(7))
    one.enter_actual(Decimal(8))
    assert one.actual_hours == 8
    with pytest.raises(Conflict, match="known what this took"):
        one.supersede(NOW)


def test_one_that_took_the_place_of_another_is_not_taken_out():
    one = estimate()
    one.require_deletable()
    one.supersedes = new_id()
    with pytest.raises(Conflict, match="part of the record"):
        one.require_deletable()
