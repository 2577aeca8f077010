"""The brief: the first-week pack of whoever begins to deliver. What is in it, in the reader's language; briefs.py shows it.

Texts are kept as texts: nothing here is markup of any kind. A long text of an entry is cut, and of the log only the latest
decisions and changes are told, so that a brief can always be printed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import Any

from babel.numbers import format_percent

from services.chassis.language import Language
from services.handover.domain.brief_words import Words

# Characters of a long text.
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Fact:
    """Something short or long that has a name."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A thing among others: what it is called, and what is known of it."""

    title: str
    facts: Sequence[Fact] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it; `note` says what must be known to read it."""

    heading: str
    facts: Sequence[Fact] = ()
    entries: Sequence[Entry] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """The whole pack."""

    language: Language
    title: str
    customer: str
    facts: Sequence[Fact]
    sections: Sequence[Section]
    day: date
    as_of: str


def write_brief(told: Mapping[str, Any], language: Language, today: date) -> Brief:
    """The brief in the reader's language."""
    words = Words(language)
    handover = told["handover"]
    parts: Iterable[Callable[[Mapping[str, Any], Words], Section]] = (
        _outcome,
        _sbar,
        _who_is_who,
        _promises,
        _estimates,
        _questions,
        _unknowns,
        _found_out,
        _log,
        _walkthroughs,
        _measures,
        _voices,
    )
    sections = [part(told, words) for part in parts]
    return Brief(
        language=language,
        title=handover["title"],
        customer=told["customer"],
        facts=_facts(
            (words.say("Customer"), told["customer"]),
            (words.say("Engagement"), words.call("engagement_type", handover["engagement_type"])),
            (words.say("State"), words.call("state", handover["state"])),
            (words.say("Planned start"), words.day(handover["planned_start"])),
            (words.say("Planned end"), words.day(handover["planned_end"])),
            (words.say("Amount"), words.money(handover["amount"], handover["currency"])),
            (words.say("Risk"), words.call("risk", handover["risk"])),
        ),
        sections=[one for one in sections if one.facts or one.entries],
        day=today,
        as_of=words.say("As of {day}", day=words.day(today)),
    )


def _facts(*pairs: tuple[str, str | None]) -> list[Fact]:
    return [Fact(label, value) for label, value in pairs if value]


def _cut(text: str | None) -> str:
    if text is None or len(text) <= _LONGEST:
        return text or ""
    return text[: _LONGEST - 1] + "…"


def _rest(rows: Sequence[Mapping[str, Any]], words: Words) -> str | None:
    """What to say where there are more than are shown."""
    total = rows[0]["total"] if rows else 0
    if total <= len(rows):
        return None
    return words.say("The first {shown} of {total}.", shown=len(rows), total=total)


def _sbar(told: Mapping[str, Any], words: Words) -> Section:
    handover = told["handover"]
    names = ("situation", "background", "assessment", "recommendation", "out_of_scope")
    return Section(
        words.say("What this is about"),
        facts=_facts(*((words.call("item", name), handover[name]) for name in names)),
    )


def _who_is_who(told: Mapping[str, Any], words: Words) -> Section:
    ours = ((words.say("Seller"), told["seller"]), (words.say("Delivery lead"), told["lead"]))
    entries = [
        Entry(
            person["name"],
            _facts((words.say("Role"), role), (words.say("E-mail"), person["email"])),
        )
        for role, person in ours
        if person is not None
    ]
    entries += [
        Entry(
            one["name"],
            _facts(
                (words.say("On the handover"), words.period(one["starts_on"], one["ends_on"])),
                (
                    words.say("Share of their time"),
                    format_percent(one["allocation"] / 100, locale=words.language),
                ),
                (words.say("Competence"), one["competence"]),
                (words.say("E-mail"), one["email"]),
            ),
        )
        for one in told["staffed"] or ()
    ]
    entries += [
        Entry(
            one["name"],
            _facts(
                (words.say("Role"), words.call("role", one["role"])),
                (words.say("E-mail"), one["email"]),
                (words.say("Phone"), one["phone"]),
                (words.say("How they want to be met"), _cut(one["preferences"])),
            ),
        )
        for one in told["stakeholders"] or ()
    ]
    return Section(words.say("Who is who"), entries=entries)


def _promises(told: Mapping[str, Any], words: Words) -> Section:
    rows = told["promises"] or []
    return Section(
        words.say("Promises"),
        entries=[
            Entry(
                _cut(one["statement"]),
                _facts(
                    (words.say("State"), words.call("promise", one["state"])),
                    (words.say("Kind"), words.call("kind", one["kind"])),
                    (words.say("Due"), words.day(one["due_on"])),
                    (words.say("Done when"), _cut(one["done_when"])),
                    (words.say("Said to"), one["said_to"]),
                    (words.say("Said on"), words.day(one["said_on"])),
                    (words.say("In the lead's words"), _cut(one["restated"])),
                    (words.say("On the condition"), _cut(one["condition"])),
                ),
            )
            for one in rows
        ],
        note=_rest(rows, words),
    )


