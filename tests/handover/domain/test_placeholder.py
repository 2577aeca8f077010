import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.handover.domain.placeholder import PLACEHOLDERS, is_placeholder

ENTRIES = sorted(
    {entry.strip() for entries in PLACEHOLDERS.values() for entry in entries.split(",")}
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "...",
        "-",
        "—",
        "?",
        "???",
        "👍",
        "✅️",
        "TBD",
        "tbd",
        "TBD!!",
        "T.B.D.",
        "tbd tbd",
        "TBD / TBD",
        "tbddd",
        "n/a",
        "(n/a)",
        "N.A.",
        "NA",
        "x",
        "xx",
        "XXX",
        "x x x",
        "xxxxxxxx",
        "aaaa",
        "øøø",
        "Ｔ.Ｂ.Ｄ",
        "TBD™",
        "To be decided",
        "to be determined",
        "to be defined.",
        "test",
        "Test 1",
        "test test test",
        "asdf",
        "asdf123",
        "hmmmm",
        "lorem ipsum",
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit",
        "unknown",
        "not applicable",
        "afklares",
        "Skal afklares.",
        "ved ikke",
        "ikke relevant",
        "mangler",
        "avklares",
        "Kommer senere",
        "ikke aktuelt",
        "uavklart",
        "under avklaring",
        "følger senere",
        "vet ikke",
        "ikkje avklart",
        "veit ikkje",
        "kjem seinare",
        "vet ej",
        "oklart",
        "ej klart",
        "kommer senare",
        "meddeles senere",
        "återkommer",
        "ska klargöras",
        "saknas",
        "ingen",
        "inga",
    ],
)
def test_this_says_nothing(text):
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        "The TBD-200 pump is delivered",
        "Ingen nedetid i kassene",
        "Ingen mangler",
        "Inga fel i leveransen",
        "Ingen test",
        "Not known to the customer before March",
        "Testing is done by the customer",
        "Test 1 and 2 pass",
        "To be decided by the board on 3 March",
        "Avklares av Kari innen 1. mai",
        "Kommer senere i mai",
        "OK",
        "Ja",
        "5",
        "1000",
        "100 %",
        "Tom",
        "Lorem ipsum is what the page still shows",
        "XXXL shirts for all",
        "无",
    ],
)
def test_this_says_something(text):
    assert not is_placeholder(text)


def test_every_entry_of_the_list_is_a_placeholder_in_any_case():
    assert [entry for entry in ENTRIES if not is_placeholder(entry)] == []
    assert [entry for entry in ENTRIES if not is_placeholder(entry.upper())] == []


@pytest.mark.parametrize("language", sorted(PLACEHOLDERS))
def test_no_entry_stands_twice_in_a_language(language):
    entries = [entry.strip() for entry in PLACEHOLDERS[language].split(",")]
    assert sorted(set(entries)) == sorted(entries)


MARKS = st.text(st.characters(categories=["P", "S", "Z", "Cf", "Cc"]), max_size=5)


@given(MARKS, st.sampled_from(ENTRIES), MARKS)
def test_marks_and_emoji_around_a_placeholder_leave_it_one(before, entry, after):
    assert is_placeholder(before + entry + after)


@given(st.sampled_from(ENTRIES), st.integers(1, 4), st.sampled_from([" ", ", ", "/", "\n"]))
def test_a_placeholder_said_several_times_is_one(entry, times, between):
    assert is_placeholder(between.join([entry] * times))


@given(st.sampled_from(ENTRIES))
def test_a_placeholder_within_an_answer_is_none(entry):
    assert not is_placeholder(f"{entry} for the cash desk in Bergen by 3 May")


@given(st.text())
def test_any_text_is_judged(text):
    assert is_placeholder(text) in (True, False)


@pytest.mark.parametrize("filler", ["\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u200b"])
def test_what_nobody_sees_is_no_answer(filler: str):
    assert is_placeholder(filler * 5)
    assert is_placeholder(f"T{filler}B{filler}D")
    assert not is_placeholder(f"{filler}42 shops take cards{filler}")
