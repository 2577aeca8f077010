"""Promises are read back, superseded, looked back on, and found again."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Firm
from tests.handover.makers import (
    accepted,
    draft,
    in_delivery,
    in_review,
    logged,
    made,
    move,
    promise,
    promises_of,
    read_back,
    staffed,
)


async def only_promise(firm: Firm, handover: dict[str, Any]) -> dict[str, Any]:
    [one] = await promises_of(firm, handover)
    return one


@pytest.mark.parametrize(
    ("stance", "more", "state"),
    [
        ("promise", {}, "accepted"),
        ("conditional", {"condition": "The tills have scanners."}, "conditional"),
        ("decline", {}, "declined"),
    ],
)
async def test_a_read_back_moves_the_promise(
    firm: Firm, stance: str, more: dict[str, Any], state: str
):
    handover = await in_review(firm)
    one = await only_promise(firm, handover)
    answer = await read_back(firm.lead, one, stance, **more)
    stance_taken = made(answer)
    assert stance_taken["lead_id"] == str(firm.lead.id)
    assert stance_taken["voided_at"] is None
    assert made(await firm.seller.get(answer.headers["Location"]), 200) == stance_taken
    assert (await only_promise(firm, handover))["state"] == state


async def test_only_the_lead_reads_back_and_only_in_review(firm: Firm):
    handover = await draft(firm, delivery_lead_id=str(firm.lead.id))
    one = await promise(firm, handover)
    assert (await read_back(firm.lead, one)).status_code == 409
    for person in (firm.seller, firm.manager, firm.learner):
        assert (await read_back(person, one)).status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"stance": "conditional"}, "/condition"),
        ({"stance": "promise", "condition": "If it rains."}, "/condition"),
        ({"restated": "TBD"}, "/restated"),
        ({"restated": "PROMISE number 1, is kept"}, "/restated"),
        ({"restated": "Yes, we do."}, "/restated"),
        ({"stance": "conditional", "condition": "?"}, "/condition"),
        ({"stance": "maybe"}, "/stance"),
    ],
)
async def test_a_read_back_that_says_nothing_is_refused(
    firm: Firm, body: dict[str, Any], pointer: str
):
    handover = await in_review(firm)
    one = await only_promise(firm, handover)
    refused = await read_back(firm.lead, one, **body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert (await only_promise(firm, handover))["state"] == "offered"


async def test_of_several_read_backs_the_last_one_stands(firm: Firm):
    handover = await in_review(firm)
    one = await only_promise(firm, handover)
    for stance in ("promise", "decline", "promise"):
        made(await read_back(firm.lead, one, stance))
    path = f"/v1/handovers/{handover['id']}/promises/{one['id']}/read-backs"
    listed = made(await firm.seller.get(path), 200)["items"]
    assert [entry["voided_at"] is None for entry in listed] == [True, False, False]


async def test_what_was_accepted_is_not_declined_afterwards(firm: Firm):
    handover = await accepted(firm)
    one = await only_promise(firm, handover)
    assert (await read_back(firm.lead, one, "decline")).status_code == 409


async def test_after_submission_a_promise_is_superseded_and_the_read_back_is_void(firm: Firm):
    handover = await in_review(firm)
    old = await only_promise(firm, handover)
    made(await read_back(firm.lead, old))
    new = await promise(firm, handover, statement="All 44 shops.", supersedes=old["id"])
    assert (new["state"], new["supersedes"]) == ("offered", old["id"])
    old = made(await firm.seller.get(f"/v1/promises/{old['id']}"), 200)
    assert (old["state"], old["superseded_by"]) == ("superseded", new["id"])
    path = f"/v1/handovers/{handover['id']}/promises/{old['id']}/read-backs"
    [void] = made(await firm.seller.get(path), 200)["items"]
    assert void["voided_at"] is not None
    assert (await read_back(firm.lead, old)).status_code == 409


async def test_what_a_change_has_overtaken_is_not_kept(firm: Firm):
    handover = await in_delivery(firm, promises=2)
    one, other = await promises_of(firm, handover)
    change = await logged(firm.seller, handover, kind="change", affects=[one["id"], other["id"]])
    await logged(firm.seller, handover, kind="change")
    path = f"/v1/promises/{one['id']}/outcome"
    refused = await firm.lead.post(path, {"state": "kept"})
    assert refused.status_code == 409
    assert refused.json()["allowed"] == ["break", "release", "supersede"]
    broken = await firm.lead.post(f"/v1/promises/{other['id']}/outcome", {"state": "broken"})
    assert made(broken, 200)["state"] == "broken"

    await logged(firm.seller, handover, text="It stays as it was.", corrects=change["id"])
    assert made(await firm.lead.post(path, {"state": "kept"}), 200)["state"] == "kept"


async def test_a_promise_that_took_the_change_in_is_kept(firm: Firm):
    handover = await in_delivery(firm)
    old = await only_promise(firm, handover)
    await logged(firm.seller, handover, kind="change", affects=[old["id"]])
    evidence = await consent_to(firm, handover)
    new = await promise(
        firm, handover, statement="All 44 shops.", supersedes=old["id"], evidence=evidence
    )
    made(await read_back(firm.lead, new))
    kept = await firm.lead.post(f"/v1/promises/{new['id']}/outcome", {"state": "kept"})
    assert made(kept, 200)["state"] == "kept"


@pytest.mark.parametrize(
    ("dates", "pointer"),
    [
        ({"said_on": "2199-01-01"}, "/said_on"),
        ({"said_on": "2026-10-01", "due_on": "2026-09-30"}, "/due_on"),
    ],
)
async def test_a_promise_was_said_before_now_and_before_it_is_due(
    firm: Firm, dates: dict[str, Any], pointer: str
):
    handover = await draft(firm)
    one = await promise(firm, handover)
    path = f"/v1/handovers/{handover['id']}/promises"
    for refused in (
        await firm.seller.post(path, {**_words(one), **dates}),
        await firm.seller.patch(f"{path}/{one['id']}", dates),
    ):
        assert refused.status_code == 422
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


async def consent_to(firm: Firm, handover: dict[str, Any]) -> list[str]:
    """The log entry that holds the customer's consent."""
    return [(await logged(firm.seller, handover, kind="decision", phase="during"))["id"]]


