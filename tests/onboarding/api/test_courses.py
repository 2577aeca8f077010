"""Courses: drafted by anybody, published by a trainer or the owner of the tool, and unchangeable from then on."""

import asyncio

import asyncpg
import pytest

from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    a_key,
    as_the_service,
    course,
    course_draft,
    made,
    published_course,
    told,
    unit,
)


async def test_any_employee_drafts_a_course(firm: Firm):
    new = await course(firm.learner, language="nb")
    assert (new["owner_id"], new["current_version"]) == (str(firm.learner.id), None)
    draft = await course_draft(
        firm.learner,
        new,
        units=[unit(), unit("watch", 15, kind="video", link="https://film.example/1")],
        grants={"competence": "customer-service", "level": 2},
    )
    assert (draft["number"], draft["state"], draft["minutes"]) == (1, "draft", 35)
    path = f"/v1/courses/{new['id']}/versions/1"
    changed = made(await firm.learner.patch(path, {"units": [unit(minutes=5)]}), 200)
    assert changed["minutes"] == 5
    assert changed["grants"] == {"competence": "customer-service", "level": 2}
    assert made(await firm.learner.patch(path, {"grants": None}), 200)["grants"] is None
    assert (await firm.learner.patch(path, {"grants": None}, etag='"1"')).status_code == 412


async def test_nobody_but_the_owner_and_trainers_writes_on_it(firm: Firm):
    new = await course(firm.learner)
    await course_draft(firm.learner, new)
    path = f"/v1/courses/{new['id']}"
    assert (await firm.seller.patch(path, {"title": "Mine now"})).status_code == 403
    assert (await firm.seller.post(f"{path}/versions", {})).status_code == 403
    assert (await firm.seller.patch(f"{path}/versions/1", {"units": []})).status_code == 403
    renamed = made(await firm.trainer.patch(path, {"title": "A better title"}), 200)
    assert renamed["title"] == "A better title"


async def test_a_trainer_publishes_and_the_newest_published_version_is_current(firm: Firm):
    new = await published_course(firm)
    path = f"/v1/courses/{new['id']}"
    second = await course_draft(firm.trainer, new, units=[unit(minutes=60)])
    assert second["number"] == 2
    assert (await firm.learner.get(path)).json()["current_version"] == 1
    published = made(await firm.trainer.post(f"{path}/versions/2/publication"), 200)
    assert published["state"] == "published"
    assert published["published_at"] is not None
    assert (await firm.learner.get(path)).json()["current_version"] == 2
    listed = (await firm.learner.get(f"{path}/versions", state="published")).json()["items"]
    assert [v["number"] for v in listed] == [2, 1]
    made(await firm.trainer.post(f"{path}/versions/2/retirement"), 200)
    assert (await firm.learner.get(path)).json()["current_version"] == 1


async def test_a_new_version_begins_with_what_the_last_one_had(firm: Firm):
    new = await published_course(firm, competence="selling", level=3, minutes=40)
    path = f"/v1/courses/{new['id']}/versions"
    second = made(await firm.trainer.post(path, {}))
    assert second["minutes"] == 40
    assert second["grants"] == {"competence": "selling", "level": 3}


async def test_the_owner_of_the_tool_publishes_what_is_taught_about_it(firm: Firm):
    given = {"key": a_key("tool"), "name": "Kundeglimt", "owner_id": str(firm.seller.id)}
    tool = made(await firm.trainer.post("/v1/tools", given))
    new = await course(firm.learner, tool_id=tool["id"])
    await course_draft(firm.learner, new)
    path = f"/v1/courses/{new['id']}/versions/1"
    for person in (firm.learner, firm.manager, firm.admin):
        assert (await person.post(f"{path}/publication")).status_code == 403
    assert (await firm.seller.post(f"{path}/publication")).status_code == 200
    assert (await firm.learner.post(f"{path}/retirement")).status_code == 403
    assert (await firm.seller.post(f"{path}/retirement")).status_code == 200


async def test_the_owner_of_the_tool_gives_by_a_course_no_competence_but_the_tools(firm: Firm):
    given = {"key": a_key("tool"), "name": "Kundeglimt", "competence": "kundeglimt"}
    tool = made(await firm.trainer.post("/v1/tools", {**given, "owner_id": str(firm.seller.id)}))
    new = await course(firm.seller, tool_id=tool["id"])
    await course_draft(firm.seller, new, grants={"competence": "customer-service", "level": 5})
    path = f"/v1/courses/{new['id']}/versions/1"
    assert (await firm.seller.post(f"{path}/publication")).status_code == 403
    other = {"competence": "customer-service"}
    assert (await firm.seller.patch(f"/v1/tools/{tool['id']}", other)).status_code == 403
    made(await firm.seller.patch(f"/v1/tools/{tool['id']}", {"name": "KundeGlimt"}), 200)
    made(await firm.trainer.patch(f"/v1/tools/{tool['id']}", {"competence": "kundeglimt"}), 200)
    own = {"grants": {"competence": "kundeglimt", "level": 5}}
    made(await firm.seller.patch(path, own), 200)
    made(await firm.seller.post(f"{path}/publication"), 200)


async def test_a_trainer_publishes_a_course_about_a_tool_with_any_competence(firm: Firm):
    given = {"key": a_key("tool"), "name": "Kundeglimt", "owner_id": str(firm.seller.id)}
    tool = made(await firm.trainer.post("/v1/tools", given))
    await published_course(firm, competence="customer-service", tool_id=tool["id"])


