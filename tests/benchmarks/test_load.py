"""What is read off the programs that make the load."""

import pytest

from benchmarks import load, pgbench
from benchmarks.load import Sample, percentile


def test_the_measurement_is_found_among_what_wrk_prints() -> None:
    said = (
        "Running 3s test @ http://127.0.0.1:1\n  1 threads and 16 connections\n"
        'MEASURED {"requests": 9, "seconds": 3.0, "p50_ms": 1.5, "p99_ms": 2.5, "errors": 1}\n'
    )
    assert load.sample_of(said) == Sample(9, 3.0, 1.5, 2.5, 1)


def test_a_load_program_that_measured_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="did not say"):
        load.sample_of("unable to connect")


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile(range(1, 101), share) == value


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([], 0.5) == 0.0


SAID = """transaction type: multiple scripts
number of transactions actually processed: 4
number of failed transactions: 0 (0.000%)
tps = 2.000000 (without initial connection time)
"""


def test_pgbench_is_counted_from_the_moment_on_when_measuring_began() -> None:
    logs = ["0 1 900 0 99 999999\n0 2 2000 0 100 500000\n", "1 1 4000 0 101 0\n1 2 6000 0 101 10\n"]
    sample = pgbench.sample_of(SAID, logs, since=100.0, until=102.0)
    assert sample == Sample(3, 2.0, 4.0, 6.0, 0)


def test_failed_transactions_are_errors() -> None:
    said = SAID.replace("failed transactions: 0", "failed transactions: 3")
    sample = pgbench.sample_of(said, ["0 1 failed 0 100 0\n"], since=99.0, until=101.0)
    assert (sample.requests, sample.errors) == (0, 3)


def test_pgbench_that_measured_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="did not say"):
        pgbench.sample_of("", [], since=0.0, until=1.0)
