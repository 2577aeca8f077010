"""A CSV file under its header: cells are found by the name of their column."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from services.chassis.csv_records import MAX_ROWS, CsvRow, csv_records
from services.chassis.csv_text import csv_lines, csv_text
from services.chassis.errors import FieldError
from services.chassis.file_problem import FileError, file_problem


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell without the space around it, and where it stands; in JSON by a pointer."""

    name: str
    text: str
    line: int
    column: int | None
    pointer: str = ""

    @property
    def is_there(self) -> bool:
        """Whether the file has it at all, empty or not."""
        return self.column is not None or self.pointer != ""

    def problem(self, template: str, /, **params: object) -> FieldError:
        """What is wrong with this cell; `{name}` in the template is its column's name."""
        said = {"name": self.name, **params}
        return FieldError(self.pointer, template, said, self.line, self.column, where="file")


@dataclass(frozen=True)
class CsvHeader:
    """The names of a file's columns, which are compared without regard to case."""

    header: tuple[str, ...]
    header_line: int

    @cached_property
    def _columns(self) -> Mapping[str, int]:
        return {name.casefold(): column for column, name in enumerate(self.header, 1)}

    def column(self, name: str) -> int | None:
        """The number of the column with this name."""
        return self._columns.get(name.strip().casefold())

    def cell(self, row: CsvRow, name: str) -> Cell:
        """A row's cell under this name; empty where the file has no such column."""
        column = self.column(name)
        if column is None:
            return Cell(name, "", row.line, None)
        text = row.values[column - 1] if column <= len(row.values) else ""
        return Cell(self.header[column - 1], text, row.line, column)

    def require(self, names: Collection[str]) -> None:
        """Raises FileError that names every column that is not there."""
        missing = [name for name in names if self.column(name) is None]
        if not missing:
            return
        if len(self.header) == 1 and len(names) > 1:
            raise FileError([self.undivided()])
        raise FileError(
            [
                file_problem(self.header_line, None, "Column {name} is missing", name=name)
                for name in missing
            ]
        )

    def require_named(self, named: Mapping[str, str | None]) -> None:
        """Raises FileError that names every column of a map (field → name) that is not there."""
        unknown = [
            file_problem(
                self.header_line,
                None,
                "Column {name}, named for {field}, is not in the file; it has {columns}",
                name=name,
                field=field,
                columns=", ".join(self.header),
            )
            for field, name in named.items()
            if name is not None and self.column(name) is None
        ]
        if unknown:
            raise FileError(unknown)

    def undivided(self) -> FieldError:
        """What to say of a file whose columns could not be told apart."""
        return file_problem(
            self.header_line,
            1,
            "Only one column was found where several are needed: "
            "separate them by comma, semicolon, tab or vertical bar",
        )


@dataclass(frozen=True)
class CsvTable(CsvHeader):
    """A header and its rows."""

    rows: tuple[CsvRow, ...]


@dataclass(frozen=True)
class CsvStream(CsvHeader):
    """A header and its rows, which are read from the file as they are asked for, once.

    Asking for a row raises FileError where the file is not readable as a whole.
    """

    rows: Iterator[CsvRow]


def read_csv(
    content: bytes | str, required: Collection[str] = (), max_rows: int = MAX_ROWS
) -> CsvTable:
    """The table in the file; raises FileError where it is not readable as a whole.

    A row that is wrong by itself (too few or too many cells, a formula, a cell that is too large,
    a stray quote) stays in the table with its problems.
    """
    stream = _stream(csv_text(content), required, max_rows)
    rows = tuple(stream.rows)
    stream.require(required)
    return CsvTable(stream.header, stream.header_line, rows)


def open_csv(file: BinaryIO, max_rows: int) -> CsvStream:
    """The table in the file, of which a row at a time is in memory."""
    return _stream(csv_lines(file), (), max_rows)


def _stream(text: str | Iterable[str], required: Collection[str], max_rows: int) -> CsvStream:
    records = csv_records(text, required)
    first = next(records, None)
    if first is None:
        raise FileError([file_problem(1, None, "The file is empty")])
    header = _header(first)

    def rows() -> Iterator[CsvRow]:
        for count, record in enumerate(records):
            if count == max_rows:
                raise FileError(
                    [file_problem(record.line, None, "More than {limit} rows", limit=max_rows)]
                )
            yield _under(header, record)

    return CsvStream(header, first.line, rows())


def _header(record: CsvRow) -> tuple[str, ...]:
    problems = list(record.problems)
    seen: set[str] = set()
    for column, name in enumerate(record.values, 1):
        if not name:
            problems.append(
                file_problem(record.line, column, "Column {column} has no name", column=column)
            )
        elif name.casefold() in seen:
            problems.append(
                file_problem(record.line, column, "Column {name} stands twice", name=name)
            )
        seen.add(name.casefold())
    if problems:
        raise FileError(problems)
    return record.values


def _under(header: tuple[str, ...], record: CsvRow) -> CsvRow:
    """The record as a row of the table, with a problem where it is not as wide as the header.

    Spreadsheets pad rows with empty cells, so those do not count as too many.
    """
    problems = record.problems
    values = record.values
    if not any(values[len(header) :]):
        values = values[: len(header)]
    if len(values) != len(header) and values:
        few = len(values) < len(header)
        problems += (
            file_problem(
                record.line,
                min(len(values), len(header)) + 1,
                "Too few cells: {count} where the header has {expected}"
                if few
                else "Too many cells: {count} where the header has {expected}",
                count=len(values),
                expected=len(header),
            ),
        )
    return CsvRow(record.line, values, header, problems)
