"""A list of e-mail addresses as people paste or export it, with or without a header."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.chassis.csv_records import MAX_ROWS, CsvRow, csv_records
from services.chassis.csv_table import Cell, CsvTable, read_csv
from services.chassis.csv_text import csv_text
from services.chassis.email_address import email_address
from services.chassis.errors import FieldError
from services.chassis.file_problem import FileError, file_problem

# Compared by their letters alone, so that `E-Mail` and `e post` are among them.
COLUMN_NAMES = (
    "email",
    "emailaddress",
    "mail",
    "mailaddress",
    "epost",
    "epostadresse",
    "epostadress",
    "mailadresse",
    "mailadress",
)
_WITH_NAME = re.compile(r"[^<>]*<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class AddressRow:
    """An address, or what is wrong; `duplicate_of` is the line on which it stood already."""

    line: int
    email: str | None
    problem: FieldError | None = None
    duplicate_of: int | None = None


def emails_in(table_or_text: CsvTable | bytes | str, max_rows: int = MAX_ROWS) -> list[AddressRow]:
    """The addresses of a file, a result for each; the same in another case is a duplicate.

    Under a header the column of addresses counts; without one, every cell that has an @.
    Raises FileError where it is not readable, or has columns of which none is for addresses.
    """
    if isinstance(table_or_text, CsvTable):
        return list(_each_once(_under_header(table_or_text)))
    text = csv_text(table_or_text)
    first = next(csv_records(text), None)
    if first is None:
        raise FileError([file_problem(1, None, "The file is empty")])
    # A single column whose first line is neither an address nor a heading is an address mistyped.
    bare = len(first.values) <= 1 or any("@" in value for value in first.values)
    if bare and not any(map(_is_for_addresses, first.values)):
        return list(_each_once(_without_header(csv_records(text), max_rows)))
    return list(_each_once(_under_header(read_csv(text, max_rows=max_rows))))


def _under_header(table: CsvTable) -> Iterator[Cell | FieldError]:
    names = [name for name in table.header if _is_for_addresses(name)]
    if not names:
        raise FileError(
            [
                file_problem(
                    table.header_line, None, "There is no column of addresses; name it email"
                )
            ]
        )
    if len(names) > 1:
        raise FileError(
            [
                file_problem(
                    table.header_line,
                    table.column(names[1]),
                    "Columns {first} and {second} are both for addresses: keep one",
                    first=names[0],
                    second=names[1],
                )
            ]
        )
    for row in table.rows:
        yield row.problems[0] if row.problems else table.cell(row, names[0])


def _without_header(rows: Iterable[CsvRow], max_rows: int) -> Iterator[Cell | FieldError]:
    for count, row in enumerate(rows):
        if count == max_rows:
            raise FileError(
                [file_problem(row.line, None, "More than {limit} rows", limit=max_rows)]
            )
        if row.problems:
            yield row.problems[0]
            continue
        cells = [Cell("", text, row.line, column) for column, text in enumerate(row.values, 1)]
        yield from [cell for cell in cells if "@" in cell.text] or cells[:1]


def _each_once(cells: Iterable[Cell | FieldError]) -> Iterator[AddressRow]:
    first: dict[str, int] = {}
    for cell in cells:
        if isinstance(cell, FieldError):
            yield AddressRow(cell.line or 1, None, cell)
            continue
        email = email_address(_bare(cell.text))
        if email is None:
            template = "{text} is no e-mail address" if cell.text else "The address is empty"
            yield AddressRow(cell.line, None, cell.problem(template, text=cell.text))
        elif email.casefold() in first:
            yield AddressRow(cell.line, email, duplicate_of=first[email.casefold()])
        else:
            first[email.casefold()] = cell.line
            yield AddressRow(cell.line, email)


def _bare(text: str) -> str:
    """The address alone, where an e-mail program has put a name before it."""
    named = _WITH_NAME.fullmatch(text)
    address = named.group(1) if named else text
    return address.removeprefix("mailto:").strip()


def _is_for_addresses(name: str) -> bool:
    return "".join(filter(str.isalnum, name.casefold())) in COLUMN_NAMES
