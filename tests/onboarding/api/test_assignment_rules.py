"""Assignment rules: an audience is assigned and its assignments follow; who cannot be assigned is an exception."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.onboarding.domain.working_days import WorkingDays
from tests.conftest import Firm, Person
from tests.onboarding.api.test_assigning import a_team, assignments_of, in_days
from tests.onboarding.api.test_audiences import ADVISOR, change
from tests.onboarding.makers import (
    assignment,
    assignment_rule,
    audience,
    completion_path,
    made,
    published_curriculum,
    told,
)

TODAY = datetime.now(UTC).date()


async def of(firm: Firm, person: Person, curriculum: dict) -> dict:
    """The person's only assignment of the curriculum."""
    [found] = [
        a for a in await assignments_of(firm, curriculum) if a["person_id"] == str(person.id)
    ]
    return found


async def exceptions(firm: Firm, **params) -> list[dict]:
    return made(await firm.trainer.get("/v1/assignments/exceptions", **params), 200)["items"]


async def test_a_rule_assigns_whoever_is_in_the_audience_and_whoever_joins_it(firm: Firm):
    first = await firm.hire("Ane", job_role="advisor")
    await firm.hire("Bo", job_role="seller")
    ours = await audience(firm, ADVISOR)
    taught = await published_curriculum(firm)
    due = {"kind": "after_assignment", "days": 14}
    rule = await assignment_rule(firm, ours, taught, due=due)
    assert (rule["active"], rule["exceptions"], rule["on_leave"]) == (True, 0, "suspend")
    assert rule["due"] == {
        "kind": "after_assignment",
        "on": None,
        "days": 14,
        "working_days": None,
        "go_live_on": None,
        "rollout_id": None,
    }
    assigned = await of(firm, first, taught)
    assert (assigned["state"], assigned["due_on"]) == ("assigned", in_days(14))
    [source] = assigned["sources"]
    assert (source["kind"], source["rule_id"], source["held"]) == ("rule", rule["id"], True)
    later = await firm.hire("Cai", job_role="advisor")
    assert (await of(firm, later, taught))["due_on"] == in_days(14)
    assert len(await assignments_of(firm, taught)) == 2
    assert len(await told(firm, "assignment.created")) == 2


async def test_it_is_tried_before_it_is_activated_and_activated_once(firm: Firm):
    await a_team(firm, 3)
    hired = await firm.hire("Ane", job_role="advisor", hire_date=TODAY)
    ours = await audience(firm, {"or": [ADVISOR, {"team": [str(firm.team_id)]}]})
    taught = await published_curriculum(firm)
    await assignment(firm, taught)
    due = {"kind": "after_hire", "days": 30}
    rule = await assignment_rule(firm, ours, taught, due=due, active=False)
    path = f"/v1/assignment-rules/{rule['id']}"
    tried = made(await firm.trainer.post(f"{path}/activation", dry_run=True), 200)
    assert tried == {"created": 1, "unchanged": 1, "failed": 5, "dry_run": True}
    assert len(await assignments_of(firm, taught)) == 1
    assert await exceptions(firm) == []
    done = made(await firm.trainer.post(f"{path}/activation"), 200)
    assert done == {**tried, "dry_run": False}
    assert (await of(firm, hired, taught))["due_on"] == in_days(30)
    again = await firm.trainer.post(f"{path}/activation")
    assert again.status_code == 409
    idle = made(await firm.trainer.post(f"{path}/deactivation"), 200)
    assert (idle["active"], idle["exceptions"]) == (False, 0)
    assert (await firm.trainer.post(f"{path}/deactivation")).status_code == 409
    assert await exceptions(firm) == []
    assert len(await exceptions(firm, resolved=True)) == 5
    await change(firm, hired, job_role="seller")
    assert (await of(firm, hired, taught))["state"] == "assigned"


