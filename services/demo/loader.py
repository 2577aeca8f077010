"""Fills the demo company by sending its content through the API, each thing as the person who would do it.

While it is being filled the company has another name, so that one that was cut off is never taken for a whole one.
"""

import asyncio
import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from services.chassis.database import Database
from services.demo import launching, learning, promised
from services.demo.content import Data, content
from services.demo.keys import DemoKeys, found_again, issue_keys, keep
from services.demo.people import Colleague, Founded, found

if TYPE_CHECKING:
    from services.installation import Installation

# Requests at once: more than one waits for the database at any time, and no queue builds up.
AT_ONCE = 8
# How often a busy machine is asked again, after the seconds that it names.
PATIENCE = 30

# What is being done, how many of it are done, of how many.
Told = Callable[[str, int, int], None]


class NotFilled(RuntimeError):
    """The API refused something of the demo's content: a mistake of ours, told with its answer."""


class Sender:
    """Sends things in the name of people of the company, and counts them."""

    def __init__(
        self, client: httpx.AsyncClient, company: Founded, today: date, told: Told
    ) -> None:
        self.company, self.today = company, today
        self._client, self._told = client, told
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._done: dict[str, int] = {}

    def who(self, email: str) -> Colleague:
        """A colleague by e-mail address."""
        return self.company.people[email]

    def day(self, in_days: int) -> str:
        """So many days from today (negative: ago), as the API writes dates."""
        return (self.today + timedelta(days=in_days)).isoformat()

    def done(self, what: str, of: int) -> None:
        """One more of these is done."""
        self._done[what] = self._done.get(what, 0) + 1
        self._told(what, self._done[what], of)

    async def get(self, email: str, path: str, **params: Any) -> Any:
        """What the API answers to this person."""
        return await self._send("GET", email, path, params=params)

    async def post(self, email: str, path: str, body: Any = None) -> Any:
        """Create something as this person; what was created."""
        return await self._send("POST", email, path, json=body)

    async def upload(self, email: str, path: str, file: bytes, fields: Mapping[str, str]) -> Any:
        """Send a file as this person; what became of it."""
        sent = {"file": ("file.csv", file, "text/csv")}
        return await self._send("POST", email, path, files=sent, data=fields)

    async def patch(self, email: str, path: str, body: Any) -> Any:
        """Change something as this person."""
        headers = {"If-Match": (await self._answer("GET", email, path)).headers["ETag"]}
        return await self._send("PATCH", email, path, json=body, headers=headers)

    async def delete(self, email: str, path: str) -> None:
        """Take something back as this person."""
        headers = {"If-Match": (await self._answer("GET", email, path)).headers["ETag"]}
        await self._answer("DELETE", email, path, headers=headers)

    async def _send(self, method: str, email: str, path: str, **rest: Any) -> Any:
        return (await self._answer(method, email, path, **rest)).json()

    async def _answer(
        self, method: str, email: str, path: str, headers: Any = None, **rest: Any
    ) -> httpx.Response:
        key = {"Authorization": f"Bearer {self.who(email).key}"}

        async def ask() -> httpx.Response:
            async with self._at_once:
                return await self._client.request(
                    method, path, headers={**key, **(headers or {})}, **rest
                )

        response = await ask()
        for _ in range(PATIENCE):
            if response.is_success or "Retry-After" not in response.headers:
                break
            await asyncio.sleep(int(response.headers["Retry-After"]))
            response = await ask()
        if not response.is_success:
            sent = rest.get("json")
            raise NotFilled(f"{email}: {method} {path} {sent} → {response.text}")
        return response


async def fill(installation: "Installation", client: httpx.AsyncClient, told: Told) -> DemoKeys:
    """Fill the company and keep its keys; somebody who fills it at the same time is waited for."""
    with _alone(installation.settings.data_dir / "demo-lock"):
        # Whoever held the lock before us has filled it.
        keys = await found_again(installation)
        return keys if keys is not None else await _fill(installation, client, told)


async def _fill(installation: "Installation", client: httpx.AsyncClient, told: Told) -> DemoKeys:
    company, today = content().company, datetime.now(UTC).date()
    other = company["other_organization"]
    unfinished = f"{content().name} (being filled)"
    gateway = Database(installation.url_of("gateway"), "gateway", connections=2)
    try:
        told("people", 0, 1)
        own = await found(
            gateway,
            unfinished,
            company["organization"],
            _by("key", company["team"]),
            content().people,
            today,
        )
        strangers = await found(
            gateway,
            other["name"],
            other,
            _by("key", other["team"]),
            _by("email", other["person"]),
            today,
        )
        told("people", 1, 1)
        sender = Sender(client, own, today, told)
        await learning.send(sender)
        admin, trainer = (
            next(p["email"] for p in company["person"] if p.get("demo") == role)
            for role in ("admin", "trainer")
        )
        await launching.send(sender, trainer)
        await promised.send_past_estimates(sender, admin)
        await promised.send(sender)
        await sender.patch(admin, "/v1/organization", {"name": content().name})
        holders = await issue_keys(gateway, {content().name: own.id, other["name"]: strangers.id})
    finally:
        await gateway.close()
    assert holders is not None  # they were founded above
    keys = DemoKeys(str(own.id), holders, *await _draft(client, holders["seller"].key))
    keep(installation.settings, keys)
    return keys


async def _draft(client: httpx.AsyncClient, seller_key: str) -> tuple[str, str]:
    """The seller's first draft and its customer, which the printed lines name."""
    headers = {"Authorization": f"Bearer {seller_key}"}
    me = (await client.get("/v1/me", headers=headers)).json()
    answer = await client.get(
        "/v1/handovers",
        params={"state": "draft", "seller_id": me["person_id"]},
        headers=headers,
    )
    draft = answer.json()["items"][-1]
    return draft["id"], draft["customer_id"]


def _by(name: str, rows: list[Data]) -> dict[str, Data]:
    return {row[name]: row for row in rows}


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