async def test_before_acceptance_the_lead_supersedes_nothing(firm: Firm):
    handover = await in_review(firm)
    old = await only_promise(firm, handover)
    path = f"/v1/handovers/{handover['id']}/promises"
    body = {**_words(old), "supersedes": old["id"]}
    assert (await firm.lead.post(path, body)).status_code == 403
    made(await firm.manager.post(path, body))


@pytest.mark.parametrize("who", ["lead", "seller", "manager"])
async def test_after_acceptance_superseding_takes_the_customers_consent(firm: Firm, who: str):
    handover, other = await accepted(firm), await accepted(firm)
    old = await only_promise(firm, handover)
    path = f"/v1/handovers/{handover['id']}/promises"
    body = {**_words(old), "supersedes": old["id"]}
    elsewhere = await consent_to(firm, other)
    for evidence, pointer in (([], "/evidence"), (elsewhere, "/evidence/0")):
        refused = await getattr(firm, who).post(path, {**body, "evidence": evidence})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == pointer
    body["evidence"] = await consent_to(firm, handover)
    made(await getattr(firm, who).post(path, body))


async def test_a_declined_promise_stands_in_the_way_of_completion_until_it_is_taken_on(firm: Firm):
    handover = await in_delivery(firm)
    old = await only_promise(firm, handover)
    evidence = await consent_to(firm, handover)
    new = await promise(firm, handover, by=firm.lead, supersedes=old["id"], evidence=evidence)
    made(await read_back(firm.lead, new, "decline"))
    path = f"/v1/handovers/{handover['id']}"
    refused = await firm.lead.post(f"{path}/completion")
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["pointer"] == f"/promises/{new['id']}"
    body = {**_words(new), "supersedes": new["id"]}
    assert (await firm.lead.post(f"{path}/promises", body)).status_code == 422
    made(await read_back(firm.lead, new))
    made(await firm.lead.post(f"/v1/promises/{new['id']}/outcome", {"state": "kept"}), 200)
    await move(firm.lead, handover, "completion")


