"""The front door: who comes in, where they go, and what does not pass."""

import asyncio
import base64
import string
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.chassis.caller import Caller, Follower, Role, Scope
from services.chassis.internal_token import issue_for
from services.gateway.domain.api_key import PREFIX, ApiKey
from services.gateway.domain.credential import BELIEVED_SECONDS
from tests.conftest import Firm, Person, Product


def assert_problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"/problems/{slug}"
    return body


async def ask(product: Product, key: str, path: str = "/v1/me") -> httpx.Response:
    return await product.client.get(path, headers={"Authorization": f"Bearer {key}"})


async def key_of(firm: Firm, person: Person, *scopes: Scope, until: datetime | None = None) -> str:
    async with firm.product.gateway.transaction(firm.organization_id) as session:
        key, text = ApiKey.issue(
            firm.organization_id, person.id, "k", scopes or tuple(Scope), until
        )
        session.add(key)
    return text


_BASE64 = string.ascii_letters + string.digits + "-_"


class TestWhoComesIn:
    async def test_nobody_without_a_key(self, product: Product) -> None:
        answer = await product.client.get("/v1/me")
        assert_problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")

    async def test_nobody_with_something_that_is_no_key_of_ours(self, firm: Firm) -> None:
        raw = base64.urlsafe_b64decode(firm.seller.key.removeprefix(PREFIX) + "==")
        other_organization = uuid4().bytes + raw[16:]
        other_secret = raw[:32] + bytes(24)
        twins = [firm.seller.key[:-1] + last for last in _BASE64]
        opened = [key for key in twins if (await ask(firm.product, key)).status_code == 200]
        assert opened == [firm.seller.key]
        forged = [base64.urlsafe_b64encode(r).decode() for r in (other_organization, other_secret)]
        for key in ("", "stf_", "stf_x", "stf_ÆØÅ", "x" * 5000, *(PREFIX + f for f in forged)):
            headers = {"Authorization": f"Bearer {key}".encode()}
            answer = await firm.product.client.get("/v1/me", headers=headers)
            assert_problem(answer, 401, "unauthenticated")
        for header in ("Basic " + firm.seller.key, firm.seller.key, "Bearer"):
            answer = await firm.product.client.get("/v1/me", headers={"Authorization": header})
            assert_problem(answer, 401, "unauthenticated")

    async def test_the_scheme_is_read_whatever_its_case(self, firm: Firm) -> None:
        for header in (f"bearer {firm.seller.key}", f"BEARER   {firm.seller.key} "):
            answer = await firm.product.client.get("/v1/me", headers={"Authorization": header})
            assert answer.status_code == 200

    async def test_nobody_with_two_keys(self, firm: Firm, stranger: Person) -> None:
        for keys in ((firm.seller.key, stranger.key), (firm.seller.key, firm.seller.key)):
            answer = await firm.product.client.get(
                "/v1/me", headers=[("Authorization", f"Bearer {key}") for key in keys]
            )
            assert_problem(answer, 400, "malformed")

    async def test_nobody_with_a_key_that_has_ended(self, firm: Firm) -> None:
        now = datetime.now(UTC)
        ended = await key_of(firm, firm.seller, until=now - timedelta(seconds=1))
        lasting = await key_of(firm, firm.seller, until=now + timedelta(hours=1))
        assert_problem(await ask(firm.product, ended), 401, "unauthenticated")
        assert (await ask(firm.product, lasting)).status_code == 200

    async def test_nobody_with_a_revoked_key_a_second_later(self, firm: Firm) -> None:
        made = (await firm.seller.post("/v1/api-keys", {"name": "CRM"})).json()
        assert (await ask(firm.product, made["key"])).status_code == 200
        await firm.seller.delete(f"/v1/api-keys/{made['id']}")
        await asyncio.sleep(BELIEVED_SECONDS + 0.05)
        assert_problem(await ask(firm.product, made["key"]), 401, "unauthenticated")

    async def test_nobody_whose_person_is_no_longer_active(self, firm: Firm) -> None:
        leaver = await firm.hire("Leif Leaver")
        assert (await leaver.get("/v1/me")).status_code == 200
        await firm.admin.patch(f"/v1/people/{leaver.id}", {"active": False})
        await asyncio.sleep(BELIEVED_SECONDS + 0.05)
        assert_problem(await leaver.get("/v1/me"), 401, "unauthenticated")

    async def test_a_reading_key_reads_and_does_not_write(self, firm: Firm) -> None:
        key = await key_of(firm, firm.admin, Scope.read)
        assert (await ask(firm.product, key)).status_code == 200
        headers = {"Authorization": f"Bearer {key}", "If-Match": "*"}
        for method, path in (
            ("POST", "/v1/teams"),
            ("PATCH", f"/v1/teams/{firm.team_id}"),
            ("DELETE", f"/v1/teams/{firm.team_id}"),
            ("PUT", "/v1/teams"),
        ):
            answer = await firm.product.client.request(
                method, path, headers=headers, json={"name": "Drift"}
            )
            assert_problem(answer, 403, "forbidden")

    async def test_a_writing_key_does_not_read(self, firm: Firm) -> None:
        key = await key_of(firm, firm.admin, Scope.write)
        assert_problem(await ask(firm.product, key), 403, "forbidden")

    async def test_the_use_of_a_key_is_noted_but_waits_for_nobody(self, firm: Firm) -> None:
        made = (await firm.seller.post("/v1/api-keys", {"name": "CRM"})).json()
        path = f"/v1/api-keys/{made['id']}"
        async with firm.product.gateway.transaction(firm.organization_id) as session:
            row = await session.get(
                ApiKey, (firm.organization_id, made["id"]), with_for_update=True
            )
            assert row is not None
            assert (await ask(firm.product, made["key"])).status_code == 200
        assert (await firm.seller.get(path)).json()["last_used_at"] is None
        await asyncio.sleep(BELIEVED_SECONDS + 0.05)
        await ask(firm.product, made["key"])
        shown = (await firm.seller.get(path)).json()
        assert shown["last_used_at"] is not None
        assert shown["version"] == made["version"]

    async def test_whoever_reads_is_let_in_also_where_nothing_can_be_written(
        self, firm: Firm
    ) -> None:
        key = await key_of(firm, firm.seller)
        admin = await _admin(firm.product)
        try:
            await admin.execute("REVOKE UPDATE ON gateway.api_key FROM stafett_gateway")
            assert (await ask(firm.product, key)).status_code == 200
        finally:
            await admin.execute("GRANT UPDATE ON gateway.api_key TO stafett_gateway")
            await admin.close()


