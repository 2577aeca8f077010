"""The processes of a run: started on free ports, watched for their CPU, stopped whatever happens."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parent.parent
_READY_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running process, and where it answers."""

    name: str
    url: str
    process: psutil.Process


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of a process, its living children, and those that it has waited for."""
    times = process.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in process.children(recursive=True):
        try:
            own = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += own.user + own.system
    return float(total)


class Cpu:
    """The CPU of processes, less what those that were watched use when nobody asks for anything."""

    def __init__(self, processes: Iterable[psutil.Process]) -> None:
        self._at_rest = dict.fromkeys(processes, 0.0)

    def rest(self, seconds: float) -> None:
        """Learn what they use at rest, by watching them for so long."""
        before = {process: cpu_seconds(process) for process in self._at_rest}
        time.sleep(seconds)
        for process, used in before.items():
            self._at_rest[process] = (cpu_seconds(process) - used) / seconds

    def since_now(self, processes: Sequence[psutil.Process]) -> Callable[[], float]:
        """What tells the seconds that were used from now on."""
        started = time.monotonic()
        before = sum(map(cpu_seconds, processes))
        resting = sum(self._at_rest.get(process, 0.0) for process in processes)

        def used() -> float:
            lasted = time.monotonic() - started
            return max(0.0, sum(map(cpu_seconds, processes)) - before - resting * lasted)

        return used


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def nginx() -> str | None:
    """The nginx of this machine, if it has one."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def environment(**settings: object) -> dict[str, str]:
    """Our environment with these settings of Stafett and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STAFETT_")}
    return kept | {f"STAFETT_{name.upper()}": str(value) for name, value in settings.items()}


@contextmanager
def started(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    log: Path,
    ready: str = "/health/ready",
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A process that answers at `port`; stopped on leaving. Raises RuntimeError if it does not come up."""
    with log.open("wb") as said:
        # A session of its own: Ctrl-C reaches us alone, and we stop it in order.
        child = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=said, stderr=said, start_new_session=True
        )
    try:
        server = Server(name, f"http://127.0.0.1:{port}", psutil.Process(child.pid))
        _wait_until_ready(server, child, server.url + ready, log)
        yield server
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_ready(
    server: Server, child: subprocess.Popen[bytes], address: str, log: Path
) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            if httpx.get(address, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(
                f"{server.name} did not come up. It said:\n{log.read_text(errors='replace')[-3000:]}"
            )
        time.sleep(0.1)


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules."""
    return [sys.executable, "-m", name, *arguments]


@contextmanager
def nginx_before(upstream: Server, program: str, folder: Path) -> Iterator[Server]:
    """nginx with one worker, which passes everything on to `upstream` over kept connections."""
    port = free_port()
    folder.mkdir()
    own = "user root;" if os.geteuid() == 0 else ""
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""
        {own} daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;
        events {{ worker_connections 1024; }}
        http {{
          access_log off; {places} keepalive_requests 1000000;
          upstream trivial {{
            server {upstream.url.removeprefix("http://")}; keepalive 64; keepalive_requests 1000000;
          }}
          server {{
            listen 127.0.0.1:{port};
            location / {{
              proxy_pass http://trivial; proxy_http_version 1.1; proxy_set_header Connection "";
            }}
          }}
        }}""")
    command = [program, "-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    with started("nginx", command, port=port, log=folder / "log", ready="/") as server:
        yield server
