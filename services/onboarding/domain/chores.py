"""What has to be done as time goes by, for one organization at a time.

Each is right however late or often it is done, and nothing that is read depends on it: it tells those whom it concerns.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import Database, reader_of
from services.chassis.events import store_recorded
from services.onboarding.domain.audience_upkeep import follow_calendar_due
from services.onboarding.domain.certifying import open_renewals, tell_of_certificates
from services.onboarding.domain.gating import expire_attempts
from services.onboarding.domain.seats import lapse_offers


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done: `do` takes the transaction and the moment, and says to how many things it did something."""

    name: str
    do: Callable[[AsyncSession, datetime], Awaitable[int]]


CHORES: Sequence[Chore] = (
    Chore("follow_calendar", follow_calendar_due),
    Chore("open_renewals", open_renewals),
    Chore("tell_of_certificates", tell_of_certificates),
    Chore("lapse_offers", lapse_offers),
    Chore("expire_attempts", expire_attempts),
)

# The feed is what tells of every organization; its rows show themselves to nobody but themselves.
_ORGANIZATIONS = "SELECT DISTINCT organization_id FROM event ORDER BY organization_id"
# Held until the transaction ends: of several who do the chores at once, one does each.
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('chore ' || $1), hashtext($2::uuid::text))"


async def do_chores(database: Database, now: datetime) -> Counter[str]:
    """Do every chore for every organization, each in a transaction of its own; to how many things each did something."""
    async with database.across_organizations() as (_, driver):
        organizations = [row["organization_id"] for row in await driver.fetch(_ORGANIZATIONS)]
    done = Counter({chore.name: 0 for chore in CHORES})
    for organization_id in organizations:
        for chore in CHORES:
            async with database.transaction(organization_id) as session:
                driver = reader_of(session).connection
                if await driver.fetchval(_ALONE, chore.name, organization_id):
                    done[chore.name] += await chore.do(session, now)
                    await session.flush()
                    await store_recorded(session, None, None)
    return done
