"""A manager gives a handover to another lead, who makes up their own mind about what was promised."""

import asyncio
from typing import Any

import pytest

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.handover.makers import (
    accepted,
    complete_draft,
    completed,
    draft,
    in_delivery,
    in_review,
    made,
    move,
    promise,
    promises_of,
    read_back,
    transfer,
)


async def another_lead(firm: Firm) -> Person:
    return await firm.hire("Olga Oppdrag", Role.delivery)


async def states(firm: Firm, handover: dict[str, Any]) -> list[str]:
    return [one["state"] for one in await promises_of(firm, handover)]


async def test_what_the_lead_took_on_waits_for_the_next_lead_to_read_it_back(firm: Firm):
    handover = await in_delivery(firm, promises=2)
    first, second = await promises_of(firm, handover)
    made(await firm.lead.post(f"/v1/promises/{first['id']}/outcome", {"state": "kept"}), 200)
    olga = await another_lead(firm)
    given = made(await transfer(firm, handover, olga, "Ole has left us."), 200)
    assert (given["delivery_lead_id"], given["state"]) == (str(olga.id), "in_delivery")
    assert await states(firm, handover) == ["kept", "offered"]

    path = f"/v1/handovers/{handover['id']}"
    kept = {"state": "kept"}
    outcome = f"/v1/promises/{second['id']}/outcome"
    assert (await firm.lead.post(outcome, kept)).status_code == 403
    assert (await olga.post(outcome, kept)).status_code == 409
    refused = await olga.post(f"{path}/completion")
    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json()["errors"]] == [f"/promises/{second['id']}"]
    [old] = made(await olga.get(f"{path}/promises/{second['id']}/read-backs"), 200)["items"]
    assert old["voided_at"] is not None
    [standing] = made(await olga.get(f"{path}/promises/{first['id']}/read-backs"), 200)["items"]
    assert standing["voided_at"] is None

    assert (await read_back(firm.lead, second)).status_code == 403
    made(await read_back(olga, second))
    made(await olga.post(outcome, kept), 200)
    await move(olga, handover, "completion")


async def test_in_review_the_new_lead_reads_everything_back_before_accepting(firm: Firm):
    handover = await in_review(firm, promises=2)
    first, second = await promises_of(firm, handover)
    made(await read_back(firm.lead, first))
    made(await read_back(firm.lead, second, "decline"))
    olga = await another_lead(firm)
    made(await transfer(firm, handover, olga), 200)
    assert await states(firm, handover) == ["offered", "offered"]
    path = f"/v1/handovers/{handover['id']}/acceptance"
    assert (await firm.lead.post(path)).status_code == 403
    assert len((await olga.post(path)).json()["errors"]) == 2
    made(await read_back(olga, first))
    made(await read_back(olga, second))
    await move(olga, handover, "acceptance")


async def test_a_lead_who_has_left_is_replaced(firm: Firm):
    handover = await in_review(firm)
    await firm.admin.patch(f"/v1/people/{firm.lead.id}", {"active": False})
    olga = await another_lead(firm)
    made(await transfer(firm, handover, olga), 200)


async def test_what_is_handed_in_for_somebody_who_has_left_goes_to_another(firm: Firm):
    handover = await complete_draft(firm, delivery_lead_id=str(firm.lead.id))
    await move(firm.seller, handover, "submission")
    olga = await another_lead(firm)
    assert made(await transfer(firm, handover, olga), 200)["state"] == "submitted"
    await move(olga, handover, "claim")


async def test_the_reason_stands_in_the_log_and_in_the_event(firm: Firm):
    handover = await accepted(firm)
    olga = await another_lead(firm)
    made(await transfer(firm, handover, olga, "Ole goes on leave in May."), 200)
    log = made(await firm.learner.get(f"/v1/handovers/{handover['id']}/log"), 200)["items"]
    assert [(e["kind"], e["text"], e["author_id"]) for e in log] == [
        ("decision", "Ole goes on leave in May.", str(firm.manager.id))
    ]
    query = {"type": ["handover.transferred", "promise.offered"]}
    told = made(await firm.learner.get("/v1/events", **query), 200)["items"]
    assert [event["type"] for event in told] == ["handover.transferred", "promise.offered"]
    data = told[0]["data"]
    assert data["reason"] == "Ole goes on leave in May."
    assert data["before"]["delivery_lead_id"] == str(firm.lead.id)
    assert data["after"]["delivery_lead_id"] == str(olga.id)


