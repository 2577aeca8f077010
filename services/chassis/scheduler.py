"""Work that is due as time goes by, done inside a service: once for each time, however many replicas run.

PgQueuer keeps the schedule in a table of the service's schema, hands each time to one replica, and hands it on when that one
is not heard of for half a minute. Its statements run on our connections, so they reconnect as everything else does.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import Counter, Gauge

from services.chassis.database import Database
from services.chassis.errors import Unavailable
from services.chassis.runtime import Runtime

if TYPE_CHECKING:
    from pgqueuer import SchedulerManager
    from pgqueuer.ports.driver import NotifyCallback, TaskManagerPort

log = structlog.get_logger(__name__)

DONE = Counter("stafett_scheduled_work_total", "Scheduled work that was done", ["service", "work"])
FAILED = Counter(
    "stafett_scheduled_work_failures_total", "Scheduled work that failed", ["service", "work"]
)
DONE_AT = Gauge(
    "stafett_scheduled_work_done_at_seconds",
    "When this process last did scheduled work, in seconds since 1970",
    ["service", "work"],
)

# What runs when the service is told to stop may end by itself for so long; it is done anew by whoever comes next.
_PATIENCE_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Work, and when it is due: `cron` has five fields, in UTC. It has to be right however late or often it is done."""

    name: str
    cron: str
    do: Callable[[Runtime], Awaitable[Any]]


@asynccontextmanager
async def keeping(runtime: Runtime, schedule: Sequence[Scheduled]) -> AsyncIterator[None]:
    """Do what is due, for as long as the block lasts."""
    stop = asyncio.Event()
    task = asyncio.create_task(_keep(runtime, schedule, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep(runtime: Runtime, schedule: Sequence[Scheduled], stop: asyncio.Event) -> None:
    """Begin anew, later and later up to half a minute, when the database went away."""
    wait = 1.0
    while not stop.is_set():
        begun = asyncio.get_running_loop().time()
        try:
            await _manager(runtime, schedule, stop).run()
        except Exception as error:
            log.warning(
                "schedule_not_kept",
                service=runtime.service,
                error=str(error) or repr(error),
                exc_info=None if isinstance(error, Unavailable) else error,
            )
        if asyncio.get_running_loop().time() - begun > _LONGEST_WAIT_SECONDS:
            wait = 1.0
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


def _manager(
    runtime: Runtime, schedule: Sequence[Scheduled], stop: asyncio.Event
) -> "SchedulerManager":
    # It takes a fifth of a second to import; most commands have no schedule to keep.
    from pgqueuer import SchedulerManager

    manager = SchedulerManager(queries_on(runtime.database))
    manager.shutdown = stop
    for work in schedule:
        manager.schedule(work.name, work.cron, accepts_context=False)(_told(runtime, work))
    return manager


def _told(runtime: Runtime, work: Scheduled) -> Callable[[Any], Awaitable[None]]:
    """The work as PgQueuer calls it. What goes wrong is told here; it is tried again when it is due again."""

    async def do(_: object) -> None:
        try:
            await work.do(runtime)
        except Exception as error:
            FAILED.labels(runtime.service, work.name).inc()
            log.warning(
                "scheduled_work_failed",
                service=runtime.service,
                work=work.name,
                error=str(error) or repr(error),
                exc_info=None if isinstance(error, Unavailable) else error,
            )
        else:
            DONE.labels(runtime.service, work.name).inc()
            DONE_AT.labels(runtime.service, work.name).set_to_current_time()

    return do


def queries_on(database: Database) -> Any:
    """PgQueuer's statements, for its tables in the service's schema."""
    from pgqueuer import Queries
    from pgqueuer.adapters.persistence.qb import (
        QueryBuilderEnvironment,
        QueryQueueBuilder,
        QuerySchedulerBuilder,
    )
    from pgqueuer.domain.settings import DBSettings

    class Names(DBSettings):
        """Its names for its tables, whatever stands in the environment under TRIGGER, FUNCTION and the like."""

        @classmethod
        def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[Any, ...]:
            return (sources["init_settings"],)

    names = Names(db_schema=database.schema)
    return Queries(
        _Connection(database),
        qbe=QueryBuilderEnvironment(names),
        qbq=QueryQueueBuilder(names),
        qbs=QuerySchedulerBuilder(names),
    )


class _Connection:
    """A connection as PgQueuer knows it: each statement takes one of ours, in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        async with self._database.across_organizations() as (_, driver):
            return [dict(row) for row in await driver.fetch(query, *args)]

    async def execute(self, query: str, *args: object) -> str:
        async with self._database.across_organizations() as (_, driver):
            return await driver.execute(query, *args)

    async def __aenter__(self) -> "_Connection":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held between two statements."""

    # A schedule is looked at, not listened to; these belong to queues, of which there are none.

    async def add_listener(self, channel: str, callback: "NotifyCallback") -> None:
        raise NotImplementedError

    async def notify(self, channel: str, payload: str) -> None:
        raise NotImplementedError

    @property
    def shutdown(self) -> asyncio.Event:
        raise NotImplementedError

    @property
    def tm(self) -> "TaskManagerPort":
        raise NotImplementedError
