"""The value feed: what customers got out of it, for everybody in the firm."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from fastapi import Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from starlette.responses import Response

from services.chassis.calendar import time_zone
from services.chassis.errors import FieldError, Invalid
from services.chassis.fields import Day, Moment
from services.chassis.pages import DEFAULT_LIMIT, LARGEST_LIMIT, Page, read_cursor, write_cursor
from services.chassis.web import CallerDep, NowDep, ViewerDep, concept, listed
from services.handover.domain.customer_voice import VoiceChannel
from services.handover.domain.log import Phase
from services.handover.domain.organization import time_zone_of
from services.handover.domain.promise import PromiseKind
from services.handover.domain.value_feed import (
    Period,
    read_figures,
    read_items,
    standard_periods,
)

router = concept("value feed")

_LONGEST = timedelta(days=3_653)


class ItemKind(StrEnum):
    """What the feed tells of."""

    voice = "voice"
    promise_kept = "promise_kept"
    observation = "observation"


class SharedVoice(BaseModel):
    """What the customer said and lets us share."""

    phase: Phase
    channel: VoiceChannel | None
    csat: int | None
    nps: int | None
    quote: str | None
    said_by: str | None


class KeptPromise(BaseModel):
    """A promise that was kept."""

    statement: str
    kind: PromiseKind
    due_on: date | None
    note: str | None


class ObservedValue(BaseModel):
    """What a measure was; `progress` from its baseline (0) to its target (1)."""

    value_measure_id: UUID
    name: str
    unit: str
    value: float
    baseline: float | None
    target: float | None
    people_reached: int | None
    progress: float | None


class FeedItem(BaseModel):
    """Something that a customer got out of it: the one of `voice`, `promise` and `observation` that `kind` says."""

    kind: ItemKind
    id: UUID
    at: Moment
    customer_id: UUID
    customer_name: str
    handover_id: UUID
    handover_title: str
    voice: SharedVoice | None
    promise: KeptPromise | None
    observation: ObservedValue | None


class CustomersFigure(BaseModel):
    """Customers that were talked with, or for whom a promise was kept, a value observed or a shared voice written down.

    `of` are these and the customers of handovers that were being delivered.
    """

    served: int
    of: int


class PeopleFigure(BaseModel):
    """People reached, as the measures say that were observed: so many measures say it."""

    people: int
    measures: int


class CsatDistribution(BaseModel):
    """How many gave which rating."""

    one: int = Field(alias="1")
    two: int = Field(alias="2")
    three: int = Field(alias="3")
    four: int = Field(alias="4")
    five: int = Field(alias="5")


class CsatFigure(BaseModel):
    """Customer satisfaction, 1 to 5, of n shared ratings; no mean of none."""

    mean: float | None
    n: int
    distribution: CsatDistribution


class NpsFigure(BaseModel):
    """Net promoter score, −100 to 100: promoters (9, 10) less detractors (0–6), per hundred of n shared ratings."""

    score: float | None
    n: int
    promoters: int
    passives: int
    detractors: int


class Words(BaseModel):
    """What a customer said, in their words."""

    voice_id: UUID
    at: Moment
    quote: str
    said_by: str | None
    customer_id: UUID
    customer_name: str
    handover_id: UUID


class WordsFigure(BaseModel):
    """How many shared quotes there are, and the latest three."""

    n: int
    latest: list[Words]


class PromisesFigure(BaseModel):
    """Promises that came to their end; `kept_share` of kept and broken together, released ones left out."""

    kept: int
    broken: int
    kept_share: float | None


class OutcomesFigure(BaseModel):
    """How the handovers turned out that ended; the lessons stay with them."""

    succeeded: int
    partly: int
    failed: int


# `from` is a word of the language, so a class cannot spell it.
_DAYS: Any = {"from": (date, ...), "to": (date, ...)}
Days: Any = create_model("Days", **_DAYS)


class PeriodFigures(Days):
    """What a period brought, its days as they are in the answer's time zone."""

    customers: CustomersFigure
    people_reached: PeopleFigure
    csat: CsatFigure
    nps: NpsFigure
    words: WordsFigure
    promises: PromisesFigure
    outcomes: OutcomesFigure


class FiguresOfPeriods(BaseModel):
    """The period that was asked for, and the ones that people ask for anyway."""

    period: PeriodFigures
    yesterday: PeriodFigures
    last_weekend: PeriodFigures = Field(description="The last Saturday and Sunday that are over.")
    this_month: PeriodFigures = Field(description="From the first until today.")


@dataclass(frozen=True, slots=True)
class FeedPage(Page):
    """A page of the feed, and what stands above it."""

    head: bytes

    def content(self) -> bytes:
        # Without super(): a dataclass with slots is another class than the one that the method was written in.
        return b"%b,%b" % (self.head[:-1], Page.content(self)[1:])


class ValueFeed(BaseModel):
    """Items, newest first, and on the first page the figures."""

    time_zone: str = Field(examples=["Europe/Oslo"])
    figures: FiguresOfPeriods | None = Field(description="Null on the pages after the first.")
    items: list[FeedItem]
    next: str | None


class ValueFeedQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    starts_on: Day | None = Field(
        None, alias="from", description="Default: the first of the month of `to`."
    )
    ends_on: Day | None = Field(None, alias="to", description="The last day. Default: today.")
    tz: Annotated[str, Field(max_length=60), AfterValidator(time_zone)] | None = Field(
        None,
        examples=["Europe/Oslo"],
        description="In which days begin and end. Default: the reader's, else the organization's.",
    )
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=LARGEST_LIMIT, description="Items at most.")
    after: str | None = Field(
        None,
        max_length=500,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="Where to go on: `next` of the page before.",
    )


@router.get("/value-feed", response_model=ValueFeed, summary="What customers got out of it")
async def list_value_feed(
    query: Annotated[ValueFeedQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    reader: ViewerDep,
) -> Response:
    """Shared voices, promises kept and values observed, newest first, with figures. Everybody may read it."""
    zone = ZoneInfo(query.tz) if query.tz else await time_zone_of(reader, caller.person_id)
    today = now.astimezone(zone).date()
    period = _asked(query, today)
    after = read_cursor(query.after, "at", descending=True)
    rows = await read_items(reader, period, zone, after, query.limit + 1)
    following = None
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        following = write_cursor("at", True, rows[-1][1], rows[-1][2])
    figures = None
    if after is None:
        periods = [period, *standard_periods(today)]
        told = await read_figures(reader, periods, zone)
        figures = {one.name: _with_days(one, told) for one in periods}
    items = ",".join(row[0] for row in rows).encode()
    head = orjson.dumps({"time_zone": zone.key, "figures": figures})
    return listed(FeedPage(items, following, head), request)


def _asked(query: ValueFeedQuery, today: date) -> Period:
    """The period that was asked for; raises `Invalid` for one that ends before it begins, or has no end."""
    last = query.ends_on or max(today, query.starts_on or today)
    first = query.starts_on or last.replace(day=1)
    if first > last:
        raise Invalid(
            "The period ends before it begins.",
            errors=[FieldError("/to", "It must not lie before `from`.", where="query")],
        )
    if last - first > _LONGEST:
        raise Invalid(
            "The period is too long.",
            errors=[FieldError("/from", "Ask for ten years at most.", where="query")],
        )
    return Period("period", first, last)


def _with_days(period: Period, told: Mapping[str, str]) -> dict[str, Any]:
    return {"from": period.first, "to": period.last, **orjson.loads(told[period.name])}