async def test_only_a_manager_transfers(firm: Firm):
    handover = await accepted(firm)
    olga = await another_lead(firm)
    given = {"delivery_lead_id": str(olga.id), "reason": "I would rather not."}
    for person in (firm.lead, firm.seller, firm.admin, olga, firm.learner):
        refused = await person.post(f"/v1/handovers/{handover['id']}/transfer", given)
        assert refused.status_code == 403, person.name


async def test_it_goes_to_an_active_colleague_who_did_not_sell_it_and_does_not_lead_it(
    firm: Firm, stranger: Person
):
    handover = await accepted(firm)
    for person in (firm.seller, stranger):
        refused = await transfer(firm, handover, person)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/delivery_lead_id"
    assert (await transfer(firm, handover, firm.lead)).status_code == 409
    olga = await another_lead(firm)
    refused = await transfer(firm, handover, olga, "TBD")
    assert refused.json()["errors"][0]["pointer"] == "/reason"
    assert await states(firm, handover) == ["accepted"]


async def test_it_is_for_what_is_under_way(firm: Firm, stranger: Person):
    olga = await another_lead(firm)
    for handover in (await draft(firm), await completed(firm)):
        refused = await transfer(firm, handover, olga)
        assert refused.status_code == 409
        assert refused.json()["type"] == "/problems/illegal-move"
    given = {"delivery_lead_id": str(olga.id), "reason": "Mine now."}
    path = f"/v1/handovers/{handover['id']}/transfer"
    assert (await stranger.post(path, given)).status_code == 404


@pytest.mark.parametrize("who", ["seller", "manager"])
async def test_there_is_no_way_around_it(firm: Firm, who: str):
    handover = await in_review(firm)
    olga = await another_lead(firm)
    path = f"/v1/handovers/{handover['id']}"
    refused = await getattr(firm, who).patch(path, {"delivery_lead_id": str(olga.id)})
    assert refused.status_code == 409
    assert "transfer" in refused.json()["detail"]


async def test_of_many_transfers_at_once_to_the_same_lead_one_wins(firm: Firm):
    handover = await accepted(firm)
    olga = await another_lead(firm)
    answers = await asyncio.gather(*(transfer(firm, handover, olga) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9


async def test_a_transfer_and_a_read_back_at_once_leave_no_stance_of_the_old_lead(firm: Firm):
    handover = await in_review(firm)
    [one] = await promises_of(firm, handover)
    olga = await another_lead(firm)
    await asyncio.gather(
        transfer(firm, handover, olga), *(read_back(firm.lead, one) for _ in range(5))
    )
    assert await states(firm, handover) == ["offered"]
    path = f"/v1/handovers/{handover['id']}/promises/{one['id']}/read-backs"
    told = made(await olga.get(path), 200)["items"]
    assert [entry for entry in told if entry["voided_at"] is None] == []


async def test_what_the_new_lead_is_offered_can_still_be_superseded(firm: Firm):
    handover = await in_delivery(firm)
    [one] = await promises_of(firm, handover)
    olga = await another_lead(firm)
    made(await transfer(firm, handover, olga), 200)
    entry = {"at": "2026-11-02T10:00:00Z", "kind": "call", "phase": "during", "text": "Agreed."}
    consent = made(await olga.post(f"/v1/handovers/{handover['id']}/log", entry))
    new = await promise(firm, handover, by=olga, supersedes=one["id"], evidence=[consent["id"]])
    made(await read_back(olga, new))
    assert await states(firm, handover) == ["superseded", "accepted"]
