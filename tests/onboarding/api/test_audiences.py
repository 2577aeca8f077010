"""Audiences: who is in them by a rule, who joins and leaves, and why."""

from datetime import UTC, datetime, timedelta

import pytest

from services.onboarding.domain.audience_upkeep import follow_calendar_due
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    assignment_rule,
    audience,
    made,
    published_curriculum,
    rollout,
    told,
)

NOW = datetime.now(UTC)
TODAY = NOW.date()
ADVISOR = {"job_role": ["advisor"]}


async def change(firm: Firm, person: Person, **fields) -> None:
    """Change a person in the directory, and let onboarding hear of it."""
    made(await firm.admin.patch(f"/v1/people/{person.id}", fields), 200)
    await firm.product.catch_up()


async def members(firm: Firm, audience: dict) -> list[str]:
    page = made(await firm.manager.get(f"/v1/audiences/{audience['id']}/members"), 200)
    return [one["name"] for one in page["items"]]


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ({"job_role": ["advisor", "seller"]}, ["Ane", "Bo", "Cai"]),
        ({"and": [ADVISOR, {"location": ["Oslo"]}]}, ["Ane"]),
        ({"or": [{"tag": ["till"]}, {"location": ["Bergen"]}]}, ["Bo", "Cai"]),
        ({"and": [ADVISOR, {"not": {"location": ["Oslo"]}}]}, ["Bo"]),
        # Of whom no place is known, it is not known to be Oslo.
        ({"and": [{"tag": ["till"]}, {"not": {"location": ["Oslo"]}}]}, ["Cai"]),
        ({"hire_date": {"within_days": 10}}, ["Ane"]),
        ({"hire_date": {"after": (TODAY - timedelta(days=40)).isoformat()}}, ["Ane", "Bo"]),
        (
            {
                "hire_date": {
                    "before": TODAY.isoformat(),
                    "after": (TODAY - timedelta(days=40)).isoformat(),
                    "within_days": 35,
                }
            },
            ["Ane", "Bo"],
        ),
        ({"job_role": ["nobody's"]}, []),
    ],
)
async def test_a_rule_finds_people_by_what_the_directory_says(firm: Firm, rule, names):
    await firm.hire("Ane", job_role="advisor", location="Oslo", hire_date=TODAY - timedelta(days=5))
    await firm.hire(
        "Bo", job_role="advisor", location="Bergen", hire_date=TODAY - timedelta(days=30)
    )
    await firm.hire("Cai", job_role="seller", tags=["till"])
    await firm.hire("Dan", job_role="advisor", location="Oslo", active=False)
    found = await audience(firm, rule)
    assert (found["members"], found["empty"]) == (len(names), not names)
    assert sorted(await members(firm, found)) == names


async def test_teams_managers_and_people_are_named_by_id(firm: Firm):
    led = await firm.hire("Led by the manager", manager_id=firm.manager.id)
    by_team = await audience(firm, {"team": [str(firm.team_id)]})
    assert by_team["members"] == 6
    by_manager = await audience(firm, {"manager": [str(firm.manager.id)]})
    assert await members(firm, by_manager) == [led.name]
    named = await audience(firm, {"not": {"person": [str(led.id)]}})
    assert named["members"] == 6


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({}, "/rule"),
        ({"and": [ADVISOR, {"colour": ["red"]}]}, "/rule/and/1/colour"),
        ({"not": {"or": []}}, "/rule/not/or"),
        (
            {"or": [ADVISOR, {"team": ["00000000-0000-0000-0000-000000000001"]}]},
            "/rule/or/1/team/0",
        ),
        ({"manager": ["00000000-0000-0000-0000-000000000001"]}, "/rule/manager/0"),
        ({"or": [ADVISOR] * 101}, "/rule/or"),
        ({"not": {"not": {"or": [ADVISOR] * 99}}}, "/rule"),
        (None, "/rule"),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_with_the_place(firm: Firm, rule, pointer):
    for path in ("/v1/audiences", "/v1/audiences/preview"):
        given = {"rule": rule} if path.endswith("preview") else {"name": "Odd", "rule": rule}
        refused = await firm.trainer.post(path, given)
        assert refused.status_code == 422, refused.text
        assert pointer in [e["pointer"] for e in refused.json()["errors"]]


