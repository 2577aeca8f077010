"""The services as processes of their own: the same product, and what it goes through when some of them die."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from services.chassis.caller import Role
from services.chassis.database import Database
from services.chassis.settings import Settings
from services.installation import Installation, plain_address
from tests.conftest import Firm, Person, Product, found_firm
from tests.handover import makers as handover
from tests.onboarding import makers as onboarding
from tests.system.processes import PATIENCE_SECONDS, Apart, Replica, apart

made = handover.made


class InTurn(httpx.AsyncBaseTransport):
    """One request to each gateway in turn, as a balancer before them does it."""

    def __init__(self, replicas: list[Replica]) -> None:
        self._turn = itertools.cycle([replica.port for replica in replicas])
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=20))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=next(self._turn))
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass
class ProductApart:
    """Looks like `Product` to the makers; nobody makes these services catch up but they themselves."""

    processes: Apart
    client: httpx.AsyncClient
    gateway: Database
    admin: asyncpg.Connection

    async def catch_up(self) -> None:
        """Nothing to do: whoever needs to know more asks."""


@pytest.fixture(scope="module")
async def running(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ProductApart]:
    """Two processes of each service on a database that is not there before all of them wait for it."""
    name = "apart"
    url = installation.admin_url().set(database=name)
    folder = tmp_path_factory.mktemp("apart")
    settings = Settings(database_url=SecretStr(plain_address(url)), data_dir=folder)
    environment = {
        "STAFETT_DATABASE_URL": plain_address(url),
        "STAFETT_DATA_DIR": str(folder),
        "STAFETT_KEYS_DIR": str(settings.keys_folder),
        "STAFETT_FOLLOW_SECONDS": "0.1",
        "STAFETT_DATABASE_CONNECTIONS": "8",
    }
    server = await asyncpg.connect(plain_address(url.set(database="postgres")))
    gateway = Database(url.set(username="stafett_gateway"), "gateway", connections=2)
    try:
        with apart(["gateway", "onboarding", "handover"], environment, folder) as processes:
            await asyncio.to_thread(processes.wait_until_all_say, "waiting_for_database")
            assert processes.replicas["gateway"][0].answers("/health/live") is None
            await server.execute(f"CREATE DATABASE {name}")
            await Installation(settings, None).migrate()
            await asyncio.to_thread(processes.wait_until_ready)
            transport = InTurn(processes.replicas["gateway"])
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", timeout=30
            ) as client:
                yield ProductApart(processes, client, gateway, server)
    finally:
        await gateway.close()
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.close()


@pytest.fixture
async def firm_apart(running: ProductApart) -> Firm:
    """A fresh organization among the processes."""
    return await found_firm(cast(Product, running), "Nordlys")


async def short_story(firm: Firm) -> list[Any]:
    """From the seller to the learner, and what everybody saw on the way; nothing in it depends on ids or moments."""
    course = await onboarding.published_course(firm, competence="tills", level=2)
    curriculum = await onboarding.published_curriculum(firm, onboarding.course_set(course))
    first = await handover.complete_draft(firm)
    need = await handover.need(firm, first, competence="tills", level=2)
    await handover.held_walkthrough(firm, first)
    path = f"/v1/handovers/{first['id']}"
    seen: list[Any] = [made(await firm.seller.get(f"{path}/readiness"), 200)]
    await handover.move(firm.seller, first, "submission")
    await handover.move(firm.lead, first, "claim")
    refused = await firm.lead.post(f"{path}/acceptance")
    seen.append((refused.status_code, refused.json()["type"], refused.json()["detail"]))
    [promise] = await handover.promises_of(firm, first)
    made(await handover.read_back(firm.lead, promise))
    seen.append((await firm.seller.post(f"{path}/acceptance")).json()["type"])
    await handover.waived(firm, first, need)
    seen.append((await handover.move(firm.lead, first, "acceptance"))["state"])
    seen.append(made(await firm.seller.get(f"{path}/coverage"), 200)["state"])
    assigned = await onboarding.assignment(firm, curriculum)
    item = assigned["next_item"] or assigned["sets"][0]["items"][0]["key"]
    done = made(await firm.learner.post(onboarding.completion_path(assigned, item)), 200)
    seen.append((done["state"], done["person_name"], done["minutes_left"]))
    covered = made(await firm.seller.get(f"{path}/coverage"), 200)
    seen.append((covered["state"], [p["name"] for p in covered["needs"][0]["people"]]))
    told = made(await firm.admin.get("/v1/events", limit=500), 200)["items"]
    return seen + [
        [event["type"] for event in told if event["source"] == f"/{service}"]
        for service in ("gateway", "handover", "onboarding")
    ]


async def test_apart_the_story_goes_as_in_one_process(firm_apart: Firm, firm: Firm) -> None:
    together = await short_story(firm)
    assert "handover.accepted" in together[-2]
    assert await short_story(firm_apart) == together


@dataclass
class Load:
    """Clients who register customers, each request with a key, repeated until it is answered."""

    person: Person
    acknowledged: dict[str, str]
    repeated: int = 0
    stopped: bool = False

    async def client(self, number: int) -> None:
        for turn in itertools.count():
            if self.stopped:
                return
            name = f"Customer {number}-{turn}"
            answer = await self._until_answered(name)
            assert answer.status_code == 201, answer.text
            self.acknowledged[name] = answer.json()["id"]
            # Leaves the machine time to start what was killed.
            await asyncio.sleep(0.02)

    async def goes_on(self) -> None:
        """Wait until twenty more are acknowledged."""
        wanted = len(self.acknowledged) + 20
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.acknowledged) < wanted:
                await asyncio.sleep(0.01)

    async def _until_answered(self, name: str) -> httpx.Response:
        while True:
            try:
                answer = await self.person.post("/v1/customers", {"name": name}, key=name[9:])
                if answer.status_code not in (409, 503):
                    return answer
            except httpx.TransportError:
                pass
            self.repeated += 1
            await asyncio.sleep(0.02)


async def all_customers(person: Person) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    page: dict[str, Any] = {"next": None}
    while True:
        after = {} if page["next"] is None else {"after": page["next"]}
        page = made(await person.get("/v1/customers", limit=200, **after), 200)
        found += [(one["name"], one["id"]) for one in page["items"]]
        if page["next"] is None:
            return found


def requests_served(replica: Replica) -> float:
    """How many POSTs the process has answered, by its own count."""
    lines = httpx.get(f"{replica.url}/metrics").text.splitlines()
    counts = [line for line in lines if "_count{" in line and 'method="POST"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in counts)


async def test_a_replica_killed_under_load_loses_nothing_that_was_acknowledged(
    running: ProductApart, firm_apart: Firm
) -> None:
    killed = [running.processes.replicas["handover"][0], running.processes.replicas["gateway"][0]]
    load = Load(firm_apart.seller, {})
    clients = [asyncio.create_task(load.client(number)) for number in range(8)]
    try:
        for replica in killed:
            await load.goes_on()
            replica.send(signal.SIGKILL)
            assert await asyncio.to_thread(replica.wait) == -signal.SIGKILL
            await load.goes_on()
            replica.start()
        for replica in killed:
            await asyncio.to_thread(replica.wait_until, "/health/ready", 200)
        for replica in killed:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await asyncio.to_thread(requests_served, replica):
                    await asyncio.sleep(0.05)
    finally:
        load.stopped = True
        await asyncio.gather(*clients)
    assert load.repeated > 0
    found = await all_customers(firm_apart.seller)
    assert sorted(found) == sorted(load.acknowledged.items())
    told = await events_of(firm_apart, "customer.created")
    assert sorted(told) == sorted(id for _, id in found)


async def events_of(firm: Firm, type: str) -> list[str]:
    """The subjects' ids of all events of a type."""
    subjects: list[str] = []
    after = ""
    while True:
        page = made(await firm.admin.get("/v1/events", type=type, limit=1000, after=after), 200)
        if not page["items"]:
            return subjects
        subjects += [event["subject"].rpartition("/")[2] for event in page["items"]]
        after = page["next"]


