"""A handover goes from hand to hand: who may move it, when, and what stands in the way."""

import asyncio
from typing import Any

import pytest

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.handover.makers import (
    SAID,
    accepted,
    complete_draft,
    draft,
    estimate,
    held_walkthrough,
    in_delivery,
    in_review,
    logged,
    made,
    move,
    promise,
    promises_of,
    read_back,
    staffed,
    stakeholder,
)


async def readiness(person: Person, handover: dict[str, Any]) -> dict[str, Any]:
    return made(await person.get(f"/v1/handovers/{handover['id']}/readiness"), 200)


async def test_a_seller_fills_the_missing_list_and_the_lead_takes_every_promise_over(firm: Firm):
    handover = await draft(firm)
    path = f"/v1/handovers/{handover['id']}"

    listed = await readiness(firm.seller, handover)
    assert not listed["ready"]
    refused = await firm.seller.post(f"{path}/submission")
    assert refused.status_code == 422
    assert refused.json()["missing"] == listed["missing"]
    assert {gap["item"] for gap in listed["missing"]} >= {"situation", "promises", "amount"}

    made(await firm.seller.patch(path, SAID), 200)
    await stakeholder(firm, handover)
    first = await promise(firm, handover, statement="The shops can sell on Sundays.")
    second = await promise(firm, handover, statement="Nobody has to type a price.")
    await estimate(firm, handover)
    await held_walkthrough(firm, handover)
    ready = await readiness(firm.seller, handover)
    assert ready == {"ready": True, "missing": [], "unknowns": 0, "allowed": ["submit", "cancel"]}

    assert (await move(firm.seller, handover, "submission"))["state"] == "submitted"
    claimed = await move(firm.lead, handover, "claim")
    assert claimed["state"] == "in_review"
    assert claimed["delivery_lead_id"] == str(firm.lead.id)

    made(await read_back(firm.lead, first))
    too_early = await firm.lead.post(f"{path}/acceptance")
    assert too_early.status_code == 409
    assert too_early.json()["detail"] == (
        "“Nobody has to type a price.”: The delivery lead has not read it back."
    )
    assert too_early.json()["errors"] == [
        {
            "pointer": f"/promises/{second['id']}",
            "detail": "The delivery lead has not read it back.",
        }
    ]
    in_danish = await firm.lead.request(
        "POST", f"{path}/acceptance", headers={"Accept-Language": "da"}
    )
    assert in_danish.json()["detail"].startswith("»Nobody has to type a price.«: ")
    assert in_danish.json()["detail"].endswith(in_danish.json()["errors"][0]["detail"])

    made(await read_back(firm.lead, second, "conditional", condition="The tills have scanners."))
    assert (await firm.seller.post(f"{path}/acceptance")).status_code == 403
    assert "accept" in (await readiness(firm.lead, handover))["allowed"]
    assert "accept" not in (await readiness(firm.seller, handover))["allowed"]
    assert (await move(firm.lead, handover, "acceptance"))["state"] == "accepted"
    assert [one["state"] for one in await promises_of(firm, handover)] == [
        "accepted",
        "conditional",
    ]

    await staffed(firm, handover)
    assert (await move(firm.lead, handover, "start"))["state"] == "in_delivery"
    not_yet = await firm.lead.post(f"{path}/completion")
    assert not_yet.status_code == 409
    assert len(not_yet.json()["errors"]) == 2
    made(await firm.lead.post(f"/v1/promises/{first['id']}/outcome", {"state": "kept"}), 200)
    made(await firm.lead.post(f"/v1/promises/{second['id']}/outcome", {"state": "broken"}), 200)
    done = await move(firm.lead, handover, "completion")
    assert done["state"] == "completed"
    assert done["completed_at"] is not None


async def test_a_seller_who_also_delivers_cannot_take_over_what_they_sold(firm: Firm):
    both = await firm.hire("Bo Begge", Role.seller, Role.delivery)
    firm.seller = both
    handover = await complete_draft(firm)
    await move(both, handover, "submission")
    path = f"/v1/handovers/{handover['id']}"
    assert (await both.post(f"{path}/claim")).status_code == 403
    await move(firm.lead, handover, "claim")
    [one] = await promises_of(firm, handover)
    assert (await read_back(both, one)).status_code == 403
    assert (await both.post(f"{path}/acceptance")).status_code == 403


@pytest.mark.parametrize(
    ("noun", "body"),
    [
        ("claim", None),
        ("return", {"gaps": [{"what": "amount", "why": "It is the old price."}]}),
        ("acceptance", None),
        ("start", None),
        ("completion", None),
    ],
)
async def test_a_move_that_a_draft_does_not_have_is_refused_with_those_of_the_caller(
    firm: Firm, noun: str, body: Any
):
    both = await firm.hire("Bo Begge", Role.delivery, Role.manager)
    for lead, allowed in ((firm.lead, []), (both, ["cancel"])):
        handover = await draft(firm, delivery_lead_id=str(lead.id))
        refused = await lead.post(f"/v1/handovers/{handover['id']}/{noun}", body)
        assert refused.status_code == 409
        assert refused.json()["allowed"] == allowed


