"""Rollouts: who plans, who decides, and what the gate lets through."""

import asyncio
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from uuid import UUID

import pytest

from services.chassis.caller import Role
from services.onboarding.api.readiness import Readiness
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    as_the_service,
    assignment,
    assignment_rule,
    audience,
    completed,
    completion_path,
    course_set,
    curriculum,
    in_training,
    made,
    managed,
    override,
    policy,
    published_course,
    published_curriculum,
    rollout,
    told,
    tool,
)

TODAY = datetime.now(UTC).date()


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


async def sales(firm: Firm, people: int = 5, name: str = "Sales") -> tuple[str, list[Person]]:
    """A team of its own, with so many people."""
    team = made(await firm.admin.post("/v1/teams", {"name": name}))
    names = ["Anna", "Bo", "Cilje", "Dag", "Eva", "Finn"][:people]
    return team["id"], [await firm.hire(name, team_id=UUID(team["id"])) for name in names]


async def four_of_five(firm: Firm, **fields) -> tuple[dict, dict, list[Person]]:
    """A rollout in training to Sales, of whom four have what a gate of 90 % asks for; and what that is."""
    team_id, people = await sales(firm)
    taught = await published_curriculum(firm)
    new = await in_training(firm, taught, team_ids=[team_id], **fields)
    await completed(firm, taught, *people[:4])
    return new, taught, people


async def test_a_rollout_is_drafted_planned_trained_ready_live_and_adopted(firm: Firm):
    owned = await tool(firm, owner_id=str(firm.seller.id), competence="tills")
    course = await published_course(firm)
    taught = await published_curriculum(firm, course_set(course))
    new = await rollout(firm, taught, tool_id=owned["id"], min_pct=10)
    assert (new["state"], new["tool_name"]) == ("draft", "T")
    assert new["gate"] == {"min_pct": 10, "requires": {"curricula": [taught["id"]]}}
    path = f"/v1/rollouts/{new['id']}"
    assert made(await firm.seller.post(f"{path}/planning"), 200)["state"] == "planned"
    assert made(await firm.trainer.post(f"{path}/training"), 200)["state"] == "training"
    early = await firm.seller.post(f"{path}/readiness")
    assert (early.status_code, early.json()["type"]) == (409, "/problems/gate-not-met")
    given = await assignment(firm, taught)
    made(await firm.learner.post(completion_path(given, course)), 200)
    assert made(await firm.seller.post(f"{path}/readiness"), 200)["state"] == "ready"
    live = made(await firm.manager.post(f"{path}/go-live"), 200)
    assert (live["state"], live["went_live_at"] is not None) == ("live", True)
    adopted = made(await firm.seller.post(f"{path}/adoption"), 200)
    assert (adopted["state"], adopted["adopted_at"] is not None) == ("adopted", True)
    assert made(await firm.learner.get(path), 200) == adopted
    for verb in ("created", "planned", "begun", "ready", "launched", "adopted"):
        (event,) = await told(firm, f"rollout.{verb}")
        assert event["subject"] == f"rollouts/{new['id']}"
    (event,) = await told(firm, "rollout.launched")
    assert event["data"]["competence"] == "tills"
    assert event["data"]["gate"]["trained"] == 1
    assert event["actorid"] == str(firm.manager.id)


async def test_a_gate_of_90_percent_with_four_of_five_trained_is_closed_and_names_the_fifth(
    firm: Firm,
):
    new, taught, people = await four_of_five(firm)
    closed = await firm.manager.post(f"/v1/rollouts/{new['id']}/go-live")
    assert closed.status_code == 409
    problem = closed.json()
    assert problem["type"] == "/problems/gate-not-met"
    (team,) = problem["teams"]
    assert (team["team_name"], team["have"], team["of"], team["need"]) == ("Sales", 4, 5, 5)
    assert team["missing"]["people"] == [
        {
            "person_id": str(people[4].id),
            "name": "Eva",
            "lacks": [taught["id"]],
            "lacks_titles": [taught["title"]],
            "reason": None,
        }
    ]
    assert team["detail"] == "Sales: 4 of 5 are trained, 5 are needed. Missing: Eva."
    assert made(await firm.manager.get(f"/v1/rollouts/{new['id']}"), 200)["state"] == "training"
    await completed(firm, taught, people[4])
    live = await firm.manager.post(f"/v1/rollouts/{new['id']}/go-live")
    assert made(live, 200)["state"] == "live"


