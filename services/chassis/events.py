"""What went by: every change writes an event beside it, and others read the feed.

The outbox and the feed are one table, append-only, and the audit trail: who, what, when, before and after. Writers commit
out of order, so a reader's cursor is (transaction id, row id), and it never passes the oldest transaction that still runs:
no event is skipped.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy import inspect as inspect_row
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import UserDefinedType

from services.chassis.caller import Caller
from services.chassis.database import Connection, reader_of
from services.chassis.errors import FieldError, Invalid
from services.chassis.idempotency import KEEP, Answer, KeyedRequest, keep_arguments
from services.chassis.tables import Row, new_id


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id: never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


def event_table(metadata: MetaData) -> Table:
    """The outbox of a service. Its role may insert and read, never change or delete."""
    return Table(
        "event",
        metadata,
        Column("organization_id", Uuid, primary_key=True),
        Column(
            "transaction_id",
            Xid8,
            primary_key=True,
            server_default=text("pg_current_xact_id()"),
        ),
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid, nullable=False),
        Column("type", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("actor_id", Uuid, nullable=True),
        Column("actor_name", Text, nullable=True),
        Column("request_id", Text, nullable=True),
        Column("occurred_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("data", JSONB, nullable=False),
        Index("ix_event_feed", "transaction_id", "id"),
    )


@dataclass(frozen=True, slots=True)
class Event:
    """A fact. `type` is noun and past verb, `subject` the path of the thing, `data` what others need to know."""

    type: str
    subject: str
    data: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    def is_empty_change(self) -> bool:
        """Whether it tells of a change, and before and after are the same."""
        return self.type.endswith(".changed") and self.before == {} and self.after == {}

    def body(self) -> dict[str, Any]:
        body = dict(self.data)
        if self.before is not None:
            body["before"] = self.before
        if self.after is not None:
            body["after"] = self.after
        return body


_RECORD = """
INSERT INTO event (organization_id, event_id, type, subject, actor_id, actor_name, request_id, data)
SELECT $1, e.event_id, e.type, e.subject, $2, $3, $4, e.data
FROM jsonb_to_recordset($5::text::jsonb) AS e(event_id uuid, type text, subject text, data jsonb)
"""


def record(session: AsyncSession, *events: Event) -> None:
    """Write events beside the change: they are stored when, and only when, the transaction commits.

    A change that changed nothing is no fact, and is left out.
    """
    facts = (event for event in events if not event.is_empty_change())
    session.info.setdefault("events", []).extend(facts)


# The answer is kept in the same breath: one statement fewer at each change.
_RECORD_AND_KEEP = f"WITH kept AS ({KEEP}) {_RECORD}"


async def store_recorded(
    session: AsyncSession,
    caller: Caller | None,
    request_id: str | None,
    kept: tuple[KeyedRequest, Answer] | None = None,
) -> None:
    """Store the session's events, and the answer to keep for an Idempotency-Key, in one statement.

    The transaction dependency calls it before it commits.
    """
    events = session.info.pop("events", [])
    if not events and kept is None:
        return
    rows = [
        {"event_id": new_id(), "type": e.type, "subject": e.subject, "data": e.body()}
        for e in events
    ]
    reader = reader_of(session)
    await reader.connection.execute(
        _RECORD if kept is None else _RECORD_AND_KEEP,
        reader.organization_id,
        caller.person_id if caller else None,
        caller.name if caller else None,
        request_id,
        orjson.dumps(rows, default=str).decode(),
        *(() if kept is None else keep_arguments(*kept)),
    )


def changes(row: Row) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was changed on a row since it was loaded, before and after, by column."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    state = inspect_row(row)
    for column in state.mapper.column_attrs:
        history = state.attrs[column.key].history
        if history.has_changes():
            before[column.key] = history.deleted[0] if history.deleted else None
            after[column.key] = history.added[0] if history.added else None
    return before, after


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a feed: everything up to it was read."""

    transaction_id: int = 0
    id: int = 0

    def __str__(self) -> str:
        return f"{self.transaction_id}-{self.id}"

    @classmethod
    def parse(cls, value: str | None) -> "Cursor":
        """The cursor in its written form; raises `Invalid` for anything else."""
        if not value:
            return cls()
        transaction, dash, row = value.partition("-")
        if dash and transaction.isdecimal() and row.isdecimal() and len(value) <= 40:
            cursor = cls(int(transaction), int(row))
            if cursor.transaction_id < 2**63 and cursor.id < 2**63:
                return cursor
        raise Invalid(
            "The place in the feed is not known.",
            errors=[FieldError("/after", "Take it from an answer of this feed.", where="query")],
        )


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event as it stands in the feed, with the place after it."""

    cursor: Cursor
    event_id: UUID
    organization_id: UUID
    type: str
    subject: str
    actor_id: UUID | None
    actor_name: str | None
    request_id: str | None
    occurred_at: datetime
    data: str

    def cloud_event(self, source: str) -> bytes:
        """CloudEvents 1.0 in JSON, with who did it and in which organization as extensions."""
        envelope: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.event_id,
            "source": f"/{source}",
            "type": self.type,
            "subject": self.subject,
            "time": self.occurred_at,
            "datacontenttype": "application/json",
            "organizationid": self.organization_id,
            "sequence": str(self.cursor),
        }
        if self.actor_id is not None:
            envelope["actorid"] = self.actor_id
            envelope["actorname"] = self.actor_name
        if self.request_id is not None:
            envelope["requestid"] = self.request_id
        envelope["data"] = orjson.Fragment(self.data)
        return orjson.dumps(envelope, default=str)


_FEED = """
SELECT transaction_id::text::bigint, id, event_id, organization_id, type, subject,
  actor_id, actor_name, request_id, occurred_at, data::text
