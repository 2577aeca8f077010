"""What a run can be told."""

import pytest

from benchmarks.run import Options


def test_rounds_and_seconds_replace_what_is_usual() -> None:
    assert Options.quick().but(None, None) == Options.quick()
    asked = Options().but(rounds=7, seconds=2)
    assert (asked.rounds, asked.seconds, asked.people) == (7, 2, 10_000)


@pytest.mark.parametrize(("rounds", "seconds"), [(-1, 3), (5, 31), (5, -2)])
def test_a_round_outlives_no_token(rounds: int, seconds: int) -> None:
    with pytest.raises(ValueError, match="seconds"):
        Options().but(rounds, seconds)
