"""An accepted handover that needs what nobody staffed has sends its people to learn it, where the tool's owner wants that."""

from datetime import UTC, date, datetime

from services.chassis.caller import Role
from services.onboarding.api.assignments import AssignmentDetail
from services.onboarding.domain.working_days import WorkingDays
from tests.conftest import Firm, Person
from tests.handover import makers as handover
from tests.onboarding.api.test_assigning import assignments_of, in_days
from tests.onboarding.makers import (
    a_key,
    assignment,
    certified,
    completion_path,
    course_set,
    made,
    published_course,
    published_curriculum,
    told,
    tool,
)

TODAY = datetime.now(UTC).date()


def before(day: str) -> str:
    found = WorkingDays(country="NO").before(date.fromisoformat(day), 1)
    assert found is not None
    return found.isoformat()


async def taught_tool(firm: Firm, *, on: bool = True, level: int = 2) -> tuple[str, dict]:
    """A tool of the trainer's for a competence of its own, and the curriculum that grants it."""
    competence = a_key("tills")
    await tool(firm, competence=competence, trains_for_handovers=on)
    course = await published_course(firm, competence=competence, level=level)
    return competence, await published_curriculum(firm, course_set(course))


async def in_review(
    firm: Firm, competence: str, *, other: str | None = None, **fields
) -> tuple[dict, dict]:
    """A handover that the lead has claimed, and what it needs: the competence, from a day on, and something else."""
    draft = await handover.complete_draft(firm)
    need = await handover.need(firm, draft, competence=competence, **fields)
    if other is not None:
        await handover.need(firm, draft, competence=other)
    await handover.held_walkthrough(firm, draft)
    await handover.move(firm.seller, draft, "submission")
    return await handover.move(firm.lead, draft, "claim"), need


async def accept(firm: Firm, delivery: dict, need: dict | None = None) -> None:
    """Accepted, with a waiver for the need that nobody covers."""
    if need is not None:
        await handover.waived(firm, delivery, need)
    for promise in await handover.promises_of(firm, delivery):
        made(await handover.read_back(firm.lead, promise))
    await handover.move(firm.lead, delivery, "acceptance")
    await firm.product.catch_up()


async def staff(firm: Firm, delivery: dict, person: Person, **fields) -> dict:
    given = {"person_id": str(person.id), "from": in_days(30), **fields}
    staffing = await handover.staffed(firm, delivery, **given)
    await firm.product.catch_up()
    return staffing


async def exceptions(firm: Firm, **params) -> list[dict]:
    return made(await firm.trainer.get("/v1/assignments/exceptions", **params), 200)["items"]


async def test_who_is_staffed_learns_what_nobody_staffed_has_with_the_handover_as_source(
    firm: Firm,
):
    competence, taught = await taught_tool(firm)
    delivery, need = await in_review(firm, competence, **{"from": in_days(40)})
    await staff(firm, delivery, firm.learner, competence_need_id=need["id"])
    assert await assignments_of(firm, taught) == []
    await accept(firm, delivery, need)
    [given] = await assignments_of(firm, taught)
    assert given["person_id"] == str(firm.learner.id)
    assert (given["state"], given["due_on"]) == ("assigned", before(in_days(40)))
    [source] = given["sources"]
    assert (source["kind"], source["handover_id"]) == ("handover", delivery["id"])
    assert (source["competence"], source["held"]) == (competence, True)
    shown = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert AssignmentDetail.model_validate(shown)
    # Heard again, looked at again: nothing more.
    await staff(firm, delivery, firm.learner, **{"from": in_days(50)})
    assert [a["version"] for a in await assignments_of(firm, taught)] == [given["version"]]
    assert len(await told(firm, "assignment.created")) == 1


async def test_nobody_is_sent_where_the_owner_has_not_switched_it_on_or_somebody_has_it(
    firm: Firm,
):
    off, idle = await taught_tool(firm, on=False)
    delivery, need = await in_review(firm, off)
    await staff(firm, delivery, firm.learner)
    await accept(firm, delivery, need)
    assert await assignments_of(firm, idle) == []

    competence, taught = await taught_tool(firm)
    await certified(firm, competence, firm.seller, level=3)
    delivery, need = await in_review(firm, competence)
    await staff(firm, delivery, firm.learner)
    await staff(firm, delivery, firm.seller, competence_need_id=need["id"])
    await accept(firm, delivery)
    assert await assignments_of(firm, taught) == []
    assert await exceptions(firm) == []


async def test_who_is_staffed_after_acceptance_is_sent_too_and_without_a_start_before_their_own(
    firm: Firm,
):
    competence, taught = await taught_tool(firm)
    delivery, need = await in_review(firm, competence)
    await accept(firm, delivery, need)
    await staff(firm, delivery, firm.learner, **{"from": in_days(20)})
    await staff(firm, delivery, firm.seller, **{"from": in_days(45)})
    days = {a["person_id"]: a["due_on"] for a in await assignments_of(firm, taught)}
    assert days == {
        str(firm.learner.id): before(in_days(20)),
        str(firm.seller.id): before(in_days(45)),
    }