FROM event
WHERE (transaction_id, id) > ($1::text::xid8, $2)
  AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
  AND ($3::uuid IS NULL OR organization_id = $3)
  AND ($4::text[] IS NULL OR type = ANY($4))
  AND (
    NOT type ^@ ANY($6::text[]) OR actor_id = $7::uuid
    OR data->>'person_id' = $7::uuid::text OR data->'after'->>'person_id' = $7::uuid::text
  )
ORDER BY transaction_id, id
LIMIT $5
"""
# With the organization as a plain condition, the primary key serves; one statement for both would be planned for neither.
_FEED_OF_ALL = _FEED.replace(
    "AND ($3::uuid IS NULL OR organization_id = $3)", "AND $3::uuid IS NULL"
)
_FEED_OF_ONE = _FEED.replace(
    "AND ($3::uuid IS NULL OR organization_id = $3)", "AND organization_id = $3"
)


_UNSETTLED = """
SELECT EXISTS (
  SELECT 1 FROM event
  WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot()) AND organization_id = $1
)
"""
_UNSETTLED_IN_ALL = _UNSETTLED.replace("AND organization_id = $1", "AND $1::uuid IS NULL")
_SETTLING_SECONDS = 0.5
# A service that follows asks before it says no to somebody; on a busy machine what runs may take seconds.
_SETTLING_SECONDS_FOR_ALL = 4.0


async def settle(connection: Connection, organization_id: UUID | None) -> None:
    """Wait, shortly, while events are committed that the feed cannot show yet.

    An older transaction still runs and might add events before them. Nearly always it ends within milliseconds, and then
    whoever reads the feed after a change has been answered finds that change.
    """
    loop = asyncio.get_running_loop()
    patience = _SETTLING_SECONDS_FOR_ALL if organization_id is None else _SETTLING_SECONDS
    deadline = loop.time() + patience
    statement = _UNSETTLED_IN_ALL if organization_id is None else _UNSETTLED
    while await connection.fetchval(statement, organization_id):
        if loop.time() >= deadline:
            return
        await asyncio.sleep(0.005)


async def read_feed(
    connection: Connection,
    organization_id: UUID | None,
    after: Cursor,
    *,
    types: Sequence[str] | None = None,
    limit: int = 100,
    hidden: Sequence[str] = (),
    reader_id: UUID | None = None,
) -> list[FeedEvent]:
    """The next events after a place, oldest first; of one organization, or of all for a follower.

    What begins with one of `hidden` is shown only where `reader_id` did it or is the person concerned.
    """
    rows = await connection.fetch(
        _FEED_OF_ALL if organization_id is None else _FEED_OF_ONE,
        str(after.transaction_id),
        after.id,
        organization_id,
        types,
        limit,
        list(hidden),
        reader_id,
    )
    return [FeedEvent(Cursor(row[0], row[1]), *row[2:]) for row in rows]
