"""Consultants are asked how it goes while they are staffed, and what they say stays with those whom it concerns."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.chassis.caller import Caller
from services.handover.domain.check_in import seen_page
from tests.conftest import Firm, Person
from tests.handover.makers import in_review, made, move, staffed

ANSWER = {"ramp_up": 4, "belonging": 2, "help_needed": "Nobody tells me where the tests run."}


def path_of(handover: dict[str, Any]) -> str:
    return f"/v1/handovers/{handover['id']}/check-ins"


def ago(days: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=days)).isoformat()


async def asked(person: Person, handover: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = made(await person.get(path_of(handover), **query), 200)["items"]
    return items


async def test_a_consultant_is_asked_on_days_1_7_and_30_and_then_monthly(firm: Firm):
    handover = await in_review(firm)
    await staffed(firm, handover, **{"from": "2026-01-31"})
    database = firm.product.database("handover")
    async with database.reading(firm.organization_id) as reader:
        rows = await seen_page(
            reader,
            _as(firm.lead),
            date(2026, 5, 31),
            consultant_id=firm.learner.id,
            newest_first=False,
            limit=50,
        )
    assert [row[2].isoformat() for row in rows] == [
        "2026-02-01",
        "2026-02-07",
        "2026-03-02",
        "2026-03-31",
        "2026-04-30",
        "2026-05-31",
    ]


def _as(person: Person) -> Caller:
    return Caller(person.organization_id, person.id, person.name)


async def test_who_is_staffed_no_more_is_asked_no_more(firm: Firm):
    handover = await in_review(firm)
    staffing = await staffed(firm, handover, **{"from": ago(10)})
    assert [one["due_on"] for one in await asked(firm.lead, handover)] == [ago(3), ago(9)]
    path = f"/v1/handovers/{handover['id']}/staffing/{staffing['id']}"
    made(await firm.lead.patch(path, {"to": ago(4)}), 200)
    [first] = await asked(firm.lead, handover)
    made(await firm.learner.post(f"{path_of(handover)}/{first['id']}/answer", ANSWER), 200)
    assert (await firm.lead.delete(path)).status_code == 204
    [answered] = await asked(firm.lead, handover)
    assert answered["id"] == first["id"]
    await staffed(firm, handover, person_id=str(firm.trainer.id), **{"from": ago(2)})
    await move(firm.seller, handover, "cancellation", {"reason": "They took another one."})
    assert await asked(firm.lead, handover) == [answered]


async def test_nobody_is_asked_twice_on_one_day(firm: Firm):
    handover = await in_review(firm)
    await staffed(firm, handover, **{"from": ago(1), "to": ago(0)})
    await staffed(firm, handover, **{"from": ago(7), "to": ago(2)})
    assert [one["due_on"] for one in await asked(firm.lead, handover)] == [ago(0), ago(6)]
    other = await in_review(firm)
    await staffed(firm, other, **{"from": ago(1)})
    assert len(await asked(firm.lead, other)) == 1


async def test_a_consultant_answers_and_the_lead_who_is_asked_for_help_replies(firm: Firm):
    handover = await in_review(firm)
    await staffed(firm, handover, **{"from": ago(2)})
    mine = made(await firm.learner.get("/v1/me/delivery-check-ins", answered=False), 200)
    [open_one] = mine["items"]
    assert (open_one["handover_id"], open_one["answered_at"]) == (handover["id"], None)
    path = f"{path_of(handover)}/{open_one['id']}"
    early = await firm.lead.post(f"{path}/reply", {"reply": "How are you?"})
    assert early.status_code == 409

    answer = made(await firm.learner.post(f"{path}/answer", ANSWER), 200)
    assert {name: answer[name] for name in ANSWER} == ANSWER
    assert answer["id"] == open_one["id"]
    got = await firm.learner.get(path)
    assert made(got, 200) == answer
    assert got.headers["ETag"] == '"1"'
    assert (await firm.learner.post(f"{path}/answer", ANSWER)).status_code == 409
    assert made(await firm.learner.get("/v1/me/delivery-check-ins", answered=False), 200) == {
        "items": [],
        "next": None,
    }

    for person in (firm.learner, firm.seller, firm.manager):
        refused = await person.post(f"{path}/reply", {"reply": "It will be fine."})
        assert refused.status_code == 403, person.name
    replied = made(await firm.lead.post(f"{path}/reply", {"reply": "I show you at ten."}), 200)
    assert (replied["reply"], replied["replied_by"]) == ("I show you at ten.", str(firm.lead.id))
    again = await firm.lead.post(f"{path}/reply", {"reply": "Or at eleven."})
    assert again.status_code == 409


async def told(person: Person) -> list[dict[str, Any]]:
    events = made(await person.get("/v1/events", limit=1000), 200)["items"]
    return [event for event in events if event["type"].startswith("check-in.")]


async def test_what_somebody_feels_is_seen_by_them_the_lead_and_managers_alone(firm: Firm):
    handover = await in_review(firm)
    await staffed(firm, handover, **{"from": ago(2)})
    await staffed(firm, handover, person_id=str(firm.trainer.id), **{"from": ago(2)})
    [own] = await asked(firm.learner, handover)
    path = f"{path_of(handover)}/{own['id']}"
    made(await firm.learner.post(f"{path}/answer", ANSWER), 200)
    made(await firm.lead.post(f"{path}/reply", {"reply": "I show you at ten."}), 200)
    kinds = ["check-in.answered", "check-in.help-asked", "check-in.replied"]
    for person in (firm.lead, firm.manager):
        assert len(await asked(person, handover)) == 2
        assert made(await person.get(path), 200)["belonging"] == 2
        assert [event["type"] for event in await told(person)] == kinds
    [answered, help_asked, _] = await told(firm.lead)
    assert answered["data"]["after"]["belonging"] == 2
    assert help_asked["data"]["person_id"] == str(firm.lead.id)
    assert help_asked["data"]["after"] == {
        "lead_id": str(firm.lead.id),
        "help_needed": ANSWER["help_needed"],
    }
    assert [event["type"] for event in await told(firm.learner)] == kinds
    [others] = await asked(firm.trainer, handover)
    assert others["consultant_id"] == str(firm.trainer.id)
    for person in (firm.seller, firm.admin):
        assert await asked(person, handover) == []
    for person in (firm.seller, firm.admin, firm.trainer):
        assert (await person.get(path)).status_code == 404
        assert await told(person) == []


async def test_only_who_is_asked_answers_and_only_once_at_once(firm: Firm, stranger: Person):
    handover, other = await in_review(firm), await in_review(firm)
    await staffed(firm, handover, **{"from": ago(2)})
    [one] = await asked(firm.lead, handover)
    path = f"{path_of(handover)}/{one['id']}"
    for person in (firm.lead, firm.manager, firm.seller, firm.trainer):
        assert (await person.post(f"{path}/answer", ANSWER)).status_code == 403, person.name
    wrong = f"{path_of(other)}/{one['id']}"
    for answer in (
        await firm.learner.post(f"{wrong}/answer", ANSWER),
        await firm.lead.post(f"{wrong}/reply", {"reply": "No."}),
        await firm.learner.get(wrong),
        await stranger.get(path),
        await stranger.get(path_of(handover)),
        await stranger.post(f"{path}/answer", ANSWER),
        await stranger.post(f"{path}/reply", {"reply": "No."}),
    ):
        assert answer.status_code == 404
    answers = await asyncio.gather(*(firm.learner.post(f"{path}/answer", ANSWER) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 4


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"ramp_up": 0}, "/ramp_up"),
        ({"belonging": 6}, "/belonging"),
        ({"belonging": "3"}, "/belonging"),
        ({"ramp_up": None}, "/ramp_up"),
        ({"help_needed": ""}, "/help_needed"),
        ({"mood": 3}, "/mood"),
    ],
)
async def test_an_answer_that_says_nothing_is_refused(
    firm: Firm, fields: dict[str, Any], pointer: str
):
    handover = await in_review(firm)
    await staffed(firm, handover, **{"from": ago(2)})
    [one] = await asked(firm.lead, handover)
    path = f"{path_of(handover)}/{one['id']}/answer"
    refused = await firm.learner.post(path, {**ANSWER, **fields})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer


async def test_pages_hold_in_both_directions(firm: Firm):
    handover = await in_review(firm)
    await staffed(firm, handover, **{"from": ago(70)})
    for sort in ("due_on", "-due_on"):
        whole = await asked(firm.lead, handover, sort=sort)
        assert len(whole) == 4
        days = [one["due_on"] for one in whole]
        assert days == sorted(days, reverse=sort == "-due_on")
        first = made(await firm.lead.get(path_of(handover), sort=sort, limit=3), 200)
        rest = await asked(firm.lead, handover, sort=sort, limit=3, after=first["next"])
        assert first["items"] + rest == whole
    before = await asked(firm.lead, handover, due_before=ago(60))
    assert [one["due_on"] for one in before] == [ago(63), ago(69)]
    assert (await firm.lead.get(path_of(handover), sort="belonging")).status_code == 422
    nobody = await asked(firm.lead, handover, consultant_id=str(firm.trainer.id))
    assert nobody == []
