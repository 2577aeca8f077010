from datetime import date

import pytest

from services.chassis.csv_table import read_csv
from services.chassis.file_problem import FileError
from services.gateway.domain.people_file import (
    COLUMN_NAMES,
    ListedPerson,
    PersonRow,
    people_in,
)

ROLES = ("seller", "delivery", "trainer", "manager", "admin")


def rows_of(content: str) -> tuple[PersonRow, ...]:
    return people_in(read_csv(content), ROLES).rows


def person_with(column: str, text: str) -> ListedPerson:
    """The only person of a file with this further column."""
    (row,) = rows_of(f"name|email|{column}\nKari|kari@firma.test|{text}\n")
    assert row.problems == ()
    assert row.person is not None
    return row.person


def problem_with(column: str, text: str) -> tuple[int | None, int | None, str]:
    """What is wrong with the only row of a file with this further column."""
    (row,) = rows_of(f"name|email|{column}\nKari|kari@firma.test|{text}\n")
    assert row.person is None
    (problem,) = row.problems
    return problem.line, problem.column, problem.detail


def refusal(content: str) -> list[str]:
    with pytest.raises(FileError) as refused:
        rows_of(content)
    return [error.detail for error in refused.value.errors]


def test_a_row_becomes_a_person_with_everything_it_says():
    content = (
        "External id;Name;E-mail;Job role;Location;Hire date;Team;Manager email;Roles;Locale;"
        "Time zone\n"
        "17;Kari  Nordmann;Kari@Firma.Example;Consultant;Bergen;2024-02-29;Sea;"
        "ola@firma.test;delivery|Trainer;nb_NO;Europe/Oslo\n"
    )
    (row,) = rows_of(content)
    assert row.person == ListedPerson(
        name="Kari Nordmann",
        email="Kari@firma.example",
        external_id="17",
        job_role="Consultant",
        location="Bergen",
        hire_date=date(2024, 2, 29),
        team="Sea",
        manager_email="ola@firma.test",
        roles=("delivery", "trainer"),
        locale="nb-NO",
        time_zone="Europe/Oslo",
        tags=(),
        line=2,
    )


def test_what_a_file_does_not_say_is_not_made_up():
    (row,) = rows_of("name,email\nKari,kari@firma.test\n")
    assert row.person == ListedPerson(
        "Kari", "kari@firma.test", None, None, None, None, None, None, (), None, None, (), 2
    )


@pytest.mark.parametrize(
    "header",
    [
        "personal,middle,family,email",
        "Given name,Middle name,Family name,E-mail address",
        "Fornavn,Mellomnavn,Etternavn,E-post",
        "Fornavn,Mellemnavn,Efternavn,E-mail",
        "Fornamn,Mellomnamn,Etternamn,Epost",
        "Förnamn,Mellannamn,Efternamn,E-postadress",
    ],
)
def test_a_name_may_come_in_parts_under_headers_of_four_languages(header):
    (row,) = rows_of(f"{header}\nPx1,Mx1,Fx1,Ex1@Sx1.edu\n")
    assert row.person is not None
    assert (row.person.name, row.person.email) == ("Px1 Mx1 Fx1", "Ex1@sx1.edu")


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Ansatt dato", "hire_date"),
        ("Ansættelsesdato", "hire_date"),
        ("Anställningsdatum", "hire_date"),
        ("START_DATE", "hire_date"),
    ],
)
def test_a_day_of_hire_is_found_under_its_nordic_names(header, field):
    assert getattr(person_with(header, "2024-08-01"), field) == date(2024, 8, 1)


@pytest.mark.parametrize("header", ["Afdeling", "Avdeling", "avdelning", "Enhed", "ENHET", "Hold"])
def test_a_department_or_unit_is_a_team(header):
    assert person_with(header, "Drift").team == "Drift"


def test_no_header_stands_for_two_fields():
    names = [name.strip() for names in COLUMN_NAMES.values() for name in names.split(",")]
    assert sorted(set(names)) == sorted(names)


def test_a_missing_part_of_a_name_leaves_the_others():
    content = "personal,middle,family,email\nPx1,,Fx1,a@x.test\nPx2,,,b@x.test\n,,,c@x.test\n"
    first, second, third = rows_of(content)
    assert first.person is not None
    assert second.person is not None
    assert (first.person.name, second.person.name) == ("Px1 Fx1", "Px2")
    assert [problem.detail for problem in third.problems] == ["The person has no name"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("\u200b\u2060", "The person has no name"),
        ("Kari\u202eiraK", "name holds characters that turn the direction of the text"),
    ],
)
def test_a_name_is_one_that_can_be_read(name, message):
    (row,) = rows_of(f"name,email\n{name},a@x.test\n")
    assert [problem.detail for problem in row.problems] == [message]


def test_a_file_of_namesakes_is_not_a_file_of_duplicates():
    content = "personal,family,email\nPx,Fx,a@x.test\nPx,Fx,b@x.test\n"
    assert [row.duplicate_of for row in rows_of(content)] == [None, None]


