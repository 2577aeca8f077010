"""What has to be done as time goes by, for one organization at a time.

Each is right however late or often it is done, and nothing that is read depends on it: it tells those whom it concerns.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import Database, reader_of
from services.chassis.errors import Unavailable
from services.chassis.events import store_recorded
from services.onboarding.domain.audience_upkeep import follow_calendar_due
from services.onboarding.domain.certifying import open_renewals, tell_of_certificates
from services.onboarding.domain.gating import expire_attempts
from services.onboarding.domain.reminding import remind_due
from services.onboarding.domain.seats import lapse_offers

log = structlog.get_logger(__name__)


class Pace(Enum):
    """How soon it has to be done: somebody waits for it, it hangs on the hour, or on the day and goes through many people."""

    minute = "minute"
    quarter = "quarter"
    hour = "hour"


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done: `do` takes the transaction and the moment, and says to how many things it did something.

    `words` say of what that is the number.
    """

    name: str
    do: Callable[[AsyncSession, datetime], Awaitable[int]]
    pace: Pace
    words: str


CHORES: Sequence[Chore] = (
    Chore(
        "follow_calendar",
        follow_calendar_due,
        Pace.hour,
        "People whom the day moved into audiences or out of them",
    ),
    Chore("open_renewals", open_renewals, Pace.quarter, "Renewals opened"),
    Chore("tell_of_certificates", tell_of_certificates, Pace.quarter, "Certificates told of"),
    # After those above, which may open, withdraw and renew what it would remind of.
    Chore("remind", remind_due, Pace.quarter, "Reminders"),
    Chore("lapse_offers", lapse_offers, Pace.minute, "Bookings moved by offers that lapsed"),
    Chore("expire_attempts", expire_attempts, Pace.minute, "Attempts whose time is over"),
)

# The feed is what tells of every organization; its rows show themselves to nobody but themselves. From one organization to
# the next by the index: there are few of them, and many events.
_ORGANIZATIONS = """
WITH RECURSIVE found AS (
    (SELECT organization_id AS id FROM event ORDER BY organization_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT e.organization_id FROM event AS e WHERE e.organization_id > found.id
        ORDER BY e.organization_id LIMIT 1
    )
    FROM found WHERE found.id IS NOT NULL
)
SELECT id FROM found WHERE id IS NOT NULL
"""
# Held until the transaction ends: of several who do the chores at once, one does each.
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('chore ' || $1), hashtext($2::uuid::text))"


async def do_chores(
    database: Database, now: datetime, chores: Sequence[Chore] = CHORES
) -> Counter[str]:
    """Do the chores for every organization, each in a transaction of its own; to how many things each did something.

    Where one fails the others are done all the same, and an ExceptionGroup tells of it in the end.
    """
    async with database.across_organizations() as (_, driver):
        organizations = [row["id"] for row in await driver.fetch(_ORGANIZATIONS)]
    done = Counter({chore.name: 0 for chore in chores})
    failed: list[Exception] = []
    for organization_id in organizations:
        for chore in chores:
            try:
                done[chore.name] += await _do(database, organization_id, chore, now)
            except Unavailable:
                raise
            except Exception as error:
                log.warning(
                    "chore_failed",
                    chore=chore.name,
                    organization_id=organization_id,
                    exc_info=error,
                )
                failed.append(error)
    if failed:
        raise ExceptionGroup("Chores failed; each is tried again at the next time.", failed)
    return done


async def _do(database: Database, organization_id: UUID, chore: Chore, now: datetime) -> int:
    async with database.transaction(organization_id) as session:
        driver = reader_of(session).connection
        if not await driver.fetchval(_ALONE, chore.name, organization_id):
            return 0
        count = await chore.do(session, now)
        await session.flush()
        await store_recorded(session, None, None)
        return count
