"""Sending a file part by part: repeated where nobody knows, and told as one."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from services.commands.plain_words import Told
from services.commands.sending import TRIES, Imported, send_part
from services.commands.wanted import Deals


async def sent(answers: list[httpx.Response | Exception]) -> tuple[httpx.Response, list[bytes]]:
    """What comes of a part when the server answers so, and the key and body of each try."""
    tries = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(request.headers["Idempotency-Key"].encode() + request.content)
        following = answers[len(tries) - 1]
        if isinstance(following, Exception):
            raise following
        return following

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://stafett") as client:
        response = await send_part(
            *(client, "/v1/imports/deals", {"source": "csv"}, {"file": b"name\nA\n"}),
            dry_run=False,
            pause_seconds=0,
        )
    return response, tries


@pytest.mark.parametrize(
    "first",
    [
        httpx.ReadError("broken off"),
        httpx.Response(503),
        httpx.Response(409, json={"type": "/problems/in-progress"}),
    ],
)
async def test_a_part_is_sent_again_as_it_was_where_nobody_knows_what_became_of_it(
    first: httpx.Response | Exception,
) -> None:
    response, tries = await sent([first, httpx.Response(200, json={})])
    assert response.status_code == 200
    assert len(tries) == 2
    assert tries[0] == tries[1]


async def test_a_refusal_is_not_asked_again() -> None:
    response, tries = await sent([httpx.Response(409, json={"type": "/problems/conflict"})])
    assert response.status_code == 409
    assert len(tries) == 1


async def test_it_is_given_up_after_some_tries() -> None:
    response, tries = await sent([httpx.Response(503)] * TRIES)
    assert response.status_code == 503
    assert len(tries) == TRIES
    with pytest.raises(httpx.ReadError):
        await sent([httpx.ReadError("broken off")] * TRIES)


async def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(httpx.ConnectError):
        await sent([httpx.ConnectError("refused")])


def test_what_became_of_the_parts_is_told_as_one() -> None:
    imported = Imported(dry_run=False)
    row = {"line": 2, "result": "created", "errors": []}
    imported.add({"dry_run": False, "created": 1, "rows": [row], "teams_created": ["Oslo"]})
    imported.add({"dry_run": False, "created": 2, "rows": [], "teams_created": ["Oslo", "Bergen"]})
    assert imported.as_json() == {
        "dry_run": False,
        "created": 3,
        "teams_created": ["Oslo", "Bergen"],
        "rows": [row],
    }


def deals(tmp_path: Path, content: str, **options: Any) -> Deals:
    file = tmp_path / "deals"
    file.write_text(content)
    return Deals(file=file, currency="NOK", **options)


@pytest.mark.parametrize(
    ("content", "source"),
    [
        ('{"results": []}', "hubspot"),
        ('{"success": true, "data": []}', "pipedrive"),
        ('{"records": []}', "salesforce"),
        ("Id,Name,StageName\n", "salesforce"),
    ],
)
async def test_the_source_of_deals_is_seen_in_the_file(
    tmp_path: Path, content: str, source: str
) -> None:
    wanted = deals(tmp_path, content, customer="Nordal AS")
    wanted.check()
    async with httpx.AsyncClient() as client:
        form, files = await wanted.form(client)
    assert form == {
        "source": source,
        "default_currency": "NOK",
        "default_customer": "Nordal AS",
    }
    assert files == {}


async def test_what_explains_the_deals_goes_along_and_json_goes_in_one_piece(
    tmp_path: Path,
) -> None:
    stages = tmp_path / "stages.json"
    stages.write_text("{}")
    wanted = deals(tmp_path, '{"results": []}\n' * 600, accounts=stages, pipelines=stages)
    async with httpx.AsyncClient() as client:
        _, files = await wanted.form(client)
    assert files == {"accounts": b"{}", "pipelines": b"{}"}
    assert len(wanted.parts()) == 1


def test_json_of_nobody_known_is_told(tmp_path: Path) -> None:
    with pytest.raises(Told, match="neither of HubSpot"):
        deals(tmp_path, '{"deals": []}').check()
