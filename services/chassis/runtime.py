"""What a running service holds: its settings, database, keys, clock and the feeds that it follows."""

import asyncio
import random
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.chassis.caller import Caller, Follower, Role
from services.chassis.database import Database
from services.chassis.errors import Unavailable
from services.chassis.internal_token import Clock, TokenVerifier, issue_for
from services.chassis.keyring import Keyring
from services.chassis.listeners import FeedFollower, Listener
from services.chassis.seal import Seal
from services.chassis.settings import Settings

# In one process: the services' apps by name. Apart: empty, and the settings know the addresses.
Neighbours = MutableMapping[str, Any]


# Each holds a connection for as long as its reader takes; others need some, too.
_EXPORTS = 4


@dataclass
class Runtime:
    """Made when a service starts, closed when it stops."""

    service: str
    settings: Settings
    database: Database
    keyring: Keyring
    clock: Clock
    neighbours: Neighbours
    confidential: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    verifier: TokenVerifier = field(init=False)
    seal: Seal = field(init=False)
    followers: dict[str, FeedFollower] = field(default_factory=dict)
    exports: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_EXPORTS))
    _clients: dict[str, list[httpx.AsyncClient]] = field(default_factory=dict)
    _following: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.verifier = TokenVerifier(self.keyring, self.service, self.clock)
        self.seal = Seal(self.settings.keys_folder)

    def follow(self, feeds: Mapping[str, Mapping[str, Listener]]) -> None:
        """Prepare to follow the feeds of other services."""
        for source, listeners in feeds.items():
            self.followers[source] = FeedFollower(
                self.database,
                self.service,
                source,
                listeners,
                client=lambda source=source: self.client(source),  # type: ignore[misc]
                token=lambda source=source: issue_for(  # type: ignore[misc]
                    self.keyring, Follower(self.service), source, self.clock()
                ),
                pause_seconds=self.settings.follow_seconds,
            )

    def hidden_from(self, caller: Caller) -> list[str]:
        """How the types of events begin that tell of others more than the caller may know."""
        return [start for start, roles in self.confidential.items() if not caller.has(*roles)]

    def client(self, service: str) -> httpx.AsyncClient:
        """An HTTP client to one replica of another service."""
        clients = self._clients.get(service)
        if clients is None:
            clients = self._clients[service] = self._connect(service)
        # Spreading load; nothing secret hangs on it.
        return random.choice(clients)  # nosec B311

    def _connect(self, service: str) -> list[httpx.AsyncClient]:
        app = self.neighbours.get(service)
        timeout = httpx.Timeout(10.0, connect=2.0)
        if app is not None:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            return [
                httpx.AsyncClient(
                    transport=transport, base_url=f"http://{service}", timeout=timeout
                )
            ]
        urls = self.settings.urls_of(service)
        if not urls:
            raise Unavailable(
                "Nobody said where {service} is: set {variable}.",
                service=service,
                variable=f"STAFETT_{service.upper()}_URLS",
            )
        return [httpx.AsyncClient(base_url=url, timeout=timeout) for url in urls]

    def start_following(self) -> None:
        """Follow the feeds from now on."""
        self._following = [asyncio.create_task(one.run()) for one in self.followers.values()]

    async def stop_following(self) -> None:
        """Follow them no more."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)

    async def close(self) -> None:
        for clients in self._clients.values():
            for client in clients:
                await client.aclose()
        await self.database.close()
