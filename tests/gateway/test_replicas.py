"""A service on the network: streamed both ways, its replicas taken in turn, its failures told as what they are."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest
import uvicorn

from services.chassis.errors import Unavailable
from services.gateway import app as gateway
from services.gateway.upstream import Replicas, forwardable
from tests.conftest import Firm, Product

App = Callable[[Any, Any, Any], Awaitable[None]]


@asynccontextmanager
async def served(app: App) -> AsyncIterator[str]:
    """An ASGI app on a port of its own."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, http="httptools")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
        sock.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Request:
    """A request to an upstream, and what it was answered."""

    def __init__(
        self,
        method: str = "GET",
        path: bytes = b"/v1/x",
        query: bytes = b"",
        headers: list[tuple[bytes, bytes]] | None = None,
        body: list[bytes | float] | None = None,
    ) -> None:
        self.scope = {
            "type": "http",
            "method": method,
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "headers": headers or [],
        }
        self._body = list(body or [])
        self.messages: list[dict[str, Any]] = []
        self.first_byte = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        """The body bit by bit; a number is a pause in seconds, None the caller going away."""
        while self._body:
            part = self._body.pop(0)
            if isinstance(part, float):
                await asyncio.sleep(part)
                continue
            if part == b"GONE":
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": part, "more_body": bool(self._body)}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if message.get("body"):
            self.first_byte.set()

    @property
    def status(self) -> int:
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def content(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    async def through(self, *urls: str, timeout: float = 5.0) -> "Request":
        replicas = Replicas("handover", urls, timeout_seconds=timeout)
        try:
            await replicas(self.scope, self.receive, self.send)
        finally:
            await replicas.close()
        return self


async def read_all(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def answer(send: Any, body: bytes = b"", status: int = 200, *headers: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers what it was asked: the path, the query, the headers' names, the body."""
    body = await read_all(receive)
    names = b",".join(sorted(name for name, _ in scope["headers"]))
    told = b"|".join([scope["raw_path"], scope["query_string"], names, body])
    await answer(send, told, 200, (b"set-cookie", b"a=1"), (b"x-own", b"yes"))


async def test_path_and_query_arrive_as_they_were_written() -> None:
    path, query = b"/v1/a%20b/c+d/%C3%A6;x=1", b"q=%C3%A6+%26&z=a%2Fb&empty="
    async with served(echo) as url:
        request = await Request(path=path, query=query).through(url)
    assert request.content.startswith(path + b"|" + query + b"|")


async def test_bytes_that_no_address_may_hold_arrive_percent_encoded() -> None:
    async with served(echo) as url:
        request = await Request(query="q=ø".encode()).through(url)
    assert b"|q=%C3%B8|" in request.content


async def test_what_belongs_to_the_connection_stays_with_it() -> None:
    headers = [
        (b"connection", b"keep-alive, x-secret"),
        (b"keep-alive", b"timeout=5"),
        (b"te", b"trailers"),
        (b"upgrade", b"websocket"),
        (b"proxy-authorization", b"Basic x"),
        (b"x-secret", b"1"),
        (b"x-kept", b"1"),
        (b"host", b"stafett.example"),
    ]
    async with served(echo) as url:
        request = await Request(headers=headers).through(url)
    names = request.content.split(b"|")[2].split(b",")
    assert names == [b"host", b"x-kept"]
    assert request.headers[b"x-own"] == b"yes"
    assert b"connection" not in request.headers
    assert b"transfer-encoding" not in request.headers
    assert forwardable(headers) == [(b"x-kept", b"1"), (b"host", b"stafett.example")]


@pytest.mark.parametrize("sized", [True, False])
async def test_a_body_is_passed_on_whole(sized: bool) -> None:
    parts: list[bytes | float] = [b"a" * 100_000, b"b" * 100_000, b"c"]
    length = (b"content-length", b"200001") if sized else (b"transfer-encoding", b"chunked")
    async with served(echo) as url:
        request = await Request("POST", headers=[length], body=parts).through(url)
    assert request.content.rpartition(b"|")[2] == b"a" * 100_000 + b"b" * 100_000 + b"c"


async def test_an_answer_is_passed_on_while_it_is_made() -> None:
    go_on = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b" second"})

    async with served(slow) as url:
        request = Request()
        passing = asyncio.create_task(request.through(url))
        await asyncio.wait_for(request.first_byte.wait(), 5)
        go_on.set()
        await passing
    assert request.content == b"first second"


async def test_a_body_is_passed_on_while_it_is_sent() -> None:
    arrived = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"first"
        arrived.set()
        await read_all(receive)
        await answer(send, b"ok")

    async with served(app) as url:
        request = Request("POST", headers=[(b"transfer-encoding", b"chunked")])

        async def receive() -> dict[str, Any]:
            if arrived.is_set():
                return {"type": "http.request", "body": b"second", "more_body": False}
            if request.messages:
                raise AssertionError("answered before the body was sent")
            if not started:
                started.append(True)
                return {"type": "http.request", "body": b"first", "more_body": True}
            await asyncio.wait_for(arrived.wait(), 5)
            return {"type": "http.request", "body": b"second", "more_body": False}

        started: list[bool] = []
        request.receive = receive  # type: ignore[method-assign]
        await request.through(url)
    assert request.content == b"ok"


async def test_an_early_answer_comes_through_while_the_body_is_still_sent() -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"too large", 413, (b"content-type", b"application/problem+json"))

    body: list[bytes | float] = [b"x" * 65536, 0.2, *[b"x" * 65536] * 40]
    headers = [(b"content-length", str(65536 * 41).encode())]
    async with served(refuse) as url:
        request = await Request("POST", headers=headers, body=body).through(url)
    assert (request.status, request.content) == (413, b"too large")


