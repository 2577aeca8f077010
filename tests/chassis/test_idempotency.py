"""Idempotency-Key: a POST that is repeated is carried out once, and answered the same."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from services.chassis.idempotency import KeyedRequest, forget
from services.chassis.settings import Settings
from tests.conftest import Firm, Person


async def names(person: Person) -> Sequence[str]:
    items = (await person.get("/v1/teams", limit=200)).json()["items"]
    return sorted(team["name"] for team in items)


def same(one: httpx.Response, other: httpx.Response) -> None:
    """The second answer is the first one again, and says so."""
    assert other.status_code == one.status_code
    assert other.content == one.content
    for name in ("content-type", "etag", "location"):
        assert other.headers.get(name) == one.headers.get(name)
    assert "idempotency-replayed" not in one.headers
    assert other.headers["idempotency-replayed"] == "true"


async def test_a_repeated_request_is_answered_the_same_and_carried_out_once(firm: Firm) -> None:
    first = await firm.admin.post("/v1/teams", {"name": "Drift"}, key="k")
    assert first.status_code == 201
    assert first.headers["location"]
    for _ in range(3):
        same(first, await firm.admin.post("/v1/teams", {"name": "Drift"}, key="k"))
    assert await names(firm.admin) == ["Drift", "Levering"]


async def test_it_is_answered_the_same_also_after_the_thing_has_changed(firm: Firm) -> None:
    first = await firm.admin.post("/v1/teams", {"name": "Drift"}, key="k")
    await firm.admin.patch(first.headers["location"], {"name": "Drift Nord"})
    same(first, await firm.admin.post("/v1/teams", {"name": "Drift"}, key="k"))


async def test_without_a_key_everything_is_carried_out_again(firm: Firm) -> None:
    assert (await firm.admin.post("/v1/teams", {"name": "Drift"})).status_code == 201
    assert (await firm.admin.post("/v1/teams", {"name": "Drift"})).status_code == 409


async def test_a_key_stands_for_one_request(firm: Firm) -> None:
    await firm.admin.post("/v1/teams", {"name": "Drift"}, key="k")
    others = [
        await firm.admin.post("/v1/teams", {"name": "Andre"}, key="k"),
        await firm.admin.post("/v1/api-keys", {"name": "Drift"}, key="k"),
        await firm.admin.request(
            "POST", "/v1/teams", content=b'{"name":"Drift" }', headers={"Idempotency-Key": "k"}
        ),
    ]
    for answer in others:
        assert answer.status_code == 422
        assert answer.json()["type"] == "/problems/key-reused"
    assert await names(firm.admin) == ["Drift", "Levering"]


async def test_a_key_belongs_to_one_person_of_one_organization(
    firm: Firm, stranger: Person
) -> None:
    for person in (firm.admin, stranger):
        answer = await person.post("/v1/teams", {"name": "Drift"}, key="k")
        assert answer.status_code == 201
    refused = await firm.manager.post("/v1/teams", {"name": "Drift"}, key="k")
    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/conflict"


async def test_a_key_holds_in_each_service_by_itself(firm: Firm) -> None:
    assert (await firm.seller.post("/v1/api-keys", {"name": "CRM"}, key="k")).status_code == 201
    customer = await firm.seller.post("/v1/customers", {"name": "Fjordkraft"}, key="k")
    assert customer.status_code == 201
    same(customer, await firm.seller.post("/v1/customers", {"name": "Fjordkraft"}, key="k"))


async def test_many_at_once_are_carried_out_once(firm: Firm) -> None:
    answers = await asyncio.gather(
        *(firm.admin.post("/v1/teams", {"name": "Drift"}, key="k") for _ in range(12))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in made}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in made) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["type"] == "/problems/in-progress"
    assert await names(firm.admin) == ["Drift", "Levering"]


async def test_after_an_error_the_key_is_free(firm: Firm) -> None:
    for body, status in (
        ({"name": ""}, 422),
        ({"name": "Levering"}, 409),
        ({"name": "Drift", "lead_id": str(firm.organization_id)}, 422),
        ({"name": "Drift"}, 201),
    ):
        assert (await firm.admin.post("/v1/teams", body, key="k")).status_code == status
    assert (await firm.seller.post("/v1/teams", {"name": "Nei"}, key="k")).status_code == 403
    assert (await firm.seller.post("/v1/api-keys", {"name": "Ja"}, key="k")).status_code == 201


async def test_a_key_is_forgotten_after_the_hours_of_the_setting(firm: Firm) -> None:
    await firm.admin.post("/v1/teams", {"name": "Drift"}, key="k")
    hours = firm.product.installation.settings.idempotency_hours
    assert hours == Settings.model_fields["idempotency_hours"].default == 24
    for minutes, status in ((hours * 60 - 5, 422), (hours * 60 + 5, 201)):
        async with firm.product.gateway.transaction(firm.organization_id) as session:
            connection = session.info["reader"].connection
            await connection.execute(
                "UPDATE idempotency_key SET created_at = now() - make_interval(mins => $1)", minutes
            )
        answer = await firm.admin.post("/v1/teams", {"name": "Ny"}, key="k")
        assert answer.status_code == status
    same(answer, await firm.admin.post("/v1/teams", {"name": "Ny"}, key="k"))


async def test_what_is_older_is_deleted_in_every_organization(firm: Firm, stranger: Person) -> None:
    from datetime import timedelta

    for person in (firm.admin, stranger):
        await person.post("/v1/teams", {"name": "Drift"}, key="k")
    await firm.admin.post("/v1/teams", {"name": "Ny"}, key="new")
    for organization_id in (firm.organization_id, stranger.organization_id):
        async with firm.product.gateway.transaction(organization_id) as session:
            await session.info["reader"].connection.execute(
                "UPDATE idempotency_key SET created_at = now() - interval '25 hours' "
                "WHERE key = 'k'"
            )
    async with firm.product.gateway.across_organizations() as (_, driver):
        await forget(driver, timedelta(hours=24))
    left = []
    for organization_id in (firm.organization_id, stranger.organization_id):
        async with firm.product.gateway.reading(organization_id) as reader:
            left += await reader.connection.fetch("SELECT key FROM idempotency_key")
    assert [row["key"] for row in left] == ["new"]


async def test_a_secret_is_not_kept_with_the_answer(firm: Firm) -> None:
    first = await firm.seller.post("/v1/api-keys", {"name": "CRM"}, key="k")
    again = await firm.seller.post("/v1/api-keys", {"name": "CRM"}, key="k")
    assert first.json()["key"].startswith("stf_")
    assert again.json() == {**first.json(), "key": None}
    async with firm.product.gateway.reading(firm.organization_id) as reader:
        kept = await reader.connection.fetchval("SELECT body FROM idempotency_key")
    assert first.json()["key"].encode() not in kept


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "ø", "a\tb"])
async def test_a_key_that_is_none_is_refused(firm: Firm, key: str) -> None:
    answer = await firm.admin.request(
        "POST", "/v1/teams", json={"name": "Drift"}, headers={"Idempotency-Key": key.encode()}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/Idempotency-Key"
    assert answer.json()["errors"][0]["in"] == "header"


def keyed(body: bytes, **other: Any) -> bytes:
    asked = {"key": "k", "method": "POST", "path": "/v1/x", "query": b""} | other
    return KeyedRequest.of(body=body, **asked).request_hash


def test_another_path_or_query_is_another_request() -> None:
    one = keyed(b"{}")
    assert keyed(b"{}", path="/v1/y") != one
    assert keyed(b"{}", query=b"dry_run=true") != one
