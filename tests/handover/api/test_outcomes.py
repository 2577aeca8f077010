"""What came of it is told by whoever led it, and looked back on before it is closed."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Firm, Person
from tests.handover.makers import completed, in_delivery, in_review, made, move

TOLD = {
    "ended_on": "2026-10-30",
    "result": "partly",
    "lessons": "Visit the weak shops before the price is given.",
}


def path_of(handover: dict[str, Any]) -> str:
    return f"/v1/handovers/{handover['id']}/outcome"


async def say_what_it_took(firm: Firm, handover: dict[str, Any]) -> None:
    path = f"/v1/handovers/{handover['id']}/estimates"
    for one in made(await firm.lead.get(path), 200)["items"]:
        took = {"hours": 12}
        made(await firm.lead.post(f"{path}/{one['id']}/actual", took), 200)


async def test_it_is_told_read_and_changed(firm: Firm):
    handover = await completed(firm)
    path = path_of(handover)
    assert (await firm.lead.get(path)).status_code == 404
    assert (await firm.lead.patch(path, {"result": "failed"}, etag="*")).status_code == 404
    created = await firm.lead.post(path, TOLD)
    outcome = made(created)
    assert created.headers["Location"] == path
    assert outcome.items() >= TOLD.items()
    assert (outcome["id"], outcome["told_by"]) == (handover["id"], str(firm.lead.id))
    assert made(await firm.learner.get(path), 200) == outcome

    changed = await firm.manager.patch(path, {"result": "succeeded"}, etag=created.headers["ETag"])
    assert made(changed, 200)["result"] == "succeeded"
    assert (await firm.lead.patch(path, {"result": "failed"}, etag='"1"')).status_code == 412
    assert (await firm.lead.patch(path, {"result": "failed"}, etag="")).status_code == 428
    assert (await firm.lead.post(path, TOLD)).status_code == 409

    subject = f"handovers/{handover['id']}/outcome"
    told = made(await firm.learner.get("/v1/events", limit=200), 200)["items"]
    types = [event["type"] for event in told if event["subject"] == subject]
    assert types == ["outcome.created", "outcome.changed"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"ended_on": "2026-08-02"}, "/ended_on"),
        ({"ended_on": "2199-01-01"}, "/ended_on"),
        ({"ended_on": None}, "/ended_on"),
        ({"result": "great"}, "/result"),
        ({"lessons": "n/a"}, "/lessons"),
        ({"lessons": " "}, "/lessons"),
        ({"lessons": "\u0000"}, "/lessons"),
        ({"told_by": "me"}, "/told_by"),
    ],
)
async def test_what_is_wrong_is_named_where_it_stands(
    firm: Firm, wrong: dict[str, Any], pointer: str
):
    handover = await completed(firm)
    path = path_of(handover)
    refused = await firm.lead.post(path, {**TOLD, **wrong})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    made(await firm.lead.post(path, TOLD))
    assert (await firm.lead.patch(path, wrong)).status_code == 422


async def test_it_is_for_the_lead_and_managers(firm: Firm, stranger: Person):
    handover = await in_delivery(firm, planned_start="2026-08-03")
    path = path_of(handover)
    for person, status in (
        *((one, 403) for one in (firm.seller, firm.admin, firm.learner)),
        (stranger, 404),
    ):
        assert (await person.post(path, TOLD)).status_code == status
    made(await firm.manager.post(path, TOLD))
    for person, status in (*((one, 403) for one in (firm.seller, firm.learner)), (stranger, 404)):
        assert (await person.patch(path, {"result": "failed"}, etag="*")).status_code == status
    assert (await stranger.get(path)).status_code == 404


async def test_there_is_none_before_delivery(firm: Firm):
    refused = await firm.lead.post(path_of(await in_review(firm)), TOLD)
    assert refused.status_code == 409
    assert refused.json()["allowed"] == ["accept", "return"]


async def test_of_many_who_tell_at_once_one_is_heard(firm: Firm):
    handover = await completed(firm)
    answers = await asyncio.gather(*(firm.lead.post(path_of(handover), TOLD) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9


async def test_a_manager_closes_what_was_looked_back_on(firm: Firm, stranger: Person):
    handover = await completed(firm)
    path = f"/v1/handovers/{handover['id']}"
    estimates = made(await firm.lead.get(f"{path}/estimates"), 200)["items"]
    refused = await firm.manager.post(f"{path}/closure")
    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/outcome",
        *(f"/estimates/{one['id']}" for one in estimates),
    ]
    made(await firm.lead.post(path_of(handover), TOLD))
    await say_what_it_took(firm, handover)
    for person in (firm.lead, firm.seller, firm.admin):
        assert (await person.post(f"{path}/closure")).status_code == 403
    assert (await stranger.post(f"{path}/closure")).status_code == 404
    assert made(await firm.manager.get(f"{path}/readiness"), 200)["allowed"] == ["close"]

    closed = await move(firm.manager, handover, "closure")
    assert closed["state"] == "closed"
    assert closed["closed_at"] is not None
    again = await firm.manager.post(f"{path}/closure")
    assert (again.status_code, again.json()["allowed"]) == (409, [])
    for answer in (
        await firm.lead.patch(path_of(handover), {"result": "failed"}),
        await firm.seller.patch(path, {"is_won": False}),
    ):
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/frozen"


async def test_what_is_still_delivered_is_not_closed(firm: Firm):
    handover = await in_delivery(firm, planned_start="2026-08-03")
    made(await firm.lead.post(path_of(handover), TOLD))
    refused = await firm.manager.post(f"/v1/handovers/{handover['id']}/closure")
    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/illegal-move"
