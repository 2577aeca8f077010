"""Stafett in this process, for commands that need no server: the database at hand, and the API called directly."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from services.chassis.settings import Settings

if TYPE_CHECKING:
    import httpx

    from services.chassis.database import Database
    from services.installation import Installation


@contextmanager
def opened(settings: Settings) -> Iterator["Installation"]:
    """The installation, for as long as the block lasts."""
    from services.installation import Installation

    installation = Installation.open(settings)
    try:
        yield installation
    finally:
        installation.close()


@asynccontextmanager
async def database_of(installation: "Installation", service: str) -> AsyncIterator["Database"]:
    """A service's database, with its own role."""
    from services.chassis.database import Database

    database = Database(installation.url_of(service), service, connections=2)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def api_in_this_process(installation: "Installation") -> AsyncIterator["httpx.AsyncClient"]:
    """A client of the whole API, running in this process for as long as the block lasts."""
    import httpx

    from services.all_in_one import AllInOne
    from services.chassis.telemetry import configure_logging

    # A line for each request is for servers; what goes wrong is told.
    configure_logging(installation.settings.model_copy(update={"log_level": "WARNING"}))
    app: Any = AllInOne(installation.settings, installation)
    async with app.running():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://stafett", timeout=120
        ) as client:
            yield client
