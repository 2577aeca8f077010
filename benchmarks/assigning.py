"""A curriculum for ten thousand people: the request, its statements, and the bare INSERT … SELECT of the same rows."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import asyncpg
import httpx
import psutil
from fastapi import FastAPI

from benchmarks.filling import catch_up
from benchmarks.load import Sample
from benchmarks.report import Figure, Line, Ratio, Round
from benchmarks.scenarios import Requests
from benchmarks.servers import cpu_seconds
from benchmarks.statements import overhearing
from services.all_in_one import AllInOne
from services.installation import Installation, plain_address

ASSIGNING_RATIOS = [
    Ratio(
        "assigning: its statements ÷ bare INSERT … SELECT (time)",
        "assign/statements",
        "assign/bare",
        Figure.p50,
        at_most=1.5,
    ),
    Ratio(
        "assigning: the whole request ÷ bare INSERT … SELECT (time)",
        "assign/request",
        "assign/bare",
        Figure.p50,
        at_most=1.5,
    ),
]
# Everything of a transaction has its id; the house's own tables are no part of the change.
_TABLES = """
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'onboarding'::regnamespace AND c.relkind = 'r'
  AND c.relname NOT IN (
    'alembic_version', 'followed_feed', 'idempotency_key', 'pgqueuer_log', 'pgqueuer_schedules')
"""
_TRANSACTION = "SELECT max(transaction_id::text::bigint) FROM onboarding.event WHERE type = 'assignment.created'"


async def assign_in_rounds(
    installation: Installation,
    requests: Requests,
    postgres: psutil.Process,
    rounds: int,
    tell: Callable[[str], None],
) -> list[Line]:
    """Each round assigns a new curriculum to everybody, then inserts the same rows barely; the first is not counted.

    Through the onboarding service's app in this process: what HTTP would add is left out.
    """
    people = [str(id) for id in requests.filled.person_ids]
    app = AllInOne(installation.settings, installation)
    admin: asyncpg.Connection[Any] = await asyncpg.connect(plain_address(installation.admin_url()))
    try:
        async with (
            app.running(),
            client_of(app.onboarding, lambda: requests.token("onboarding")) as client,
        ):
            return await measure_rounds(
                Rounds(
                    app.onboarding, client, admin, postgres, rounds, tell, lambda: catch_up(app)
                ),
                "assign",
                "",
                {"person_ids": people},
                len(people),
            )
    finally:
        await admin.close()


@dataclass(frozen=True)
class Rounds:
    """Where and how often it is measured; `settle` lets what follows end before the next measurement."""

    app: FastAPI
    client: httpx.AsyncClient
    admin: "asyncpg.Connection[Any]"
    postgres: psutil.Process
    rounds: int
    tell: Callable[[str], None]
    settle: Callable[[], Awaitable[None]]


async def measure_rounds(
    at: Rounds, key: str, to_whom: str, who: Mapping[str, Any], count: int
) -> list[Line]:
    """Assign a new curriculum to `who`, so many people, then insert the same rows barely; the first round is not counted."""
    title = f"{count:,} assignments{to_whom}"
    request = Line(f"{key}/request", f"{title}: the whole request, without HTTP")
    statements = Line(f"{key}/statements", f"{title}: its statements")
    bare = Line(f"{key}/bare", f"{title}: bare INSERT … SELECT")
    us = psutil.Process(os.getpid())
    part = key.replace("/", "-")
    course_id = await published_course(at.client, f"till-{part}")
    bench = _Bare(at.admin)
    for number in range(at.rounds + 1):
        at.tell(f"assigning to {count:,}, round {number} of {at.rounds}")
        curriculum_id = await published_curriculum(at.client, course_id, f"{part}-{number}")
        body = {
            "curriculum_id": curriculum_id,
            "due": {"kind": "after_assignment", "days": 30},
            **who,
        }
        meter = Meter(us, at.postgres)
        with overhearing(at.app.state.runtime.database) as overheard:
            answer = await at.client.post("/v1/assignments/bulk", json=body)
            whole = meter.round()
            # asyncpg tells of a query one turn of the loop after its end.
            await asyncio.sleep(0.01)
        answer.raise_for_status()
        created = answer.json()["created"]
        if created != count:
            raise RuntimeError(f"{created} of {count} people were assigned")
        asked = sum(query.took for query in overheard.transactions[-1])
        picked = await bench.pick()
        if picked["assignment"] != count:
            raise RuntimeError(f"not the rows of the request: {picked}")
        await at.settle()
        meter = Meter(us, at.postgres)
        await bench.insert()
        if number:
            bare.title = f"{title}: bare INSERT … SELECT ({_listed(picked)})"
            request.rounds.append(whole)
            statements.rounds.append(_round(asked, 0.0, whole.postgres_cpu))
            bare.rounds.append(meter.round())
    return [request, statements, bare]


def _listed(counts: Mapping[str, int]) -> str:
    return " + ".join(f"{count:,} {name}" for name, count in counts.items())


def _round(took: float, ours: float, postgres: float) -> Round:
    sample = Sample(1, took, took * 1000, took * 1000, 0)
    return Round(sample, ours, postgres)


class Meter:
    """Time and CPU since it was made."""

    def __init__(self, us: psutil.Process, postgres: psutil.Process) -> None:
        self._processes = us, postgres
        self._before = [_own(us), cpu_seconds(postgres)]
        self._since = perf_counter()

    def round(self) -> Round:
        """What was used until now."""
        took = perf_counter() - self._since
        us, postgres = self._processes
        return _round(took, _own(us) - self._before[0], cpu_seconds(postgres) - self._before[1])


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


class _Bare:
    """Tables with the columns, checks and indexes of the real ones, and the rows that the last request wrote."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self._connection = connection
        self._filled: Sequence[str] = ()

    async def pick(self) -> Mapping[str, int]:
        """Lay the rows of the last request aside; how many there are by table."""
        run = self._connection
        await run.execute("CREATE SCHEMA IF NOT EXISTS bare")
        transaction = int(await run.fetchval(_TRANSACTION)) % 2**32
        counts: dict[str, int] = {}
        for record in await run.fetch(_TABLES):
            name = record["relname"]
            await run.execute(
                f'CREATE TABLE IF NOT EXISTS bare."{name}" (LIKE onboarding."{name}" INCLUDING ALL)'
            )
            await run.execute(f'DROP TABLE IF EXISTS "picked_{name}"')
            await run.execute(
                f'CREATE TEMP TABLE "picked_{name}" AS '
                f"SELECT * FROM onboarding.\"{name}\" WHERE xmin::text = '{transaction}'"
            )
            count = await run.fetchval(f'SELECT count(*) FROM "picked_{name}"')
            if count:
                counts[name] = count
        self._filled = list(counts)
        return counts

    async def insert(self) -> None:
        """Insert them in one transaction, one statement a table."""
        run = self._connection
        await run.execute("BEGIN")
        for name in self._filled:
            await run.execute(
                f'INSERT INTO bare."{name}" OVERRIDING SYSTEM VALUE SELECT * FROM "picked_{name}"'
            )
        await run.execute("COMMIT")


