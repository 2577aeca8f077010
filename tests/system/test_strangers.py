"""Nobody sees what is not theirs: every operation of the document, for everybody who must not get through.

Generated from the merged OpenAPI document, so that a new endpoint is held to it by being there.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.chassis.caller import Role, Scope
from services.commands.document import merged_document
from services.gateway.domain.api_key import PREFIX, ApiKey
from tests.conftest import Person, Product, found_firm
from tests.system.filled import KINDS, Filled, filled

DOCUMENT = merged_document()
# Of several parameters, one must be given; this one is.
ONE_OF = {"lookupCustomers": "phone"}


@dataclass(frozen=True)
class Operation:
    """One operation of the document, and how it is asked for."""

    name: str
    method: str
    path: str
    described: dict[str, Any]

    def names(self, where: str, *, required: bool = False) -> list[str]:
        """The parameters that stand there."""
        return [
            parameter["name"]
            for parameter in self.described.get("parameters", [])
            if parameter["in"] == where and (parameter["required"] or not required)
        ]

    def request(self, everything: Filled) -> dict[str, Any]:
        """A request that somebody of the firm could send: the firm's ids wherever an id is asked for."""
        path = self.path.format(**{name: everything.first(name) for name in self.names("path")})
        needed = self.names("query", required=True)
        if self.name in ONE_OF:
            needed.append(ONE_OF[self.name])
        query = {name: _example(self, name) for name in needed}
        query |= {
            name: id
            for name in self.names("query")
            if (id := _id_called(name, everything)) is not None
        }
        sent: dict[str, Any] = {"method": self.method, "url": path, "params": query}
        content = self.described.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            sent["json"] = _with_ids(content["application/json"]["example"], everything)
        elif "multipart/form-data" in content:
            fields = dict(content["multipart/form-data"]["example"])
            sent["files"] = {"file": ("file.csv", fields.pop("file"), "text/csv")}
            sent["data"] = fields
        if "If-Match" in self.names("header"):
            sent["headers"] = {"If-Match": "*"}
        return sent


def _operations() -> Iterator[Operation]:
    for path, methods in DOCUMENT["paths"].items():
        for method, described in methods.items():
            yield Operation(described["operationId"], method.upper(), path, described)


EVERYTHING = list(_operations())
# What whoever knows the address may read says so in the document; all else asks who it is.
PUBLIC = [operation for operation in EVERYTHING if operation.described.get("security") == []]
OPERATIONS = [operation for operation in EVERYTHING if operation not in PUBLIC]


def _example(operation: Operation, name: str) -> Any:
    [parameter] = [p for p in operation.described["parameters"] if p["name"] == name]
    return parameter["schema"]["examples"][0]


def _id_called(name: str, everything: Filled) -> str | None:
    kind = KINDS.get(name, name)
    known = kind.endswith("_id") and kind in everything.parameters
    return everything.first(kind) if known else None


