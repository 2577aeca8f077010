"""The product as it is served: one process for each service, and all in one; each with a database of its own."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.servers import Server, environment, free_port, started
from services.chassis.settings import SERVICES
from services.installation import Installation, plain_address

STAFETT = str(Path(sys.executable).with_name("stafett"))
_COPY = "together"


@contextmanager
def apart(folder: Path) -> Iterator[dict[str, Server]]:
    """Each service in a process of its own, by name."""
    ports = {service: free_port() for service in SERVICES}
    addresses = {f"{service}_urls": f"http://127.0.0.1:{port}" for service, port in ports.items()}
    with ExitStack() as stack:
        yield {
            service: stack.enter_context(
                started(
                    service,
                    [STAFETT, "serve", service],
                    port=port,
                    log=folder / f"{service}.log",
                    env=environment(data_dir=folder, port=port, **addresses),
                )
            )
            for service, port in ports.items()
        }


async def settle(installation: Installation) -> None:
    """Do now what autovacuum would do in the minute after the filling: without statistics, plans are guesses."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(
        plain_address(installation.admin_url())
    )
    try:
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


async def copy_database(installation: Installation) -> str:
    """A copy of the filled database, so that the two ways of running do not work for each other; its address."""
    admin = installation.admin_url()
    connection: asyncpg.Connection[Any] = await asyncpg.connect(
        plain_address(admin.set(database="postgres"))
    )
    try:
        await connection.execute(f"CREATE DATABASE {_COPY} TEMPLATE stafett")
    finally:
        await connection.close()
    return plain_address(admin.set(database=_COPY))


@contextmanager
def all_in_one(folder: Path, database_url: str) -> Iterator[Server]:
    """Every service in one process."""
    port = free_port()
    env = environment(data_dir=folder, port=port, database_url=database_url)
    log = folder / "all-in-one.log"
    with started("all in one", [STAFETT, "serve"], port=port, log=log, env=env) as server:
        yield server


@contextmanager
def gateway_before(upstream: Server, folder: Path) -> Iterator[Server]:
    """A gateway process that takes `upstream` for the handover service."""
    port = free_port()
    env = environment(
        data_dir=folder, port=port, handover_urls=upstream.url, onboarding_urls=upstream.url
    )
    log = folder / "gateway-before-trivial.log"
    command = [STAFETT, "serve", "gateway"]
    with started("gateway", command, port=port, log=log, env=env) as server:
        yield server
