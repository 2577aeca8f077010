"""What a cell of a file of deals means beside what cells mean everywhere: an amount, an instant.

Every meaning raises Refused where the cell does not say it; an empty cell says None.
"""

import re
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Literal

from services.chassis.csv_cell import DateFormat, Refused, date_in
from services.chassis.csv_table import Cell

# Before the decimal mark, as many as the API shows.
AMOUNT_DIGITS = 11


DecimalMark = Literal[".", ","]
_AMOUNTS = {
    ".": re.compile(
        r"-?(?:\d+|\d{1,3}(?P<group>[ ,'’\u00a0\u202f])\d{3}(?:(?P=group)\d{3})*)"
        r"(?:\.\d+)?",
        re.ASCII,
    ),
    # `1 250,-` is how a Nordic price without øre is written.
    ",": re.compile(
        r"-?(?:\d+|\d{1,3}(?P<group>[ .'’\u00a0\u202f])\d{3}(?:(?P=group)\d{3})*)"
        r"(?:,(?:\d+|-))?",
        re.ASCII,
    ),
}
_PLAIN_AMOUNT = re.compile(r"-?\d+(?:\.\d+)?(?:E\+?\d{1,2})?", re.ASCII | re.IGNORECASE)
_INSTANT = re.compile(r"[^T ]*[T ]\d\d?:|.*T", re.ASCII)
_MILLISECONDS = re.compile(r"\d{12,14}", re.ASCII)
_TRUE = frozenset(("1", "true"))
_FALSE = frozenset(("", "0", "false"))


def boolean_in(cell: Cell) -> bool | None:
    """`1` or nothing, as Salesforce writes it, or `true` or `false`; None where the file does not have it."""
    word = cell.text.casefold()
    if not cell.is_there:
        return None
    if word not in _TRUE | _FALSE:
        raise Refused(cell, "{name} is {text}, neither true nor false", text=cell.text)
    return word in _TRUE


def plain_amount(cell: Cell) -> Decimal | None:
    """An amount as programs write it, as 35000, 35000.00 or 3.5E4."""
    if not cell.text:
        return None
    if _PLAIN_AMOUNT.fullmatch(cell.text) is None:
        raise Refused(cell, "{name} is {text}, which is no amount", text=cell.text)
    return _in_range(cell, Decimal(cell.text))


def amount_in(cell: Cell, decimal_mark: DecimalMark) -> Decimal | None:
    """An amount that may be grouped by thousands, as 1 234,50 or 1.234,50."""
    if not cell.text:
        return None
    if _AMOUNTS[decimal_mark].fullmatch(cell.text) is None:
        raise Refused(
            cell,
            "{name} is {text}, which is no amount with the decimal mark {decimal_mark}",
            text=cell.text,
            decimal_mark=decimal_mark,
        )
    whole, _, part = cell.text.partition(decimal_mark)
    digits = re.sub(r"[^\d-]", "", whole)
    return _in_range(cell, Decimal(f"{digits}.{part.strip('-') or 0}"))


def _in_range(cell: Cell, amount: Decimal) -> Decimal:
    if amount < 0:
        raise Refused(cell, "{name} is less than nothing")
    if amount >= Decimal(10) ** AMOUNT_DIGITS:
        raise Refused(cell, "{name} has more than {limit} digits", limit=AMOUNT_DIGITS)
    return amount


def day_in(cell: Cell) -> date | None:
    """A date, or the day in UTC of an instant: 2024-07-11T21:22:07.000+0000, or milliseconds since 1970."""
    if _MILLISECONDS.fullmatch(cell.text):
        try:
            return datetime.fromtimestamp(int(cell.text) / 1000, UTC).date()
        except (ValueError, OverflowError, OSError) as error:
            raise Refused(cell, "{name} is {text}, which is no time", text=cell.text) from error
    if not _INSTANT.match(cell.text):
        return date_in(cell, DateFormat.ISO)
    return _day_of_instant(cell, None)


def day_in_utc(cell: Cell) -> date | None:
    """As `day_in`, where an instant without offset is UTC, as Pipedrive writes it: 2024-07-11 21:22:07."""
    if not _INSTANT.match(cell.text):
        return date_in(cell, DateFormat.ISO)
    return _day_of_instant(cell, UTC)


def _day_of_instant(cell: Cell, zone: tzinfo | None) -> date:
    try:
        at = datetime.fromisoformat(cell.text)
        if at.tzinfo is None and zone is None:
            raise Refused(cell, "{name} is {text}, a time without offset", text=cell.text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC).date()
    # The first and the last day there is may have no day in UTC.
    except (ValueError, OverflowError) as error:
        raise Refused(cell, "{name} is {text}, which is no time", text=cell.text) from error