async def test_an_override_that_a_second_person_approves_lets_the_team_through(firm: Firm):
    new, _, _ = await four_of_five(firm)
    go_live = f"/v1/rollouts/{new['id']}/go-live"
    other = await firm.hire("Britt", Role.manager)
    asked = await override(firm.manager, new)
    path = f"/v1/rollouts/{new['id']}/overrides/{asked['id']}"
    assert (asked["state"], asked["expired"]) == ("requested", False)
    assert (await firm.manager.post(go_live)).status_code == 409
    own = await firm.manager.post(f"{path}/approval")
    assert own.status_code == 403
    approved = made(await other.post(f"{path}/approval"), 200)
    assert (approved["state"], approved["decided_by"]) == ("approved", str(other.id))
    seen = made(await firm.trainer.get(f"/v1/rollouts/{new['id']}/readiness"), 200)
    assert (seen["may_go_live"], seen["teams"][0]["met"]) == (True, False)
    assert seen["teams"][0]["override_id"] == asked["id"]
    made(await firm.manager.post(go_live), 200)
    requested, decided = (
        await told(firm, "override.requested"),
        await told(firm, "override.approved"),
    )
    assert requested[0]["actorid"] == str(firm.manager.id)
    assert requested[0]["data"]["after"]["mitigation"] == "Ola stands beside her."
    assert decided[0]["actorid"] == str(other.id)
    (live,) = await told(firm, "rollout.launched")
    assert live["data"]["gate"]["override_ids"] == [asked["id"]]


async def test_the_day_to_go_live_lies_ahead(firm: Firm):
    taught = await published_curriculum(firm)
    given = {
        "tool_id": (await tool(firm))["id"],
        "team_ids": [str(firm.team_id)],
        "go_live_on": in_days(-1),
        "gate": {"min_pct": 90, "requires": {"curricula": [taught["id"]]}},
    }
    late = await firm.trainer.post("/v1/rollouts", given)
    assert late.status_code == 422
    assert late.json()["errors"][0]["pointer"] == "/go_live_on"
    new = made(await firm.trainer.post("/v1/rollouts", {**given, "go_live_on": in_days(0)}))
    path = f"/v1/rollouts/{new['id']}"
    assert (await firm.trainer.patch(path, {"go_live_on": in_days(-1)})).status_code == 422
    made(await firm.trainer.patch(path, {"go_live_on": in_days(30)}), 200)


async def test_a_rollout_names_what_is_there(firm: Firm, stranger: Person):
    taught = await published_curriculum(firm)
    good = {
        "tool_id": (await tool(firm))["id"],
        "team_ids": [str(firm.team_id)],
        "go_live_on": in_days(9),
        "gate": {"min_pct": 90, "requires": {"curricula": [taught["id"]]}},
    }
    nothing = str(firm.learner.id)
    for field, value, pointer in (
        ("tool_id", nothing, "/tool_id"),
        ("team_ids", [str(stranger.id)], "/team_ids/0"),
        (
            "gate",
            {"min_pct": 90, "requires": {"curricula": [nothing]}},
            "/gate/requires/curricula/0",
        ),
        ("gate", {"min_pct": 101, "requires": {"curricula": []}}, "/gate/min_pct"),
        ("gate", {"min_pct": -1, "requires": {"curricula": []}}, "/gate/min_pct"),
        ("gate", {"min_pct": 90, "requires": {"guidelines": []}}, None),
        ("mood", "good", "/mood"),
    ):
        refused = await firm.trainer.post("/v1/rollouts", {**good, field: value})
        assert refused.status_code == 422, field
        if pointer is not None:
            assert pointer in [e["pointer"] for e in refused.json()["errors"]]


async def test_planning_takes_an_audience_and_a_gate_of_something_that_is_published(firm: Firm):
    empty = await rollout(firm, team_ids=[])
    refused = await firm.trainer.post(f"/v1/rollouts/{empty['id']}/planning")
    assert refused.status_code == 422
    assert {m["field"] for m in refused.json()["missing"]} == {
        "audience_id",
        "gate/requires/curricula",
    }
    unpublished = await rollout(firm, await curriculum(firm))
    refused = await firm.trainer.post(f"/v1/rollouts/{unpublished['id']}/planning")
    assert refused.status_code == 409
    [error] = refused.json()["errors"]
    assert error["pointer"] == "/gate/requires/curricula/0"
    assert "in" not in error


