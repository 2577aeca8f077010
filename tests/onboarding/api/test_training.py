"""What a learner sees of their own, a manager of a team, and anybody of who is trained."""

from datetime import UTC, datetime, timedelta

from services.onboarding.api.training import Coverage, MyLearning, TrainingMatrix
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    assignment,
    completion_path,
    course,
    course_draft,
    course_set,
    made,
    published_course,
    published_curriculum,
)

TODAY = datetime.now(UTC).date()


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


async def test_a_learner_sees_what_is_open_first_what_is_due_first_and_what_is_done(firm: Firm):
    first, second = await published_course(firm), await published_course(firm, minutes=45)
    done = await assignment(firm, await published_curriculum(firm, course_set(first)))
    made(await firm.learner.post(completion_path(done, first)), 200)
    later = await assignment(firm, await published_curriculum(firm))
    late = await assignment(
        firm,
        await published_curriculum(firm, course_set(second)),
        due={"kind": "fixed", "on": in_days(-2)},
    )
    to_come = await assignment(
        firm,
        await published_curriculum(firm),
        starts_on=in_days(5),
        due={"kind": "after_assignment", "days": 5},
    )
    gone = await assignment(firm, await published_curriculum(firm))
    why = {"reason": "Not needed."}
    made(await firm.trainer.post(f"/v1/assignments/{gone['id']}/withdrawal", why), 200)

    mine = made(await firm.learner.get("/v1/me/learning"), 200)
    assert MyLearning.model_validate(mine)
    assert [a["id"] for a in mine["open"]] == [late["id"], to_come["id"], later["id"]]
    assert [a["id"] for a in mine["done"]] == [done["id"]]
    assert (mine["overdue"], mine["minutes_left"]) == (1, 65)
    assert mine["next"] == {
        "assignment_id": late["id"],
        "item_key": second["key"],
        "title": second["title"],
        "due_on": in_days(-2),
    }
    item = mine["done"][0]["sets"][0]["items"][0]
    assert item["completed_at"] is not None
    assert not item["open"]


async def test_somebody_without_assignments_has_nothing_to_learn(firm: Firm):
    mine = made(await firm.seller.get("/v1/me/learning"), 200)
    assert mine == {"open": [], "done": [], "next": None, "overdue": 0, "minutes_left": 0}


async def test_a_team_is_seen_against_what_is_taught(firm: Firm):
    basics = await published_course(firm, competence="selling", level=1)
    advanced = await published_course(firm, competence="selling", level=4)
    draft = await course(firm.trainer)
    await course_draft(firm.trainer, draft)
    taught = await published_curriculum(firm, course_set(basics, advanced))
    done = await assignment(firm, taught)
    begun = await assignment(firm, taught, firm.seller, due={"kind": "fixed", "on": in_days(-1)})
    await assignment(firm, taught, firm.lead, starts_on=in_days(9))
    for item in (basics, advanced):
        made(await firm.learner.post(completion_path(done, item)), 200)
    made(await firm.seller.post(completion_path(begun, basics)), 200)
    gone = await firm.hire("Borte", team_id=firm.team_id)
    made(await firm.admin.patch(f"/v1/people/{gone.id}", {"active": False}), 200)
    await firm.product.catch_up()

    path = f"/v1/teams/{firm.team_id}/training-matrix"
    seen = {
        by: made(await firm.trainer.get(path, by=by), 200)
        for by in ("curriculum", "course", "competence")
    }
    for matrix in seen.values():
        assert TrainingMatrix.model_validate(matrix)
        assert [p["person_id"] for p in matrix["left_out"]] == [str(gone.id)]
        assert len(matrix["people"]) == 6

    def cells(by: str, person: Person) -> list[dict]:
        return next(p["cells"] for p in seen[by]["people"] if p["person_id"] == str(person.id))

    (column,) = seen["curriculum"]["columns"]
    assert (column["key"], column["trained"], column["of"]) == (taught["key"], 1, 6)
    states = [cells("curriculum", p)[0] for p in (firm.learner, firm.seller, firm.lead, firm.admin)]
    assert [c["state"] for c in states] == ["completed", "in_progress", "scheduled", None]
    assert [c["overdue"] for c in states] == [False, True, False, False]

    trained = {c["key"]: c["trained"] for c in seen["course"]["columns"]}
    assert trained == {basics["key"]: 2, advanced["key"]: 1}
    assert [c["key"] for c in seen["competence"]["columns"]] == ["selling"]
    assert [cells("competence", p)[0]["level"] for p in (firm.learner, firm.seller)] == [4, 1]