def test_columns_that_mean_nothing_here_are_told():
    content = "personal,family,email,event,role\nPx,Fx,a@x.test,2011-11-07-toronto,learner\n"
    result = people_in(read_csv(content), ROLES)
    assert result.ignored_columns == ("event",)
    assert result.rows[0].person is not None
    # A column named role is a job, never a right.
    assert (result.rows[0].person.job_role, result.rows[0].person.roles) == ("learner", ())


def test_a_file_without_addresses_is_refused():
    (message,) = refusal("personal,middle,family\nPx1,Mx1,Fx1\n")
    assert message.startswith("There is no column for email; name it one of: email,")


def test_a_file_with_half_of_the_names_is_refused():
    (message,) = refusal("personal,middle,email\nPx1,Mx1,Ex1@Sx1.edu\n")
    assert message.startswith("There is no column for family_name; name it one of: family,")


def test_a_file_without_names_is_refused():
    (message,) = refusal("email,team\na@x.test,Sea\n")
    assert message.startswith("There is no column for name;")


def test_a_file_without_both_is_told_both():
    assert len(refusal("middle,family\nMx1,Fx1\n")) == 2


def test_a_file_in_one_column_is_told_about_its_delimiter():
    assert refusal("name:email\nKari:kari@firma.test\n")[0].startswith("Only one column was found")


def test_two_columns_for_the_same_are_refused():
    assert refusal("name,email,E-post\nKari,a@x.test,b@x.test\n") == [
        "Columns email and E-post both say email: keep one"
    ]


def test_a_malformed_row_is_a_problem_of_that_row_alone():
    content = "personal,middle,family,email\nThis is a test file\nPx,,Fx,a@x.test\n"
    malformed, sound = rows_of(content)
    assert [(problem.line, problem.column) for problem in malformed.problems] == [(2, 2)]
    assert sound.person is not None


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "email is empty"),
        ("kari", "kari is no e-mail address"),
        ("kari@firma", "kari@firma is no e-mail address"),
        ("kari@@firma.no", "kari@@firma.no is no e-mail address"),
        ("kari firma.no", "kari firma.no is no e-mail address"),
    ],
)
def test_what_is_no_address_is_a_problem(address, message):
    (row,) = rows_of(f"name,email\nKari,{address}\n")
    assert [(problem.column, problem.detail) for problem in row.problems] == [(2, message)]


def test_an_address_that_stands_twice_is_a_duplicate_in_any_case():
    first, second = rows_of("name,email\nKari,kari@firma.test\nOla,KARI@Firma.test\n")
    assert first.person is not None
    assert (second.person, second.duplicate_of, second.line) == (None, 2, 3)


def test_an_external_id_that_stands_twice_is_a_duplicate():
    content = "name,email,external_id\nKari,a@x.test,7\nOla,b@x.test,7\nEva,c@x.test,\n"
    assert [row.duplicate_of for row in rows_of(content)] == [None, 2, None]


def test_tags_are_separated_as_roles_are_and_may_hold_nordic_letters():
    (row,) = rows_of('name,email,tags\nKari,kari@firma.test,"Kasse; søndag|kasse"\n')
    assert row.person is not None
    assert row.person.tags == ("kasse", "søndag")
    assert problem_with("tags", "a b")[2].startswith("a b is no tag")


def test_roles_are_separated_by_semicolon_bar_or_comma_and_count_once():
    (row,) = rows_of('name,email,roles\nKari,kari@firma.test,"seller; Delivery|seller,admin"\n')
    assert row.person is not None
    assert row.person.roles == ("seller", "delivery", "admin")


def test_an_unknown_role_is_a_problem():
    assert problem_with("roles", "king") == (
        2,
        3,
        "There is no role king; the roles are seller, delivery, trainer, manager, admin",
    )


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        ("hire date", "01.08.2024", "01.08.2024 is no date as 2026-11-22"),
        ("hire date", "2024-02-30", "2024-02-30 is no date as 2026-11-22"),
        ("manager email", "the boss", "the boss is no e-mail address"),
        ("manager email", "KARI@firma.test", "Nobody is their own manager"),
        ("locale", "Klingon", "Klingon is no language tag as nb or nb-NO"),
        ("time zone", "Oslo", "Oslo is no time zone as Europe/Oslo"),
        ("time zone", "../Oslo", "../Oslo is no time zone as Europe/Oslo"),
        ("team", "x" * 201, "team has more than 200 characters"),
    ],
)
def test_what_a_column_is_not_for_is_a_problem_with_its_place(column, text, message):
    assert problem_with(column, text) == (2, 3, message)


@pytest.mark.parametrize(
    ("text", "locale"),
    [("nb", "nb"), ("NO", "nb"), ("no-no", "nb-NO"), ("sv_SE", "sv-SE"), ("Dansk", "da")],
)
def test_a_language_is_understood_by_tag_or_name(text, locale):
    assert person_with("språk", text).locale == locale


def test_parts_of_a_name_that_are_too_long_together_are_a_problem():
    (row,) = rows_of(f"given,family,email\n{'x' * 150},{'y' * 150},a@x.test\n")
    assert [problem.detail for problem in row.problems] == ["The name has more than 200 characters"]