def _estimates(told: Mapping[str, Any], words: Words) -> Section:
    rows = told["estimates"] or []
    if not rows:
        return Section(words.say("Estimates"))
    points = [
        (one["optimistic_hours"], one["likely_hours"], one["pessimistic_hours"]) for one in rows
    ]
    expected = [(o + 4 * m + p) / 6 for o, m, p in points]
    sigma = sqrt(sum(((p - o) / 6) ** 2 for o, _, p in points))
    return Section(
        words.say("Estimates"),
        facts=_facts(
            (words.say("Expected in all"), words.hours(sum(expected))),
            (words.say("Standard deviation"), words.hours(sigma)),
        ),
        entries=[
            Entry(
                one["item"],
                _facts(
                    (words.say("Expected"), words.hours(hours)),
                    (
                        words.say("Optimistic, likely, pessimistic"),
                        " / ".join(map(words.hours, three)),
                    ),
                    (words.say("Basis"), words.call("basis", one["basis"])),
                    (words.say("What it rests on"), _cut(one["basis_text"])),
                    (words.say("Assumptions"), _cut("\n".join(one["assumptions"]))),
                    (words.say("Exclusions"), _cut("\n".join(one["exclusions"]))),
                ),
            )
            for one, hours, three in zip(rows, expected, points, strict=True)
        ],
        note=_rest(rows, words)
        or words.say("The standard deviation assumes that the estimates are independent."),
    )


def _questions(told: Mapping[str, Any], words: Words) -> Section:
    rows = told["questions"] or []
    return Section(
        words.say("Open questions"),
        entries=[
            Entry(
                _cut(one["text"]),
                _facts(
                    (words.say("Topic"), one["topic"]),
                    (words.say("Blocks acceptance"), words.say("Yes") if one["blocking"] else None),
                    (words.say("Asked by"), one["asked_by"]),
                    (words.say("Who finds it out"), one["owner"]),
                    (words.say("Due"), words.day(one["due_on"])),
                ),
            )
            for one in rows
        ],
        note=_rest(rows, words),
    )


def _unknowns(told: Mapping[str, Any], words: Words) -> Section:
    return Section(
        words.say("What nobody knows yet"),
        entries=[
            Entry(
                words.call("item", one["what"]),
                _facts(
                    (words.say("Why"), _cut(one["reason"])),
                    (words.say("Who finds it out"), one["owner"]),
                    (words.say("Due"), words.day(one["due_on"])),
                ),
            )
            for one in told["unknowns"] or ()
        ],
    )


def _found_out(told: Mapping[str, Any], words: Words) -> Section:
    rows = told["found_out"] or []
    return Section(
        words.say("What we found out"),
        entries=[
            Entry(
                _cut(one["text"]) if one["what"] is None else words.call("item", one["what"]),
                _facts(
                    (words.say("Why it was open"), _cut(one["text"]) if one["what"] else None),
                    (words.say("Topic"), one["topic"]),
                    (words.say("Answer"), _cut(one["answer"])),
                    (words.say("Answered by"), one["answered_by"]),
                    (words.say("Known since"), words.day(one["accepted_at"])),
                ),
            )
            for one in rows
        ],
        note=_rest(rows, words),
    )


def _log(told: Mapping[str, Any], words: Words) -> Section:
    rows = told["log"] or []
    return Section(
        words.say("Decisions and changes, the latest first"),
        entries=[
            Entry(
                f"{words.day(one['at'])} · {words.call('log', one['kind'])}",
                _facts(
                    (words.say("What"), _cut(one["text"])),
                    (words.say("Told by"), one["author"]),
                ),
            )
            for one in rows
        ],
        note=_rest(rows, words),
    )


def _walkthroughs(told: Mapping[str, Any], words: Words) -> Section:
    return Section(
        words.say("Walkthroughs"),
        entries=[
            Entry(
                words.moment(one["starts_at"], one["tz"]),
                _facts(
                    (words.say("State"), words.call("walkthrough", one["state"])),
                    (
                        words.say("Held at"),
                        one["held_at"] and words.moment(one["held_at"], one["tz"]),
                    ),
                    (words.say("Where"), one["place"] or one["link"]),
                    (words.say("Notes"), _cut(one["notes"])),
                ),
            )
            for one in told["walkthroughs"] or ()
        ],
    )


def _measures(told: Mapping[str, Any], words: Words) -> Section:
    return Section(
        words.say("What it is worth to the customer"),
        entries=[
            Entry(
                f"{one['name']} ({one['unit']})",
                _facts(
                    (words.say("Before"), words.number(one["baseline"])),
                    (words.say("Target"), words.number(one["target"])),
                    (
                        words.say("Observed last"),
                        one["value"] and f"{words.number(one['value'])} · {words.day(one['at'])}",
                    ),
                ),
            )
            for one in told["measures"] or ()
        ],
    )


def _outcome(told: Mapping[str, Any], words: Words) -> Section:
    outcome = told["outcome"]
    if outcome is None:
        return Section(words.say("How it ended"))
    return Section(
        words.say("How it ended"),
        facts=_facts(
            (words.say("Result"), words.call("result", outcome["result"])),
            (words.say("Ended on"), words.day(outcome["ended_on"])),
            (words.say("Lessons"), _cut(outcome["lessons"])),
        ),
    )


def _voices(told: Mapping[str, Any], words: Words) -> Section:
    return Section(
        words.say("What the customer says"),
        entries=[
            Entry(
                words.day(one["said_at"]),
                _facts(
                    (words.say("In their words"), _cut(one["quote"])),
                    (words.say("Satisfaction (1–5)"), _digits(one["csat"])),
                    (words.say("Would recommend us (0–10)"), _digits(one["nps"])),
                    (words.say("Said by"), one["said_by"]),
                ),
            )
            for one in told["voices"] or ()
        ],
    )


def _digits(number: int | None) -> str | None:
    return None if number is None else str(number)