async def test_gate_and_audience_hold_from_training_on_and_the_day_until_it_is_live(firm: Firm):
    taught = await published_curriculum(firm)
    new = await rollout(firm, taught)
    path = f"/v1/rollouts/{new['id']}"
    gate = {"min_pct": 50, "requires": {"curricula": [taught["id"], taught["id"]]}}
    changed = made(await firm.trainer.patch(path, {"gate": gate}), 200)
    assert changed["gate"] == {"min_pct": 50, "requires": {"curricula": [taught["id"]]}}
    made(await firm.trainer.post(f"{path}/planning"), 200)
    assert (await firm.trainer.patch(path, {"team_ids": []})).status_code == 422
    draft = {"min_pct": 5, "requires": {"curricula": [(await curriculum(firm))["id"]]}}
    assert (await firm.trainer.patch(path, {"gate": draft})).status_code == 409
    made(await firm.trainer.patch(path, {"gate": gate}), 200)
    made(await firm.trainer.post(f"{path}/training"), 200)
    frozen = await firm.trainer.patch(path, {"gate": gate})
    assert (frozen.status_code, frozen.json()["type"]) == (409, "/problems/frozen")
    made(await firm.trainer.patch(path, {"go_live_on": in_days(30)}), 200)
    assert (await firm.trainer.patch(path, {"go_live_on": "x"})).status_code == 422
    assert (await firm.trainer.patch(path, {}, etag='"1"')).status_code == 412
    assert (await firm.trainer.patch(path, {}, etag="")).status_code == 428
    made(await firm.trainer.post(f"{path}/cancellation", {"reason": "No."}), 200)
    ended = await firm.trainer.patch(path, {"go_live_on": in_days(30)})
    assert ended.status_code == 409
    assert len(await told(firm, "rollout.changed")) == 2


async def test_a_paused_rollout_is_judged_anew_and_a_cancelled_one_is_over(firm: Firm):
    taught = await published_curriculum(firm)
    new = await in_training(firm, taught, min_pct=1)
    path = f"/v1/rollouts/{new['id']}"
    await completed(firm, taught, firm.learner)
    made(await firm.trainer.post(f"{path}/readiness"), 200)
    assert (await firm.trainer.post(f"{path}/pause")).status_code == 422
    paused = made(await firm.trainer.post(f"{path}/pause", {"reason": "Holidays."}), 200)
    assert (paused["state"], paused["paused_in"]) == ("paused", "training")
    closed = await firm.manager.post(f"{path}/go-live")
    assert closed.status_code == 409
    # The manager decides, and does not plan: pausing and going on is for others.
    assert closed.json()["allowed"] == []
    again = await firm.trainer.request(
        "POST", f"{path}/planning", headers={"Accept-Language": "nb"}
    )
    assert (again.status_code, again.json()["allowed"]) == (409, ["cancel", "resume"])
    assert again.json()["detail"] == (
        "Handlingen «planlegg» er ikke mulig for en utrulling i tilstanden «på pause»."
    )
    resumed = made(await firm.trainer.post(f"{path}/resumption"), 200)
    assert (resumed["state"], resumed["reason"]) == ("training", None)
    why = {"reason": "The supplier is gone."}
    cancelled = made(await firm.trainer.post(f"{path}/cancellation", why), 200)
    assert (cancelled["state"], cancelled["reason"]) == ("cancelled", why["reason"])
    for move in ("planning", "training", "readiness", "go-live", "adoption", "resumption"):
        over = await firm.manager.post(f"{path}/{move}")
        assert over.status_code in (403, 409)
        assert (await firm.trainer.post(f"{path}/{move}")).status_code in (403, 409)


async def test_the_owner_of_the_tool_and_trainers_plan_the_owner_and_managers_decide(firm: Firm):
    taught = await published_curriculum(firm)
    owned = await tool(firm, owner_id=str(firm.seller.id))
    given = {
        "tool_id": owned["id"],
        "team_ids": [str(firm.team_id)],
        "go_live_on": in_days(9),
        "gate": {"min_pct": 0, "requires": {"curricula": [taught["id"]]}},
    }
    for person in (firm.learner, firm.lead, firm.manager, firm.admin):
        assert (await person.post("/v1/rollouts", given)).status_code == 403
    new = made(await firm.seller.post("/v1/rollouts", given))
    path = f"/v1/rollouts/{new['id']}"
    why = {"reason": "Because."}
    for person in (firm.learner, firm.manager):
        for move, body in (
            ("planning", None),
            ("training", None),
            ("readiness", None),
            ("pause", why),
            ("resumption", None),
            ("cancellation", why),
        ):
            assert (await person.post(f"{path}/{move}", body)).status_code == 403
        assert (await person.patch(path, {"go_live_on": in_days(8)})).status_code == 403
    for move in ("planning", "training"):
        made(await firm.seller.post(f"{path}/{move}"), 200)
    for person in (firm.learner, firm.trainer, firm.lead):
        assert (await person.post(f"{path}/go-live")).status_code == 403
        assert (await person.post(f"{path}/adoption")).status_code == 403
    made(await firm.seller.post(f"{path}/go-live"), 200)


async def test_a_rollout_to_nobody_does_not_go_live(firm: Firm):
    team = made(await firm.admin.post("/v1/teams", {"name": "Empty"}))
    new = await in_training(firm, await published_curriculum(firm), team_ids=[team["id"]])
    closed = await firm.manager.post(f"/v1/rollouts/{new['id']}/go-live")
    assert closed.status_code == 409
    assert closed.json()["teams"] == []