async def test_a_manager_sees_the_own_team_another_one_is_not_there_and_a_learner_sees_none(
    firm: Firm,
):
    path = f"/v1/teams/{firm.team_id}/training-matrix"
    for person in (firm.trainer, firm.admin):
        assert (await person.get(path)).status_code == 200
    for person in (firm.learner, firm.lead, firm.seller):
        assert (await person.get(path)).status_code == 403
    assert (await firm.manager.get(path)).status_code == 404
    mine = {"manager_id": str(firm.manager.id)}
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", mine), 200)
    lead = {"lead_id": str(firm.lead.id)}
    made(await firm.admin.patch(f"/v1/teams/{firm.team_id}", lead), 200)
    other = made(await firm.admin.post("/v1/teams", {"name": "Kundeservice"}))
    await firm.product.catch_up()
    for person, people in ((firm.manager, 1), (firm.lead, 6)):
        assert len(made(await person.get(path), 200)["people"]) == people
        assert (await person.get(path, by="mood")).status_code == 422
    others = f"/v1/teams/{other['id']}/training-matrix"
    assert (await firm.manager.get(others)).status_code == 404
    assert (await firm.lead.get(others)).status_code == 403


async def test_another_organizations_team_and_an_unknown_one_are_not_there(
    firm: Firm, stranger: Person
):
    path = f"/v1/teams/{firm.team_id}/training-matrix"
    assert (await stranger.get(path)).status_code == 404
    assert (
        await firm.manager.get(f"/v1/teams/{firm.learner.id}/training-matrix")
    ).status_code == 404


async def test_coverage_names_who_is_trained_at_the_level_on_the_day(firm: Firm, stranger: Person):
    basics = await published_course(firm, competence="selling", level=2)
    given = await assignment(firm, await published_curriculum(firm, course_set(basics)))

    async def covered(person: Person = firm.seller, **query) -> dict:
        found = made(await person.get("/v1/coverage", competence="selling", **query), 200)
        assert Coverage.model_validate(found)
        return found

    gap = await covered(level=2)
    assert (gap["state"], gap["trained"], gap["of"], gap["people"]) == ("known", 0, 6, [])
    made(await firm.learner.post(completion_path(given, basics)), 200)
    found = await covered(level=2)
    assert found["trained"] == 1
    assert found["people"] == [
        {
            "person_id": str(firm.learner.id),
            "name": firm.learner.name,
            "team_id": str(firm.team_id),
            "level": 2,
            "since": in_days(0),
            "expires_on": None,
        }
    ]
    assert (await covered(level=3))["trained"] == 0
    assert (await covered(on=in_days(-1)))["trained"] == 0
    assert (await covered(on=in_days(90)))["trained"] == 1
    assert (await covered(stranger))["state"] == "unknown"
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", {"active": False}), 200)
    await firm.product.catch_up()
    gone = await covered()
    assert (gone["trained"], gone["of"]) == (0, 5)


async def test_coverage_is_for_those_who_promise_staff_and_train(firm: Firm):
    path = "/v1/coverage"
    assert (await firm.learner.get(path, competence="selling")).status_code == 403
    for person in (firm.seller, firm.lead, firm.manager, firm.trainer, firm.admin):
        made(await person.get(path, competence="selling"), 200)


async def test_a_competence_that_no_published_course_grants_is_unknown(firm: Firm):
    draft = await course(firm.trainer)
    grants = {"competence": "flying", "level": 1}
    await course_draft(firm.trainer, draft, grants=grants)
    found = made(await firm.lead.get("/v1/coverage", competence="flying"), 200)
    assert (found["state"], found["people"]) == ("unknown", [])


async def test_coverage_asks_for_a_competence_and_a_level_that_can_be(firm: Firm):
    for query in ({}, {"competence": "selling", "level": 6}, {"competence": "a b"}):
        assert (await firm.lead.get("/v1/coverage", **query)).status_code == 422
    late = await firm.lead.get("/v1/coverage", competence="selling", on="9999-12-31")
    assert late.status_code == 422
