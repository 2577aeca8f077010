"""A manager answers for a gap, with a reason and never for themselves; until then nobody accepts."""

import asyncio
from typing import Any

import pytest

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.handover.api.test_coverage import a_course_is_published, coverage, is_trained
from tests.handover.makers import (
    complete_draft,
    held_walkthrough,
    made,
    move,
    need,
    promises_of,
    read_back,
    staffed,
    waived,
)


def path_of(handover: dict[str, Any]) -> str:
    return f"/v1/handovers/{handover['id']}/coverage/waivers"


async def with_needs(firm: Firm, *needs: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """In review, every promise read back, with these needs (one at level 3 by default)."""
    handover = await complete_draft(firm)
    named = [await need(firm, handover, **one) for one in needs or ({"level": 3},)]
    await move(firm.seller, handover, "submission")
    handover = await move(firm.lead, handover, "claim")
    await held_walkthrough(firm, handover)
    for promise in await promises_of(firm, handover):
        made(await read_back(firm.lead, promise))
    return handover, named


async def accept(firm: Firm, handover: dict[str, Any]) -> Any:
    return await firm.lead.post(f"/v1/handovers/{handover['id']}/acceptance")


async def test_a_need_is_a_gap_until_somebody_is_trained_and_again_when_it_expires_before_the_start(
    firm: Firm,
):
    handover, [one] = await with_needs(firm, {"level": 3, "from": "2027-02-01", "to": "2027-06-30"})
    await a_course_is_published(firm, level=3)
    assert (await coverage(firm, handover))["state"] == "gap"
    refused = await accept(firm, handover)
    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        f"/competence-needs/{one['id']}"
    ]
    assert "tills" in refused.json()["detail"]
    await is_trained(firm, firm.learner.id, 3)
    assert (await coverage(firm, handover))["state"] == "covered"
    await is_trained(firm, firm.learner.id, 3, expires_on="2027-01-31")
    assert (await coverage(firm, handover))["state"] == "gap"
    assert (await accept(firm, handover)).status_code == 409
    await is_trained(firm, firm.learner.id, 3, expires_on="2027-06-30")
    # Without a look at the coverage in between: accepting hears the news by itself.
    assert (await accept(firm, handover)).status_code == 200


async def test_what_is_not_known_blocks_as_a_gap_does_and_each_need_is_named(firm: Firm):
    handover, [boats, tills] = await with_needs(firm, {"competence": "boats"}, {"level": 2})
    await a_course_is_published(firm)
    refused = await accept(firm, handover)
    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        f"/competence-needs/{boats['id']}",
        f"/competence-needs/{tills['id']}",
    ]
    ready = made(await firm.lead.get(f"/v1/handovers/{handover['id']}/readiness"), 200)
    assert "accept" not in ready["allowed"]
    await waived(firm, handover, boats)
    assert (await accept(firm, handover)).status_code == 409
    await waived(firm, handover, tills)
    shown = await coverage(firm, handover)
    assert shown["state"] == "waived"
    assert {one["waiver"]["granted_by"] for one in shown["needs"]} == {str(firm.manager.id)}
    assert (await accept(firm, handover)).status_code == 200


async def test_who_is_staffed_is_shown_with_what_they_hold(firm: Firm):
    handover, [one] = await with_needs(firm, {"level": 2, "headcount": 2})
    await a_course_is_published(firm)
    await is_trained(firm, firm.learner.id)
    await is_trained(firm, firm.trainer.id)
    assert (await coverage(firm, handover))["state"] == "covered"
    for person in (firm.learner, firm.seller):
        await staffed(firm, handover, person_id=str(person.id), competence_need_id=one["id"])
    [seen] = (await coverage(firm, handover))["needs"]
    assert (seen["state"], seen["have"], seen["judged_to"]) == ("gap", 1, "2027-03-31")
    assert [(who["name"], who["state"], who["level"]) for who in seen["staffed"]] == [
        ("Lærke Lærling", "covered", 2),
        ("Signe Selger", "gap", None),
    ]
    assert {who["person_id"] for who in seen["people"]} == {
        str(firm.learner.id),
        str(firm.trainer.id),
    }