async def test_of_two_who_go_live_at_once_one_does(firm: Firm):
    taught = await published_curriculum(firm)
    new = await in_training(firm, taught, min_pct=1)
    await completed(firm, taught, firm.learner)
    path = f"/v1/rollouts/{new['id']}/go-live"
    answers = await asyncio.gather(*(firm.manager.post(path) for _ in range(4)))
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409]
    assert len(await told(firm, "rollout.launched")) == 1


async def test_rollouts_are_listed_by_tool_state_and_day(firm: Firm):
    taught = await published_curriculum(firm)
    late = await rollout(firm, taught, go_live_on="2190-05-01")
    soon = await in_training(firm, taught, go_live_on="2190-02-01")
    everything = made(await firm.learner.get("/v1/rollouts", sort="go_live_on"), 200)
    assert [one["id"] for one in everything["items"]] == [soon["id"], late["id"]]
    drafts = made(await firm.learner.get("/v1/rollouts", state="draft"), 200)
    assert [one["id"] for one in drafts["items"]] == [late["id"]]
    of_tool = made(await firm.learner.get("/v1/rollouts", tool_id=soon["tool_id"]), 200)
    assert [one["id"] for one in of_tool["items"]] == [soon["id"]]


async def test_a_tool_that_is_rolled_out_stays(firm: Firm):
    new = await rollout(firm, await published_curriculum(firm))
    assert (await firm.trainer.delete(f"/v1/tools/{new['tool_id']}")).status_code == 409


async def test_another_organizations_rollout_is_not_there(firm: Firm, stranger: Person):
    new = await in_training(firm, await published_curriculum(firm))
    path = f"/v1/rollouts/{new['id']}"
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.get(f"{path}/readiness")).status_code == 404
    assert (await stranger.patch(path, {"go_live_on": in_days(3)}, etag="*")).status_code == 404
    for move in ("planning", "training", "readiness", "go-live", "adoption", "resumption"):
        assert (await stranger.post(f"{path}/{move}")).status_code == 404
    for move in ("pause", "cancellation"):
        assert (await stranger.post(f"{path}/{move}", {"reason": "x"})).status_code == 404


# --- readiness


async def test_readiness_shows_its_denominator_and_everyone_left_out_with_the_reason(firm: Firm):
    team_id, (anna, bo, cilje, dag, eva) = await sales(firm)
    first, second = await published_curriculum(firm), await published_curriculum(firm)
    new = await in_training(firm, first, second, team_ids=[team_id, str(firm.team_id)])
    await completed(firm, first, anna, bo)
    await completed(firm, second, anna)
    resting = await assignment(firm, first, dag)
    why = {"reason": "On parental leave."}
    made(await firm.trainer.post(f"/v1/assignments/{resting['id']}/suspension", why), 200)
    made(await firm.admin.patch(f"/v1/people/{eva.id}", {"active": False}), 200)
    await firm.product.catch_up()
    path = f"/v1/rollouts/{new['id']}/readiness"
    seen = made(await firm.manager.get(path), 200)
    assert Readiness.model_validate(seen)
    assert (seen["of"], seen["trained"], seen["missing"], seen["left_out"]) == (10, 1, 9, 1)
    assert (seen["may_go_live"], seen["teams_total"], seen["on"]) == (False, 2, in_days(0))
    team = next(t for t in seen["teams"] if t["team_id"] == team_id)
    assert (team["of"], team["trained"], team["need"], team["met"]) == (4, 1, 4, False)
    both = sorted([first, second], key=itemgetter("id"))
    assert team["missing"] == {
        "total": 3,
        "people": [
            {
                "person_id": str(one.id),
                "name": one.name,
                "lacks": [of["id"] for of in lacks],
                "lacks_titles": [of["title"] for of in lacks],
                "reason": reason,
            }
            for one, lacks, reason in (
                (bo, [second], None),
                (cilje, both, None),
                (dag, both, "suspended"),
            )
        ],
    }
    assert team["left_out"] == {
        "total": 1,
        "by_reason": {"inactive": 1, "suspended": 0, "not_in_audience": 0},
        "people": [{"person_id": str(eva.id), "name": "Eva", "reason": "inactive"}],
    }
    short = made(await firm.manager.get(path, people=1, teams=1), 200)
    assert short["teams_total"] == 2
    assert [len(t["missing"]["people"]) for t in short["teams"]] == [1]
    assert (await firm.manager.get(path, people=201)).status_code == 422
    assert (await firm.manager.get(path, mood="good")).status_code == 422


