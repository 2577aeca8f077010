"""Services as processes of their own, each on its port, as they run apart."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

PATIENCE_SECONDS = 60.0


def free_port() -> int:
    """A port of loopback that nobody listens on, and that the system gives to no connection while a replica is down."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Replica:
    """One process of one service."""

    service: str
    port: int
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("stafett"), "serve", self.service],
                env={**os.environ, **self.environment, "STAFETT_PORT": str(self.port)},
                stdout=log,
                stderr=log,
            )

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        assert self.process is not None
        return self.process.wait(PATIENCE_SECONDS)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def answers(self, path: str) -> int | None:
        """The status of a GET; None when nobody listens."""
        try:
            return httpx.get(self.url + path, timeout=5).status_code
        except httpx.TransportError:
            return None

    def wait_until(self, path: str, status: int | None) -> None:
        """Wait until a GET has this status."""
        self.wait_for(lambda: self.answers(path) == status, f"{path} to answer {status}")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait, but not for ever and not for somebody who is gone; then its log is told."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert self.process is not None
            if time.monotonic() > deadline or self.process.poll() not in (None, 0, -9):
                raise TimeoutError(f"{self.service}: waited for {what}\n{self.said()}")
            time.sleep(0.05)


@dataclass
class Apart:
    """Every service, several times."""

    replicas: dict[str, list[Replica]] = field(default_factory=dict)

    def all(self) -> list[Replica]:
        return [replica for of_one in self.replicas.values() for replica in of_one]

    def urls(self, service: str) -> list[str]:
        return [replica.url for replica in self.replicas[service]]

    def wait_until_all_say(self, words: str) -> None:
        for replica in self.all():
            replica.wait_for(lambda one=replica: words in one.said(), f"it to say {words}")  # type: ignore[misc]

    def wait_until_ready(self) -> None:
        for replica in self.all():
            replica.wait_until("/health/ready", 200)


@contextmanager
def apart(services: Sequence[str], environment: Mapping[str, str], logs: Path) -> Iterator[Apart]:
    """Two replicas of each of `services`, in this order of starting; ended whatever happens."""
    ports = {service: [free_port(), free_port()] for service in services}
    addresses = {
        f"STAFETT_{service.upper()}_URLS": ",".join(f"http://127.0.0.1:{port}" for port in of_one)
        for service, of_one in ports.items()
    }
    running = Apart()
    for service, of_one in ports.items():
        running.replicas[service] = [
            Replica(service, port, {**environment, **addresses}, logs / f"{service}-{port}.log")
            for port in of_one
        ]
    try:
        for replica in running.all():
            replica.start()
        yield running
    finally:
        started = [replica.process for replica in running.all() if replica.process is not None]
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