async def test_without_the_database_they_live_but_are_not_ready(
    running: ProductApart, firm_apart: Firm
) -> None:
    name = running.gateway.engine.url.database
    await running.admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        await running.admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        for replica in running.processes.all():
            assert await asyncio.to_thread(replica.answers, "/health/live") == 200
            assert await asyncio.to_thread(replica.answers, "/health/ready") == 503
        refused = await firm_apart.seller.post("/v1/customers", {"name": "Nobody"})
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.headers["content-type"] == "application/problem+json"
    finally:
        await running.admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await asyncio.to_thread(running.processes.wait_until_ready)
    made(await firm_apart.seller.post("/v1/customers", {"name": "Somebody"}))


async def test_told_to_stop_they_answer_what_is_in_flight_first(
    running: ProductApart, firm_apart: Firm
) -> None:
    seller = await firm_apart.hire("Stine Samtidig", *Role)
    customers = [await handover.customer(seller, name=f"Held {n}") for n in range(8)]
    stopping = [running.processes.replicas[service][1] for service in ("gateway", "handover")]
    holder = await asyncpg.connect(
        plain_address(running.gateway.engine.url.set(username=installation_user(running)))
    )
    try:
        hold = holder.transaction()
        await hold.start()
        await holder.execute("SELECT 1 FROM handover.customer WHERE name LIKE 'Held %' FOR UPDATE")
        in_flight = [
            asyncio.create_task(
                seller.patch(f"/v1/customers/{one['id']}", {"name": f"Let go {n}"}, '"1"')
            )
            for n, one in enumerate(customers)
        ]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await waiting_for_a_lock(running) < len(customers):
                await asyncio.sleep(0.02)
        for replica in stopping:
            replica.send(signal.SIGTERM)
        for replica in stopping:
            await asyncio.to_thread(replica.wait_until, "/health/live", None)
        assert not any(request.done() for request in in_flight)
        await hold.commit()
        answers = await asyncio.gather(*in_flight)
    finally:
        await holder.close()
    assert [answer.status_code for answer in answers] == [200] * len(customers)
    assert [await asyncio.to_thread(replica.wait) for replica in stopping] == [0, 0]
    left = running.processes.replicas["gateway"][0].url
    async with httpx.AsyncClient(base_url=left, timeout=30) as client:
        found = await all_customers(Person(**{**vars(seller), "client": client}))
    assert {name for name, _ in found} == {f"Let go {n}" for n in range(8)}


def installation_user(running: ProductApart) -> str:
    """The user of the server that sees every row."""
    return str(running.admin._params.user)


async def waiting_for_a_lock(running: ProductApart) -> int:
    waiting: int = await running.admin.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'",
        running.gateway.engine.url.database,
    )
    return waiting
