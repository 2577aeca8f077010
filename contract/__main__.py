"""Holds the running product to its OpenAPI document: schemathesis through the gateway, twice, at zero failures.

    python -m contract [--seed N …] [--examples N] [schemathesis option …]

The product runs in this process, on loopback, with an embedded PostgreSQL of its own and a firm with one of everything;
schemathesis calls it with the key of somebody who has every role, so that little is refused before it is looked at.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
import uvloop

from services.all_in_one import AllInOne
from services.chassis.embedded import EmbeddedPostgres
from services.chassis.settings import Settings
from services.chassis.telemetry import configure_logging
from services.installation import Installation
from services.serving import listen
from tests.conftest import FAST, Product, found_firm
from tests.system.filled import KINDS, Filled, filled

SEEDS = (1, 20261122)
EXAMPLES = 50
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
# Everything in two rounds has to fit into a few minutes; what is slower than this is wrong.
SLOWEST_ANSWER_SECONDS = 10


def main() -> int:
    """0 when no round found anything."""
    parser = argparse.ArgumentParser(prog="python -m contract", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="default: two that are fixed")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="cases per operation")
    options, more = parser.parse_known_args()
    seeds = options.seed or list(SEEDS)
    if len(seeds) == 1:
        # As served: asyncio's own loop leaves Nagle's algorithm on, which costs 40 ms a request.
        return uvloop.run(_hold(seeds[0], options.examples, more))
    return asyncio.run(_hold_side_by_side(seeds, ["--examples", str(options.examples), *more]))


async def _hold_side_by_side(seeds: list[int], more: list[str]) -> int:
    """A process for each seed, since neither schemathesis nor a service uses more than one core."""
    began = time.monotonic()
    rounds = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "contract", "--seed", str(seed), *more),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        for seed in seeds
    ]
    try:
        for told in asyncio.as_completed([one.communicate() for one in rounds]):
            say((await told)[0].decode())
    finally:
        for one in rounds:
            if one.returncode is None:
                one.terminate()
                await one.wait()
    failed = sum(bool(one.returncode) for one in rounds)
    say(f"{len(rounds)} rounds in {time.monotonic() - began:.0f} s, {failed} failed")
    return int(failed > 0)


async def _hold(seed: int, examples: int, more: list[str]) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="stafett-contract-") as data_dir,
        tempfile.TemporaryDirectory(prefix="stafett-contract-") as folder,
    ):
        async with _served(Path(data_dir)) as (address, everything):
            return await _round(address, everything, Path(folder), seed, examples, more)


def say(text: str) -> None:
    """For whoever waits."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def _served(data_dir: Path) -> AsyncIterator[tuple[str, Filled]]:
    """The product on a free port of loopback, with a firm in it."""
    await asyncio.to_thread(data_dir.chmod, 0o755)  # the server may run as another user
    settings = Settings(
        data_dir=data_dir, database_url=None, host="127.0.0.1", port=0, log_level="ERROR"
    )
    configure_logging(settings)
    postgres = await asyncio.to_thread(EmbeddedPostgres.start, data_dir, FAST)
    try:
        installation = Installation(settings, postgres)
        await installation.migrate()
        app = AllInOne(settings, installation)
        with listen(settings) as bound:
            address = "http://{}:{}".format(*bound.getsockname()[:2])
            config = uvicorn.Config(app, http="httptools", lifespan="on", log_config=None)
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[bound]))
            try:
                async with httpx.AsyncClient(base_url=address, timeout=30) as client:
                    await _ready(client, serving)
                    gateway = app.front.own.state.runtime.database
                    firm = await found_firm(Product(app, installation, client, gateway), "Nordlys")
                    yield address, await filled(firm)
            finally:
                server.should_exit = True
                await serving
    finally:
        await asyncio.to_thread(postgres.stop)


async def _ready(client: httpx.AsyncClient, serving: asyncio.Task[None]) -> None:
    while not serving.done():
        try:
            (await client.get("/health/ready")).raise_for_status()
            return
        except httpx.TransportError:
            await asyncio.sleep(0.05)
    await serving
    raise RuntimeError("the product ended before it was ready")


async def _round(
    address: str, everything: Filled, folder: Path, seed: int, examples: int, more: list[str]
) -> int:
    """What schemathesis says, and that its key still opened the door at the end."""
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        document = (await client.get("/openapi.json")).json()
        (folder / "openapi.json").write_text(json.dumps(document))
        (folder / "schemathesis.toml").write_text(_configuration(everything))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(folder / "schemathesis.toml")),
            *("run", str(folder / "openapi.json"), "--url", address),
            *("--header", f"Authorization: Bearer {everything.everyone.key}"),
            *("--seed", str(seed), "--max-examples", str(examples)),
            *("--checks", ",".join(CHECKS), "--request-timeout", str(SLOWEST_ANSWER_SECONDS)),
            *("--generation-database", "none", "--no-color", "--continue-on-failure"),
            *more,
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        me = await client.get(
            "/v1/me", headers={"Authorization": f"Bearer {everything.everyone.key}"}
        )
    if me.status_code != 200:
        say(f"The key was lost on the way ({me.status_code}): this round says little")
        return 1
    return code


# How invalid data may be refused; too much of it is refused before it is looked at.
REFUSED = (400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428)


def _configuration(everything: Filled) -> str:
    """What the command line cannot say: what is asked for by id mostly exists."""
    lines = ['hooks = "contract.hooks"', "[warnings]", "enabled = false"]
    lines += ["[checks.negative_data_rejection]", f"expected-statuses = {list(REFUSED)}"]
    for name, values in everything.parameters.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    bound = {f"path.{name}": name for name in everything.parameters}
    bound |= {f"body.{name}": name for name in everything.parameters if name.endswith("_id")}
    bound |= {f"body.{name}": kind for name, kind in KINDS.items() if not name.endswith("s")}
    # Any version, and one that nothing has: both have to be met, and what is behind them.
    lines += ["[dictionaries.versions]", """values = ["*", "*", '"999999"']""", "[parameters]"]
    for parameter, name in {**bound, "header.If-Match": "versions"}.items():
        lines.append(f'"{parameter}" = {{ dictionary = "{name}", probability = 0.8 }}')
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
