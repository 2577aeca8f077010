"""What has to be done as time goes by is done for every organization, by one at a time."""

import asyncio
from datetime import datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import organization_of
from services.onboarding.domain.chores import CHORES, Chore, Pace, do_chores
from tests.conftest import Firm, Person
from tests.onboarding.clock import MovedClock, clock
from tests.onboarding.makers import a_key, booking, made, training_session

__all__ = ["clock"]


async def test_an_offer_lapses_once_however_many_do_the_chores(firm: Firm, clock: MovedClock):
    one = await training_session(firm.trainer)
    first = made(await firm.learner.post(f"/v1/sessions/{one['id']}/bookings", {}))
    second = await booking(firm.seller, one)
    third = await booking(firm.lead, one)
    path = f"/v1/sessions/{one['id']}/bookings"
    made(await firm.learner.post(f"{path}/{first['id']}/cancellation", {}), 200)
    offered = made(await firm.seller.get(f"{path}/{second['id']}"), 200)
    assert offered["state"] == "offered"
    clock.move(days=2)
    database = firm.product.database("onboarding")
    rounds = await asyncio.gather(*(do_chores(database, clock()) for _ in range(2)))
    assert sum(done["lapse_offers"] for done in rounds) >= 1
    assert {name for done in rounds for name in done} == {chore.name for chore in CHORES}
    assert made(await firm.seller.get(f"{path}/{second['id']}"), 200)["state"] == "lapsed"
    assert made(await firm.lead.get(f"{path}/{third['id']}"), 200)["state"] == "offered"
    assert (await do_chores(database, clock()))["lapse_offers"] == 0


async def test_what_fails_in_one_organization_is_done_in_the_others(
    firm: Firm, stranger: Person, clock: MovedClock
):
    await made_something(firm.trainer)
    await made_something(stranger)

    async def fails_here(session: AsyncSession, _: datetime) -> int:
        if organization_of(session) == firm.organization_id:
            raise ValueError("A mistake of ours.")
        reached.add(organization_of(session))
        return 1

    reached: set[object] = set()
    with pytest.raises(ExceptionGroup) as failed:
        await do_chores(
            firm.product.database("onboarding"),
            clock(),
            [
                Chore("fails", fails_here, Pace.minute, "Failures"),
                Chore("goes on", count_one, Pace.minute, "Ones"),
            ],
        )
    assert [type(error) for error in failed.value.exceptions] == [ValueError]
    assert stranger.organization_id in reached


async def made_something(person: Person) -> None:
    """Let onboarding hear of the organization."""
    made(await person.post("/v1/tools", {"key": a_key("tool"), "name": "T"}))


async def count_one(_: AsyncSession, __: datetime) -> int:
    return 1
