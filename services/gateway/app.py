"""The gateway: one line per concept of its own; everything else it passes on (forward.py)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.chassis.caller import Role
from services.chassis.internal_token import Clock, utc_now
from services.chassis.runtime import Neighbours, Runtime
from services.chassis.settings import Settings
from services.chassis.web import Service, create_app
from services.gateway.api import (
    api_keys,
    documents,
    events,
    identity_providers,
    me,
    organization,
    people,
    people_import,
    teams,
)
from services.gateway.forward import Front

SERVICE = Service(
    name="gateway",
    title="Stafett: gateway",
    description="Who may come in, where to go, and what went by.",
    routers=[
        me.router,
        organization.router,
        people.router,
        people_import.router,
        teams.router,
        api_keys.router,
        identity_providers.router,
        events.router,
        documents.router,
    ],
    confidential={
        "api-key.": frozenset({Role.admin}),
        "identity-provider.": frozenset({Role.admin}),
        "subject.": frozenset({Role.admin}),
    },
)


def create(
    settings: Settings,
    database_url: Any,
    neighbours: Neighbours | None = None,
    clock: Clock = utc_now,
) -> Front:
    """The gateway as it is served."""

    @asynccontextmanager
    async def lifespan(_: Runtime) -> AsyncIterator[None]:
        yield
        await front.close()

    own = create_app(
        SERVICE, settings, database_url, neighbours=neighbours, clock=clock, lifespan=lifespan
    )
    front = Front(own)
    return front
