"""The connections of a service to PostgreSQL: opened when they are needed, kept, handed out to one at a time.

SQLAlchemy's pool makes a Connection anew at every checkout and crosses into its greenlets three times: 0.1 ms, a fifth of a
GET by id. Here a Connection is made once for each connection to PostgreSQL and stays with it; reads use the driver alone.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import URL, NullPool
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_PATIENCE_SECONDS = 10


@dataclass(eq=False, slots=True)
class Held:
    """One connection: as asyncpg knows it, and as sessions do. `proven` once it has been given back whole."""

    driver: Driver
    for_sessions: AsyncConnection
    proven: bool = False


class Connections:
    """At most so many connections. Whoever takes one gives it back, or drops it where its state is not known."""

    def __init__(self, url: URL, most: int, connect_args: dict[str, Any]) -> None:
        self.engine = create_async_engine(
            url, isolation_level="AUTOCOMMIT", poolclass=NullPool, connect_args=connect_args
        )
        # The last one given back is taken first: its statements are prepared, its memory is warm.
        self._idle: list[Held] = []
        self._free = asyncio.Semaphore(most)
        self._closed = False

    @property
    def idle(self) -> tuple[Held, ...]:
        """Those that nobody has."""
        return tuple(self._idle)

    async def take(self) -> Held:
        """An idle connection, else a new one, else the next to be given back.

        Raises TimeoutError when none is after ten seconds, and what opening one raises.
        """
        if self._free.locked():
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._free.acquire()
        else:
            await self._free.acquire()
        if self._idle:
            return self._idle.pop()
        try:
            return await self._open()
        except BaseException:
            self._free.release()
            raise

    async def give_back(self, held: Held) -> None:
        """Keep it for the next. It has to be outside of any transaction, with nothing set."""
        if self._closed or held.driver.is_closed() or held.for_sessions.invalidated:
            await self.drop(held)
            return
        held.proven = True
        self._idle.append(held)
        self._free.release()

    async def drop(self, held: Held) -> None:
        """Close it: it is dead, or a statement may still run on it."""
        try:
            await held.for_sessions.invalidate()
            await held.for_sessions.close()
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close those that are idle now, and the others when they are given back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().for_sessions.close()
        await self.engine.dispose()

    async def _open(self) -> Held:
        connection = await self.engine.connect()
        raw = await connection.get_raw_connection()
        driver: Driver = raw.driver_connection  # type: ignore[assignment]
        return Held(driver, connection)