async def test_nobody_is_found_across_organizations(firm: Firm, stranger: Person):
    theirs = {"person": [str(stranger.id)]}
    refused = await firm.trainer.post("/v1/audiences", {"name": "Theirs", "rule": theirs})
    assert refused.json()["errors"][0]["pointer"] == "/rule/person/0"
    ours = await audience(firm, ADVISOR)
    for path in ("", "/members", "/preview"):
        assert (await stranger.get(f"/v1/audiences/{ours['id']}{path}")).status_code == 404


async def test_trainers_write_managers_and_admins_read_and_nobody_else(firm: Firm):
    ours = await audience(firm, ADVISOR)
    path = f"/v1/audiences/{ours['id']}"
    given = {"name": "Mine", "rule": ADVISOR}
    for person in (firm.manager, firm.admin, firm.learner, firm.seller):
        assert (await person.post("/v1/audiences", given)).status_code == 403
        assert (await person.patch(path, {"name": "Mine"}, etag="*")).status_code == 403
        assert (await person.post(f"{path}/refresh")).status_code == 403
        assert (await person.delete(path, etag="*")).status_code == 403
    for person, status in ((firm.manager, 200), (firm.admin, 200), (firm.learner, 403)):
        for read in ("/v1/audiences", path, f"{path}/members", f"{path}/preview"):
            assert (await person.get(read)).status_code == status
        tried = await person.post("/v1/audiences/preview", {"rule": ADVISOR})
        assert tried.status_code == status


async def test_a_preview_says_who_joins_who_leaves_and_why_and_writes_nothing(firm: Firm):
    ane = await firm.hire("Ane", job_role="advisor", location="Oslo")
    bo = await firm.hire("Bo", job_role="advisor", location="Bergen")
    cai = await firm.hire("Cai", job_role="seller", location="Oslo")
    ours = await audience(firm, ADVISOR)
    rule = {"and": [{"job_role": ["advisor", "seller"]}, {"location": ["Oslo"]}]}
    given = {"rule": rule, "audience_id": ours["id"]}
    told_first = made(await firm.manager.post("/v1/audiences/preview", given), 200)
    assert {n: told_first[n] for n in ("matching", "members", "joins", "leaves", "empty")} == {
        "matching": 2,
        "members": 2,
        "joins": 1,
        "leaves": 1,
        "empty": False,
    }
    by_person = {one["person_id"]: one for one in told_first["items"]}
    assert by_person[str(bo.id)]["change"] == "leaves"
    assert by_person[str(bo.id)]["because"] == [
        {"pointer": "/and/1", "kind": "location", "holds": False}
    ]
    assert by_person[str(cai.id)]["change"] == "joins"
    assert [b["pointer"] for b in by_person[str(cai.id)]["because"]] == ["/and/0", "/and/1"]
    assert str(ane.id) not in by_person
    page = made(await firm.manager.post("/v1/audiences/preview", given, limit=1), 200)
    assert len(page["items"]) == 1
    rest = made(
        await firm.manager.post("/v1/audiences/preview", given, limit=1, after=page["next"]), 200
    )
    assert page["items"] + rest["items"] == told_first["items"]
    assert rest["next"] is None
    only_in = made(
        await firm.manager.post("/v1/audiences/preview", {**given, "mode": "enrol_only"}), 200
    )
    assert (only_in["joins"], only_in["leaves"]) == (1, 0)
    empty = made(await firm.manager.post("/v1/audiences/preview", {"rule": {"tag": ["none"]}}), 200)
    assert empty["empty"]
    assert sorted(await members(firm, ours)) == ["Ane", "Bo"]
    made(await firm.trainer.patch(f"/v1/audiences/{ours['id']}", {"rule": rule}), 200)
    assert sorted(await members(firm, ours)) == ["Ane", "Cai"]


