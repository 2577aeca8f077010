"""The words of a brief: what values are called, and how days, numbers and money are written where it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal

from services.chassis.language import Language, translate


@dataclass(frozen=True, slots=True)
class Label:
    """What a value is called by people."""

    template: str


_LABELS: Mapping[str, Mapping[str, Label]] = {
    "engagement_type": {
        "fixed_price": Label("Fixed price"),
        "time_and_material": Label("Time and material"),
        "retainer": Label("Retainer"),
        "secondment": Label("Secondment"),
        "product": Label("Product"),
    },
    "state": {
        "draft": Label("Draft"),
        "submitted": Label("Submitted"),
        "in_review": Label("In review"),
        "returned": Label("Returned"),
        "accepted": Label("Accepted"),
        "in_delivery": Label("In delivery"),
        "completed": Label("Completed"),
        "closed": Label("Closed"),
        "cancelled": Label("Cancelled"),
    },
    "risk": {"green": Label("Green"), "watch": Label("Watch"), "red": Label("Red")},
    "promise": {
        "offered": Label("Offered, nobody has taken it on"),
        "accepted": Label("Taken on"),
        "conditional": Label("Taken on, on a condition"),
        "declined": Label("Declined"),
        "kept": Label("Kept"),
        "broken": Label("Broken"),
        "released": Label("Released by the customer"),
    },
    "kind": {
        "feature": Label("Feature"),
        "timeline": Label("Timeline"),
        "price": Label("Price"),
        "staffing": Label("Staffing"),
        "support": Label("Support"),
        "security": Label("Security"),
        "quality": Label("Quality"),
    },
    "role": {
        "economic_buyer": Label("Economic buyer"),
        "champion": Label("Champion"),
        "decision_maker": Label("Decision maker"),
        "user": Label("User"),
        "blocker": Label("Blocker"),
    },
    "basis": {
        "expert": Label("Expert judgement"),
        "analogy": Label("Analogy"),
        "reference_class": Label("Reference class"),
        "guess": Label("Guess"),
    },
    "walkthrough": {
        "planned": Label("Planned"),
        "held": Label("Held"),
        "not_held": Label("Not held"),
        "cancelled": Label("Cancelled"),
    },
    "log": {"decision": Label("Decision"), "change": Label("Change")},
    "result": {
        "succeeded": Label("Succeeded"),
        "partly": Label("Partly succeeded"),
        "failed": Label("Failed"),
    },
    "item": {
        "situation": Label("Situation"),
        "background": Label("Background"),
        "assessment": Label("Assessment"),
        "recommendation": Label("Recommendation"),
        "out_of_scope": Label("Out of scope"),
        "planned_start": Label("Planned start"),
        "planned_end": Label("Planned end"),
        "amount": Label("Amount"),
        "deciding_stakeholder": Label("Who decides at the customer"),
        "promises": Label("Promises"),
        "competence_needs": Label("Competence needs"),
        "estimates": Label("Estimates"),
    },
}


class Words:
    """Everything as the reader writes it: words, days, numbers, money."""

    def __init__(self, language: Language) -> None:
        self.language = language
        # With the day before the month, as elsewhere in the pack and where it is read.
        self._locale = "en_GB" if language == "en" else language

    def say(self, template: str, **params: object) -> str:
        """A text of ours in the reader's language."""
        return translate(self.language, template, params)

    def call(self, kind: str, value: str) -> str:
        """What a value of an enum is called."""
        label = _LABELS[kind].get(value)
        return value.replace("_", " ") if label is None else self.say(label.template)

    def day(self, value: str | date | None) -> str:
        """A day, or the day of a moment, in UTC."""
        if value is None:
            return ""
        day = value if isinstance(value, date) else datetime.fromisoformat(value).date()
        return format_date(day, format="long", locale=self._locale)

    def period(self, first: str, last: str | None) -> str:
        """From a day, until a day where there is one."""
        if last is None:
            return self.say("From {first}", first=self.day(first))
        return self.say("From {first} to {last}", first=self.day(first), last=self.day(last))

    def moment(self, value: str, tz: str | None) -> str:
        """A moment where it takes place, with its offset; in UTC where nobody said."""
        moment = datetime.fromisoformat(value).astimezone(ZoneInfo(tz) if tz else UTC)
        clock = format_datetime(moment, format="HH:mm ZZZZ", locale=self._locale)
        return f"{self.day(moment.date())} {clock}"

    def number(self, value: str | float | None) -> str:
        """A number with the decimals that it has."""
        if value is None:
            return ""
        return format_decimal(Decimal(str(value)), locale=self._locale, decimal_quantization=False)

    def hours(self, value: float) -> str:
        """Hours with one decimal."""
        return self.say("{hours} h", hours=self.number(round(value, 1)))

    def money(self, amount: str | None, currency: str | None) -> str:
        """An amount with its ISO 4217 code: a sign such as kr stands for four currencies."""
        if amount is None or currency is None:
            return ""
        value = Decimal(amount)
        is_whole = value == value.to_integral_value()
        digits = "#,##0" if is_whole else "#,##0.00"
        return format_currency(
            value,
            currency,
            format=f"¤¤\N{NO-BREAK SPACE}{digits}"
            if self.language == "en"
            else f"{digits}\N{NO-BREAK SPACE}¤¤",
            locale=self._locale,
            currency_digits=not is_whole,
        )
