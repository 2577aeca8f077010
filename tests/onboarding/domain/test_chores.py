"""What has to be done as time goes by is done for every organization, by one at a time."""

import asyncio

from services.onboarding.domain.chores import CHORES, do_chores
from tests.conftest import Firm
from tests.onboarding.clock import MovedClock, clock
from tests.onboarding.makers import booking, made, training_session

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
