"""Overrides: two people answer for a team that goes live untrained, until a day."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    as_the_service,
    in_training,
    made,
    override,
    published_curriculum,
    rollout,
    told,
)

TODAY = datetime.now(UTC).date()
WHY = {"reason": "They serve customers alone in the evening."}


async def a_rollout(firm: Firm) -> dict:
    return await in_training(firm, await published_curriculum(firm))


def path_of(rollout: dict, override: dict | None = None) -> str:
    path = f"/v1/rollouts/{rollout['id']}/overrides"
    return path if override is None else f"{path}/{override['id']}"


async def let_expire(firm: Firm, override: dict) -> None:
    await as_the_service(
        firm,
        f"UPDATE override SET expires_on = current_date - 1 WHERE id = '{override['id']}'",
    )


async def test_a_request_says_why_what_is_done_instead_and_until_when(firm: Firm):
    new = await a_rollout(firm)
    given = {
        "team_id": str(firm.team_id),
        "reason": "The fair.",
        "mitigation": "Ola helps.",
        "expires_on": TODAY.isoformat(),
    }
    for field in given:
        rest = {name: value for name, value in given.items() if name != field}
        assert (await firm.manager.post(path_of(new), rest)).status_code == 422
        assert (await firm.manager.post(path_of(new), {**given, field: ""})).status_code == 422
    late = {**given, "expires_on": (TODAY - timedelta(days=1)).isoformat()}
    refused = await firm.manager.post(path_of(new), late)
    assert refused.json()["errors"][0]["pointer"] == "/expires_on"
    other = made(await firm.admin.post("/v1/teams", {"name": "Elsewhere"}))
    for team_id in (other["id"], str(firm.learner.id)):
        refused = await firm.manager.post(path_of(new), {**given, "team_id": team_id})
        assert refused.json()["errors"][0]["pointer"] == "/team_id"
    made(await firm.manager.post(path_of(new), given))


async def test_managers_trainers_the_tools_owner_and_the_teams_lead_ask(firm: Firm):
    new = await a_rollout(firm)
    for person in (firm.learner, firm.lead, firm.seller, firm.admin):
        given = {
            "team_id": str(firm.team_id),
            "reason": "r",
            "mitigation": "m",
            "expires_on": TODAY.isoformat(),
        }
        assert (await person.post(path_of(new), given)).status_code == 403
    lead = {"lead_id": str(firm.lead.id)}
    made(await firm.admin.patch(f"/v1/teams/{firm.team_id}", lead), 200)
    await firm.product.catch_up()
    for person in (firm.lead, firm.trainer, firm.manager):
        asked = await override(person, new)
        made(await person.post(f"{path_of(new, asked)}/revocation", WHY), 200)


async def test_one_override_of_a_team_stands_at_a_time(firm: Firm):
    new = await a_rollout(firm)
    given = {
        "team_id": str(firm.team_id),
        "reason": "r",
        "mitigation": "m",
        "expires_on": TODAY.isoformat(),
    }
    answers = await asyncio.gather(*(firm.manager.post(path_of(new), given) for _ in range(3)))
    assert sorted(a.status_code for a in answers) == [201, 409, 409]
    (standing,) = made(await firm.learner.get(path_of(new)), 200)["items"]
    await let_expire(firm, standing)
    again = await override(firm.manager, new)
    items = made(await firm.learner.get(path_of(new)), 200)["items"]
    assert [(i["id"], i["expired"]) for i in items] == [
        (again["id"], False),
        (standing["id"], True),
    ]
    assert len(made(await firm.learner.get(path_of(new), state="approved"), 200)["items"]) == 0
    of_team = made(await firm.learner.get(path_of(new), team_id=str(firm.team_id)), 200)
    assert len(of_team["items"]) == 2


async def test_another_manager_decides(firm: Firm):
    new = await a_rollout(firm)
    asked = await override(firm.manager, new)
    path = path_of(new, asked)
    for person in (firm.learner, firm.trainer, firm.admin):
        assert (await person.post(f"{path}/approval")).status_code == 403
        assert (await person.post(f"{path}/rejection", WHY)).status_code == 403
        assert (await person.post(f"{path}/revocation", WHY)).status_code == 403
    assert (await firm.manager.post(f"{path}/approval")).status_code == 403
    assert (await firm.manager.post(f"{path}/rejection", WHY)).status_code == 403
    other = await firm.hire("Britt", Role.manager)
    assert (await other.post(f"{path}/rejection")).status_code == 422
    rejected = made(await other.post(f"{path}/rejection", WHY), 200)
    assert (rejected["state"], rejected["decision_reason"]) == ("rejected", WHY["reason"])
    over = await other.post(f"{path}/approval")
    assert (over.status_code, over.json()["allowed"]) == (409, [])
    assert (await firm.manager.post(f"{path}/revocation", WHY)).status_code == 409
    assert len(await told(firm, "override.rejected")) == 1


async def test_what_was_revoked_or_has_expired_opens_no_gate(firm: Firm):
    new = await a_rollout(firm)
    go_live = f"/v1/rollouts/{new['id']}/go-live"
    other = await firm.hire("Britt", Role.manager)
    revoked = await override(firm.manager, new)
    made(await other.post(f"{path_of(new, revoked)}/approval"), 200)
    made(await firm.manager.post(f"{path_of(new, revoked)}/revocation", WHY), 200)
    assert (await firm.manager.post(go_live)).status_code == 409
    expired = await override(firm.manager, new)
    made(await other.post(f"{path_of(new, expired)}/approval"), 200)
    await let_expire(firm, expired)
    assert made(await firm.manager.get(path_of(new, expired)), 200)["expired"]
    assert (await firm.manager.post(go_live)).status_code == 409
    unapproved = await override(firm.manager, new)
    await let_expire(firm, unapproved)
    late = await other.post(f"{path_of(new, unapproved)}/approval")
    assert late.status_code == 409
    assert "expired" in late.json()["detail"]


async def test_of_an_approval_and_a_rejection_at_once_one_happens(firm: Firm):
    new = await a_rollout(firm)
    asked = await override(firm.trainer, new)
    path = path_of(new, asked)
    answers = await asyncio.gather(
        firm.manager.post(f"{path}/approval"), firm.manager.post(f"{path}/rejection", WHY)
    )
    assert sorted(a.status_code for a in answers) == [200, 409]


async def test_a_revocation_beside_a_go_live_is_before_or_after_it(firm: Firm):
    new = await a_rollout(firm)
    asked = await override(firm.trainer, new)
    path = path_of(new, asked)
    made(await firm.manager.post(f"{path}/approval"), 200)
    live, revoked = await asyncio.gather(
        firm.manager.post(f"/v1/rollouts/{new['id']}/go-live"),
        firm.manager.post(f"{path}/revocation", WHY),
    )
    assert revoked.status_code == 200
    state = made(await firm.manager.get(f"/v1/rollouts/{new['id']}"), 200)["state"]
    assert (live.status_code, state) in ((200, "live"), (409, "training"))


async def test_what_is_a_draft_or_over_takes_no_override(firm: Firm):
    draft = await rollout(firm, await published_curriculum(firm))
    given = {
        "team_id": str(firm.team_id),
        "reason": "r",
        "mitigation": "m",
        "expires_on": TODAY.isoformat(),
    }
    refused = await firm.manager.post(path_of(draft), given)
    assert (refused.status_code, refused.json()["allowed"]) == (409, [])
    refused = await firm.trainer.post(path_of(draft), given)
    assert (refused.status_code, refused.json()["allowed"]) == (409, ["cancel", "plan"])


async def test_the_database_holds_that_nobody_approves_their_own(firm: Firm):
    new = await a_rollout(firm)
    asked = await override(firm.manager, new)
    with pytest.raises(Exception, match="decided_by_another_person"):
        await as_the_service(
            firm,
            "UPDATE override SET state = 'approved', decided_by = requested_by, decided_at = now() "
            f"WHERE id = '{asked['id']}'",
        )


async def test_an_override_of_another_rollout_or_organization_is_not_there(
    firm: Firm, stranger: Person
):
    new, other = await a_rollout(firm), await a_rollout(firm)
    asked = await override(firm.trainer, new)
    assert (await firm.manager.get(path_of(other, asked))).status_code == 404
    assert (await firm.manager.post(f"{path_of(other, asked)}/approval")).status_code == 404
    given = {name: asked[name] for name in ("team_id", "reason", "mitigation", "expires_on")}
    assert (await stranger.post(path_of(new), given)).status_code == 404
    assert (await stranger.get(path_of(new))).status_code == 404
    assert (await stranger.get(path_of(new, asked))).status_code == 404
    for move, body in (("approval", None), ("rejection", WHY), ("revocation", WHY)):
        assert (await stranger.post(f"{path_of(new, asked)}/{move}", body)).status_code == 404
