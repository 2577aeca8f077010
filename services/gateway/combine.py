"""What needs more than one service: the feed over all of them."""

import asyncio
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from services.chassis.caller import Caller
from services.chassis.errors import FieldError, Invalid, Unavailable
from services.chassis.events import Cursor
from services.chassis.internal_token import issue_for
from services.chassis.runtime import Runtime
from services.chassis.settings import SERVICES

Events = list[dict[str, Any]]


async def ask(
    runtime: Runtime,
    service: str,
    path: str,
    params: Mapping[str, Any],
    caller: Caller,
    timeout: float = 10.0,
) -> bytes:
    """What a service answers to `caller`; raises `Unavailable` when it does not."""
    token = issue_for(runtime.keyring, caller, service, runtime.clock())
    try:
        response = await runtime.client(service).get(
            path,
            params={k: v for k, v in params.items() if v is not None},
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
        )
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable("A part of the answer is not to be had right now.") from error
    return response.content


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the feed over all services: one in each of theirs, written with dots between them."""

    cursors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> "Place":
        """Raises `Invalid` for anything but an earlier answer's place."""
        if not text:
            return cls({service: str(Cursor()) for service in SERVICES})
        parts = text.split(".")
        if len(parts) != len(SERVICES):
            raise Invalid(
                "The place in the feed is not known.",
                errors=[
                    FieldError("/after", "Take it from an answer of this feed.", where="query")
                ],
            )
        return cls(
            {
                service: str(Cursor.parse(part))
                for service, part in zip(SERVICES, parts, strict=True)
            }
        )

    def after(self, events: Events) -> "Place":
        """The place after `events`, which name their service as source."""
        cursors = dict(self.cursors)
        for event in events:
            cursors[event["source"].removeprefix("/")] = event["sequence"]
        return Place(cursors)

    def __str__(self) -> str:
        return ".".join(self.cursors[service] for service in SERVICES)


async def read_events(
    runtime: Runtime,
    caller: Caller,
    place: Place,
    types: Sequence[str] | None,
    limit: int,
    timeout_seconds: float,
) -> tuple[Events, Place]:
    """The next events of the caller's organization from everywhere; waits for the first one if there is none yet."""

    async def of(service: str, wait: float) -> Events:
        params = {"after": place.cursors[service], "type": types, "limit": limit, "timeout": wait}
        content = await ask(
            runtime, service, "/internal/organization-events", params, caller, timeout=wait + 10
        )
        told: Events = orjson.loads(content)
        return told

    async def now() -> Events:
        told = await asyncio.gather(*(of(service, 0) for service in SERVICES))
        # Each service's own order is kept, whatever the clocks say; the cursors depend on it.
        return list(heapq.merge(*told, key=lambda event: event["time"]))[:limit]

    events = await now()
    if not events and timeout_seconds > 0:
        waiting = [asyncio.ensure_future(of(service, timeout_seconds)) for service in SERVICES]
        try:
            for first in asyncio.as_completed(waiting):
                if await first:
                    break
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        events = await now()
    return events, place.after(events)
