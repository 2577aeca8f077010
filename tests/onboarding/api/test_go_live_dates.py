"""Due dates of a rollout's assignment rules: counted back from its day, following it, and ending with it."""

import asyncio
from datetime import UTC, date, datetime, timedelta

from services.onboarding.domain.working_days import WorkingDays
from tests.conftest import Firm, Person
from tests.onboarding.api.test_assigning import assignments_of, in_days
from tests.onboarding.makers import (
    assignment,
    assignment_rule,
    audience,
    in_training,
    made,
    managed,
    published_curriculum,
    rollout,
    told,
)

TODAY = datetime.now(UTC).date()


def before(day: str, working_days: int) -> str:
    found = WorkingDays(country="NO").before(date.fromisoformat(day), working_days)
    assert found is not None
    return found.isoformat()


async def of(firm: Firm, curriculum: dict, person: Person | None = None) -> dict:
    """The assignment that the person, or the learner, has of the curriculum."""
    whose = str((person or firm.learner).id)
    [found] = [a for a in await assignments_of(firm, curriculum) if a["person_id"] == whose]
    return found


async def a_rule(firm: Firm, launch: dict, taught: dict, *people: Person, **fields) -> dict:
    """A rule of the rollout that assigns to people, the learner by default, due five working days before."""
    those = await audience(firm, {"person": [str(p.id) for p in people or (firm.learner,)]})
    due = {"kind": "before_go_live", "working_days": 5, "rollout_id": launch["id"]}
    return await assignment_rule(firm, those, taught, **{"due": due, **fields})


async def move(firm: Firm, launch: dict, day: str) -> None:
    made(await firm.trainer.patch(f"/v1/rollouts/{launch['id']}", {"go_live_on": day}), 200)


async def complete(firm: Firm, taught: dict, person: Person) -> None:
    """The person completes what they were assigned."""
    path = f"/v1/assignments/{(await of(firm, taught, person))['id']}"
    for one in made(await person.get(path), 200)["sets"]:
        for item in one["items"]:
            made(await person.post(f"{path}/items/{item['key']}/completion"), 200)


async def exceptions(firm: Firm, **params) -> list[dict]:
    return made(await firm.trainer.get("/v1/assignments/exceptions", **params), 200)["items"]


async def test_a_rule_of_a_rollout_counts_back_from_its_day_and_follows_it(firm: Firm):
    taught = await published_curriculum(firm)
    launch = await in_training(firm, taught, go_live_on=in_days(60))
    rule = await a_rule(firm, launch, taught)
    assert rule["due"]["rollout_id"] == launch["id"]
    assert (rule["due"]["go_live_on"], rule["due"]["working_days"]) == (in_days(60), 5)
    given = await of(firm, taught)
    assert given["due_on"] == before(in_days(60), 5)
    assert given["sources"][0]["due"] == {
        "kind": "before_go_live",
        "days": 5,
        "on": before(in_days(60), 5),
    }
    for day in (in_days(90), in_days(30)):
        await move(firm, launch, day)
        moved = await of(firm, taught)
        assert (moved["id"], moved["due_on"]) == (given["id"], before(day, 5))
        assert moved["due_basis"] == {"kind": "before_go_live", "days": 5}
        seen = made(await firm.trainer.get(f"/v1/assignment-rules/{rule['id']}"), 200)
        assert seen["due"]["go_live_on"] == day
    changed = await told(firm, "assignment.changed")
    assert [e["data"]["after"]["due_on"] for e in changed] == [
        before(in_days(90), 5),
        before(in_days(30), 5),
    ]
    assert changed[0]["actorid"] == str(firm.trainer.id)
    assert len(await told(firm, "assignment-rule.changed")) == 2
    listed = made(await firm.trainer.get("/v1/assignment-rules", rollout_id=launch["id"]), 200)
    assert [one["id"] for one in listed["items"]] == [rule["id"]]
    # Whoever joins later is due by the day as it is now.
    later = await firm.hire("Sen", team_id=firm.team_id)
    path = f"/v1/audiences/{rule['audience_id']}"
    made(await firm.trainer.patch(path, {"rule": {"person": [str(later.id)]}}), 200)
    assert (await of(firm, taught, later))["due_on"] == before(in_days(30), 5)


async def test_more_time_that_was_given_is_kept_when_the_day_moves(firm: Firm):
    taught = await published_curriculum(firm)
    launch = await in_training(firm, taught, go_live_on=in_days(60))
    await a_rule(firm, launch, taught)
    given = await of(firm, taught)
    more = {"due_on": in_days(70), "reason": "On leave."}
    made(await firm.trainer.post(f"/v1/assignments/{given['id']}/extensions", more))
    for day in (in_days(90), in_days(30), in_days(2)):
        await move(firm, launch, day)
        kept = await of(firm, taught)
        assert (kept["due_on"], kept["due_basis"]) == (in_days(70), {"kind": "fixed", "days": None})
    assert await exceptions(firm) == []