async def test_a_waiver_is_shown_listed_and_told(firm: Firm, stranger: Person):
    handover, [one] = await with_needs(firm)
    given = {
        "competence_need_id": one["id"],
        "reason": "Anna stands beside them until week 2.",
        "valid_until": "2199-12-31",
    }
    answer = await firm.manager.post(path_of(handover), given)
    waiver = made(answer)
    assert {name: waiver[name] for name in given} == given
    assert (waiver["granted_by"], waiver["ended_at"]) == (str(firm.manager.id), None)
    path = answer.headers["Location"]
    assert made(await firm.learner.get(path), 200) == waiver
    assert made(await firm.learner.get(path_of(handover)), 200)["items"] == [waiver]
    other, [elsewhere] = await with_needs(firm)
    for refused in (
        await stranger.get(path),
        await stranger.get(path_of(handover)),
        await stranger.post(path_of(handover), given),
        await stranger.post(f"{path}/revocation", {"reason": "No."}),
        await firm.manager.get(f"{path_of(other)}/{waiver['id']}"),
        await firm.manager.post(f"{path_of(other)}/{waiver['id']}/revocation", {"reason": "No."}),
    ):
        assert refused.status_code == 404
    wrong = {**given, "competence_need_id": elsewhere["id"]}
    assert (await firm.manager.post(path_of(handover), wrong)).status_code == 422
    ended = made(await firm.manager.post(f"{path}/revocation", {"reason": "It was off."}), 200)
    assert (ended["ended_by"], ended["end_reason"]) == (str(firm.manager.id), "It was off.")
    again = await firm.manager.post(f"{path}/revocation", {"reason": "It was off."})
    assert again.status_code == 409
    assert (await coverage(firm, handover))["needs"][0]["waiver"] is None
    assert (await accept(firm, handover)).status_code == 409
    told = made(await firm.learner.get("/v1/events", limit=500), 200)["items"]
    kinds = [event["type"] for event in told if event["subject"] == path.removeprefix("/v1/")]
    assert kinds == ["coverage-waiver.granted", "coverage-waiver.ended"]


async def test_a_waiver_lets_through_only_what_it_lasts_for(firm: Firm):
    dates = {"from": "2199-02-01", "to": "2199-06-30"}
    handover, [one] = await with_needs(firm, {"level": 3, **dates})
    early = {"competence_need_id": one["id"], "reason": "Anna stands beside them in the pilot."}
    refused = await firm.manager.post(path_of(handover), {**early, "valid_until": "2199-01-31"})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/valid_until"]

    short = await waived(firm, handover, one, valid_until="2199-06-29")
    [seen] = (await coverage(firm, handover))["needs"]
    assert (seen["state"], seen["waiver"]) == ("unknown", None)
    assert (await accept(firm, handover)).status_code == 409

    revoked = f"{path_of(handover)}/{short['id']}/revocation"
    made(await firm.manager.post(revoked, {"reason": "It ends too early."}), 200)
    await waived(firm, handover, one, valid_until="2199-06-30")
    assert (await coverage(firm, handover))["state"] == "waived"
    assert (await accept(firm, handover)).status_code == 200


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"reason": "n/a"}, "/reason"),
        ({"reason": ""}, "/reason"),
        ({"valid_until": "2026-01-01"}, "/valid_until"),
        ({"competence_need_id": None}, "/competence_need_id"),
        ({"for": "ever"}, "/for"),
    ],
)
async def test_a_waiver_that_says_nothing_is_refused(
    firm: Firm, fields: dict[str, Any], pointer: str
):
    handover, [one] = await with_needs(firm)
    given = {"competence_need_id": one["id"], "reason": "Anna stands beside them.", **fields}
    refused = await firm.manager.post(path_of(handover), given)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer


