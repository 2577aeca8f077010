"""Learners go on to a later version of their curriculum: previewed, with what they passed kept, all at once or not at all."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from services.onboarding.api.migrations import Migration
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    a_key,
    as_the_service,
    assessment,
    assignment,
    assignment_rule,
    attempt,
    audience,
    completion_path,
    course_draft,
    course_of,
    course_set,
    curriculum,
    handed_in,
    made,
    migration,
    next_version,
    published_course,
    published_curriculum,
    question_bank,
    told,
    true_or_false,
    unit,
)


async def shown(person: Person, given: dict) -> dict:
    return made(await person.get(f"/v1/assignments/{given['id']}"), 200)


def items(assignment: dict) -> dict:
    return {item["key"]: item for one in assignment["sets"] for item in one["items"]}


async def test_a_learner_midway_stays_on_their_version_until_they_are_migrated(firm: Firm):
    kept, dropped, new = [await published_course(firm) for _ in range(3)]
    last = await published_course(firm)
    taught = await published_curriculum(firm, course_set(kept, dropped, last))
    given = await assignment(firm, taught, due={"kind": "fixed", "on": "2190-01-07"})
    for one in (kept, dropped):
        made(await firm.learner.post(completion_path(given, one)), 200)
    await next_version(firm, taught, course_set(kept, new, last))
    before = await shown(firm.learner, given)
    assert (before["curriculum_version"], before["items_done"]) == (1, 2)

    preview = await migration(firm, taught, dry_run=True)
    assert Migration.model_validate(preview)
    assert (preview["moved"], preview["completed"], preview["unchanged"]) == (1, 0, 0)
    assert [i["key"] for i in preview["kept"]] == [kept["key"], last["key"]]
    assert [i["key"] for i in preview["new"]] == [new["key"]]
    assert [i["key"] for i in preview["dropped"]] == [dropped["key"]]
    [row] = preview["learners"]
    assert (row["assignment_id"], row["person_id"]) == (given["id"], str(firm.learner.id))
    assert (row["result"], row["state"], row["stays"]) == ("moved", "in_progress", None)
    assert row["kept"] == [kept["key"]]
    assert row["new"] == [new["key"]]
    assert row["dropped"] == [dropped["key"]]
    assert await shown(firm.learner, given) == before
    assert await told(firm, "assignment.migrated") == []

    applied = await migration(firm, taught)
    assert applied == {**preview, "dry_run": False}
    after = await shown(firm.learner, given)
    assert (after["curriculum_version"], after["state"], after["items_done"]) == (
        2,
        "in_progress",
        1,
    )
    assert (after["due_on"], after["due_basis"]) == (before["due_on"], before["due_basis"])
    assert items(after)[kept["key"]]["completed_at"] == items(before)[kept["key"]]["completed_at"]
    assert items(after)[new["key"]]["open"]
    [history] = after["dropped"]
    assert (history["key"], history["title"]) == (dropped["key"], dropped["title"])
    assert history["completed_at"] == items(before)[dropped["key"]]["completed_at"]
    [event] = await told(firm, "assignment.migrated")
    assert event["subject"] == f"assignments/{given['id']}"
    assert event["actorid"] == str(firm.trainer.id)
    assert event["data"]["before"] == {
        "curriculum_version": 1,
        "state": "in_progress",
        "items_done": 2,
    }
    assert event["data"]["after"] == {
        "curriculum_version": 2,
        "state": "in_progress",
        "items_done": 1,
    }
    assert event["data"]["dropped"] == [dropped["key"]]

    again = await migration(firm, taught)
    assert (again["moved"], again["unchanged"], again["learners"]) == (0, 0, [])
    for one in (new, last):
        made(await firm.learner.post(completion_path(given, one)), 200)
    assert (await shown(firm.learner, given))["state"] == "completed"


async def test_whoever_has_all_that_the_new_version_asks_for_has_completed_it(firm: Firm):
    able, rest = await published_course(firm, competence="selling"), await published_course(firm)
    taught = await published_curriculum(firm, course_set(able, rest))
    given = await assignment(firm, taught)
    made(await firm.learner.post(completion_path(given, able)), 200)
    other = await assignment(firm, taught, firm.seller)
    await next_version(firm, taught, course_set(able))
    preview = await migration(firm, taught, dry_run=True)
    assert {row["result"] for row in preview["learners"]} == {"completed", "moved"}
    applied = await migration(firm, taught)
    assert (applied["moved"], applied["completed"]) == (2, 1)
    done = await shown(firm.learner, given)
    assert (done["state"], done["waived"]) == ("completed", False)
    assert done["completed_at"] is not None
    [completed] = await told(firm, "assignment.completed")
    assert completed["data"]["person_id"] == str(firm.learner.id)
    certificates = made(await firm.learner.get("/v1/certificates"), 200)["items"]
    assert {one["curriculum_id"] for one in certificates} == {None, taught["id"]}
    still = await shown(firm.seller, other)
    assert (still["state"], still["started_at"]) == ("assigned", None)


async def test_a_renewal_that_is_completed_so_takes_the_place_of_the_certificate_before(firm: Firm):
    one, more = await published_course(firm), await published_course(firm)
    taught = await published_curriculum(firm, course_set(one))
    first = await assignment(firm, taught)
    made(await firm.learner.post(completion_path(first, one)), 200)
    await next_version(firm, taught, course_set(one, more))
    second = await assignment(firm, taught, renew=True)
    assert (second["cycle"], second["curriculum_version"]) == (2, 2)
    made(await firm.learner.post(completion_path(second, one)), 200)
    await next_version(firm, taught, course_set(one))
    assert (await migration(firm, taught, 2, 3))["completed"] == 1
    states = [
        c["state"]
        for c in made(await firm.learner.get("/v1/certificates"), 200)["items"]
        if c["curriculum_id"] == taught["id"]
    ]
    assert sorted(states) == ["renewed", "valid"]


async def test_who_stays_is_told_with_the_reason(firm: Firm):
    one, more = await published_course(firm), await published_course(firm)
    taught = await published_curriculum(firm, course_set(one, more))
    done, gone, resting, ready = [
        await assignment(firm, taught, person)
        for person in (firm.learner, firm.seller, firm.lead, firm.manager)
    ]
    for key in (one, more):
        made(await firm.learner.post(completion_path(done, key)), 200)
    made(await firm.manager.post(completion_path(ready, one)), 200)
    reason = {"reason": "On leave."}
    made(await firm.trainer.post(f"/v1/assignments/{gone['id']}/withdrawal", reason), 200)
    for given in (resting, ready):
        made(await firm.trainer.post(f"/v1/assignments/{given['id']}/suspension", reason), 200)
    await next_version(firm, taught, course_set(one))
    later = await assignment(firm, taught, firm.admin)

    everybody = await migration(firm, taught, dry_run=True)
    stays = {row["assignment_id"]: row["stays"] for row in everybody["learners"]}
    # Completing what rests would end it unseen: it goes on first, and is then migrated.
    assert stays == {
        done["id"]: "completed",
        gone["id"]: "withdrawn",
        resting["id"]: None,
        ready["id"]: "suspended",
    }
    named = {"assignment_ids": [done["id"], later["id"], resting["id"]]}
    rows = (await migration(firm, taught, body=named))["learners"]
    assert {row["assignment_id"]: row["stays"] for row in rows} == {
        done["id"]: "completed",
        later["id"]: "another_version",
        resting["id"]: None,
    }
    moved = await shown(firm.trainer, resting)
    assert (moved["state"], moved["curriculum_version"]) == ("suspended", 2)
    assert (await shown(firm.trainer, ready))["curriculum_version"] == 1
    made(await firm.trainer.post(f"/v1/assignments/{ready['id']}/resumption", {}), 200)
    assert (await migration(firm, taught))["completed"] == 1


async def test_of_many_learners_a_page_is_listed_and_all_are_counted(firm: Firm):
    one, new = await published_course(firm), await published_course(firm)
    taught = await published_curriculum(firm, course_set(one))
    for person in (firm.learner, firm.seller, firm.lead):
        await assignment(firm, taught, person)
    await next_version(firm, taught, course_set(new))
    first = await migration(firm, taught, dry_run=True, limit=2)
    assert (first["moved"], len(first["learners"])) == (3, 2)
    second = await migration(firm, taught, dry_run=True, limit=2, after=first["next"])
    assert (second["moved"], len(second["learners"]), second["next"]) == (3, 1, None)
    assert len({r["assignment_id"] for r in first["learners"] + second["learners"]}) == 3
    applied = await migration(firm, taught, limit=1)
    assert (applied["moved"], len(applied["learners"]), applied["next"]) == (3, 1, None)
    listed = await firm.trainer.get(
        "/v1/assignments", curriculum_id=taught["id"], curriculum_version=2
    )
    assert len(made(listed, 200)["items"]) == 3


async def test_the_same_key_gets_the_same_answer_and_two_at_once_move_everybody_once(firm: Firm):
    one, new = await published_course(firm), await published_course(firm)
    taught = await published_curriculum(firm, course_set(one))
    await assignment(firm, taught)
    await next_version(firm, taught, course_set(one, new))
    path = f"/v1/curricula/{taught['id']}/migrations"
    body = {"from_version": 1, "to_version": 2}
    answers = await asyncio.gather(*(firm.trainer.post(path, body) for _ in range(4)))
    assert sorted(made(a, 200)["moved"] for a in answers) == [0, 0, 0, 1]
    assert len(await told(firm, "assignment.migrated")) == 1
    await assignment(firm, taught, firm.seller)
    await next_version(firm, taught, course_set(one))
    key = a_key("migration")
    body = {"from_version": 2, "to_version": 3}
    first = await firm.trainer.post(path, body, key=key)
    assert made(first, 200)["moved"] == 2
    assert (await firm.trainer.post(path, body, key=key)).json() == first.json()


async def test_an_item_that_is_completed_meanwhile_is_not_lost(firm: Firm):
    courses = [await published_course(firm) for _ in range(4)]
    taught = await published_curriculum(firm, course_set(*courses))
    given = await assignment(firm, taught)
    await next_version(firm, taught, course_set(*courses[:3]))
    path = f"/v1/curricula/{taught['id']}/migrations"
    answers = await asyncio.gather(
        firm.trainer.post(path, {"from_version": 1, "to_version": 2}),
        *(firm.learner.post(completion_path(given, one)) for one in courses[:3]),
    )
    assert [a.status_code for a in answers] == [200] * 4
    done = await shown(firm.learner, given)
    assert (done["state"], done["items_done"]) == ("completed", 3)


async def test_waived_items_count_and_those_alone_certify_nothing(firm: Firm):
    one, two, three = [await published_course(firm) for _ in range(3)]
    taught = await published_curriculum(firm, course_set(one, two, three))
    given = await assignment(firm, taught)
    waiver = {"reason": "administrative", "valid_until": "2190-01-07"}
    for each in (one, two):
        path = f"/v1/assignments/{given['id']}/items/{each['key']}/waivers"
        made(await firm.trainer.post(path, waiver))
    await next_version(firm, taught, course_set(one))
    preview = await migration(firm, taught, dry_run=True)
    [row] = preview["learners"]
    assert (row["kept"], row["dropped"]) == ([one["key"]], [two["key"]])
    assert (await migration(firm, taught))["completed"] == 1
    assert (await shown(firm.learner, given))["waived"]
    assert made(await firm.learner.get("/v1/certificates"), 200)["items"] == []


async def test_what_was_dropped_counts_again_where_a_later_version_has_it_again(firm: Firm):
    one, two = await published_course(firm), await published_course(firm)
    taught = await published_curriculum(firm, course_set(one, two))
    given = await assignment(firm, taught)
    made(await firm.learner.post(completion_path(given, one)), 200)
    await next_version(firm, taught, course_set(two))
    await migration(firm, taught)
    without = await shown(firm.learner, given)
    assert (without["state"], without["items_done"], without["started_at"]) == (
        "assigned",
        0,
        None,
    )
    await next_version(firm, taught, course_set(one, two))
    back = await migration(firm, taught, 2, 3)
    assert (back["learners"][0]["kept"], back["learners"][0]["new"]) == ([one["key"]], [])
    again = await shown(firm.learner, given)
    assert (again["state"], again["items_done"], again["dropped"]) == ("in_progress", 1, [])


async def test_a_course_passed_at_an_earlier_version_stays_passed(firm: Firm):
    taught_course = await published_course(firm, competence="selling", level=2)
    other = await published_course(firm)
    taught = await published_curriculum(firm, course_set(taught_course, other))
    given = await assignment(firm, taught)
    made(await firm.learner.post(completion_path(given, taught_course)), 200)
    await course_draft(
        firm.trainer,
        taught_course,
        units=[unit(minutes=90)],
        grants={"competence": "selling", "level": 4},
    )
    path = f"/v1/courses/{taught_course['id']}/versions/2/publication"
    made(await firm.trainer.post(path), 200)
    await next_version(firm, taught, course_set(taught_course, other))
    preview = await migration(firm, taught)
    versions = {
        i["key"]: (i["from_course_version"], i["to_course_version"]) for i in preview["kept"]
    }
    assert versions[taught_course["key"]] == (1, 2)
    item = items(await shown(firm.learner, given))[taught_course["key"]]
    assert (item["course_version"], item["completed_version"]) == (2, 1)
    coverage = made(await firm.trainer.get("/v1/coverage", competence="selling"), 200)
    assert [p["level"] for p in coverage["people"]] == [2]


async def test_an_attempt_whose_course_is_dropped_meanwhile_is_handed_in_and_completes_nothing(
    firm: Firm,
):
    quizzed, other = await course_of(firm, "quiz"), await published_course(firm)
    quiz = await assessment(
        firm,
        await question_bank(firm, true_or_false()),
        course_id=quizzed["id"],
        unit_key="unit-0",
    )
    taught = await published_curriculum(firm, course_set(quizzed, other))
    given = await assignment(firm, taught)
    begun = await attempt(firm.learner, quiz)
    await next_version(firm, taught, course_set(other))
    await migration(firm, taught)
    passed = await handed_in(firm.learner, begun, {"1": True})
    assert passed["state"] == "passed"
    assert (await shown(firm.learner, given))["items_done"] == 0
    refused = await firm.learner.post(f"/v1/assessments/{quiz['id']}/attempts", {})
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"from_version": 2, "to_version": 1}, 422, "/to_version"),
        ({"from_version": 1, "to_version": 1}, 422, "/to_version"),
        ({"from_version": 9, "to_version": 10}, 422, "/from_version"),
        ({"from_version": 1, "to_version": 9}, 422, "/to_version"),
        ({"from_version": 0, "to_version": 2}, 422, "/from_version"),
        ({"from_version": 1, "to_version": 2**31}, 422, "/to_version"),
        ({"from_version": "1", "to_version": 2}, 422, "/from_version"),
        ({"from_version": 1, "to_version": 2, "assignment_ids": []}, 422, "/assignment_ids"),
        ({"from_version": 1, "to_version": 2, "to": 3}, 422, "/to"),
        ({"to_version": 2}, 422, "/from_version"),
        ({"from_version": 1, "to_version": 3}, 409, None),
        ({"from_version": 3, "to_version": 4}, 409, None),
    ],
)
async def test_a_step_that_cannot_be_taken_is_refused(firm: Firm, body, status, pointer):
    one = await published_course(firm)
    taught = await published_curriculum(firm, course_set(one))
    await next_version(firm, taught, course_set(one))
    path = f"/v1/curricula/{taught['id']}"
    made(await firm.trainer.post(f"{path}/versions", {}))
    await next_version(firm, taught, course_set(one))
    for dry_run in (True, False):
        refused = await firm.trainer.post(f"{path}/migrations", body, dry_run=dry_run)
        assert refused.status_code == status
        if pointer is not None:
            assert [e["pointer"] for e in refused.json()["errors"]] == [pointer]


async def test_nobody_goes_on_to_a_retired_version_and_everybody_may_leave_one(firm: Firm):
    one = await published_course(firm)
    taught = await published_curriculum(firm, course_set(one))
    given = await assignment(firm, taught)
    path = f"/v1/curricula/{taught['id']}/versions"
    for number in (2, 3):
        await next_version(firm, taught, course_set(one))
        assert number == 2 or made(await firm.trainer.post(f"{path}/2/retirement"), 200)
    made(await firm.trainer.post(f"{path}/1/retirement"), 200)
    refused = await firm.trainer.post(
        f"/v1/curricula/{taught['id']}/migrations", {"from_version": 1, "to_version": 2}
    )
    assert refused.status_code == 409
    assert (await migration(firm, taught, 1, 3))["moved"] == 1
    assert (await shown(firm.learner, given))["curriculum_version"] == 3


async def test_assignments_that_are_not_of_the_curriculum_are_refused_by_name(firm: Firm):
    one = await published_course(firm)
    taught = await published_curriculum(firm, course_set(one))
    mine = await assignment(firm, taught)
    other = await assignment(firm, await published_curriculum(firm))
    await next_version(firm, taught, course_set(one))
    body = {
        "from_version": 1,
        "to_version": 2,
        "assignment_ids": [mine["id"], other["id"], str(UUID(int=1))],
    }
    refused = await firm.trainer.post(f"/v1/curricula/{taught['id']}/migrations", body)
    assert refused.status_code == 422
    pointers = [e["pointer"] for e in refused.json()["errors"]]
    assert pointers == ["/assignment_ids/1", "/assignment_ids/2"]
    assert (await shown(firm.learner, mine))["curriculum_version"] == 1


async def test_only_trainers_migrate_and_strangers_see_nothing(firm: Firm, stranger: Person):
    taught = await published_curriculum(firm)
    path = f"/v1/curricula/{taught['id']}/migrations"
    body = {"from_version": 1, "to_version": 2}
    for person in (firm.learner, firm.manager, firm.admin, firm.lead, firm.seller):
        assert (await person.post(path, body)).status_code == 403
    assert (await stranger.post(path, body)).status_code == 404


async def test_not_even_the_services_own_role_moves_an_assignment_back_or_elsewhere(firm: Firm):
    one = await published_course(firm)
    taught = await published_curriculum(firm, course_set(one))
    elsewhere = await published_curriculum(firm)
    await next_version(firm, taught, course_set(one))
    await assignment(firm, taught)
    for curriculum_id, number in ((taught["id"], 1), (elsewhere["id"], 1)):
        with pytest.raises(asyncpg.CheckViolationError, match="later published version"):
            await as_the_service(
                firm,
                "UPDATE assignment SET curriculum_version_id = (SELECT id FROM curriculum_version "
                f"WHERE curriculum_id = '{curriculum_id}' AND number = {number})",
            )


async def test_a_rule_gives_the_newest_published_version_and_waits_where_there_is_none(firm: Firm):
    one, two = await published_course(firm), await published_course(firm)
    taught = await curriculum(firm)
    path = f"/v1/curricula/{taught['id']}/versions"
    made(await firm.trainer.post(path, {"sets": [course_set(one)]}))
    rule = {"team": [str(firm.team_id)]}
    group = await audience(firm, rule)
    await assignment_rule(firm, group, taught)
    waiting = made(await firm.trainer.get("/v1/assignments/exceptions"), 200)["items"]
    assert {x["reason"] for x in waiting} == {"nothing_published"}
    # Published, it is assigned to everybody who waited for it.
    made(await firm.trainer.post(f"{path}/1/publication"), 200)
    page = made(await firm.trainer.get("/v1/assignments", curriculum_id=taught["id"]), 200)
    assert {a["person_id"] for a in page["items"]} == {x["person_id"] for x in waiting}
    left = made(await firm.trainer.get("/v1/assignments/exceptions"), 200)["items"]
    assert left == []
    await next_version(firm, taught, course_set(two))
    newcomer = await firm.hire("Ny", team_id=firm.team_id)
    [given] = made(await newcomer.get("/v1/assignments"), 200)["items"]
    assert given["curriculum_version"] == 2
    # The newest is retired: the one before it is what is assigned.
    made(await firm.trainer.post(f"{path}/2/retirement"), 200)
    later = await firm.hire("Nyere", team_id=firm.team_id)
    [given] = made(await later.get("/v1/assignments"), 200)["items"]
    assert given["curriculum_version"] == 1
    learns_on = await shown(newcomer, made(await newcomer.get("/v1/me/learning"), 200)["open"][0])
    made(await newcomer.post(completion_path(learns_on, two)), 200)
    assert (await shown(newcomer, learns_on))["state"] == "completed"
