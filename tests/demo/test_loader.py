"""The demo company, filled through the API into a database of the tests."""

import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from services.demo import keys as demo_keys
from services.demo.content import content
from services.demo.invitation import invitation
from services.demo.keys import DemoKeys, file_of, found_again
from services.demo.loader import fill
from services.installation import Installation
from tests.conftest import Product


@pytest.fixture(scope="module")
def apart(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """This worker's database, with a folder for the demo's keys that nobody shares."""
    settings = installation.settings.model_copy(
        update={"data_dir": tmp_path_factory.mktemp("demo")}
    )
    return Installation(settings, None)


@pytest.fixture(scope="module")
async def keys(apart: Installation, product: Product) -> DemoKeys:
    return await fill(apart, product.client, lambda *_: None)


async def everything(product: Product, keys: DemoKeys, role: str, path: str) -> list[Any]:
    headers = {"Authorization": f"Bearer {keys.keyholders[role].key}"}
    items: list[Any] = []
    after = None
    while True:
        params = {"limit": 100} | ({"after": after} if after else {})
        answer = await product.client.get(path, params=params, headers=headers)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        after = answer.json()["next"]
        if after is None:
            return items


async def test_sixty_people_work_in_six_teams(product: Product, keys: DemoKeys) -> None:
    people = await everything(product, keys, "manager", "/v1/people")
    teams = await everything(product, keys, "manager", "/v1/teams")
    assert (len(people), len(teams)) == (60, 6)
    ids = {person["id"] for person in people}
    assert {team["lead_id"] for team in teams} <= ids
    assert {person["team_id"] for person in people} == {team["id"] for team in teams}


async def test_every_handover_came_as_far_as_its_content_says(
    product: Product, keys: DemoKeys
) -> None:
    handovers = await everything(product, keys, "manager", "/v1/handovers")
    assert Counter(handover["state"] for handover in handovers) == Counter(
        handover["state"] for handover in content().handovers
    )
    promises = await everything(product, keys, "manager", "/v1/promises")
    assert len(promises) == sum(len(handover["promise"]) for handover in content().handovers)
    assert {promise["state"] for promise in promises} >= {
        *("offered", "accepted", "conditional", "declined", "kept", "broken", "released")
    }


async def test_whoever_estimates_there_sees_how_estimates_turned_out(
    product: Product, keys: DemoKeys
) -> None:
    headers = {"Authorization": f"Bearer {keys.keyholders['seller'].key}"}
    found = (await product.client.get("/v1/calibration", headers=headers)).json()
    assert found["overall"]["sufficient"]
    assert len(found["by_basis"]) == 4
    actual = [e for h in content().handovers for e in h.get("estimate", []) if "actual_hours" in e]
    past = await everything(product, keys, "seller", "/v1/past-estimates")
    assert found["overall"]["count"] == len(actual) + len(past)


async def test_assignments_are_in_every_state(product: Product, keys: DemoKeys) -> None:
    assert len(await everything(product, keys, "trainer", "/v1/tools")) == 4
    curricula = await everything(product, keys, "trainer", "/v1/curricula")
    assert Counter(curriculum["current_version"] is None for curriculum in curricula) == {
        False: 5,
        True: 1,
    }
    assignments = await everything(product, keys, "trainer", "/v1/assignments")
    assert {assignment["state"] for assignment in assignments} == {
        *("scheduled", "assigned", "in_progress", "completed", "suspended", "withdrawn")
    }
    assert any(assignment["overdue"] for assignment in assignments)


async def test_a_tool_goes_live_soon_and_people_meet_and_are_asked(
    product: Product, keys: DemoKeys
) -> None:
    rollouts = await everything(product, keys, "trainer", "/v1/rollouts")
    assert Counter(one["state"] for one in rollouts) == Counter(
        one["state"] for one in content().rollouts
    )
    training = next(one for one in rollouts if one["state"] == "training")
    overrides = await everything(
        product, keys, "trainer", f"/v1/rollouts/{training['id']}/overrides"
    )
    assert [one["state"] for one in overrides] == ["approved"]
    sessions = await everything(product, keys, "trainer", "/v1/sessions")
    assert len(sessions) == len(content().sessions)
    bookings = await everything(product, keys, "trainer", "/v1/bookings")
    assert {one["state"] for one in bookings} == {"booked", "cancelled", "offered"}
    attempts = await everything(product, keys, "trainer", "/v1/attempts")
    assert {one["state"] for one in attempts} == {"passed", "failed", "open"}


async def test_each_key_speaks_for_the_person_of_its_role(product: Product, keys: DemoKeys) -> None:
    assert list(keys.keyholders) == [
        *("seller", "delivery", "trainer", "manager", "admin", "learner", "stranger")
    ]
    for role, holder in keys.keyholders.items():
        headers = {"Authorization": f"Bearer {holder.key}"}
        me = (await product.client.get("/v1/me", headers=headers)).json()
        assert me["person_id"] == holder.id
        assert role in [*me["roles"], "learner", "stranger"]
        assert (me["organization"]["id"] == keys.organization_id) == (role != "stranger")
    assert "learner" not in invitation("http://127.0.0.1:8000", keys).split("A key for each")[0]


async def test_the_stranger_sees_nothing_of_the_company(product: Product, keys: DemoKeys) -> None:
    headers = {"Authorization": f"Bearer {keys.keyholders['stranger'].key}"}
    path = f"/v1/handovers/{keys.handover_id}"
    assert (await product.client.get(path, headers=headers)).status_code == 404


async def test_filling_again_finds_it_and_its_keys(
    apart: Installation, product: Product, keys: DemoKeys
) -> None:
    assert await fill(apart, product.client, lambda *_: None) == keys
    assert stat.S_IMODE(file_of(apart.settings).stat().st_mode) == 0o600


async def test_keys_that_were_lost_are_made_anew(apart: Installation, keys: DemoKeys) -> None:
    file = file_of(apart.settings)
    before = file.read_text()
    try:
        for lost in (file.unlink, lambda: file.write_text("[]")):
            lost()
            again = await found_again(apart)
            assert again is not None
            assert again.organization_id == keys.organization_id
            assert again.keyholders["seller"].key != keys.keyholders["seller"].key
            assert demo_keys.kept(apart.settings) == again
    finally:
        file.write_text(before)


async def test_a_company_that_was_filled_by_half_is_not_taken_for_a_whole_one(
    apart: Installation, product: Product, keys: DemoKeys, tmp_path: Path
) -> None:
    def cut_off(what: str, done: int, of: int) -> None:
        if (what, done) == ("tools", 1):
            raise InterruptedError

    other = Installation(apart.settings.model_copy(update={"data_dir": tmp_path}), None)
    demo_keys.keep(other.settings, keys)
    again = await found_again(other)
    assert again == keys
    file_of(other.settings).unlink()
    headers = {"Authorization": f"Bearer {keys.keyholders['admin'].key}"}

    async def rename(name: str) -> None:
        path = "/v1/organization"
        etag = (await product.client.get(path, headers=headers)).headers["ETag"]
        answer = await product.client.patch(
            path, json={"name": name}, headers={**headers, "If-Match": etag}
        )
        assert answer.status_code == 200

    await rename("Another name")
    try:
        with pytest.raises(InterruptedError):
            await fill(other, product.client, cut_off)
        assert await found_again(other) is None
    finally:
        await rename(content().name)
