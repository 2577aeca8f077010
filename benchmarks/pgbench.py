"""pgbench: the same SQL as the product's, with nothing around it."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.load import CONNECTIONS, Sample, percentile
from services.chassis.embedded import EmbeddedPostgres

_WARM_UP = 1  # seconds
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


def program(server: EmbeddedPostgres) -> str | None:
    """The pgbench that comes with the embedded PostgreSQL, else the machine's own."""
    own = server.bin_dir / "pgbench"
    return str(own) if own.exists() else shutil.which("pgbench")


def run(
    server: EmbeddedPostgres,
    executable: str,
    service: str,
    scripts: Sequence[str],
    seconds: int,
    begin: Callable[[], None],
) -> Sample:
    """Repeat one of `scripts` at a time, as the role of `service`, over as many connections as the load has.

    What connecting and preparing costs is left out: `begin` is called when measuring begins, a second after the start.
    """
    with tempfile.TemporaryDirectory(prefix="stafett-pgbench-") as name:
        folder = Path(name)
        files = []
        for number, script in enumerate(scripts):
            file = folder / f"{number}.sql"
            file.write_text(script)
            files += ["-f", str(file)]
        child = subprocess.Popen(
            [
                *(executable, "--no-vacuum", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1"),
                *("-T", str(seconds + _WARM_UP), "-l", "--log-prefix", str(folder / "log")),
                *(*files, server.url(f"stafett_{service}")),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("PG")},
                "PGOPTIONS": f"-c search_path={service} -c timezone=UTC -c jit=off",
                "LC_ALL": "C",
            },
        )
        try:
            time.sleep(_WARM_UP)
            begin()
            since = time.time()
            said, complaints = child.communicate()
            until = time.time()
        finally:
            child.kill()
            child.wait()
        if child.returncode != 0:
            raise RuntimeError(f"pgbench ended with {child.returncode}: {complaints[-2000:]}")
        logs = [file.read_text() for file in folder.glob("log.*")]
    return sample_of(said, logs, since, until)


def sample_of(said: str, logs: Sequence[str], since: float, until: float) -> Sample:
    """What pgbench measured between two moments (Unix time), from what it printed and its log of every transaction."""
    failed = _FAILED.search(said)
    if failed is None:
        raise ValueError(f"pgbench did not say what it measured: {said[-500:]}")
    took = sorted(wait for log in logs for wait in _waits(log, since))
    return Sample(
        requests=len(took),
        seconds=until - since,
        p50_ms=percentile(took, 0.5),
        p99_ms=percentile(took, 0.99),
        errors=int(failed[1]),
    )


def _waits(log: str, since: float) -> Iterator[float]:
    """How long each transaction took that ended after `since`, in milliseconds."""
    for line in log.splitlines():
        _client, _transaction, took, _script, second, microsecond = line.split(" ")[:6]
        if took.isdecimal() and int(second) + int(microsecond) / 1e6 >= since:
            yield int(took) / 1000
