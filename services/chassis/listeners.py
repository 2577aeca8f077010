"""Following another service's feed: each event is applied once, in order, in the organization that it belongs to.

The place in the feed is stored in the transaction that applies the events, under a lock: however many replicas run, one
applies at a time, and a crash repeats nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import httpx
import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import Column, DateTime, MetaData, Table, Text
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import Database, flush, session_on
from services.chassis.errors import Unavailable
from services.chassis.events import Cursor

log = structlog.get_logger(__name__)

APPLIED = Counter(
    "stafett_events_applied_total", "Events of another service applied", ["follower", "source"]
)
FAILED = Counter(
    "stafett_follow_failures_total", "Looks at a feed that failed", ["follower", "source"]
)
BEHIND = Gauge(
    "stafett_feed_age_seconds", "Age of the last successful look at a feed", ["follower", "source"]
)

BATCH = 500
# As long as a client of ours waits for an answer.
_PATIENCE_SECONDS = 25


def followed_feed_table(metadata: MetaData) -> Table:
    """How far this service has read the others' feeds. Of the house, not of an organization."""
    return Table(
        "followed_feed",
        metadata,
        Column("source", Text, primary_key=True),
        Column("after", Text, nullable=False, server_default=""),
        Column("applied_at", DateTime(timezone=True), nullable=True),
    )


@dataclass(frozen=True, slots=True)
class HeardEvent:
    """An event of another service."""

    type: str
    organization_id: UUID
    subject: str
    time: datetime
    data: Mapping[str, Any]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "HeardEvent":
        """From a CloudEvent of ours."""
        return cls(
            type=told["type"],
            organization_id=UUID(told["organizationid"]),
            subject=told["subject"],
            time=datetime.fromisoformat(told["time"]),
            data=told["data"],
        )


Listener = Callable[[AsyncSession, HeardEvent], Awaitable[None]]
Afterwards = Callable[[AsyncSession], Awaitable[None]]


def once_at_the_end(session: AsyncSession, what: Afterwards) -> None:
    """Have `what` run once, after every event of the session was applied: for what is done to many in one go."""
    session.info.setdefault("at_the_end", {})[what] = None


class FeedFollower:
    """Keeps this service's copy of what `source` tells."""

    def __init__(
        self,
        database: Database,
        follower: str,
        source: str,
        listeners: Mapping[str, Listener],
        client: Callable[[], httpx.AsyncClient],
        token: Callable[[], str],
        pause_seconds: float,
    ) -> None:
        self.source = source
        self.caught_up_at: datetime | None = None
        self._database = database
        self._follower = follower
        self._listeners = listeners
        self._client = client
        self._token = token
        self._pause = pause_seconds

    async def run(self) -> None:
        """Follow until cancelled. A failure is logged and tried again, later and later up to ten seconds."""
        wait = self._pause
        while True:
            try:
                await self.catch_up()
                wait = self._pause
            except asyncio.CancelledError:
                raise
            except Exception as error:
                FAILED.labels(self._follower, self.source).inc()
                unavailable = isinstance(error, Unavailable | httpx.HTTPError)
                log.warning(
                    "feed_not_followed",
                    source=self.source,
                    error=str(error) or repr(error),
                    exc_info=None if unavailable else error,
                )
                wait = min(wait * 2, 10.0)
            await asyncio.sleep(wait)

    async def catch_up(self) -> None:
        """Apply everything that `source` has told until now. Raises what the network or the database raises."""
        while await self._apply_batch() == BATCH:
            pass
        self.caught_up_at = datetime.now(UTC)
        BEHIND.labels(self._follower, self.source).set_to_current_time()

    async def _apply_batch(self) -> int:
        async with self._database.across_organizations() as (connection, driver):
            # Takes no transaction id, which the feed would wait for while we wait for the feed. Whoever needs what another is
            # just applying waits for it longer than for a row that somebody changes.
            await driver.execute(
                f"SET LOCAL lock_timeout = '{_PATIENCE_SECONDS}s';"
                f"SELECT pg_advisory_xact_lock(hashtext('{self._follower}'), hashtext('{self.source}'));"
                "SET LOCAL lock_timeout TO DEFAULT"
            )
            after = await driver.fetchval(
                "SELECT after FROM followed_feed WHERE source = $1", self.source
            )
            batch = await self._fetch(after)
            # What belongs to one organization and came in a row shares a session: it costs more than most listeners.
            heard = map(HeardEvent.of, batch)
            for organization_id, events in groupby(heard, lambda event: event.organization_id):
                await driver.execute(
                    "SELECT set_config('stafett.organization_id', $1, true)", str(organization_id)
                )
                async with session_on(connection, driver, organization_id) as session:
                    for event in events:
                        await self._apply(session, event)
                    for what in session.info.pop("at_the_end", ()):
                        await what(session)
                        await flush(session)
            if batch:
                await driver.execute(
                    "INSERT INTO followed_feed (source, after, applied_at) VALUES ($1, $2, now()) "
                    "ON CONFLICT (source) DO UPDATE SET after = excluded.after, applied_at = now()",
                    self.source,
                    str(Cursor.parse(batch[-1]["sequence"])),
                )
        return len(batch)

    async def _apply(self, session: AsyncSession, event: HeardEvent) -> None:
        listener = self._listeners.get(event.type)
        if listener is not None:
            await listener(session, event)
            await flush(session)
            APPLIED.labels(self._follower, self.source).inc()

    async def _fetch(self, after: str | None) -> list[dict[str, Any]]:
        response = await self._client().get(
            "/internal/events",
            params={"after": after or "", "limit": BATCH},
            headers={"Authorization": f"Bearer {self._token()}"},
        )
        response.raise_for_status()
        events: list[dict[str, Any]] = response.json()
        return events
