"""Load: many requests over a few connections, by wrk where it is installed, else by a loop of our own."""

import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path

import aiohttp

from services.chassis.tables import new_id

CONNECTIONS = 16
_MARK = "MEASURED "


@dataclass(frozen=True)
class Call:
    """A request to be repeated: to one of `paths` at random, with an Idempotency-Key each if `keyed`."""

    paths: Sequence[str]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    keyed: bool = False


@dataclass(frozen=True)
class Sample:
    """What was measured in one go. `errors` are answers that are no 2xx, and requests without one."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int


def tool() -> str:
    """The program that makes the load."""
    return "wrk" if shutil.which("wrk") else "a loop of our own on aiohttp"


def run(url: str, call: Call, seconds: int) -> Sample:
    """Put load on the server at `url` for so many seconds."""
    with tempfile.TemporaryDirectory(prefix="stafett-load-") as folder:
        command = (
            _wrk(Path(folder), url, call, seconds)
            if shutil.which("wrk")
            else [
                sys.executable,
                "-m",
                "benchmarks.load",
                url,
                json.dumps(asdict(call)),
                str(seconds),
            ]
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(
            f"{command[0]} ended with {done.returncode}: {done.stderr or done.stdout}"
        )
    return sample_of(done.stdout)


def sample_of(said: str) -> Sample:
    """What a load program measured, from what it printed."""
    line = next((line for line in said.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        raise ValueError(f"The load program did not say what it measured: {said[-500:]}")
    return Sample(**json.loads(line.removeprefix(_MARK)))


def _wrk(folder: Path, url: str, call: Call, seconds: int) -> list[str]:
    paths, head, body = folder / "paths", folder / "head", folder / "body"
    paths.write_text("\n".join(call.paths))
    head.write_text("\n".join(f"{name}: {value}" for name, value in call.headers.items()))
    body.write_text(call.body)
    script = Path(__file__).with_name("load.lua")
    prefix = f"{new_id().hex}-" if call.keyed else ""
    return [
        *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"),
        *("--timeout", "10s", "--script", str(script), url, "--"),
        *(call.method, str(paths), str(head), str(body), prefix),
    ]


# --- the loop of our own --------------------------------------------------------------------------


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The value below which `share` (0–1) of the values lie, by the nearest rank; 0 for none."""
    if not sorted_values:
        return 0.0
    rank = max(1, -(-len(sorted_values) * round(share * 1000) // 1000))
    return sorted_values[min(rank, len(sorted_values)) - 1]


async def _loop(url: str, call: Call, seconds: int) -> Sample:
    took: list[float] = []
    errors = 0
    keys = (f"{new_id().hex}-{number}" for number in count())
    started = time.perf_counter()

    async def one(session: aiohttp.ClientSession) -> bool:
        headers = {"Idempotency-Key": next(keys)} if call.keyed else {}
        path = random.choice(call.paths)
        try:
            async with session.request(
                call.method, url + path, data=call.body or None, headers=headers
            ) as response:
                await response.read()
                return 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def connection(session: aiohttp.ClientSession) -> None:
        nonlocal errors
        while (before := time.perf_counter()) < started + seconds:
            good = await one(session)
            took.append(time.perf_counter() - before)
            errors += not good

    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(headers=call.headers, timeout=timeout) as session:
        await asyncio.gather(*(connection(session) for _ in range(CONNECTIONS)))
    lasted = time.perf_counter() - started
    took.sort()
    p50, p99 = (percentile(took, share) * 1000 for share in (0.5, 0.99))
    return Sample(len(took), lasted, p50, p99, errors)


if __name__ == "__main__":
    address, given, lasting = sys.argv[1:]
    measured = asyncio.run(_loop(address, Call(**json.loads(given)), int(lasting)))
    print(_MARK + json.dumps(asdict(measured)))