async def test_whoever_leaves_rests_and_whoever_comes_back_goes_on(firm: Firm):
    person = await firm.hire("Ane", job_role="advisor")
    ours = await audience(firm, ADVISOR)
    taught = await published_curriculum(firm)
    await assignment_rule(firm, ours, taught)
    await change(firm, person, job_role="seller")
    resting = await of(firm, person, taught)
    assert (resting["state"], resting["reason"]) == ("suspended", "Left the audience.")
    assert resting["sources"][0]["held"] is False
    await change(firm, person, name="Ane Ås")
    assert (await of(firm, person, taught))["version"] == resting["version"]
    await change(firm, person, job_role="advisor")
    back = await of(firm, person, taught)
    assert (back["id"], back["state"], back["reason"]) == (resting["id"], "assigned", None)
    assert back["sources"][0]["held"] is True
    for type in ("assignment.suspended", "assignment.resumed"):
        [event] = await told(firm, type)
        assert event["data"]["person_id"] == str(person.id)
        assert event["data"]["before"]["state"] != event["data"]["after"]["state"]


async def test_nothing_rests_while_another_source_holds(firm: Firm):
    person = await firm.hire("Ane", job_role="advisor", location="Oslo")
    taught = await published_curriculum(firm)
    for rule in (ADVISOR, {"location": ["Oslo"]}):
        await assignment_rule(firm, await audience(firm, rule), taught)
    assert len((await of(firm, person, taught))["sources"]) == 2
    await change(firm, person, job_role="seller")
    still = await of(firm, person, taught)
    assert (still["state"], [s["held"] for s in still["sources"]]) == ("assigned", [False, True])
    await change(firm, person, location="Bergen")
    assert (await of(firm, person, taught))["state"] == "suspended"
    given = {"curriculum_id": taught["id"], "person_id": str(person.id)}
    asked = made(await firm.trainer.post("/v1/assignments", given), 200)
    assert (asked["state"], asked["reason"]) == ("assigned", None)
    await change(firm, person, job_role="advisor")
    await change(firm, person, job_role="seller")
    assert (await of(firm, person, taught))["state"] == "assigned"


@pytest.mark.parametrize(("on_leave", "state"), [("withdraw", "withdrawn"), ("keep", "assigned")])
async def test_a_rule_may_take_back_or_keep_what_those_who_leave_had(firm: Firm, on_leave, state):
    person = await firm.hire("Ane", job_role="advisor")
    taught = await published_curriculum(firm)
    await assignment_rule(firm, await audience(firm, ADVISOR), taught, on_leave=on_leave)
    await change(firm, person, job_role="seller")
    assert (await of(firm, person, taught))["state"] == state
    await change(firm, person, job_role="advisor")
    states = sorted(a["state"] for a in await assignments_of(firm, taught))
    assert states == (["assigned", "withdrawn"] if on_leave == "withdraw" else ["assigned"])


async def test_whoever_is_deactivated_rests_and_goes_on_when_they_are_back(firm: Firm):
    person = await firm.hire("Ane", job_role="advisor", team_id=firm.team_id)
    ours = await audience(firm, ADVISOR)
    taught = await published_curriculum(firm)
    await assignment_rule(firm, ours, taught)
    await change(firm, person, active=False)
    resting = await of(firm, person, taught)
    assert (resting["state"], resting["reason"]) == ("suspended", "Not active any more.")
    danish = {"Accept-Language": "da"}
    for path in (f"/v1/assignments/{resting['id']}", "/v1/assignments"):
        read = (await firm.trainer.request("GET", path, headers=danish)).json()
        told = [a["reason"] for a in read.get("items", [read]) if a["id"] == resting["id"]]
        assert told == ["Ikke længere aktiv."]
    matrix = made(await firm.trainer.get(f"/v1/teams/{firm.team_id}/training-matrix"), 200)
    assert matrix["columns"][0]["of"] == 6
    assert [p["person_id"] for p in matrix["left_out"]] == [str(person.id)]
    assert made(await firm.manager.get(f"/v1/audiences/{ours['id']}"), 200)["empty"]
    await change(firm, person, active=True)
    assert (await of(firm, person, taught))["state"] == "assigned"
    await change(firm, person, active=False)
    await change(firm, person, active=True, job_role="seller")
    gone = await of(firm, person, taught)
    assert (gone["state"], gone["reason"]) == ("suspended", "Left the audience.")


