"""The services' copies of the directory."""

import asyncio
from datetime import UTC, datetime

from services.chassis.events import Event, record, store_recorded
from services.chassis.listeners import HeardEvent
from services.handover.domain.base import directory
from tests.conftest import Firm


async def test_a_card_that_is_told_late_does_not_undo_a_newer_one(firm: Firm) -> None:
    card = {
        "id": str(firm.learner.id),
        "name": "Lærke Lærling",
        "email": firm.learner.email,
        "active": True,
        "hire_date": None,
        "job_role": "Apprentice",
        "location": None,
        "team_id": None,
        "manager_id": None,
        "version": 3,
    }
    late = {**card, "job_role": "Nobody", "version": 2}
    async with firm.product.database("handover").transaction(firm.organization_id) as session:
        for told in (card, late):
            event = HeardEvent(
                "person.changed",
                firm.organization_id,
                f"people/{firm.learner.id}",
                datetime.now(UTC),
                {"person": told},
            )
            await directory.listeners["person.changed"](session, event)
        person = directory.person.c
        kept = await session.scalar(
            directory.person.select()
            .with_only_columns(person.job_role)
            .where(person.organization_id == firm.organization_id, person.id == firm.learner.id)
        )
    assert kept == "Apprentice"


async def test_a_change_is_told_with_the_version_that_it_made(firm: Firm) -> None:
    changed = await firm.admin.patch(f"/v1/people/{firm.learner.id}", {"job_role": "Cashier"})
    events = (await firm.admin.get("/v1/events", type="person.changed")).json()["items"]
    assert events[-1]["data"]["person"]["version"] == changed.json()["version"]


async def test_a_change_that_changes_nothing_does_not_hide_the_next_one(firm: Firm) -> None:
    path = f"/v1/people/{firm.learner.id}"
    same = await firm.admin.patch(path, {"name": firm.learner.name})
    assert same.json()["version"] == 1
    await firm.admin.patch(path, {"name": "Lærke Lie"})
    await firm.product.catch_up()
    for service in ("handover", "onboarding"):
        async with firm.product.database(service).reading(firm.organization_id) as reader:
            name = await reader.connection.fetchval(
                "SELECT name FROM person WHERE id = $1", firm.learner.id
            )
        assert name == "Lærke Lie"


async def test_a_change_that_changes_nothing_is_not_told(firm: Firm) -> None:
    before = (await firm.admin.get("/v1/events", limit=1000)).json()["items"]
    for path, body in (
        (f"/v1/people/{firm.learner.id}", {"name": firm.learner.name}),
        (f"/v1/teams/{firm.team_id}", {"name": "Levering"}),
        ("/v1/organization", {}),
    ):
        assert (await firm.admin.patch(path, body)).status_code == 200
    assert (await firm.admin.get("/v1/events", limit=1000)).json()["items"] == before


async def test_every_service_knows_the_organization_and_what_people_are_tagged_with(
    firm: Firm,
) -> None:
    own = (await firm.admin.get("/v1/organization")).json()
    assert own["country"] == "NO"
    changed = await firm.admin.patch(
        "/v1/organization", {"time_zone": "Europe/Helsinki", "country": "FI"}
    )
    assert changed.status_code == 200, changed.text
    tagged = await firm.admin.patch(
        f"/v1/people/{firm.learner.id}", {"tags": ["Kasse", "butikk-øst", "kasse"]}
    )
    assert tagged.json()["tags"] == ["butikk-øst", "kasse"]
    await firm.product.catch_up()
    for service in ("handover", "onboarding"):
        async with firm.product.database(service).reading(firm.organization_id) as reader:
            kept = await reader.connection.fetchrow("SELECT time_zone, country FROM organization")
            tags = await reader.connection.fetchval(
                "SELECT tags FROM person WHERE id = $1", firm.learner.id
            )
        assert (kept["time_zone"], kept["country"]) == ("Europe/Helsinki", "FI")
        assert tags == ["butikk-øst", "kasse"]


async def test_somebody_new_is_known_although_an_older_change_still_runs(firm: Firm) -> None:
    async with firm.product.gateway.transaction(firm.organization_id) as session:
        record(session, Event("thing.made", "a"))
        await store_recorded(session, None, None)
        new = {"name": "Ny Kollega", "email": f"{firm.organization_id}@ny.example"}
        person = (await firm.admin.post("/v1/people", new)).json()
        tool = {"key": "till", "name": "Till", "owner_id": person["id"]}
        asking = asyncio.create_task(firm.trainer.post("/v1/tools", tool))
        # Longer than the feed waits for whoever only reads it.
        await asyncio.sleep(1)
    assert (await asking).status_code == 201
