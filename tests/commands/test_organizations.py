"""The commands that an operator types before anybody can be let in."""

import json
import re
import socket
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner, Result

from services.cli import app
from services.commands.serve import NEIGHBOURS
from services.gateway.domain.api_key import PresentedKey
from services.handover.domain.deals_of_csv import DealColumns
from services.handover.domain.handover import EngagementType
from services.installation import Installation, plain_address

Type = Callable[..., Result]


@pytest.fixture
def type_(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a command, for this worker's database."""
    monkeypatch.setenv("STAFETT_DATABASE_URL", plain_address(installation.admin_url()))
    monkeypatch.setenv("STAFETT_DATA_DIR", str(installation.settings.data_dir))
    monkeypatch.delenv("STAFETT_API_KEY", raising=False)

    def typed(*words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    return typed


def found(type_: Type, name: str, *options: str) -> dict[str, Any]:
    result = type_(
        *("organizations", "create", name, "--admin-name", "Åse Admin"),
        *("--admin-email", "ase@nord.example", "--locale", "nb-NO", "--json"),
        *options,
    )
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_an_organization_is_founded_with_its_admin_and_a_key(type_: Type) -> None:
    told = found(type_, f"Nord {uuid4()}")
    assert str(PresentedKey.parse(told["key"]).organization_id) == told["organization_id"]


def test_a_key_is_made_for_a_person_of_an_organization_that_is_named(type_: Type) -> None:
    name = f"Sør {uuid4()}"
    organization = found(type_, name)["organization_id"]
    words = ("keys", "create", "--email", "ASE@nord.example", "--name", "CRM", "--scope", "read")
    for named in (name.upper(), organization):
        result = type_(*words, "--organization", named, "--expires-in-days", "3", "--json")
        told = json.loads(result.stdout)
        assert UUID(told["id"]) == PresentedKey.parse(told["key"]).id
        assert told["organization_id"] == organization
        assert told["scopes"] == ["read"]
        assert told["expires_at"]
    plain = type_(*words, "--organization", organization)
    assert plain.stdout.startswith("stf_")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--organization", "Nobody's", "--email", "a@b.example"), "There is no organization"),
        (
            ("--organization", str(uuid4()), "--email", "a@b.example"),
            "Nobody has the address a@b.example.",
        ),
    ],
)
def test_a_key_for_nobody_is_refused_in_plain_words(
    type_: Type, options: tuple[str, ...], words: str
) -> None:
    result = type_("keys", "create", "--name", "CRM", *options)
    assert result.exit_code == 1
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_name_that_is_taken_is_refused(type_: Type) -> None:
    name = f"Vest {uuid4()}"
    organization = found(type_, name)["organization_id"]
    result = type_(
        *("organizations", "create", name.upper(), "--admin-name", "Åse Admin"),
        *("--admin-email", "ase@nord.example"),
    )
    assert result.exit_code == 1
    assert organization in result.stderr
    assert "--again" in result.stderr


def test_two_organizations_of_one_name_are_told_apart_by_id(type_: Type) -> None:
    name = f"Tvilling {uuid4()}"
    ids = [found(type_, name, *again)["organization_id"] for again in ((), ("--again",))]
    result = type_(
        *("keys", "create", "--organization", name, "--email", "ase@nord.example"),
        *("--name", "CRM"),
    )
    assert result.exit_code == 1
    assert all(id in result.stderr for id in ids)


@pytest.mark.parametrize(
    "options",
    [
        ("--admin-name", "Åse", "--admin-email", "nobody"),
        ("--admin-name", " ", "--admin-email", "ase@nord.example"),
        ("--admin-name", "Åse", "--admin-email", "ase@nord.example", "--locale", "norsk"),
        ("--admin-name", "Åse", "--admin-email", "ase@nord.example", "--time-zone", "Oslo"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_founded(
    type_: Type, options: tuple[str, ...]
) -> None:
    assert type_("organizations", "create", "Nord", *options).exit_code == 2


def test_migrating_again_says_that_there_is_nothing_to_do(type_: Type) -> None:
    told = json.loads(type_("migrate", "--json").stdout)
    assert told["services"]["gateway"]["before"] == told["services"]["gateway"]["after"]
    assert told["keys_made"] == []
    assert "up to date already" in type_("migrate").stdout


def test_the_doctor_finds_nothing_wrong_and_ends_with_0(type_: Type) -> None:
    result = type_("doctor", "--json")
    told = json.loads(result.stdout)
    databases = [c["verdict"] for c in told["checks"] if c["name"].startswith("database")]
    assert databases == ["ok", "ok", "ok"]
    assert (result.exit_code == 0) == told["healthy"]


def test_the_doctor_names_a_setting_that_cannot_be_read(
    type_: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAFETT_PORT", "many")
    result = type_("doctor")
    assert result.exit_code == 1
    assert "STAFETT_PORT" in result.stdout


def test_the_document_is_written_without_a_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STAFETT_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    file = tmp_path / "openapi.json"
    assert CliRunner().invoke(app, ["openapi", "--output", str(file)]).exit_code == 0
    document = json.loads(file.read_text())
    assert document["openapi"].startswith("3.1")
    assert {"/v1/people", "/v1/handovers", "/v1/courses"} <= set(document["paths"])


def test_a_service_apart_says_which_addresses_it_was_not_told(
    type_: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAFETT_HANDOVER_URLS", "http://127.0.0.1:8001")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for service, missing in (
            ("gateway", {"ONBOARDING"}),
            ("handover", {"GATEWAY", "ONBOARDING"}),
            ("onboarding", {"GATEWAY"}),
        ):
            said = type_("serve", service, "--port", port).stderr
            assert set(re.findall(r"STAFETT_(\w+)_URLS", said)) == missing


def test_the_addresses_that_a_service_needs_are_of_those_it_follows() -> None:
    for service in ("handover", "onboarding"):
        listeners = import_module(f"services.{service}.listeners")
        assert set(NEIGHBOURS[service]) == set(listeners.FOLLOWS)


def test_deals_of_any_file_need_a_mapping_and_are_told_its_fields(
    type_: Type, tmp_path: Path
) -> None:
    file = tmp_path / "deals.csv"
    file.write_text("No,Deal,Customer\n1,Porten,Havnen\n")
    result = type_("import", "deals", str(file))
    assert result.exit_code == 1
    assert "--mapping" in result.stderr
    assert all(field.name in result.stderr for field in fields(DealColumns))


def test_the_help_lists_every_engagement_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    said = CliRunner().invoke(app, ["import", "deals", "--help"]).output
    assert all(kind.value in said for kind in EngagementType)


def test_an_unknown_service_is_refused(type_: Type) -> None:
    assert type_("serve", "kitchen").exit_code == 2
    assert type_("serve", "gateway", "--demo").exit_code == 2
