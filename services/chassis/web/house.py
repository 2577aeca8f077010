"""What every service answers: health, metrics, its document and its feed."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from services.chassis.caller import Follower
from services.chassis.events import Cursor, read_feed, settle
from services.chassis.web.request import CallerDep, RuntimeDep, follower_of
from services.chassis.web.route import Route

house = APIRouter(route_class=Route)


@house.get("/health/live", include_in_schema=False)
async def live() -> Response:
    """The process runs."""
    return Response(b'{"status":"live"}', media_type="application/json")


@house.get("/health/ready", include_in_schema=False)
async def ready(runtime: RuntimeDep) -> Response:
    """It can work: its database answers. Which feeds it has caught up with is told, too."""
    async with runtime.database.across_organizations() as (_, driver):
        await driver.fetchval("SELECT 1")
    feeds = {
        name: None if f.caught_up_at is None else f.caught_up_at.isoformat()
        for name, f in runtime.followers.items()
    }
    return _json({"status": "ready", "service": runtime.service, "feeds": feeds})


@house.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@house.get("/internal/openapi.json", include_in_schema=False)
async def document(request: Request, _: Annotated[Follower, Depends(follower_of)]) -> Response:
    """This service's part of the OpenAPI document."""
    return _json(request.app.openapi())


@house.get("/internal/events", include_in_schema=False)
async def feed_of_all(
    runtime: RuntimeDep,
    _: Annotated[Follower, Depends(follower_of)],
    after: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> Response:
    """The feed over all organizations, for our own services."""
    async with runtime.database.across_organizations() as (_connection, driver):
        await settle(driver, None)
        events = await read_feed(driver, None, Cursor.parse(after), limit=limit)
    return Response(
        _as_list([e.cloud_event(runtime.service) for e in events]), media_type="application/json"
    )


@house.get("/internal/organization-events", include_in_schema=False)
async def feed_of_organization(
    runtime: RuntimeDep,
    caller: CallerDep,
    after: Annotated[str | None, Query(max_length=40)] = None,
    type: Annotated[list[str] | None, Query(max_length=50)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    timeout: Annotated[float, Query(ge=0, le=60)] = 0,
) -> Response:
    """The feed of the caller's organization; waits up to `timeout` seconds for the first event (long polling)."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    cursor = Cursor.parse(after)
    while True:
        async with runtime.database.reading(caller.organization_id) as reader:
            await settle(reader.connection, caller.organization_id)
            events = await read_feed(
                reader.connection,
                caller.organization_id,
                cursor,
                types=type,
                limit=limit,
                hidden=runtime.hidden_from(caller),
                reader_id=caller.person_id,
            )
        left = deadline - loop.time()
        if events or left <= 0:
            break
        await asyncio.sleep(min(runtime.settings.follow_seconds, left))
    return Response(
        _as_list([e.cloud_event(runtime.service) for e in events]), media_type="application/json"
    )


def _as_list(items: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
