"""Who delivers: staffed by the lead or a manager, never twice on the same days, and seen when it is too much."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.handover.makers import (
    accepted,
    complete_draft,
    in_delivery,
    in_review,
    made,
    move,
    need,
    staffed,
)


def path_of(handover: dict[str, Any]) -> str:
    return f"/v1/handovers/{handover['id']}/staffing"


async def with_need(firm: Firm, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """In review, with a need."""
    handover = await complete_draft(firm)
    one = await need(firm, handover, **fields)
    await move(firm.seller, handover, "submission")
    return await move(firm.lead, handover, "claim"), one


async def test_the_lead_staffs_somebody_on_a_need(firm: Firm):
    handover, one = await with_need(firm)
    given = {
        "person_id": str(firm.learner.id),
        "from": "2026-12-01",
        "to": "2027-03-31",
        "allocation": 80,
        "competence_need_id": one["id"],
    }
    answer = await firm.lead.post(path_of(handover), given)
    staffing = made(answer)
    assert {name: staffing[name] for name in given} == given
    assert staffing["allocated"] == 80
    assert made(await firm.seller.get(answer.headers["Location"]), 200) == staffing
    listed = made(await firm.learner.get(path_of(handover), person_id=str(firm.learner.id)), 200)
    assert listed["items"] == [staffing]
    assert made(await firm.learner.get(path_of(handover), person_id=str(firm.lead.id)), 200) == {
        "items": [],
        "next": None,
    }


async def test_staffing_changes_and_goes_and_every_step_is_told(firm: Firm):
    handover = await in_delivery(firm)
    staffing = await staffed(firm, handover, person_id=str(firm.trainer.id))
    path = f"{path_of(handover)}/{staffing['id']}"
    changed = made(await firm.manager.patch(path, {"to": "2026-12-31", "allocation": 50}), 200)
    assert (changed["from"], changed["to"], changed["allocation"]) == (
        "2026-12-01",
        "2026-12-31",
        50,
    )
    assert (await firm.lead.delete(path)).status_code == 204
    assert (await firm.lead.get(path)).status_code == 404
    told = made(await firm.learner.get("/v1/events", limit=500), 200)["items"]
    kinds = [event["type"] for event in told if event["subject"] == path.removeprefix("/v1/")]
    assert kinds == ["staffing.created", "staffing.changed", "staffing.deleted"]


async def test_a_stale_change_is_refused_and_one_without_a_version_too(firm: Firm):
    handover = await in_review(firm)
    staffing = await staffed(firm, handover)
    path = f"{path_of(handover)}/{staffing['id']}"
    made(await firm.lead.patch(path, {"allocation": 50}, '"1"'), 200)
    assert (await firm.lead.patch(path, {"allocation": 60}, '"1"')).status_code == 412
    assert (await firm.lead.delete(path, '"1"')).status_code == 412
    assert (await firm.lead.patch(path, {"allocation": 60}, "")).status_code == 428
    assert (await firm.lead.delete(path, "")).status_code == 428


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"from": "2026-12-02", "to": "2026-12-01"}, "/to"),
        ({"allocation": 0}, "/allocation"),
        ({"allocation": 101}, "/allocation"),
        ({"allocation": "50"}, "/allocation"),
        ({"from": None}, "/from"),
        ({"from": "2026-12-01T00:00:00Z"}, "/from"),
        ({"person_id": "0190a6d4-0000-7000-8000-000000000000"}, "/person_id"),
        ({"competence_need_id": "0190a6d4-0000-7000-8000-000000000000"}, "/competence_need_id"),
        ({"share": 50}, "/share"),
    ],
)
async def test_what_makes_no_sense_is_refused(firm: Firm, fields: dict[str, Any], pointer: str):
    handover = await in_review(firm)
    given = {"person_id": str(firm.learner.id), "from": "2026-12-01", **fields}
    refused = await firm.lead.post(path_of(handover), given)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer


async def test_a_need_of_another_handover_is_refused(firm: Firm):
    handover = await in_review(firm)
    _, elsewhere = await with_need(firm)
    given = {"person_id": str(firm.learner.id), "from": "2026-12-01"}
    wrong = {**given, "competence_need_id": elsewhere["id"]}
    assert (await firm.lead.post(path_of(handover), wrong)).status_code == 422
    staffing = await staffed(firm, handover)
    path = f"{path_of(handover)}/{staffing['id']}"
    refused = await firm.lead.patch(path, {"competence_need_id": elsewhere["id"]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/competence_need_id"
    assert (await firm.lead.patch(path, {"to": "2026-11-30"})).status_code == 422


async def test_only_the_lead_and_managers_staff(firm: Firm):
    handover = await in_review(firm)
    staffing = await staffed(firm, handover)
    path = f"{path_of(handover)}/{staffing['id']}"
    given = {"person_id": str(firm.trainer.id), "from": "2026-12-01"}
    other_lead = await firm.hire("Olga Oppdrag", Role.delivery)
    for person in (firm.seller, firm.learner, firm.admin, firm.trainer, other_lead):
        assert (await person.post(path_of(handover), given)).status_code == 403, person.name
        assert (await person.patch(path, {"allocation": 10})).status_code == 403
        assert (await person.delete(path)).status_code == 403
    made(await firm.manager.post(path_of(handover), given))


async def test_nobody_is_staffed_before_the_claim_or_after_the_end(firm: Firm):
    handover = await complete_draft(firm, delivery_lead_id=str(firm.lead.id))
    given = {"person_id": str(firm.learner.id), "from": "2026-12-01"}
    assert (await firm.lead.post(path_of(handover), given)).status_code == 409
    await move(firm.seller, handover, "submission")
    refused = await firm.lead.post(path_of(handover), given)
    assert refused.status_code == 409
    assert refused.json()["allowed"] == ["claim"]
    refused = await firm.manager.post(path_of(handover), given)
    assert refused.json()["allowed"] == ["cancel", "transfer"]
    await move(firm.lead, handover, "claim")
    staffing = await staffed(firm, handover)
    await move(firm.seller, handover, "cancellation", {"reason": "They took another one."})
    path = f"{path_of(handover)}/{staffing['id']}"
    assert (await firm.lead.post(path_of(handover), given)).status_code == 409
    assert (await firm.manager.patch(path, {"allocation": 10})).status_code == 409
    assert (await firm.manager.delete(path)).status_code == 409


async def test_the_same_person_is_not_staffed_twice_on_the_same_need_on_the_same_day(firm: Firm):
    handover, one = await with_need(firm)
    await staffed(firm, handover, to="2026-12-31", competence_need_id=one["id"])
    again = {"person_id": str(firm.learner.id), "competence_need_id": one["id"]}
    for days in (
        {"from": "2026-12-31"},
        {"from": "2026-11-01"},
        {"from": "2026-11-01", "to": "2026-12-01"},
        {"from": "2026-12-10", "to": "2026-12-11"},
    ):
        refused = await firm.lead.post(path_of(handover), {**again, **days})
        assert refused.status_code == 409, days
        assert refused.json()["errors"][0]["pointer"] == "/from"
    made(await firm.lead.post(path_of(handover), {**again, "from": "2027-01-01"}))
    before = {"from": "2026-11-01", "to": "2026-11-30"}
    earlier = made(await firm.lead.post(path_of(handover), {**again, **before}))
    # Beside the need they may do something else, and another person may be there.
    general = await staffed(firm, handover)
    made(
        await firm.lead.post(
            path_of(handover), {**again, "person_id": str(firm.trainer.id), "from": "2026-12-01"}
        )
    )
    for staffing, patch in (
        (earlier, {"to": None}),
        (earlier, {"to": "2026-12-01"}),
        (general, {"competence_need_id": one["id"]}),
    ):
        refused = await firm.lead.patch(f"{path_of(handover)}/{staffing['id']}", patch)
        assert refused.status_code == 409, patch


async def test_of_two_who_staff_the_same_person_at_once_one_wins(firm: Firm):
    handover = await in_review(firm)
    given = {"person_id": str(firm.learner.id), "from": "2026-12-01"}
    answers = await asyncio.gather(
        *(
            person.post(path_of(handover), {**given, "from": f"2026-12-0{number}"})
            for number, person in enumerate([firm.lead, firm.manager] * 3, 1)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert len(made(await firm.lead.get(path_of(handover)), 200)["items"]) == 1


async def test_too_much_is_shown_over_all_handovers_and_forbidden_by_none(firm: Firm):
    here, there, gone = await in_review(firm), await in_delivery(firm), await in_review(firm)
    person = {"person_id": str(firm.trainer.id)}
    await staffed(firm, there, **person, to="2027-01-31", allocation=70)
    await staffed(firm, there, **person, **{"from": "2027-02-01"}, allocation=20)
    await staffed(firm, gone, **person, allocation=100)
    await move(firm.seller, gone, "cancellation", {"reason": "They took another one."})
    both = await staffed(firm, here, **person, allocation=50)
    assert both["allocated"] == 120
    path = f"{path_of(here)}/{both['id']}"
    assert made(await firm.lead.patch(path, {"from": "2027-02-15"}), 200)["allocated"] == 70
    listed = made(await firm.lead.get(path_of(gone)), 200)["items"]
    assert [one["allocated"] for one in listed] == [70]


async def test_a_staffing_of_another_handover_is_not_there(firm: Firm, stranger: Person):
    handover, other = await in_review(firm), await in_review(firm)
    staffing = await staffed(firm, handover)
    wrong = f"{path_of(other)}/{staffing['id']}"
    for answer in (
        await firm.lead.get(wrong),
        await firm.lead.patch(wrong, {"allocation": 1}, "*"),
        await firm.lead.delete(wrong, "*"),
        await stranger.get(path_of(handover)),
        await stranger.get(f"{path_of(handover)}/{staffing['id']}"),
        await stranger.post(
            path_of(handover), {"person_id": str(stranger.id), "from": "2026-12-01"}
        ),
    ):
        assert answer.status_code == 404


async def test_a_need_stays_while_somebody_is_staffed_on_it(firm: Firm):
    handover, one = await with_need(firm)
    staffing = await staffed(firm, handover, competence_need_id=one["id"])
    gap = {"what": "amount", "why": "It is the old price."}
    await move(firm.lead, handover, "return", {"gaps": [gap]})
    path = f"/v1/handovers/{handover['id']}/competence-needs/{one['id']}"
    refused = await firm.seller.delete(path)
    assert refused.status_code == 409
    assert "staffed" in refused.json()["detail"]
    # The lead may still plan, since it is theirs again as soon as the gap is filled.
    assert (await firm.lead.delete(f"{path_of(handover)}/{staffing['id']}")).status_code == 204
    assert (await firm.seller.delete(path)).status_code == 204


async def test_delivery_starts_with_somebody_who_is_still_there(firm: Firm):
    handover = await accepted(firm)
    start = f"/v1/handovers/{handover['id']}/start"
    refused = await firm.lead.post(start)
    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/staffing"]
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    gone = await staffed(firm, handover, **{"from": "2026-01-01", "to": yesterday})
    assert (await firm.lead.post(start)).status_code == 409
    made(await firm.lead.patch(f"{path_of(handover)}/{gone['id']}", {"to": None}), 200)
    await move(firm.lead, handover, "start")