async def test_what_is_completed_or_was_taken_back_by_hand_is_not_given_again(firm: Firm):
    done, taken = (
        await firm.hire("Ane", job_role="advisor"),
        await firm.hire("Bo", job_role="advisor"),
    )
    taught = await published_curriculum(firm)
    await assignment_rule(firm, await audience(firm, ADVISOR), taught)
    mine = made(await done.get("/v1/me/learning"), 200)
    item = mine["next"]["item_key"]
    made(await done.post(completion_path({"id": mine["open"][0]["id"]}, item)), 200)
    path = f"/v1/assignments/{(await of(firm, taken, taught))['id']}/withdrawal"
    made(await firm.trainer.post(path, {"reason": "Has taught it for years."}), 200)
    for person in (done, taken):
        await change(firm, person, location="Oslo")
    assert sorted(a["state"] for a in await assignments_of(firm, taught)) == [
        "completed",
        "withdrawn",
    ]


async def test_without_a_hire_date_there_is_an_exception_until_it_is_known(firm: Firm):
    person = await firm.hire("Ane", job_role="advisor")
    taught = await published_curriculum(firm)
    due = {"kind": "after_hire", "days": 14}
    rule = await assignment_rule(firm, await audience(firm, ADVISOR), taught, due=due)
    assert rule["exceptions"] == 1
    assert await assignments_of(firm, taught) == []
    [waiting] = await exceptions(firm, rule_id=rule["id"], reason="no_hire_date")
    assert (waiting["person_id"], waiting["person_name"]) == (str(person.id), "Ane")
    assert waiting["rule_name"] == rule["name"]
    await change(firm, person, hire_date=(TODAY - timedelta(days=30)).isoformat())
    [waiting] = await exceptions(firm)
    assert waiting["reason"] == "too_little_time"
    assert waiting["detail"] == "Too little time: it would have been due already."
    answer = await firm.trainer.request(
        "GET", "/v1/assignments/exceptions", headers={"Accept-Language": "nb"}
    )
    assert answer.json()["items"][0]["detail"] == "For liten tid: fristen ville allerede vært ute."
    await change(firm, person, hire_date=TODAY.isoformat())
    assert await exceptions(firm) == []
    assert (await of(firm, person, taught))["due_on"] == in_days(14)
    [over] = await exceptions(firm, resolved=True)
    assert over["resolved_at"] is not None
    reasons = [e["data"]["reason"] for e in await told(firm, "assignment.excepted")]
    assert reasons == ["no_hire_date", "too_little_time"]
    assert len(await told(firm, "assignment.cleared")) == 1
    await change(firm, person, hire_date=in_days(3))
    assert (await of(firm, person, taught))["due_on"] == in_days(17)


async def test_an_exception_is_over_when_somebody_else_assigns_it(firm: Firm):
    person = await firm.hire("Ane", job_role="advisor")
    taught = await published_curriculum(firm)
    due = {"kind": "after_hire", "days": 14}
    rule = await assignment_rule(firm, await audience(firm, ADVISOR), taught, due=due)
    await assignment(firm, taught, person)
    assert await exceptions(firm) == []
    read = made(await firm.trainer.get(f"/v1/assignment-rules/{rule['id']}"), 200)
    assert read["exceptions"] == 0
    await change(firm, person, location="Oslo")
    assert len((await of(firm, person, taught))["sources"]) == 2
    assert len(await told(firm, "assignment.cleared")) == 1


