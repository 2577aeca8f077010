"""The front door: lets a request in, says who asks, and passes it on. Plain ASGI."""

import re
from datetime import datetime
from typing import Any

import structlog
from fastapi import FastAPI

from services.chassis.caller import Caller, Scope
from services.chassis.errors import (
    DomainError,
    Forbidden,
    Malformed,
    NotFound,
    Unauthenticated,
)
from services.chassis.internal_token import LIFETIME_SECONDS, issue_for
from services.chassis.language import negotiate
from services.chassis.problems import Unexpected, problem
from services.chassis.runtime import Runtime
from services.chassis.telemetry import ERRORS, REQUEST_ID, Telemetry
from services.gateway.domain.api_key import PREFIX
from services.gateway.domain.credential import Credentials
from services.gateway.routes import PUBLIC, service_for
from services.gateway.sign_in import SignIns
from services.gateway.upstream import Replicas, Upstream, upstream_of

log = structlog.get_logger(__name__)

# Some read it as a slash, some do not: an address must mean the same everywhere.
_ENCODED_SLASH = re.compile(rb"%2f|%5c|\\\\", re.IGNORECASE)
# A token is used until so many seconds before its end, so that it does not run out on the way.
_SPARE_SECONDS = 15
# What others' gateways use to say who asks. Ours says it in the internal token alone; nothing of the kind passes.
_IDENTITY = (
    b"x-stafett-",
    b"x-forwarded-",
    b"x-auth-",
    b"x-remote-",
    b"x-user",
    b"x-organization",
    b"x-person",
)
_DROPPED = frozenset({b"authorization", b"forwarded", b"x-real-ip", b"x-request-id", b"cookie"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Front:
    """The gateway as it is served: its own pages and API, and the services behind it."""

    def __init__(self, own: FastAPI) -> None:
        self.own = own
        self._inside = Telemetry(self._answer, "front")
        self._credentials: Credentials | None = None
        self._sign_ins: SignIns | None = None
        self._upstreams: dict[str, Upstream] = {"gateway": own}
        self._tokens: dict[tuple[Caller, str], tuple[float, bytes]] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            await self._inside(scope, receive, send)
        elif scope.get("method") == "HEAD":
            await self.own({**scope, "method": "GET"}, receive, _without_body(send))
        else:
            await self.own(scope, receive, send)

    async def close(self) -> None:
        """Let go of the connections to replicas and issuers."""
        if self._sign_ins is not None:
            await self._sign_ins.close()
        for upstream in self._upstreams.values():
            if isinstance(upstream, Replicas):
                await upstream.close()

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["method"] == "HEAD":
            send = _without_body(send)
        started = False

        async def answer(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        error: DomainError
        try:
            await self._pass_on(scope, receive, answer)
            return
        except DomainError as raised:
            error = raised
        except Exception as raised:
            if started:
                raise
            ERRORS.labels("front").inc()
            log.error("unexpected", path=scope["path"], exc_info=raised)
            error = Unexpected("It is logged. Nothing was changed.")
        accept = next((v for n, v in scope["headers"] if n == b"accept-language"), b"")
        await problem(negotiate(accept.decode("latin-1")), error)(scope, receive, answer)

    async def _pass_on(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        service = None if _ENCODED_SLASH.search(scope["raw_path"]) else service_for(scope["path"])
        if service is None:
            raise NotFound("There is nothing at this address.")
        runtime: Runtime = self.own.state.runtime
        now = runtime.clock()
        is_public = scope["path"].startswith(PUBLIC) and scope["method"] in _READING
        caller = None if is_public else await self._let_in(runtime, scope, now)
        scope["stafett.route"] = service
        passed_on = {key: value for key, value in scope.items() if key in _PASSED_ON}
        passed_on["stafett.inside"] = True
        passed_on["headers"] = self._headers(runtime, scope, caller, service, now)
        if scope["method"] == "HEAD":
            # Every GET has its HEAD; the services need not know.
            passed_on["method"] = "GET"
        await self._upstream(runtime, service)(passed_on, receive, send)

    async def _let_in(self, runtime: Runtime, scope: dict[str, Any], now: datetime) -> Caller:
        given = [v for n, v in scope["headers"] if n == b"authorization"]
        if len(given) > 1:
            raise Malformed("Authorization stands there more than once.")
        scheme, _, credential = (given[0] if given else b"").decode("latin-1").partition(" ")
        credential = credential.strip()
        if scheme.lower() == "bearer" and credential.count(".") == 2:
            return await self._signed_in(runtime).of_token(credential, now)
        if scheme.lower() != "bearer" or not credential.startswith(PREFIX):
            raise Unauthenticated(
                "Send an API key (Authorization: Bearer stf_…), or a token of your identity provider."
            )
        if self._credentials is None:
            self._credentials = Credentials(runtime.database)
        caller = await self._credentials.of_key(credential, now)
        needed = Scope.read if scope["method"] in _READING else Scope.write
        if needed not in caller.scopes:
            raise Forbidden("This API key may not {scope}.", scope=needed)
        return caller

    def _signed_in(self, runtime: Runtime) -> SignIns:
        if self._sign_ins is None:
            self._sign_ins = SignIns(runtime.database, runtime.settings)
        return self._sign_ins

    def _headers(
        self,
        runtime: Runtime,
        scope: dict[str, Any],
        caller: Caller | None,
        service: str,
        now: datetime,
    ) -> list[tuple[bytes, bytes]]:
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name not in _DROPPED and not name.startswith(_IDENTITY)
        ]
        if caller is not None:
            headers.append((b"authorization", self._token(runtime, caller, service, now)))
        headers.append((b"x-request-id", (REQUEST_ID.get() or "").encode()))
        return headers

    def _token(self, runtime: Runtime, caller: Caller, service: str, now: datetime) -> bytes:
        moment = now.timestamp()
        known = self._tokens.get((caller, service))
        if known is not None and moment < known[0]:
            return known[1]
        token = b"Bearer " + issue_for(runtime.keyring, caller, service, now).encode()
        if len(self._tokens) > 10_000:
            self._tokens.clear()
        until = moment + LIFETIME_SECONDS - _SPARE_SECONDS
        if caller.ends_at is not None:
            until = min(until, caller.ends_at.timestamp())
        self._tokens[caller, service] = (until, token)
        return token

    def _upstream(self, runtime: Runtime, service: str) -> Upstream:
        upstream = self._upstreams.get(service)
        if upstream is None:
            upstream = self._upstreams[service] = upstream_of(runtime, service)
        return upstream


def _without_body(send: Any) -> Any:
    """`send` for a HEAD: the headers of the GET, and nothing after them."""

    async def send_head(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


# A fresh scope: what Starlette has put into this one belongs to this app.
_PASSED_ON = frozenset(
    {
        "type",
        "asgi",
        "http_version",
        "method",
        "scheme",
        "path",
        "raw_path",
        "query_string",
        "root_path",
        "client",
        "server",
    }
)
