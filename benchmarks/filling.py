"""What the product holds while it is measured: one organization, its people, a customer and some thousand handovers."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.all_in_one import AllInOne
from services.chassis.caller import Caller, Role
from services.chassis.database import Database
from services.chassis.events import record, store_recorded
from services.gateway import events as gateway_events
from services.gateway.domain.founding import found_organization
from services.gateway.domain.person import Person
from services.handover import events as handover_events
from services.handover.domain.customer import Customer
from services.handover.domain.handover import EngagementType, Handover

_AT_ONCE = 1000

# As long as people write.
PROSE = {
    "situation": "The customer opens 42 shops again in March and wants every till replaced by then.",
    "background": "They have tried twice with another supplier; the last pilot ended after a week.",
    "assessment": "The board has promised the date in public, so the date matters more than the scope.",
    "recommendation": "Begin with the three shops in Aarhus, whose manager asked for it.",
    "out_of_scope": "The old tills' data stays where it is.",
}


@dataclass(frozen=True)
class Filled:
    """Who asks, with which key, and for what."""

    caller: Caller
    key: str
    customer_id: UUID
    handover_ids: Sequence[UUID]
    person_ids: Sequence[UUID]


async def fill(app: AllInOne, *, people: int, handovers: int) -> Filled:
    """Fill an empty installation through the domain; every service has heard of the people afterwards."""
    gateway: Database = app.front.own.state.runtime.database
    founded = await found_organization(
        gateway, "Målbar", "Måla Benk", "maala@bench.example", roles=list(Role)
    )
    organization_id = founded.organization_id
    caller = Caller(organization_id, founded.admin_id, "Måla Benk", frozenset(Role))
    person_ids = await _employ(gateway, organization_id, people)
    handover: Database = app.handover.state.runtime.database
    customer_id, handover_ids = await _sell(handover, caller, handovers)
    await catch_up(app)
    return Filled(caller, founded.key, customer_id, handover_ids, person_ids)


async def catch_up(app: AllInOne) -> None:
    """Let every service hear what the others have told."""
    for service in (app.handover, app.onboarding):
        for follower in service.state.runtime.followers.values():
            await follower.catch_up()


async def _employ(gateway: Database, organization_id: UUID, count: int) -> list[UUID]:
    ids: list[UUID] = []
    while len(ids) < count:
        people = [
            Person(
                organization_id=organization_id,
                name=f"Person {number}",
                email=f"person-{number}@bench.example",
            )
            for number in range(len(ids), min(len(ids) + _AT_ONCE, count))
        ]
        async with gateway.transaction(organization_id) as session:
            session.add_all(people)
            await session.flush()
            record(session, *map(gateway_events.person_created, people))
            await store_recorded(session, None, None)
        ids += [person.id for person in people]
    return ids


async def _sell(handover: Database, caller: Caller, count: int) -> tuple[UUID, list[UUID]]:
    customer = Customer(organization_id=caller.organization_id, name="Vesterlund A/S")
    async with handover.transaction(caller.organization_id) as session:
        session.add(customer)
        record(session, handover_events.customer_created(customer))
        await session.flush()
        await store_recorded(session, caller, None)
    ids: list[UUID] = []
    while len(ids) < count:
        deals = [
            Handover(
                organization_id=caller.organization_id,
                customer_id=customer.id,
                seller_id=caller.person_id,
                title=f"Self-service tills, part {number}",
                engagement_type=random.choice(list(EngagementType)),
                is_won=number % 3 > 0,
                situation=PROSE["situation"],
                background=PROSE["background"],
                assessment=PROSE["assessment"],
                recommendation=PROSE["recommendation"],
                out_of_scope=PROSE["out_of_scope"],
            )
            for number in range(len(ids), min(len(ids) + _AT_ONCE, count))
        ]
        async with handover.transaction(caller.organization_id) as session:
            session.add_all(deals)
            await session.flush()
            record(session, *map(handover_events.handover_created, deals))
            await store_recorded(session, caller, None)
        ids += [deal.id for deal in deals]
    return customer.id, ids