async def test_a_refused_move_is_told_in_words_and_with_what_the_caller_can_do_instead(firm: Firm):
    handover = await in_review(firm)
    path = f"/v1/handovers/{handover['id']}"
    for person, noun, detail, allowed in (
        (firm.seller, "submission", "“submit” is not possible for a handover", ["cancel"]),
        (firm.lead, "start", "“start” is not possible for a handover", ["accept", "return"]),
        (firm.manager, "closure", "“close” is not possible for a handover", ["cancel", "transfer"]),
    ):
        refused = await person.post(f"{path}/{noun}")
        assert refused.status_code == 409
        assert refused.json()["detail"] == f"{detail} in the state “in review”."
        assert refused.json()["allowed"] == allowed
        assert "errors" not in refused.json()


async def test_only_the_seller_submits(firm: Firm):
    handover = await complete_draft(firm)
    for person in (firm.lead, firm.manager, firm.admin, firm.learner):
        refused = await person.post(f"/v1/handovers/{handover['id']}/submission")
        assert refused.status_code == 403, person.name


async def test_nobody_claims_what_another_lead_was_named_for(firm: Firm):
    other = await firm.hire("Olga Oppdrag", Role.delivery)
    handover = await complete_draft(firm, delivery_lead_id=str(other.id))
    await move(firm.seller, handover, "submission")
    assert (await firm.lead.post(f"/v1/handovers/{handover['id']}/claim")).status_code == 403
    await move(other, handover, "claim")


async def test_a_declined_promise_keeps_the_handover_from_being_accepted(firm: Firm):
    handover = await in_review(firm)
    [one] = await promises_of(firm, handover)
    made(await read_back(firm.lead, one, "decline"))
    refused = await firm.lead.post(f"/v1/handovers/{handover['id']}/acceptance")
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["pointer"] == f"/promises/{one['id']}"
    made(await read_back(firm.lead, one, "promise"))
    await move(firm.lead, handover, "acceptance")


async def test_the_stance_of_an_earlier_lead_does_not_count(firm: Firm):
    handover = await in_review(firm)
    [one] = await promises_of(firm, handover)
    made(await read_back(firm.lead, one))
    gap = {"what": "amount", "why": "It is the old price."}
    await move(firm.lead, handover, "return", {"gaps": [gap]})
    other = await firm.hire("Olga Oppdrag", Role.delivery)
    made(
        await firm.seller.patch(
            f"/v1/handovers/{handover['id']}", {"delivery_lead_id": str(other.id)}
        ),
        200,
    )
    await move(firm.seller, handover, "submission")
    await move(other, handover, "claim")
    assert (await other.post(f"/v1/handovers/{handover['id']}/acceptance")).status_code == 409
    made(await read_back(other, one))
    await move(other, handover, "acceptance")


_DENIAL = {
    "at": "2026-11-02T10:00:00+01:00",
    "kind": "note",
    "phase": "before",
    "text": "Never mind.",
}


async def test_a_change_told_after_a_promise_must_be_resolved_first(firm: Firm):
    handover = await in_review(firm)
    [one] = await promises_of(firm, handover)
    made(await read_back(firm.lead, one))
    change = await logged(
        firm.learner, handover, kind="change", text="Now it is 44 shops.", affects=[one["id"]]
    )
    refused = await firm.lead.post(f"/v1/handovers/{handover['id']}/acceptance")
    assert refused.status_code == 409
    for person in (firm.lead, firm.trainer):
        denied = await person.post(
            f"/v1/handovers/{handover['id']}/log", {**_DENIAL, "corrects": change["id"]}
        )
        assert denied.status_code == 403
    await logged(firm.seller, handover, text="No, it stays at 42.", corrects=change["id"])
    await move(firm.lead, handover, "acceptance")


@pytest.mark.parametrize("who", ["learner", "manager"])
async def test_a_change_is_corrected_by_its_author_or_a_manager_too(firm: Firm, who: str):
    handover = await in_review(firm)
    change = await logged(firm.learner, handover, kind="change")
    await logged(getattr(firm, who), handover, corrects=change["id"])


async def test_a_returned_handover_keeps_a_lead(firm: Firm):
    handover = await in_review(firm)
    await move(firm.lead, handover, "return", {"gaps": [{"what": "amount", "why": "Which?"}]})
    refused = await firm.seller.patch(f"/v1/handovers/{handover['id']}", {"delivery_lead_id": None})
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["pointer"] == "/delivery_lead_id"
    assert "constraint" not in refused.text


