"""What a run makes of its measurements."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.load import Sample
from benchmarks.report import Figure, Line, Ratio, Report, Round, outcome


def line(key: str, *requests: int, errors: int = 0, cpu: float = 1.0) -> Line:
    """A line with a round of two seconds for each number of requests."""
    return Line(
        key, f"the {key}", [Round(Sample(n, 2.0, 1.5, 9.0, errors), cpu, 0.5) for n in requests]
    )


def by_key(*lines: Line) -> dict[str, Line]:
    return {line.key: line for line in lines}


def test_figures_are_medians_over_the_rounds() -> None:
    measured = line("a", 100, 1000, 400)
    assert measured.of(Figure.rate) == 200
    assert measured.of(Figure.cpu) == pytest.approx(2.5)
    assert measured.of(Figure.postgres_cpu) == pytest.approx(1.25)
    assert (measured.of(Figure.p50), measured.of(Figure.p99)) == (1.5, 9.0)


def test_a_ratio_is_the_median_of_the_ratios_within_each_round() -> None:
    slow, quick = line("slow", 10, 20, 90), line("quick", 100, 40, 100)
    found = outcome(Ratio("r", "slow", "quick", at_least=0.5), by_key(slow, quick))
    assert (found.value, found.met) == (0.5, True)


def test_a_ratio_of_rates_is_also_told_by_cpu_where_both_used_some() -> None:
    lines = by_key(line("a", 100, cpu=4.0), line("b", 100, cpu=1.0), line("c", 100, cpu=0.0))
    assert outcome(Ratio("r", "a", "b"), lines).by_cpu == 0.25
    assert outcome(Ratio("r", "a", "c"), lines).by_cpu is None
    assert outcome(Ratio("r", "a", "b", Figure.cpu), lines).by_cpu is None
    assert outcome(Ratio("r", "a", "c", Figure.cpu, at_most=2), lines).met is None


@pytest.mark.parametrize(("most", "met"), [(2.0, True), (1.9, False)])
def test_a_target_may_be_a_ceiling(most: float, met: bool) -> None:
    heavy, light = line("heavy", 100, cpu=2.0), line("light", 100, cpu=1.0)
    ratio = Ratio("r", "heavy", "light", Figure.cpu, at_most=most)
    found = outcome(ratio, by_key(heavy, light))
    assert (found.value, found.met, found.target) == (2.0, met, f"≤ {most:.3f}")


def test_a_floor_that_is_not_reached_is_missed() -> None:
    lines = by_key(line("a", 10), line("b", 100))
    assert outcome(Ratio("r", "a", "b", at_least=1 / 3), lines).met is False


def test_a_ratio_without_a_target_is_only_told() -> None:
    found = outcome(Ratio("r", "a", "b"), by_key(line("a", 10), line("b", 100)))
    assert (found.value, found.target, found.met) == (0.1, "", None)


@pytest.mark.parametrize("other", [line("b", 100, errors=1), line("b"), line("b", 0), line("c", 9)])
def test_nothing_is_held_against_a_line_that_is_missing_or_not_valid(other: Line) -> None:
    lines = by_key(line("a", 10), other)
    found = outcome(Ratio("r", "a", "b", at_least=0.1), lines)
    assert (found.value, found.met) == (None, None)


def test_one_error_makes_a_line_and_the_report_not_valid() -> None:
    good, bad = line("a", 100), line("b", 100, 100, errors=1)
    assert bad.errors == 2
    assert Report({}, [good], []).valid
    assert not Report({}, [good, bad], []).valid


def test_the_table_says_what_was_not_valid_and_what_is_missing() -> None:
    report = Report(
        {"cpus": 2},
        [line("direct/a", 100), line("limit/b", 100, errors=7)],
        [outcome(Ratio("a ÷ b", "direct/a", "limit/b", at_least=0.5), {})],
        missing=["nginx: forwarding is not held against it"],
    )
    said = StringIO()
    report.show(Console(file=said, width=160))
    assert "not valid" in said.getvalue()
    assert "7" in said.getvalue()
    assert "not measured" in said.getvalue()
    assert "missing: nginx" in said.getvalue()


def test_the_json_holds_every_round_and_no_figure_of_a_line_that_is_not_valid(
    tmp_path: Path,
) -> None:
    lines = [line("direct/a", 100, 300), line("limit/b", 100, errors=1)]
    ratios = [outcome(Ratio("r", "direct/a", "limit/b"), by_key(*lines))]
    Report({"cpus": 2}, lines, ratios, ["wrk"], ["busy"]).write(tmp_path / "new" / "out.json")
    told = json.loads((tmp_path / "new" / "out.json").read_text())
    good, bad = told["lines"]
    assert good["rate"] == 100
    assert [r["sample"]["requests"] for r in good["rounds"]] == [100, 300]
    assert (bad["valid"], bad["errors"], "rate" in bad) == (False, 1, False)
    assert told["ratios"] == [
        {"title": "r", "value": None, "target": "", "met": None, "by_cpu": None}
    ]
    assert (told["machine"], told["missing"], told["remarks"]) == ({"cpus": 2}, ["wrk"], ["busy"])
