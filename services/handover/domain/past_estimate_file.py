"""What a file of past estimates says: an estimate with its actual hours for every row, or what is wrong with it."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from services.chassis.csv_cell import DateFormat, Refused, date_in, line_in, name_in
from services.chassis.csv_records import CsvRow
from services.chassis.csv_table import Cell, CsvHeader, CsvStream, CsvTable
from services.chassis.errors import FieldError
from services.handover.domain.deal_cell import DecimalMark, amount_in
from services.handover.domain.estimate import HOURS_BELOW, Basis

T = TypeVar("T")
# Enough for what a program computed.
MOST_DECIMALS = 20
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
# As in the machine-readable zone of a passport (ICAO Doc 9303).
_LETTERS = str.maketrans({"æ": "ae", "ä": "ae", "ø": "oe", "ö": "oe", "å": "aa", "é": "e"})


@dataclass(frozen=True, slots=True)
class PastColumns:
    """Which column of the file holds which field, by the name in its header."""

    external_id: str
    optimistic_hours: str
    likely_hours: str
    pessimistic_hours: str
    actual_hours: str
    kind: str | None = None
    basis: str | None = None
    item: str | None = None
    estimated_by: str | None = None
    completed_on: str | None = None


@dataclass(frozen=True, slots=True)
class Usual:
    """What holds for every row that does not say otherwise, and how the file writes numbers and dates."""

    kind: str | None = None
    basis: Basis | None = None
    decimal_mark: DecimalMark = "."
    date_format: DateFormat = DateFormat.ISO


@dataclass(frozen=True, slots=True)
class ToldEstimate:
    """What a row says. `estimator` is an e-mail address in lower case, of the cell that is kept for a remark."""

    external_id: str
    item: str | None
    kind: str
    basis: Basis
    optimistic_hours: Decimal
    likely_hours: Decimal
    pessimistic_hours: Decimal
    actual_hours: Decimal
    estimator: str | None
    estimator_cell: Cell | None
    completed_on: date | None


@dataclass(frozen=True, slots=True)
class PastRow:
    """What became of a row while it was read: an estimate, or problems, or the line it repeats."""

    line: int
    external_id: str | None
    told: ToldEstimate | None = None
    problems: tuple[FieldError, ...] = ()
    duplicate_of: int | None = None


def past_estimates(
    table: CsvTable | CsvStream, columns: PastColumns, usual: Usual
) -> Iterator[PastRow]:
    """The past estimates of a file, row by row; raises FileError for columns that it does not have."""
    table.require_named(asdict(columns))
    return _each_once(_read(table, row, columns, usual) for row in table.rows)


def _read(table: CsvHeader, row: CsvRow, columns: PastColumns, usual: Usual) -> PastRow:
    if row.problems:
        return PastRow(row.line, None, problems=row.problems)
    problems: list[FieldError] = []

    def take(meaning: Callable[[Cell], T], name: str) -> T | None:
        try:
            return meaning(table.cell(row, name))
        except Refused as refused:
            problems.append(refused.problem)
            return None

    def hours(cell: Cell) -> Decimal:
        return hours_in(cell, usual.decimal_mark)

    external_id = take(name_in, columns.external_id)
    points = [
        take(hours, name)
        for name in (columns.optimistic_hours, columns.likely_hours, columns.pessimistic_hours)
    ]
    actual = take(hours, columns.actual_hours)
    kind = (
        take(lambda cell: kind_in(cell, usual.kind), columns.kind) if columns.kind else usual.kind
    )
    basis = (
        take(lambda cell: basis_in(cell, usual.basis), columns.basis)
        if columns.basis
        else usual.basis
    )
    item = take(line_in, columns.item) if columns.item else None
    completed_on = (
        take(lambda cell: date_in(cell, usual.date_format), columns.completed_on)
        if columns.completed_on
        else None
    )
    cell = table.cell(row, columns.estimated_by) if columns.estimated_by else None
    optimistic, likely, pessimistic = points
    problems += _out_of_order(
        table.cell(row, columns.likely_hours), optimistic, likely, "optimistic_hours"
    )
    problems += _out_of_order(
        table.cell(row, columns.pessimistic_hours), likely, pessimistic, "likely_hours"
    )
    if problems:
        return PastRow(row.line, external_id, problems=tuple(problems))
    # What was not refused says something; the types cannot know.
    assert external_id is not None
    assert kind is not None
    assert basis is not None
    assert optimistic is not None
    assert likely is not None
    assert pessimistic is not None
    assert actual is not None
    told = ToldEstimate(
        external_id=external_id,
        item=item,
        kind=kind,
        basis=basis,
        optimistic_hours=optimistic,
        likely_hours=likely,
        pessimistic_hours=pessimistic,
        actual_hours=actual,
        estimator=(cell.text.lower() or None) if cell else None,
        estimator_cell=cell,
        completed_on=completed_on,
    )
    return PastRow(row.line, external_id, told)


def _out_of_order(
    cell: Cell, less: Decimal | None, more: Decimal | None, below: str
) -> list[FieldError]:
    if less is None or more is None or less <= more:
        return []
    return [
        cell.problem(
            "{name} is {text}, less than {below}: optimistic ≤ likely ≤ pessimistic",
            text=cell.text,
            below=below,
        )
    ]


def hours_in(cell: Cell, decimal_mark: DecimalMark) -> Decimal:
    """Hours above 0, as 7.5 or 7,5, grouped by thousands or not."""
    hours = amount_in(cell, decimal_mark)
    if hours is None:
        raise Refused(cell, "{name} is empty")
    if not 0 < hours < HOURS_BELOW:
        raise Refused(
            cell,
            "{name} is {text}; hours are more than 0 and less than {limit}",
            text=cell.text,
            limit=HOURS_BELOW,
        )
    if hours != round(hours, MOST_DECIMALS):
        raise Refused(cell, "{name} has more than {limit} decimals", limit=MOST_DECIMALS)
    return hours


def kind_in(cell: Cell, usual: str | None) -> str:
    """A kind as the short key that it is here: `Data migration` is data-migration, `Opplæring` opplaering."""
    words = cell.text.casefold().translate(_LETTERS).split()
    kind = "-".join(words) or usual
    if kind is None:
        raise Refused(cell, "{name} is empty")
    if _KEY.fullmatch(kind) is None:
        raise Refused(
            cell, "{name} is {text}: a kind has letters, digits, - and _ alone", text=cell.text
        )
    return kind


def basis_in(cell: Cell, usual: Basis | None) -> Basis:
    """A basis by its name, as reference_class or Reference class."""
    word = "_".join(cell.text.casefold().replace("-", " ").split())
    if not word and usual is not None:
        return usual
    try:
        return Basis(word)
    except ValueError as error:
        raise Refused(
            cell, "{name} is {text}, none of {known}", text=cell.text, known=", ".join(Basis)
        ) from error


def _each_once(rows: Iterable[PastRow]) -> Iterator[PastRow]:
    """The rows, where one whose id stands further up is a duplicate, whatever else it says."""
    first: dict[str, int] = {}
    for row in rows:
        line = first.setdefault(row.external_id, row.line) if row.external_id else row.line
        repeats = line != row.line
        yield PastRow(row.line, row.external_id, duplicate_of=line) if repeats else row
