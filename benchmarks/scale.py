"""`python -m benchmarks --scale`: whether a hundred thousand handovers take longer to read and to search than a thousand."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import psutil
import uvloop
from pydantic import SecretStr

from benchmarks.filling import Filled, fill
from benchmarks.load import Call
from benchmarks.product import STAFETT, settle
from benchmarks.report import Figure, Line, Ratio
from benchmarks.scale_filling import Owner, fill_at_scale, made_up
from benchmarks.scenarios import Requests, Scenario, at_server, go_through
from benchmarks.servers import Server, environment, free_port, started
from services.all_in_one import AllInOne
from services.chassis.keyring import Keyring
from services.installation import Installation, plain_address

SIZES = {"small": 1_000, "large": 100_000}
_PEOPLE = 20
# As deep as the smaller one reaches: its ten thousand promises, ten at a time.
_PAGE, _PER_PAGE = 1_000, 10
_ASKED = {
    "search/rare": ("a word that stands in one handover", "K0000500"),
    "search/frequent": ("a word that every third text holds", "kunden"),
    "search/between": ("a word that few texts hold", made_up(100)),
    "search/uncommon": ("a word that hardly any text holds", made_up(1000)),
    "search/two": ("two words", f"kunden {made_up(30)}"),
    "search/phrase": ("words in quotes", '"før påske"'),
    "search/none": ("a word that nobody wrote", "zeppelinare"),
}
_TITLES = {
    "get": "GET /v1/handovers/{id}",
    "page/first": "page 1 of handovers",
    "page/first-promises": f"page 1 of promises, {_PER_PAGE} a page",
    "page/deep": f"page {_PAGE:,} of promises, {_PER_PAGE} a page",
    **{key: f"search for {title}" for key, (title, _) in _ASKED.items()},
}
SCALE_RATIOS = [
    Ratio(
        f"{title}: {SIZES['large']:,} ÷ {SIZES['small']:,} handovers (time)",
        f"scale/{key}/large",
        f"scale/{key}/small",
        Figure.p50,
        at_most=2.0,
    )
    for key, title in _TITLES.items()
]


@dataclass(frozen=True)
class Filling:
    """A database that is filled, and who asks in it."""

    size: str
    installation: Installation
    filled: Filled


def measure_scale(
    installation: Installation,
    postgres: psutil.Process,
    rounds: int,
    seconds: int,
    tell: Callable[[str], None],
) -> tuple[list[Line], list[str], list[str]]:
    """Lines, wrong answers, and remarks on what was filled. Each size has a database and a process of its own; the lines of
    both sizes are measured in turn, so that what else the machine does hits both."""
    remarks: list[str] = []
    fillings: list[Filling] = []
    for size, handovers in SIZES.items():
        filling, remark = uvloop.run(_filled(installation, size, handovers, tell))
        fillings.append(filling)
        remarks.append(remark)
    with ExitStack() as stack:
        found = [stack.enter_context(_asking(filling, tell)) for filling in fillings]
        # small, large, small, large …
        scenarios = [scenario for pair in zip(*found, strict=True) for scenario in pair]
        wrong = go_through(scenarios, postgres, rounds, seconds, tell)
    return [scenario.line for scenario in scenarios], wrong, remarks


async def _filled(
    installation: Installation, size: str, handovers: int, tell: Callable[[str], None]
) -> tuple[Filling, str]:
    admin = installation.admin_url()
    connection: asyncpg.Connection[Any] = await asyncpg.connect(plain_address(admin))
    await connection.execute(f"CREATE DATABASE scale_{size}")
    await connection.close()
    url = plain_address(admin.set(database=f"scale_{size}"))
    settings = installation.settings.model_copy(update={"database_url": SecretStr(url)})
    own = Installation(settings, None)
    await own.migrate()
    app = AllInOne(settings, own)
    async with app.running():
        filled = await fill(app, people=_PEOPLE, handovers=1)
    began = time.monotonic()
    connection = await asyncpg.connect(url)
    owner = Owner(filled.caller.organization_id, filled.person_ids, handovers)
    await fill_at_scale(connection, [owner], tell)
    took = time.monotonic() - began
    await settle(own)
    sizes = await connection.fetch(
        "SELECT relname, pg_size_pretty(pg_total_relation_size(oid)) AS size FROM pg_class "
        "WHERE relnamespace = 'handover'::regnamespace AND relname IN "
        "('handover', 'promise', 'log_entry', 'search_entry') ORDER BY relname"
    )
    await connection.close()
    told = ", ".join(f"{row['relname']} {row['size']}" for row in sizes)
    return Filling(size, own, filled), (
        f"{handovers:,} handovers, {handovers * 10:,} promises, {handovers * 20:,} log entries: "
        f"filled in {took:.0f} s; with indexes {told}"
    )


@contextmanager
def _asking(filling: Filling, tell: Callable[[str], None]) -> Iterator[list[Scenario]]:
    """What is measured in this database, in the order of the titles."""
    settings = filling.installation.settings
    assert settings.database_url is not None  # `_filled` has set it
    keyring = Keyring.open(settings.keys_folder, "gateway")
    requests = Requests(filling.filled, keyring)
    port = free_port()
    env = environment(
        data_dir=settings.data_dir, port=port, database_url=settings.database_url.get_secret_value()
    )
    log = settings.data_dir / f"scale-{filling.size}.log"
    with started(filling.size, [STAFETT, "serve"], port=port, log=log, env=env) as server:
        tell(f"turning {_PAGE:,} pages ({filling.size})")
        client = httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {requests.key()}"}, timeout=30
        )
        with client:
            paths = _paths(client)
        yield [_line(server, requests, filling.size, key, paths[key]) for key in _TITLES]


def _paths(client: httpx.Client) -> dict[str, list[str]]:
    def items(path: str) -> Any:
        return client.get(path).raise_for_status().json()

    ids = [one["id"] for one in items("/v1/handovers?limit=200")["items"]]
    first_promises = f"/v1/promises?limit={_PER_PAGE}"
    deep = first_promises
    # As a client gets there: from each page to the next.
    for _ in range(_PAGE - 1):
        deep = f"{first_promises}&after={items(deep)['next']}"
    asked = {key: [str(httpx.URL("/v1/search", params={"q": q}))] for key, (_, q) in _ASKED.items()}
    return {
        "get": [f"/v1/handovers/{id}" for id in ids],
        "page/first": ["/v1/handovers?limit=50"],
        "page/first-promises": [first_promises],
        "page/deep": [deep],
        **asked,
    }


def _line(
    server: Server, requests: Requests, size: str, key: str, paths: Sequence[str]
) -> Scenario:
    title = f"{_TITLES[key]}, {SIZES[size]:,} handovers"
    headers = {"Authorization": f"Bearer {requests.key()}"}
    return at_server(
        f"scale/{key}/{size}", title, server, lambda: Call(paths, headers=headers), [server]
    )