async def test_nobody_suspends_a_team_through_its_gate(firm: Firm):
    team_id, people = await sales(firm, 3)
    taught = await published_curriculum(firm)
    new = await in_training(firm, taught, team_ids=[team_id])
    await completed(firm, taught, people[0])
    await managed(firm, *people)
    for person in people[1:]:
        given = await assignment(firm, taught, person)
        why = {"reason": "x"}
        made(await firm.manager.post(f"/v1/assignments/{given['id']}/suspension", why), 200)
    path = f"/v1/rollouts/{new['id']}"
    seen = made(await firm.manager.get(f"{path}/readiness"), 200)
    assert (seen["of"], seen["trained"], seen["missing"], seen["left_out"]) == (3, 1, 2, 0)
    assert seen["may_go_live"] is False
    closed = await firm.manager.post(f"{path}/go-live")
    assert closed.status_code == 409
    (team,) = closed.json()["teams"]
    assert [(p["name"], p["reason"]) for p in team["missing"]["people"]] == [
        ("Bo", "suspended"),
        ("Cilje", "suspended"),
    ]
    matrix = made(await firm.trainer.get("/v1/reports/tool-matrix", team_id=team_id), 200)["items"]
    [row] = [row for row in matrix if row["tool_id"] == new["tool_id"]]
    assert (row["of"], row["missing"], row["left_out_suspended"], row["met"]) == (3, 2, 0, False)


async def test_who_rests_since_they_left_the_audience_of_a_rule_is_left_out(firm: Firm):
    team_id, (anna, bo) = await sales(firm, 2)
    taught = await published_curriculum(firm)
    those = await audience(firm, {"person": [str(bo.id)]})
    await assignment_rule(firm, those, taught)
    path = f"/v1/audiences/{those['id']}"
    rule = {"rule": {"person": [str(firm.seller.id)]}}
    made(await firm.trainer.patch(path, rule), 200)
    new = await in_training(firm, taught, team_ids=[team_id])
    await completed(firm, taught, anna)
    seen = made(await firm.manager.get(f"/v1/rollouts/{new['id']}/readiness"), 200)
    (team,) = seen["teams"]
    assert (team["of"], team["trained"], team["met"]) == (1, 1, True)
    assert team["left_out"]["people"] == [
        {"person_id": str(bo.id), "name": "Bo", "reason": "suspended"}
    ]


async def test_a_team_of_whose_people_nobody_counts_does_not_meet_the_gate_one_without_people_does(
    firm: Firm,
):
    gone_id, (gone,) = await sales(firm, 1)
    some_id, (anna,) = await sales(firm, 1, "Service")
    empty = made(await firm.admin.post("/v1/teams", {"name": "Empty"}))["id"]
    made(await firm.admin.patch(f"/v1/people/{gone.id}", {"active": False}), 200)
    await firm.product.catch_up()
    taught = await published_curriculum(firm)
    await completed(firm, taught, anna)
    new = await in_training(firm, taught, team_ids=[gone_id, some_id, empty])
    path = f"/v1/rollouts/{new['id']}"
    seen = made(await firm.manager.get(f"{path}/readiness"), 200)
    met = {team["team_id"]: team["met"] for team in seen["teams"]}
    assert met == {gone_id: False, some_id: True, empty: True}
    assert seen["may_go_live"] is False
    closed = await firm.manager.post(f"{path}/go-live")
    assert closed.status_code == 409
    (team,) = closed.json()["teams"]
    assert team["detail"] == "Sales: nobody counts, so nobody is trained."
    matrix = made(await firm.trainer.get("/v1/reports/tool-matrix", tool_id=new["tool_id"]), 200)
    met = {row["team_id"]: row["met"] for row in matrix["items"]}
    assert (met[gone_id], met[some_id], met[empty]) == (False, True, True)
    without = await in_training(firm, taught, team_ids=[some_id, empty])
    made(await firm.manager.post(f"/v1/rollouts/{without['id']}/go-live"), 200)


async def test_an_audience_holds_while_a_rollout_to_it_is_in_training_or_ready(firm: Firm):
    team_id, people = await sales(firm, 2)
    those = await audience(firm, {"team": [team_id]})
    taught = await published_curriculum(firm)
    new = await rollout(firm, taught, audience_id=those["id"], team_ids=[])
    path, audience_path = f"/v1/rollouts/{new['id']}", f"/v1/audiences/{those['id']}"
    one = {"rule": {"person": [str(people[0].id)]}}
    made(await firm.trainer.post(f"{path}/planning"), 200)
    made(await firm.trainer.patch(audience_path, {"mode": "enrol_only"}), 200)
    made(await firm.trainer.patch(audience_path, {"mode": "dynamic"}), 200)
    made(await firm.trainer.post(f"{path}/training"), 200)
    await completed(firm, taught, people[0])

    async def is_held() -> None:
        for change in (one, {"mode": "fixed"}):
            refused = await firm.trainer.patch(audience_path, change)
            assert (refused.status_code, refused.json()["type"]) == (409, "/problems/frozen")
            assert new["id"] in refused.json()["detail"]

    await is_held()
    # What is no change is none, and a name changes nobody's training.
    made(await firm.trainer.patch(audience_path, {"name": "Front", "mode": "dynamic"}), 200)
    made(await firm.trainer.post(f"{path}/pause", {"reason": "Holidays."}), 200)
    await is_held()
    made(await firm.trainer.post(f"{path}/resumption"), 200)
    await completed(firm, taught, people[1])
    made(await firm.trainer.post(f"{path}/readiness"), 200)
    await is_held()
    made(await firm.manager.post(f"{path}/go-live"), 200)
    made(await firm.trainer.patch(audience_path, one), 200)


