"""What is due by time is done inside a service: once, whoever else keeps the same schedule, and whatever breaks."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from pgqueuer.adapters.persistence import schema_inspect
from pgqueuer.domain.models import CronExpressionEntrypoint
from pgqueuer.domain.schema.declaration import target

from services.chassis import scheduler
from services.chassis.database import Database
from services.chassis.errors import Unavailable
from services.chassis.runtime import Runtime
from services.chassis.scheduler import Scheduled, keeping, queries_on
from services.chassis.tables import new_id
from services.onboarding import app as onboarding
from services.onboarding.schedule import SCHEDULE
from tests.chassis.test_row_security import connect
from tests.conftest import Product

EACH_SECOND = "* * * * * *"


def runtime_of(product: Product) -> Runtime:
    runtime: Runtime = product.app.onboarding.state.runtime
    return runtime


def due_each_second(do: Callable[[Runtime], Awaitable[Any]]) -> list[Scheduled]:
    return [Scheduled(f"test {new_id()}", EACH_SECOND, do)]


async def names_in(database: Database) -> set[str]:
    return {row.entrypoint for row in await queries_on(database).peek_schedule()}


async def test_its_tables_are_what_the_library_wants(product: Product) -> None:
    queries = queries_on(product.database("onboarding"))
    names = queries.qbs.settings
    ours = {names.schedules_table, names.queue_table_log}
    live = await schema_inspect.inspect(queries.driver, names)
    wanted = target(names)
    assert {table for table in live.tables if table.name in ours} == {
        table for table in wanted.tables if table.name in ours
    }
    assert live.enums == wanted.enums


async def test_its_names_do_not_hang_on_the_environment(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TRIGGER", "SCHEDULES_TABLE", "PGQUEUER_SCHEDULES_TABLE", "PGQUEUER_PREFIX"):
        monkeypatch.setenv(name, "not a name")
    names = queries_on(product.database("onboarding")).qbs.settings
    assert names.qualified.schedules_table == "onboarding.pgqueuer_schedules"


async def test_of_several_who_look_at_once_one_does_it(product: Product) -> None:
    queries = queries_on(product.database("onboarding"))
    due = {CronExpressionEntrypoint(f"test {new_id()}", "* * * * *"): timedelta()}  # type: ignore[arg-type]
    await queries.insert_schedule(due)
    later = dict.fromkeys(due, timedelta(hours=1))
    found = await asyncio.gather(*(queries.fetch_schedule(later) for _ in range(5)))
    [[one]] = [rows for rows in found if rows]
    await queries.set_schedule_queued({one.id})
    assert await queries.fetch_schedule(later) == []


async def test_work_that_fails_is_tried_again_when_it_is_due_again(product: Product) -> None:
    tries: list[Exception | None] = [RuntimeError("broken"), Unavailable("away"), None]
    done = asyncio.Event()

    async def work(_: Runtime) -> None:
        if (error := tries.pop(0)) is not None:
            raise error
        tries.append(None)
        done.set()

    async with keeping(runtime_of(product), due_each_second(work)):
        await asyncio.wait_for(done.wait(), 30)


async def test_the_schedule_is_kept_again_when_its_tables_are_back(product: Product) -> None:
    done = asyncio.Event()

    async def work(_: Runtime) -> None:
        done.set()

    admin = await connect(product, None)
    try:
        await admin.execute("ALTER TABLE onboarding.pgqueuer_log RENAME TO pgqueuer_log_away")
        async with keeping(runtime_of(product), due_each_second(work)):
            await asyncio.sleep(0.1)
            await admin.execute("ALTER TABLE onboarding.pgqueuer_log_away RENAME TO pgqueuer_log")
            await asyncio.wait_for(done.wait(), 30)
    finally:
        await admin.close()


async def test_a_connection_that_died_harms_nothing(product: Product) -> None:
    done = asyncio.Event()

    async def work(_: Runtime) -> None:
        done.set()

    [scheduled] = due_each_second(work)
    queries = queries_on(product.database("onboarding"))
    admin = await connect(product, None)
    try:
        async with keeping(runtime_of(product), [scheduled]):
            await asyncio.wait_for(done.wait(), 30)
            # Between two times: what is cut off in the middle is taken up again half a minute later only.
            while "picked" in {
                row.status
                for row in await queries.peek_schedule()
                if row.entrypoint == scheduled.name
            }:
                await asyncio.sleep(0.01)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'stafett-onboarding'"
            )
            done.clear()
            await asyncio.wait_for(done.wait(), 60)
    finally:
        await admin.close()


async def test_who_stops_waits_for_work_to_end_but_not_for_ever(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    begun = asyncio.Event()

    async def short(_: Runtime) -> None:
        begun.set()
        await asyncio.sleep(0.2)
        ended.append("short")

    async with keeping(runtime_of(product), due_each_second(short)):
        await asyncio.wait_for(begun.wait(), 30)
    assert ended == ["short"]

    async def endless(_: Runtime) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    begun.clear()
    monkeypatch.setattr(scheduler, "_PATIENCE_SECONDS", 0.05)
    async with keeping(runtime_of(product), due_each_second(endless)):
        await asyncio.wait_for(begun.wait(), 30)
    assert ended == ["short", "cancelled"]


async def test_a_service_keeps_its_schedule_unless_it_is_told_not_to(product: Product) -> None:
    database = product.database("onboarding")
    ours = {work.name for work in SCHEDULE}
    assert not ours & await names_in(database)
    settings = product.installation.settings.model_copy(update={"scheduler": True})
    url = product.installation.url_of("onboarding")
    app = onboarding.create(settings, url, neighbours=product.app.neighbours)
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(30):
            while not ours <= await names_in(database):
                await asyncio.sleep(0.05)
        for work in SCHEDULE:
            await work.do(app.state.runtime)
    admin = await connect(product, None)
    try:
        await admin.execute("TRUNCATE onboarding.pgqueuer_schedules")
    finally:
        await admin.close()