async def test_due_dates_are_counted_back_from_go_live_in_working_days(firm: Firm):
    person = await firm.hire("Ane", job_role="advisor")
    made(await firm.admin.patch("/v1/organization", {"country": "NO"}), 200)
    await firm.product.catch_up()
    go_live = TODAY + timedelta(days=60)
    due = {"kind": "before_go_live", "working_days": 5, "go_live_on": go_live.isoformat()}
    ours = await audience(firm, ADVISOR)
    taught = await published_curriculum(firm)
    rule = await assignment_rule(firm, ours, taught, due=due)
    assert rule["due"]["working_days"] == 5
    assigned = await of(firm, person, taught)
    expected = WorkingDays(country="NO").before(go_live, 5)
    assert assigned["due_on"] == str(expected)
    assert assigned["due_basis"] == {"kind": "before_go_live", "days": 5}
    soon = {**due, "go_live_on": in_days(2)}
    other = await published_curriculum(firm)
    late = await assignment_rule(firm, ours, other, due=soon)
    assert [x["reason"] for x in await exceptions(firm)] == ["too_little_time"]
    path = f"/v1/assignment-rules/{late['id']}"
    moved = made(await firm.trainer.patch(path, {"due": due}), 200)
    assert (moved["exceptions"], moved["version"]) == (0, late["version"] + 1)
    assert (await of(firm, person, other))["due_on"] == str(expected)
    bulk = {"curriculum_id": other["id"], "person_id": str(firm.learner.id), "due": due}
    [row] = made(await firm.trainer.post("/v1/assignments/bulk", bulk), 200)["rows"]
    assert row["due_on"] == str(expected)


async def test_where_nobody_ever_works_and_nothing_is_published_is_said(firm: Firm):
    await firm.hire("Ane", job_role="advisor")
    made(await firm.admin.patch("/v1/organization", {"working_days": []}), 200)
    await firm.product.catch_up()
    due = {"kind": "before_go_live", "working_days": 5, "go_live_on": in_days(40)}
    ours = await audience(firm, ADVISOR)
    taught = await published_curriculum(firm)
    await assignment_rule(firm, ours, taught, due=due)
    assert [x["reason"] for x in await exceptions(firm)] == ["no_working_days"]
    retired = await published_curriculum(firm)
    made(await firm.trainer.post(f"/v1/curricula/{retired['id']}/versions/1/retirement"), 200)
    await assignment_rule(firm, ours, retired)
    assert [x["reason"] for x in await exceptions(firm)] == ["nothing_published", "no_working_days"]
    bulk = {"curriculum_id": taught["id"], "person_id": str(firm.learner.id), "due": due}
    [row] = made(await firm.trainer.post("/v1/assignments/bulk", bulk), 200)["rows"]
    assert "no working days" in row["detail"]


async def test_the_earliest_due_date_of_several_rules_wins(firm: Firm):
    person = await firm.hire("Ane", job_role="advisor", hire_date=TODAY)
    ours = await audience(firm, ADVISOR)
    taught = await published_curriculum(firm)
    for due in (
        {"kind": "fixed", "on": in_days(30)},
        {"kind": "after_hire", "days": 7},
        {"kind": "after_assignment", "days": 90},
    ):
        await assignment_rule(firm, ours, taught, due=due)
    assigned = await of(firm, person, taught)
    assert assigned["due_basis"] == {"kind": "after_hire", "days": 7}
    assert len(assigned["sources"]) == 3


async def test_an_audience_is_assigned_in_bulk(firm: Firm):
    await firm.hire("Ane", job_role="advisor")
    await firm.hire("Bo", job_role="advisor", hire_date=TODAY)
    ours = await audience(firm, ADVISOR)
    taught = await published_curriculum(firm)
    given = {
        "curriculum_id": taught["id"],
        "audience_id": ours["id"],
        "due": {"kind": "after_hire", "days": 9},
    }
    for dry_run in (True, False):
        result = made(await firm.trainer.post("/v1/assignments/bulk", given, dry_run=dry_run), 200)
        assert (result["created"], result["unchanged"], result["failed"]) == (1, 0, 1)
        assert [row["name"] for row in result["rows"]] == ["Ane"]
    unknown = {**given, "audience_id": "00000000-0000-0000-0000-000000000001"}
    refused = await firm.trainer.post("/v1/assignments/bulk", unknown)
    assert refused.json()["errors"][0]["pointer"] == "/audience_id"


