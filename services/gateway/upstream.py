"""What stands behind a service's name: its app in this process, or its replicas on the network. The one seam.

An upstream is called like an ASGI app. `Replicas` streams both ways over aiohttp, which measured a third of httpx's CPU
on its fastest transport.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Protocol

import aiohttp
import structlog
from aiohttp import hdrs
from yarl import URL

from services.chassis.errors import Unavailable
from services.chassis.runtime import Runtime

log = structlog.get_logger(__name__)

Scope = dict[str, Any]

# RFC 9110, 7.6.1: these belong to one connection and are not passed on.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"proxy-connection",
    }
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHUNK = 64 * 1024
# Shorter than the 5 s after which uvicorn hangs up: a request sent into a closing connection would be lost.
_KEPT_SECONDS = 4.0


class Upstream(Protocol):
    """Answers a request that the gateway has let in."""

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None: ...


def forwardable(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that go on: none of the connection's own."""
    listed: set[bytes] = set()
    kept = []
    for name, value in headers:
        if name == b"connection":
            listed |= {token.strip().lower() for token in value.split(b",")}
        elif name not in _HOP_BY_HOP:
            kept.append((name, value))
    return [(n, v) for n, v in kept if n not in listed] if listed else kept


def _as_ascii(raw: bytes) -> str:
    """A part of an address with every other byte percent-encoded, so that it arrives as it came."""
    return "".join(chr(byte) if 0x21 <= byte < 0x7F else f"%{byte:02X}" for byte in raw)


class Replicas:
    """A service's replicas on the network, taken in turn. One that cannot be reached is passed over."""

    def __init__(self, service: str, urls: Sequence[str], timeout_seconds: float = 60.0) -> None:
        self._service = service
        self._urls = [url.rstrip("/") for url in urls]
        self._turn = 0
        self._session: aiohttp.ClientSession | None = None
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=2.0, sock_read=timeout_seconds
        )

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        session = self._open()
        target = _as_ascii(scope["raw_path"])
        if scope["query_string"]:
            target += "?" + _as_ascii(scope["query_string"])
        headers = [
            (n.decode("latin-1"), v.decode("latin-1"))
            for n, v in forwardable(scope["headers"])
            if n != b"host"
        ]
        body = _Body(receive, scope["headers"])
        method = scope["method"]
        last: Exception | None = None
        # Each replica once, and one more turn: a name may stand for several machines.
        for _ in range(len(self._urls) + 1):
            url = URL(self._next() + target, encoded=True)
            try:
                async with session.request(
                    method,
                    url,
                    headers=headers,
                    data=body.stream() if body.expected else None,
                    allow_redirects=False,
                    auto_decompress=False,
                    skip_auto_headers=_AUTOMATIC,
                ) as response:
                    await _pass_on(response, send)
                return
            except _AlreadyStarted as error:
                raise error.cause from error
            except (aiohttp.ClientError, TimeoutError) as error:
                if body.caller_left:
                    return
                last = error
                connected = not isinstance(error, aiohttp.ClientConnectorError)
                # Sent, but not answered: only what changes nothing may be sent again.
                if connected and (method not in _SAFE or isinstance(error, TimeoutError)):
                    break
                if body.started:
                    break
        log.warning("upstream_failed", upstream=self._service, error=repr(last))
        raise Unavailable("The service behind this address does not answer.") from last

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0, limit_per_host=0, keepalive_timeout=_KEPT_SECONDS, ttl_dns_cache=5
            )
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    def _next(self) -> str:
        self._turn += 1
        return self._urls[self._turn % len(self._urls)]


_AUTOMATIC = frozenset({hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE})


class _AlreadyStarted(Exception):
    """The answer broke off after it had begun: nothing can be said to the caller any more."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class _Body:
    """The request's body as a stream that is read once."""

    def __init__(self, receive: Any, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._receive = receive
        self.expected = any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in headers
        )
        self.started = False
        self.caller_left = False

    async def stream(self) -> AsyncIterator[bytes]:
        self.started = True
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.caller_left = True
                raise aiohttp.ClientPayloadError("the caller went away")
            if message.get("body"):
                yield message["body"]
            more = message.get("more_body", False)


async def _pass_on(response: aiohttp.ClientResponse, send: Any) -> None:
    headers = forwardable((n.lower(), v) for n, v in response.raw_headers)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    try:
        async for chunk in response.content.iter_chunked(_CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise _AlreadyStarted(error) from error
    await send({"type": "http.response.body", "body": b""})


def upstream_of(runtime: Runtime, service: str) -> Upstream:
    """What stands behind `service` in this installation."""
    app = runtime.neighbours.get(service)
    if app is not None:
        upstream: Upstream = app
        return upstream
    urls = runtime.settings.urls_of(service)
    if not urls:
        raise Unavailable(
            "Nobody said where {service} is: set {variable}.",
            service=service,
            variable=f"STAFETT_{service.upper()}_URLS",
        )
    return Replicas(service, urls)
