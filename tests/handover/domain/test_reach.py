"""Any spelling of a number leads to the same customer."""

import pytest

from services.chassis.errors import Invalid
from services.handover.domain.reach import (
    email_key,
    phone_number,
    registration_key,
    require_phone,
    require_phones,
)


@pytest.mark.parametrize(
    "written",
    [
        "+47 22 12 34 56",
        "0047 22123456",
        "22123456",
        "(+47) 22-12-34-56",
        "tel:+47-22-12-34-56",
        " 22 12 34 56 ",
        "+47 22 12 34 56 ext. 7",
        "47 22 12 34 56",
    ],
)
def test_any_spelling_of_a_norwegian_number_is_one_number(written: str) -> None:
    assert phone_number(written, "NO") == "+4722123456"


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("33 12 34 56", "DK", "+4533123456"),
        ("08-123 456 78", "SE", "+46812345678"),
        ("0046 8 123 456 78", None, "+46812345678"),
        ("0047 22 12 34 56", "US", "+4722123456"),
        ("05280", "NO", "+4705280"),
        # Nobody has it, but it is as long as a number of Denmark is.
        ("+45 10 20 30 40", None, "+4510203040"),
    ],
)
def test_a_number_without_a_country_code_is_of_the_country_given(
    written: str, country: str | None, number: str
) -> None:
    assert phone_number(written, country) == number


@pytest.mark.parametrize(
    "written",
    ["", "-", "none", "12", "12345", "+47 123", "+47 22 12 34 56 78 90 12", "+999 12345678", "ÆØÅ"],
)
def test_what_is_no_number_is_none(written: str) -> None:
    assert phone_number(written, "NO") is None


def test_a_number_of_no_country_is_none() -> None:
    assert phone_number("22123456", None) is None


def test_each_number_that_is_none_is_named_where_it_stands() -> None:
    with pytest.raises(Invalid) as caught:
        require_phones(["22123456", "12", "x"], "NO", ["/phones/0", "/phones/1", "/phones/2"])
    assert [error.pointer for error in caught.value.errors] == ["/phones/1", "/phones/2"]


def test_the_same_number_twice_is_one() -> None:
    given = ["22123456", "+47 22 12 34 56", "33123456"]
    assert require_phones(given, "NO", ["/0", "/1", "/2"]) == ["+4722123456", "+4733123456"]


def test_no_number_is_no_number() -> None:
    assert require_phone(None, "NO", "/phone") is None
    assert require_phone("", "NO", "/phone") is None


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("999 888 777", "999888777"),
        ("NO 999 888 777 MVA", "999888777"),
        ("NO999888777MVA", "999888777"),
        ("Org.nr. 999 888 777", "999888777"),
        ("orgnr 999888777", "999888777"),
        ("Org. no. 999 888 777", "999888777"),
        ("12.34.56.78", "12345678"),
        ("CVR-nr. 12 34 56 78", "12345678"),
        ("CVR: 12345678", "12345678"),
        ("DK 12345678", "12345678"),
        ("DK12345678", "12345678"),
        ("556036-0793", "5560360793"),
        ("SE556036079301", "5560360793"),
        ("VAT SE 556036-0793 01", "5560360793"),
        ("GB 123 4567 89", "123456789"),
        ("HRB 4711", "HRB4711"),
    ],
)
def test_a_registration_number_is_what_is_left_without_its_trimmings(
    written: str, key: str
) -> None:
    assert registration_key(written) == key


@pytest.mark.parametrize("written", ["", "-", "CVR", "none"])
def test_without_a_digit_there_is_no_registration_number(written: str) -> None:
    assert registration_key(written) is None


def test_an_address_is_the_same_in_capitals() -> None:
    assert email_key("Randi.Fjellheim@Kunde.example") == "randi.fjellheim@kunde.example"