async def test_the_next_replica_is_asked_where_one_cannot_be_reached() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with served(echo) as url:
        for method in ("GET", "POST"):
            for _ in range(3):
                request = await Request(
                    method, headers=[(b"content-length", b"2")], body=[b"{}"]
                ).through(nobody, url)
                assert request.status == 200


async def test_replicas_are_taken_in_turn() -> None:
    asked: list[str] = []

    def named(name: str) -> App:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            asked.append(name)
            await answer(send)

        return app

    async with served(named("a")) as one, served(named("b")) as two:
        replicas = Replicas("handover", [one, two])
        for _ in range(4):
            request = Request()
            await replicas(request.scope, request.receive, request.send)
        await replicas.close()
    assert sorted(asked) == ["a", "a", "b", "b"]


async def test_a_service_that_is_nowhere_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await Request().through(f"http://127.0.0.1:{free_port()}")


async def test_a_service_that_does_not_answer_in_time_is_unavailable() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(30)

    async with served(silent) as url:
        with pytest.raises(Unavailable):
            await Request().through(url, timeout=0.2)


@asynccontextmanager
async def torn(*answers: bytes) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that says so much of an answer and hangs up; counts how often it was asked."""
    asked: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers[min(len(asked), len(answers) - 1)])
        asked.append(1)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        await server.wait_closed()


async def test_a_change_that_was_sent_and_not_answered_is_not_sent_again() -> None:
    async with torn(b"") as (url, asked):
        with pytest.raises(Unavailable):
            await Request("POST", headers=[(b"content-length", b"2")], body=[b"{}"]).through(url)
    assert len(asked) == 1


async def test_a_read_that_was_not_answered_is_sent_again() -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with torn(b"", whole) as (url, _):
        request = await Request().through(url)
    assert request.content == b"ok"


async def test_an_answer_that_breaks_off_is_never_made_to_look_whole() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    async with torn(half) as (url, _):
        request = Request()
        with pytest.raises(Exception, match=r"(?i)not completed|payload|content"):
            await request.through(url)
    assert not any(m.get("more_body") is False for m in request.messages[1:])


async def test_rubbish_instead_of_an_answer_is_unavailable() -> None:
    async with torn(b"SSH-2.0-OpenSSH\r\n\r\n") as (url, _):
        with pytest.raises(Unavailable):
            await Request().through(url)


async def test_a_caller_who_leaves_while_sending_is_no_failure_of_the_service() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            seen.append(message["type"])
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return

    headers = [(b"content-length", b"100")]
    async with served(app) as url:
        request = await Request("POST", headers=headers, body=[b"half", 0.05, b"GONE"]).through(url)
    assert request.messages == []


@asynccontextmanager
async def apart(product: Product) -> AsyncIterator[httpx.AsyncClient]:
    """A second gateway, which reaches the services of this process over the network, and is itself reached so."""
    async with served(product.app.handover) as handover, served(product.app.onboarding) as other:
        settings = product.installation.settings.model_copy(
            update={"handover_urls": [handover], "onboarding_urls": [other]}
        )
        neighbours: dict[str, Any] = {}
        front = gateway.create(settings, product.installation.url_of("gateway"), neighbours)
        neighbours["gateway"] = front.own
        async with (
            front.own.router.lifespan_context(front.own),
            served(front) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as client,
        ):
            yield client


async def test_the_services_answer_the_same_when_they_run_apart(firm: Firm) -> None:
    async with apart(firm.product) as client:
        seller = replace(firm.seller, client=client)
        customer = {"name": "Fjordkraft"}

        async def chunks() -> AsyncIterator[bytes]:
            for byte in orjson.dumps(customer):
                yield bytes([byte])

        made = await seller.request(
            "POST",
            "/v1/customers",
            content=chunks(),
            headers={"Content-Type": "application/json", "Idempotency-Key": "c1"},
        )
        assert made.status_code == 201, made.text
        again = await seller.post("/v1/customers", customer, key="c1")
        assert again.json() == made.json()
        assert again.headers["etag"] == made.headers["etag"]
        path = made.headers["location"]
        assert (await seller.get(path)).content == (await firm.seller.get(path)).content
        head = await seller.request("HEAD", path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"] == made.headers["etag"]
        assert (await seller.patch(path, {"name": "Fjordkraft AS"})).status_code == 200
        assert (await seller.get("/v1/customers", x="1")).status_code == 422
        large = await seller.request("POST", "/v1/customers", content=b"x" * 10_000_000)
        assert large.status_code == 413
        assert large.headers["content-type"] == "application/problem+json"
        assert (await client.get("/openapi.json")).json()["paths"]["/v1/customers"]
        told = (await seller.get("/v1/events", type="customer.created")).json()["items"]
        assert told[-1]["source"] == "/handover"
        assert (
            await client.get("/v1/customers", headers={"Authorization": "x"})
        ).status_code == 401


async def test_one_service_that_is_gone_does_not_take_the_others_along(firm: Firm) -> None:
    settings = firm.product.installation.settings.model_copy(
        update={"handover_urls": [f"http://127.0.0.1:{free_port()}"]}
    )
    neighbours: dict[str, Any] = {"onboarding": firm.product.app.onboarding}
    front = gateway.create(settings, firm.product.installation.url_of("gateway"), neighbours)
    neighbours["gateway"] = front.own
    async with front.own.router.lifespan_context(front.own):
        transport = httpx.ASGITransport(front, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://stafett") as client:
            seller = replace(firm.seller, client=client)
            gone = await seller.get("/v1/handovers")
            assert gone.status_code == 503
            assert gone.json()["type"] == "/problems/unavailable"
            assert int(gone.headers["retry-after"]) >= 1
            assert "127.0.0.1" not in gone.text
            assert (await seller.get("/v1/people")).status_code == 200
            assert (await seller.get("/v1/courses")).status_code == 200
            assert (await seller.get("/v1/events")).status_code == 503
            assert (await client.get("/openapi.json")).status_code == 503
