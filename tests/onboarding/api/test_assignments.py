"""What happens to an assignment: it is worked through, rests, goes on, is taken back; and who may see it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.caller import Role
from services.onboarding.api.assignments import AssignmentDetail, AssignmentPage
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    assignment,
    completion_path,
    course_set,
    made,
    managed,
    published_course,
    published_curriculum,
    told,
)

TODAY = datetime.now(UTC).date()


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


async def test_a_learner_works_through_a_curriculum(firm: Firm):
    selling = await published_course(firm, competence="selling", level=3, minutes=20)
    listening = await published_course(firm, minutes=30)
    extra = await published_course(firm, minutes=50)
    taught = await published_curriculum(
        firm,
        course_set(selling, listening, rule="all_in_order"),
        course_set(extra, rule="at_least_n", n=1),
    )
    given = await assignment(firm, taught)
    assert AssignmentDetail.model_validate(given)
    assert (given["state"], given["next_item"]) == ("assigned", selling["key"])
    assert (given["minutes"], given["minutes_left"]) == (100, 100)

    early = await firm.learner.post(completion_path(given, listening))
    assert early.status_code == 409
    assert selling["key"] in early.json()["detail"]

    begun = made(await firm.learner.post(completion_path(given, selling)), 200)
    assert (begun["state"], begun["minutes_left"], begun["items_done"]) == ("in_progress", 80, 1)
    assert begun["next_item"] == listening["key"]
    assert begun["version"] == given["version"] + 1
    again = await firm.learner.post(completion_path(given, selling))
    assert again.status_code == 409

    made(await firm.trainer.post(completion_path(given, extra)), 200)
    done = made(await firm.learner.post(completion_path(given, listening)), 200)
    assert AssignmentDetail.model_validate(done)
    assert (done["state"], done["next_item"], done["minutes_left"]) == ("completed", None, 0)
    assert [s["done"] for s in done["sets"]] == [True, True]
    assert (await firm.learner.post(completion_path(given, extra))).status_code == 409

    assert len(await told(firm, "item.completed")) == 3
    assert len(await told(firm, "assignment.completed")) == 1
    (granted,) = await told(firm, "competence.granted")
    certificate_id = granted["data"]["certificate_id"]
    assert granted["data"] == {
        "person_id": str(firm.learner.id),
        "competence": "selling",
        "level": 3,
        "granted_on": in_days(0),
        "expires_on": None,
        "course_id": selling["id"],
        "course_version": 1,
        "assignment_id": given["id"],
        "certificate_id": certificate_id,
    }


async def test_an_item_completed_many_times_at_once_is_completed_once(firm: Firm):
    taught = await published_course(firm, competence="selling")
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    path = completion_path(given, taught)
    answers = await asyncio.gather(*(firm.learner.post(path) for _ in range(5)))
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409, 409]
    assert len(await told(firm, "competence.granted")) == 1


async def test_a_learner_in_flight_stays_on_their_version(firm: Firm):
    first, second = await published_course(firm), await published_course(firm)
    taught = await published_curriculum(firm, course_set(first))
    given = await assignment(firm, taught)
    path = f"/v1/curricula/{taught['id']}/versions"
    made(await firm.trainer.post(path, {"sets": [course_set(second)]}))
    made(await firm.trainer.post(f"{path}/2/publication"), 200)
    made(await firm.trainer.post(f"{path}/1/retirement"), 200)
    kept = (await firm.learner.get(f"/v1/assignments/{given['id']}")).json()
    assert kept["curriculum_version"] == 1
    assert (await firm.learner.post(completion_path(given, second))).status_code == 404
    assert made(await firm.learner.post(completion_path(given, first)), 200)["state"] == "completed"
    fresh = await assignment(firm, taught, renew=True)
    assert (fresh["curriculum_version"], fresh["id"] != given["id"]) == (2, True)


async def test_only_the_learner_and_trainers_complete(firm: Firm):
    taught = await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    for person in (firm.manager, firm.admin, firm.seller):
        assert (await person.post(completion_path(given, taught))).status_code == 403
    assert (await firm.learner.post(completion_path(given, "no-such-item"))).status_code == 404
    assert (await firm.learner.post(completion_path(given, "No Such"))).status_code == 422


async def test_nothing_is_completed_before_the_start(firm: Firm):
    taught = await published_course(firm)
    given = await assignment(
        firm, await published_curriculum(firm, course_set(taught)), starts_on=in_days(3)
    )
    assert (given["state"], given["next_item"]) == ("scheduled", None)
    refused = await firm.learner.post(completion_path(given, taught))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-move")
    assert in_days(3) in refused.json()["detail"]


async def test_it_rests_goes_on_and_is_taken_back(firm: Firm):
    taught = await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    path = f"/v1/assignments/{given['id']}"
    why = {"reason": "On leave until August."}
    for verb in ("suspension", "resumption", "withdrawal"):
        for person in (firm.learner, firm.admin, firm.seller):
            assert (await person.post(f"{path}/{verb}", why)).status_code == 403
    assert (await firm.trainer.post(f"{path}/suspension", {})).status_code == 422
    await managed(firm, firm.learner)
    resting = made(await firm.manager.post(f"{path}/suspension", why), 200)
    assert (resting["state"], resting["reason"]) == ("suspended", why["reason"])
    assert (await firm.learner.post(completion_path(given, taught))).status_code == 409
    again = await firm.manager.post(f"{path}/suspension", why)
    assert (again.status_code, again.json()["allowed"]) == (409, ["resume", "withdraw"])
    assert made(await firm.trainer.post(f"{path}/resumption", {}), 200)["state"] == "assigned"
    assert (await firm.trainer.post(f"{path}/resumption", {})).status_code == 409
    assert made(await firm.trainer.post(f"{path}/withdrawal", why), 200)["state"] == "withdrawn"
    ended = await firm.trainer.post(f"{path}/withdrawal", why)
    assert (ended.status_code, ended.json()["allowed"]) == (409, [])
    for verb in ("suspended", "resumed", "withdrawn"):
        assert len(await told(firm, f"assignment.{verb}")) == 1


async def test_whoever_leaves_rests_and_goes_on_when_they_are_back(firm: Firm):
    leaver = await firm.hire("Lei Leaver")
    open_one = await assignment(firm, await published_curriculum(firm), leaver)
    resting = await assignment(firm, await published_curriculum(firm), leaver)
    path = f"/v1/assignments/{resting['id']}"
    made(await firm.trainer.post(f"{path}/suspension", {"reason": "On leave."}), 200)

    made(await firm.admin.patch(f"/v1/people/{leaver.id}", {"active": False}), 200)
    await firm.product.catch_up()
    states = {
        a["id"]: a["state"]
        for a in (await firm.trainer.get("/v1/assignments", person_id=str(leaver.id))).json()[
            "items"
        ]
    }
    assert states == {open_one["id"]: "suspended", resting["id"]: "suspended"}
    by_hand = await firm.trainer.post(f"/v1/assignments/{open_one['id']}/resumption", {})
    assert by_hand.status_code == 409

    made(await firm.admin.patch(f"/v1/people/{leaver.id}", {"active": True}), 200)
    await firm.product.catch_up()
    assert (await firm.trainer.get(f"/v1/assignments/{open_one['id']}")).json()[
        "state"
    ] == "assigned"
    assert (await firm.trainer.get(path)).json()["state"] == "suspended"


async def test_everybody_sees_their_own_and_their_peoples_trainers_and_admins_everybodys(
    firm: Firm,
):
    taught = await published_curriculum(firm)
    mine, other = await assignment(firm, taught), await assignment(firm, taught, firm.seller)

    async def seen_by(person: Person, **filters) -> set[str]:
        page = made(await person.get("/v1/assignments", **filters), 200)
        assert AssignmentPage.model_validate(page)
        return {a["id"] for a in page["items"]}

    for person in (firm.trainer, firm.admin):
        assert await seen_by(person, curriculum_id=taught["id"]) == {mine["id"], other["id"]}
    assert await seen_by(firm.learner) == {mine["id"]}
    assert await seen_by(firm.manager) == await seen_by(firm.lead) == set()
    others = f"/v1/assignments/{other['id']}"
    team, seller = {"team_id": str(firm.team_id)}, {"person_id": str(firm.seller.id)}
    for person, status in ((firm.learner, 403), (firm.lead, 403), (firm.manager, 404)):
        assert (await person.get(others)).status_code == status
        for filters in (team, seller):
            assert (await person.get("/v1/assignments", **filters)).status_code == status

    await managed(firm, firm.learner)
    assert await seen_by(firm.manager) == await seen_by(firm.manager, **team) == {mine["id"]}
    assert await seen_by(firm.manager, person_id=str(firm.learner.id)) == {mine["id"]}
    assert (await firm.manager.get(f"/v1/assignments/{mine['id']}")).status_code == 200
    assert (await firm.manager.get(others)).status_code == 404

    lead = {"lead_id": str(firm.lead.id)}
    made(await firm.admin.patch(f"/v1/teams/{firm.team_id}", lead), 200)
    await firm.product.catch_up()
    both = {mine["id"], other["id"]}
    assert await seen_by(firm.lead) == await seen_by(firm.lead, **team) == both
    assert (await firm.lead.get(others)).status_code == 200
    # Who sees is not who steers.
    why = {"reason": "On leave."}
    assert (await firm.lead.post(f"{others}/suspension", why)).status_code == 403


async def test_a_manager_steers_what_their_people_learn_and_nobody_elses_nor_their_own(firm: Firm):
    taught = await published_curriculum(firm)
    other, own = await assignment(firm, taught), await assignment(firm, taught, firm.manager)
    why = {"reason": "On leave."}
    for verb, body in (
        ("suspension", why),
        ("resumption", {}),
        ("withdrawal", why),
        ("extensions", {**why, "due_on": in_days(90)}),
    ):
        refused = await firm.manager.post(f"/v1/assignments/{other['id']}/{verb}", body)
        assert refused.status_code == 404, verb
    refused = await firm.manager.post(f"/v1/assignments/{own['id']}/suspension", why)
    assert refused.status_code == 403


async def test_lists_are_filtered_by_state_and_by_what_is_overdue(firm: Firm):
    late = await assignment(
        firm, await published_curriculum(firm), due={"kind": "fixed", "on": in_days(-1)}
    )
    today = await assignment(
        firm, await published_curriculum(firm), due={"kind": "fixed", "on": in_days(0)}
    )
    to_come = await assignment(firm, await published_curriculum(firm), starts_on=in_days(2))
    assert (late["overdue"], today["overdue"]) == (True, False)

    async def ids(**filters) -> list[str]:
        return [
            a["id"] for a in (await firm.learner.get("/v1/assignments", **filters)).json()["items"]
        ]

    assert await ids(overdue="true") == [late["id"]]
    assert await ids(overdue="false") == [to_come["id"], today["id"]]
    assert await ids(state="scheduled") == [to_come["id"]]
    assert await ids(state="assigned", overdue="true") == [late["id"]]
    first = (await firm.learner.get("/v1/assignments", limit=2)).json()
    assert [a["id"] for a in first["items"]] == [to_come["id"], today["id"]]
    assert await ids(limit=2, after=first["next"]) == [late["id"]]


async def test_another_organizations_assignments_are_not_there(firm: Firm, stranger: Person):
    taught = await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    path = f"/v1/assignments/{given['id']}"
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.post(completion_path(given, taught))).status_code == 404
    for verb in ("suspension", "resumption", "withdrawal"):
        assert (await stranger.post(f"{path}/{verb}", {"reason": "Mine"})).status_code == 404
    assert (await stranger.get("/v1/assignments")).json()["items"] == []


@pytest.mark.parametrize("filters", [{"state": "late"}, {"overdue": "perhaps"}, {"person": "x"}])
async def test_filters_that_do_not_exist_are_refused(firm: Firm, filters: dict):
    assert (await firm.trainer.get("/v1/assignments", **filters)).status_code == 422


async def test_nobody_steers_their_own_assignment(firm: Firm):
    taught = await published_curriculum(firm)
    for person in (firm.trainer, firm.manager):
        given = await assignment(firm, taught, person, due={"kind": "fixed", "on": "2190-01-01"})
        path = f"/v1/assignments/{given['id']}"
        why = {"reason": "I know it."}
        for verb in ("suspension", "withdrawal", "resumption"):
            assert (await person.post(f"{path}/{verb}", why)).status_code == 403
        later = {
            "curriculum_id": taught["id"],
            "person_id": str(person.id),
            "due": {"kind": "fixed", "on": "2195-01-01"},
        }
        again = made(await person.post("/v1/assignments", later), 200)
        assert (again["id"], again["due_on"]) == (given["id"], "2190-01-01")
    other = await firm.hire("Tuva", Role.trainer)
    made(await other.post(f"{path}/suspension", why), 200)
