"""What onboarding does as time goes by, and how often it looks."""

from collections.abc import Awaitable, Callable

from services.chassis.runtime import Runtime
from services.chassis.scheduler import Scheduled
from services.onboarding.domain.chores import CHORES, Pace, do_chores


def _chores(pace: Pace) -> Callable[[Runtime], Awaitable[None]]:
    chores = [chore for chore in CHORES if chore.pace is pace]

    async def do(runtime: Runtime) -> None:
        await do_chores(runtime.database, runtime.clock(), chores)

    return do


SCHEDULE = (
    Scheduled("chores of a minute", "* * * * *", _chores(Pace.minute)),
    Scheduled("chores of a quarter of an hour", "*/15 * * * *", _chores(Pace.quarter)),
    Scheduled("chores of an hour", "0 * * * *", _chores(Pace.hour)),
)
