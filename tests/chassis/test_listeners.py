"""Following a feed: each event is applied once and in order, however many follow and whatever breaks."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Follower
from services.chassis.database import organization_of, reader_of
from services.chassis.events import Event, record, store_recorded
from services.chassis.internal_token import issue_for, utc_now
from services.chassis.listeners import FeedFollower, HeardEvent, Listener
from tests.conftest import Firm, Person

TYPE = "customer.created"


async def note(session: AsyncSession, event: HeardEvent) -> None:
    """Apply an event so that it can be counted: by an event of the gateway's own."""
    record(session, Event("heard.noted", event.subject))
    await store_recorded(session, None, None)


def follower_in(firm: Firm, listener: Listener, client: Any = None) -> FeedFollower:
    """The gateway, which follows nobody by itself, following handover."""
    runtime = firm.product.app.front.own.state.runtime
    return FeedFollower(
        runtime.database,
        "gateway",
        "handover",
        {TYPE: listener},
        client=client or (lambda: runtime.client("handover")),
        token=lambda: issue_for(runtime.keyring, Follower("gateway"), "handover", utc_now()),
        pause_seconds=0.01,
    )


async def heard(firm: Firm | Person) -> list[str]:
    """What was applied for an organization, in that order."""
    database = firm.product.gateway if isinstance(firm, Firm) else None
    assert database is not None
    async with database.reading(firm.organization_id) as reader:
        rows = await reader.connection.fetch(
            "SELECT subject FROM event WHERE type = 'heard.noted' ORDER BY id"
        )
    return [row["subject"] for row in rows]


async def make(firm: Firm, count: int, name: str = "Kunde") -> list[str]:
    """Customers, and the subjects of the events that tell of them."""
    made = []
    for number in range(count):
        answer = await firm.seller.post("/v1/customers", {"name": f"{name} {number}"})
        made.append(f"customers/{answer.json()['id']}")
    return made


async def test_each_event_is_applied_once_and_in_order(firm: Firm) -> None:
    made = await make(firm, 5)
    follower = follower_in(firm, note)
    await follower.catch_up()
    assert await heard(firm) == made
    made += await make(firm, 3, "Ny")
    await follower.catch_up()
    await follower.catch_up()
    await follower_in(firm, note).catch_up()
    assert await heard(firm) == made
    assert follower.caught_up_at is not None


async def test_each_event_is_applied_once_also_when_several_follow_at_once(firm: Firm) -> None:
    making = asyncio.create_task(make(firm, 20))
    followers = [follower_in(firm, note) for _ in range(4)]
    while not making.done():
        await asyncio.gather(*(follower.catch_up() for follower in followers))
    await asyncio.gather(*(follower.catch_up() for follower in followers))
    assert await heard(firm) == making.result()


async def test_who_needs_what_another_is_applying_waits_for_it_longer_than_for_a_row(
    firm: Firm,
) -> None:
    made = await make(firm, 1)
    let_go = asyncio.Event()

    async def held(session: AsyncSession, event: HeardEvent) -> None:
        await let_go.wait()
        await note(session, event)

    slow = asyncio.create_task(follower_in(firm, held).catch_up())
    await asyncio.sleep(0.1)
    waiting = asyncio.create_task(follower_in(firm, note).catch_up())
    done, _ = await asyncio.wait({waiting}, timeout=3.3)
    assert done == set()
    let_go.set()
    await asyncio.gather(slow, waiting)
    assert await heard(firm) == made


def failing_at(number: int) -> tuple[Listener, list[str]]:
    """A listener that breaks after it has applied the event of this number, once."""
    applied: list[str] = []

    async def listener(session: AsyncSession, event: HeardEvent) -> None:
        await note(session, event)
        applied.append(event.subject)
        if len(applied) == number:
            raise RuntimeError("killed between applying and committing")

    return listener, applied


async def test_a_follower_that_dies_before_it_commits_repeats_nothing(firm: Firm) -> None:
    await follower_in(firm, note).catch_up()
    made = await make(firm, 5)
    listener, applied = failing_at(3)
    with pytest.raises(RuntimeError):
        await follower_in(firm, listener).catch_up()
    assert applied == made[:3]
    assert await heard(firm) == []
    await follower_in(firm, listener).catch_up()
    assert await heard(firm) == made


async def test_a_follower_that_is_stopped_in_the_middle_repeats_nothing(firm: Firm) -> None:
    await follower_in(firm, note).catch_up()
    made = await make(firm, 3)
    reached = asyncio.Event()

    async def slow(session: AsyncSession, event: HeardEvent) -> None:
        await note(session, event)
        if event.subject == made[1]:
            reached.set()
            await session.execute(text("SELECT pg_sleep(20)"))

    following = asyncio.create_task(follower_in(firm, slow).catch_up())
    await asyncio.wait_for(reached.wait(), 10)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    await follower_in(firm, note).catch_up()
    assert await heard(firm) == made


async def test_a_listener_works_in_the_organization_of_the_event_alone(
    firm: Firm, stranger: Person
) -> None:
    seen: dict[Any, tuple[Any, int]] = {}

    async def look(session: AsyncSession, event: HeardEvent) -> None:
        names = await reader_of(session).connection.fetchval("SELECT count(*) FROM organization")
        seen[event.organization_id] = (organization_of(session), names)

    await make(firm, 1)
    await stranger.post("/v1/customers", {"name": "Sydpolens"})
    await make(firm, 1, "Igen")
    await follower_in(firm, look).catch_up()
    for organization_id in (firm.organization_id, stranger.organization_id):
        assert seen[organization_id] == (organization_id, 1)


async def test_a_follower_goes_on_after_the_other_service_was_away(firm: Firm) -> None:
    await follower_in(firm, note).catch_up()
    made = await make(firm, 2)
    runtime = firm.product.app.front.own.state.runtime
    failures = 2

    def client() -> httpx.AsyncClient:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise httpx.ConnectError("nobody there")
        there: httpx.AsyncClient = runtime.client("handover")
        return there

    running = asyncio.create_task(follower_in(firm, note, client).run())
    try:
        await _until(lambda: _is(firm, made))
    finally:
        running.cancel()
    assert await heard(firm) == made


async def _is(firm: Firm, made: list[str]) -> bool:
    return await heard(firm) == made


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    deadline = utc_now() + timedelta(seconds=10)
    while not await holds():
        assert utc_now() < deadline
        await asyncio.sleep(0.02)
