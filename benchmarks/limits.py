"""What the product is held against: a bare FastAPI endpoint, and an upstream that does nothing.

Served as the product is served: `python -m benchmarks.limits fastapi|trivial`, on STAFETT_PORT.
"""

import sys
from typing import Any
from uuid import UUID

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from services.chassis.settings import Settings
from services.serving import listen
from services.serving import server_config as uvicorn_config

ANSWER = b'{"id":"0198c0de-0000-7000-8000-000000000001","title":"Self-service tills","version":1}'


class Small(BaseModel):
    """A small answer."""

    id: UUID
    title: str
    version: int


def bare_fastapi() -> FastAPI:
    """One async endpoint with a response model and nothing else."""
    app = FastAPI(openapi_url=None)

    @app.get("/", response_model=Small)
    async def small() -> Small:
        return Small(
            id=UUID("0198c0de-0000-7000-8000-000000000001"), title="Self-service tills", version=1
        )

    return app


async def trivial(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Plain ASGI: the same few bytes for every request."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def serve(app: Any, settings: Settings) -> None:
    """Serve it on the same uvicorn, with the same settings, as the product."""
    with listen(settings) as bound:
        uvicorn.Server(uvicorn_config(app, settings)).run(sockets=[bound])


if __name__ == "__main__":
    serve(bare_fastapi() if sys.argv[1] == "fastapi" else trivial, Settings())