def client_of(app: FastAPI, token: Callable[[], str]) -> httpx.AsyncClient:
    """A client of the onboarding service in this process; an internal token lives for a minute only."""

    async def with_token(request: httpx.Request) -> None:
        request.headers["Authorization"] = f"Bearer {token()}"

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://onboarding",
        event_hooks={"request": [with_token]},
        timeout=600,
    )


async def post(client: httpx.AsyncClient, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """The answer of a request that has to succeed."""
    answer = await client.post(path, json=body)
    if not answer.is_success:
        raise RuntimeError(f"POST {path}: {answer.status_code} {answer.text[:500]}")
    return answer.json()


async def published_course(client: httpx.AsyncClient, key: str) -> str:
    """A course of twenty minutes; its id."""
    course = await post(client, "/v1/courses", {"key": key, "title": "The new till"})
    unit = {"key": "sell", "kind": "exercise", "title": "Sell something", "minutes": 20}
    versions = f"/v1/courses/{course['id']}/versions"
    version = await post(client, versions, {"units": [unit]})
    await post(client, f"{versions}/{version['number']}/publication")
    return str(course["id"])


async def published_curriculum(client: httpx.AsyncClient, course_id: str, key: str) -> str:
    """A curriculum of this course; its id."""
    curriculum = await post(
        client, "/v1/curricula", {"key": f"shop-{key}", "title": f"In the shop, part {key}"}
    )
    a_set = {"key": "all", "title": "All", "rule": "all", "courses": [{"course_id": course_id}]}
    versions = f"/v1/curricula/{curriculum['id']}/versions"
    version = await post(client, versions, {"sets": [a_set]})
    await post(client, f"{versions}/{version['number']}/publication")
    return str(curriculum["id"])
