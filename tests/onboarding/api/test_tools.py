"""Tools: who registers, reads, changes and removes them."""

from tests.conftest import Firm, Person
from tests.onboarding.makers import a_key, course, made


async def a_tool(person: Person, **fields):
    given = {"key": a_key("tool"), "name": "Kundeglimt", **fields}
    return made(await person.post("/v1/tools", given))


async def test_trainers_managers_and_admins_register_tools_and_everybody_reads_them(firm: Firm):
    for person in (firm.trainer, firm.manager, firm.admin):
        tool = await a_tool(person, competence="customer-service")
        assert tool["owner_id"] == str(person.id)
        read = await firm.learner.get(f"/v1/tools/{tool['id']}")
        assert (read.status_code, read.json()) == (200, tool)
    listed = (await firm.learner.get("/v1/tools", competence="customer-service")).json()
    assert len(listed["items"]) == 3


async def test_others_do_not_register_tools(firm: Firm):
    for person in (firm.learner, firm.seller, firm.lead):
        response = await person.post("/v1/tools", {"key": "tool", "name": "T"})
        assert response.status_code == 403


async def test_a_key_is_used_once(firm: Firm):
    tool = await a_tool(firm.trainer)
    again = await firm.trainer.post("/v1/tools", {"key": tool["key"], "name": "Another"})
    assert again.status_code == 409


async def test_an_unknown_owner_is_refused(firm: Firm, stranger: Person):
    given = {"key": "tool", "name": "T", "owner_id": str(stranger.id)}
    response = await firm.trainer.post("/v1/tools", given)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/owner_id"


async def test_its_owner_or_a_trainer_changes_a_tool(firm: Firm):
    tool = await a_tool(firm.manager, owner_id=str(firm.learner.id))
    path = f"/v1/tools/{tool['id']}"
    assert (await firm.learner.patch(path, {"name": "By its owner"})).status_code == 200
    changed = await firm.trainer.patch(path, {"link": "https://kundeglimt.example"})
    assert changed.json()["version"] == 3
    assert (await firm.manager.patch(path, {"name": "No"})).status_code == 403
    assert (await firm.trainer.patch(path, {"name": "No"}, etag='"1"')).status_code == 412
    assert (await firm.trainer.patch(path, {"name": "No"}, etag="")).status_code == 428
    assert (await firm.trainer.patch(path, {"key": "no"})).status_code == 422


async def test_a_tool_that_a_course_is_about_stays(firm: Firm):
    tool = await a_tool(firm.trainer)
    await course(firm.learner, tool_id=tool["id"])
    path = f"/v1/tools/{tool['id']}"
    assert (await firm.trainer.delete(path)).status_code == 409
    other = await a_tool(firm.trainer)
    assert (await firm.manager.delete(f"/v1/tools/{other['id']}")).status_code == 403
    assert (await firm.trainer.delete(f"/v1/tools/{other['id']}")).status_code == 204
    assert (await firm.trainer.get(f"/v1/tools/{other['id']}")).status_code == 404


async def test_another_organizations_tools_are_not_there(firm: Firm, stranger: Person):
    path = f"/v1/tools/{(await a_tool(firm.trainer))['id']}"
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.patch(path, {"name": "Mine"}, etag="*")).status_code == 404
    assert (await stranger.delete(path, etag="*")).status_code == 404
    assert (await stranger.get("/v1/tools")).json()["items"] == []
