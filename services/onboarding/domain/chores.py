"""What has to be done as time goes by, for one organization at a time.

Each is right however late or often it is done, and nothing that is read depends on it: it tells those whom it concerns.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

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
