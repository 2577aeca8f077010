"""The feed: writers commit out of order and some not at all, and a reader misses nothing and sees nothing twice."""

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID

import pytest

from services.chassis.database import Database, reader_of
from services.chassis.errors import Invalid
from services.chassis.events import (
    Cursor,
    Event,
    FeedEvent,
    read_feed,
    record,
    settle,
    store_recorded,
)
from services.chassis.tables import new_id
from tests.conftest import Product

WRITERS = 200


class RolledBack(Exception):
    """A writer that changes its mind."""


async def follow(
    database: Database, organization_id: UUID | None, writing: asyncio.Task[None], limit: int
) -> list[FeedEvent]:
    """Read while `writing` goes on, and to the end after it."""
    seen: list[FeedEvent] = []
    cursor = Cursor()
    while True:
        over = writing.done()
        batch = await read(database, organization_id, cursor, limit)
        seen += batch
        if batch:
            cursor = batch[-1].cursor
        elif over:
            await writing
            return seen
        else:
            await asyncio.sleep(0.001)


async def read(
    database: Database, organization_id: UUID | None, after: Cursor, limit: int
) -> Sequence[FeedEvent]:
    if organization_id is None:
        async with database.across_organizations() as (_, driver):
            await settle(driver, None)
            return await read_feed(driver, None, after, limit=limit)
    async with database.reading(organization_id) as reader:
        await settle(reader.connection, organization_id)
        return await read_feed(reader.connection, organization_id, after, limit=limit)


@pytest.fixture
async def database(product: Product):  # type: ignore[no-untyped-def]
    """Enough connections for many writers at once."""
    database = Database(product.installation.url_of("handover"), "handover", connections=45)
    yield database
    await database.close()


async def test_two_hundred_writers_that_commit_out_of_order_and_one_reader(
    database: Database,
) -> None:
    organization_id = new_id()
    chance = random.Random(7)
    committed: list[str] = []
    places = asyncio.Semaphore(40)

    async def write(number: int, wait: float, gives_up: bool) -> None:
        names = [f"things/{number}-{part}" for part in range(1 + number % 3)]
        async with places:
            try:
                async with database.transaction(organization_id) as session:
                    for name in names:
                        # In parts, so that the transaction has its place in the log long before it commits.
                        record(session, Event("thing.made", name))
                        await store_recorded(session, None, None)
                        await asyncio.sleep(wait / len(names))
                    if gives_up:
                        raise RolledBack
            except RolledBack:
                return
        committed.extend(names)

    async def write_all() -> None:
        await asyncio.gather(
            *(write(n, chance.random() * 0.1, chance.random() < 0.1) for n in range(WRITERS))
        )

    writing = asyncio.create_task(write_all())
    one, all_ = await asyncio.gather(
        follow(database, organization_id, writing, limit=7),
        follow(database, None, writing, limit=50),
    )
    for seen in (one, [event for event in all_ if event.organization_id == organization_id]):
        subjects = [event.subject for event in seen]
        assert sorted(subjects) == sorted(committed)
        assert len({event.event_id for event in seen}) == len(seen)
        cursors = [(event.cursor.transaction_id, event.cursor.id) for event in seen]
        assert cursors == sorted(cursors)
        for number in range(WRITERS):
            mine = [s for s in subjects if s.startswith(f"things/{number}-")]
            assert mine == sorted(mine)


async def test_an_event_is_not_shown_while_an_older_transaction_might_add_one_before_it(
    database: Database,
) -> None:
    organization_id = new_id()
    async with database.transaction(organization_id) as older:
        await reader_of(older).connection.fetchval("SELECT pg_current_xact_id()")
        async with database.transaction(organization_id) as newer:
            record(newer, Event("thing.made", "newer"))
            await store_recorded(newer, None, None)
        async with database.reading(organization_id) as reader:
            assert await read_feed(reader.connection, organization_id, Cursor()) == []
        record(older, Event("thing.made", "older"))
        await store_recorded(older, None, None)
    seen = await read(database, organization_id, Cursor(), 10)
    assert [event.subject for event in seen] == ["older", "newer"]


async def test_events_are_stored_when_and_only_when_the_change_is(database: Database) -> None:
    organization_id = new_id()

    async def change_and_fail() -> None:
        async with database.transaction(organization_id) as session:
            record(session, Event("thing.made", "a"), Event("thing.made", "b"))
            await store_recorded(session, None, "request-1")
            raise RolledBack

    with pytest.raises(RolledBack):
        await change_and_fail()
    assert await read(database, organization_id, Cursor(), 10) == []


async def test_an_organization_reads_its_own_events_only(database: Database) -> None:
    ours, theirs = new_id(), new_id()
    for organization_id in (ours, theirs):
        async with database.transaction(organization_id) as session:
            record(session, Event("thing.made", str(organization_id)))
            await store_recorded(session, None, None)
    seen = await read(database, ours, Cursor(), 1000)
    assert [event.subject for event in seen] == [str(ours)]
    async with database.reading(ours) as reader:
        # Row-level security holds it also where the question names another one.
        assert await read_feed(reader.connection, theirs, Cursor()) == []


@pytest.mark.parametrize(
    "text",
    ["x", "1", "1-", "-1", "1-2-3", "1_2", "a-b", "1--2", "-1-2", f"{2**63}-1", f"1-{2**63}"],
)
def test_a_place_that_no_answer_gave_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Cursor.parse(text)


def test_a_place_is_read_as_it_was_written() -> None:
    assert Cursor.parse(str(Cursor(12, 34))) == Cursor(12, 34)
    assert Cursor.parse("") == Cursor.parse(None) == Cursor()
