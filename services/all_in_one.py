"""Every service in one process: the only file that imports all three.

The gateway's app is served; the others stand behind it as neighbours, called in this process. This file enters their
lifespans, nobody else does.
"""

from contextlib import AsyncExitStack
from typing import Any

from services.chassis.internal_token import Clock, utc_now
from services.chassis.runtime import Neighbours
from services.chassis.settings import Settings
from services.gateway import app as gateway
from services.handover import app as handover
from services.installation import Installation
from services.onboarding import app as onboarding


class AllInOne:
    """The product as one ASGI app."""

    def __init__(
        self, settings: Settings, installation: Installation, clock: Clock = utc_now
    ) -> None:
        self.neighbours: Neighbours = {}
        arguments: Any = {"neighbours": self.neighbours, "clock": clock}
        self.handover = handover.create(settings, installation.url_of("handover"), **arguments)
        self.onboarding = onboarding.create(
            settings, installation.url_of("onboarding"), **arguments
        )
        self.front = gateway.create(settings, installation.url_of("gateway"), **arguments)
        self.neighbours |= {
            "gateway": self.front.own,
            "handover": self.handover,
            "onboarding": self.onboarding,
        }

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self.front(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            try:
                for app in self.neighbours.values():
                    await stack.enter_async_context(app.router.lifespan_context(app))
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
