"""Hearing what onboarding has told until now, before it is judged who can do what."""

import asyncio
from datetime import datetime
from typing import Annotated

import asyncpg
import httpx
import structlog
from fastapi import Depends
from sqlalchemy import exc

from services.chassis.errors import Unavailable
from services.chassis.web import CallerDep, RuntimeDep

log = structlog.get_logger(__name__)

# Longer than this nobody waits; the copy as it is then answers.
_PATIENCE_SECONDS = 2.0


async def hear_onboarding(caller: CallerDep, runtime: RuntimeDep) -> datetime | None:
    """Let the copy catch up; when that last succeeded, None if it never did. The caller is known before anybody waits."""
    follower = runtime.followers["onboarding"]
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await follower.catch_up()
    except (
        TimeoutError,
        Unavailable,
        httpx.HTTPError,
        asyncpg.PostgresError,
        exc.SQLAlchemyError,
    ) as error:
        log.warning("coverage_from_the_copy", source=follower.source, error=repr(error))
    return follower.caught_up_at


# To be named before SessionDep: dependencies come in order, and no row is locked while the network is waited for.
HeardDep = Annotated[datetime | None, Depends(hear_onboarding)]
