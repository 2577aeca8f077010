"""Sending a file to the API, over the network or in this process, and gathering what became of its rows."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from services.chassis.settings import Settings
from services.commands.plain_words import Told, note, screen
from services.commands.running import api_in_this_process, database_of, opened
from services.commands.wanted import Wanted, problem_in

TRIES = 4
# Nothing was done.
_AGAIN = frozenset({429, 503})
_WHO = """
SELECT name, email FROM person WHERE active AND roles && $1::text[]
ORDER BY array_position($1::text[], roles[1]), id LIMIT 1
"""


@dataclass
class Imported:
    """What became of the rows of a file."""

    dry_run: bool
    counts: dict[str, int] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    further: dict[str, Any] = field(default_factory=dict)

    def add(self, answer: Mapping[str, Any]) -> None:
        """One part's answer."""
        for name, value in answer.items():
            if name == "rows":
                self.rows += value
            elif isinstance(value, bool):
                continue
            elif isinstance(value, int):
                self.counts[name] = self.counts.get(name, 0) + value
            elif isinstance(value, list):
                known = self.further.setdefault(name, [])
                known += [entry for entry in value if entry not in known]
            else:
                self.further[name] = value

    def as_json(self) -> dict[str, Any]:
        """As the API would have answered the file in one piece."""
        return {"dry_run": self.dry_run, **self.counts, **self.further, "rows": self.rows}


async def run(
    settings: Settings, wanted: Wanted, organization: str | None, *, dry_run: bool
) -> Imported:
    """Import the file; raises Told where it cannot be done."""
    wanted.check()
    parts = wanted.parts()
    async with _client(settings, wanted, organization) as client:
        form, files = await wanted.form(client)
        query = await wanted.query(client, dry_run=dry_run)
        imported = Imported(dry_run)
        from rich.progress import Progress

        console = screen(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task(wanted.file.name, total=sum(part.rows for part in parts))
            for part in parts:
                body = {"file": part.content, **files}
                path = f"{wanted.path}?{urlencode(query)}" if query else wanted.path
                answer = await send_part(client, path, form, body, dry_run=dry_run)
                if not answer.is_success:
                    done = "".join(f" {n} {what}." for what, n in imported.counts.items() if n)
                    before = f"\nBefore that:{done}" if done else ""
                    raise Told(problem_in(answer) + before)
                imported.add(answer.json())
                progress.update(task, advance=part.rows)
    return imported


async def send_part(
    client: httpx.AsyncClient,
    path: str,
    fields: dict[str, str],
    files: dict[str, bytes],
    *,
    dry_run: bool,
    pause_seconds: float = 1.0,
) -> httpx.Response:
    """Send one part. Where nobody knows what became of it, it is sent again under the same key.

    The pause before that doubles each time.
    """
    key = uuid4().hex
    headers = {
        "Idempotency-Key": key,
        # The same body each time, which the key stands for.
        "Content-Type": f"multipart/form-data; boundary={key}",
    }
    named = {name: (f"{name}.csv", content, "text/csv") for name, content in files.items()}
    if dry_run:
        path += f"{'&' if '?' in path else '?'}dry_run=true"
    for tried in range(1, TRIES + 1):
        try:
            answer = await client.post(path, data=fields, files=named, headers=headers)
        except httpx.ConnectError:
            raise
        except httpx.TransportError:
            if tried == TRIES:
                raise
        else:
            # The try that broke off may still be at it.
            at_it = b"/problems/in-progress" in answer.content
            if not (at_it or answer.status_code in _AGAIN) or tried == TRIES:
                return answer
        await asyncio.sleep(pause_seconds * 2 ** (tried - 1))
    raise AssertionError("the last try returns or raises")


# --- whom to ask, and as whom ---------------------------------------------------------------------


@asynccontextmanager
async def _client(
    settings: Settings, wanted: Wanted, organization: str | None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks for somebody: by the key that is set, or in this process."""
    async with AsyncExitStack() as stack:
        if settings.api_key is not None:
            if organization is not None:
                raise Told("STAFETT_API_KEY says whose data it is: leave --organization out.")
            client = await stack.enter_async_context(_over_network(settings))
            key = settings.api_key.get_secret_value()
        else:
            installation = stack.enter_context(opened(settings))
            await installation.make_current()
            find = _in_organization(organization) if organization else _in_demo
            key = await find(installation, wanted)
            client = await stack.enter_async_context(api_in_this_process(installation))
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


def _over_network(settings: Settings) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=settings.gateway_address, timeout=httpx.Timeout(120, connect=5)
    )


async def _in_demo(installation: Any, wanted: Wanted) -> str:
    from services.demo.keys import found_again, kept

    keys = None
    if kept(installation.settings) is not None:
        keys = await found_again(installation)
    if keys is None:
        raise Told(
            "Whose data is it? Set STAFETT_API_KEY (and STAFETT_URL where Stafett runs elsewhere), "
            "or name an organization of this installation with --organization."
        )
    holder = keys.keyholders[wanted.keyholder]
    note(
        f"STAFETT_API_KEY is not set: for the demo company, as {holder.name} ({wanted.keyholder})."
    )
    return holder.key


def _in_organization(id_or_name: str) -> Callable[[Any, Wanted], Any]:
    async def find(installation: Any, wanted: Wanted) -> str:
        from services.commands.organizations import organization_called
        from services.gateway.domain.founding import issue_key

        async with database_of(installation, "gateway") as database:
            id = await organization_called(database, id_or_name)
            async with database.reading(id) as reader:
                who = await reader.connection.fetchrow(_WHO, list(wanted.roles))
            if who is None:
                needed = " or ".join(wanted.roles)
                raise Told(f"Nobody in {id_or_name} has the role that it takes: {needed}.")
            note(f"As {who['name']} <{who['email']}>.")
            ends = datetime.now(UTC) + timedelta(hours=1)
            issued = await issue_key(database, id, who["email"], "stafett import", expires_at=ends)
            return issued.key

    return find
