"""A CSV file in parts that are sent one after the other, each under the header of the whole.

In place of the rows before it a part has empty lines, which count and mean nothing: so whatever is said of a line of a
part is true of the line of the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.chassis.csv_records import MAX_ROWS, csv_records
from services.chassis.csv_text import csv_text

ROWS = 500
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a file under its header, each on the line on which it stands in the file."""

    content: bytes
    rows: int


def parts_of(content: bytes, rows: int = ROWS) -> list[Part]:
    """The file in parts of so many rows; one part where there are fewer, or more lines than may be empty.

    Raises FileError where the file cannot be read as a whole.
    """
    text = csv_text(content)
    starts = [record.line for record in csv_records(text)][1:]
    lines = _LINE.findall(text)
    if len(starts) <= rows or len(lines) > MAX_ROWS:
        return [Part(content, len(starts))]
    return list(_cut(lines, starts, rows))


def _cut(lines: list[str], starts: list[int], rows: int) -> Iterator[Part]:
    above = starts[0] - 1
    header = "".join(lines[:above])
    for first in range(0, len(starts), rows):
        begin = starts[first] - 1
        end = starts[first + rows] - 1 if first + rows < len(starts) else len(lines)
        content = header + "\n" * (begin - above) + "".join(lines[begin:end])
        yield Part(content.encode(), len(starts[first : first + rows]))
