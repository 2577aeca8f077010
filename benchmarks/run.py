"""A run: a database of its own, filled; everything started, measured in rounds, and stopped again."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import uvloop
from rich.console import Console

from benchmarks import load
from benchmarks.assigning import ASSIGNING_RATIOS, assign_in_rounds
from benchmarks.filling import Filled, fill
from benchmarks.learning import LARGE, LARGE_RATIOS, SMALL, measure_learning, readiness_ratio
from benchmarks.product import copy_database, settle
from benchmarks.report import Line, Report, outcome, place
from benchmarks.scale import SCALE_RATIOS, measure_scale
from benchmarks.scenarios import REQUEST_RATIOS, Requests, go_through, overhear, scenarios
from services.all_in_one import AllInOne
from services.chassis.embedded import running_server
from services.chassis.keyring import Keyring
from services.chassis.settings import Settings
from services.chassis.telemetry import configure_logging
from services.installation import Installation

# A token lives for 60 s, and a server remembers it until then.
_LONGEST = 30


@dataclass(frozen=True)
class Options:
    """How long and how much is measured."""

    rounds: int = 5
    seconds: int = 3
    people: int = 10_000
    handovers: int = 5_000

    @classmethod
    def quick(cls) -> "Options":
        """Enough to see that it works."""
        return cls(rounds=2, seconds=1, people=1_000, handovers=500)

    def but(self, rounds: int | None, seconds: int | None) -> "Options":
        """The same with what was asked for; raises ValueError for what cannot be."""
        options = replace(self, rounds=rounds or self.rounds, seconds=seconds or self.seconds)
        if options.rounds < 1 or not 1 <= options.seconds <= _LONGEST:
            raise ValueError(f"at least one round, and 1 to {_LONGEST} seconds")
        return options


def run(options: Options, output: Path, *, scale: bool = False) -> int:
    """Measure, print, write; 1 if any line is not valid, so that no figure is taken from it."""
    console = Console()
    progress = Console(stderr=True)
    machine = _machine(options)
    with _folder() as folder, progress.status("starting PostgreSQL") as status:
        settings = Settings(data_dir=folder, log_level="WARNING")
        configure_logging(settings)
        installation = Installation.open(settings)
        try:
            measured = _measured_scale if scale else _measured
            report = measured(options, installation, machine, status.update)
        finally:
            installation.close()
    report.show(console)
    report.write(output)
    console.print(f"written to {output}", highlight=False)
    return 0 if report.valid else 1


def _measured(
    options: Options, installation: Installation, machine: dict[str, Any], tell: Any
) -> Report:
    folder, server = installation.settings.data_dir, installation.embedded
    assert server is not None  # the settings name no database
    uvloop.run(installation.migrate())
    tell("filling the database")
    filled, scripts = uvloop.run(_prepared(installation, options))
    uvloop.run(settle(installation))
    copy_url = uvloop.run(copy_database(installation))
    pid = running_server(folder / "postgresql-18")
    assert pid is not None  # it has just answered
    requests = Requests(filled, Keyring.open(installation.settings.keys_folder, "gateway"))
    tell("starting the product")
    with scenarios(folder, server, copy_url, requests, scripts) as (found, missing):
        wrong = go_through(found, psutil.Process(pid), options.rounds, options.seconds, tell)
    lines = sorted((scenario.line for scenario in found), key=lambda line: place(line.key))
    lines += uvloop.run(
        assign_in_rounds(installation, requests, psutil.Process(pid), options.rounds, tell)
    )
    sizes = [SMALL, max(options.people, 2 * SMALL)]
    lines += uvloop.run(
        measure_learning(installation, psutil.Process(pid), options.rounds, sizes, tell)
    )
    by_key: dict[str, Line] = {line.key: line for line in lines}
    ratios = [*REQUEST_RATIOS, *ASSIGNING_RATIOS, readiness_ratio(sizes[-1])]
    return Report(
        machine,
        lines,
        [outcome(ratio, by_key) for ratio in ratios],
        missing,
        _remarks(machine, wrong),
    )


def _measured_scale(
    options: Options, installation: Installation, machine: dict[str, Any], tell: Any
) -> Report:
    uvloop.run(installation.migrate())
    pid = running_server(installation.settings.data_dir / "postgresql-18")
    assert pid is not None  # it has just answered
    lines, wrong, remarks = measure_scale(
        installation, psutil.Process(pid), options.rounds, options.seconds, tell
    )
    lines += uvloop.run(
        measure_learning(
            installation,
            psutil.Process(pid),
            options.rounds,
            [SMALL, LARGE],
            tell,
            assigning=True,
        )
    )
    by_key = {line.key: line for line in lines}
    outcomes = [outcome(ratio, by_key) for ratio in [*SCALE_RATIOS, *LARGE_RATIOS]]
    return Report(machine, lines, outcomes, (), [*_remarks(machine, wrong), *remarks])


async def _prepared(
    installation: Installation, options: Options
) -> tuple[Filled, dict[str, list[str]]]:
    app = AllInOne(installation.settings, installation)
    async with app.running():
        filled = await fill(app, people=options.people, handovers=options.handovers)
        keyring = Keyring.open(installation.settings.keys_folder, "gateway")
        return filled, await overhear(app, Requests(filled, keyring))


@contextmanager
def _folder() -> Iterator[Path]:
    """A data directory that is gone afterwards. Root's PostgreSQL runs as another user, who must be let in."""
    folder = Path(tempfile.mkdtemp(prefix="stafett-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _machine(options: Options) -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {
            name: version(name) for name in ("stafett", "fastapi", "uvicorn", "asyncpg", "aiohttp")
        },
        "load_by": load.tool(),
        "connections": load.CONNECTIONS,
        **{name: getattr(options, name) for name in ("rounds", "seconds", "people", "handovers")},
    }


def _remarks(machine: dict[str, Any], wrong: list[str]) -> list[str]:
    conditions = (
        f"{machine['cpus']} CPUs, Python {machine['python']}, load by {machine['load_by']} over "
        f"{machine['connections']} connections, {machine['rounds']} rounds of {machine['seconds']} s. "
        "CPU/request is that of all the product's processes in that line, less what they use at rest."
    )
    remarks = [conditions]
    if machine["load_before"] > 0.3 * machine["cpus"]:
        remarks.append(
            f"[yellow]The machine was busy before (load {machine['load_before']:.1f}): the figures are rough.[/]"
        )
    return remarks + [f"[red]wrong answer:[/] {text}" for text in wrong]
