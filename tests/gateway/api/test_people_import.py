"""Importing people: good rows land, bad ones are told, and the same file twice changes nothing."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from benchmarks.statements import overhearing
from tests.conftest import Firm, Person, Product


async def send(admin: Person, text: str | bytes, key: str | None = None, **params: Any) -> Any:
    content = text if isinstance(text, bytes) else text.encode()
    headers = {} if key is None else {"Idempotency-Key": key}
    return await admin.request(
        "POST",
        "/v1/imports/people",
        files={"file": ("people.csv", content, "text/csv")},
        params=params,
        headers=headers,
    )


async def sent(admin: Person, text: str, **params: Any) -> dict[str, Any]:
    answer = await send(admin, text, **params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def counts(body: dict[str, Any]) -> tuple[int, int, int, int]:
    return body["created"], body["updated"], body["unchanged"], body["failed"]


async def person_at(someone: Person, email: str) -> dict[str, Any]:
    (person,) = (await someone.get("/v1/people", email=email)).json()["items"]
    return dict(person)


async def people_events(firm: Firm) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await firm.admin.get("/v1/events", limit=1000, after=after or "")).json()
        if not page["items"]:
            return [e for e in seen if e["type"].startswith(("person.", "team."))]
        seen += page["items"]
        after = page["next"]


FILE = (
    "name;email;external_id;team;manager_email;roles;hire_date;job_role;location;locale;time_zone\n"
    "Grete Dahl;grete@nordlys.example;17;Drift;ola@nordlys.example;seller|trainer;2026-02-01;"
    "Consultant;Oslo;nb;Europe/Oslo\n"
    "Ola Berg;ola@nordlys.example;18;drift;;;;;;;\n"
)


async def test_people_land_with_their_team_and_a_manager_from_further_down(firm: Firm) -> None:
    body = await sent(firm.admin, FILE)
    assert counts(body) == (2, 0, 0, 0)
    assert body["teams_created"] == ["Drift"]
    assert [row["line"] for row in body["rows"]] == [2, 3]
    grete = await person_at(firm.seller, "grete@nordlys.example")
    ola = await person_at(firm.seller, "ola@nordlys.example")
    assert grete["id"] == body["rows"][0]["person_id"]
    assert grete["manager_id"] == ola["id"]
    assert grete["team_id"] == ola["team_id"]
    assert grete["roles"] == ["seller", "trainer"]
    assert grete["hire_date"] == "2026-02-01"
    assert (grete["external_id"], grete["locale"], grete["location"]) == ("17", "nb", "Oslo")
    assert grete["active"]
    team = (await firm.seller.get(f"/v1/teams/{ola['team_id']}")).json()
    assert team["name"] == "Drift"


async def test_the_same_file_twice_changes_nothing(firm: Firm) -> None:
    await sent(firm.admin, FILE)
    told, etag = await people_events(firm), (await person_at(firm.admin, "ola@nordlys.example"))
    body = await sent(firm.admin, FILE)
    assert counts(body) == (0, 0, 2, 0)
    assert body["teams_created"] == []
    assert await people_events(firm) == told
    assert await person_at(firm.admin, "ola@nordlys.example") == etag


async def test_a_dry_run_tells_the_same_and_writes_nothing(firm: Firm) -> None:
    told = await people_events(firm)
    body = await sent(firm.admin, FILE, dry_run=True)
    assert counts(body) == (2, 0, 0, 0)
    assert body["dry_run"] is True
    assert body["teams_created"] == ["Drift"]
    assert [row["person_id"] for row in body["rows"]] == [None, None]
    assert await people_events(firm) == told
    assert counts(await sent(firm.admin, FILE)) == (2, 0, 0, 0)


async def test_a_person_is_found_by_external_id_before_their_address(firm: Firm) -> None:
    await sent(firm.admin, "name,email,external_id\nGrete Dahl,grete@nordlys.example,17\n")
    body = await sent(
        firm.admin, "name,email,external_id\nGrete Lie,grete.lie@nordlys.example,17\n"
    )
    assert counts(body) == (0, 1, 0, 0)
    person = await person_at(firm.admin, "grete.lie@nordlys.example")
    assert (person["name"], person["version"]) == ("Grete Lie", 2)


async def test_a_person_is_found_by_address_whatever_its_case_and_gets_their_external_id(
    firm: Firm,
) -> None:
    email = firm.learner.email.upper()
    body = await sent(
        firm.admin, f"name,email,external_id\nLærke Lærling,{email.replace('FIRM', 'firm')},99\n"
    )
    assert counts(body) == (0, 1, 0, 0)
    person = await person_at(firm.admin, firm.learner.email)
    assert person["id"] == str(firm.learner.id)
    assert person["external_id"] == "99"
    assert person["email"] == firm.learner.email


async def test_what_a_row_leaves_out_stays_and_roles_are_granted_never_taken(firm: Firm) -> None:
    await sent(firm.admin, FILE)
    body = await sent(
        firm.admin,
        "name,email,location,job_role,roles\nGrete Dahl,grete@nordlys.example,,Lead,manager\n",
    )
    assert counts(body) == (0, 1, 0, 0)
    person = await person_at(firm.admin, "grete@nordlys.example")
    assert (person["location"], person["job_role"]) == ("Oslo", "Lead")
    assert person["roles"] == ["seller", "trainer", "manager"]
    assert person["manager_id"]


async def test_good_rows_land_while_bad_ones_are_told_with_line_and_column(firm: Firm) -> None:
    await sent(firm.admin, FILE)
    body = await sent(
        firm.admin,
        "name,email,external_id,manager_email,roles\n"
        "Good One,good@nordlys.example,,,\n"
        "No Address,not-an-address,,,\n"
        "Twice One,good@nordlys.example,,,\n"
        "Taken Address,grete@nordlys.example,18,,\n"
        "Other Number,grete@nordlys.example.,77,,\n"
        "Other Number,ola@nordlys.example,77,,\n"
        "No Boss,noboss@nordlys.example,,nobody@nordlys.example,\n"
        "Under No Boss,under@nordlys.example,,noboss@nordlys.example,\n"
        "King,king@nordlys.example,,,king\n"
        "=HYPERLINK(1),formula@nordlys.example,,,\n"
        "Too,few\n",
    )
    assert counts(body) == (1, 0, 0, 10)
    assert body["rows"][0]["result"] == "created"
    columns = [row["errors"][0]["column"] for row in body["rows"][1:]]
    assert columns == [2, 2, 2, 2, 3, 4, 4, 5, 1, 3]
    assert all(row["errors"][0]["detail"] for row in body["rows"][1:])
    assert [row["line"] for row in body["rows"]] == list(range(2, 13))
    assert body["rows"][2]["errors"][0]["detail"] == "The same person stands on line 2"
    assert (await firm.admin.get("/v1/people", email="under@nordlys.example")).json()["items"] == []


async def test_two_rows_that_are_found_to_be_one_person_do_not_both_land(firm: Firm) -> None:
    await sent(firm.admin, FILE)
    body = await sent(
        firm.admin,
        "name,email,external_id\nGrete D,grete@dahl.example,17\nGrete E,grete@nordlys.example,\n",
    )
    assert [row["result"] for row in body["rows"]] == ["updated", "failed"]


async def test_nobody_becomes_their_own_manager_by_way_of_an_older_address(firm: Firm) -> None:
    await sent(firm.admin, FILE)
    body = await sent(
        firm.admin,
        "name,email,external_id,manager_email\nOla B,ola.b@nordlys.example,18,ola@nordlys.example\n",
    )
    assert body["rows"][0]["errors"] == [{"column": 4, "detail": "Nobody is their own manager"}]


async def test_a_file_that_cannot_be_used_is_refused_whole_with_its_place(firm: Firm) -> None:
    for content, line in (
        (b"", 1),
        (b"name\nGrete\n", 1),
        (b"name,email\n\xe6,a@b.example\n", 2),
        (b'name,email\n"Grete,a@b.example\n', 2),
        (b"PK\x03\x04....", 1),
    ):
        answer = await send(firm.admin, content)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["in"] == "file"
        assert answer.json()["errors"][0]["line"] == line


async def test_only_admins_import(firm: Firm) -> None:
    for person in (firm.seller, firm.lead, firm.trainer, firm.manager, firm.learner):
        assert (await send(person, FILE)).status_code == 403


async def test_a_form_without_the_file_or_with_more_is_refused(firm: Firm) -> None:
    nothing = await firm.admin.upload("/v1/imports/people", files={"other": ("a", b"b")})
    assert nothing.status_code == 422
    assert nothing.json()["errors"][0]["pointer"] == "/other"
    more = await firm.admin.upload(
        "/v1/imports/people", files={"file": ("a.csv", FILE.encode())}, data={"dry_run": "true"}
    )
    assert more.json()["errors"][0]["pointer"] == "/dry_run"
    for answer in (
        await firm.admin.post("/v1/imports/people", {"file": FILE}),
        await firm.admin.upload("/v1/imports/people", files=None, data={"file": FILE}),
    ):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/file"


async def test_a_broken_form_is_unreadable(firm: Firm) -> None:
    for content in (
        b"",
        b"--x\r\nnonsense",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
    ):
        answer = await firm.admin.request(
            "POST",
            "/v1/imports/people",
            content=content,
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert answer.status_code in (400, 422)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_file_may_be_larger_than_other_bodies_but_not_without_end(firm: Firm) -> None:
    row = "{},{}@nordlys.example," + "x" * 199 + "\n"
    large = "name,email,location\n" + "".join(row.format(i, i) for i in range(5000))
    assert len(large) > 1_048_576
    assert counts(await sent(firm.admin, large, dry_run=True)) == (5000, 0, 0, 0)
    answer = await send(firm.admin, b"x" * 17_000_000)
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/too-large"


async def test_a_repeated_import_is_answered_the_same_though_its_form_looks_different(
    firm: Firm,
) -> None:
    first = await send(firm.admin, FILE, key="people-1")
    second = await send(firm.admin, FILE, key="people-1")
    assert first.request.headers["content-type"] != second.request.headers["content-type"]
    assert second.headers["idempotency-replayed"] == "true"
    assert second.content == first.content
    assert (await send(firm.admin, FILE + "x", key="people-1")).status_code == 422


async def test_two_imports_at_once_create_nobody_twice(firm: Firm) -> None:
    one, two = await asyncio.gather(sent(firm.admin, FILE), sent(firm.admin, FILE))
    assert sorted([counts(one), counts(two)]) == [(0, 0, 2, 0), (2, 0, 0, 0)]


async def test_the_events_carry_the_whole_card_and_say_what_changed(
    firm: Firm, product: Product
) -> None:
    await sent(firm.admin, FILE)
    await sent(firm.admin, "name,email,external_id\nGrete Lie,grete@nordlys.example,17\n")
    told = (await people_events(firm))[-4:]
    assert [event["type"] for event in told] == [
        "team.created",
        "person.created",
        "person.created",
        "person.changed",
    ]
    changed = told[-1]
    person = await person_at(firm.admin, "grete@nordlys.example")
    ours = ("organization_id", "created_at", "updated_at")
    assert changed["data"]["person"] == {k: v for k, v in person.items() if k not in ours}
    assert changed["data"]["before"] == {"name": "Grete Dahl"}
    assert changed["data"]["after"] == {"name": "Grete Lie"}
    assert changed["actorid"] == str(firm.admin.id)
    await product.catch_up()
    for service in ("handover", "onboarding"):
        async with product.database(service).reading(firm.organization_id) as reader:
            name = await reader.connection.fetchval(
                "SELECT name FROM person WHERE email = 'grete@nordlys.example'"
            )
        assert name == "Grete Lie"


async def test_another_organizations_people_are_not_found(firm: Firm, stranger: Person) -> None:
    await sent(firm.admin, FILE)
    assert counts(await sent(stranger, FILE)) == (2, 0, 0, 0)
    body = await sent(stranger, f"name,email,manager_email\nA B,a@b.example,{firm.admin.email}\n")
    assert body["failed"] == 1


async def test_many_people_take_a_few_statements(firm: Firm) -> None:
    mark = uuid4().hex[:6]
    text = "name,email,external_id,team,manager_email\n" + "".join(
        f"Person {i},p{i}@{mark}.example,{mark}-{i},Team {i % 20},"
        + (f"p{i // 10}@{mark}.example\n" if i >= 10 else "\n")
        for i in range(1, 501)
    )
    for expected in ((500, 0, 0, 0), (0, 0, 500, 0)):
        with overhearing(firm.product.gateway) as overheard:
            assert counts(await sent(firm.admin, text)) == expected
            # asyncpg tells of a query one turn of the loop after its end.
            await asyncio.sleep(0.01)
        assert max(map(len, overheard.transactions)) < 50


@pytest.mark.parametrize("value", ["maybe", "", "2"])
async def test_dry_run_is_true_or_false(firm: Firm, value: str) -> None:
    assert (await send(firm.admin, FILE, dry_run=value)).status_code == 422
