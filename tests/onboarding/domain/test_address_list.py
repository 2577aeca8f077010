import pytest

from services.chassis.csv_table import read_csv
from services.chassis.file_problem import FileError
from services.onboarding.domain.address_list import emails_in


def listed(content: bytes | str) -> list[tuple[int, str | None]]:
    """Line and address of every result, or what is wrong."""
    return [
        (row.line, row.problem.detail if row.problem else row.email) for row in emails_in(content)
    ]


def refusal(content: bytes | str) -> list[str]:
    with pytest.raises(FileError) as refused:
        emails_in(content)
    return [error.detail for error in refused.value.errors]


def test_a_file_may_be_one_address_a_line():
    assert listed(b"\xef\xbb\xbfkari@firma.test\n\nola@Firma.test\r\n") == [
        (1, "kari@firma.test"),
        (3, "ola@firma.test"),
    ]


@pytest.mark.parametrize("name", ["email", "E-Mail", "e-post", "Epost", "mail", "E-postadress"])
def test_a_file_may_have_a_column_of_addresses(name):
    content = f"Navn;{name}\nKari;kari@firma.test\nOla;ola@firma.test\n"
    assert listed(content) == [(2, "kari@firma.test"), (3, "ola@firma.test")]


def test_a_header_may_stand_over_addresses_alone():
    assert listed("email\nkari@firma.test\n") == [(2, "kari@firma.test")]


def test_the_same_address_in_another_case_is_a_duplicate():
    rows = emails_in("kari@firma.test\nola@firma.test\nKARI@firma.test\n")
    assert [(row.email, row.duplicate_of) for row in rows] == [
        ("kari@firma.test", None),
        ("ola@firma.test", None),
        ("KARI@firma.test", 1),
    ]


def test_what_is_no_address_is_a_problem_and_the_others_land():
    assert listed("ola(at)firma.test\nkari@firma.test\nola@firma\n") == [
        (1, "ola(at)firma.test is no e-mail address"),
        (2, "kari@firma.test"),
        (3, "ola@firma is no e-mail address"),
    ]


def test_an_empty_cell_under_a_header_is_a_problem_with_its_place():
    (row,) = emails_in("name,email\nKari,\n")
    assert row.problem is not None
    assert (row.problem.line, row.problem.column, row.problem.detail) == (
        2,
        2,
        "The address is empty",
    )


def test_a_list_copied_from_an_e_mail_program_is_understood():
    assert listed("Kari Nordmann <kari@firma.test>; mailto:ola@firma.test; eva@firma.test") == [
        (1, "kari@firma.test"),
        (1, "ola@firma.test"),
        (1, "eva@firma.test"),
    ]


def test_names_beside_addresses_need_no_header():
    assert listed("Kari,kari@firma.test\nOla,ola@firma.test\nEva,\n") == [
        (1, "kari@firma.test"),
        (2, "ola@firma.test"),
        (3, "Eva is no e-mail address"),
    ]


def test_a_row_that_is_no_row_is_a_problem():
    assert listed("name,email\nKari\nOla,ola@firma.test\n") == [
        (2, "Too few cells: 1 where the header has 2"),
        (3, "ola@firma.test"),
    ]
    assert listed("kari@firma.test\n=ola@firma.test\n")[1] == (2, "A formula in a cell")


def test_a_table_that_was_read_already_is_taken_as_it_is():
    rows = emails_in(read_csv("team,mail\nSea,kari@firma.test\n"))
    assert [(row.line, row.email) for row in rows] == [(2, "kari@firma.test")]


def test_columns_of_which_none_is_for_addresses_are_refused():
    assert refusal("name,age\nKari,33\n") == ["There is no column of addresses; name it email"]


def test_two_columns_of_addresses_are_refused():
    assert refusal("email,e-post\na@x.test,b@x.test\n") == [
        "Columns email and e-post are both for addresses: keep one"
    ]


@pytest.mark.parametrize("content", ["", b"", "\n\n"])
def test_an_empty_file_is_refused(content):
    assert refusal(content) == ["The file is empty"]


def test_another_encoding_is_refused():
    assert "looks like Windows-1252" in refusal("Åse,ase@firma.test".encode("cp1252"))[0]


@pytest.mark.parametrize("header", ["", "email\n"])
def test_more_addresses_than_allowed_are_refused(header):
    content = header + "a@x.test\nb@x.test\nc@x.test\n"
    with pytest.raises(FileError, match="cannot be used"):
        emails_in(content, max_rows=2)
