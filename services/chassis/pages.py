"""Lists are read in pages that hold still: a cursor names the last row seen, never a number of rows to skip."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field

from services.chassis.errors import FieldError, Invalid

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200


class PageQuery(BaseModel):
    """What every list takes. A list's filters are further fields of a subclass; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=LARGEST_LIMIT, description="Items at most.")
    after: str | None = Field(
        None,
        max_length=500,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="Where to go on: `next` of the page before.",
    )
    sort: str | None = Field(
        None,
        max_length=60,
        pattern=r"^-?[a-z_]+$",
        description="A field to sort by, `-` before it for descending. Default: newest first.",
    )

    def order(self, sorts: Mapping[str, Any]) -> tuple[str, bool]:
        """The field to sort by and whether descending; raises `Invalid` for a field that is not offered."""
        if self.sort is None:
            return "id", True
        field = self.sort.removeprefix("-")
        if field not in sorts:
            raise Invalid(
                "The list cannot be sorted so.",
                errors=[
                    FieldError(
                        "/sort",
                        "It sorts by {fields}.",
                        {"fields": ", ".join(sorted(sorts))},
                        where="query",
                    )
                ],
            )
        return field, self.sort.startswith("-")


@dataclass(frozen=True, slots=True)
class Place:
    """The last row of a page: what it was sorted by, and its id."""

    value: Any
    id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """Items as PostgreSQL wrote them, with commas in between (None: there are none), and where the next page begins."""

    items: bytes | None
    next: str | None

    def content(self) -> bytes:
        """The JSON body."""
        following = b'"%b"' % self.next.encode() if self.next else b"null"
        return b'{"items":[%b],"next":%b}' % (self.items or b"", following)

    def objects(self) -> list[dict[str, Any]]:
        """The items as objects, for answers that say more about them than PostgreSQL does."""
        found: list[dict[str, Any]] = orjson.loads(b"[%b]" % (self.items or b""))
        return found


_WRITTEN: dict[str, Callable[[str], Any]] = {
    "d": date.fromisoformat,
    "t": datetime.fromisoformat,
    "s": str,
    "i": int,
    "u": UUID,
}


def write_cursor(field: str, descending: bool, value: Any, id: UUID) -> str:
    """A cursor as opaque text."""
    kind = (
        "t"
        if isinstance(value, datetime)
        else "d"
        if isinstance(value, date)
        else "u"
        if isinstance(value, UUID)
        else "i"
        if isinstance(value, int)
        else "s"
    )
    written = [("-" if descending else "") + field, kind, str(value), str(id)]
    return base64.urlsafe_b64encode(orjson.dumps(written)).rstrip(b"=").decode()


def read_cursor(text: str | None, field: str, descending: bool) -> Place | None:
    """The place that a cursor names; raises `Invalid` for rubbish and for a cursor of another order."""
    if not text:
        return None
    try:
        order, kind, value, id = orjson.loads(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        )
        if not isinstance(value, str):
            raise TypeError(value)
        place = Place(_WRITTEN[kind](value), UUID(id))
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(
            "The page is not known.",
            errors=[FieldError("/after", "Take it from `next` of the page before.", where="query")],
        ) from error
    if order != ("-" if descending else "") + field:
        raise Invalid(
            "The page belongs to another order.",
            errors=[FieldError("/after", "Keep `sort` the same from page to page.", where="query")],
        )
    return place