async def test_a_patch_that_changes_no_words_leaves_the_read_back_alone(firm: Firm):
    handover = await in_review(firm)
    one = await only_promise(firm, handover)
    made(await read_back(firm.lead, one))
    gap = {"what": "amount", "why": "In which currency?"}
    await move(firm.lead, handover, "return", {"gaps": [gap]})
    path = f"/v1/handovers/{handover['id']}/promises/{one['id']}"
    before = made(await firm.seller.get(path), 200)
    for nothing in ({}, {name: before[name] for name in ("statement", "kind", "due_on")}):
        assert made(await firm.seller.patch(path, nothing), 200) == before
    beside = made(await firm.seller.patch(path, {"customer_validated": True}), 200)
    assert (beside["state"], beside["version"]) == ("accepted", before["version"] + 1)
    [standing] = made(await firm.seller.get(f"{path}/read-backs"), 200)["items"]
    assert standing["voided_at"] is None
    told = made(await firm.seller.get("/v1/events", type="promise.changed"), 200)["items"]
    assert len(told) == 1


async def test_the_lead_supersedes_in_delivery_and_reads_back_what_is_new(firm: Firm):
    handover = await in_delivery(firm)
    old = await only_promise(firm, handover)
    evidence = await consent_to(firm, handover)
    new = await promise(firm, handover, by=firm.lead, supersedes=old["id"], evidence=evidence)
    assert (await firm.lead.post(f"/v1/handovers/{handover['id']}/completion")).status_code == 409
    kept = {"state": "kept"}
    assert (await firm.lead.post(f"/v1/promises/{new['id']}/outcome", kept)).status_code == 409
    made(await read_back(firm.lead, new))
    made(await firm.lead.post(f"/v1/promises/{new['id']}/outcome", kept), 200)
    await move(firm.lead, handover, "completion")
    refused = await firm.seller.post(
        f"/v1/handovers/{handover['id']}/promises", {**_words(new), "supersedes": new["id"]}
    )
    assert refused.status_code == 409


def _words(one: dict[str, Any]) -> dict[str, Any]:
    names = ("statement", "kind", "channel", "said_by", "said_on", "done_when")
    return {name: one[name] for name in names}


async def test_only_a_promise_of_this_handover_is_superseded_and_not_with_a_placeholder(firm: Firm):
    handover, other = await in_review(firm), await in_review(firm)
    ours, theirs = await only_promise(firm, handover), await only_promise(firm, other)
    path = f"/v1/handovers/{handover['id']}/promises"
    for more, pointer in (
        ({"supersedes": theirs["id"]}, "/supersedes"),
        ({"supersedes": ours["id"], "done_when": "n/a"}, "/done_when"),
    ):
        refused = await firm.seller.post(path, _words(ours) | more)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == pointer
    assert (await only_promise(firm, handover))["state"] == "offered"


async def test_of_two_supersedings_at_once_one_wins(firm: Firm):
    handover = await in_review(firm)
    old = await only_promise(firm, handover)
    path = f"/v1/handovers/{handover['id']}/promises"
    body = {**_words(old), "supersedes": old["id"]}
    answers = await asyncio.gather(firm.seller.post(path, body), firm.manager.post(path, body))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    live = [one for one in await promises_of(firm, handover) if one["state"] == "offered"]
    assert len(live) == 1