async def test_the_earliest_of_what_the_sources_ask_for_counts_when_the_day_moves(firm: Firm):
    taught = await published_curriculum(firm)
    launch = await in_training(firm, taught, go_live_on=in_days(30))
    await assignment(firm, taught, due={"kind": "fixed", "on": in_days(50)})
    await a_rule(firm, launch, taught)
    assert (await of(firm, taught))["due_on"] == before(in_days(30), 5)
    await move(firm, launch, in_days(90))
    moved = await of(firm, taught)
    assert (moved["due_on"], moved["due_basis"]["kind"]) == (in_days(50), "fixed")
    await move(firm, launch, in_days(120))
    assert (await of(firm, taught))["version"] > moved["version"]
    assert (await of(firm, taught))["due_on"] == in_days(50)
    await move(firm, launch, in_days(40))
    back = await of(firm, taught)
    assert (back["due_on"], back["due_basis"]["kind"]) == (before(in_days(40), 5), "before_go_live")


async def test_a_day_that_comes_too_near_is_an_exception_until_there_is_time_again(firm: Firm):
    taught = await published_curriculum(firm)
    launch = await in_training(firm, taught, go_live_on=in_days(60))
    rule = await a_rule(firm, launch, taught, firm.learner, firm.seller)
    await complete(firm, taught, firm.seller)
    given = await of(firm, taught)
    for day in (in_days(3), in_days(2)):
        await move(firm, launch, day)
        kept = await of(firm, taught)
        assert (kept["due_on"], kept["state"]) == (given["due_on"], "assigned")
        [late] = await exceptions(firm)
        assert (late["reason"], late["person_id"]) == ("too_little_time", str(firm.learner.id))
        assert (late["assignment_id"], late["rule_id"]) == (given["id"], rule["id"])
    assert len(await told(firm, "assignment.excepted")) == 1
    seen = made(await firm.trainer.get(f"/v1/assignment-rules/{rule['id']}"), 200)
    assert seen["exceptions"] == 1
    assert made(await firm.manager.get("/v1/assignments/exceptions"), 200)["items"] == []
    await managed(firm, firm.learner)
    theirs = made(await firm.manager.get("/v1/assignments/exceptions"), 200)["items"]
    assert [one["id"] for one in theirs] == [late["id"]]
    # Somebody new has too little time from the start.
    new = await firm.hire("Sen")
    those = [str(p.id) for p in (firm.learner, new)]
    path = f"/v1/audiences/{rule['audience_id']}"
    made(await firm.trainer.patch(path, {"rule": {"person": those}}), 200)
    both = await exceptions(firm)
    assert {(x["person_id"], x["assignment_id"]) for x in both} == {
        (str(firm.learner.id), given["id"]),
        (str(new.id), None),
    }
    await move(firm, launch, in_days(40))
    assert await exceptions(firm) == []
    for person in (firm.learner, new):
        assert (await of(firm, taught, person))["due_on"] == before(in_days(40), 5)
    assert len(await told(firm, "assignment.cleared")) == 2


async def test_an_exception_goes_when_the_assignment_is_over_or_got_more_time(firm: Firm):
    taught = await published_curriculum(firm)
    launch = await in_training(firm, taught, go_live_on=in_days(60))
    await a_rule(firm, launch, taught, firm.learner, firm.seller, firm.lead)
    await move(firm, launch, in_days(3))
    assert len(await exceptions(firm)) == 3
    await complete(firm, taught, firm.learner)
    more = {"due_on": in_days(80), "reason": "They start in spring."}
    path = f"/v1/assignments/{(await of(firm, taught, firm.seller))['id']}/extensions"
    made(await firm.trainer.post(path, more))
    why = {"reason": "Works elsewhere."}
    path = f"/v1/assignments/{(await of(firm, taught, firm.lead))['id']}/withdrawal"
    made(await firm.trainer.post(path, why), 200)
    assert await exceptions(firm) == []


async def test_a_cancelled_rollout_takes_back_what_nobody_else_asks_for(firm: Firm):
    taught = await published_curriculum(firm)
    launch = await in_training(firm, taught, go_live_on=in_days(30))
    fixed = {"kind": "fixed", "on": in_days(50)}
    await assignment(firm, taught, firm.seller, due=fixed)
    rule = await a_rule(firm, launch, taught, firm.learner, firm.seller, firm.lead)
    await complete(firm, taught, firm.lead)
    why = {"reason": "The supplier is gone."}
    made(await firm.trainer.post(f"/v1/rollouts/{launch['id']}/cancellation", why), 200)
    gone = await of(firm, taught)
    assert (gone["state"], gone["reason"]) == ("withdrawn", "The rollout was cancelled.")
    assert [s["held"] for s in gone["sources"]] == [False]
    still = await of(firm, taught, firm.seller)
    assert (still["state"], still["due_on"]) == ("assigned", in_days(50))
    assert still["due_basis"] == {"kind": "fixed", "days": None}
    assert [s.get("held") for s in still["sources"]] == [None, False]
    assert (await of(firm, taught, firm.lead))["state"] == "completed"
    path = f"/v1/assignment-rules/{rule['id']}"
    assert made(await firm.trainer.get(path), 200)["active"] is False
    assert (await firm.trainer.post(f"{path}/activation")).status_code == 409
    [event] = await told(firm, "assignment.withdrawn")
    assert event["data"]["person_id"] == str(firm.learner.id)
    # With another day, the rule is one like any other.
    due = {"kind": "before_go_live", "working_days": 5, "go_live_on": in_days(60)}
    made(await firm.trainer.patch(path, {"due": due}), 200)
    made(await firm.trainer.post(f"{path}/activation"), 200)


