"""What onboarding does as time goes by, and how often it looks."""

from services.chassis.runtime import Runtime
from services.chassis.scheduler import Scheduled
from services.onboarding.domain.chores import CHORES, Pace, do_chores


async def _each_minute(runtime: Runtime) -> None:
    await _do(runtime, Pace.minute)


async def _each_quarter(runtime: Runtime) -> None:
    await _do(runtime, Pace.quarter)


async def _do(runtime: Runtime, pace: Pace) -> None:
    chores = [chore for chore in CHORES if chore.pace is pace]
    await do_chores(runtime.database, runtime.clock(), chores)


SCHEDULE = (
    Scheduled("chores of a minute", "* * * * *", _each_minute),
    Scheduled("chores of a quarter of an hour", "*/15 * * * *", _each_quarter),
)
