"""`Idempotency-Key`: a POST that is repeated is carried out once, and answered the same.

The key and its answer are stored in the transaction of the change, so they are there together or not at all. A second
request with the same key waits at the key's row until the first has committed, and then gets its answer. An error changes
nothing and is not kept: the request can be repeated with the same key.
"""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import (
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import Connection, Database, Reader, reader_of
from services.chassis.errors import FieldError, InProgress, Invalid, KeyReused

_KEY = re.compile(r"[\x21-\x7e]{1,200}\Z")


def idempotency_table(metadata: MetaData) -> Table:
    """The keys that were used, with what they were answered."""
    return Table(
        "idempotency_key",
        metadata,
        Column("organization_id", Uuid, primary_key=True),
        Column("person_id", Uuid, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("request_hash", LargeBinary, nullable=False),
        Column("status", SmallInteger, nullable=True),
        Column("headers", JSONB, nullable=True),
        Column("body", LargeBinary, nullable=True),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("ix_idempotency_key_created_at", "created_at"),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that carries an Idempotency-Key."""

    key: str
    request_hash: bytes

    @classmethod
    def of(cls, key: str, method: str, path: str, query: bytes, body: bytes) -> "KeyedRequest":
        """Raises `Invalid` for a key that is none."""
        if not _KEY.match(key):
            raise Invalid(
                "The Idempotency-Key is not usable.",
                errors=[
                    FieldError(
                        "/Idempotency-Key",
                        "1 to 200 visible ASCII characters, no space.",
                        where="header",
                    )
                ],
            )
        digest = hashlib.sha256(b"\n".join((method.encode(), path.encode(), query, body)))
        return cls(key, digest.digest())


# Goes along with BEGIN, which takes no parameters: all that a client sent stands in it as hexadecimal digits.
_CLAIM = """
INSERT INTO idempotency_key (organization_id, person_id, key, request_hash)
VALUES ('{organization_id}', '{person_id}', {key}, '\\x{request_hash}')
ON CONFLICT (organization_id, person_id, key) DO UPDATE
SET request_hash = excluded.request_hash, status = NULL, headers = NULL, body = NULL, created_at = now()
WHERE idempotency_key.created_at < now() - interval '{seconds} seconds'
"""
_TAKEN = "INSERT 0 1"
_LOOK_UP = """
SELECT request_hash, status, headers::text, body FROM idempotency_key
WHERE organization_id = $1 AND person_id = $2 AND key = $3
"""
# With the organization as $1 and the person as $2: it stands beside the statement that stores the events.
KEEP = """
UPDATE idempotency_key SET status = $6, headers = $7::text::jsonb, body = $8
WHERE organization_id = $1 AND person_id = $2 AND key = $9
"""
_FORGET = "DELETE FROM idempotency_key WHERE created_at < now() - $1::interval"


@asynccontextmanager
async def transaction_of(
    database: Database, caller: Caller, request: KeyedRequest, kept_for: timedelta
) -> AsyncIterator[tuple[AsyncSession, Answer | None]]:
    """A transaction that has taken the key; with the answer that the key got before, if it was taken already.

    Raises `KeyReused` if it stood for another request, `InProgress` if the first one takes too long.
    """
    claim = _CLAIM.format(
        organization_id=caller.organization_id,
        person_id=caller.person_id,
        key=as_text(request.key),
        request_hash=request.request_hash.hex(),
        seconds=kept_for.total_seconds(),
    )
    async with AsyncExitStack() as stack:
        try:
            session = await stack.enter_async_context(
                database.transaction(caller.organization_id, first=claim)
            )
        except asyncpg.LockNotAvailableError as error:
            raise InProgress(
                "The request with this Idempotency-Key is still being carried out."
            ) from error
        before = None
        if session.info["first"] != _TAKEN:
            before = await _answer_before(reader_of(session), caller.person_id, request)
        yield session, before


def as_text(value: str) -> str:
    """SQL for a text that somebody sent."""
    return rf"convert_from('\x{value.encode().hex()}', 'UTF8')"


async def _answer_before(reader: Reader, person_id: UUID, request: KeyedRequest) -> Answer:
    row = await reader.connection.fetchrow(_LOOK_UP, reader.organization_id, person_id, request.key)
    if row is None or row["status"] is None:
        raise InProgress("The request with this Idempotency-Key is still being carried out.")
    if row["request_hash"] != request.request_hash:
        raise KeyReused("This Idempotency-Key was used for another request.")
    return Answer(row["status"], orjson.loads(row["headers"]), row["body"])


def keep_arguments(request: KeyedRequest, answer: Answer) -> tuple[Any, ...]:
    """The parameters $6 to $9 of `KEEP`: the answer, kept beside the change, in its transaction."""
    headers = orjson.dumps(answer.headers).decode()
    return answer.status, headers, answer.body, request.key


async def forget(connection: Connection, kept_for: timedelta) -> None:
    """Delete what is older than `kept_for`."""
    await connection.execute(_FORGET, kept_for)