async def test_members_follow_the_directory_as_the_mode_says(firm: Firm):
    person = await firm.hire("Ane", job_role="advisor")
    modes = {
        mode: await audience(firm, ADVISOR, mode=mode)
        for mode in ("dynamic", "enrol_only", "fixed")
    }
    await change(firm, person, job_role="seller")
    other = await firm.hire("Bo", job_role="advisor")
    found = {mode: await members(firm, one) for mode, one in modes.items()}
    assert found == {"dynamic": ["Bo"], "enrol_only": ["Ane", "Bo"], "fixed": ["Ane"]}
    path = f"/v1/audiences/{modes['fixed']['id']}"
    waiting = made(await firm.manager.get(f"{path}/preview"), 200)
    assert [(m["person_id"], m["change"]) for m in waiting["items"]] == [
        (str(person.id), "leaves"),
        (str(other.id), "joins"),
    ]
    assert made(await firm.trainer.post(f"{path}/refresh"), 200) == {"joined": 1, "left": 1}
    assert await members(firm, modes["fixed"]) == ["Bo"]
    refreshed = [e["data"] for e in await told(firm, "audience.refreshed")]
    assert {"joined": 0, "left": 1} in refreshed
    unfrozen = made(await firm.trainer.patch(path, {"mode": "dynamic"}), 200)
    assert unfrozen["members"] == 1


async def test_members_are_listed_page_by_page(firm: Firm):
    ours = await audience(firm, {"team": [str(firm.team_id)]})
    path = f"/v1/audiences/{ours['id']}/members"
    first = made(await firm.manager.get(path, limit=4), 200)
    rest = made(await firm.manager.get(path, limit=4, after=first["next"]), 200)
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (4, 2, None)
    assert (await firm.manager.get(path, after="rubbish")).status_code == 422


async def test_days_alone_let_people_leave(firm: Firm):
    await firm.hire("Ane", hire_date=TODAY - timedelta(days=5))
    ours = await audience(firm, {"hire_date": {"within_days": 7}})
    taught = await published_curriculum(firm)
    await assignment_rule(firm, ours, taught)
    assert ours["moves_with_time"]
    database = firm.product.database("onboarding")
    for later, moved in ((1, 0), (5, 1), (5, 0)):
        async with database.transaction(firm.organization_id) as session:
            assert await follow_calendar_due(session, NOW + timedelta(days=later)) == moved
    assert await members(firm, ours) == []
    [resting] = made(await firm.trainer.get("/v1/assignments", curriculum_id=taught["id"]), 200)[
        "items"
    ]
    assert resting["state"] == "suspended"


async def test_an_audience_is_changed_and_removed_with_its_etag(firm: Firm):
    ours = await audience(firm, ADVISOR, description="Whoever talks to customers.")
    path = f"/v1/audiences/{ours['id']}"
    assert (await firm.trainer.patch(path, {"name": "Others"}, etag="")).status_code == 428
    assert (await firm.trainer.patch(path, {"name": "Others"}, etag='"9"')).status_code == 412
    changed = made(await firm.trainer.patch(path, {"name": "Others", "description": None}), 200)
    assert (changed["name"], changed["description"], changed["version"]) == ("Others", None, 2)
    assert (await firm.trainer.patch(path, {"colour": "red"})).status_code == 422
    taught = await published_curriculum(firm)
    rule = await assignment_rule(firm, ours, taught, active=False)
    going = await rollout(firm, taught, audience_id=ours["id"], team_ids=[])
    listed = made(await firm.trainer.get("/v1/audiences", sort="name", mode="dynamic"), 200)
    assert [one["id"] for one in listed["items"]] == [ours["id"]]
    used = await firm.trainer.delete(path)
    assert used.status_code == 409
    assert [(e["pointer"], e["detail"]) for e in used.json()["errors"]] == [
        (
            f"/assignment-rules/{rule['id']}",
            f"The assignment rule “{rule['name']}” is for it.",
        ),
        (
            f"/rollouts/{going['id']}",
            f"The rollout of {going['tool_name']} on {going['go_live_on']} is for it.",
        ),
    ]
    assert used.json()["detail"].startswith("The audience is in use: The assignment rule “")
    unused = await audience(firm, {"team": [str(firm.team_id)]})
    path = f"/v1/audiences/{unused['id']}"
    assert (await firm.trainer.delete(path)).status_code == 204
    assert (await firm.trainer.get(path)).status_code == 404
