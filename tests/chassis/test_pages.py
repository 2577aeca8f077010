"""Lists in pages: they hold still while others write, and a cursor is what an answer gave."""

import asyncio
import base64
from typing import Any

import httpx
import orjson
import pytest

from tests.conftest import Firm, Person


async def with_teams(firm: Firm, count: int) -> None:
    for start in range(0, count, 10):
        await asyncio.gather(
            *(
                firm.admin.post("/v1/teams", {"name": f"Team {n:03}"})
                for n in range(start, min(start + 10, count))
            )
        )


async def all_pages(person: Person, path: str, **params: Any) -> list[dict[str, Any]]:
    """Every item, page by page, by the cursor; the `Link` has to say the same."""
    items: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        asked = {**params, **({} if after is None else {"after": after})}
        answer = await person.get(path, **asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert set(page) == {"items", "next"}
        assert len(page["items"]) <= params.get("limit", 50)
        items += page["items"]
        after = page["next"]
        if after is None:
            assert "link" not in answer.headers
            return items
        linked = httpx.URL(answer.headers["link"].removeprefix("<").partition(">")[0])
        assert linked.path == path
        assert dict(linked.params) == {k: str(v) for k, v in params.items()} | {"after": after}


@pytest.mark.parametrize("sort", [None, "id", "-id", "name", "-name"])
async def test_pages_hold_everything_once_and_in_order(firm: Firm, sort: str | None) -> None:
    await with_teams(firm, 12)
    params = {"limit": 5} | ({} if sort is None else {"sort": sort})
    items = await all_pages(firm.seller, "/v1/teams", **params)
    assert len(items) == 13
    field = (sort or "-id").removeprefix("-")
    values = [item[field] for item in items]
    assert values == sorted(values, reverse=(sort or "-id").startswith("-"))
    assert len({item["id"] for item in items}) == 13


async def test_equal_values_are_told_apart_by_their_id(firm: Firm) -> None:
    await asyncio.gather(
        *(
            firm.admin.post("/v1/people", {"name": "Ola Nordmann", "email": f"o{n}@n.example"})
            for n in range(9)
        )
    )
    for sort in ("name", "-name"):
        items = await all_pages(firm.seller, "/v1/people", limit=2, sort=sort)
        assert len({item["id"] for item in items}) == len(items) == 15


async def test_a_page_that_is_just_full_is_the_last_one(firm: Firm) -> None:
    await with_teams(firm, 4)
    page = (await firm.seller.get("/v1/teams", limit=5)).json()
    assert (len(page["items"]), page["next"]) == (5, None)


async def test_pages_hold_still_while_others_write(firm: Firm) -> None:
    await with_teams(firm, 30)
    present = {team["id"] for team in await all_pages(firm.seller, "/v1/teams", limit=200)}
    stop = asyncio.Event()

    async def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            made = await firm.admin.post("/v1/teams", {"name": f"Aa {number:04}"})
            if number % 2:
                await firm.admin.delete(made.headers["location"], made.headers["etag"])

    writer = asyncio.create_task(write())
    try:
        for sort in ("-id", "id", "name", "-name"):
            items = await all_pages(firm.seller, "/v1/teams", limit=3, sort=sort)
            ids = [item["id"] for item in items]
            assert len(ids) == len(set(ids))
            assert present <= set(ids)
    finally:
        stop.set()
        await writer


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


ID = "019a2b3c-4d5e-7f60-8123-456789abcdef"


@pytest.mark.parametrize(
    "after",
    [
        "rubbish",
        "a",
        "____",
        "e30",
        "bnVsbA",
        "MQ",
        cursor(),
        cursor("name", "s", "x"),
        cursor("name", "s", "x", "no-id"),
        cursor("name", "s", "x", 7),
        cursor("name", "?", "x", ID),
        cursor("name", [], "x", ID),
        cursor("name", "i", "1", ID),
        cursor("name", "t", "2026-11-22T09:00:00", ID),
        cursor("name", "t", "yesterday", ID),
        cursor("name", "d", "2026-02-30", ID),
        cursor("name", "u", ID, ID),
        cursor("name", "s", "a\x00b", ID),
        cursor("name", "s", None, ID),
        cursor("name", "i", "9" * 5000, ID)[:500],
        cursor({}, "s", "x", ID),
        cursor("-name", "s", "x", ID),
        cursor("id", "u", ID, ID),
        "x" * 501,
        "a b",
        "a=",
        "../..",
    ],
)
async def test_a_cursor_that_no_answer_gave_is_refused(firm: Firm, after: str) -> None:
    answer = await firm.seller.get("/v1/people", sort="name", after=after)
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "/problems/invalid"


async def test_a_cursor_of_another_order_is_refused_and_says_so(firm: Firm) -> None:
    await with_teams(firm, 3)
    after = (await firm.seller.get("/v1/teams", limit=1)).json()["next"]
    answer = await firm.seller.get("/v1/teams", limit=1, after=after, sort="name")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "in": "query",
            "pointer": "/after",
            "detail": "Keep `sort` the same from page to page.",
        }
    ]


async def test_an_empty_cursor_is_the_beginning(firm: Firm) -> None:
    assert (await firm.seller.get("/v1/teams", after="")).json() == (
        await firm.seller.get("/v1/teams")
    ).json()


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1e2", "many", "", "9" * 30])
async def test_a_limit_that_is_none_is_refused(firm: Firm, limit: str) -> None:
    answer = await firm.seller.get("/v1/teams", limit=limit)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/limit"


@pytest.mark.parametrize("sort", ["email", "--name", "name,id", "name desc", "Name", "", "version"])
async def test_a_list_sorts_only_by_what_it_offers(firm: Firm, sort: str) -> None:
    answer = await firm.seller.get("/v1/teams", sort=sort)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/sort"


async def test_a_filter_finds_what_it_names(firm: Firm) -> None:
    people = await all_pages(firm.seller, "/v1/people", team_id=str(firm.team_id), limit=2)
    assert len(people) == 6
    await firm.admin.patch(f"/v1/people/{firm.learner.id}", {"active": False})
    active = await all_pages(firm.seller, "/v1/people", active="true", limit=2)
    inactive = await all_pages(firm.seller, "/v1/people", active="false")
    assert (len(active), [p["id"] for p in inactive]) == (5, [str(firm.learner.id)])
    for wrong in ({"team_id": "x"}, {"active": "perhaps"}):
        assert (await firm.seller.get("/v1/people", **wrong)).status_code == 422
