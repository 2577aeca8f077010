"""Questions through the gateway: asked by anyone, answered by anyone, accepted by who needed it, and in the way until then."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import Firm, Person
from tests.handover.makers import (
    SAID,
    accept_answer,
    answer,
    complete_draft,
    draft,
    in_review,
    made,
    move,
    promises_of,
    question,
    question_path,
    read_back,
    stakeholder,
)


async def told(firm: Firm, kind: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = made(await firm.admin.get("/v1/events", type=kind), 200)["items"]
    return items


async def read(person: Person, asked: dict[str, Any]) -> dict[str, Any]:
    return made(await person.get(question_path(asked)), 200)


async def test_anyone_asks_anyone_answers_and_the_asker_says_what_helped(firm: Firm):
    handover = await draft(firm)
    given = {"text": "Which VAT?", "topic": " VAT ", "due_on": "2199-12-01", "blocking": True}
    created = await firm.learner.post(f"/v1/handovers/{handover['id']}/questions", given)
    asked = made(created)
    assert created.headers["Location"] == question_path(asked)
    assert asked["topic"] == "VAT"
    assert (asked["asked_by"], asked["state"]) == (str(firm.learner.id), "open")
    assert asked["seconds_to_first_answer"] is asked["seconds_to_accepted_answer"] is None

    first = await answer(firm.trainer, asked)
    second = await answer(firm.seller, asked, "Both.")
    answered = await firm.learner.get(question_path(asked))
    assert answered.headers["ETag"] != created.headers["ETag"]
    assert answered.json()["answer_count"] == 2
    assert answered.json()["seconds_to_first_answer"] >= 0
    assert answered.json()["accepted_answer"] is None
    listed = made(await firm.lead.get(question_path(asked, "answers")), 200)["items"]
    assert listed == [second, first]
    assert made(await firm.lead.get(question_path(asked, "answers", first["id"])), 200) == first

    accepted = made(await accept_answer(firm.learner, first), 200)
    assert accepted["state"] == "resolved"
    assert accepted["seconds_to_accepted_answer"] >= accepted["seconds_to_first_answer"]
    helped = accepted["accepted_answer"]
    assert (helped["id"], helped["author_id"]) == (first["id"], str(firm.trainer.id))
    assert helped["accepted_by"] == str(firm.learner.id)

    [asking] = await told(firm, "question.asked")
    assert asking["data"]["after"]["routed_to"] == asked["routed_to"]
    assert len(await told(firm, "question.answered")) == 2
    [resolved] = await told(firm, "question.resolved")
    assert resolved["data"]["before"]["state"] == "open"
    assert resolved["data"]["after"]["accepted_answer_id"] == first["id"]


async def test_a_declared_unknown_opens_a_question_and_the_handover_is_submitted(firm: Firm):
    handover = await complete_draft(firm, planned_end=None)
    path = f"/v1/handovers/{handover['id']}"
    assert (await firm.seller.post(f"{path}/submission")).status_code == 422
    given = {
        "what": "planned_end",
        "reason": "The municipality decides in March.",
        "owner_id": str(firm.learner.id),
        "due_on": "2199-03-15",
    }
    unknown = made(await firm.seller.post(f"{path}/unknowns", given))
    await move(firm.seller, handover, "submission")

    [asked] = made(await firm.lead.get(f"{path}/questions", state="open"), 200)["items"]
    assert asked["id"] == unknown["question_id"]
    assert asked["unknown_id"] == unknown["id"]
    assert (asked["text"], asked["due_on"]) == (given["reason"], given["due_on"])
    assert (asked["owner_id"], asked["asked_by"]) == (given["owner_id"], str(firm.seller.id))
    assert not asked["blocking"]
    assert asked["routed_to"][0] == {
        "person_id": str(firm.learner.id),
        "reason": "owner",
        "accepted_answers": 0,
        "last_accepted_at": None,
    }

    await move(firm.lead, handover, "claim")
    found_out = await answer(firm.learner, asked, "It ends on 30 April.")
    made(await accept_answer(firm.seller, found_out), 200)
    resolved = made(await firm.seller.get(f"{path}/unknowns/{unknown['id']}"), 200)
    assert resolved["resolved_at"] is not None
    [event] = await told(firm, "unknown.resolved")
    assert event["data"]["after"]["resolved_at"]


async def test_an_unknown_and_its_question_change_and_go_together(firm: Firm):
    handover = await draft(firm)
    path = f"/v1/handovers/{handover['id']}/unknowns"
    given = {
        "what": "planned_end",
        "reason": "The municipality decides in March.",
        "owner_id": str(firm.learner.id),
        "due_on": "2199-03-15",
    }
    unknown = made(await firm.seller.post(path, given))
    asked = {"handover_id": handover["id"], "id": unknown["question_id"]}
    moved = {
        "reason": "It decides in April.",
        "owner_id": str(firm.trainer.id),
        "due_on": "2199-04-15",
    }
    made(await firm.seller.patch(f"{path}/{unknown['id']}", moved), 200)
    now = await read(firm.seller, asked)
    assert (now["text"], now["owner_id"], now["due_on"]) == tuple(moved.values())
    assert now["routed_to"][0]["person_id"] == str(firm.trainer.id)
    assert made(await firm.seller.patch(question_path(asked), {"topic": "Permits"}), 200)["topic"]
    assert (await firm.seller.patch(question_path(asked), {"text": "When?"})).status_code == 409
    assert (await firm.seller.post(question_path(asked, "withdrawal"))).status_code == 409

    assert (await firm.seller.delete(f"{path}/{unknown['id']}")).status_code == 204
    gone = await read(firm.seller, asked)
    assert (gone["state"], gone["unknown_id"]) == ("withdrawn", None)
    assert len(await told(firm, "question.withdrawn")) == 1


async def test_what_is_known_by_now_is_not_declared_otherwise_but_can_be_taken_off(firm: Firm):
    handover = await draft(firm)
    path = f"/v1/handovers/{handover['id']}/unknowns"
    given = {
        "what": "amount",
        "reason": "The board decides.",
        "owner_id": str(firm.learner.id),
        "due_on": "2199-03-15",
    }
    unknown = made(await firm.seller.post(path, given))
    asked = {"handover_id": handover["id"], "id": unknown["question_id"]}
    made(await accept_answer(firm.seller, await answer(firm.learner, asked)), 200)
    one = f"{path}/{unknown['id']}"
    assert (await firm.seller.patch(one, {"due_on": "2199-04-01"})).status_code == 409
    assert (await firm.seller.delete(one)).status_code == 204
    assert (await read(firm.seller, asked))["state"] == "resolved"


async def test_an_open_blocking_question_stands_in_the_way_of_acceptance(firm: Firm):
    handover = await in_review(firm)
    for promise in await promises_of(firm, handover):
        made(await read_back(firm.lead, promise))
    asked = [
        await question(firm.lead, handover, text=text, blocking=True)
        for text in ("Which VAT?", "Who holds the keys?")
    ]
    await question(firm.lead, handover, text="Is there a canteen?")
    path = f"/v1/handovers/{handover['id']}"
    ready = made(await firm.lead.get(f"{path}/readiness"), 200)
    assert "accept" not in ready["allowed"]
    refused = await firm.lead.post(f"{path}/acceptance")
    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        f"/questions/{one['id']}" for one in asked
    ]
    assert "Which VAT?" in refused.json()["detail"]
    assert "return" in refused.json()["allowed"]

    made(await accept_answer(firm.lead, await answer(firm.seller, asked[0])), 200)
    still = await firm.lead.post(f"{path}/acceptance")
    assert [error["pointer"] for error in still.json()["errors"]] == [
        f"/questions/{asked[1]['id']}"
    ]
    made(await firm.lead.post(question_path(asked[1], "withdrawal")), 200)
    assert (await move(firm.lead, handover, "acceptance"))["state"] == "accepted"


async def test_of_two_answers_accepted_at_once_one_wins(firm: Firm):
    asked = await question(firm.learner, await draft(firm))
    given = [await answer(firm.trainer, asked), await answer(firm.seller, asked)]
    results = await asyncio.gather(*(accept_answer(firm.learner, one) for one in given))
    assert sorted(result.status_code for result in results) == [200, 409]
    [lost] = [result for result in results if result.status_code == 409]
    assert lost.json()["allowed"] == []
    assert (await read(firm.learner, asked))["state"] == "resolved"
    assert len(await told(firm, "question.resolved")) == 1


async def test_who_accepts(firm: Firm):
    handover = await in_review(firm)
    plain = await question(firm.learner, handover)
    blocking = await question(firm.learner, handover, blocking=True)
    for asked in (plain, blocking):
        given = await answer(firm.trainer, asked)
        assert (await accept_answer(firm.trainer, given)).status_code == 403
        assert (await accept_answer(firm.seller, given)).status_code == 403
    by_lead = await answer(firm.lead, blocking)
    assert (await accept_answer(firm.lead, by_lead)).status_code == 403
    assert (await accept_answer(firm.lead, await answer(firm.trainer, plain))).status_code == 403
    made(await accept_answer(firm.lead, await answer(firm.trainer, blocking)), 200)
    made(await accept_answer(firm.manager, await answer(firm.trainer, plain)), 200)


async def test_the_asker_or_a_manager_asks_otherwise_while_it_is_open(firm: Firm):
    asked = await question(firm.learner, await draft(firm))
    one = question_path(asked)
    etag = (await firm.learner.get(one)).headers["ETag"]
    assert (await firm.seller.patch(one, {"text": "Which?"})).status_code == 403
    assert (await firm.seller.post(f"{one}/withdrawal")).status_code == 403
    assert (await firm.learner.patch(one, {"text": "Which?"}, etag="")).status_code == 428
    made(await firm.manager.patch(one, {"text": "Which VAT?", "topic": "VAT"}, etag=etag), 200)
    assert (await firm.learner.patch(one, {"text": "Which?"}, etag=etag)).status_code == 412
    wrong = await firm.learner.patch(one, {"owner_id": str(uuid4())})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/owner_id"
    [changed] = await told(firm, "question.changed")
    assert changed["data"]["before"]["text"] == asked["text"]
    assert changed["data"]["after"]["topic_key"] == "vat"

    withdrawn = made(await firm.learner.post(f"{one}/withdrawal"), 200)
    assert withdrawn["state"] == "withdrawn"
    for refused in (
        await firm.learner.patch(one, {"text": "Which?"}),
        await firm.learner.post(f"{one}/withdrawal"),
        await firm.learner.post(f"{one}/answers", {"text": "Swedish."}),
    ):
        assert refused.status_code == 409
        assert refused.json()["allowed"] == []


async def test_what_cannot_be_asked_or_answered_is_refused(firm: Firm):
    handover = await draft(firm)
    path = f"/v1/handovers/{handover['id']}/questions"
    for body in (
        {},
        {"text": ""},
        {"text": "A\x00B"},
        {"text": "Which?", "topic": "   "},
        {"text": "Which?", "topic": "a\nb"},
        {"text": "Which?", "blocking": "yes"},
        {"text": "Which?", "owner_id": str(uuid4())},
        {"text": "Which?", "asked_by": str(firm.seller.id)},
    ):
        assert (await firm.seller.post(path, body)).status_code == 422, body
    asked = await question(firm.seller, handover)
    for text in ("TBD", "n/a", ""):
        refused = await firm.lead.post(f"{path}/{asked['id']}/answers", {"text": text})
        assert refused.status_code == 422, text
    assert (await firm.seller.get(path, mine=True)).status_code == 422


async def test_nothing_is_asked_once_the_handover_is_over(firm: Firm):
    handover = await draft(firm)
    asked = await question(firm.learner, handover)
    await move(firm.seller, handover, "cancellation", {"reason": "They chose another firm."})
    path = f"/v1/handovers/{handover['id']}/questions"
    refused = await firm.learner.post(path, {"text": "Why?"})
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("frozen")
    made(await accept_answer(firm.learner, await answer(firm.trainer, asked)), 200)


async def test_a_question_is_reached_through_its_own_handover_alone(firm: Firm, stranger: Person):
    asked = await question(firm.learner, await draft(firm))
    other = await draft(firm)
    given = await answer(firm.trainer, asked)
    elsewhere = await question(firm.learner, await draft(firm))
    wrong = {"handover_id": other["id"], "id": asked["id"]}
    for person, path in ((firm.learner, question_path(wrong)), (stranger, question_path(asked))):
        assert (await person.get(path)).status_code == 404
        assert (await person.patch(path, {"text": "Which?"}, etag="*")).status_code == 404
        assert (await person.get(f"{path}/answers")).status_code == 404
        assert (await person.get(f"{path}/answers/{given['id']}")).status_code == 404
        assert (await person.post(f"{path}/answers", {"text": "Both."})).status_code == 404
        assert (await person.post(f"{path}/withdrawal")).status_code == 404
        body = {"answer_id": given["id"]}
        assert (await person.post(f"{path}/acceptance", body)).status_code == 404
    foreign = await firm.learner.post(
        question_path(elsewhere, "acceptance"), {"answer_id": given["id"]}
    )
    assert foreign.status_code == 422
    assert foreign.json()["errors"][0]["pointer"] == "/answer_id"
    listed = await stranger.get("/v1/handover-questions")
    assert made(listed, 200)["items"] == []


async def test_questions_are_found_across_handovers(firm: Firm):
    here, there = await draft(firm), await draft(firm)
    vat = await question(firm.learner, here, topic="VAT", due_on="2199-12-01")
    mine = await question(
        firm.seller, there, text="Who decides?", owner_id=str(firm.trainer.id), blocking=True
    )

    async def found(person: Person, **asked: Any) -> list[str]:
        page = made(await person.get("/v1/handover-questions", **asked), 200)
        return [one["id"] for one in page["items"]]

    assert await found(firm.admin) == [mine["id"], vat["id"]]
    assert await found(firm.admin, topic=" vat") == [vat["id"]]
    assert await found(firm.admin, blocking=True) == [mine["id"]]
    assert await found(firm.admin, due_before="2199-12-02") == [vat["id"]]
    assert await found(firm.admin, due_before="2026-12-01") == []
    assert await found(firm.admin, handover_id=here["id"]) == [vat["id"]]
    assert await found(firm.trainer, mine=True) == [mine["id"]]
    assert await found(firm.learner, mine=True) == [vat["id"]]
    assert set(await found(firm.seller, mine=True)) == {mine["id"], vat["id"]}
    assert await found(await firm.hire("Nils Ny"), mine=True) == []
    assert await found(firm.admin, state="resolved") == []


# --- whom it goes to ------------------------------------------------------------------------------


async def team(firm: Firm, name: str) -> UUID:
    made_team = made(await firm.admin.post("/v1/teams", {"name": name}))
    await firm.product.catch_up()
    return UUID(made_team["id"])


async def knows(firm: Firm, person: Person, topic: str, times: int = 1) -> None:
    """Somebody whose answers on a topic were accepted."""
    handover = await draft(firm)
    for _ in range(times):
        asked = await question(firm.seller, handover, topic=topic)
        made(await accept_answer(firm.seller, await answer(person, asked)), 200)


def routed(asked: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [
        (one["person_id"], one["reason"], one["accepted_answers"]) for one in asked["routed_to"]
    ]


async def test_a_question_goes_to_those_whose_answers_on_its_topic_helped(firm: Firm):
    outside = await team(firm, "Finans")
    twice = await firm.hire("Tove To", team_id=outside)
    earlier = await firm.hire("Ebbe Før", team_id=outside)
    later = await firm.hire("Siri Sist", team_id=outside)
    fourth = await firm.hire("Fie Fire", team_id=outside)
    for person in (fourth, earlier, later):
        await knows(firm, person, "VAT")
    await knows(firm, twice, "vat ", times=2)
    await knows(firm, firm.trainer, "Permits", times=3)
    asked = await question(firm.learner, await draft(firm), topic="Vat")
    assert routed(asked) == [
        (str(twice.id), "accepted_answers", 2),
        (str(later.id), "accepted_answers", 1),
        (str(earlier.id), "accepted_answers", 1),
    ]
    assert all(
        one["last_accepted_at"].endswith("Z") or "+" in one["last_accepted_at"]
        for one in asked["routed_to"]
    )


async def test_it_never_goes_only_to_the_askers_own_team_nor_to_the_asker(firm: Firm):
    outside = await team(firm, "Finans")
    stranger_to_vat = await firm.hire("Frida Fjern", team_id=outside)
    await knows(firm, firm.trainer, "VAT")
    await knows(firm, firm.lead, "VAT")
    await knows(firm, firm.learner, "VAT", times=2)
    asked = await question(firm.learner, await draft(firm), topic="VAT")
    assert routed(asked) == [
        (str(firm.lead.id), "accepted_answers", 1),
        (str(firm.trainer.id), "accepted_answers", 1),
        (str(stranger_to_vat.id), "colleague", 0),
    ]


async def test_where_nobody_is_known_the_seller_and_the_lead_of_another_team_are_asked(firm: Firm):
    finance = await team(firm, "Finans")
    head = await firm.hire("Helge Hode", team_id=finance)
    etag = (await firm.admin.get(f"/v1/teams/{finance}")).headers["ETag"]
    made(await firm.admin.patch(f"/v1/teams/{finance}", {"lead_id": str(head.id)}, etag=etag), 200)
    await firm.product.catch_up()
    asked = await question(firm.learner, await draft(firm), topic="VAT")
    assert routed(asked) == [(str(firm.seller.id), "seller", 0), (str(head.id), "team_lead", 0)]


async def test_who_left_is_not_asked_and_what_one_accepted_oneself_makes_no_expert(firm: Firm):
    outside = await team(firm, "Finans")
    gone = await firm.hire("Gro Gått", team_id=outside)
    await knows(firm, gone, "VAT", times=3)
    await knows(firm, firm.seller, "VAT", times=3)
    assert (await firm.admin.patch(f"/v1/people/{gone.id}", {"active": False})).status_code == 200
    await firm.product.catch_up()
    asked = await question(firm.learner, await draft(firm), topic="VAT")
    assert str(gone.id) not in [person for person, _, _ in routed(asked)]
    assert "accepted_answers" not in [reason for _, reason, _ in routed(asked)]
    assert len(asked["routed_to"]) >= 2


async def test_without_a_topic_it_goes_to_the_owner_the_seller_and_the_lead(firm: Firm):
    handover = await in_review(firm)
    asked = await question(firm.learner, handover)
    assert routed(asked) == [
        (str(firm.seller.id), "seller", 0),
        (str(firm.lead.id), "delivery_lead", 0),
    ]
    owned = await question(firm.learner, handover, owner_id=str(firm.trainer.id))
    assert routed(owned)[0] == (str(firm.trainer.id), "owner", 0)


async def test_another_topic_sends_it_to_others(firm: Firm):
    outside = await team(firm, "Finans")
    expert = await firm.hire("Eva Ekspert", team_id=outside)
    await knows(firm, expert, "VAT")
    asked = await question(firm.learner, await draft(firm), topic="Permits")
    assert "accepted_answers" not in [reason for _, reason, _ in routed(asked)]
    changed = made(await firm.learner.patch(question_path(asked), {"topic": "VAT"}), 200)
    assert routed(changed)[0] == (str(expert.id), "accepted_answers", 1)
    again = made(await firm.learner.patch(question_path(asked), {"topic": None}), 200)
    assert again["topic"] is None


@pytest.mark.parametrize("kind", ["questions", "answers"])
async def test_a_repeated_post_with_its_key_counts_once(firm: Firm, kind: str):
    handover = await draft(firm, **SAID)
    await stakeholder(firm, handover)
    path = f"/v1/handovers/{handover['id']}/questions"
    if kind == "answers":
        path = question_path(await question(firm.learner, handover), "answers")
    first = await firm.learner.post(path, {"text": "Which VAT?"}, key="k-1")
    again = await firm.learner.post(path, {"text": "Which VAT?"}, key="k-1")
    assert made(again) == made(first)
    assert len(made(await firm.learner.get(path), 200)["items"]) == 1
