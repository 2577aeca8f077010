"""Reading a CSV file as people really send it; whatever is wrong is named with line and column.

A line is the physical line of the file on which the row or cell starts, a column is the number of
the cell in its row; both count from 1.
"""

import codecs
import csv
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice

from services.chassis.errors import FieldError, Invalid

MAX_ROWS = 50_000
MAX_COLUMNS = 500
# What a cell of a spreadsheet holds; a Salesforce long text fits too.
MAX_CELL_CHARACTERS = 32_767

# Where several fit equally well the first wins: a comma stands in texts far more often.
_DELIMITERS = ("\t", ";", "|", ",")
_SAMPLED_ROWS = 20
_SAMPLED_CHARACTERS = 65_536
# Excel's own hint on the first line.
_SEP_LINE = re.compile(r'"?sep=([\t;|,])"?[\t;|,]*(?:\r\n?|\n)', re.IGNORECASE)
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_LINE_BREAK = re.compile(r"\r\n?|\n")
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_LEGACY_ENCODINGS = {"Windows-1252": "cp1252", "Mac Roman": "mac_roman", "code page 850": "cp850"}
_EXPECTED_LETTERS = frozenset("æøåäöÆØÅÄÖéÉüÜ")

_FORMULA_STARTS = frozenset("=+-@\t\r＝＋－＠")
_NUMBER_OR_PHONE = re.compile(
    r"[+-]?\s?\d+(?:[ \u00a0\u202f.,'’]\d+)*\s?%?"
    r"|\+\s?\d[\d\s()./-]*(?:\s?(?:x|ext\.?)\s?\d+)?",
    re.ASCII | re.IGNORECASE,
)


class CsvError(Invalid):
    """The file as a whole cannot be used; `errors` says where and why."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("The file cannot be used as it is", errors)


def csv_problem(line: int, column: int | None, template: str, /, **params: object) -> FieldError:
    """One thing that is wrong in a file, at a line and, where it is known, a column."""
    return FieldError("", template, params, line, column, where="file")


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell without the space around it, and where it stands."""

    name: str
    text: str
    line: int
    column: int | None

    def problem(self, template: str, /, **params: object) -> FieldError:
        """What is wrong with this cell; `{name}` in the template is its column's name."""
        return csv_problem(self.line, self.column, template, name=self.name, **params)


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row as it stands in the file; one with problems is not to be used."""

    line: int
    values: tuple[str, ...]
    header: tuple[str, ...] = ()
    problems: tuple[FieldError, ...] = ()

    @property
    def cells(self) -> Mapping[str, str]:
        return dict(zip(self.header, self.values, strict=False))


@dataclass(frozen=True)
class CsvTable:
    """A header and its rows. Column names are compared without regard to case."""

    header: tuple[str, ...]
    rows: tuple[CsvRow, ...]
    header_line: int = 1

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
        """Raises CsvError that names every column that is not there."""
        missing = [name for name in names if self.column(name) is None]
        if not missing:
            return
        if len(self.header) == 1 and len(names) > 1:
            raise CsvError([self.undivided()])
        raise CsvError(
            [
                csv_problem(self.header_line, None, "Column {name} is missing", name=name)
                for name in missing
            ]
        )

    def undivided(self) -> FieldError:
        """What to say of a file whose columns could not be told apart."""
        return csv_problem(
            self.header_line,
            1,
            "Only one column was found where several are needed: "
            "separate them by comma, semicolon, tab or vertical bar",
        )


def read_csv(
    content: bytes | str, required: Collection[str] = (), max_rows: int = MAX_ROWS
) -> CsvTable:
    """The table in the file; raises CsvError where it is not readable as a whole.

    A row that is wrong by itself (too few or too many cells, a formula, a cell that is too large,
    a stray quote) stays in the table with its problems.
    """
    text = csv_text(content)
    records = csv_records(text, required)
    first = next(records, None)
    if first is None:
        raise CsvError([csv_problem(1, None, "The file is empty")])
    header = _header(first)
    rows: list[CsvRow] = []
    for record in records:
        if len(rows) == max_rows:
            raise CsvError(
                [csv_problem(record.line, None, "More than {limit} rows", limit=max_rows)]
            )
        rows.append(_under(header, record))
    table = CsvTable(header, tuple(rows), first.line)
    table.require(required)
    return table


def csv_text(content: bytes | str) -> str:
    """The file's text without byte order mark; raises CsvError where its encoding is not UTF-8."""
    text = _decoded(content) if isinstance(content, bytes) else content.removeprefix("\ufeff")
    bad = _NOT_STORABLE.search(text)
    if bad is None:
        return text
    line, column, character = _place(text, bad.start(), text)
    template = (
        "A NUL byte at character {character} of the line"
        if bad.group() == "\x00"
        else "Half a surrogate pair at character {character} of the line"
    )
    raise CsvError([csv_problem(line, column, template, character=character)])


