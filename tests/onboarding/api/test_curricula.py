"""Curricula: a tree of courses, pinned at publication, and unchangeable from then on."""

import asyncio

import asyncpg
import pytest

from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    as_the_service,
    course,
    course_draft,
    course_set,
    curriculum,
    made,
    published_course,
    published_curriculum,
    unit,
)


async def test_a_published_curriculum_keeps_the_courses_that_were_current_then(firm: Firm):
    taught = await published_course(firm, competence="selling", minutes=20)
    new = await published_curriculum(firm, course_set(taught))
    await course_draft(firm.trainer, taught, units=[unit(minutes=90)])
    made(await firm.trainer.post(f"/v1/courses/{taught['id']}/versions/2/publication"), 200)
    path = f"/v1/curricula/{new['id']}/versions"
    first = (await firm.learner.get(f"{path}/1")).json()
    assert first["minutes"] == 20
    pinned = first["sets"][0]["courses"][0]
    assert (pinned["key"], pinned["course_version"]) == (taught["key"], 1)
    assert pinned["grants"] == {"competence": "selling", "level": 2}
    made(await firm.trainer.post(path, {}))
    second = made(await firm.trainer.post(f"{path}/2/publication"), 200)
    assert second["minutes"] == 90
    assert (await firm.learner.get(f"/v1/curricula/{new['id']}")).json()["current_version"] == 2


async def test_every_course_needs_a_published_version(firm: Firm):
    ready, unready = await published_course(firm), await course(firm.learner)
    await course_draft(firm.learner, unready)
    new = await curriculum(firm)
    path = f"/v1/curricula/{new['id']}/versions"
    made(await firm.trainer.post(path, {"sets": [course_set(ready, unready)]}))
    refused = await firm.trainer.post(f"{path}/1/publication")
    assert refused.status_code == 409
    assert [e["pointer"] for e in refused.json()["errors"]] == ["/sets/0/courses/1/course_id"]
    made(await firm.trainer.post(f"/v1/courses/{unready['id']}/versions/1/publication"), 200)
    assert (await firm.trainer.post(f"{path}/1/publication")).status_code == 200


async def test_trainers_and_managers_draft_and_a_trainer_publishes(firm: Firm):
    for person in (firm.learner, firm.seller, firm.lead, firm.admin):
        response = await person.post("/v1/curricula", {"key": "k", "title": "A title"})
        assert response.status_code == 403
    new = made(await firm.manager.post("/v1/curricula", {"key": "k", "title": "A title"}))
    path = f"/v1/curricula/{new['id']}"
    tree = {"sets": [course_set(await published_course(firm))]}
    made(await firm.manager.post(f"{path}/versions", tree))
    assert (await firm.learner.post(f"{path}/versions", tree)).status_code == 403
    assert (await firm.learner.patch(f"{path}/versions/1", tree)).status_code == 403
    assert (await firm.learner.patch(path, {"title": "Mine"})).status_code == 403
    assert (await firm.manager.post(f"{path}/versions/1/publication")).status_code == 403
    assert (await firm.trainer.post(f"{path}/versions/1/publication")).status_code == 200
    assert (await firm.manager.post(f"{path}/versions/1/retirement")).status_code == 403
    assert (await firm.trainer.post(f"{path}/versions/1/retirement")).status_code == 200
    renamed = await firm.manager.patch(path, {"title": "A better title"})
    assert renamed.json()["title"] == "A better title"


async def test_a_draft_is_changed_and_a_published_version_is_not(firm: Firm):
    new = await curriculum(firm)
    path = f"/v1/curricula/{new['id']}/versions"
    made(await firm.trainer.post(path, {}))
    assert (await firm.trainer.post(f"{path}/1/publication")).status_code == 422
    tree = {"sets": [course_set(await published_course(firm))]}
    changed = made(await firm.trainer.patch(f"{path}/1", tree), 200)
    assert changed["sets"][0]["courses"][0]["key"] is None
    assert (await firm.trainer.patch(f"{path}/1", tree, etag='"1"')).status_code == 412
    made(await firm.trainer.post(f"{path}/1/publication"), 200)
    assert (await firm.trainer.patch(f"{path}/1", tree)).status_code == 409


async def test_a_tree_that_cannot_be_right_is_refused_with_the_place(firm: Firm, stranger: Person):
    taught = await published_course(firm)
    path = f"/v1/curricula/{(await curriculum(firm))['id']}/versions"
    wrong = {
        "/sets/0/n": course_set(taught, rule="at_least_n", n=2),
        "/sets/0/min_points": course_set(taught, rule="min_points", min_points=5),
        "/sets/0/courses/1/course_id": course_set(taught, taught),
        "/sets/0/courses/0/course_id": course_set({"id": str(stranger.id)}),
        "/sets/0/courses": course_set(),
        "/sets/0/rule": course_set(taught, rule="whatever"),
    }
    for pointer, one in wrong.items():
        response = await firm.trainer.post(path, {"sets": [one]})
        assert response.status_code == 422
        assert [e["pointer"] for e in response.json()["errors"]] == [pointer]


async def test_of_two_publications_at_once_one_wins(firm: Firm):
    new = await curriculum(firm)
    path = f"/v1/curricula/{new['id']}/versions"
    made(await firm.trainer.post(path, {"sets": [course_set(await published_course(firm))]}))
    answers = await asyncio.gather(*(firm.trainer.post(f"{path}/1/publication") for _ in range(5)))
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409, 409]


async def test_versions_drafted_at_once_have_numbers_of_their_own(firm: Firm):
    path = f"/v1/curricula/{(await curriculum(firm))['id']}/versions"
    people = (firm.trainer, firm.manager) * 3
    drafts = await asyncio.gather(*(person.post(path, {}) for person in people))
    assert sorted(made(draft)["number"] for draft in drafts) == [1, 2, 3, 4, 5, 6]


async def test_not_even_the_services_own_role_changes_what_was_published(firm: Firm):
    new = await published_curriculum(firm)
    statement = f"UPDATE curriculum_version SET sets = '[]' WHERE curriculum_id = '{new['id']}'"
    with pytest.raises(asyncpg.CheckViolationError, match="never changes"):
        await as_the_service(firm, statement)


async def test_another_organizations_curricula_are_not_there(firm: Firm, stranger: Person):
    path = f"/v1/curricula/{(await published_curriculum(firm))['id']}"
    for address in (path, f"{path}/versions", f"{path}/versions/1"):
        assert (await stranger.get(address)).status_code == 404
    for address in ("versions", "versions/1/publication", "versions/1/retirement"):
        assert (await stranger.post(f"{path}/{address}", {})).status_code == 404
    assert (await stranger.patch(path, {"title": "Mine"}, etag="*")).status_code == 404
    assert (await stranger.patch(f"{path}/versions/1", {}, etag="*")).status_code == 404
    assert (await stranger.get("/v1/curricula")).json()["items"] == []