async def _admin(product: Product) -> Any:
    import asyncpg

    url = product.installation.admin_url().set(drivername="postgresql")
    return await asyncpg.connect(url.render_as_string(hide_password=False))


class TestWhatDoesNotPass:
    async def test_an_internal_token_is_no_key(self, firm: Firm) -> None:
        keyring = firm.product.app.front.own.state.runtime.keyring
        now = datetime.now(UTC)
        everybody = Caller(firm.organization_id, firm.admin.id, "x", frozenset(Role))
        for who in (everybody, Follower("gateway")):
            for service in ("gateway", "handover"):
                token = issue_for(keyring, who, service, now)
                assert_problem(await ask(firm.product, token), 401, "unauthenticated")

    async def test_headers_that_claim_to_be_somebody_change_nothing(
        self, firm: Firm, stranger: Person
    ) -> None:
        claims = {
            "X-Stafett-Person": str(firm.admin.id),
            "X-Person-Id": str(firm.admin.id),
            "X-Organization-Id": str(firm.organization_id),
            "X-User": "admin",
            "X-Auth-Roles": "admin",
            "X-Remote-User": "admin",
            "X-Forwarded-User": "admin",
            "Forwarded": "for=admin",
            "Cookie": f"key={firm.admin.key}",
        }
        answer = await stranger.request("GET", "/v1/me", headers=claims)
        assert answer.json()["person_id"] == str(stranger.id)

    async def test_what_is_inside_is_not_reached_with_a_key(self, firm: Firm) -> None:
        for path in ("/internal/events", "/internal/organization-events", "/internal/openapi.json"):
            for headers in ({}, {"Authorization": f"Bearer {firm.admin.key}"}):
                answer = await firm.product.client.get(path, headers=headers)
                assert_problem(answer, 401, "unauthenticated")

    async def test_a_feed_of_all_is_not_for_persons(self, firm: Firm) -> None:
        keyring = firm.product.app.front.own.state.runtime.keyring
        person = Caller(firm.organization_id, firm.admin.id, "x", frozenset(Role))
        token = issue_for(keyring, person, "gateway", datetime.now(UTC))
        answer = await ask(firm.product, token, "/internal/events")
        assert_problem(answer, 401, "unauthenticated")

    async def test_a_service_reads_the_feed_with_a_token_of_its_own(self, product: Product) -> None:
        keyring = product.app.handover.state.runtime.keyring
        token = issue_for(keyring, Follower("handover"), "gateway", datetime.now(UTC))
        assert (await ask(product, token, "/internal/events")).status_code == 200
        token = issue_for(keyring, Follower("handover"), "onboarding", datetime.now(UTC))
        assert_problem(await ask(product, token, "/internal/events"), 401, "unauthenticated")


