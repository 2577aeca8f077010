"""What days a staffing may have."""

from datetime import date

import pytest

from services.chassis.errors import Invalid
from services.chassis.tables import new_id
from services.handover.domain.staffing import Staffing


def a_staffing(starts_on: date, ends_on: date | None) -> Staffing:
    return Staffing(handover_id=new_id(), person_id=new_id(), starts_on=starts_on, ends_on=ends_on)


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "pointer"),
    [
        (date(2026, 11, 22), date(2026, 11, 21), "/to"),
        (date(2026, 11, 22), date(2036, 11, 23), "/to"),
        (date(1999, 12, 31), None, "/from"),
    ],
)
def test_a_year_that_was_mistyped_is_refused(starts_on: date, ends_on: date | None, pointer: str):
    with pytest.raises(Invalid) as refused:
        a_staffing(starts_on, ends_on).check_sound()
    assert refused.value.errors[0].pointer == pointer


@pytest.mark.parametrize("ends_on", [None, date(2026, 11, 22), date(2036, 11, 22)])
def test_ten_years_and_no_end_are_fine(ends_on: date | None):
    a_staffing(date(2026, 11, 22), ends_on).check_sound()
