"""The facts of other services that onboarding reacts to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.listeners import HeardEvent, once_at_the_end
from services.onboarding.domain import delivery_copy
from services.onboarding.domain.audience_upkeep import follow_people
from services.onboarding.domain.base import directory
from services.onboarding.domain.following import INACTIVE
from services.onboarding.domain.seats import release_seats


async def keep_person(session: AsyncSession, event: HeardEvent) -> None:
    """Keep the copy of a person, and have what they learn follow; whoever left gives up their seats.

    What follows is done at the end: thousands may be told of in one go.
    """
    await directory.listeners[event.type](session, event)
    person = event.data["person"]
    if not person["active"]:
        # Before the assignments are locked: whoever takes attendance locks in this order, too.
        await release_seats(session, UUID(person["id"]), INACTIVE.template, event.time)
    told: dict[UUID, datetime] = session.info.setdefault("people_told_of", {})
    told[UUID(person["id"])] = event.time
    once_at_the_end(session, _follow)


async def _follow(session: AsyncSession) -> None:
    """Whoever left rests from learning, whoever is back goes on, and audiences take in or let go whoever changed."""
    told: dict[UUID, datetime] = session.info.pop("people_told_of")
    await follow_people(session, sorted(told), max(told.values()))


FOLLOWS = {
    "gateway": {
        **directory.listeners,
        "person.created": keep_person,
        "person.changed": keep_person,
    },
    "handover": delivery_copy.LISTENERS,
}
