"""Identity providers: admins say whose tokens are taken, everybody else hears nothing of it."""

from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from services.chassis.settings import Settings
from services.chassis.tables import new_id
from services.commands.checkup import Verdict, issuers
from tests.conftest import Firm, Person
from tests.gateway.issuer import rsa_key, running_issuer

PATH = "/v1/identity-providers"


def a_provider(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Entra ID",
        "issuer": "https://login.example/tenant/v2.0",
        "audience": new_id().hex,
        **fields,
    }


async def test_an_admin_says_whose_tokens_are_taken_and_takes_it_back(firm: Firm) -> None:
    made = await firm.admin.post(PATH, a_provider(role_names={"leads": "delivery"}))
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    body = made.json()
    assert (body["kind"], body["person_by"], body["active"]) == ("access_token", "email", True)
    changed = await firm.admin.patch(path, {"name": "Entra", "roles_claim": "roles"})
    assert (changed.json()["name"], changed.json()["roles_claim"]) == ("Entra", "roles")
    assert changed.json()["role_names"] == {"leads": "delivery"}
    listed = (await firm.admin.get(PATH)).json()["items"]
    assert [one["id"] for one in listed] == [body["id"]]
    tied = {"subject": "s", "person_id": str(firm.learner.id)}
    assert (await firm.admin.post(f"{path}/subjects", tied)).status_code == 201
    assert (await firm.admin.delete(path)).status_code == 204
    assert (await firm.admin.get(path)).status_code == 404
    told = (await firm.admin.get("/v1/events")).json()["items"]
    about = [e["type"] for e in told if e["subject"] == f"identity-providers/{body['id']}"]
    assert about == [f"identity-provider.{done}" for done in ("created", "changed", "deleted")]


async def test_nobody_but_admins_has_to_do_with_it(firm: Firm, stranger: Person) -> None:
    made = (await firm.admin.post(PATH, a_provider())).json()
    path = f"{PATH}/{made['id']}"
    tied = {"subject": "s", "person_id": str(firm.learner.id)}
    subject = (await firm.admin.post(f"{path}/subjects", tied)).json()
    own = f"{path}/subjects/{subject['id']}"
    for person, status in ((firm.manager, 403), (firm.seller, 403), (stranger, 404)):
        for address in (path, f"{path}/subjects", own):
            assert (await person.get(address)).status_code == status
        assert (await person.patch(path, {"active": False}, etag="*")).status_code == status
        assert (await person.delete(own, etag="*")).status_code == status
        assert (await person.delete(path, etag="*")).status_code == status
        assert (await person.post(f"{path}/subjects", tied)).status_code == status
    assert (await firm.seller.get(PATH)).status_code == 403
    assert (await firm.seller.post(PATH, a_provider())).status_code == 403
    heard = (await firm.seller.get("/v1/events")).json()["items"]
    assert not [e for e in heard if e["type"].startswith(("identity-provider.", "subject."))]
    own_heard = (await firm.learner.get("/v1/events", type="subject.tied")).json()["items"]
    assert [event["data"]["subject"] for event in own_heard] == ["s"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"issuer": "login.example"}, "/issuer"),
        ({"issuer": "ftp://login.example"}, "/issuer"),
        ({"issuer": "https://login.example?tenant=1"}, "/issuer"),
        ({"issuer": "https://login.example/#x"}, "/issuer"),
        ({"issuer": "https://user:secret@login.example"}, "/issuer"),
        ({"issuer": "https://login.example/a b"}, "/issuer"),
        ({"audience": ""}, "/audience"),
        ({"audience": "a\x00"}, "/audience"),
        ({"audience": "a\u2028b"}, "/audience"),
        ({"kind": "refresh_token"}, "/kind"),
        ({"kind": "untyped_access_token"}, "/client_ids"),
        ({"person_by": "name"}, "/person_by"),
        ({"role_names": {"x": "owner"}}, "/role_names/x"),
        ({"active": "yes"}, "/active"),
        ({"secret": "s"}, "/secret"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    firm: Firm, fields: dict[str, Any], pointer: str
) -> None:
    answer = await firm.admin.post(PATH, a_provider(**fields))
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_an_issuer_without_tls_is_for_trials_only(firm: Firm) -> None:
    runtime = firm.product.app.front.own.state.runtime
    before = runtime.settings
    runtime.settings = before.model_copy(update={"insecure_issuers": False})
    try:
        answer = await firm.admin.post(PATH, a_provider(issuer="http://login.example"))
    finally:
        runtime.settings = before
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/issuer"


