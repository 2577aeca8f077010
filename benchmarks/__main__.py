"""`python -m benchmarks`: measure the speeds, print the table, write it as JSON."""

import argparse
import sys
from pathlib import Path

from benchmarks.run import Options, run

parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
parser.add_argument("--quick", action="store_true", help="two rounds of one second, little data")
parser.add_argument(
    "--scale",
    action="store_true",
    help="instead: 100,000 handovers, and people of a rollout, against 1,000 (filling takes some minutes and 5 GB)",
)
parser.add_argument("--rounds", type=int, help="how often every line is measured (default: 5)")
parser.add_argument("--seconds", type=int, help="how long each time (default: 3; at most 30)")
parser.add_argument(
    "--output",
    type=Path,
    default=Path(__file__).parent / "results" / "latest.json",
    help="where the results go as JSON",
)

if __name__ == "__main__":
    given = parser.parse_args()
    options = Options.quick() if given.quick else Options()
    try:
        options = options.but(given.rounds, given.seconds)
    except ValueError as error:
        parser.error(str(error))
    try:
        sys.exit(run(options, given.output, scale=given.scale))
    except KeyboardInterrupt:
        sys.exit("Stopped; nothing was written.")
