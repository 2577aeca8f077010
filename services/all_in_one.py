"""Every service in one process: the only file that imports all three.

The gateway's app is served; the others stand behind it as neighbours, called in this process. This file enters their
lifespans, nobody else does.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
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
            "onboarding": self.onboarding,
            "handover": self.handover,
        }

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self.front(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All services, started; stopped on leaving.

        They follow one another's feeds once all have started, and no more before the first one stops.
        """
        async with AsyncExitStack() as stack:
            for app in self.neighbours.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            for app in self.neighbours.values():
                app.state.runtime.start_following()
                stack.push_async_callback(app.state.runtime.stop_following)
            yield

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})