async def test_only_managers_waive_and_revoke(firm: Firm):
    handover, [one] = await with_needs(firm)
    waiver = await waived(firm, handover, one)
    given = {"competence_need_id": one["id"], "reason": "Anna stands beside them."}
    for person in (firm.seller, firm.lead, firm.learner, firm.trainer, firm.admin):
        assert (await person.post(path_of(handover), given)).status_code == 403, person.name
        path = f"{path_of(handover)}/{waiver['id']}/revocation"
        assert (await person.post(path, {"reason": "No."})).status_code == 403


async def test_nobody_waives_for_themselves(firm: Firm):
    firm.seller = await firm.hire("Kristin Selger", Role.seller, Role.manager)
    firm.lead = await firm.hire("Bjørn Leder", Role.delivery, Role.manager)
    staffed_manager = await firm.hire("Hanne Bemannet", Role.manager)
    handover, [one] = await with_needs(firm)
    await staffed(firm, handover, person_id=str(staffed_manager.id), competence_need_id=one["id"])
    given = {"competence_need_id": one["id"], "reason": "Anna stands beside them."}
    for person in (firm.seller, firm.lead, staffed_manager):
        assert (await person.post(path_of(handover), given)).status_code == 403, person.name
    await waived(firm, handover, one)


async def test_a_manager_who_takes_part_later_has_waived_nothing(firm: Firm):
    handover, [one] = await with_needs(firm)
    first = await waived(firm, handover, one)
    assert (await coverage(firm, handover))["state"] == "waived"
    await staffed(firm, handover, person_id=str(firm.manager.id), competence_need_id=one["id"])
    assert (await coverage(firm, handover))["state"] == "unknown"
    assert (await accept(firm, handover)).status_code == 409
    other = await firm.hire("Marit Direktør", Role.manager)
    given = {"competence_need_id": one["id"], "reason": "I answer for it."}
    second = made(await other.post(path_of(handover), given))
    listed = made(await firm.lead.get(path_of(handover)), 200)["items"]
    assert [(w["id"], w["ended_at"] is None) for w in listed] == [
        (second["id"], True),
        (first["id"], False),
    ]
    assert (await accept(firm, handover)).status_code == 200


async def test_of_managers_who_waive_the_same_need_at_once_one_does(firm: Firm):
    handover, [one] = await with_needs(firm)
    other = await firm.hire("Marit Direktør", Role.manager)
    given = {"competence_need_id": one["id"], "reason": "I answer for it."}
    answers = await asyncio.gather(
        *(person.post(path_of(handover), given) for person in [firm.manager, other] * 3)
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert len(made(await firm.lead.get(path_of(handover)), 200)["items"]) == 1


async def test_the_waiver_of_a_need_ends_when_it_becomes_another_one(firm: Firm):
    handover, [one] = await with_needs(firm)
    waiver = await waived(firm, handover, one)
    gap = {"what": "amount", "why": "It is the old price."}
    await move(firm.lead, handover, "return", {"gaps": [gap]})
    path = f"/v1/handovers/{handover['id']}/competence-needs/{one['id']}"
    made(await firm.seller.patch(path, {"why": "The old ones are slow."}), 200)
    made(await firm.seller.patch(path, {"level": 3}), 200)
    waiver_path = f"{path_of(handover)}/{waiver['id']}"
    assert made(await firm.lead.get(waiver_path), 200)["ended_at"] is None
    made(await firm.seller.patch(path, {"level": 5}), 200)
    assert made(await firm.lead.get(waiver_path), 200)["ended_by"] == str(firm.seller.id)
    again = await waived(firm, handover, one)
    assert (await firm.seller.delete(path)).status_code == 204
    ended = made(await firm.lead.get(f"{path_of(handover)}/{again['id']}"), 200)
    assert ended["ended_at"] is not None


async def test_what_has_ended_is_not_waived(firm: Firm):
    handover, [one] = await with_needs(firm)
    await move(firm.seller, handover, "cancellation", {"reason": "They took another one."})
    given = {"competence_need_id": one["id"], "reason": "I answer for it."}
    assert (await firm.manager.post(path_of(handover), given)).status_code == 409
