"""What counts as an e-mail address, quickly and by all the rules."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.chassis.email_address import email_address, plain_address, validated_address

LETTERS = st.text("abzAZ09._+-'\"@ xn", max_size=12)
LABELS = st.one_of(
    st.sampled_from(
        ["example", "TEST", "no", "local", "xn--brd-0na", "arpa", "onion", "com", "a-b", "a--b"]
    ),
    st.text("abZ09-_", max_size=6),
    st.integers(60, 66).map(lambda length: "a" * length),
)
ADDRESSES = st.tuples(LETTERS, st.lists(LABELS, max_size=6)).map(
    lambda parts: f"{parts[0]}@{'.'.join(parts[1])}"
)


@given(ADDRESSES)
@example("INFO@Firm.NO")
@example("randi@" + ".".join(["a" * 60] * 4) + ".no")
@example("r" * 250 + "@a.no")
@example("randi@firm.no\n")
@example("randi@local")
def test_the_quick_look_says_what_all_the_rules_say(text: str) -> None:
    quick = plain_address(text)
    if quick is not None:
        assert quick == validated_address(text)


@given(st.emails())
def test_an_address_is_the_same_by_both_ways(text: str) -> None:
    assert email_address(text) == validated_address(text)


@pytest.mark.parametrize("text", ["Randi.Moen@Firm.no", "per+crm@a-b.example", "info@firm.test"])
def test_what_people_have_needs_no_more_than_the_quick_look(text: str) -> None:
    assert plain_address(text) is not None


@pytest.mark.parametrize("text", ["", "randi", "randi@firm", "randi@firm.local", "a b@firm.no"])
def test_what_is_none_is_none(text: str) -> None:
    assert email_address(text) is None


def test_letters_of_other_alphabets_are_told_apart_by_all_the_rules() -> None:
    assert email_address("åse@blåbær.no") == "åse@blåbær.no"
