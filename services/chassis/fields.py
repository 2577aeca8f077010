"""Field types of requests: text without control characters that says something, money, moments with their offset."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from services.chassis.currency import DECIMALS, in_smallest_unit, is_currency
from services.chassis.errors import Unfit
from services.chassis.invisible import shows

# NUL cannot be stored, and other control characters (but tab and line breaks) are never meant.
PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
# Nor, on one line, what separates lines (U+0085, U+2028, U+2029) or turns the direction of the text (TURNING).
ONE_LINE = (
    r"^[^\x00-\x1f\x7f\u0085\u2028\u2029"
    r"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069]*$"
)


def _seen(least: int) -> AfterValidator:
    def check(text: str) -> str:
        if not shows(text, least):
            raise Unfit(
                "It must have characters that can be seen, at least {min_length}.", min_length=least
            )
        return text

    return AfterValidator(check)


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=ONE_LINE),
    _seen(1),
]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=200, pattern=ONE_LINE),
    _seen(3),
]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=ONE_LINE)]
Prose = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000, pattern=PRINTABLE),
    _seen(1),
]
# In any language, and the same whatever its case.
Tag = Annotated[str, StringConstraints(to_lower=True, pattern=r"^\w[\w-]{0,39}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")]
# No brackets in the host: hardly anybody links to an IPv6 address, and many programs break at one that is none.
Link = Annotated[
    str,
    StringConstraints(
        max_length=1000,
        pattern=r"^https?://[^\s\x00-\x1f\x7f/?#\[\]]+([/?#][^\s\x00-\x1f\x7f]*)?$",
    ),
]


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _sensible(when: date) -> date:
    if not 1900 <= when.year <= 2200:
        raise Unfit("The year must lie between 1900 and 2200.")
    return when


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AMOUNT = re.compile(r"[0-9]{1,11}(\.[0-9]{1,4})?")


def _written_as_day(value: Any) -> Any:
    # Pydantic takes a moment for a day, in whatever offset it is written, and numbers for seconds since 1970.
    if not isinstance(value, date) and not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise Unfit("It must be a date such as 2026-11-22.")
    return value


def _written_as_moment(value: Any) -> Any:
    if not isinstance(value, datetime) and not (isinstance(value, str) and _DAY.match(value)):
        raise Unfit("It must be a moment such as 2026-11-22T09:00:00+01:00.")
    return value


# RFC 3339 with an offset on the way in, UTC on the way out.
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_written_as_moment),
    AfterValidator(_sensible),
    AfterValidator(_in_utc),
]
Day = Annotated[date, BeforeValidator(_written_as_day), AfterValidator(_sensible)]


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", use_enum_values=False)


def _currency(code: str) -> str:
    if not is_currency(code):
        raise Unfit("This is not a currency code of ISO 4217.")
    return code


def _written_as_amount(value: Any) -> Any:
    # Python reads more as a number than others do: 1_000, 1e3, +5, digits of other scripts.
    if isinstance(value, Decimal) or (isinstance(value, str) and _AMOUNT.fullmatch(value)):
        return value
    raise Unfit('Write the amount in digits, with a point before the decimals: "1250.00".')


class Money(BaseModel):
    """An amount in a currency: `{"amount": "1250.00", "currency": "NOK"}`."""

    model_config = ConfigDict(extra="forbid")

    amount: Annotated[
        Decimal,
        BeforeValidator(_written_as_amount),
        Field(ge=0, max_digits=15, decimal_places=4),
        PlainSerializer(str, return_type=str),
        WithJsonSchema(
            {"type": "string", "pattern": r"^\d{1,11}(\.\d{1,4})?$", "examples": ["1250.00"]}
        ),
    ]
    currency: Annotated[
        str, StringConstraints(pattern=r"^[A-Z]{3}$"), AfterValidator(_currency)
    ] = Field(examples=["NOK"])

    @model_validator(mode="before")
    @classmethod
    def _amount_is_text(cls, value: Any) -> Any:
        # A JSON number is a float somewhere on its way; money is not. `true` is an int to Python.
        if isinstance(value, dict) and isinstance(value.get("amount"), float | int):
            raise Unfit('Write the amount as text: "1250.00".')
        return value

    @model_validator(mode="after")
    def _to_the_minor_unit(self) -> "Money":
        if self.amount != in_smallest_unit(self.amount, self.currency):
            raise Unfit(
                "{currency} has at most {decimals} decimals.",
                currency=self.currency,
                decimals=DECIMALS[self.currency],
            )
        self.amount = in_smallest_unit(self.amount, self.currency)
        return self