def csv_records(text: str, required: Collection[str] = ()) -> Iterator[CsvRow]:
    """The rows that are not blank, the first one too, whatever their widths.

    Raises CsvError where the end of a row cannot be found.
    """
    start, skipped, blank, delimiter = 0, 0, 0, ""
    if hint := _SEP_LINE.match(text):
        start, skipped, delimiter = hint.end(), 1, hint.group(1)
    delimiter = delimiter or _delimiter(text, required)
    lines = _Lines(text, start)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        line, begin = skipped + reader.line_num + 1, lines.end
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raw = text[begin : lines.end]
            problem = _broken(raw, line, skipped + reader.line_num, delimiter, error)
            yield CsvRow(line, (), problems=(problem,))
            continue
        if len(cells) > MAX_COLUMNS:
            problem = csv_problem(
                line, MAX_COLUMNS + 1, "More than {limit} columns", limit=MAX_COLUMNS
            )
            yield CsvRow(line, (), problems=(problem,))
            continue
        values = tuple(_LINE_BREAK.sub("\n", cell.strip()) for cell in cells)
        if any(values):
            yield CsvRow(line, values, problems=tuple(_cell_problems(line, cells)))
            continue
        blank += 1
        if blank > MAX_ROWS:
            raise CsvError(
                [csv_problem(line, None, "More than {limit} blank rows", limit=MAX_ROWS)]
            )


class _Lines:
    """The lines one by one, without a copy of the whole; `end` is where the last one ended."""

    def __init__(self, text: str, start: int = 0) -> None:
        self.end = start
        self._matches = _LINE.finditer(text, start)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        match = next(self._matches)
        self.end = match.end()
        return match.group()


