"""What a file of past estimates says, and what is wrong with it where it says nothing."""

from datetime import date
from decimal import Decimal

import pytest

from services.chassis.csv_cell import DateFormat
from services.chassis.csv_table import read_csv
from services.chassis.file_problem import FileError
from services.handover.domain.estimate import Basis
from services.handover.domain.past_estimate_file import (
    PastColumns,
    PastRow,
    Usual,
    past_estimates,
)

COLUMNS = PastColumns(
    external_id="Nr",
    optimistic_hours="Lav",
    likely_hours="Trolig",
    pessimistic_hours="Høy",
    actual_hours="Brukt",
    kind="Type",
    basis="Grunnlag",
    item="Oppgave",
    estimated_by="Hvem",
    completed_on="Ferdig",
)
HEADER = "Nr;Oppgave;Type;Grunnlag;Lav;Trolig;Høy;Brukt;Hvem;Ferdig\n"
USUAL = Usual(decimal_mark=",", date_format=DateFormat.DAY_FIRST_DOTS)
ROW = {
    "Nr": "17",
    "Oppgave": "Kobling til lageret",
    "Type": "Integration",
    "Grunnlag": "Reference class",
    "Lav": "4",
    "Trolig": "6,5",
    "Høy": "1 250",
    "Brukt": "7,25",
    "Hvem": "Guro.Lien@stenvarde.example",
    "Ferdig": "3.5.2026",
}


def read(*rows: dict[str, str], usual: Usual = USUAL) -> list[PastRow]:
    lines = [";".join((ROW | row).values()) for row in rows]
    return list(past_estimates(read_csv(HEADER + "\n".join(lines)), COLUMNS, usual))


def problem(usual: Usual = USUAL, **cells: str) -> tuple[int | None, str]:
    [row] = read(cells, usual=usual)
    assert row.told is None
    [only] = row.problems
    return only.column, only.detail


def test_a_row_is_read_as_people_write_it_in_the_north():
    [row] = read({})
    told = row.told
    assert told is not None
    assert (told.external_id, told.item, told.kind) == ("17", "Kobling til lageret", "integration")
    assert told.basis is Basis.reference_class
    assert (told.optimistic_hours, told.likely_hours) == (4, Decimal("6.5"))
    assert (told.pessimistic_hours, told.actual_hours) == (1250, Decimal("7.25"))
    assert told.estimator == "guro.lien@stenvarde.example"
    assert told.completed_on == date(2026, 5, 3)


def test_what_a_cell_leaves_out_is_as_usual_or_nothing():
    usual = Usual(kind="training", basis=Basis.guess, decimal_mark=",")
    left_out = {"Type": "", "Grunnlag": "", "Oppgave": "", "Hvem": "", "Ferdig": ""}
    [row] = read(left_out, usual=usual)
    told = row.told
    assert told is not None
    assert (told.kind, told.basis) == ("training", Basis.guess)
    assert (told.item, told.estimator, told.completed_on) == (None, None, None)


def test_columns_that_the_map_leaves_out_are_as_usual_or_nothing():
    columns = PastColumns("Nr", "Lav", "Trolig", "Høy", "Brukt")
    usual = Usual(kind="training", basis=Basis.guess, decimal_mark=",")
    table = read_csv(HEADER + ";".join(ROW.values()))
    [row] = past_estimates(table, columns, usual)
    told = row.told
    assert told is not None
    assert (told.kind, told.basis, told.item) == ("training", Basis.guess, None)
    assert (told.estimator, told.completed_on) == (None, None)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Data  migration", "data-migration"),
        ("Opplæring", "opplaering"),
        ("Förvaltning", "foervaltning"),
        ("UX_design-2", "ux_design-2"),
    ],
)
def test_a_kind_becomes_a_short_key(word: str, kind: str):
    [row] = read({"Type": word})
    assert row.told is not None
    assert row.told.kind == kind


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ({"Nr": ""}, 1, "Nr is empty"),
        ({"Lav": ""}, 5, "Lav is empty"),
        ({"Trolig": "6.5.1"}, 6, "which is no amount with the decimal mark ,"),
        ({"Brukt": "0"}, 8, "hours are more than 0 and less than 100000"),
        ({"Brukt": "100000"}, 8, "hours are more than 0 and less than 100000"),
        ({"Brukt": "7,123456789012345678901"}, 8, "Brukt has more than 20 decimals"),
        ({"Trolig": "3"}, 6, "Trolig is 3, less than optimistic_hours"),
        ({"Høy": "6"}, 7, "Høy is 6, less than likely_hours: optimistic ≤ likely ≤ pessimistic"),
        ({"Type": ""}, 3, "Type is empty"),
        ({"Type": "R&D"}, 3, "a kind has letters, digits, - and _ alone"),
        ({"Grunnlag": "magefølelse"}, 4, "none of expert, analogy, reference_class, guess"),
        ({"Grunnlag": ""}, 4, "none of expert, analogy, reference_class, guess"),
        ({"Ferdig": "i fjor"}, 10, "not a date as DD.MM.YYYY"),
    ],
)
def test_what_a_row_does_not_say_is_told_with_its_column(
    cells: dict[str, str], column: int, says: str
):
    at, detail = problem(**cells)
    assert at == column
    assert says in detail


def test_a_row_that_is_broken_is_told_as_such():
    [row] = past_estimates(read_csv(HEADER + "17;to;few\n"), COLUMNS, USUAL)
    assert row.told is None
    assert "Too few cells" in row.problems[0].detail


def test_an_id_that_stands_further_up_is_a_duplicate():
    first, second = read({}, {"Brukt": "8"})
    assert first.told is not None
    assert (second.told, second.duplicate_of) == (None, first.line)


def test_columns_that_the_file_does_not_have_are_named():
    with pytest.raises(FileError) as refused:
        past_estimates(read_csv("Nr;Lav\n1;2\n"), COLUMNS, USUAL)
    assert "Column Trolig, named for likely_hours" in refused.value.errors[0].detail
