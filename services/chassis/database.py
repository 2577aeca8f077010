"""PostgreSQL: one engine a service, and the transaction that knows its organization.

SQLAlchemy runs in autocommit, since the transaction is begun here, together with its organization in one round
trip: two would cost 40–50 % (docs/architecture.md, trap 2). Row-level security reads `stafett.organization_id`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import URL, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from services.chassis.connections import Connections, Driver, Held
from services.chassis.errors import NotFound, Unavailable
from services.chassis.statement import Statement

if TYPE_CHECKING:
    from services.chassis.tables import Row

Connection: TypeAlias = Driver

# Postgres is not there, is starting, or went away: nothing was done, and asking again helps.
GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What asyncpg says of a connection whose end came while it was talking.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)

# A value that asyncpg cannot send as the type of its parameter: an InterfaceError by descent, but nothing went away.
UNFIT: type[Exception] = asyncpg.exceptions._base.DataError


@dataclass(frozen=True, slots=True)
class Reader:
    """A connection inside a transaction that sees one organization."""

    connection: Connection
    organization_id: UUID

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[asyncpg.Record]:
        """The rows of a statement."""
        return await self.connection.fetch(statement.sql, *statement.arguments(values))

    async def fetchrow(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> asyncpg.Record | None:
        """The first row of a statement; None if there is none."""
        return await self.connection.fetchrow(statement.sql, *statement.arguments(values))


@dataclass(frozen=True, slots=True)
class Viewer:
    """Reads for one organization, each statement by itself: no transaction, one round trip.

    For an answer that takes one read, or several that need not see the same moment.
    """

    database: "Database"
    organization_id: UUID

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[asyncpg.Record]:
        """The rows of a statement."""
        rows: list[asyncpg.Record] = await self.database.read_alone(
            statement.alone, [*statement.arguments(values), str(self.organization_id)]
        )
        return rows

    async def fetchrow(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> asyncpg.Record | None:
        """The first row of a statement; None if there is none."""
        rows = await self.fetch(statement, values)
        return rows[0] if rows else None


class Database:
    """The service's way to its own schema."""

    def __init__(self, url: URL, schema: str, *, connections: int) -> None:
        self.schema = schema
        self.connections = Connections(
            url,
            connections,
            {
                "timeout": 5,
                "statement_cache_size": 200,
                "server_settings": {
                    "application_name": f"stafett-{schema}",
                    "search_path": schema,
                    "timezone": "UTC",
                    "jit": "off",
                    # Whoever waits holds a connection that others need.
                    "lock_timeout": "3s",
                    "statement_timeout": "60s",
                    "idle_in_transaction_session_timeout": "60s",
                },
            },
        )

    @property
    def engine(self) -> AsyncEngine:
        """Where the connections lead."""
        return self.connections.engine

    async def close(self) -> None:
        await self.connections.close()

    @asynccontextmanager
    async def reading(self, organization_id: UUID) -> AsyncIterator[Reader]:
        """A read-only transaction that sees one organization."""
        async with self._begun("BEGIN READ ONLY", organization_id) as (held, _):
            yield Reader(held.driver, organization_id)

    async def read_alone(self, sql: str, arguments: Sequence[Any]) -> list[asyncpg.Record]:
        """The rows of a statement that sets its own organization, outside of any transaction."""
        while True:
            held = await self._take()
            try:
                rows = await held.driver.fetch(sql, *arguments)
            except BaseException as error:
                if isinstance(error, asyncpg.PostgresError | UNFIT) and not is_gone(error):
                    # Refused, and over: the statement was its own transaction.
                    await self.connections.give_back(held)
                    raise
                # Dead, or cancelled while the statement may still be running: closing is the only safe end.
                await self.connections.drop(held)
                if not is_gone(error):
                    raise
                if not held.proven:
                    raise Unavailable("The database does not answer.") from error
            else:
                await self.connections.give_back(held)
                return rows

    @asynccontextmanager
    async def transaction(
        self, organization_id: UUID, *, first: str | None = None
    ) -> AsyncIterator[AsyncSession]:
        """A transaction that sees and changes one organization; commits on leaving, unless an error leaves it.

        `first` is SQL that goes along with the beginning, in its round trip; its command tag is `session.info["first"]`.
        """
        async with (
            self._begun("BEGIN", organization_id, first) as (held, tag),
            session_on(held.for_sessions, held.driver, organization_id) as session,
        ):
            session.info["first"] = tag
            yield session
            await flush(session)

    @asynccontextmanager
    async def across_organizations(self) -> AsyncIterator[tuple[AsyncConnection, Connection]]:
        """A transaction of the house itself: sees the feed of every organization, and else only what a policy lets it."""
        async with self._begun("BEGIN", None) as (held, _):
            yield held.for_sessions, held.driver

    @asynccontextmanager
    async def _begun(
        self, begin: str, organization_id: UUID | None, first: str | None = None
    ) -> AsyncIterator[tuple[Held, str]]:
        scope = (
            "SET LOCAL stafett.follower = 'on'"
            if organization_id is None
            else f"SET LOCAL stafett.organization_id = '{organization_id}'"
        )
        held, tag = await self._take_begun("; ".join(filter(None, (begin, scope, first))))
        try:
            try:
                yield held, tag
                await held.driver.execute("COMMIT")
            except BaseException as error:
                await self._roll_back(held, error)
                raise
        except (exc.DBAPIError, *GONE) as error:
            if not is_gone(error):
                raise
            raise Unavailable("The database does not answer.") from error
        await self.connections.give_back(held)

    async def _take(self) -> Held:
        try:
            return await self.connections.take()
        except (exc.DBAPIError, TimeoutError, *GONE) as error:
            raise Unavailable("The database does not answer.") from error

    async def _take_begun(self, begin: str) -> tuple[Held, str]:
        """A connection on which `begin` has run, and the command tag of its last part.

        Connections that died while they were idle are replaced.
        """
        while True:
            held = await self._take()
            try:
                return held, await held.driver.execute(begin)
            except BaseException as error:
                if not is_gone(error):
                    await self._roll_back(held, error)
                    raise
                await self.connections.drop(held)
                if not held.proven:
                    raise Unavailable("The database does not answer.") from error

    async def _roll_back(self, held: Held, error: BaseException) -> None:
        """Leave the connection clean, or do not give it back at all."""
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            # A cancelled statement may still be running: closing is the only safe end.
            await self.connections.drop(held)
            return
        try:
            await held.driver.execute("ROLLBACK")
        except BaseException as failed:
            await self.connections.drop(held)
            if not isinstance(failed, (asyncpg.PostgresError, *GONE)):
                raise
        else:
            await self.connections.give_back(held)