async def test_meant_are_those_on_the_need_or_on_none_in_particular(firm: Firm):
    competence, taught = await taught_tool(firm)
    delivery, need = await in_review(firm, competence, other=(key := a_key("else")))
    path = f"/v1/handovers/{delivery['id']}/competence-needs"
    needs = made(await firm.lead.get(path), 200)["items"]
    [other] = [one for one in needs if one["competence"] == key]
    await handover.waived(firm, delivery, other)
    await staff(firm, delivery, firm.learner, competence_need_id=need["id"])
    await staff(firm, delivery, firm.seller)
    await staff(firm, delivery, firm.trainer, competence_need_id=other["id"])
    await accept(firm, delivery, need)
    people = {a["person_id"] for a in await assignments_of(firm, taught)}
    assert people == {str(firm.learner.id), str(firm.seller.id)}


async def test_an_assignment_that_is_there_gets_the_handover_as_a_further_source(firm: Firm):
    competence, taught = await taught_tool(firm)
    given = await assignment(firm, taught, due={"kind": "fixed", "on": in_days(60)})
    delivery, need = await in_review(firm, competence)
    await staff(firm, delivery, firm.learner)
    await accept(firm, delivery, need)
    [merged] = await assignments_of(firm, taught)
    assert (merged["id"], merged["due_on"]) == (given["id"], before(in_days(30)))
    assert [s["kind"] for s in merged["sources"]] == ["trainer", "handover"]


async def test_too_little_time_and_nothing_taught_are_exceptions_until_they_are_over(firm: Firm):
    competence, taught = await taught_tool(firm)
    delivery, need = await in_review(firm, competence)
    staffing = await staff(firm, delivery, firm.learner, **{"from": in_days(0)})
    await accept(firm, delivery, need)
    [late] = await exceptions(firm, handover_id=delivery["id"])
    assert (late["reason"], late["person_id"]) == ("too_little_time", str(firm.learner.id))
    assert (late["competence"], late["rule_id"]) == (competence, None)
    assert (late["curriculum_id"], late["assignment_id"]) == (taught["id"], None)
    assert await assignments_of(firm, taught) == []
    path = f"/v1/handovers/{delivery['id']}/staffing/{staffing['id']}"
    made(await firm.lead.patch(path, {"from": in_days(30)}), 200)
    await firm.product.catch_up()
    assert await exceptions(firm) == []
    assert len(await assignments_of(firm, taught)) == 1
    for type in ("assignment.excepted", "assignment.cleared"):
        [event] = await told(firm, type)
        assert event["subject"] == f"handovers/{delivery['id']}"
        assert event["data"]["competence"] == competence

    untaught = a_key("tills")
    await tool(firm, competence=untaught, trains_for_handovers=True)
    delivery, need = await in_review(firm, untaught)
    await staff(firm, delivery, firm.learner)
    await accept(firm, delivery, need)
    [none] = await exceptions(firm)
    assert (none["reason"], none["curriculum_id"]) == ("nothing_published", None)
    why = {"reason": "The customer changed their mind."}
    made(await firm.manager.post(f"/v1/handovers/{delivery['id']}/cancellation", why), 200)
    await firm.product.catch_up()
    assert await exceptions(firm) == []


async def test_the_curriculum_reaches_the_level_and_is_the_shortest_that_does(firm: Firm):
    competence, low = await taught_tool(firm, level=1)
    courses = [
        await published_course(firm, competence=competence, level=level, minutes=minutes)
        for level, minutes in ((3, 90), (4, 60))
    ]
    long, short = [await published_curriculum(firm, course_set(c)) for c in courses]
    delivery, need = await in_review(firm, competence, level=3)
    await staff(firm, delivery, firm.learner)
    await accept(firm, delivery, need)
    assert len(await assignments_of(firm, short)) == 1
    assert await assignments_of(firm, low) == await assignments_of(firm, long) == []


async def test_the_due_date_follows_when_the_need_starts_on_another_day(firm: Firm):
    competence, taught = await taught_tool(firm)
    delivery, need = await in_review(firm, competence)
    staffing = await staff(firm, delivery, firm.learner)
    await accept(firm, delivery, need)
    path = f"/v1/handovers/{delivery['id']}/staffing/{staffing['id']}"
    made(await firm.lead.patch(path, {"from": in_days(60)}), 200)
    await firm.product.catch_up()
    [moved] = await assignments_of(firm, taught)
    assert moved["due_on"] == before(in_days(60))
    made(await firm.lead.patch(path, {"from": in_days(0)}), 200)
    await firm.product.catch_up()
    [kept] = await assignments_of(firm, taught)
    assert kept["due_on"] == moved["due_on"]
    [late] = await exceptions(firm)
    assert (late["assignment_id"], late["reason"]) == (kept["id"], "too_little_time")