async def test_a_rule_that_keeps_keeps_what_it_gave_also_when_the_rollout_is_cancelled(firm: Firm):
    taught = await published_curriculum(firm)
    launch = await in_training(firm, taught, go_live_on=in_days(30))
    await a_rule(firm, launch, taught, on_leave="keep")
    given = await of(firm, taught)
    why = {"reason": "The supplier is gone."}
    made(await firm.trainer.post(f"/v1/rollouts/{launch['id']}/cancellation", why), 200)
    kept = await of(firm, taught)
    assert (kept["state"], kept["due_on"]) == ("assigned", given["due_on"])


async def test_a_rule_that_rests_moves_nothing_until_it_is_active_again(firm: Firm):
    taught = await published_curriculum(firm)
    launch = await in_training(firm, taught, go_live_on=in_days(60))
    rule = await a_rule(firm, launch, taught)
    given = await of(firm, taught)
    path = f"/v1/assignment-rules/{rule['id']}"
    made(await firm.trainer.post(f"{path}/deactivation"), 200)
    await move(firm, launch, in_days(90))
    assert (await of(firm, taught))["due_on"] == given["due_on"]
    assert made(await firm.trainer.get(path), 200)["due"]["go_live_on"] == in_days(90)
    made(await firm.trainer.post(f"{path}/activation"), 200)
    assert (await of(firm, taught))["due_on"] == before(in_days(90), 5)


async def test_a_rule_names_a_rollout_that_is_ahead_or_a_day(firm: Firm, stranger: Person):
    taught = await published_curriculum(firm)
    launch = await rollout(firm, taught)
    over = await rollout(firm, taught)
    path = f"/v1/rollouts/{over['id']}/cancellation"
    made(await firm.trainer.post(path, {"reason": "No."}), 200)
    those = await audience(firm, {"person": [str(firm.learner.id)]})
    for due in (
        {"rollout_id": launch["id"], "go_live_on": in_days(9)},
        {"rollout_id": over["id"]},
        {"rollout_id": str(stranger.id)},
    ):
        given = {
            "name": "They learn it",
            "audience_id": those["id"],
            "curriculum_id": taught["id"],
            "due": {"kind": "before_go_live", "working_days": 5, **due},
        }
        refused = await firm.trainer.post("/v1/assignment-rules", given)
        assert refused.status_code == 422, due
        assert refused.json()["errors"][0]["pointer"] == "/due/rollout_id"
        idle = await assignment_rule(firm, those, taught, active=False)
        path = f"/v1/assignment-rules/{idle['id']}"
        assert (await firm.trainer.patch(path, {"due": given["due"]})).status_code == 422
    unlike = {"kind": "before_go_live", "working_days": 5, "rollout_id": launch["id"]}
    given = {"curriculum_id": taught["id"], "person_id": str(firm.learner.id), "due": unlike}
    assert (await firm.trainer.post("/v1/assignments", given)).status_code == 422


async def test_the_day_moves_while_somebody_joins_and_everybody_is_due_by_the_new_one(firm: Firm):
    taught = await published_curriculum(firm)
    launch = await in_training(firm, taught, go_live_on=in_days(60))
    those = await audience(firm, {"job_role": ["advisor"]})
    due = {"kind": "before_go_live", "working_days": 5, "rollout_id": launch["id"]}
    await assignment_rule(firm, those, taught, due=due)
    path = f"/v1/rollouts/{launch['id']}"
    people, *_ = await asyncio.gather(
        asyncio.gather(*(firm.hire(f"P{n}", job_role="advisor") for n in range(4))),
        *(firm.trainer.patch(path, {"go_live_on": in_days(90)}, etag="*") for _ in range(3)),
        firm.trainer.post(
            "/v1/assignment-rules",
            {
                "name": "Too",
                "audience_id": those["id"],
                "curriculum_id": taught["id"],
                "due": due,
            },
        ),
    )
    await firm.product.catch_up()
    for person in people:
        assert (await of(firm, taught, person))["due_on"] == before(in_days(90), 5)


async def test_a_paused_rollout_keeps_its_dates(firm: Firm):
    taught = await published_curriculum(firm)
    launch = await in_training(firm, taught, go_live_on=in_days(60))
    await a_rule(firm, launch, taught)
    path = f"/v1/rollouts/{launch['id']}"
    made(await firm.trainer.post(f"{path}/pause", {"reason": "Holidays."}), 200)
    assert (await of(firm, taught))["due_on"] == before(in_days(60), 5)
    await move(firm, launch, (TODAY + timedelta(days=80)).isoformat())
    assert (await of(firm, taught))["due_on"] == before(in_days(80), 5)
