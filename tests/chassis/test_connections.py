"""The pool: never more connections than allowed, none lost, and none handed on in a state that nobody knows."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from services.chassis.database import Database
from services.chassis.errors import Unavailable
from services.chassis.tables import new_id
from tests.chassis.test_database import hang_up
from tests.conftest import Product

PID = "SELECT pg_backend_pid()"


@pytest.fixture
async def database(product: Product) -> AsyncIterator[Database]:
    """With two connections at most."""
    database = Database(product.installation.url_of("gateway"), "gateway", connections=2)
    yield database
    await database.close()


async def pid(database: Database) -> int:
    (row,) = await database.read_alone(PID, [])
    return int(row[0])


async def test_one_after_the_other_use_the_same_connection(database: Database) -> None:
    first = await pid(database)
    async with database.reading(new_id()) as reader:
        assert await reader.connection.fetchval(PID) == first
    async with database.transaction(new_id()) as session:
        assert await session.scalar(text(PID)) == first
    assert await pid(database) == first


async def test_many_at_once_share_as_many_as_there_may_be(database: Database) -> None:
    assert len(set(await asyncio.gather(*(pid(database) for _ in range(20))))) == 2
    assert len(database.connections.idle) == 2


async def test_what_is_refused_costs_no_connection(database: Database) -> None:
    first = await pid(database)
    for _ in range(3):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await database.read_alone("SELECT 1 / 0", [])
        with pytest.raises(asyncpg.DataError):
            await database.read_alone("SELECT $1::int", ["no number"])
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with database.reading(new_id()) as reader:
                await reader.connection.fetchval("SELECT 1 / 0")
    assert await pid(database) == first


async def test_a_read_that_is_given_up_takes_its_connection_along(database: Database) -> None:
    first = await pid(database)
    task = asyncio.create_task(database.read_alone("SELECT pg_sleep(30)", []))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        others = await asyncio.gather(*(pid(database) for _ in range(4)))
    assert first not in others


async def test_whoever_gives_up_waiting_takes_nobodys_place(database: Database) -> None:
    async with database.reading(new_id()), database.reading(new_id()):
        waiting = [asyncio.create_task(pid(database)) for _ in range(3)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
    async with asyncio.timeout(5):
        done = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert all(isinstance(one, int) for one in done[1:])
    assert len(database.connections.idle) == 2


async def test_dead_ones_are_replaced_for_whoever_reads_or_writes(
    product: Product, database: Database
) -> None:
    for again in (pid, _written):
        await asyncio.gather(pid(database), pid(database))
        await hang_up(product)
        assert await again(database) > 0


async def _written(database: Database) -> int:
    async with database.transaction(new_id()) as session:
        return int(await session.scalar(text(PID)) or 0)


async def test_a_server_that_lets_in_and_then_hangs_up_is_unavailable(database: Database) -> None:
    with pytest.raises(Unavailable):
        await database.read_alone("SELECT pg_terminate_backend(pg_backend_pid())", [])


async def test_one_that_is_out_when_they_are_closed_is_closed_when_it_comes_back(
    database: Database,
) -> None:
    async with database.reading(new_id()) as reader:
        await database.close()
        assert await reader.connection.fetchval("SELECT 1") == 1
    assert reader.connection.is_closed()
    assert database.connections.idle == ()
