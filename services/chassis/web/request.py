"""What a request brings along: who asks, the transaction, the moment, the version that was read."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller, Follower
from services.chassis.database import Reader, Viewer, flush
from services.chassis.errors import Unauthenticated
from services.chassis.events import store_recorded
from services.chassis.idempotency import Answer, KeyedRequest, transaction_of
from services.chassis.language import Language, negotiate
from services.chassis.preconditions import Match
from services.chassis.runtime import Runtime
from services.chassis.telemetry import REQUEST_ID


def runtime_of(request: Request) -> Runtime:
    """The running service behind a request."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def _who(request: Request) -> Caller | Follower:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Say who you are: Authorization: Bearer …")
    return runtime_of(request).verifier.verify(token)


async def caller_of(request: Request) -> Caller:
    """The person who asks; raises `Unauthenticated`."""
    who = _who(request)
    if not isinstance(who, Caller):
        raise Unauthenticated("This is for persons.")
    return who


async def follower_of(request: Request) -> Follower:
    """The service that asks; raises `Unauthenticated`."""
    who = _who(request)
    if not isinstance(who, Follower):
        raise Unauthenticated("This is for services.")
    return who


class Replayed(Exception):
    """The request was carried out before; this was the answer."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


async def session_of(request: Request) -> AsyncIterator[AsyncSession]:
    """The transaction of a change. It commits, with its events and the kept answer, before the response starts."""
    caller = await caller_of(request)
    runtime = runtime_of(request)
    keyed: KeyedRequest | None = request.scope.get("stafett.keyed")
    if keyed is None:
        async with runtime.database.transaction(caller.organization_id) as session:
            yield session
            await flush(session)
            await store_recorded(session, caller, REQUEST_ID.get())
        return
    kept_for = timedelta(hours=runtime.settings.idempotency_hours)
    async with transaction_of(runtime.database, caller, keyed, kept_for) as (session, before):
        if before is not None:
            raise Replayed(before)
        yield session
        await flush(session)
        kept = keyed, request.scope["stafett.answer"]
        await store_recorded(session, caller, REQUEST_ID.get(), kept)


async def reader_for(request: Request) -> AsyncIterator[Reader]:
    """A read-only transaction in the caller's organization."""
    caller = await caller_of(request)
    async with runtime_of(request).database.reading(caller.organization_id) as reader:
        yield reader


async def viewer_for(request: Request) -> Viewer:
    """Reads one statement at a time in the caller's organization."""
    caller = await caller_of(request)
    return Viewer(runtime_of(request).database, caller.organization_id)


async def now_of(request: Request) -> datetime:
    """The moment of the request, by the service's clock."""
    return runtime_of(request).clock()


async def match_of(request: Request) -> Match:
    """The If-Match of the request, which must be there."""
    return Match.parse(request.headers.get("if-match"))


async def _runtime(request: Request) -> Runtime:
    # Async, or FastAPI would call it in a thread.
    return runtime_of(request)


CallerDep = Annotated[Caller, Depends(caller_of)]
SessionDep = Annotated[AsyncSession, Depends(session_of, scope="function")]
ReaderDep = Annotated[Reader, Depends(reader_for, scope="function")]
ViewerDep = Annotated[Viewer, Depends(viewer_for)]
RuntimeDep = Annotated[Runtime, Depends(_runtime)]
NowDep = Annotated[datetime, Depends(now_of)]
MatchDep = Annotated[Match, Depends(match_of)]


def language_of(request: Request) -> Language:
    """The language that the reader asked for."""
    return negotiate(request.headers.get("accept-language"))
