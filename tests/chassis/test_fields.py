"""What a request may write in a field, and what only looks like it."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.chassis.fields import ONE_LINE, Day, Line, Moment, Money, Name, Prose, Title
from services.chassis.invisible import TURNING


def takes(kind: Any, value: Any) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def test_a_day_is_written_out() -> None:
    assert takes(Day, "2026-11-22")


@pytest.mark.parametrize("value", [0, 20_000, 1.5, True, "0", "1763769600", "22.11.2026", ""])
def test_a_number_is_no_day(value: Any) -> None:
    assert not takes(Day, value)


@pytest.mark.parametrize("rest", ["T00:00:00", "T00:00:00+02:00", "T00:00:00Z", " ", "\n", "T"])
def test_a_moment_is_no_day(rest: str) -> None:
    assert not takes(Day, f"2026-11-22{rest}")


@pytest.mark.parametrize(
    "amount",
    [
        "1_000",
        "1e3",
        "+5",
        " 5 ",
        "5\n",
        "\u0661\u0662",
        "-0",
        ".5",
        "5.",
        "",
        "1,5",
        "NaN",
        "1" * 12,
        [0, [1], 0],
    ],
)
def test_an_amount_is_written_in_plain_digits(amount: Any) -> None:
    assert not takes(Money, {"amount": amount, "currency": "NOK"})


@pytest.mark.parametrize("amount", ["0", "0.5", "00012", "1250.0000", "9" * 11])
def test_an_amount_has_up_to_eleven_digits_and_four_decimals(amount: str) -> None:
    assert takes(Money, {"amount": amount, "currency": "NOK"})


def test_a_moment_says_its_offset() -> None:
    assert takes(Moment, "2026-11-22T09:00:00+01:00")
    assert takes(Moment, "2026-11-22T08:00:00Z")
    assert not takes(Moment, "2026-11-22T09:00:00")


@pytest.mark.parametrize("value", [0, 1_763_769_600, 1.5, True, "0", "1763769600", ""])
def test_a_number_is_no_moment(value: Any) -> None:
    assert not takes(Moment, value)


@pytest.mark.parametrize("year", ["1899", "2201", "0001", "9999"])
def test_a_year_that_nobody_means_is_refused(year: str) -> None:
    assert not takes(Day, f"{year}-06-01")
    assert not takes(Moment, f"{year}-06-01T00:00:00Z")


@pytest.mark.parametrize("amount", [0, 1250, 1250.5, True, None, "much", "-1", "1.234"])
def test_an_amount_is_text_with_the_decimals_of_its_currency(amount: Any) -> None:
    assert takes(Money, {"amount": "1250.00", "currency": "NOK"})
    assert not takes(Money, {"amount": amount, "currency": "NOK"})


@pytest.mark.parametrize(
    "char",
    ["\u200b", "\u2060", "\u3164", "\u115f", "\u1160", "\uffa0", "\u2800", "\u00a0", "\ufeff"],
)
def test_what_nobody_sees_is_no_text(char: str) -> None:
    for kind in (Name, Title, Prose):
        assert not takes(kind, char * 5)
        assert not takes(kind, f"{char} {char} {char}")
        assert takes(kind, f"{char}Tills{char}")
    assert not takes(Title, f"T{char}{char}")
    assert takes(Title, "A B")


@pytest.mark.parametrize("char", [*TURNING, "\u0085", "\u2028", "\u2029"])
def test_a_line_neither_ends_nor_turns_around(char: str) -> None:
    assert f"\\u{ord(char):04x}" in ONE_LINE
    for kind in (Name, Title, Line):
        assert not takes(kind, f"Tills{char}Oslo")
    assert takes(Prose, f"Tills{char}Oslo")


def test_a_name_may_join_letters_and_emoji() -> None:
    assert takes(Name, "\u0646\u0627\u0645\u0647\u200c\u0647\u0627")
    assert takes(Name, "\U0001f469\u200d\U0001f680")
