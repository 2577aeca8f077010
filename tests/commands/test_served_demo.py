"""`stafett serve --demo` as somebody starts it: another process, a data directory of its own, a free port."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.chassis.embedded import running_server

OPPORTUNITIES = """\
Id,Name,AccountId,StageName,Amount,IsWon,IsClosed,CloseDate
006000000000001AAA,Lagersystem,001000000000001AAA,Closed Won,350000,1,1,2026-10-01
006000000000002AAA,Porten,001000000000001AAA,Proposal,,,,2026-12-01
006000000000003AAA,Kartet,001000000000009AAA,Proposal,1,,,2026-12-01
"""
ACCOUNTS = "Id,Name\n001000000000001AAA,Fjellvåg Havn\n"


class Shell:
    """Where the commands are typed: a data directory, and no setting from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith("STAFETT_")}
        self.environment = {**kept, "STAFETT_DATA_DIR": str(folder / "data")}

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", "from services.cli import app; app()", *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def type_(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        said, beside = process.communicate(timeout=120)
        return process.returncode, said, beside


class Served:
    """A Stafett that was started, and what it printed until it listened."""

    def __init__(self, shell: Shell) -> None:
        began = time.monotonic()
        self.process = shell.start("serve", "--demo", "--port", "0")
        self.printed = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            if match := re.match(r"Stafett listens on (\S+)", line):
                self.address = match[1]
                break
        else:
            raise AssertionError(self.process.communicate()[1][-3000:])
        self.seconds = time.monotonic() - began

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, beside = self.process.communicate(timeout=60)
        return self.process.returncode, beside


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    # Every user may pass through it, so that it works for root too.
    folder = Path(tempfile.mkdtemp(prefix="stafett-served-"))
    folder.chmod(0o755)
    yield Shell(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def served(shell: Shell) -> Iterator[Served]:
    served = Served(shell)
    yield served
    if served.process.poll() is None:
        served.stop()


@pytest.fixture(scope="module")
def told(shell: Shell, served: Served) -> dict[str, Any]:
    """What `stafett demo --json` says beside the running server."""
    code, said, _ = shell.type_("demo", "--json")
    assert code == 0
    answer: dict[str, Any] = json.loads(said)
    return answer


def test_a_key_for_each_role_is_printed_and_told_again_as_json(
    served: Served, told: dict[str, Any]
) -> None:
    assert set(told["keys"]) == {
        *("seller", "delivery", "trainer", "manager", "admin", "learner", "stranger")
    }
    for role, key in told["keys"].items():
        assert re.search(rf"^  {role}\b.* {key}$", served.printed, re.MULTILINE)


def test_the_three_curl_lines_work_as_they_are_pasted(served: Served) -> None:
    lines = [line for line in served.printed.splitlines() if line.startswith("curl ")]
    assert len(lines) == 3
    for line in lines:
        words = shlex.split(line)
        headers = dict(
            words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "-H"
        )
        body = words[words.index("-d") + 1] if "-d" in words else None
        answer = httpx.request(
            "GET" if body is None else "POST", words[-1], headers=headers, content=body
        )
        assert answer.is_success, answer.text
        assert answer.json()


def test_what_another_learning_system_holds_is_imported_and_nothing_is_new_the_second_time(
    shell: Shell, told: dict[str, Any]
) -> None:
    learner = told["people"]["learner"]["email"]
    courses, completions = shell.folder / "courses.csv", shell.folder / "completions.csv"
    courses.write_text("short name;full name;duration\nbrann;Brannvern;0:30\n")
    completions.write_text(f"mail;kurs;fullført\n{learner};brann;17.03.2024\n")
    commands = [
        ("courses", str(courses), "--state", "published"),
        ("completions", str(completions), "--date-format", "DD.MM.YYYY"),
    ]
    for counts in ((1, 0), (0, 1)):
        for words in commands:
            code, said, beside = shell.type_("import", *words, "--json")
            assert code == 0, beside
            answer = json.loads(said)
            assert (answer["created"], answer["unchanged"]) == counts


def test_questions_are_imported_into_a_bank_that_is_begun_where_there_is_none(
    shell: Shell, told: dict[str, Any]
) -> None:
    file = shell.folder / "questions.gift"
    file.write_text("::Kassen::Kunden har alltid rett. {T}\n")
    code, _, beside = shell.type_("import", "gift", str(file), "--bank", "kassen")
    assert code == 1
    assert "--title begins one" in beside
    words = ("import", "gift", str(file), "--bank", "kassen", "--title", "Kassen", "--json")
    for counts in ((1, 0), (0, 1)):
        code, said, beside = shell.type_(*words)
        assert code == 0, beside
        answer = json.loads(said)
        assert (answer["created"], answer["unchanged"]) == counts
    code, said, _ = shell.type_(*words[:5], "--dry-run", "--json")
    assert json.loads(said)["dry_run"]


def test_deals_are_imported_beside_the_server_and_nothing_is_new_the_second_time(
    shell: Shell, told: dict[str, Any]
) -> None:
    file = shell.folder / "Opportunity.csv"
    file.write_text(OPPORTUNITIES)
    (shell.folder / "Account.csv").write_text(ACCOUNTS)
    for created in (2, 0):
        code, said, beside = shell.type_("import", "deals", str(file), "--json")
        answer = json.loads(said)
        assert code == 1, "a row failed"
        assert (answer["created"], answer["failed"]) == (created, 1)
        [failed] = [row for row in answer["rows"] if row["result"] == "failed"]
        assert failed["line"] == 4
        assert failed["errors"][0]["column"] == 3
        assert "Sigrid Myhre (seller)" in beside
        assert "taken as NOK" in beside


def test_past_estimates_are_imported_and_a_bad_row_is_told(
    shell: Shell, told: dict[str, Any]
) -> None:
    file = shell.folder / "past.csv"
    file.write_text("Nr;Lav;Trolig;Høy;Brukt\n1;4;6,5;12;9\n2;8;6;20;9\n")
    columns = shell.folder / "mapping.json"
    hours = zip(
        ("optimistic", "likely", "pessimistic", "actual"),
        ("Lav", "Trolig", "Høy", "Brukt"),
        strict=True,
    )
    columns.write_text(
        json.dumps({"external_id": "Nr"} | {f"{name}_hours": at for name, at in hours})
    )
    words = [
        "--mapping",
        str(columns),
        "--kind",
        "training",
        "--basis",
        "expert",
        "--decimal-mark",
        ",",
    ]
    code, said, _ = shell.type_("import", "estimates", str(file), *words, "--json")
    assert code == 1, "a row failed"
    answer = json.loads(said)
    assert (answer["created"], answer["failed"]) == (1, 1)
    code, said, beside = shell.type_("import", "estimates", str(file), *words[:2])
    assert code == 1
    assert "/default_kind" in beside


def test_people_are_imported_through_the_address_with_a_key(
    shell: Shell, served: Served, told: dict[str, Any]
) -> None:
    file = shell.folder / "people.csv"
    file.write_text("name,email,Kantinekort\nNy Kollega,ny@stenvarde.example,4711\n")
    shell.environment |= {"STAFETT_URL": served.address, "STAFETT_API_KEY": told["keys"]["admin"]}
    try:
        for dry_run, words in ((["--dry-run"], "It would be: 1 created"), ([], "Done: 1 created")):
            code, said, beside = shell.type_("import", "people", str(file), *dry_run)
            assert code == 0
            assert words in said
            assert "left out: Kantinekort." in beside
        shell.environment["STAFETT_API_KEY"] = told["keys"]["seller"]
        code, _, beside = shell.type_("import", "people", str(file))
        assert code == 1
        assert "admin" in beside
        assert "Traceback" not in beside
    finally:
        del shell.environment["STAFETT_URL"], shell.environment["STAFETT_API_KEY"]


def test_a_port_that_is_taken_is_told_before_anything_is_started(
    shell: Shell, served: Served
) -> None:
    port = str(httpx.URL(served.address).port)
    code, said, beside = shell.type_("serve", "--port", port)
    assert code == 1
    assert said == ""
    assert f"Cannot listen on 127.0.0.1:{port}" in beside


def test_it_ends_cleanly_and_the_second_start_is_quick_and_prints_the_same_keys(
    shell: Shell, served: Served, told: dict[str, Any]
) -> None:
    cluster = shell.folder / "data" / "postgresql-18"
    code, beside = served.stop()
    assert code == 0
    assert "Traceback" not in beside
    assert running_server(cluster) is None
    again = Served(shell)
    try:
        assert again.seconds < served.seconds
        assert all(key in again.printed for key in told["keys"].values())
    finally:
        code, beside = again.stop()
    assert code == 0
    assert "Filling" not in beside
