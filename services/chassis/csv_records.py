"""The rows of a CSV text as people really send it, one after the other; whatever is wrong is named with line and column.

A line is the physical line of the file on which the row or cell starts, a column is the number of the cell in its row;
both count from 1. No more of the text is kept than the row at hand.
"""

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice

from services.chassis.errors import FieldError
from services.chassis.file_problem import FileError, file_problem

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
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
FORMULA_STARTS = frozenset("=+-@\t\r＝＋－＠")
_NUMBER_OR_PHONE = re.compile(
    r"[+-]?\s?\d+(?:[ \u00a0\u202f.,'’]\d+)*\s?%?"
    r"|\+\s?\d[\d\s()./-]*(?:\s?(?:x|ext\.?)\s?\d+)?",
    re.ASCII | re.IGNORECASE,
)


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


def lines_of(text: str) -> Iterator[str]:
    """The lines with their ends, one by one, without a copy of the whole."""
    return (match.group() for match in _LINE.finditer(text))


def csv_records(text: str | Iterable[str], required: Collection[str] = ()) -> Iterator[CsvRow]:
    """The rows of a text, or of its lines, that are not blank, the first one too, whatever their widths.

    Raises FileError where the end of a row cannot be found.
    """
    lines = _Lines(lines_of(text) if isinstance(text, str) else text)
    sample = lines.sample(_SAMPLED_CHARACTERS)
    skipped, blank = 0, 0
    if sample and (hint := _SEP_LINE.fullmatch(sample[0])):
        next(lines)
        skipped, delimiter = 1, hint.group(1)
    else:
        delimiter = delimiter_of("".join(sample), required)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        line = skipped + reader.line_num + 1
        lines.read.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raw = "".join(lines.read)
            problem = _broken(raw, line, skipped + reader.line_num, delimiter, error)
            yield CsvRow(line, (), problems=(problem,))
            continue
        if len(cells) > MAX_COLUMNS:
            problem = file_problem(
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
            raise FileError(
                [file_problem(line, None, "More than {limit} blank rows", limit=MAX_ROWS)]
            )


class _Lines:
    """The lines one by one; `read` are those since it was last cleared."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.read: list[str] = []
        self._lines = iter(lines)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.read.append(line)
        return line

    def sample(self, characters: int) -> list[str]:
        """The first lines, with so many characters or a few more; they are still to come."""
        sampled, length = [], 0
        for line in self._lines:
            sampled.append(line)
            length += len(line)
            if length >= characters:
                break
        self._lines = chain(sampled, self._lines)
        return sampled


def _cell_problems(line: int, cells: Sequence[str]) -> Iterator[FieldError]:
    for column, cell in enumerate(cells, 1):
        if len(cell) > MAX_CELL_CHARACTERS:
            yield file_problem(
                line, column, "A cell of more than {limit} characters", limit=MAX_CELL_CHARACTERS
            )
        elif _is_formula(cell):
            yield file_problem(line, column, "A formula in a cell")
        elif _CONTROL.search(cell):
            yield file_problem(line, column, "A control character in a cell")


def _is_formula(cell: str) -> bool:
    """Whether a spreadsheet would calculate it; a number, a phone number or a lone dash is not."""
    text = cell.strip()
    if not text or not (cell[0] in FORMULA_STARTS or text[0] in FORMULA_STARTS):
        return False
    if cell[0] in "\t\r":
        return True
    return any(map(str.isalnum, text)) and _NUMBER_OR_PHONE.fullmatch(text) is None


def delimiter_of(text: str, required: Collection[str]) -> str:
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
    lines = lines_of(text[:_SAMPLED_CHARACTERS])
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    return list(islice((row for row in reader if any(map(str.strip, row))), _SAMPLED_ROWS))


def _broken(raw: str, line: int, until: int, delimiter: str, error: csv.Error) -> FieldError:
    """The problem of a row that csv could not read; raises FileError where its end is not known."""
    column, offset = _broken_cell(raw, delimiter)
    line += line_breaks(raw, offset)
    reason = str(error)
    if reason.startswith("unexpected end"):
        raise FileError([file_problem(line, column, "A quote that is never closed")])
    if reason.startswith("field larger"):
        raise FileError(
            [
                file_problem(
                    line,
                    column,
                    "A cell of more than {limit} characters, or a quote that is never closed",
                    limit=MAX_CELL_CHARACTERS,
                )
            ]
        )
    return file_problem(
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


def line_breaks(text: str, end: int) -> int:
    """How many line breaks stand before an offset."""
    return sum(1 for _ in _LINE_BREAK.finditer(text, 0, end))
