"""What came out: medians over the rounds, ratios against their targets, the table, and all of it as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.load import Sample


@dataclass(frozen=True)
class Round:
    """One go at one line: the load's measurement, and the CPU that was used meanwhile, in seconds."""

    sample: Sample
    server_cpu: float
    postgres_cpu: float


@dataclass
class Line:
    """A line of the table: one kind of request at one place."""

    key: str
    title: str
    rounds: list[Round] = field(default_factory=list)

    @property
    def errors(self) -> int:
        return sum(r.sample.errors for r in self.rounds)

    @property
    def valid(self) -> bool:
        """Measured, and every answer was a good one: errors are quick, and would flatter."""
        return (
            bool(self.rounds) and self.errors == 0 and all(r.sample.requests for r in self.rounds)
        )

    def each(self, figure: "Figure") -> list[float]:
        """A figure of every round."""
        return [_FIGURES[figure](r) for r in self.rounds]

    def of(self, figure: "Figure") -> float:
        """The median of a figure over the rounds."""
        return median(self.each(figure))


class Figure(StrEnum):
    """What is read off a round; times are in milliseconds."""

    rate = "rate"
    p50 = "p50"
    p99 = "p99"
    cpu = "cpu"
    postgres_cpu = "postgres_cpu"


_FIGURES = {
    Figure.rate: lambda r: r.sample.requests / r.sample.seconds,
    Figure.p50: lambda r: r.sample.p50_ms,
    Figure.p99: lambda r: r.sample.p99_ms,
    Figure.cpu: lambda r: r.server_cpu / r.sample.requests * 1000,
    Figure.postgres_cpu: lambda r: r.postgres_cpu / r.sample.requests * 1000,
}


PLACES = (
    "direct",
    "gateway",
    "together",
    "pgbench",
    "limit",
    "forward",
    "assign",
    "learning",
    "scale",
)


def place(key: str) -> int:
    """Where the line of this key stands in the table."""
    return PLACES.index(key.partition("/")[0])


@dataclass(frozen=True)
class Ratio:
    """Two lines held against each other, and what is aimed for, if anything."""

    title: str
    of: str
    to: str
    figure: Figure = Figure.rate
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Outcome:
    """A ratio as it came out: None where a line is missing or not valid.

    `by_cpu` is a ratio of rates had the CPU of the server's processes been all that counts: what other programs on the
    machine take from the load and from PostgreSQL changes it little.
    """

    title: str
    value: float | None
    target: str
    met: bool | None
    by_cpu: float | None = None


def outcome(ratio: Ratio, lines: Mapping[str, Line]) -> Outcome:
    """The median over the rounds of the ratio within each: what slows a whole round down cancels out."""
    target = ""
    if ratio.at_least is not None:
        target = f"≥ {ratio.at_least:.3f}"
    if ratio.at_most is not None:
        target = f"≤ {ratio.at_most:.3f}"
    of, to = lines.get(ratio.of), lines.get(ratio.to)
    if of is None or to is None or not of.valid or not to.valid:
        return Outcome(ratio.title, None, target, None)
    value = _median_ratio(of, to, ratio.figure)
    if value is None:
        return Outcome(ratio.title, None, target, None)
    by_cpu = _median_ratio(to, of, Figure.cpu) if ratio.figure is Figure.rate else None
    return Outcome(ratio.title, value, target, _met(ratio, value), by_cpu or None)


def _median_ratio(of: Line, to: Line, figure: Figure) -> float | None:
    pairs = list(zip(of.each(figure), to.each(figure), strict=True))
    return median(a / b for a, b in pairs) if all(b for _, b in pairs) else None


def _met(ratio: Ratio, value: float) -> bool | None:
    if ratio.at_least is not None:
        return value >= ratio.at_least
    if ratio.at_most is not None:
        return value <= ratio.at_most
    return None


@dataclass
class Report:
    """Everything that a run found out. `missing` and `remarks` say what it could not, and under what conditions."""

    machine: Mapping[str, Any]
    lines: Sequence[Line]
    outcomes: Sequence[Outcome]
    missing: Sequence[str] = ()
    remarks: Sequence[str] = ()

    @property
    def valid(self) -> bool:
        return all(line.valid for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        """All of it, with every round."""
        return {
            "machine": dict(self.machine),
            "missing": list(self.missing),
            "remarks": list(self.remarks),
            "lines": [
                {
                    "key": line.key,
                    "title": line.title,
                    "valid": line.valid,
                    "errors": line.errors,
                    **({figure.value: line.of(figure) for figure in Figure} if line.valid else {}),
                    "rounds": [asdict(r) for r in line.rounds],
                }
                for line in self.lines
            ],
            "ratios": [asdict(o) for o in self.outcomes],
        }

    def write(self, file: Path) -> None:
        """Write it as JSON; its folder is made."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n")

    def show(self, console: Console) -> None:
        """Print the tables, and what is missing."""
        console.print(_table_of_lines(self.lines))
        console.print(_table_of_ratios(self.outcomes))
        for text in self.remarks:
            console.print(text, highlight=False)
        for text in self.missing:
            console.print(f"[yellow]missing:[/] {text}", highlight=False)


def _table_of_lines(lines: Sequence[Line]) -> Table:
    table = Table(title="Medians over the rounds; times in ms", title_justify="left")
    table.add_column("what")
    for name in ("requests/s", "p50", "p99", "CPU/request", "PostgreSQL's CPU", "errors"):
        table.add_column(name, justify="right")
    for number, line in enumerate(lines):
        if number and place(line.key) != place(lines[number - 1].key):
            table.add_section()
        if line.valid:
            figures = [
                f"{line.of(Figure.rate):,.0f}"
                if line.of(Figure.rate) >= 10
                else f"{line.of(Figure.rate):.2f}"
            ]
            figures += [f"{line.of(f):.2f}" for f in (Figure.p50, Figure.p99)]
            figures += [f"{line.of(f):.3f}" for f in (Figure.cpu, Figure.postgres_cpu)]
            table.add_row(line.title, *figures, "0")
        else:
            table.add_row(line.title, *["[red]not valid[/]"] * 5, f"[red]{line.errors}[/]")
    return table


def _table_of_ratios(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="Ratios", title_justify="left")
    table.add_column("what")
    for name in ("ratio", "target", "", "by CPU"):
        table.add_column(name, justify="right")
    verdicts = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}
    for one in outcomes:
        value = "[red]not measured[/]" if one.value is None else f"{one.value:.3f}"
        table.add_row(
            one.title,
            value,
            one.target,
            verdicts[one.met],
            "" if one.by_cpu is None else f"{one.by_cpu:.3f}",
        )
    return table