async def test_who_would_accept_before_anyone_has_claimed_is_told_to_claim(firm: Firm):
    handover = await complete_draft(firm)
    await move(firm.seller, handover, "submission")
    refused = await firm.lead.post(f"/v1/handovers/{handover['id']}/acceptance")
    assert refused.status_code == 403
    assert refused.json()["detail"].endswith("Claim it first.")


async def test_superseding_resolves_a_change(firm: Firm):
    handover = await in_review(firm)
    [one] = await promises_of(firm, handover)
    made(await read_back(firm.lead, one))
    await logged(firm.seller, handover, kind="change", affects=[one["id"]])
    new = await promise(firm, handover, statement="All 44 shops.", supersedes=one["id"])
    assert (await firm.lead.post(f"/v1/handovers/{handover['id']}/acceptance")).status_code == 409
    made(await read_back(firm.lead, new))
    await move(firm.lead, handover, "acceptance")


async def test_what_is_not_won_is_not_started(firm: Firm):
    handover = await accepted(firm, is_won=False)
    await staffed(firm, handover)
    path = f"/v1/handovers/{handover['id']}"
    refused = await firm.lead.post(f"{path}/start")
    assert refused.status_code == 409
    assert refused.json()["detail"] == "The deal is not won yet."
    assert refused.json()["errors"] == [
        {"pointer": "/is_won", "detail": "The deal is not won yet."}
    ]
    assert refused.json()["allowed"] == []
    assert "start" not in (await readiness(firm.lead, handover))["allowed"]
    made(await firm.seller.patch(path, {"is_won": True}), 200)
    await move(firm.lead, handover, "start")


async def test_a_manager_cancels_with_a_reason_until_delivery_starts(firm: Firm):
    handover = await in_review(firm)
    path = f"/v1/handovers/{handover['id']}/cancellation"
    assert (await firm.lead.post(path, {"reason": "No"})).status_code == 403
    assert (await firm.manager.post(path, {})).status_code == 422
    cancelled = await move(firm.manager, handover, "cancellation", {"reason": "They went away."})
    assert cancelled["state"] == "cancelled"
    delivered = await in_delivery(firm)
    refused = await firm.manager.post(
        f"/v1/handovers/{delivered['id']}/cancellation", {"reason": "Too late."}
    )
    assert refused.status_code == 409


@pytest.mark.parametrize("nothing", ["TBD", "?", "."])
async def test_a_placeholder_is_no_reason(firm: Firm, nothing: str):
    handover = await in_review(firm)
    gap = {"what": "amount", "why": "It is the old price."}
    path = f"/v1/handovers/{handover['id']}"
    transfer = {"delivery_lead_id": str(firm.trainer.id), "reason": nothing}
    for person, to, body, pointer in (
        (firm.seller, "cancellation", {"reason": nothing}, "/reason"),
        (firm.lead, "return", {"gaps": [gap, {**gap, "what": nothing}]}, "/gaps/1/what"),
        (firm.lead, "return", {"gaps": [{**gap, "why": nothing}]}, "/gaps/0/why"),
        (firm.manager, "transfer", transfer, "/reason"),
        (firm.learner, "questions", {"text": nothing}, "/text"),
    ):
        refused = await person.post(f"{path}/{to}", body)
        assert refused.status_code == 422
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


async def test_a_returned_handover_names_its_gaps_and_is_submitted_again(firm: Firm):
    handover = await in_review(firm)
    gap = {"what": "planned_start", "why": "The shops close in week 2."}
    returned = await move(firm.lead, handover, "return", {"gaps": [gap]})
    assert returned["gaps"] == [gap]
    assert returned["state"] == "returned"
    again = await move(firm.seller, handover, "submission")
    assert again["gaps"] == []


async def test_of_fifty_acceptances_at_once_one_wins(firm: Firm):
    handover = await in_review(firm)
    [one] = await promises_of(firm, handover)
    made(await read_back(firm.lead, one))
    path = f"/v1/handovers/{handover['id']}/acceptance"
    answers = await asyncio.gather(*(firm.lead.post(path) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49
    events = made(await firm.lead.get("/v1/events", type="handover.accepted"), 200)
    assert len(events["items"]) == 1


async def test_of_fifty_claims_at_once_one_wins(firm: Firm):
    handover = await complete_draft(firm)
    await move(firm.seller, handover, "submission")
    path = f"/v1/handovers/{handover['id']}/claim"
    answers = await asyncio.gather(*(firm.lead.post(path) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49


async def test_a_repeated_submission_with_its_key_gets_the_same_answer(firm: Firm):
    handover = await complete_draft(firm)
    path = f"/v1/handovers/{handover['id']}/submission"
    first = await firm.seller.post(path, key="submit-once")
    again = await firm.seller.post(path, key="submit-once")
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await firm.seller.post(path)).status_code == 409