async def test_issuer_and_audience_are_one_organizations(firm: Firm, stranger: Person) -> None:
    wanted = a_provider()
    assert (await firm.admin.post(PATH, wanted)).status_code == 201
    assert (await firm.admin.post(PATH, wanted)).status_code == 409
    assert (await stranger.post(PATH, wanted)).status_code == 409
    assert (await stranger.post(PATH, a_provider())).status_code == 201


async def test_the_issuer_stays_and_the_clients_stay_named(firm: Firm) -> None:
    body = a_provider(kind="untyped_access_token", client_ids=["web"])
    path = (await firm.admin.post(PATH, body)).headers["location"]
    answer = await firm.admin.patch(path, {"issuer": "https://other.example"})
    assert answer.status_code == 422
    answer = await firm.admin.patch(path, {"client_ids": []})
    assert answer.json()["errors"][0]["pointer"] == "/client_ids"
    assert (await firm.admin.patch(path, {"name": "x"}, etag='"7"')).status_code == 412
    assert (await firm.admin.patch(path, {"name": "x"}, etag="")).status_code == 428


async def test_a_subject_stands_for_one_person_and_a_person_has_one_subject(firm: Firm) -> None:
    path = (await firm.admin.post(PATH, a_provider())).headers["location"] + "/subjects"
    other = (await firm.admin.post(PATH, a_provider())).headers["location"] + "/subjects"
    first = {"subject": "s", "person_id": str(firm.learner.id)}
    made = await firm.admin.post(path, first)
    for taken in (
        {**first, "subject": "t"},
        {**first, "person_id": str(firm.seller.id)},
    ):
        assert (await firm.admin.post(path, taken)).status_code == 409
    assert (await firm.admin.post(other, first)).status_code == 201
    nobody = await firm.admin.post(path, {"subject": "u", "person_id": str(uuid4())})
    assert nobody.json()["errors"][0]["pointer"] == "/person_id"
    for subject in ("", "a\x00", "x" * 256, "\ud800"):
        body = {"subject": subject, "person_id": str(firm.seller.id)}
        answer = await firm.admin.request(
            "POST", path, content=_json(body), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422, subject
    elsewhere = f"{other}/{made.json()['id']}"
    assert (await firm.admin.get(elsewhere)).status_code == 404
    assert (await firm.admin.delete(elsewhere, etag="*")).status_code == 404
    assert (await firm.admin.get(f"{PATH}/{uuid4()}/subjects")).status_code == 404


def _json(body: dict[str, Any]) -> bytes:
    import json

    return json.dumps(body).encode()


async def test_the_doctor_says_which_issuers_answer(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with running_issuer(rsa_key()) as good:
        for issuer in (good.address, "http://127.0.0.1:9"):
            await firm.admin.post(PATH, a_provider(issuer=issuer))
        settings = firm.product.installation.settings
        checks = {c.found.split()[0]: c async for c in issuers(settings)}
        assert checks[good.address].verdict is Verdict.ok
        assert checks["http://127.0.0.1:9"].verdict is Verdict.warning
        assert checks["http://127.0.0.1:9"].remedy


async def test_the_doctor_is_silent_about_issuers_where_there_is_no_database() -> None:
    settings = Settings(database_url=SecretStr("postgresql://postgres@127.0.0.1:1/stafett"))
    assert [check async for check in issuers(settings)] == []
