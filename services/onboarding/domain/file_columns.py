"""Which column of a file holds what: by the names that people give it, or by a map from whoever sends it.

With a map only what it names counts. Names are compared by their letters and digits alone.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from services.chassis.csv_cell import Refused
from services.chassis.csv_records import CsvRow
from services.chassis.csv_table import Cell, CsvTable
from services.chassis.errors import FieldError
from services.chassis.file_problem import FileError, file_problem

T = TypeVar("T")


@dataclass(frozen=True)
class FileKind:
    """The fields of a kind of file, and what their columns are called. Of each group of `needed`, one must be there."""

    names: Mapping[str, str]
    needed: Sequence[Sequence[str]]

    @cached_property
    def _by_name(self) -> Mapping[str, str]:
        return {
            _letters(name): field
            for field, names in self.names.items()
            for name in (field, *names.split(","))
        }

    def columns_of(self, table: CsvTable, mapping: Mapping[str, str | None] | None) -> "Columns":
        """The columns of a file; raises FileError for one that is not there, or not to be told from another."""
        if mapping is None:
            columns = self._recognized(table)
        else:
            columns = _mapped(table, {field: name for field, name in mapping.items() if name})
        lacking = [group for group in self.needed if not any(field in columns for field in group)]
        if lacking and len(table.header) == 1:
            raise FileError([table.undivided()])
        if lacking:
            raise FileError(
                [
                    file_problem(
                        table.header_line,
                        None,
                        "There is no column for {field}; name it one of: {names}",
                        field=" / ".join(group),
                        names=", ".join(f"{field}, {self.names[field]}" for field in group),
                    )
                    for group in lacking
                ]
            )
        return Columns(table, columns)

    def _recognized(self, table: CsvTable) -> dict[str, str]:
        columns: dict[str, str] = {}
        twice = []
        for number, name in enumerate(table.header, 1):
            field = self._by_name.get(_letters(name))
            if field is None:
                continue
            if field in columns:
                twice.append(
                    file_problem(
                        table.header_line,
                        number,
                        "Columns {first} and {second} both say {field}: keep one",
                        first=columns[field],
                        second=name,
                        field=field,
                    )
                )
            columns.setdefault(field, name)
        if twice:
            raise FileError(twice)
        return columns


def _mapped(table: CsvTable, mapping: Mapping[str, str]) -> dict[str, str]:
    table.require_named(mapping)
    return {field: table.header[(table.column(name) or 1) - 1] for field, name in mapping.items()}


@dataclass(frozen=True, slots=True)
class Columns:
    """A file, and under which header each field stands."""

    table: CsvTable
    columns: Mapping[str, str]

    @property
    def ignored(self) -> list[str]:
        """The columns that mean nothing here."""
        known = set(self.columns.values())
        return [name for name in self.table.header if name not in known]

    def rows(self) -> Iterator["RowCells"]:
        """The rows, to be read field by field."""
        return (RowCells(self, row) for row in self.table.rows)


class RowCells:
    """A row while it is read: what its cells say, and what is wrong with them so far."""

    def __init__(self, columns: Columns, row: CsvRow) -> None:
        self._columns = columns
        self._row = row
        self.line = row.line
        self.problems: list[FieldError] = list(row.problems)

    def cell(self, field: str) -> Cell:
        """The cell of a field; empty where the file has no such column."""
        return self._columns.table.cell(self._row, self._columns.columns.get(field, field))

    def take(self, meaning: Callable[[Cell], T], field: str) -> T | None:
        """What the cell of a field means; None where it is empty, or refused, which is kept among the problems."""
        cell = self.cell(field)
        if field not in self._columns.columns or not cell.text:
            return None
        try:
            return meaning(cell)
        except Refused as refused:
            self.problems.append(refused.problem)
            return None

    def refuse(self, field: str, template: str, /, **params: object) -> None:
        """Keep a problem of the cell of a field."""
        self.problems.append(self.cell(field).problem(template, **params))


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFC", name).casefold()))