async def test_who_is_taken_off_rests_and_goes_on_when_they_are_back(firm: Firm):
    competence, taught = await taught_tool(firm)
    delivery, need = await in_review(firm, competence)
    staffing = await staff(firm, delivery, firm.learner)
    await accept(firm, delivery, need)
    path = f"/v1/handovers/{delivery['id']}/staffing/{staffing['id']}"
    assert (await firm.lead.delete(path)).status_code == 204
    await firm.product.catch_up()
    [resting] = await assignments_of(firm, taught)
    assert (resting["state"], resting["reason"]) == ("suspended", "Taken off the handover.")
    assert resting["sources"][0]["held"] is False
    await staff(firm, delivery, firm.learner)
    [back] = await assignments_of(firm, taught)
    assert (back["id"], back["state"]) == (resting["id"], "assigned")
    assert [s["held"] for s in back["sources"]] == [True]


async def test_a_handover_that_is_called_off_takes_back_what_nobody_else_asks_for(firm: Firm):
    competence, taught = await taught_tool(firm)
    delivery, need = await in_review(firm, competence)
    await staff(firm, delivery, firm.learner)
    await staff(firm, delivery, firm.seller)
    await assignment(firm, taught, firm.seller)
    await accept(firm, delivery, need)
    why = {"reason": "The customer changed their mind."}
    made(await firm.manager.post(f"/v1/handovers/{delivery['id']}/cancellation", why), 200)
    await firm.product.catch_up()
    by_person = {a["person_id"]: a for a in await assignments_of(firm, taught)}
    gone, still = by_person[str(firm.learner.id)], by_person[str(firm.seller.id)]
    assert (gone["state"], gone["reason"]) == ("withdrawn", "The handover was called off.")
    assert (still["state"], still["due_on"]) == ("assigned", None)


async def test_who_was_taken_out_by_hand_is_not_sent_again(firm: Firm):
    competence, taught = await taught_tool(firm)
    delivery, need = await in_review(firm, competence)
    await staff(firm, delivery, firm.learner)
    await accept(firm, delivery, need)
    [given] = await assignments_of(firm, taught)
    why = {"reason": "Anna does it."}
    made(await firm.trainer.post(f"/v1/assignments/{given['id']}/withdrawal", why), 200)
    await staff(firm, delivery, firm.seller)
    states = {a["person_id"]: a["state"] for a in await assignments_of(firm, taught)}
    assert states == {str(firm.learner.id): "withdrawn", str(firm.seller.id): "assigned"}


async def test_what_was_begun_goes_on_when_the_delivery_has_ended(firm: Firm):
    competence, taught = await taught_tool(firm)
    delivery, need = await in_review(firm, competence)
    await staff(firm, delivery, firm.learner)
    await accept(firm, delivery, need)
    await handover.move(firm.lead, delivery, "start")
    for promise in await handover.promises_of(firm, delivery):
        path = f"/v1/promises/{promise['id']}/outcome"
        made(await firm.lead.post(path, {"state": "kept"}), 200)
    await handover.move(firm.lead, delivery, "completion")
    await firm.product.catch_up()
    [given] = await assignments_of(firm, taught)
    assert given["state"] == "assigned"
    shown = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    made(await firm.learner.post(completion_path(given, shown["sets"][0]["items"][0])), 200)


# --- the switch


async def test_only_the_owner_of_the_tool_switches_it_and_only_for_a_competence(
    firm: Firm, stranger: Person
):
    owner = await firm.hire("Eva Eier", Role.admin)
    mine = await tool(firm, owner_id=str(owner.id), competence=a_key("tills"))
    assert mine["trains_for_handovers"] is False
    path = f"/v1/tools/{mine['id']}"
    on = {"trains_for_handovers": True}
    refused = await firm.trainer.patch(path, on)
    assert refused.status_code == 403
    assert (await firm.learner.patch(path, on)).status_code == 403
    assert (await stranger.patch(path, on, etag="*")).status_code == 404
    # Who keeps the tool may send back what it says.
    made(await firm.trainer.patch(path, {"trains_for_handovers": False, "name": "Till"}), 200)
    assert made(await owner.patch(path, on), 200)["trains_for_handovers"] is True
    [event] = [e for e in await told(firm, "tool.changed") if e["data"]["after"] == on]
    assert event["actorid"] == str(owner.id)
    assert (await owner.patch(path, {"competence": None})).status_code == 422
    assert (await owner.patch(path, {"trains_for_handovers": "yes"})).status_code == 422
    given = {"key": a_key("tool"), "name": "T", **on}
    nothing = await firm.trainer.post("/v1/tools", given)
    assert nothing.json()["errors"][0]["pointer"] == "/competence"
    for_another = {**given, "competence": "tills", "owner_id": str(owner.id)}
    assert (await firm.trainer.post("/v1/tools", for_another)).status_code == 403


async def test_another_organizations_tool_switches_nothing(firm: Firm, stranger: Person):
    competence, taught = await taught_tool(firm, on=False)
    given = {
        "key": a_key("tool"),
        "name": "T",
        "competence": competence,
        "trains_for_handovers": True,
    }
    made(await stranger.post("/v1/tools", given))
    delivery, need = await in_review(firm, competence)
    await staff(firm, delivery, firm.learner)
    await accept(firm, delivery, need)
    assert await assignments_of(firm, taught) == []
