"""What `stafett doctor` finds."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from migrations.upgrade import config_of
from services.chassis.keyring import make_pair
from services.chassis.settings import SERVICES, Settings
from services.commands.checkup import (
    Check,
    Verdict,
    data_dir,
    database,
    keys,
    neighbours,
    port,
    public_address,
    space,
    unknown_variables,
)
from services.installation import Installation, plain_address


def newest(service: str) -> str | None:
    """The revision at which a service's tables are after `stafett migrate`."""
    return ScriptDirectory.from_config(config_of(service)).get_current_head()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    return folder


def test_a_variable_that_is_no_setting_is_named_with_what_was_meant() -> None:
    [check] = unknown_variables({"STAFETT_PRT": "1", "STAFETT_PORT": "2", "HOME": "/"})
    assert check.verdict is Verdict.warning
    assert "STAFETT_PRT" in check.found
    assert check.remedy == "Did you mean STAFETT_PORT?"


def test_a_data_directory_in_which_others_may_write_is_wrong(folder: Path) -> None:
    assert data_dir(folder).verdict is Verdict.ok
    folder.chmod(0o777)
    assert data_dir(folder).verdict is Verdict.wrong


def test_a_data_directory_that_is_a_file_is_wrong(folder: Path) -> None:
    file = folder / "file"
    file.touch()
    assert data_dir(file).verdict is Verdict.wrong


def test_a_data_directory_that_is_still_to_be_made_is_right(folder: Path) -> None:
    assert data_dir(folder / "new" / "one").verdict is Verdict.ok
    assert space(folder / "new" / "one").verdict is not Verdict.wrong


def test_private_keys_that_others_may_read_are_wrong(folder: Path) -> None:
    assert [check.verdict for check in keys(folder / "none")] == [Verdict.ok]
    for service in SERVICES:
        make_pair(folder, service)
    assert [check.verdict for check in keys(folder)] == [Verdict.ok]
    (folder / "gateway.key").chmod(0o644)
    [check] = keys(folder)
    assert check.verdict is Verdict.wrong
    assert "gateway.key" in check.found


def test_a_public_key_that_is_missing_is_told(folder: Path) -> None:
    make_pair(folder, "gateway")
    [check] = keys(folder)
    assert check.verdict is Verdict.warning
    assert "handover, onboarding" in check.found


async def test_a_port_that_is_free_is_right_and_one_that_is_taken_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(host="127.0.0.1", port=taken.getsockname()[1])
        taken.listen()
        taken.settimeout(5)
        assert (await port(settings)).verdict is Verdict.wrong
    assert (await port(settings)).verdict is Verdict.ok


@pytest.mark.parametrize(
    ("given", "carried"),
    [
        ({"port": 8144}, "http://127.0.0.1:8144,"),
        ({"host": "0.0.0.0", "port": 8144}, "http://127.0.0.1:8144,"),
        ({"host": "stafett.internal", "port": 8144}, "http://stafett.internal:8144:"),
        ({"gateway_urls": ["http://gateway:8000"]}, "http://gateway:8000:"),
        ({"url": "http://localhost:8000"}, "http://localhost:8000,"),
        ({"public_url": "http://[::1]:8000"}, "http://[::1]:8000,"),
    ],
)
def test_certificates_that_nobody_elsewhere_could_verify_are_warned_of(
    given: dict[str, Any], carried: str
) -> None:
    check = public_address(Settings(**given))
    assert check.verdict is Verdict.warning
    assert f"carry {carried}" in check.found
    assert "STAFETT_PUBLIC_URL" in (check.remedy or "")


@pytest.mark.parametrize("name", ["url", "public_url"])
def test_an_address_that_somebody_chose_and_others_reach_is_right(name: str) -> None:
    check = public_address(Settings(**{name: "https://stafett.example/", "port": 8144}))
    assert check.verdict is Verdict.ok
    assert check.found == "certificates carry https://stafett.example"


async def test_a_service_that_does_not_answer_is_wrong() -> None:
    settings = Settings(handover_urls=["http://127.0.0.1:1"])
    [check] = [check async for check in neighbours(settings)]
    assert check.verdict is Verdict.wrong
    assert "STAFETT_HANDOVER_URLS" in (check.remedy or "")


async def verdicts(installation: Installation) -> list[Check]:
    return [check async for check in database(installation.settings)]


@asynccontextmanager
async def changed(installation: Installation, change: str, back: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(plain_address(installation.admin_url()))
    try:
        await connection.execute(change)
        try:
            yield
        finally:
            await connection.execute(back)
    finally:
        await connection.close()


async def test_a_database_as_it_should_be_is_right(installation: Installation) -> None:
    checks = await verdicts(installation)
    assert [check.verdict for check in checks] == [Verdict.ok] * 3
    assert f"revision {newest('gateway')}, as stafett_gateway" in checks[0].found


async def test_a_table_whose_row_level_security_is_not_forced_is_named(
    installation: Installation,
) -> None:
    table = "ALTER TABLE gateway.team"
    async with changed(
        installation,
        f"{table} NO FORCE ROW LEVEL SECURITY",
        f"{table} FORCE ROW LEVEL SECURITY",
    ):
        [wrong] = [c for c in await verdicts(installation) if c.verdict is Verdict.wrong]
    assert "gateway.team" in wrong.found


async def test_tables_behind_this_version_are_told_to_be_migrated(
    installation: Installation,
) -> None:
    async with changed(
        installation,
        "UPDATE handover.alembic_version SET version_num = '0000'",
        f"UPDATE handover.alembic_version SET version_num = '{newest('handover')}'",
    ):
        [wrong] = [c for c in await verdicts(installation) if c.verdict is Verdict.wrong]
        assert not await installation.is_current()
    assert wrong.name == "database of handover"
    assert wrong.remedy == "Run stafett migrate."
    assert await installation.is_current()


async def test_a_database_that_nobody_answers_for_is_told_without_its_password() -> None:
    settings = Settings(database_url="postgresql://postgres:secret@127.0.0.1:1/stafett")  # type: ignore[arg-type]
    checks = [check async for check in database(settings)]
    assert [check.verdict for check in checks] == [Verdict.wrong] * 3
    assert not any("secret" in f"{check.found}{check.remedy}" for check in checks)


async def test_an_embedded_database_that_is_not_there_yet_is_not_started(folder: Path) -> None:
    settings = Settings(data_dir=folder)
    [check] = [check async for check in database(settings)]
    assert check.verdict is Verdict.ok
    assert list(folder.iterdir()) == []
