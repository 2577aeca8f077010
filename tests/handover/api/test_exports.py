"""What leaves as a file: everything that the lists show, whole or broken off."""

import asyncio
import csv
import io
import json
from typing import Any

import pytest

from services.chassis.csv_records import csv_records
from services.chassis.csv_writing import harmless
from tests.conftest import Firm, Person
from tests.handover.makers import complete_draft, made, promises_of


async def export(person: Person, what: str, accept: str, **query: Any) -> Any:
    answer = await person.request(
        "GET", f"/v1/exports/{what}", headers={"Accept": accept}, params=query
    )
    assert answer.status_code == 200, answer.text
    return answer


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def several(firm: Firm) -> list[dict[str, Any]]:
    """Two handovers, oldest first, one with a title that a spreadsheet would calculate."""
    handovers = [await complete_draft(firm) for _ in range(2)]
    path = f"/v1/handovers/{handovers[1]['id']}"
    made(await firm.seller.patch(path, {"title": "=HYPERLINK(1)", "background": 'Å, "b"\nc'}), 200)
    items: list[dict[str, Any]] = made(await firm.seller.get("/v1/handovers"), 200)["items"]
    return items[::-1]


async def test_json_and_lines_hold_what_the_list_shows(firm: Firm):
    listed = await several(firm)
    whole = await export(firm.learner, "handovers", "application/json")
    assert whole.json() == {"items": listed}
    assert whole.headers["content-disposition"] == 'attachment; filename="handovers.json"'
    lines = await export(firm.learner, "handovers", "application/x-ndjson")
    assert [json.loads(line) for line in lines.text.splitlines()] == listed
    assert (await export(firm.learner, "handovers", "*/*")).json() == {"items": listed}


async def test_csv_has_a_column_for_each_field_and_nothing_to_calculate(firm: Firm):
    listed = await several(firm)
    answer = await export(firm.learner, "handovers", "text/csv;q=0.9, application/json;q=0.1")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    rows = table(answer.text)
    assert [row["id"] for row in rows] == [one["id"] for one in listed]
    assert rows[1]["title"] == "'=HYPERLINK(1)"
    assert rows[1]["background"] == 'Å, "b"\nc'
    assert (rows[0]["amount"], rows[0]["currency"]) == tuple(listed[0]["amount"].values())
    assert (rows[0]["is_won"], rows[0]["delivery_lead_id"]) == (
        str(listed[0]["is_won"]).lower(),
        listed[0]["delivery_lead_id"] or "",
    )
    assert not answer.content.startswith(b"\xef\xbb\xbf")
    marked = await export(firm.learner, "handovers", "text/csv", bom="true")
    assert marked.content == b"\xef\xbb\xbf" + answer.content
    # Our own reader of files finds nothing to refuse in it.
    assert all(not row.problems for row in csv_records(answer.text))


async def test_promises_come_by_the_filters_of_their_list(firm: Firm):
    [first, second] = await several(firm)
    [promise] = await promises_of(firm, first)
    query = {"handover_id": first["id"], "state": "offered"}
    found = await export(firm.lead, "promises", "application/json", **query)
    assert found.json() == {"items": [promise]}
    rows = table((await export(firm.lead, "promises", "text/csv", **query)).text)
    assert [row["statement"] for row in rows] == [promise["statement"]]
    assert (await export(firm.lead, "promises", "application/json", mine="true")).json() == {
        "items": []
    }
    assert second["id"] not in found.text


async def test_nothing_is_a_whole_file_too(firm: Firm):
    assert (await export(firm.seller, "handovers", "application/json")).json() == {"items": []}
    assert (await export(firm.seller, "handovers", "application/x-ndjson")).content == b""
    header = (await export(firm.seller, "handovers", "text/csv")).text
    assert header.startswith("id,organization_id,created_at,")
    assert header.count("\r\n") == 1


async def test_a_stranger_exports_their_own_alone(firm: Firm, stranger: Person):
    await complete_draft(firm)
    for what in ("handovers", "promises"):
        assert (await export(stranger, what, "application/json")).json() == {"items": []}


@pytest.mark.parametrize(
    "query", [{"limit": "5"}, {"after": "x"}, {"colour": "blue"}, {"state": "?"}]
)
async def test_an_unknown_filter_is_refused(firm: Firm, query: dict[str, str]):
    for what in ("handovers", "promises"):
        refused = await firm.seller.get(f"/v1/exports/{what}", **query)
        assert refused.status_code == 422


async def test_only_some_exports_run_at_a_time(firm: Firm):
    runtime = firm.product.app.neighbours["handover"].state.runtime
    for _ in range(4):
        await runtime.exports.acquire()
    try:
        refused = await firm.seller.get("/v1/exports/handovers")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    finally:
        for _ in range(4):
            runtime.exports.release()
    assert (await firm.seller.get("/v1/exports/handovers")).status_code == 200


async def imported(firm: Firm, rows: int) -> None:
    text = "".join(f"{number};Deal {number};Customer\n" for number in range(rows))
    form = {"mapping": '{"external_id": "No", "title": "Deal", "customer_name": "Customer"}'}
    files = {"file": ("deals.csv", f"No;Deal;Customer\n{text}".encode())}
    made(await firm.seller.upload("/v1/imports/deals", files, form), 200)


async def test_what_fails_midway_breaks_off_and_lets_the_connection_go(firm: Firm):
    await imported(firm, 1200)
    runtime = firm.product.app.neighbours["handover"].state.runtime
    pieces: list[bytes] = []
    ended: list[bool] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            pieces.append(message["body"])
            ended.append(not message.get("more_body"))
            if len(pieces) == 1:
                async with runtime.database.across_organizations() as (_, driver):
                    await driver.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE usename = current_user AND state = 'idle in transaction' "
                        "AND pid <> pg_backend_pid()"
                    )

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/exports/handovers",
        "raw_path": b"/v1/exports/handovers",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {firm.seller.key}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("stafett", 80),
    }
    with pytest.raises(Exception):  # noqa: B017, PT011 - the server hangs up on any
        await firm.product.app(scope, receive, send)
    assert pieces
    assert not any(ended)
    assert not runtime.exports.locked()
    assert len((await firm.seller.get("/v1/exports/handovers")).json()["items"]) == 1200


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("Tills", "Tills"),
        ("a=b", "a=b"),
        ("=1+1", "'=1+1"),
        ("+47", "'+47"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
    ],
)
def test_what_a_spreadsheet_would_calculate_is_made_a_text(text: str, written: str):
    assert harmless(text) == written


async def test_a_form_that_there_is_not_is_refused_with_those_there_are(firm: Firm):
    for what in ("handovers", "promises"):
        for accept in ("image/png", "application/json;q=0"):
            answer = await firm.learner.request(
                "GET", f"/v1/exports/{what}", headers={"Accept": accept}
            )
            assert answer.status_code == 406
            assert "text/csv" in answer.json()["detail"]
