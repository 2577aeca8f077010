"""The database goes away and comes back: the next request works or is told to ask again, and nothing acknowledged is lost."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from services.chassis.database import Database
from services.chassis.errors import Unavailable
from services.chassis.tables import new_id
from tests.conftest import Firm, Product


async def hang_up(product: Product) -> int:
    """End every connection of the services to this worker's database; returns how many."""
    url = product.installation.admin_url().set(drivername="postgresql")
    admin = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        ended: int = await admin.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename LIKE 'stafett%'"
        )
    finally:
        await admin.close()
    return ended


async def test_the_next_request_finds_another_connection(firm: Firm) -> None:
    for path in ("/v1/me", "/v1/handovers", "/v1/courses", "/health/ready"):
        assert (await firm.seller.get(path)).status_code == 200
        assert await hang_up(firm.product) > 0
        assert (await firm.seller.get(path)).status_code == 200


async def test_under_load_each_request_works_or_is_told_to_ask_again(firm: Firm) -> None:
    stop = asyncio.Event()
    answers: list[int] = []
    acknowledged: set[str] = set()

    async def write(writer: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"Customer {writer}-{number}"
            key = f"{writer}-{number}"
            while True:
                answer = await firm.seller.post("/v1/customers", {"name": name}, key=key)
                answers.append(answer.status_code)
                if answer.status_code != 503:
                    break
                assert answer.json()["type"] == "/problems/unavailable"
                assert answer.headers["retry-after"]
            assert answer.status_code == 201, answer.text
            acknowledged.add(name)

    writers = [asyncio.create_task(write(n)) for n in range(4)]
    for _ in range(6):
        await asyncio.sleep(0.1)
        await hang_up(firm.product)
    stop.set()
    await asyncio.gather(*writers)
    assert set(answers) <= {201, 503}
    kept: list[str] = []
    after = ""
    while after is not None:
        page = (await firm.seller.get("/v1/customers", limit=200, after=after)).json()
        kept += [customer["name"] for customer in page["items"]]
        after = page["next"]
    assert sorted(kept) == sorted(acknowledged)


@pytest.fixture
async def nowhere(product: Product):  # type: ignore[no-untyped-def]
    """A database where no server listens."""
    url = product.installation.url_of("handover").set(host="127.0.0.1", port=1, query={})
    database = Database(url, "handover", connections=1)
    yield database
    await database.close()


async def test_a_database_that_is_not_there_is_unavailable(nowhere: Database) -> None:
    for begin in (nowhere.reading(new_id()), nowhere.transaction(new_id())):
        with pytest.raises(Unavailable):
            async with begin:
                pass
    with pytest.raises(Unavailable):
        async with nowhere.across_organizations():
            pass


async def test_a_connection_that_is_lost_in_the_middle_is_unavailable(product: Product) -> None:
    database = product.database("handover")

    async def read() -> None:
        async with database.reading(new_id()) as reader:
            await hang_up(product)
            await reader.connection.fetchval("SELECT 1")

    async def write() -> None:
        async with database.transaction(new_id()) as session:
            await hang_up(product)
            await session.execute(text("SELECT 1"))

    for lost in (read, write):
        with pytest.raises(Unavailable):
            await lost()
        async with database.reading(new_id()) as reader:
            assert await reader.connection.fetchval("SELECT 1") == 1


async def test_an_organization_does_not_stay_on_a_connection(product: Product) -> None:
    database = Database(product.installation.url_of("gateway"), "gateway", connections=1)
    setting = "SELECT current_setting('stafett.organization_id', true)"
    try:
        one, other = new_id(), new_id()
        for organization_id in (one, other):
            async with database.reading(organization_id) as reader:
                assert await reader.connection.fetchval(setting) == str(organization_id)
        async with database.across_organizations() as (_, driver):
            assert not await driver.fetchval(setting)
            assert await driver.fetchval("SELECT current_setting('stafett.follower', true)") == "on"
        async with database.reading(one) as reader:
            assert not await reader.connection.fetchval(
                "SELECT current_setting('stafett.follower', true)"
            )
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await reader.connection.execute("DELETE FROM team")
    finally:
        await database.close()


async def test_a_request_that_is_given_up_leaves_no_connection_behind(product: Product) -> None:
    database = Database(product.installation.url_of("gateway"), "gateway", connections=1)

    async def wait_long() -> None:
        async with database.transaction(new_id()) as session:
            await session.execute(text("SELECT pg_sleep(30)"))

    try:
        task = asyncio.create_task(wait_long())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5), database.reading(new_id()) as reader:
            assert await reader.connection.fetchval("SELECT 1") == 1
    finally:
        await database.close()
