"""A measure goes from somewhere to somewhere else, and keeps its unit once it was observed."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from services.chassis.errors import Frozen, Invalid
from services.handover.domain.value_measure import ValueMeasure


def measure(**fields: Any) -> ValueMeasure:
    given = {"baseline": Decimal(14), "target": Decimal(4), **fields}
    return ValueMeasure(
        organization_id=uuid4(), handover_id=uuid4(), name="Queue", unit="minutes", **given
    )


@pytest.mark.parametrize(
    ("baseline", "target"), [(14, 4), (4, 14), (None, 4), (14, None), (None, None), (0, -1)]
)
def test_the_way_may_lead_up_or_down_and_need_not_be_known(
    baseline: int | None, target: int | None
) -> None:
    measure(
        baseline=None if baseline is None else Decimal(baseline),
        target=None if target is None else Decimal(target),
    ).check_sound()


def test_a_target_where_it_starts_is_none() -> None:
    with pytest.raises(Invalid):
        measure(target=Decimal("14.0")).check_sound()
    with pytest.raises(Invalid):
        measure().revise({"baseline": Decimal(4)}, observed=False)


def test_the_unit_changes_only_until_it_was_observed() -> None:
    changed = measure()
    changed.revise({"unit": "seconds"}, observed=False)
    changed.revise({"unit": "seconds", "target": Decimal(200)}, observed=True)
    assert (changed.unit, changed.target) == ("seconds", Decimal(200))
    with pytest.raises(Frozen, match="seconds"):
        changed.revise({"unit": "hours"}, observed=True)
