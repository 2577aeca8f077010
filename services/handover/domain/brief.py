"""The brief: the first-week pack of whoever begins to deliver. What is in it, in the reader's language; briefs.py shows it.

Texts are kept as texts: nothing here is markup of any kind. A long text of an entry is cut, and of the log only the latest
decisions and changes are told, so that a brief can always be printed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import sqrt
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, format_percent

from services.chassis.database import Reader
from services.chassis.errors import NotFound
from services.chassis.language import Language, translate
from services.handover.domain.correcting import corrections_in_handover

# Of each kind of entry; what is left out is counted.
_MOST = 1000
_MOST_LOGGED = 100
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


# One statement: PostgreSQL builds the whole. Of the customer's voices only those that may be shared.
_BRIEF = """
SELECT json_build_object(
  'handover', to_jsonb(h) || jsonb_build_object('amount', h.amount::text),
  'customer', c.name,
  'seller', (SELECT to_jsonb(p) FROM person p WHERE p.organization_id = $1 AND p.id = h.seller_id),
  'lead', (SELECT to_jsonb(p) FROM person p WHERE p.organization_id = $1 AND p.id = h.delivery_lead_id),
  'staffed', (
    SELECT json_agg(x) FROM (
      SELECT p.name, p.email, s.starts_on, s.ends_on, s.allocation, n.competence
      FROM staffing s
      JOIN person p ON p.organization_id = s.organization_id AND p.id = s.person_id
      LEFT JOIN competence_need n ON n.organization_id = s.organization_id AND n.id = s.competence_need_id
      WHERE s.organization_id = $1 AND s.handover_id = $2 ORDER BY s.starts_on, s.id LIMIT $3
    ) x),
  'stakeholders', (
    SELECT json_agg(x) FROM (
      SELECT name, role, email, phone, preferences FROM stakeholder
      WHERE organization_id = $1 AND handover_id = $2 ORDER BY id LIMIT $3
    ) x),
  'promises', (
    SELECT json_agg(x) FROM (
      SELECT p.statement, p.kind, p.state, p.due_on, p.done_when, p.said_to, p.said_on,
        r.restated, r.stance, r.condition, count(*) OVER () AS total
      FROM promise p
      LEFT JOIN read_back r ON r.organization_id = p.organization_id AND r.promise_id = p.id AND r.voided_at IS NULL
      WHERE p.organization_id = $1 AND p.handover_id = $2 AND p.state <> 'superseded'
      ORDER BY p.due_on NULLS LAST, p.id LIMIT $3
    ) x),
  'estimates', (
    SELECT json_agg(x) FROM (
      SELECT item, kind, optimistic_hours, likely_hours, pessimistic_hours, basis, basis_text, assumptions, exclusions,
        count(*) OVER () AS total
      FROM estimate
      WHERE organization_id = $1 AND handover_id = $2 AND superseded_at IS NULL ORDER BY id LIMIT $3
    ) x),
  'questions', (
    SELECT json_agg(x) FROM (
      SELECT q.text, q.topic, q.blocking, q.due_on, a.name AS asked_by, o.name AS owner, count(*) OVER () AS total
      FROM question q
      LEFT JOIN person a ON a.organization_id = q.organization_id AND a.id = q.asked_by
      LEFT JOIN person o ON o.organization_id = q.organization_id AND o.id = q.owner_id
      WHERE q.organization_id = $1 AND q.handover_id = $2 AND q.state = 'open' AND q.unknown_id IS NULL
      ORDER BY q.blocking DESC, q.due_on NULLS LAST, q.id LIMIT $3
    ) x),
  'unknowns', (
    SELECT json_agg(x) FROM (
      SELECT u.what, u.reason, u.due_on, o.name AS owner
      FROM unknown u
      LEFT JOIN person o ON o.organization_id = u.organization_id AND o.id = u.owner_id
      WHERE u.organization_id = $1 AND u.handover_id = $2 AND u.resolved_at IS NULL
      ORDER BY u.due_on, u.id LIMIT $3
    ) x),
  'found_out', (
    SELECT json_agg(x) FROM (
      SELECT q.text, q.topic, u.what, a.text AS answer, p.name AS answered_by, a.accepted_at,
        count(*) OVER () AS total
      FROM question q
      JOIN answer a ON a.organization_id = q.organization_id AND a.question_id = q.id AND a.accepted_at IS NOT NULL
      LEFT JOIN unknown u ON u.organization_id = q.organization_id AND u.id = q.unknown_id
      LEFT JOIN person p ON p.organization_id = a.organization_id AND p.id = a.author_id
      WHERE q.organization_id = $1 AND q.handover_id = $2 AND q.state = 'resolved'
      ORDER BY a.accepted_at DESC, q.id LIMIT $3
    ) x),
  'log', (
    SELECT json_agg(x) FROM (
      SELECT l.at, coalesce(stand_in.kind, l.kind::text) AS kind, l.text, a.name AS author, count(*) OVER () AS total
      FROM log_entry l
      LEFT JOIN unnest($6::uuid[], $7::text[]) AS stand_in (id, kind) ON stand_in.id = l.id
      LEFT JOIN person a ON a.organization_id = l.organization_id AND a.id = l.author_id
      WHERE l.organization_id = $1 AND l.handover_id = $2 AND l.id <> ALL ($5::uuid[])
        AND (l.kind IN ('decision', 'change') OR stand_in.id IS NOT NULL)
      ORDER BY l.at DESC, l.id DESC LIMIT $4
    ) x),
  'walkthroughs', (
    SELECT json_agg(x) FROM (
      SELECT starts_at, held_at, tz, place, link, state, notes FROM walkthrough
      WHERE organization_id = $1 AND handover_id = $2 AND state <> 'cancelled' ORDER BY starts_at DESC, id LIMIT $4
    ) x),
  'measures', (
    SELECT json_agg(x) FROM (
      SELECT m.name, m.unit, m.baseline::text, m.target::text, o.value::text, o.at
      FROM value_measure m
      LEFT JOIN LATERAL (
        SELECT o.value, o.at FROM value_observation o
        WHERE o.organization_id = $1 AND o.value_measure_id = m.id
          AND NOT EXISTS (
            SELECT 1 FROM value_observation later WHERE later.organization_id = $1 AND later.corrects = o.id
          )
        ORDER BY o.at DESC, o.id DESC LIMIT 1
      ) o ON true
      WHERE m.organization_id = $1 AND m.handover_id = $2 ORDER BY m.id LIMIT $4
    ) x),
  'outcome', (
    SELECT to_jsonb(x) FROM (
      SELECT result, ended_on, lessons FROM outcome WHERE organization_id = $1 AND id = $2
    ) x),
  'voices', (
    SELECT json_agg(x) FROM (
      SELECT quote, csat, nps, said_by, said_at FROM customer_voice
      WHERE organization_id = $1 AND handover_id = $2 AND may_share ORDER BY said_at DESC, id LIMIT $4
    ) x)
)::text
FROM handover h
JOIN customer c ON c.organization_id = h.organization_id AND c.id = h.customer_id
WHERE h.organization_id = $1 AND h.id = $2
"""


async def read_brief(reader: Reader, handover_id: UUID) -> Mapping[str, Any]:
    """What the brief of a handover tells of; raises `NotFound`."""
    corrections = await corrections_in_handover(reader, handover_id, _LABELS["log"])
    told = await reader.connection.fetchval(
        _BRIEF,
        reader.organization_id,
        handover_id,
        _MOST,
        _MOST_LOGGED,
        list(corrections.overruled),
        list(corrections.stand_ins),
        list(corrections.stand_ins.values()),
    )
    if told is None:
        raise NotFound("There is no such {thing}.", thing="handover")
    found: dict[str, Any] = orjson.loads(told)
    return found


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