async def test_whoever_joins_while_a_rule_is_made_is_assigned_as_well(firm: Firm):
    team, people = await a_team(firm, 120)
    ours = await audience(firm, {"team": [str(team.id)]})
    taught = await published_curriculum(firm)
    hired, _ = await asyncio.gather(
        firm.hire("Ane", team_id=team.id), assignment_rule(firm, ours, taught)
    )
    await firm.product.catch_up()
    assigned = {a["person_id"] for a in await assignments_of(firm, taught)}
    assert assigned == {str(p.id) for p in [*people, hired]}


async def test_trainers_write_rules_managers_and_admins_read_and_nobody_else(
    firm: Firm, stranger: Person
):
    ours, taught = await audience(firm, ADVISOR), await published_curriculum(firm)
    rule = await assignment_rule(firm, ours, taught)
    path = f"/v1/assignment-rules/{rule['id']}"
    given = {"name": "Mine", "audience_id": ours["id"], "curriculum_id": taught["id"]}
    for person in (firm.manager, firm.learner):
        assert (await person.post("/v1/assignment-rules", given)).status_code == 403
        assert (await person.patch(path, {"name": "Mine"}, etag="*")).status_code == 403
        for move in ("activation", "deactivation"):
            assert (await person.post(f"{path}/{move}")).status_code == 403
    for person, status in ((firm.manager, 200), (firm.admin, 200), (firm.learner, 403)):
        for read in ("/v1/assignment-rules", path, "/v1/assignments/exceptions"):
            assert (await person.get(read)).status_code == status
    assert (await stranger.get(path)).status_code == 404
    refused = await stranger.post("/v1/assignment-rules", given)
    assert refused.status_code == 422
    assert await exceptions(firm) == []
    made(await firm.trainer.patch(path, {"name": "Renamed", "on_leave": "keep"}), 200)
    listed = made(await firm.manager.get("/v1/assignment-rules", audience_id=ours["id"]), 200)
    assert [one["name"] for one in listed["items"]] == ["Renamed"]
    assert (await firm.trainer.patch(path, {"name": "Late"}, etag='"1"')).status_code == 412


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"due": {"kind": "before_go_live", "working_days": 5}}, "/due/go_live_on"),
        (
            {"due": {"kind": "before_go_live", "working_days": -1, "go_live_on": "2027-01-01"}},
            "/due/working_days",
        ),
        ({"on_leave": "shout"}, "/on_leave"),
        ({"active": "yes"}, "/active"),
        ({"audience_id": "00000000-0000-0000-0000-000000000001"}, "/audience_id"),
        ({"curriculum_id": "00000000-0000-0000-0000-000000000001"}, "/curriculum_id"),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_with_the_place(firm: Firm, given, pointer):
    ours, taught = await audience(firm, ADVISOR), await published_curriculum(firm)
    whole = {"name": "Odd", "audience_id": ours["id"], "curriculum_id": taught["id"], **given}
    refused = await firm.trainer.post("/v1/assignment-rules", whole)
    assert refused.status_code == 422, refused.text
    assert [e["pointer"] for e in refused.json()["errors"]] == [pointer]


async def test_eight_rules_over_one_audience_at_once_are_all_made(firm: Firm):
    await firm.hire("Ane", job_role="advisor")
    ours = await audience(firm, ADVISOR)
    taught = await published_curriculum(firm)
    given = {"name": "R", "audience_id": ours["id"], "curriculum_id": taught["id"]}
    answers = await asyncio.gather(
        *(firm.trainer.post("/v1/assignment-rules", given) for _ in range(8))
    )
    assert [answer.status_code for answer in answers] == [201] * 8
    [assigned] = await assignments_of(firm, taught)
    assert len(assigned["sources"]) == 8


async def test_a_rule_over_an_audience_that_is_not_there_is_refused(firm: Firm):
    taught = await published_curriculum(firm)
    given = {"name": "R", "audience_id": str(firm.learner.id), "curriculum_id": taught["id"]}
    for active in (True, False):
        refused = await firm.trainer.post("/v1/assignment-rules", {**given, "active": active})
        assert refused.status_code == 422