async def test_of_a_training_that_begins_and_a_new_rule_at_once_the_later_one_sees_the_other(
    firm: Firm,
):
    team_id, people = await sales(firm, 2)
    those = await audience(firm, {"team": [team_id]})
    new = await rollout(
        firm, await published_curriculum(firm), audience_id=those["id"], team_ids=[]
    )
    made(await firm.trainer.post(f"/v1/rollouts/{new['id']}/planning"), 200)
    begun, changed = await asyncio.gather(
        firm.trainer.post(f"/v1/rollouts/{new['id']}/training"),
        firm.trainer.patch(
            f"/v1/audiences/{those['id']}", {"rule": {"person": [str(people[0].id)]}}
        ),
    )
    assert begun.status_code == 200
    assert changed.status_code in (200, 409)


async def test_what_was_completed_counts_although_a_later_assignment_rests(firm: Firm):
    taught = await published_curriculum(firm)
    new = await in_training(firm, taught)
    await completed(firm, taught, firm.learner)
    again = await assignment(firm, taught, renew=True)
    why = {"reason": "Knows it."}
    made(await firm.trainer.post(f"/v1/assignments/{again['id']}/suspension", why), 200)
    seen = made(await firm.manager.get(f"/v1/rollouts/{new['id']}/readiness"), 200)
    assert (seen["of"], seen["trained"], seen["left_out"]) == (6, 1, 0)


async def test_a_lead_and_a_manager_see_names_of_their_people_figures_of_others_and_a_learner_nothing(
    firm: Firm,
):
    team_id, people = await sales(firm, 2)
    taught = await published_curriculum(firm)
    owned = await tool(firm, owner_id=str(firm.seller.id))
    new = await in_training(
        firm, taught, team_ids=[team_id, str(firm.team_id)], tool_id=owned["id"]
    )
    path = f"/v1/rollouts/{new['id']}/readiness"
    for person in (firm.trainer, firm.manager, firm.admin, firm.seller):
        seen = made(await person.get(path), 200)
        assert [len(t["missing"]["people"]) for t in seen["teams"]] == [6, 2]
    for person in (firm.learner, firm.lead, people[0]):
        assert (await person.get(path)).status_code == 403
    made(await firm.admin.patch(f"/v1/teams/{team_id}", {"lead_id": str(people[0].id)}), 200)
    led = {"manager_id": str(firm.lead.id)}
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", led), 200)
    await firm.product.catch_up()
    for person, named in ((people[0], [0, 2]), (firm.lead, [1, 0])):
        seen = made(await person.get(path), 200)
        assert [len(t["missing"]["people"]) for t in seen["teams"]] == named
        assert [t["missing"]["total"] for t in seen["teams"]] == [6, 2]


async def test_a_rollout_that_is_not_there_has_no_readiness(firm: Firm):
    assert (await firm.trainer.get(f"/v1/rollouts/{firm.learner.id}/readiness")).status_code == 404


# --- certificates and audiences


async def expire(firm: Firm, person: Person) -> None:
    """Let the person's certificates have run out yesterday."""
    await as_the_service(
        firm,
        "UPDATE certificate SET issued_on = current_date - 30, window_from = current_date - 9, "
        f"expires_on = current_date - 1 WHERE person_id = '{person.id}'",
    )


async def test_a_gate_that_was_passed_yesterday_is_closed_when_a_certificate_expires(firm: Firm):
    team_id, people = await sales(firm)
    taught = await published_curriculum(firm)
    await policy(firm, curriculum_id=taught["id"], valid_days=30, renewal_window_days=10)
    new = await in_training(firm, taught, team_ids=[team_id])
    await completed(firm, taught, *people)
    path = f"/v1/rollouts/{new['id']}"
    made(await firm.trainer.post(f"{path}/readiness"), 200)
    await expire(firm, people[2])
    closed = await firm.manager.post(f"{path}/go-live")
    assert closed.status_code == 409
    (team,) = closed.json()["teams"]
    assert (team["have"], team["need"]) == (4, 5)
    assert [p["name"] for p in team["missing"]["people"]] == ["Cilje"]
    # Learned anew, it counts again.
    await completed(firm, taught, people[2])
    made(await firm.manager.post(f"{path}/go-live"), 200)