def _header(record: CsvRow) -> tuple[str, ...]:
    problems = list(record.problems)
    seen: set[str] = set()
    for column, name in enumerate(record.values, 1):
        if not name:
            problems.append(
                csv_problem(record.line, column, "Column {column} has no name", column=column)
            )
        elif name.casefold() in seen:
            problems.append(
                csv_problem(record.line, column, "Column {name} stands twice", name=name)
            )
        seen.add(name.casefold())
    if problems:
        raise CsvError(problems)
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
            csv_problem(
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


def _cell_problems(line: int, cells: Sequence[str]) -> Iterator[FieldError]:
    for column, cell in enumerate(cells, 1):
        if len(cell) > MAX_CELL_CHARACTERS:
            yield csv_problem(
                line, column, "A cell of more than {limit} characters", limit=MAX_CELL_CHARACTERS
            )
        elif _is_formula(cell):
            yield csv_problem(line, column, "A formula in a cell")
        elif _CONTROL.search(cell):
            yield csv_problem(line, column, "A control character in a cell")


def _is_formula(cell: str) -> bool:
    """Whether a spreadsheet would calculate it; a number, a phone number or a lone dash is not."""
    text = cell.strip()
    if not text or not (cell[0] in _FORMULA_STARTS or text[0] in _FORMULA_STARTS):
        return False
    if cell[0] in "\t\r":
        return True
    return any(map(str.isalnum, text)) and _NUMBER_OR_PHONE.fullmatch(text) is None


def _delimiter(text: str, required: Collection[str]) -> str:
    """The delimiter that splits the header into the most columns that the next rows have too."""
    wanted = {name.strip().casefold() for name in required}

    def fit(delimiter: str) -> tuple[int, float, int]:
        rows = _sample(text, delimiter)
        if not rows or len(rows[0]) == 1:
            return (0, 0, 0)
        found = len(wanted.intersection(name.strip().casefold() for name in rows[0]))
        same = sum(len(row) == len(rows[0]) for row in rows[1:])
        return (found, same / max(len(rows) - 1, 1), len(rows[0]))

    return max(_DELIMITERS, key=fit)


def _sample(text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(
        _Lines(text[:_SAMPLED_CHARACTERS]), delimiter=delimiter, skipinitialspace=True
    )
    return list(islice((row for row in reader if any(map(str.strip, row))), _SAMPLED_ROWS))


def _broken(raw: str, line: int, until: int, delimiter: str, error: csv.Error) -> FieldError:
    """The problem of a row that csv could not read; raises CsvError where its end is not known."""
    column, offset = _broken_cell(raw, delimiter)
    line += _line_breaks(raw, offset)
    reason = str(error)
    if reason.startswith("unexpected end"):
        raise CsvError([csv_problem(line, column, "A quote that is never closed")])
    if reason.startswith("field larger"):
        raise CsvError(
            [
                csv_problem(
                    line,
                    column,
                    "A cell of more than {limit} characters, or a quote that is never closed",
                    limit=MAX_CELL_CHARACTERS,
                )
            ]
        )
    return csv_problem(
        line,
        column,
        "Text after a closing quote; the row ends on line {until}: "
        "write a quote within quotes twice",
        until=until,
    )


def _broken_cell(raw: str, delimiter: str) -> tuple[int, int]:
    """Column and offset of the first cell that is not quoted as it should be, or the last one."""
    cell = _cell_pattern(delimiter)
    column, offset = 1, 0
    while match := cell.match(raw, offset):
        column, offset = column + 1, match.end()
    return column, offset


@cache
def _cell_pattern(delimiter: str) -> re.Pattern[str]:
    """A cell with the delimiter after it."""
    end = re.escape(delimiter)
    other = f'[^"\r\n{end}][^\r\n{end}]*'
    return re.compile(f' *(?:"[^"]*(?:""[^"]*)*"|{other}|){end}')


def _decoded(content: bytes) -> str:
    if content.startswith(_WORKBOOKS):
        raise CsvError([csv_problem(1, None, "This is a workbook or archive: save as CSV UTF-8")])
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _utf_16(content)
    if 0 in content[:4]:
        raise CsvError(
            [
                csv_problem(
                    1, 1, "Not UTF-8, it looks like UTF-16 without its mark: save as CSV UTF-8"
                )
            ]
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # What utf-8-sig complains about is the content after the mark.
        body = error.object
        line, column, character = _place(
            body[: error.start].decode(), error.start, body.decode("latin-1")
        )
        looks = _legacy_encoding(body)
        raise CsvError(
            [
                csv_problem(
                    line,
                    column,
                    "Not UTF-8 at character {character} of the line, it looks like {encoding}: "
                    "save as CSV UTF-8"
                    if looks
                    else "Not UTF-8 at character {character} of the line: save as CSV UTF-8",
                    character=character,
                    encoding=looks,
                )
            ]
        ) from error


def _utf_16(content: bytes) -> str:
    try:
        return content.decode("utf-16")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-16")
        line, column, character = _place(before, len(before), before)
        raise CsvError(
            [
                csv_problem(
                    line,
                    column,
                    "Not UTF-16 at character {character} of the line, though it begins as such: "
                    "save as CSV UTF-8",
                    character=character,
                )
            ]
        ) from error


def _legacy_encoding(body: bytes) -> str | None:
    """The old encoding in which most of the letters would be Nordic ones, if there is any."""
    strange = bytes(byte for byte in body[:100_000] if byte > 0x7F)
    best, letters = None, 0
    for name, codec in _LEGACY_ENCODINGS.items():
        found = sum(char in _EXPECTED_LETTERS for char in strange.decode(codec, "replace"))
        if found > letters:
            best, letters = name, found
    return best


def _place(text: str, at: int, whole: str) -> tuple[int, int | None, int]:
    """Line, column and character in the line of an offset; `whole` tells the delimiter."""
    before = text[:at]
    begin = max(before.rfind("\n"), before.rfind("\r")) + 1
    # A character stands for what follows, so that a cell has begun even right after a delimiter.
    rows = csv.reader(_Lines(before + "x"), delimiter=_delimiter(whole, ()), skipinitialspace=True)
    width: int | None = None
    try:
        for row in rows:
            width = len(row)
    except csv.Error:
        # A cell that never seems to end: where it began says nothing about this place.
        width = None
    return _line_breaks(before, at) + 1, width, len(before) - begin + 1


def _line_breaks(text: str, end: int) -> int:
    return sum(1 for _ in _LINE_BREAK.finditer(text, 0, end))
