"""The lines of the README's story do what it says, pasted into a shell against a running Stafett."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.installation import Installation

ROOT = Path(__file__).parent.parent
COMMANDS = Path(sys.executable).parent
README = (ROOT / "README.md").read_text()
ONBOARDING = (ROOT / "docs/onboarding.md").read_text()

# Notes the status and the body of every answer, and passes the body on.
NOTED = """
curl() {
  local status; status=$(command curl -o answer -w '%{http_code}' "$@") || return
  { echo "$status"; cat answer; echo; } >>answers
  cat answer
}
"""


def story(name: str, text: str = README) -> str:
    found = re.search(rf"<!-- story: {name} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert found, f"there is no story: {name}"
    return found[1].replace(".venv/bin/stafett", shlex.quote(str(COMMANDS / "stafett")))


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]


@pytest.fixture(scope="session")
def environment(
    installation: Installation, run_dir: Path, worker_id: str
) -> Iterator[dict[str, str]]:
    """The settings of a Stafett of its own, on the run's PostgreSQL."""
    data_dir = run_dir / f"readme-{worker_id}"
    data_dir.mkdir()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STAFETT_")}
    yield {
        **kept,
        "STAFETT_DATA_DIR": str(data_dir),
        "STAFETT_PORT": str(port),
        "STAFETT_DATABASE_URL": installation.admin_url()
        .set(drivername="postgresql")
        .render_as_string(hide_password=False),
    }
    shutil.rmtree(data_dir)


@pytest.fixture(scope="session")
def served(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Stafett with its demo data, as `make run` starts it."""
    log = Path(environment["STAFETT_DATA_DIR"]) / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [COMMANDS / "stafett", "serve", "--demo"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout
        ready = any(line.startswith("Stafett listens on") for line in process.stdout)
        if not ready:
            pytest.fail("Stafett did not start: " + log.read_text()[-2000:])
        yield environment
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


# What a stranger asks for: the handover of the story, and what is in it.
STRANGER = "".join(
    f"curl -s --oauth2-bearer $STRANGER $API/v1/handovers/$HANDOVER{path}\n"
    for path in (
        "",
        "/readiness",
        "/stakeholders",
        "/promises",
        "/promises/$PROMISE",
        "/coverage",
        "/walkthroughs",
    )
)


@pytest.fixture(scope="session")
def told(served: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """What the story's lines were answered, in their order, and the stranger's after them."""
    return pasted(f"{story('lines')}\n{STRANGER}", served, tmp_path_factory.mktemp("story"))


def pasted(lines: str, served: dict[str, str], folder: Path) -> list[Answer]:
    """What lines were answered, in their order, with the keys of the demo company."""
    script = f"set -eu\n{NOTED}\n{story('keys')}\n{lines}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=served, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    lines = (folder / "answers").read_text().splitlines()
    return [Answer(int(s), json.loads(b)) for s, b in zip(lines[::2], lines[1::2], strict=True)]


@pytest.fixture
def answers(told: list[Answer]) -> list[Answer]:
    """What the story's lines were answered."""
    return told[:12]


def test_the_story_has_ten_lines_and_each_is_answered(answers: list[Answer]) -> None:
    assert len(re.findall(r"^# \d+\.", story("lines"), re.MULTILINE)) == 10
    assert [answer.status for answer in answers] == [
        *(201, 200, 201, 201),  # what the seller writes
        *(200, 200, 409, 201, 200, 201, 200),  # what the two do with it
        200,  # what the learner sees
    ]


def test_a_draft_lacks_who_decides_and_what_was_promised(answers: list[Answer]) -> None:
    opened, readiness = answers[0].body, answers[1].body
    assert opened["state"] == "draft"
    assert readiness["ready"] is False
    assert [gap["item"] for gap in readiness["missing"]] == ["deciding_stakeholder", "promises"]


def test_the_handover_goes_from_the_seller_to_the_lead(answers: list[Answer]) -> None:
    assert answers[2].body["role"] == "economic_buyer"
    assert answers[3].body["state"] == "offered"
    states = [answers[line].body["state"] for line in (4, 5, 10)]
    assert states == ["submitted", "in_review", "accepted"]


def test_a_promise_that_was_not_read_back_forbids_the_acceptance(answers: list[Answer]) -> None:
    promise, refused, read_back = answers[3].body, answers[6].body, answers[9].body
    assert refused["type"] == "/problems/conflict"
    pointers = [error["pointer"] for error in refused["errors"]]
    assert pointers == [f"/promises/{promise['id']}", "/walkthroughs"]
    assert read_back["promise_id"] == promise["id"]
    assert read_back["stance"] == "promise"


def test_a_learner_sees_what_to_learn_and_by_when(answers: list[Answer]) -> None:
    learning = answers[11].body
    assert learning["open"]
    assert learning["next"]["title"]


def test_the_key_of_a_stranger_opens_none_of_these_addresses(told: list[Answer]) -> None:
    assert [answer.status for answer in told[12:]] == [404] * STRANGER.count("\n")


def test_a_tool_goes_live_once_whoever_stands_there_has_learnt_it(
    served: dict[str, str], tmp_path: Path
) -> None:
    answers = pasted(story("onboarding", ONBOARDING), served, tmp_path)
    assert [answer.status for answer in answers] == [
        *(201, 201, 201, 200),  # the tool and its course
        *(201, 201, 200),  # the curriculum
        *(201, 201, 200, 200),  # the rollout
        *(409, 201, 200, 200),  # the gate
    ]
    refused, live = answers[-4].body, answers[-1].body
    assert refused["type"] == "/problems/gate-not-met"
    [team] = refused["teams"]
    [person] = team["missing"]["people"]
    assert person["lacks_titles"] == ["Before the till opens"]
    assert live["state"] == "live"