async def test_a_competence_that_was_revoked_opens_no_gate(firm: Firm):
    taught = await published_curriculum(
        firm, course_set(await published_course(firm, competence="tills"))
    )
    new = await in_training(firm, taught, min_pct=1)
    await completed(firm, taught, firm.learner)
    held = made(await firm.learner.get("/v1/certificates", competence="tills"), 200)["items"][0]
    seen = f"/v1/rollouts/{new['id']}/readiness"
    assert made(await firm.manager.get(seen), 200)["trained"] == 1
    why = {"reason": "Somebody else sat there."}
    made(await firm.trainer.post(f"/v1/certificates/{held['id']}/revocation", why), 200)
    assert made(await firm.manager.get(seen), 200)["trained"] == 0
    assert (await firm.manager.post(f"/v1/rollouts/{new['id']}/go-live")).status_code == 409


async def test_a_revocation_beside_a_go_live_is_seen_or_waits(firm: Firm):
    taught = await published_curriculum(
        firm, course_set(await published_course(firm, competence="tills"))
    )
    new = await in_training(firm, taught, min_pct=1)
    await completed(firm, taught, firm.learner)
    held = made(await firm.learner.get("/v1/certificates", competence="tills"), 200)["items"][0]
    live, revoked = await asyncio.gather(
        firm.manager.post(f"/v1/rollouts/{new['id']}/go-live"),
        firm.trainer.post(f"/v1/certificates/{held['id']}/revocation", {"reason": "No."}),
    )
    assert revoked.status_code == 200
    assert live.status_code in (200, 409)


async def test_an_audience_says_whom_a_rollout_is_for(firm: Firm):
    team_id, people = await sales(firm, 3)
    those = await audience(firm, {"person": [str(p.id) for p in people[:2]]})
    taught = await published_curriculum(firm)
    new = await in_training(firm, taught, audience_id=those["id"], team_ids=[])
    assert (new["audience_id"], new["team_ids"]) == (those["id"], [])
    await completed(firm, taught, people[0])
    seen = made(await firm.manager.get(f"/v1/rollouts/{new['id']}/readiness"), 200)
    (team,) = seen["teams"]
    assert (team["of"], team["trained"], team["team_id"]) == (2, 1, team_id)
    assert team["left_out"]["people"] == [
        {"person_id": str(people[2].id), "name": "Cilje", "reason": "not_in_audience"}
    ]
    asked = await override(firm.trainer, {**new, "team_ids": [team_id]})
    assert asked["team_id"] == team_id
    elsewhere = {
        "team_id": str(firm.team_id),
        "reason": "r",
        "mitigation": "m",
        "expires_on": in_days(1),
    }
    refused = await firm.trainer.post(f"/v1/rollouts/{new['id']}/overrides", elsewhere)
    assert refused.status_code == 422
    found = made(await firm.learner.get("/v1/rollouts", audience_id=those["id"]), 200)
    assert [one["id"] for one in found["items"]] == [new["id"]]


async def test_people_without_a_team_are_judged_together(firm: Firm):
    alone = await firm.hire("Ensom")
    those = await audience(firm, {"person": [str(alone.id)]})
    taught = await published_curriculum(firm)
    new = await in_training(firm, taught, audience_id=those["id"], team_ids=[])
    closed = await firm.manager.post(f"/v1/rollouts/{new['id']}/go-live")
    (team,) = closed.json()["teams"]
    assert (team["team_id"], team["missing"]["people"][0]["name"]) == (None, "Ensom")
    await completed(firm, taught, alone)
    made(await firm.manager.post(f"/v1/rollouts/{new['id']}/go-live"), 200)


async def test_a_rollout_is_for_an_audience_or_for_teams(firm: Firm):
    those = await audience(firm, {"team": [str(firm.team_id)]})
    taught = await published_curriculum(firm)
    new = await rollout(firm, taught)
    path = f"/v1/rollouts/{new['id']}"
    both = {"audience_id": those["id"], "team_ids": [str(firm.team_id)]}
    refused = await firm.trainer.patch(path, both)
    assert refused.json()["errors"][0]["pointer"] == "/team_ids"
    unknown = await firm.trainer.patch(path, {"audience_id": str(firm.learner.id)})
    assert unknown.json()["errors"][0]["pointer"] == "/audience_id"
    changed = made(await firm.trainer.patch(path, {"audience_id": those["id"]}), 200)
    assert (changed["audience_id"], changed["team_ids"]) == (those["id"], [])
    made(await firm.trainer.post(f"{path}/planning"), 200)
    seen = made(await firm.manager.get(f"{path}/readiness"), 200)
    assert (seen["of"], seen["left_out"]) == (6, 0)
    back = made(await firm.trainer.patch(path, {"team_ids": both["team_ids"]}), 200)
    assert (back["audience_id"], back["team_ids"]) == (None, both["team_ids"])
    made(await firm.trainer.patch(path, {"audience_id": those["id"]}), 200)
    assert (await firm.trainer.delete(f"/v1/audiences/{those['id']}")).status_code == 409


