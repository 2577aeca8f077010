"""`stafett chores`: what has to be done as time goes by, at once. For a timer where the services do not do it themselves."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.commands.plain_words import AsJson, put_json, say, settings_with

if TYPE_CHECKING:
    from services.chassis.settings import Settings


def chores(as_json: AsJson = False) -> None:
    """Remind people, let offers of seats lapse, open renewals, tell of certificates, follow the calendar. Safe to repeat."""
    done = asyncio.run(_do(settings_with()))
    if as_json:
        put_json(done)
        return
    from services.onboarding.domain.chores import CHORES

    for chore in CHORES:
        say(f"{chore.words}: {done[chore.name]}")


async def _do(settings: "Settings") -> Counter[str]:
    from services.chassis.telemetry import configure_logging
    from services.commands.running import database_of, opened
    from services.onboarding.domain.chores import do_chores

    configure_logging(settings)
    with opened(settings) as installation:
        await installation.make_current()
        async with database_of(installation, "onboarding") as database:
            return await do_chores(database, datetime.now(UTC))
