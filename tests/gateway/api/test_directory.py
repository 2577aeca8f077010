"""People, teams and the organization: everybody sees them, those who may change them."""

import pytest

from tests.conftest import Firm, Person


async def test_an_admin_registers_a_person(firm: Firm) -> None:
    body = {"name": "Grete Dahl", "email": "grete@nordlys.example", "team_id": str(firm.team_id)}
    made = await firm.admin.post("/v1/people", body)
    assert made.status_code == 201
    assert made.json() | body == made.json()
    assert (await firm.seller.get(made.headers["location"])).json() == made.json()
    again = await firm.admin.post("/v1/people", {**body, "email": "GRETE@nordlys.example"})
    assert again.status_code == 409
    for person in (firm.seller, firm.lead, firm.trainer, firm.manager, firm.learner):
        assert (await person.post("/v1/people", body)).status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no-address"),
        ("name", ""),
        ("time_zone", "Europe/Atlantis"),
        ("locale", "norsk"),
        ("roles", ["king"]),
        ("team_id", "019a2b3c-4d5e-7f60-8123-456789abcdef"),
        ("manager_id", "019a2b3c-4d5e-7f60-8123-456789abcdef"),
        ("hire_date", "yesterday"),
    ],
)
async def test_what_a_person_cannot_be_is_refused(firm: Firm, field: str, value: object) -> None:
    body = {"name": "Grete", "email": "grete@nordlys.example", field: value}
    made = await firm.admin.post("/v1/people", body)
    changed = await firm.admin.patch(f"/v1/people/{firm.learner.id}", {field: value})
    for answer in (made, changed):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")


async def test_nobody_is_their_own_manager(firm: Firm) -> None:
    answer = await firm.admin.patch(
        f"/v1/people/{firm.learner.id}", {"manager_id": str(firm.learner.id)}
    )
    assert answer.status_code == 422


async def test_an_admin_does_not_lock_themselves_out(firm: Firm) -> None:
    path = f"/v1/people/{firm.admin.id}"
    for body in ({"active": False}, {"roles": []}, {"roles": ["seller"]}):
        assert (await firm.admin.patch(path, body)).status_code == 422
    assert (await firm.admin.patch(path, {"roles": ["admin", "seller"]})).status_code == 200


async def test_admins_and_managers_change_teams(firm: Firm, stranger: Person) -> None:
    made = await firm.manager.post("/v1/teams", {"name": "Drift", "lead_id": str(firm.lead.id)})
    path = made.headers["location"]
    assert (await firm.admin.patch(path, {"lead_id": None})).json()["lead_id"] is None
    assert (await firm.seller.patch(path, {"name": "Nei"})).status_code == 403
    assert (await firm.seller.post("/v1/teams", {"name": "Nei"})).status_code == 403
    wrong = await firm.manager.patch(path, {"lead_id": str(stranger.id)})
    assert wrong.json()["errors"][0]["pointer"] == "/lead_id"
    assert (await stranger.patch(path, {"name": "Vår"}, "*")).status_code == 404


async def test_a_team_with_people_in_it_is_not_dissolved(firm: Firm) -> None:
    path = f"/v1/teams/{firm.team_id}"
    assert (await firm.manager.delete(path)).status_code == 409
    made = await firm.manager.post("/v1/teams", {"name": "Tom"})
    assert (await firm.seller.delete(made.headers["location"])).status_code == 403
    assert (await firm.manager.delete(made.headers["location"])).status_code == 204
    assert (await firm.manager.get(made.headers["location"])).status_code == 404


async def test_an_admin_changes_the_organization(firm: Firm) -> None:
    body = {"name": "Nordlys AS", "working_days": [1, 2, 3, 4], "holidays": ["2026-12-25"]}
    changed = await firm.admin.patch("/v1/organization", body)
    assert changed.status_code == 200
    assert (await firm.seller.get("/v1/organization")).json() == changed.json()
    assert changed.json() | body == changed.json()
    assert (await firm.manager.patch("/v1/organization", body)).status_code == 403
    for wrong in ({"working_days": [8]}, {"holidays": ["2026-13-01"]}, {"time_zone": "x"}):
        assert (await firm.admin.patch("/v1/organization", wrong)).status_code == 422
