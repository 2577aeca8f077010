"""Serving: uvicorn around one service, or around all of them in one process."""

import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from services.chassis.settings import Settings
from services.chassis.telemetry import configure_logging
from services.installation import Installation

# Tells uvicorn's worker processes, which start from nothing, which service they are.
_SERVICE_VARIABLE = "STAFETT_SERVED_SERVICE"

Ready = Callable[[], None]


class PortTaken(OSError):
    """Somebody listens there already, or we may not; the message says so."""


def listen(settings: Settings) -> socket.socket:
    """The bound socket. First of all, so that a taken port is told before anything is started.

    Raises PortTaken.
    """
    place = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise PortTaken(
            f"Cannot listen on {place}: {getattr(error, 'strerror', None) or error}. "
            "Stop what listens there, or choose another port with --port or STAFETT_PORT."
        ) from error
    bound.set_inheritable(True)
    return bound


def end_on_signals() -> None:
    """Leave by SystemExit on a stop signal, so that everything open is closed on the way.

    uvicorn stops gracefully first and then raises the signal again, which then ends the process with 0.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))


def serve_all(
    settings: Settings, installation: Installation, bound: socket.socket, ready: Ready
) -> None:
    """Serve every service in this process, until stopped."""
    from services.all_in_one import AllInOne

    configure_logging(settings)
    _run(AllInOne(settings, installation), settings, bound, ready)


def serve_one(
    service: str, settings: Settings, installation: Installation, bound: socket.socket, ready: Ready
) -> None:
    """Serve one service, in as many processes as the settings say, until stopped."""
    configure_logging(settings)
    if settings.workers == 1:
        _run(_app_of(service, settings, installation), settings, bound, ready)
        return
    os.environ[_SERVICE_VARIABLE] = service
    os.environ["STAFETT_HOST"], os.environ["STAFETT_PORT"] = settings.host, str(settings.port)
    config = server_config("services.serving:app_of_environment", settings)
    gc.enable()
    ready()
    Multiprocess(config, sockets=[bound]).run()


def app_of_environment() -> Any:
    """The app of the service that the environment names, in a worker process."""
    settings = Settings()
    service = os.environ[_SERVICE_VARIABLE]
    configure_logging(settings)
    app = _app_of(service, settings, Installation.open(settings, [service]))
    calm_garbage_collector()
    return app


def _app_of(service: str, settings: Settings, installation: Installation) -> Any:
    return importlib.import_module(f"services.{service}.app").create(
        settings, installation.url_of(service)
    )


def calm_garbage_collector() -> None:
    """Let it look at less, and less often.

    What starting has made stays for good. The rest of a request is gone by itself when it ends; looking for cycles at the
    default thresholds costs up to a third of a list (docs/architecture.md, trap 9).
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Ready) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        calm_garbage_collector()
        self._ready()


def _run(app: Any, settings: Settings, bound: socket.socket, ready: Ready) -> None:
    _Server(server_config(app, settings), ready).run(sockets=[bound])


def server_config(app: Any, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves an app of ours."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=settings.workers if isinstance(app, str) else 1,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
