"""What went by: one feed over all services, with a place in it, a filter, and waiting for what comes."""

import asyncio
import time
from typing import Any

import pytest

from tests.conftest import Firm, Person
from tests.onboarding.makers import assignment, published_curriculum


async def read(person: Person, **params: Any) -> dict[str, Any]:
    answer = await person.get("/v1/events", **params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def to_the_end(person: Person, **params: Any) -> tuple[list[dict[str, Any]], str]:
    """Everything so far, in small bites, and the place after it."""
    events: list[dict[str, Any]] = []
    after = ""
    while True:
        page = await read(person, after=after, **params)
        after = page["next"]
        if not page["items"]:
            return events, after
        events += page["items"]


async def test_events_are_cloud_events_that_say_who_did_what(firm: Firm) -> None:
    await firm.admin.post("/v1/teams", {"name": "Drift"})
    event = (await read(firm.seller, type="team.created"))["items"][-1]
    assert event["specversion"] == "1.0"
    assert event["source"] == "/gateway"
    assert event["organizationid"] == str(firm.organization_id)
    assert (event["actorid"], event["actorname"]) == (str(firm.admin.id), firm.admin.name)
    assert event["data"]["team"]["name"] == "Drift"
    assert event["subject"] == f"teams/{event['data']['team']['id']}"


async def test_a_change_says_what_was_before_and_after(firm: Firm) -> None:
    await firm.admin.patch(f"/v1/teams/{firm.team_id}", {"name": "Levering Vest"})
    event = (await read(firm.seller, type="team.changed"))["items"][-1]
    assert event["data"]["before"] == {"name": "Levering"}
    assert event["data"]["after"] == {"name": "Levering Vest"}


async def test_small_bites_hold_the_same_as_one_large_one(firm: Firm) -> None:
    for number in range(3):
        await firm.admin.post("/v1/teams", {"name": f"Team {number}"})
        await firm.seller.post("/v1/customers", {"name": f"Customer {number}"})
    whole = (await read(firm.seller, limit=1000))["items"]
    bites, _ = await to_the_end(firm.seller, limit=2)
    ids = [event["id"] for event in bites]
    assert sorted(ids) == sorted(event["id"] for event in whole)
    assert len(ids) == len(set(ids))
    for source in ("/gateway", "/handover"):
        assert [e["id"] for e in bites if e["source"] == source] == [
            e["id"] for e in whole if e["source"] == source
        ]


async def test_only_the_types_that_were_asked_for(firm: Firm) -> None:
    await firm.admin.post("/v1/teams", {"name": "Drift"})
    await firm.seller.post("/v1/customers", {"name": "Fjordkraft"})
    events, _ = await to_the_end(firm.seller, type=["team.created", "customer.created"], limit=1)
    assert {event["type"] for event in events} == {"team.created", "customer.created"}
    assert (await read(firm.seller, type="nothing.happened"))["items"] == []


async def test_nobody_reads_another_organizations_events(firm: Firm, stranger: Person) -> None:
    await firm.admin.post("/v1/teams", {"name": "Hemmelig"})
    events, _ = await to_the_end(stranger)
    assert {event["organizationid"] for event in events} == {str(stranger.organization_id)}
    _, place = await to_the_end(firm.seller)
    assert (await read(stranger, after=place))["items"] == []


async def seen(person: Person, type: str) -> set[str]:
    """The subjects of all events of a type, as somebody sees them."""
    return {event["subject"] for event in (await to_the_end(person, type=type, limit=2))[0]}


async def test_what_somebody_learns_is_read_by_those_whom_it_concerns(firm: Firm) -> None:
    curriculum = await published_curriculum(firm)
    told = {}
    for person in (firm.learner, firm.seller):
        made = await assignment(firm, curriculum, person)
        told[person.id] = f"assignments/{made['id']}"
    everything = set(told.values())
    for insider in (firm.manager, firm.admin, firm.trainer):
        assert await seen(insider, "assignment.created") == everything
    assert await seen(firm.learner, "assignment.created") == {told[firm.learner.id]}
    assert await seen(firm.seller, "assignment.created") == {told[firm.seller.id]}
    assert await seen(firm.lead, "assignment.created") == set()


async def test_keys_are_read_of_by_admins_and_whom_they_concern(firm: Firm) -> None:
    made = await firm.admin.post("/v1/api-keys", {"name": "CRM", "person_id": str(firm.learner.id)})
    path = made.headers["location"]
    await firm.admin.delete(path)
    for type in ("api-key.created", "api-key.revoked"):
        for person in (firm.admin, firm.learner):
            assert await seen(person, type) == {path.removeprefix("/v1/")}
        for person in (firm.manager, firm.seller):
            assert await seen(person, type) == set()


async def test_what_is_hidden_does_not_hold_up_what_comes_after_it(firm: Firm) -> None:
    for number in range(5):
        await firm.admin.post("/v1/api-keys", {"name": f"Key {number}"})
    await firm.admin.post("/v1/teams", {"name": "Drift"})
    events, _ = await to_the_end(firm.learner, limit=1)
    assert events[-1]["type"] == "team.created"
    assert not [event for event in events if event["type"].startswith("api-key.")]


async def test_it_goes_on_where_it_was_left(firm: Firm) -> None:
    _, place = await to_the_end(firm.seller)
    again = await read(firm.seller, after=place)
    assert (again["items"], again["next"]) == ([], place)
    await firm.admin.post("/v1/teams", {"name": "Drift"})
    more = await read(firm.seller, after=place)
    assert [event["type"] for event in more["items"]] == ["team.created"]


async def test_the_link_keeps_the_filter(firm: Firm) -> None:
    answer = await firm.seller.get("/v1/events", type=["team.created", "person.created"], limit=1)
    link = answer.headers["link"]
    assert link.endswith('; rel="next"')
    following = await firm.seller.get(link.removeprefix("<").partition(">")[0])
    assert following.status_code == 200
    assert "type=team.created&type=person.created" in link


@pytest.mark.parametrize("service", ["gateway", "handover"])
async def test_waiting_ends_with_the_first_event_of_any_service(firm: Firm, service: str) -> None:
    _, place = await to_the_end(firm.seller)
    started = time.monotonic()
    waiting = asyncio.create_task(read(firm.seller, after=place, timeout=20))
    await asyncio.sleep(0.2)
    if service == "gateway":
        await firm.admin.post("/v1/teams", {"name": "Drift"})
    else:
        await firm.seller.post("/v1/customers", {"name": "Fjordkraft"})
    page = await waiting
    assert [event["source"] for event in page["items"]] == [f"/{service}"]
    assert time.monotonic() - started < 10


async def test_waiting_ends_also_when_nothing_comes(firm: Firm) -> None:
    _, place = await to_the_end(firm.seller)
    started = time.monotonic()
    page = await read(firm.seller, after=place, timeout=0.3)
    assert page == {"items": [], "next": place}
    assert 0.3 <= time.monotonic() - started < 5


@pytest.mark.parametrize(
    "params",
    [
        {"after": "rubbish"},
        {"after": "1-2"},
        {"after": "1-2.3-4"},
        {"after": "..."},
        {"after": "1-2.3-4.5-6.7-8"},
        {"after": "-.-.-"},
        {"after": "1-2.3-4.99999999999999999999-1"},
        {"after": "1" * 200},
        {"limit": "0"},
        {"limit": "1001"},
        {"timeout": "31"},
        {"timeout": "-1"},
        {"timeout": "nan"},
        {"timeout": "inf"},
        {"type": "x"},
        {"type": "a.b' OR 1=1"},
        {"sort": "time"},
    ],
)
async def test_what_the_feed_does_not_know_is_refused(firm: Firm, params: dict[str, str]) -> None:
    answer = await firm.seller.get("/v1/events", **params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["in"] == "query"
