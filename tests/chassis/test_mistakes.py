"""A mistake of ours is answered, and leaves the connection to the next request."""

import httpx
from fastapi import FastAPI

from services.chassis.web.failure import HANDLERS, Mistakes


async def test_a_mistake_is_answered_and_not_raised_to_the_server() -> None:
    app = FastAPI(exception_handlers=HANDLERS)
    app.add_middleware(Mistakes)
    app.state.service = "handover"

    @app.get("/wrong")
    async def wrong() -> None:
        raise LookupError("nobody thought of this")

    through = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=through, base_url="http://stafett.example") as client:
        answer = await client.get("/wrong")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/unexpected")
    assert "nobody" not in answer.text