async def test_a_published_version_never_changes(firm: Firm):
    path = f"/v1/courses/{(await published_course(firm))['id']}/versions/1"
    refused = await firm.trainer.patch(path, {"units": [unit(minutes=1)]})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/frozen")
    again = await firm.trainer.post(f"{path}/publication")
    assert (again.status_code, again.json()["allowed"]) == (409, ["retire"])
    made(await firm.trainer.post(f"{path}/retirement"), 200)
    over = await firm.trainer.post(f"{path}/retirement")
    assert (over.status_code, over.json()["allowed"]) == (409, [])


@pytest.mark.parametrize(
    "change",
    [
        "units = '[]'",
        "minutes = minutes + 1",
        "competence = 'selling', level = 5",
        "number = 9",
        "state = 'draft', published_at = NULL",
        "state = 'retired', retired_at = now(), minutes = 1",
    ],
)
async def test_not_even_the_services_own_role_changes_what_was_published(firm: Firm, change: str):
    new = await published_course(firm)
    statement = f"UPDATE course_version SET {change} WHERE course_id = '{new['id']}'"
    with pytest.raises(asyncpg.CheckViolationError, match="never changes"):
        await as_the_service(firm, statement)


async def test_the_services_own_role_deletes_no_version(firm: Firm):
    await published_course(firm)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_the_service(firm, "DELETE FROM course_version")


async def test_of_two_publications_at_once_one_wins(firm: Firm):
    new = await course(firm.trainer)
    await course_draft(firm.trainer, new)
    path = f"/v1/courses/{new['id']}/versions/1/publication"
    answers = await asyncio.gather(*(firm.trainer.post(path) for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409, 409, 409]


async def test_versions_drafted_at_once_have_numbers_of_their_own(firm: Firm):
    new = await course(firm.trainer)
    drafts = await asyncio.gather(*(course_draft(firm.trainer, new) for _ in range(6)))
    assert sorted(d["number"] for d in drafts) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"units": [unit(minutes=0)]}, "/units/0/minutes"),
        ({"units": [unit(kind="dance")]}, "/units/0/kind"),
        ({"units": [unit(), unit()]}, "/units/1/key"),
        ({"units": [unit(kind="external_link")]}, "/units/0/link"),
        ({"grants": {"competence": "selling", "level": 6}}, "/grants/level"),
        ({"grants": {"competence": "Not a key", "level": 1}}, "/grants/competence"),
        ({"state": "published"}, "/state"),
    ],
)
async def test_a_version_that_cannot_be_right_is_refused_with_the_place(firm: Firm, body, pointer):
    new = await course(firm.trainer)
    response = await firm.trainer.post(f"/v1/courses/{new['id']}/versions", body)
    assert response.status_code == 422
    assert [e["pointer"] for e in response.json()["errors"]] == [pointer]


async def test_a_course_without_units_is_not_published(firm: Firm):
    new = await course(firm.trainer)
    await course_draft(firm.trainer, new, units=[])
    response = await firm.trainer.post(f"/v1/courses/{new['id']}/versions/1/publication")
    assert response.status_code == 422
    assert response.json()["missing"] == [{"field": "units"}]
    # Nothing was sent that could be wrong.
    assert response.json()["errors"] == [{"pointer": "/units", "detail": "This is required."}]


async def test_a_number_that_is_not_there_is_not_found(firm: Firm):
    path = f"/v1/courses/{(await published_course(firm))['id']}/versions"
    assert (await firm.trainer.get(f"{path}/2")).status_code == 404
    assert (await firm.trainer.post(f"{path}/2/publication")).status_code == 404
    assert (await firm.trainer.get(f"{path}/99999999999999")).status_code == 422


async def test_an_unknown_tool_is_refused(firm: Firm):
    given = {"key": "c", "title": "A course", "tool_id": str(firm.learner.id)}
    response = await firm.trainer.post("/v1/courses", given)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/tool_id"


async def test_another_organizations_courses_are_not_there(firm: Firm, stranger: Person):
    path = f"/v1/courses/{(await published_course(firm))['id']}"
    for address in (path, f"{path}/versions", f"{path}/versions/1"):
        assert (await stranger.get(address)).status_code == 404
    for address in ("versions", "versions/1/publication", "versions/1/retirement"):
        assert (await stranger.post(f"{path}/{address}", {})).status_code == 404
    assert (await stranger.patch(path, {"title": "Mine"}, etag="*")).status_code == 404
    assert (await stranger.patch(f"{path}/versions/1", {}, etag="*")).status_code == 404


async def test_publishing_and_retiring_tell_what_the_course_grants(firm: Firm):
    new = await published_course(firm, competence="selling", level=3)
    made(await firm.trainer.post(f"/v1/courses/{new['id']}/versions/1/retirement"), 200)
    mine = await told(firm, "course.published") + await told(firm, "course.retired")
    assert [e["subject"] for e in mine] == [f"courses/{new['id']}"] * 2
    assert [e["type"] for e in mine] == ["course.published", "course.retired"]
    for event in mine:
        assert event["data"] == {
            "course": {
                "id": new["id"],
                "key": new["key"],
                "title": new["title"],
                "version": 1,
            },
            "grants": {"competence": "selling", "level": 3},
        }