async def test_a_change_in_a_returned_handover_voids_the_read_back(firm: Firm):
    handover = await in_review(firm)
    one = await only_promise(firm, handover)
    made(await read_back(firm.lead, one))
    gap = {"what": "promises", "why": "How many shops?"}
    await move(firm.lead, handover, "return", {"gaps": [gap]})
    path = f"/v1/handovers/{handover['id']}/promises/{one['id']}"
    changed = made(await firm.seller.patch(path, {"statement": "All 44 shops."}), 200)
    assert changed["state"] == "offered"
    await move(firm.seller, handover, "submission")
    await move(firm.lead, handover, "claim")
    assert (await firm.lead.post(f"/v1/handovers/{handover['id']}/acceptance")).status_code == 409


async def test_what_the_log_or_a_read_back_names_is_not_deleted(firm: Firm):
    handover = await draft(firm)
    one = await promise(firm, handover)
    await logged(firm.seller, handover, affects=[one["id"]])
    path = f"/v1/handovers/{handover['id']}/promises/{one['id']}"
    assert (await firm.seller.delete(path)).status_code == 409
    new = await promise(firm, handover, supersedes=one["id"])
    path = f"/v1/handovers/{handover['id']}/promises/{new['id']}"
    assert (await firm.seller.delete(path)).status_code == 409


async def test_only_the_lead_says_what_became_of_a_promise_and_only_in_delivery(firm: Firm):
    handover = await accepted(firm)
    one = await only_promise(firm, handover)
    path = f"/v1/promises/{one['id']}/outcome"
    refused = await firm.lead.post(path, {"state": "kept"})
    assert (refused.status_code, refused.json()["allowed"]) == (409, ["start"])
    again = await read_back(firm.lead, one)
    assert (again.status_code, again.json()["allowed"]) == (409, ["supersede"])
    await staffed(firm, handover)
    await move(firm.lead, handover, "start")
    for person in (firm.seller, firm.manager, firm.admin):
        assert (await person.post(path, {"state": "kept"})).status_code == 403
    kept = made(await firm.lead.post(path, {"state": "kept", "note": "All 42."}), 200)
    assert (kept["state"], kept["outcome_note"]) == ("kept", "All 42.")
    again = await firm.lead.post(path, {"state": "broken"})
    assert again.status_code == 409
    assert again.json()["allowed"] == []


async def test_a_release_needs_an_entry_of_the_same_log(firm: Firm):
    handover, other = await in_delivery(firm), await in_delivery(firm)
    one = await only_promise(firm, handover)
    path = f"/v1/promises/{one['id']}/outcome"
    elsewhere = await logged(firm.lead, other, kind="decision")
    for evidence, pointer in (([], "/evidence"), ([elsewhere["id"]], "/evidence/0")):
        refused = await firm.lead.post(path, {"state": "released", "evidence": evidence})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == pointer
    consent = await logged(
        firm.lead, handover, kind="decision", phase="during", affects=[one["id"]]
    )
    released = made(
        await firm.lead.post(path, {"state": "released", "evidence": [consent["id"]]}), 200
    )
    assert (released["state"], released["evidence"]) == ("released", [consent["id"]])


async def test_promises_are_found_by_state_by_day_and_by_whose_they_are(firm: Firm):
    handover = await draft(firm)
    early = await promise(firm, handover, due_on="2026-12-01")
    late = await promise(firm, handover, due_on="2027-12-01")
    undated = await promise(firm, handover)

    async def found(**query: Any) -> list[str]:
        page = made(await firm.manager.get("/v1/promises", **query), 200)
        return [one["id"] for one in page["items"]]

    assert await found() == [undated["id"], late["id"], early["id"]]
    assert await found(due_before="2027-12-01") == [early["id"]]
    assert await found(state="kept") == []
    assert len(await found(state="offered", handover_id=handover["id"])) == 3
    assert await found(mine="true") == []
    mine = made(await firm.seller.get("/v1/promises", mine="true", limit=2), 200)
    assert len(mine["items"]) == 2
    assert mine["next"]
