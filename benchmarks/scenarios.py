"""What is measured, where, and against what: every line of the table, gone through in rounds."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks import load, pgbench
from benchmarks.filling import PROSE, Filled
from benchmarks.load import Call, Sample
from benchmarks.product import all_in_one, apart, gateway_before
from benchmarks.report import Figure, Line, Ratio, Round
from benchmarks.servers import (
    Cpu,
    Server,
    environment,
    free_port,
    module,
    nginx,
    nginx_before,
    started,
)
from benchmarks.statements import Transaction, overhearing, script
from services.all_in_one import AllInOne
from services.chassis.embedded import EmbeddedPostgres
from services.chassis.internal_token import issue_for, utc_now
from services.chassis.keyring import Keyring
from services.chassis.tables import new_id

_OPERATIONS = {
    "get": "GET /v1/handovers/{id}",
    "page": "GET /v1/handovers?limit=50",
    "post": "POST /v1/handovers",
}
# pgbench knows numbers only, so ids are spread over scripts; each connection prepares each of them, which must not count.
_SCRIPTS = 4
# A row and a key of its own for every POST that pgbench repeats; a random id, as pgbench has no UUIDv7.
_NEW_ID = r"\set n random(1, 9000000000000000000)" + "\n"
_SAME_NEW_ID = "lpad(to_hex(:n::bigint), 32, '0')"

REQUEST_RATIOS = [
    Ratio("GET by id, direct ÷ bare FastAPI", "direct/get", "limit/fastapi", at_least=1 / 3),
    Ratio("page of 50, direct ÷ bare FastAPI", "direct/page", "limit/fastapi", at_least=1 / 8),
    Ratio("POST, direct ÷ bare FastAPI", "direct/post", "limit/fastapi", at_least=1 / 10),
    *(
        Ratio(
            f"{_OPERATIONS[key]}: CPU of all in one ÷ services without gateway",
            f"together/{key}",
            f"direct/{key}",
            Figure.cpu,
            at_most=1.2,
        )
        for key in _OPERATIONS
    ),
    Ratio(
        "forwarding: gateway process ÷ nginx, same upstream",
        "forward/gateway",
        "forward/nginx",
        at_least=1 / 6,
    ),
    *(
        Ratio(f"{_OPERATIONS[key]}, direct ÷ its SQL by pgbench", f"direct/{key}", f"pgbench/{key}")
        for key in _OPERATIONS
    ),
]


@dataclass(frozen=True)
class Scenario:
    """How a line is measured, and whose CPU counts for it. `run` calls what it is given when measuring begins."""

    line: Line
    run: Callable[[int, Callable[[], None]], Sample]
    servers: Sequence[Server]
    ask: Callable[[], httpx.Response] | None = None


@dataclass(frozen=True)
class Requests:
    """The three requests, as a person with a key or the gateway with a token sends them."""

    filled: Filled
    keyring: Keyring

    def calls(self, authorization: Callable[[], str]) -> dict[str, Callable[[], Call]]:
        """Each operation as a call to be made now: an internal token lives for a minute only."""
        ids = random.sample(self.filled.handover_ids, min(2000, len(self.filled.handover_ids)))

        def headers() -> dict[str, str]:
            return {"Authorization": f"Bearer {authorization()}"}

        return {
            "get": lambda: Call([f"/v1/handovers/{id}" for id in ids], headers=headers()),
            "page": lambda: Call(["/v1/handovers?limit=50"], headers=headers()),
            "post": lambda: Call(
                ["/v1/handovers"],
                "POST",
                {**headers(), "Content-Type": "application/json"},
                self.body(),
                keyed=True,
            ),
        }

    def key(self) -> str:
        """The API key, as the gateway takes it."""
        return self.filled.key

    def token(self, service: str = "handover") -> str:
        """An internal token, as the gateway hands it to a service."""
        return issue_for(self.keyring, self.filled.caller, service, utc_now())

    def body(self) -> str:
        """A handover to be."""
        fields = {
            "customer_id": str(self.filled.customer_id),
            "title": "Self-service tills for 42 shops",
            "engagement_type": "fixed_price",
            "amount": {"amount": "125000.00", "currency": "NOK"},
            "planned_start": "2027-01-11",
            "planned_end": "2027-06-30",
            "is_won": True,
        }
        return json.dumps(fields | PROSE)


@contextmanager
def scenarios(
    folder: Path,
    server: EmbeddedPostgres,
    copy_url: str,
    requests: Requests,
    scripts: Mapping[str, Sequence[str]],
) -> Iterator[tuple[list[Scenario], list[str]]]:
    """Everything started that the lines need, the lines, and what this machine lacks for them."""
    missing: list[str] = []
    found: list[Scenario] = []
    with ExitStack() as stack:

        def limit(name: str) -> Server:
            port = free_port()
            return stack.enter_context(
                started(
                    name,
                    module("benchmarks.limits", name),
                    port=port,
                    log=folder / f"{name}.log",
                    ready="/",
                    env=environment(data_dir=folder, port=port),
                )
            )

        services = stack.enter_context(apart(folder))
        together = stack.enter_context(all_in_one(folder, copy_url))
        bare, trivial = limit("fastapi"), limit("trivial")
        before_trivial = stack.enter_context(gateway_before(trivial, folder))
        everybody = list(services.values())
        direct, through = requests.calls(requests.token), requests.calls(requests.key)
        root, forwarded = Call(["/"]), through["get"]

        # Lines that are held against one another are measured one after the other.
        for key, title in _OPERATIONS.items():
            found.append(
                at_server(
                    f"direct/{key}",
                    f"{title}, direct",
                    services["handover"],
                    direct[key],
                    everybody,
                )
            )
            if key == "get":
                found.append(
                    at_server("limit/fastapi", "bare FastAPI endpoint", bare, lambda: root, [bare])
                )
        for key, title in _OPERATIONS.items():
            found += [
                at_server(
                    f"together/{key}", f"{title}, all in one", together, through[key], [together]
                ),
                at_server(
                    f"gateway/{key}",
                    f"{title}, gateway apart",
                    services["gateway"],
                    through[key],
                    everybody,
                ),
            ]
        program = pgbench.program(server)
        if program is None:
            missing.append("pgbench: the same SQL without the product is not measured")
        else:
            found += [
                _sql(
                    f"pgbench/{key}", f"{title}, its SQL by pgbench", server, program, scripts[key]
                )
                for key, title in _OPERATIONS.items()
            ]
        found += [
            at_server(
                "forward/upstream", "trivial upstream, direct", trivial, lambda: root, [trivial]
            ),
            at_server(
                "forward/gateway",
                "trivial upstream, behind our gateway",
                before_trivial,
                forwarded,
                [before_trivial],
            ),
        ]
        nginx_program = nginx()
        if nginx_program is None:
            missing.append("nginx: forwarding is not held against it")
        else:
            proxy = stack.enter_context(nginx_before(trivial, nginx_program, folder / "nginx"))
            found.append(
                at_server(
                    "forward/nginx", "trivial upstream, behind nginx", proxy, lambda: root, [proxy]
                )
            )
        if load.tool() != "wrk":
            missing.append(
                f"wrk: the load comes from {load.tool()}, which is slower than some servers here"
            )
        yield found, missing


def at_server(
    key: str, title: str, server: Server, call: Callable[[], Call], servers: Sequence[Server]
) -> Scenario:
    """A line of requests to a running server; `servers` are those whose CPU counts."""

    def ask() -> httpx.Response:
        one = call()
        headers = {**one.headers, **({"Idempotency-Key": new_id().hex} if one.keyed else {})}
        return httpx.request(
            one.method, server.url + one.paths[0], headers=headers, content=one.body, timeout=10
        )

    def run(seconds: int, begin: Callable[[], None]) -> Sample:
        begin()
        return load.run(server.url, call(), seconds)

    return Scenario(Line(key, title), run, servers, ask)


def _sql(
    key: str, title: str, server: EmbeddedPostgres, program: str, scripts: Sequence[str]
) -> Scenario:
    return Scenario(
        Line(key, title),
        lambda *when: pgbench.run(server, program, "handover", scripts, *when),
        [],
    )


def go_through(
    found: Sequence[Scenario],
    postgres: psutil.Process,
    rounds: int,
    seconds: int,
    tell: Callable[[str], None],
) -> list[str]:
    """Measure every line once a round, after warming it up; returns what was wrong with answers."""
    wrong: list[str] = []
    for scenario in found:
        tell(f"warming up: {scenario.line.title}")
        answer = None if scenario.ask is None else scenario.ask()
        if answer is not None and not answer.is_success:
            wrong.append(f"{scenario.line.title}: {answer.status_code} {answer.text[:300]}")
        scenario.run(1, lambda: None)
    tell("listening to the machine at rest")
    processes = {server.process for scenario in found for server in scenario.servers}
    cpu = Cpu(processes)
    time.sleep(2)  # the feeds are read to their ends
    cpu.rest(3)
    for number in range(1, rounds + 1):
        for scenario in found:
            tell(f"round {number} of {rounds}: {scenario.line.title}")
            scenario.line.rounds.append(_measure(scenario, postgres, cpu, seconds))
    return wrong


def _measure(scenario: Scenario, postgres: psutil.Process, cpu: Cpu, seconds: int) -> Round:
    servers = [server.process for server in scenario.servers]
    ours, theirs = cpu.since_now(servers), cpu.since_now([postgres])

    def begin() -> None:
        nonlocal ours, theirs
        ours, theirs = cpu.since_now(servers), cpu.since_now([postgres])

    sample = scenario.run(seconds, begin)
    return Round(sample, ours(), theirs())


# --- the SQL of the requests ----------------------------------------------------------------------


async def overhear(app: AllInOne, requests: Requests) -> dict[str, list[str]]:
    """The SQL of each operation as scripts of pgbench, taken from the product while it answers."""
    transport = httpx.ASGITransport(app.handover)
    calls = requests.calls(requests.token)
    async with httpx.AsyncClient(transport=transport, base_url="http://handover") as client:

        async def heard(call: Call) -> tuple[Transaction, httpx.Response, str]:
            key = new_id().hex
            headers = {**call.headers, **({"Idempotency-Key": key} if call.keyed else {})}
            with overhearing(app.handover.state.runtime.database) as overheard:
                answer = await client.request(
                    call.method, call.paths[0], headers=headers, content=call.body
                )
                # asyncpg tells of a query one turn of the loop after its end.
                await asyncio.sleep(0.01)
            answer.raise_for_status()
            (transaction,) = overheard.transactions
            return transaction, answer, key

        by_id, page, post = calls["get"](), calls["page"](), calls["post"]()
        gets = [
            script((await heard(Call([path], headers=by_id.headers)))[0])
            for path in by_id.paths[:_SCRIPTS]
        ]
        pages = [script((await heard(page))[0])]
        written, answer, key = await heard(post)
    new = answer.json()["id"]
    instead = _varying(written, new, key)
    return {"get": gets, "page": pages, "post": [_NEW_ID + script(written, instead)]}


def _varying(written: Transaction, new: str, key: str) -> dict[object, str]:
    """What must be new in every repetition: the id of the row, and the Idempotency-Key."""
    same = {key: f"({_SAME_NEW_ID})"}
    return same | {
        argument: f"({_SAME_NEW_ID}::uuid)"
        for query in written
        for argument in query.arguments
        if str(argument) == new
    }
