"""Whatever comes in: a clear problem, never a mistake of ours, never half a write."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import Firm, Person


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem in the answer, which must be one of RFC 9457."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"].startswith("/problems/")
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


async def send(person: Person, content: bytes, content_type: str = "application/json") -> Any:
    return await person.request(
        "POST", "/v1/teams", content=content, headers={"Content-Type": content_type}
    )


async def test_an_unknown_query_parameter_is_refused_by_name(firm: Firm) -> None:
    body = assert_problem(await firm.seller.get("/v1/people", colour="red", limit=1), 422)
    assert body["errors"] == [
        {"in": "query", "pointer": "/colour", "detail": "This query parameter does not exist."}
    ]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "GET"])
async def test_an_unknown_query_parameter_is_refused_with_every_method(
    firm: Firm, method: str
) -> None:
    path = "/v1/teams" if method == "POST" else f"/v1/teams/{firm.team_id}"
    answer = await firm.admin.request(method, path, params={"x": "1"}, headers={"If-Match": "*"})
    assert_problem(answer, 422)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_json_under_another_name_is_told_its_name(firm: Firm, content_type: str) -> None:
    body = assert_problem(await send(firm.admin, b'{"name": "Drift"}', content_type), 422)
    assert body["errors"] == [
        {"in": "body", "pointer": "", "detail": "Send it as Content-Type: application/json."}
    ]


async def test_an_unknown_field_is_refused_by_pointer(firm: Firm) -> None:
    body = assert_problem(await firm.admin.post("/v1/teams", {"name": "Drift", "a/b~c": 1}), 422)
    assert body["errors"] == [
        {"in": "body", "pointer": "/a~1b~0c", "detail": "This field does not exist."}
    ]


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("\u200b\u2060", "It must have characters that can be seen, at least 1."),
        (
            "Drift\u202eolso",
            (
                "It must be on one line, without control characters and without those that turn "
                "its direction."
            ),
        ),
    ],
)
async def test_a_name_that_nobody_can_read_is_refused(firm: Firm, name: str, detail: str) -> None:
    body = assert_problem(await firm.admin.post("/v1/teams", {"name": name}), 422)
    assert body["errors"] == [{"in": "body", "pointer": "/name", "detail": detail}]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"{", 400),
        (b'{"name": "Drift"}}', 400),
        (b'{"name": "\xff\xfe"}', 400),
        (b'{"name": "a\\u0000b"}', 422),
        (b'{"name": "a\\ud800b"}', 422),
        (b'{"\\ud800": 1}', 422),
        (b'{"name": {"\\udfff": 1}}', 422),
        (b'{"name": 1}', 422),
        (b'{"name": null}', 422),
        (b'{"name": NaN}', 422),
        (b'{"name": 1e999}', 422),
        (b'{"name": ' + b"9" * 5000 + b"}", 400),
        (b'{"name": "' + b"x" * 201 + b'"}', 422),
        (b'{"lead_id": "not-an-id", "name": "Drift"}', 422),
        (b"[" * 100_000, 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400),
    ],
)
async def test_a_body_that_is_not_what_is_asked_for_is_a_problem(
    firm: Firm, content: bytes, status: int
) -> None:
    assert_problem(await send(firm.admin, content), status)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "multipart/form-data", "nonsense", "application/json/x", ""],
)
async def test_another_content_type_is_a_problem(firm: Firm, content_type: str) -> None:
    assert_problem(await send(firm.admin, b'{"name": "Drift"}', content_type), 422)


async def test_merge_patch_may_be_named_as_such(firm: Firm) -> None:
    answer = await firm.admin.request(
        "PATCH",
        f"/v1/teams/{firm.team_id}",
        content=json.dumps({"name": "Levering Vest"}),
        headers={"Content-Type": "application/merge-patch+json", "If-Match": "*"},
    )
    assert answer.json()["name"] == "Levering Vest"


async def test_ten_megabytes_are_too_large(firm: Firm) -> None:
    body = assert_problem(await send(firm.admin, b'"' + b"x" * 10_000_000 + b'"'), 413)
    assert body["type"] == "/problems/too-large"


async def test_ten_megabytes_are_too_large_also_when_nobody_said_how_many(firm: Firm) -> None:
    read = 0

    async def chunks() -> Any:
        nonlocal read
        for _ in range(100):
            read += 100_000
            yield b"x" * 100_000

    for headers in ({}, {"Idempotency-Key": "big"}):
        answer = await firm.admin.request("POST", "/v1/teams", content=chunks(), headers=headers)
        assert_problem(answer, 413)


async def test_a_lie_about_the_length_is_a_problem(firm: Firm) -> None:
    answer = await firm.admin.request(
        "POST", "/v1/teams", content=b"{}", headers={"Content-Length": "99999999999999999999"}
    )
    assert_problem(answer, 413)


@pytest.mark.parametrize("value", ["\x00", "a\x00b", "\ud800", "😀" * 50])
async def test_a_query_holds_what_it_wants_and_finds_nothing(firm: Firm, value: str) -> None:
    query = b"email=" + b"".join(
        b"%%%02X" % byte for byte in value.encode("utf-8", "surrogatepass")
    )
    answer = await firm.seller.client.request(
        "GET",
        httpx.URL("http://stafett/v1/people", query=query),
        headers={"Authorization": f"Bearer {firm.seller.key}"},
    )
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert_problem(answer, 422)


async def test_a_number_that_no_column_holds_is_a_problem(firm: Firm) -> None:
    answer = await firm.admin.patch("/v1/organization", {"working_days": [10**30]})
    assert_problem(answer, 422)


async def test_nothing_of_a_refused_request_stays(firm: Firm) -> None:
    before = (await firm.admin.get("/v1/teams")).json()
    await firm.admin.post("/v1/teams", {"name": "Drift", "lead_id": str(firm.organization_id)})
    assert (await firm.admin.get("/v1/teams")).json() == before


async def test_no_problem_tells_of_the_inside(firm: Firm) -> None:
    answers = [
        await send(firm.admin, b"{"),
        await firm.admin.post("/v1/teams", {"name": "levering"}),
        await firm.seller.get("/v1/people", email="\x00"),
    ]
    for answer in answers:
        for word in ("Traceback", "SELECT", "INSERT", "asyncpg", "sqlalchemy", "/work", "postgres"):
            assert word not in answer.text


@pytest.mark.parametrize(
    ("due", "pointer"),
    [
        ({"kind": "after_hire"}, "/due/days"),
        ({"kind": "after_hire", "days": 3, "after_hire": 1}, "/due/after_hire"),
        ({"kind": "before_go_live", "working_days": -1, "go_live_on": "2199-03-01"},
         "/due/working_days"),
        ({"kind": "never"}, "/due"),
    ],
)  # fmt: skip
async def test_what_is_wrong_in_one_of_several_forms_is_pointed_to_as_it_was_sent(
    firm: Firm, due: dict[str, Any], pointer: str
) -> None:
    ids = {"person_id": str(firm.learner.id), "curriculum_id": str(firm.learner.id)}
    body = assert_problem(await firm.trainer.post("/v1/assignments", {**ids, "due": due}), 422)
    assert [error["pointer"] for error in body["errors"]] == [pointer]
