"""Writing CSV that a spreadsheet opens and nobody is harmed by."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from services.chassis.csv_records import FORMULA_STARTS

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def csv_lines_of(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as lines (RFC 4180), in UTF-8."""
    written = io.StringIO()
    csv.writer(written).writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue().encode()


def _cell(value: Any) -> str:
    """A value of JSON as text: a list of texts with spaces between, what is deeper as JSON."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return harmless(value)
        case list() if all(isinstance(one, str) for one in value):
            return harmless(" ".join(value))
        case list() | dict():
            return orjson.dumps(value).decode()
        case _:
            return str(value)


def harmless(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would take for a formula."""
    dangerous = text[:1] in FORMULA_STARTS or text.lstrip()[:1] in FORMULA_STARTS
    return f"'{text}" if text and dangerous else text
