"""API keys: everybody makes their own, admins anybody's; a key is shown once and ends when it is told to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.conftest import Firm, Person


async def test_a_key_is_shown_once_and_works(firm: Firm) -> None:
    made = await firm.seller.post("/v1/api-keys", {"name": "CRM", "scopes": ["read"]})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    body = made.json()
    assert body["person_id"] == str(firm.seller.id)
    assert body["scopes"] == ["read"]
    answer = await firm.product.client.get(
        "/v1/me", headers={"Authorization": f"Bearer {body['key']}"}
    )
    assert answer.json()["person_id"] == str(firm.seller.id)
    shown = (await firm.seller.get(made.headers["location"])).json()
    assert "key" not in shown
    assert "secret" not in str(shown)
    events = (await firm.seller.get("/v1/events", type="api-key.created")).json()["items"]
    assert body["key"] not in str(events)


async def test_only_admins_make_see_and_end_the_keys_of_others(
    firm: Firm, stranger: Person
) -> None:
    theirs = {"name": "CRM", "person_id": str(firm.learner.id)}
    assert (await firm.seller.post("/v1/api-keys", theirs)).status_code == 403
    made = (await firm.admin.post("/v1/api-keys", theirs)).json()
    path = f"/v1/api-keys/{made['id']}"
    for person, status in (
        (firm.learner, 200),
        (firm.admin, 200),
        (firm.seller, 404),
        (stranger, 404),
    ):
        assert (await person.get(path)).status_code == status
    assert (await firm.seller.delete(path, "*")).status_code == 404
    assert (
        await firm.seller.get("/v1/api-keys", person_id=str(firm.learner.id))
    ).status_code == 403
    mine = (await firm.learner.get("/v1/api-keys")).json()["items"]
    assert {key["person_id"] for key in mine} == {str(firm.learner.id)}
    everybodys = (await firm.admin.get("/v1/api-keys")).json()["items"]
    assert len({key["person_id"] for key in everybodys}) == 6
    ended = await firm.admin.delete(path)
    assert (ended.status_code, bool(ended.json()["revoked_at"])) == (200, True)
    again = await firm.admin.delete(path)
    assert again.json()["revoked_at"] == ended.json()["revoked_at"]


async def test_a_key_that_could_never_be_used_is_refused(firm: Firm) -> None:
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    for body, pointer in (
        ({"name": "CRM", "expires_at": past}, "/expires_at"),
        ({"name": "CRM", "scopes": []}, "/scopes"),
        ({"name": "CRM", "scopes": ["everything"]}, "/scopes/0"),
        ({"name": "CRM", "expires_at": "2099-01-01T00:00:00"}, "/expires_at"),
    ):
        answer = await firm.seller.post("/v1/api-keys", body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer
    nobody = await firm.admin.post("/v1/api-keys", {"name": "CRM", "person_id": str(uuid4())})
    assert nobody.json()["errors"][0]["pointer"] == "/person_id"


async def with_a_key(person: Person, **wanted: Any) -> Person:
    """The same person with a key that may less."""
    made = await person.post("/v1/api-keys", {"name": "less", **wanted})
    assert made.status_code == 201, made.text
    return replace(person, key=made.json()["key"])


async def test_a_key_makes_no_key_that_may_more_than_itself(firm: Firm) -> None:
    writer = await with_a_key(firm.admin, scopes=["write"])
    for scopes in (["read"], ["read", "write"]):
        answer = await writer.post("/v1/api-keys", {"name": "more", "scopes": scopes})
        assert answer.status_code == 403
        assert answer.json()["detail"].endswith(": write.")
        other = {"name": "more", "scopes": scopes, "person_id": str(firm.learner.id)}
        assert (await writer.post("/v1/api-keys", other)).status_code == 403
    for wanted in ({}, {"scopes": ["write"]}, {"scopes": None}):
        made = await writer.post("/v1/api-keys", {"name": "same", **wanted})
        assert made.json()["scopes"] == ["write"]


async def test_a_key_makes_no_key_that_outlives_it(firm: Firm) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    ending = await with_a_key(firm.seller, expires_at=end.isoformat())
    for later in (end + timedelta(seconds=1), end + timedelta(days=300)):
        answer = await ending.post(
            "/v1/api-keys", {"name": "longer", "expires_at": later.isoformat()}
        )
        assert answer.status_code == 403
    for wanted, ends in (
        ({}, end),
        ({"expires_at": None}, end),
        ({"expires_at": end.isoformat()}, end),
        ({"expires_at": (end - timedelta(minutes=1)).isoformat()}, end - timedelta(minutes=1)),
    ):
        made = await ending.post("/v1/api-keys", {"name": "within", **wanted})
        assert datetime.fromisoformat(made.json()["expires_at"]) == ends
