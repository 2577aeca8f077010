"""Serving: uvicorn around one service, or around all of them in one process."""

import asyncio
import importlib
import os
from typing import Any

import uvicorn

from services.chassis.settings import Settings
from services.chassis.telemetry import configure_logging
from services.installation import Installation

# Tells uvicorn's worker processes, which start from nothing, which service they are.
_SERVICE_VARIABLE = "STAFETT_SERVED_SERVICE"


def serve_all(settings: Settings, installation: Installation) -> None:
    """Serve every service in this process, until stopped."""
    from services.all_in_one import AllInOne

    configure_logging(settings)
    _run(AllInOne(settings, installation), settings, workers=1)


def serve_one(service: str, settings: Settings) -> None:
    """Serve one service, in as many processes as the settings say, until stopped."""
    os.environ[_SERVICE_VARIABLE] = service
    if settings.workers == 1:
        _run(app_of_environment(), settings, workers=1)
    else:
        _run("services.serving:app_of_environment", settings, workers=settings.workers)


def app_of_environment() -> Any:
    """The app of the service that the environment names."""
    service = os.environ[_SERVICE_VARIABLE]
    settings = Settings()
    configure_logging(settings)
    installation = Installation.open(settings)
    if installation.embedded is not None:
        asyncio.run(installation.migrate())
    return importlib.import_module(f"services.{service}.app").create(
        settings, installation.url_of(service)
    )


def _run(app: Any, settings: Settings, workers: int) -> None:
    uvicorn.run(
        app,
        factory=isinstance(app, str),
        host=settings.host,
        port=settings.port,
        workers=workers,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
