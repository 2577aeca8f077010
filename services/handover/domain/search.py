"""Search over everything that was written down: what can be found, how it may be spelled, and what is shown of it.

The words of each text stand in `search_entry`, kept by triggers in the transaction of the change (migrations/search.py).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from sqlalchemy import Column, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from services.handover.domain.base import metadata

search_entry = Table(
    "search_entry",
    metadata,
    Column("organization_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("handover_id", Uuid, nullable=True),
    Column("languages", ARRAY(Text), nullable=False),
    Column("words", TSVECTOR, nullable=False),
    Column("forms", TSVECTOR, nullable=False, server_default=""),
    Index("ix_search_entry_words", "words", postgresql_using="gin"),
)


class SearchKind(StrEnum):
    """What can be found; named after its table."""

    customer = "customer"
    handover = "handover"
    stakeholder = "stakeholder"
    promise = "promise"
    estimate = "estimate"
    question = "question"
    answer = "answer"
    log_entry = "log_entry"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a kind's texts stand, and the path at which one of it is read; `parent` is a column that the path needs."""

    kind: SearchKind
    path: str
    heading: str | None = None
    body: Sequence[str] = ()
    parent: str | None = None


# Customer voices are none of them: what may not be shared must not be found either.
# A further one takes a line here, its kind above, and `searchable` in a migration.
SOURCES = (
    Source(SearchKind.customer, "/v1/customers/{id}", "name"),
    Source(
        SearchKind.handover,
        "/v1/handovers/{id}",
        "title",
        ("situation", "background", "assessment", "recommendation", "out_of_scope"),
    ),
    Source(SearchKind.stakeholder, "/v1/handovers/{handover_id}/stakeholders/{id}", "name"),
    Source(
        SearchKind.promise,
        "/v1/handovers/{handover_id}/promises/{id}",
        "statement",
        ("done_when",),
    ),
    Source(
        SearchKind.estimate,
        "/v1/handovers/{handover_id}/estimates/{id}",
        "item",
        ("basis_text",),
    ),
    Source(SearchKind.question, "/v1/handovers/{handover_id}/questions/{id}", "text", ("topic",)),
    Source(
        SearchKind.answer,
        "/v1/handovers/{handover_id}/questions/{parent}/answers/{id}",
        body=("text",),
        parent="question_id",
    ),
    Source(SearchKind.log_entry, "/v1/handovers/{handover_id}/log/{id}", body=("text",)),
)

# A word, or words in quotes; with a minus before them they must not occur.
_PIECE = re.compile(r'(-*)("[^"]*"?|\S+)')
# PostgreSQL takes each of these for "not", also the dash in a title: Kasser - Aarhus.
_DASH = re.compile(r"(?<!\w)-+")


def split(asked: str) -> tuple[str, list[str]]:
    """What is to be found, and what must not occur in it (`-word`), in no language."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for minus, piece in _PIECE.findall(asked):
        (unwanted if minus else wanted).append(_DASH.sub(" ", piece))
    return " ".join(wanted), unwanted


_LETTERS = (("aa", "å"), ("ae", "æ"), ("oe", "ø"))
_NEIGHBOURS = str.maketrans("äæöø", "æäøö")
_SPELLED_OUT = str.maketrans({"å": "aa", "æ": "ae", "ä": "ae", "ø": "oe", "ö": "oe"})


def spellings(asked: str) -> list[str]:
    """What was asked for, and as it may be written elsewhere: Aarhus, Århus; Malmø, Malmö.

    Letters without their marks (Alesund) need no spelling of their own: they stand in the index.
    """
    lowered = asked.lower()
    with_letters = lowered
    for pair, letter in _LETTERS:
        with_letters = with_letters.replace(pair, letter)
    found = (lowered, with_letters, lowered.translate(_SPELLED_OUT))
    return list(dict.fromkeys([*found, *(text.translate(_NEIGHBOURS) for text in found)]))


# Around a match in what the database marked; no text holds them, since no field takes control characters.
OPENING, CLOSING = "\x02", "\x03"
_EXCERPT = 240
_BEFORE = 60


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an excerpt, as it was written; `match` says whether it is what was looked for."""

    text: str
    match: bool


def excerpt(marked: str, told: str, *, skipped: int = 0) -> list[Part]:
    """The stretch of `told` that holds most matches, in parts; `skipped` letters stood before it.

    `marked` is as long as `told`, but for its marks. Were it not, nothing would be marked.
    """
    same_length = len(marked) - marked.count(OPENING) - marked.count(CLOSING) == len(told)
    matches = _places(marked) if same_length else []
    start = _best_start(matches, told)
    end = min(len(told), start + _EXCERPT)
    if end < len(told) and (space := told.rfind(" ", start + _EXCERPT // 2, end)) > 0:
        end = space
    bounds = [start]
    for first, last in matches:
        # Of a word that is longer than the excerpt, as much as there is room for.
        if first < end and last > start:
            bounds += [max(first, start), min(last, end)]
    bounds.append(end)
    parts = [
        Part(told[first:last], number % 2 == 1)
        for number, (first, last) in enumerate(pairwise(bounds))
        if first < last
    ]
    if start + skipped > 0:
        parts.insert(0, Part("… ", False))
    if end < len(told):
        parts.append(Part(" …", False))
    return parts


def _places(marked: str) -> list[tuple[int, int]]:
    """From where to where each match reaches, the marks themselves not counted."""
    places: list[tuple[int, int]] = []
    length = 0
    for piece in marked.split(OPENING):
        matched, closing, rest = piece.partition(CLOSING)
        if closing:
            places.append((length, length + len(matched)))
        length += len(matched) + len(rest)
    return places


def _best_start(matches: Sequence[tuple[int, int]], told: str) -> int:
    if not matches or matches[0][1] <= _EXCERPT // 2 or len(told) <= _EXCERPT:
        return 0
    reach = _EXCERPT - _BEFORE

    def within(first: int) -> int:
        return sum(1 for _, last in matches if first <= last <= first + reach)

    best = max((first for first, _ in matches[:200]), key=within)
    start = max(0, best - _BEFORE)
    space = told.find(" ", start, best)
    return space + 1 if start > 0 and space >= 0 else start
