"""What a cell of a CSV file means, whatever the file is about: a title, a name, a day.

Every meaning raises Refused where the cell does not say it; an empty cell says None.
"""

import re
from datetime import date
from enum import StrEnum

from services.chassis.csv_table import Cell
from services.chassis.invisible import shows, turns

TITLE_CHARACTERS = (3, 200)
NAME_CHARACTERS = 200
TEXT_CHARACTERS = 10_000


class DateFormat(StrEnum):
    """How a file may write its dates, besides 2026-11-22, which is always understood."""

    ISO = "YYYY-MM-DD"
    DAY_FIRST_DOTS = "DD.MM.YYYY"
    DAY_FIRST_SLASHES = "DD/MM/YYYY"
    DAY_FIRST_DASHES = "DD-MM-YYYY"
    MONTH_FIRST_SLASHES = "MM/DD/YYYY"

    @property
    def pattern(self) -> re.Pattern[str]:
        return _DATE_PATTERNS[self]


_DATE_PATTERNS = {
    DateFormat.ISO: re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", re.ASCII),
    DateFormat.DAY_FIRST_DOTS: re.compile(
        r"(?P<day>\d\d?)\.\s?(?P<month>\d\d?)\.\s?(?P<year>\d{4})", re.ASCII
    ),
    DateFormat.DAY_FIRST_SLASHES: re.compile(
        r"(?P<day>\d\d?)/(?P<month>\d\d?)/(?P<year>\d{4})", re.ASCII
    ),
    DateFormat.DAY_FIRST_DASHES: re.compile(
        r"(?P<day>\d\d?)-(?P<month>\d\d?)-(?P<year>\d{4})", re.ASCII
    ),
    DateFormat.MONTH_FIRST_SLASHES: re.compile(
        r"(?P<month>\d\d?)/(?P<day>\d\d?)/(?P<year>\d{4})", re.ASCII
    ),
}


class Refused(Exception):
    """A cell does not say what its column is for."""

    def __init__(self, cell: Cell, template: str, /, **params: object) -> None:
        super().__init__(template)
        self.problem = cell.problem(template, **params)


def title_in(cell: Cell) -> str:
    """A title on one line, which must be there."""
    title = _one_line(cell, _filled_in(cell))
    least, most = TITLE_CHARACTERS
    if not least <= len(title) <= most:
        raise Refused(
            cell,
            "{name} has {length} characters; a title has {least} to {most}",
            length=len(title),
            least=least,
            most=most,
        )
    return title


def name_in(cell: Cell) -> str:
    """A name or id on one line, which must be there."""
    _filled_in(cell)
    return line_in(cell) or ""


def line_in(cell: Cell) -> str | None:
    """A text on one line, as an id or a stage."""
    return _within(cell, _one_line(cell, cell.text), NAME_CHARACTERS) or None


def text_in(cell: Cell) -> str | None:
    """A text of any lines."""
    return _within(cell, cell.text, TEXT_CHARACTERS) or None


def _one_line(cell: Cell, text: str) -> str:
    if turns(text):
        raise Refused(cell, "{name} holds characters that turn the direction of the text")
    return " ".join(text.split())


def _within(cell: Cell, text: str, limit: int) -> str:
    if len(text) > limit:
        raise Refused(cell, "{name} has more than {limit} characters", limit=limit)
    return text


def _filled_in(cell: Cell) -> str:
    if not shows(cell.text):
        raise Refused(cell, "{name} is empty")
    return cell.text


def date_in(cell: Cell, date_format: DateFormat) -> date | None:
    """A day, in the format named or as 2026-11-22."""
    if not cell.text:
        return None
    for known in (DateFormat.ISO, date_format):
        if match := known.pattern.fullmatch(cell.text):
            parts = {part: int(number) for part, number in match.groupdict().items()}
            try:
                return date(**parts)
            except ValueError as error:
                raise Refused(
                    cell, "{name} is {text}, a day that does not exist", text=cell.text
                ) from error
    raise Refused(
        cell, "{name} is {text}, not a date as {format}", text=cell.text, format=date_format.value
    )