def driver_error(error: BaseException) -> BaseException:
    """The driver's own error: SQLAlchemy's wraps one of its dialect, which wraps the driver's."""
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def is_gone(error: BaseException) -> bool:
    """Whether the database is not there, rather than having refused something."""
    cause = driver_error(error)
    return isinstance(cause, GONE) and not isinstance(cause, UNFIT)


@asynccontextmanager
async def session_on(
    connection: AsyncConnection, driver: Connection, organization_id: UUID
) -> AsyncIterator[AsyncSession]:
    """A session inside a begun transaction; it never commits by itself."""
    session = AsyncSession(
        bind=connection,
        expire_on_commit=False,
        autoflush=False,
        info={"reader": Reader(driver, organization_id)},
    )
    try:
        yield session
    finally:
        if session.in_transaction():
            await session.close()
        else:
            # Nothing went through it, so there is nothing to wait for: a greenlet less.
            session.sync_session.close()


async def flush(session: AsyncSession) -> None:
    """Send what has changed, if anything has: asking SQLAlchemy to find that out costs a greenlet, 0.05 ms."""
    if session.new or session.dirty or session.deleted:
        await session.flush()


def reader_of(session: AsyncSession) -> Reader:
    """The reader inside the session's transaction: sees what was flushed."""
    reader: Reader = session.info["reader"]
    return reader


def organization_of(session: AsyncSession) -> UUID:
    """The organization that the session's transaction works for."""
    return reader_of(session).organization_id


R = TypeVar("R", bound="Row")


async def load(session: AsyncSession, table: type[R], id: UUID, *, lock: bool = True) -> R:
    """The row with this id, locked for a change; raises `NotFound` when it is not there or not yours."""
    row = await session.get(
        table,
        (organization_of(session), id),
        with_for_update={"key_share": False} if lock else None,
    )
    if row is None:
        raise NotFound(
            "There is no such {thing}.", thing=str(table.__tablename__).replace("_", " ")
        )
    return row
