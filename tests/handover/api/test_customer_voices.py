"""Customer voices: anybody writes them down, and what may not be shared stays where it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import exc, text

from tests.conftest import Firm, Person
from tests.handover.makers import draft, in_review, made, move, voice

SAID = "It saves me an hour a day."


def path_of(handover: dict[str, Any], voice: dict[str, Any] | None = None) -> str:
    one = "" if voice is None else f"/{voice['id']}"
    return f"/v1/handovers/{handover['id']}/customer-voices{one}"


async def told(person: Person) -> list[dict[str, Any]]:
    """The events of customer voices."""
    page = made(await person.get("/v1/events", limit=1000), 200)
    return [one for one in page["items"] if one["type"].startswith("customer-voice.")]


async def test_anybody_writes_down_what_the_customer_said(firm: Firm) -> None:
    handover = await draft(firm)
    given = {
        "phase": "before",
        "channel": "visit",
        "csat": 5,
        "nps": 10,
        "quote": SAID,
        "said_by": "Randi Fjellheim",
        "said_at": "2026-11-01T10:00:00+01:00",
        "may_share": True,
    }
    heard = await voice(firm.learner, handover, **given)
    assert heard["author_id"] == str(firm.learner.id)
    assert {name: heard[name] for name in given} == {**given, "said_at": "2026-11-01T09:00:00Z"} | {
        "said_at": heard["said_at"]
    }
    answer = await firm.lead.get(path_of(handover, heard))
    assert answer.json() == heard
    assert answer.headers["ETag"]
    page = made(await firm.lead.get(path_of(handover), phase="before", sort="-said_at"), 200)
    assert page["items"] == [heard]
    assert made(await firm.lead.get(path_of(handover), may_share=False), 200)["items"] == []


async def test_it_is_said_now_and_not_shared_unless_told_otherwise(firm: Firm) -> None:
    heard = await voice(firm.seller, await draft(firm), quote=None, nps=0)
    said_at = datetime.fromisoformat(heard["said_at"])
    assert datetime.now(UTC) - said_at < timedelta(minutes=1)
    assert (heard["may_share"], heard["nps"], heard["csat"]) == (False, 0, None)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"quote": None}, "/quote"),
        ({"quote": ""}, "/quote"),
        ({"quote": "half \ud800 a pair"}, "/quote"),
        ({"quote": "a\x00b"}, "/quote"),
        ({"csat": 0}, "/csat"),
        ({"csat": 6}, "/csat"),
        ({"csat": True}, "/csat"),
        ({"csat": 4.5}, "/csat"),
        ({"nps": -1}, "/nps"),
        ({"nps": 11}, "/nps"),
        ({"nps": "9"}, "/nps"),
        ({"phase": "never"}, "/phase"),
        ({"phase": None}, "/phase"),
        ({"channel": "pigeon"}, "/channel"),
        ({"may_share": "yes"}, "/may_share"),
        ({"may_share": None}, "/may_share"),
        ({"said_at": "2026-11-01T10:00:00"}, "/said_at"),
        ({"said_at": "2199-01-01T10:00:00Z"}, "/said_at"),
        ({"author_id": "019a2b3c-4d5e-7f60-8123-456789abcdef"}, "/author_id"),
    ],
)
async def test_what_is_no_voice_is_refused_where_it_is_wrong(
    firm: Firm, wrong: dict[str, Any], pointer: str
) -> None:
    handover = await draft(firm)
    given = {"phase": "during", "quote": SAID, **wrong}
    if given["quote"] and "\ud800" in given["quote"]:
        raw = b'{"phase": "during", "quote": "half \\ud800 a pair"}'
        headers = {"Content-Type": "application/json"}
        answer = await firm.seller.request("POST", path_of(handover), content=raw, headers=headers)
        assert 400 <= answer.status_code < 500
        return
    answer = await firm.seller.post(path_of(handover), given)
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_its_author_corrects_it_and_nobody_else_but_managers(firm: Firm) -> None:
    handover = await draft(firm)
    heard = await voice(firm.learner, handover)
    path = path_of(handover, heard)
    for other in (firm.seller, firm.lead):
        assert (await other.patch(path, {"quote": SAID})).status_code == 403
        assert (await other.delete(path)).status_code == 403
    assert made(await firm.learner.patch(path, {"quote": SAID, "csat": 4}), 200)["csat"] == 4
    changed = made(await firm.manager.patch(path, {"quote": None, "said_by": "Randi"}), 200)
    assert (changed["quote"], changed["said_by"]) == (None, "Randi")
    refused = await firm.manager.patch(path, {"csat": None})
    assert refused.status_code == 422
    ahead = {"said_at": "2199-01-01T10:00:00Z"}
    assert (await firm.manager.patch(path, ahead)).status_code == 422
    assert (await firm.manager.patch(path, {"said_at": None})).status_code == 422
    back = {"said_at": "2026-11-01T10:00:00Z"}
    assert (await firm.manager.patch(path, back)).status_code == 200


async def test_whoever_answers_for_the_handover_shares_it_and_anybody_takes_it_back(
    firm: Firm,
) -> None:
    handover = await in_review(firm)
    heard = await voice(firm.learner, handover)
    path = path_of(handover, heard)
    assert (await firm.trainer.patch(path, {"may_share": True})).status_code == 403
    for sharer in (firm.learner, firm.seller, firm.lead, firm.manager):
        assert made(await sharer.patch(path, {"may_share": True}), 200)["may_share"]
        assert not made(await firm.trainer.patch(path, {"may_share": False}), 200)["may_share"]


async def test_a_voice_is_changed_by_whoever_has_read_it_last(firm: Firm) -> None:
    handover = await draft(firm)
    heard = await voice(firm.learner, handover)
    path = path_of(handover, heard)
    assert (await firm.learner.patch(path, {"csat": 3}, etag="")).status_code == 428
    read = (await firm.learner.get(path)).headers["ETag"]
    assert (await firm.learner.patch(path, {"csat": 3}, etag=read)).status_code == 200
    assert (await firm.learner.patch(path, {"csat": 4}, etag=read)).status_code == 412
    assert (await firm.learner.delete(path, etag=read)).status_code == 412
    assert (await firm.learner.delete(path)).status_code == 204
    assert (await firm.learner.get(path)).status_code == 404


async def test_a_voice_of_another_handover_or_firm_is_not_there(
    firm: Firm, stranger: Person
) -> None:
    handover, other = await draft(firm), await draft(firm)
    heard = await voice(firm.learner, handover)
    for path in (path_of(other, heard), path_of(handover, {"id": other["id"]})):
        assert (await firm.manager.get(path)).status_code == 404
        assert (await firm.manager.patch(path, {"csat": 1}, "*")).status_code == 404
        assert (await firm.manager.delete(path, "*")).status_code == 404
    assert (await stranger.get(path_of(handover, heard))).status_code == 404
    assert (await stranger.get(path_of(handover))).status_code == 404
    refused = await stranger.post(path_of(handover), {"phase": "after", "csat": 1})
    assert refused.status_code == 404


async def test_a_voice_is_heard_after_the_handover_was_called_off(firm: Firm) -> None:
    handover = await draft(firm)
    await move(firm.seller, handover, "cancellation", {"reason": "No money."})
    await voice(firm.seller, handover, phase="after", csat=1)


async def test_events_tell_that_there_is_a_voice_and_never_what_was_said(firm: Firm) -> None:
    handover = await draft(firm)
    said = {"quote": "Kvitrekkja", "said_by": "Ottilie Orkan", "csat": 1, "may_share": True}
    heard = await voice(firm.learner, handover, **said)
    path = path_of(handover, heard)
    for change in (
        {"may_share": False},
        {"may_share": True, "quote": "Kvitrekkjene"},
        {"may_share": True},
        {"nps": 2},
    ):
        made(await firm.learner.patch(path, change), 200)
    assert (await firm.learner.delete(path)).status_code == 204
    happened = await told(firm.admin)
    assert [event["type"].partition(".")[2] for event in happened] == [
        "created",
        "unshared",
        "shared",
        "corrected",
        "corrected",
        "deleted",
    ]
    for event in happened:
        assert event["actorid"] == str(firm.learner.id)
        assert set(event["data"]) <= {"handover_id", "after"}
        assert set(event["data"].get("after", {})) <= {"phase", "may_share"}
    everything = (await firm.admin.get("/v1/events", limit=1000)).text
    assert "Kvitrekk" not in everything
    assert "Ottilie" not in everything


@pytest.mark.parametrize(
    "wrong", [{"csat": 6}, {"nps": 11}, {"csat": None, "nps": None, "quote": None}, {"quote": ""}]
)
async def test_the_database_holds_the_rules_too(firm: Firm, wrong: dict[str, Any]) -> None:
    heard = await voice(firm.learner, await draft(firm))
    columns = ", ".join(f"{name} = :{name}" for name in wrong)
    with pytest.raises(exc.IntegrityError):
        async with firm.product.database("handover").transaction(firm.organization_id) as session:
            await session.execute(
                text(f"UPDATE customer_voice SET {columns} WHERE id = :id"),
                {**wrong, "id": heard["id"]},
            )