# --- waivers


async def waive(firm: Firm, curriculum: dict, person: Person, **fields) -> dict:
    """Everything of the curriculum, waived for a person by the trainer."""
    given = await assignment(firm, curriculum, person, renew=True)
    why = {"reason": "tested_out", **fields}
    return made(await firm.trainer.post(f"/v1/assignments/{given['id']}/waivers", why))


async def test_the_gate_counts_whoever_is_waived_and_the_report_tells_them_apart(firm: Firm):
    new, taught, people = await four_of_five(firm)
    path = f"/v1/rollouts/{new['id']}"
    made(await firm.trainer.get(f"{path}/readiness"), 200)
    waived = await waive(firm, taught, people[4])
    assert (waived["state"], waived["waived"]) == ("completed", True)
    seen = made(await firm.manager.get(f"{path}/readiness"), 200)
    assert Readiness.model_validate(seen)
    figures = {n: seen[n] for n in ("of", "trained", "waived", "missing", "may_go_live")}
    assert figures == {"of": 5, "trained": 4, "waived": 1, "missing": 0, "may_go_live": True}
    (team,) = seen["teams"]
    assert (team["have"], team["trained"], team["need"], team["met"]) == (5, 4, 5, True)
    assert team["waived"] == {
        "total": 1,
        "people": [{"person_id": str(people[4].id), "name": "Eva"}],
    }
    assert team["missing"] == {"total": 0, "people": []}
    made(await firm.manager.post(f"{path}/go-live"), 200)
    (live,) = await told(firm, "rollout.launched")
    assert (live["data"]["gate"]["trained"], live["data"]["gate"]["waived"]) == (4, 1)


@pytest.mark.parametrize("reason", ["administrative", "tested_out"])
async def test_a_waiver_that_ran_out_yesterday_opens_no_gate_and_one_that_ends_today_does(
    firm: Firm, reason: str
):
    team_id, people = await sales(firm, 2)
    taught = await published_curriculum(firm)
    new = await in_training(firm, taught, team_ids=[team_id])
    path = f"/v1/rollouts/{new['id']}"
    for person in people:
        await waive(firm, taught, person, reason=reason, valid_until=in_days(0))
    seen = made(await firm.manager.get(f"{path}/readiness"), 200)
    assert (seen["waived"], seen["may_go_live"]) == (2, True)
    await as_the_service(
        firm,
        f"UPDATE assignment SET waived_until = current_date - 1 WHERE person_id = '{people[1].id}'",
    )
    closed = await firm.manager.post(f"{path}/go-live")
    assert closed.status_code == 409
    (team,) = closed.json()["teams"]
    assert [p["name"] for p in team["missing"]["people"]] == ["Bo"]
    assert team["detail"] == (
        "Sales: 1 of 2 are trained or waived (1 waived), 2 are needed. Missing: Bo."
    )


async def test_who_learnt_it_before_is_trained_although_a_later_cycle_was_waived(firm: Firm):
    team_id, (anna,) = await sales(firm, 1)
    taught = await published_curriculum(firm)
    new = await in_training(firm, taught, team_ids=[team_id])
    await completed(firm, taught, anna)
    await waive(firm, taught, anna)
    seen = made(await firm.manager.get(f"/v1/rollouts/{new['id']}/readiness"), 200)
    assert (seen["trained"], seen["waived"]) == (1, 0)


async def test_one_required_curriculum_by_waiver_and_one_learnt_is_waived(firm: Firm):
    team_id, (anna,) = await sales(firm, 1)
    first, second = await published_curriculum(firm), await published_curriculum(firm)
    new = await in_training(firm, first, second, team_ids=[team_id])
    await waive(firm, second, anna)
    path = f"/v1/rollouts/{new['id']}/readiness"
    seen = made(await firm.manager.get(path), 200)
    assert (seen["trained"], seen["waived"], seen["missing"]) == (0, 0, 1)
    assert seen["teams"][0]["missing"]["people"][0]["lacks"] == [first["id"]]
    await completed(firm, first, anna)
    seen = made(await firm.manager.get(path), 200)
    assert (seen["trained"], seen["waived"], seen["missing"]) == (0, 1, 0)