class TestWhereItGoes:
    @pytest.mark.parametrize(
        "path",
        [
            "/v1",
            "/v1/",
            "/v1/nothing",
            "/v1/people/",
            "/v1//people",
            "//v1/people",
            "/v1/people//x",
            "/V1/people",
            "/v2/people",
            "/v1/./people",
            "/v1/handovers/../people",
            "/v1/handovers/%2e%2e/people",
            "/v1/people/..",
            "/v1/people%2fx",
            "/v1/handovers%2F..%2F..%2Finternal%2Fevents",
            "/v1/handovers/..%5cpeople",
            "/v1/handovers/../../internal/events",
            "/v1/people/a/b/c",
            "/v1/p%C3%A9ople",
            "/v1/people/%00",
            "/v1/people/%ff%fe",
            "/nothing",
            "/health",
            "/internal",
            "/problems/nothing",
        ],
    )
    async def test_an_address_that_does_not_exist_is_not_there(self, firm: Firm, path: str) -> None:
        # As raw as it comes from the wire: httpx would tidy it.
        status, headers, body = await raw(firm.product, path, firm.admin.key)
        assert status in (404, 422) if path.endswith(("%00", "%fe")) else status == 404
        assert headers[b"content-type"] == b"application/problem+json"
        assert b"/problems/" in body

    async def test_a_method_that_an_address_does_not_have_is_told_with_those_it_has(
        self, firm: Firm
    ) -> None:
        for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
            answer = await firm.admin.request(method, "/v1/people")
            assert_problem(answer, 405, "method-not-allowed")
            assert answer.headers["allow"] == "GET, HEAD, POST"
        answer = await firm.admin.request("POST", f"/v1/people/{firm.seller.id}")
        assert answer.headers["allow"] == "GET, HEAD, PATCH"

    @pytest.mark.parametrize("path", ["/v1/me", "/v1/people", "/openapi.json", "/docs"])
    async def test_head_is_get_without_a_body(self, firm: Firm, path: str) -> None:
        get, head = await firm.seller.get(path), await firm.seller.request("HEAD", path)
        assert head.status_code == 200
        assert head.content == b""
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == get.headers.get(name)

    async def test_head_of_what_is_not_there_is_not_there(self, firm: Firm) -> None:
        for path in ("/v1/nothing", f"/v1/people/{uuid4()}", "/nothing"):
            answer = await firm.seller.request("HEAD", path)
            assert (answer.status_code, answer.content) == (404, b"")

    async def test_the_request_keeps_its_id_if_it_is_sound(self, firm: Firm) -> None:
        answer = await firm.seller.request("GET", "/v1/me", headers={"X-Request-Id": "my-id.1"})
        assert answer.headers.get_list("x-request-id") == ["my-id.1"]
        for id in ("with space", "x" * 65, "<script>"):
            answer = await firm.seller.request("GET", "/v1/me", headers={"X-Request-Id": id})
            assert answer.headers["x-request-id"] != id

    async def test_the_id_of_the_request_stands_in_its_events(self, firm: Firm) -> None:
        await firm.admin.request(
            "POST", "/v1/teams", json={"name": "Drift"}, headers={"X-Request-Id": "found-drift"}
        )
        events = (await firm.admin.get("/v1/events", type="team.created")).json()["items"]
        assert events[-1]["requestid"] == "found-drift"

    async def test_a_mistake_of_ours_at_the_door_is_a_problem_too(self, firm: Firm) -> None:
        key = await key_of(firm, firm.seller)
        admin = await _admin(firm.product)
        try:
            await admin.execute("REVOKE SELECT ON gateway.api_key FROM stafett_gateway")
            body = assert_problem(await ask(firm.product, key), 500, "unexpected")
        finally:
            await admin.execute("GRANT SELECT ON gateway.api_key TO stafett_gateway")
            await admin.close()
        assert "permission" not in str(body)


async def raw(product: Product, path: str, key: str) -> tuple[int, dict[bytes, bytes], bytes]:
    """What the product answers to a path that nobody has tidied."""
    from urllib.parse import unquote

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + key.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("stafett", 80),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await product.app(scope, receive, send)
    body = b"".join(m.get("body", b"") for m in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), body


class TestPagesBesideTheApi:
    async def test_health_and_metrics_are_there(self, product: Product) -> None:
        assert (await product.client.get("/health/live")).json() == {"status": "live"}
        ready = (await product.client.get("/health/ready")).json()
        assert (ready["status"], ready["service"]) == ("ready", "gateway")
        metrics = await product.client.get("/metrics")
        assert "stafett_request_seconds" in metrics.text

    async def test_metrics_hold_no_ids_and_no_keys(self, firm: Firm) -> None:
        await firm.seller.get(f"/v1/people/{firm.seller.id}")
        metrics = (await firm.product.client.get("/metrics")).text
        for secret in (str(firm.seller.id), str(firm.organization_id), firm.seller.key, "@"):
            assert secret not in metrics