def _with_ids(value: Any, everything: Filled, name: str = "") -> Any:
    """A body with the firm's ids in place of the example's."""
    if isinstance(value, dict):
        return {key: _with_ids(part, everything, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_ids(part, everything, name) for part in value]
    return _id_called(name, everything) or value


@pytest.fixture(scope="module")
async def everything(product: Product) -> Filled:
    """A firm with one of everything."""
    return await filled(await found_firm(product, "Nordlys"))


@pytest.fixture(scope="module")
async def outsider(product: Product) -> Person:
    """Somebody with every role in another organization, who stays the same for all of these tests."""
    other = await found_firm(product, "Sydpol")
    return await other.hire("Frank Fremmed", *Role)


def secrets_of(everything: Filled) -> set[str]:
    """What no answer to anybody else may hold."""
    ids = {value for values in everything.parameters.values() for value in values}
    return {id for id in ids if len(id) == 36} | {
        str(everything.firm.organization_id),
        str(everything.firm.seller.id),
        everything.firm.seller.email,
    }


async def ask(
    client: httpx.AsyncClient, request: dict[str, Any], *headers: tuple[str, str]
) -> httpx.Response:
    given = list(request.get("headers", {}).items())
    return await client.request(**{**request, "headers": [*given, *headers]})


def bearer(key: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {key}")


def is_problem(answer: httpx.Response) -> bool:
    return answer.headers["content-type"] == "application/problem+json"


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert len(names) > 90
    assert sorted(names) == sorted(set(names))
    assert [name for name in names if not name.isidentifier() or "_" in name] == []


async def test_everything_that_a_path_can_name_has_a_maker(everything: Filled) -> None:
    without = {
        f"{operation.name}: {name}"
        for operation in OPERATIONS
        for name in operation.names("path")
        if name not in everything.parameters
    }
    assert without == set(), "add a maker of it to tests/system/filled.py"


async def test_the_firm_itself_reads_everything_that_strangers_are_refused(
    everything: Filled,
) -> None:
    refused = {}
    for operation in OPERATIONS:
        if operation.method == "GET":
            request = operation.request(everything)
            answer = await ask(everything.everyone.client, request, bearer(everything.everyone.key))
            if answer.status_code != 200:
                refused[operation.name] = answer.text
    assert refused == {}


async def test_only_what_is_meant_for_everybody_is_read_without_a_credential(
    everything: Filled,
) -> None:
    assert {operation.path.rpartition("{")[0] or operation.path for operation in PUBLIC} == {
        "/v1/public/certificates/",
        "/v1/public/issuers/",
        "/v1/public/keys",
        "/v1/public/keys/",
    }
    for operation in PUBLIC:
        assert operation.method == "GET"
        answer = await ask(everything.everyone.client, operation.request(everything))
        assert answer.status_code == 200, operation.name


def without_credentials(everything: Filled, keys: dict[str, str]) -> dict[str, list[Any]]:
    """Everything that opens nothing, by what is wrong with it."""
    raw = bytearray(_raw(everything.everyone.key))
    raw[-1] ^= 1
    elsewhere = bytes(UUID(int=1).bytes) + _raw(everything.everyone.key)[16:]
    return {
        "no token": [],
        "another scheme": [("Authorization", f"Basic {everything.everyone.key}")],
        "an internal token's look": [bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.")],
        "a forged secret": [bearer(_key(bytes(raw)))],
        "another organization in the key": [bearer(_key(elsewhere))],
        "an expired key": [bearer(keys["expired"])],
        "a revoked key": [bearer(keys["revoked"])],
        "the key of somebody who left": [bearer(keys["left"])],
        "only headers that say who asks": [
            ("X-Organization-Id", str(everything.firm.organization_id)),
            ("X-Person-Id", str(everything.everyone.id)),
            ("X-Stafett-Caller", str(everything.everyone.id)),
            ("X-Forwarded-User", everything.everyone.email),
            ("X-User", everything.everyone.email),
            ("X-Remote-User", everything.everyone.email),
            ("Cookie", f"authorization={everything.everyone.key}"),
        ],
    }


def _raw(key: str) -> bytes:
    text = key.removeprefix(PREFIX)
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _key(raw: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
async def ended_keys(everything: Filled) -> dict[str, str]:
    """Keys that once opened the door."""
    firm = everything.firm
    gone = await firm.hire("Gro Gått", *Role)
    etag = (await firm.admin.get(f"/v1/people/{gone.id}")).headers["ETag"]
    left = await firm.admin.patch(f"/v1/people/{gone.id}", {"active": False}, etag)
    assert left.status_code == 200
    issued = (await firm.admin.post("/v1/api-keys", {"name": "soon revoked"})).json()
    assert (await firm.admin.delete(f"/v1/api-keys/{issued['id']}")).status_code == 200
    async with firm.product.gateway.transaction(firm.organization_id) as session:
        ended = datetime.now(UTC) - timedelta(seconds=1)
        row, expired = ApiKey.issue(
            firm.organization_id, firm.admin.id, "expired", list(Scope), ended
        )
        session.add(row)
    return {"expired": expired, "revoked": issued["key"], "left": gone.key}


async def test_without_a_credential_that_holds_nothing_is_answered(
    everything: Filled, ended_keys: dict[str, str]
) -> None:
    wrong = {}
    for what, headers in without_credentials(everything, ended_keys).items():
        for operation in OPERATIONS:
            request = operation.request(everything)
            answer = await ask(everything.everyone.client, request, *headers)
            if answer.status_code != 401 or not is_problem(answer):
                wrong[f"{operation.name} with {what}"] = answer.status_code
    assert wrong == {}


async def test_two_credentials_at_once_are_refused(everything: Filled, outsider: Person) -> None:
    both = [bearer(outsider.key), bearer(everything.everyone.key)]
    wrong = {}
    for operation in OPERATIONS:
        request = operation.request(everything)
        for headers in (both, both[::-1]):
            answer = await ask(outsider.client, request, *headers)
            if answer.status_code != 400 or not is_problem(answer):
                wrong[operation.name] = answer.status_code
    assert wrong == {}


async def test_a_key_for_reading_changes_nothing(everything: Filled) -> None:
    given = {"name": "only reads", "scopes": ["read"]}
    key = (await everything.everyone.post("/v1/api-keys", given)).json()["key"]
    wrong = {}
    for operation in OPERATIONS:
        if operation.method != "GET":
            request = operation.request(everything)
            answer = await ask(everything.everyone.client, request, bearer(key))
            if answer.status_code != 403 or not is_problem(answer):
                wrong[operation.name] = answer.status_code
    assert wrong == {}


@pytest.mark.parametrize("pretending", [False, True], ids=["plainly", "with forged headers"])
async def test_a_stranger_with_every_role_gets_none_of_it(
    everything: Filled, outsider: Person, *, pretending: bool
) -> None:
    firm = everything.firm
    forged = [
        ("X-Organization-Id", str(firm.organization_id)),
        ("X-Stafett-Organization", str(firm.organization_id)),
        ("X-Stafett-Roles", "admin"),
        ("X-Person-Id", str(firm.admin.id)),
        ("X-Forwarded-User", firm.admin.email),
        ("X-Auth-Request-User", firm.admin.email),
        ("Forwarded", f'for="{firm.admin.email}"'),
        ("Cookie", f"authorization={everything.everyone.key}"),
    ]
    wrong = {}
    for operation in OPERATIONS:
        request = operation.request(everything)
        answer = await ask(
            outsider.client, request, bearer(outsider.key), *(forged if pretending else [])
        )
        if operation.names("path") and answer.status_code != 404:
            wrong[operation.name] = f"{answer.status_code}, where only 404 says nothing"
        elif answer.status_code >= 500:
            wrong[operation.name] = answer.text
        elif answer.status_code >= 400 and not is_problem(answer):
            wrong[operation.name] = answer.headers["content-type"]
        elif leaked := [secret for secret in secrets_of(everything) if secret in answer.text]:
            wrong[operation.name] = f"{answer.status_code} that tells {leaked}"
    assert wrong == {}


async def test_after_all_of_that_the_firm_is_as_it_was(
    everything: Filled, outsider: Person
) -> None:
    mine = (await everything.everyone.get("/v1/me")).json()
    assert mine["organization"]["id"] == str(everything.firm.organization_id)
    theirs = (await outsider.get("/v1/me")).json()
    assert theirs["organization"]["id"] == str(outsider.organization_id)
    told = (await everything.firm.admin.get("/v1/events", limit=1000)).json()["items"]
    assert {event["organizationid"] for event in told} == {str(everything.firm.organization_id)}
    by_strangers = [event for event in told if str(outsider.id) in str(event)]
    assert by_strangers == []
