"""Walkthroughs: planned by those whose handover it is, in everybody's calendar, held before it is accepted."""

import asyncio
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.handover.makers import (
    accepted,
    complete_draft,
    draft,
    held_walkthrough,
    in_review,
    made,
    move,
    promises_of,
    read_back,
    stakeholder,
    walkthrough,
)

PLAN = {
    "starts_at": "2026-10-05T10:00:00+02:00",
    "ends_at": "2026-10-05T11:30:00+02:00",
    "tz": "Europe/Oslo",
    "place": "Storgata 1, Oslo",
}


def path_of(handover: dict[str, Any], one: dict[str, Any] | None = None) -> str:
    listing = f"/v1/handovers/{handover['id']}/walkthroughs"
    return listing if one is None else f"{listing}/{one['id']}"


def event_in(answer: httpx.Response) -> tuple[Calendar, Any]:
    assert answer.status_code == 200, answer.text
    calendar = Calendar.from_ical(answer.content)
    assert isinstance(calendar, Calendar)
    [event] = calendar.events
    return calendar, event


async def test_one_is_planned_read_and_moved(firm: Firm):
    handover = await draft(firm)
    created = await firm.seller.post(path_of(handover), PLAN)
    one = made(created)
    path = path_of(handover, one)
    assert created.headers["Location"] == path
    assert (one["starts_at"], one["ends_at"]) == (
        "2026-10-05T08:00:00+00:00",
        "2026-10-05T09:30:00+00:00",
    )
    assert (one["uid"], one["sequence"], one["state"]) == (one["id"], 0, "planned")
    assert one["organizer_id"] == str(firm.seller.id)
    assert made(await firm.learner.get(path), 200) == one
    assert made(await firm.learner.get(path_of(handover)), 200)["items"] == [one]

    later = {"starts_at": "2026-10-06T10:00:00+02:00", "ends_at": "2026-10-06T11:00:00+02:00"}
    moved = await firm.manager.patch(path, later, etag=created.headers["ETag"])
    assert made(moved, 200)["sequence"] == 1
    assert (await firm.seller.patch(path, later, etag='"1"')).status_code == 412
    assert (await firm.seller.patch(path, later, etag="")).status_code == 428
    unchanged = made(await firm.seller.patch(path, later), 200)
    assert unchanged["sequence"] == 1


async def test_a_list_is_narrowed_to_a_state_and_sorted_by_time(firm: Firm):
    handover = await draft(firm)
    late = await walkthrough(
        firm.seller, handover, starts_at="2026-10-04T10:00:00Z", ends_at="2026-10-04T11:00:00Z"
    )
    early = await walkthrough(
        firm.seller, handover, starts_at="2026-10-01T10:00:00Z", ends_at="2026-10-01T11:00:00Z"
    )
    await held_walkthrough(firm, handover)
    page = await firm.seller.get(path_of(handover), state="planned", sort="starts_at")
    assert [one["id"] for one in made(page, 200)["items"]] == [early["id"], late["id"]]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"starts_at": "2026-10-05T10:00:00"}, "/starts_at"),
        ({"ends_at": "2026-10-05T10:00:00"}, "/ends_at"),
        ({"ends_at": "2026-10-05T10:00:00+02:00"}, "/ends_at"),
        ({"ends_at": "2026-10-05T09:00:00+02:00"}, "/ends_at"),
        ({"starts_at": "yesterday"}, "/starts_at"),
        ({"starts_at": None}, "/starts_at"),
        ({"tz": "Oslo"}, "/tz"),
        ({"tz": "../../etc/passwd"}, "/tz"),
        ({"tz": "Europe/Oslo\u0000"}, "/tz"),
        ({"place": None}, "/place"),
        ({"place": "  "}, "/place"),
        ({"place": "Here\r\nATTENDEE:mailto:evil@x.example"}, "/place"),
        ({"place": "\u0000"}, "/place"),
        ({"link": "javascript:alert(1)"}, "/link"),
        ({"attendees": [{}]}, "/attendees/0"),
        ({"attendees": [{"email": "tor@kunde.example", "person_id": "x"}]}, "/attendees/0"),
        ({"attendees": [{"email": "no address"}]}, "/attendees/0/email"),
        ({"attendees": [{"email": "a@b.example\r\nX-EVIL:1"}]}, "/attendees/0/email"),
        ({"attendees": [{"person_id": "0199a1b2-0000-7000-8000-000000000001", "name": "A"}]},
         "/attendees/0"),
        ({"attendees": [{"person_id": "0199a1b2-0000-7000-8000-000000000001"}]},
         "/attendees/0/person_id"),
        ({"attendees": [{"stakeholder_id": "0199a1b2-0000-7000-8000-000000000001"}]},
         "/attendees/0/stakeholder_id"),
        ({"attendees": None}, "/attendees"),
        ({"sequence": 7}, "/sequence"),
        ({"uid": "mine"}, "/uid"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named_where_it_stands(
    firm: Firm, wrong: dict[str, Any], pointer: str
):
    handover = await draft(firm)
    refused = await firm.seller.post(path_of(handover), {**PLAN, **wrong})
    assert refused.status_code == 422, refused.text
    assert any(error["pointer"].startswith(pointer) for error in refused.json()["errors"])
    one = await walkthrough(firm.seller, handover)
    assert (await firm.seller.patch(path_of(handover, one), wrong)).status_code == 422


async def test_it_is_for_the_seller_the_lead_and_managers(firm: Firm):
    handover = await draft(firm, delivery_lead_id=str(firm.lead.id))
    for person in (firm.seller, firm.lead, firm.manager):
        await walkthrough(person, handover)
    one = await walkthrough(firm.seller, handover)
    path = path_of(handover, one)
    other_lead = await firm.hire("Olga Oppdrag", Role.delivery)
    for person in (firm.learner, firm.admin, other_lead):
        for answer in (
            await person.post(path_of(handover), PLAN),
            await person.patch(path, {"place": "Elsewhere"}),
            await person.post(f"{path}/outcome", {"state": "held"}),
            await person.post(f"{path}/cancellation"),
        ):
            assert answer.status_code == 403, answer.text


async def test_it_is_reached_through_its_own_handover_alone(firm: Firm, stranger: Person):
    handover, other = await draft(firm), await draft(firm)
    one = await walkthrough(firm.seller, handover)
    for person, wrong in ((firm.seller, path_of(other, one)), (stranger, path_of(handover, one))):
        assert (await person.get(wrong)).status_code == 404
        assert (await person.get(f"{wrong}/calendar")).status_code == 404
        assert (await person.patch(wrong, {"place": "There"}, etag="*")).status_code == 404
        assert (await person.post(f"{wrong}/cancellation")).status_code == 404
        assert (await person.post(f"{wrong}/outcome", {"state": "held"})).status_code == 404
    assert (await stranger.get(path_of(handover))).status_code == 404
    assert (await stranger.post(path_of(handover), PLAN)).status_code == 404


async def test_a_stakeholder_of_another_handover_is_not_invited(firm: Firm):
    handover, other = await draft(firm), await draft(firm)
    theirs = await stakeholder(firm, other)
    guests = [{"email": "tor@kunde.example"}, {"stakeholder_id": theirs["id"]}]
    refused = await firm.seller.post(path_of(handover), {**PLAN, "attendees": guests})
    assert refused.status_code == 422
    assert [e["pointer"] for e in refused.json()["errors"]] == ["/attendees/1/stakeholder_id"]


async def test_calendars_follow_it_until_it_is_called_off(firm: Firm):
    handover = await draft(firm, title="Blåbærkasser på Ås")
    buyer = await stakeholder(firm, handover, email="randi@kunde.example")
    unreachable = await stakeholder(firm, handover, name="Uten Adresse")
    guests = [
        {"person_id": str(firm.lead.id)},
        {"stakeholder_id": buyer["id"]},
        {"stakeholder_id": unreachable["id"]},
        {"email": "tor@kunde.example", "name": "Tør Østby"},
        {"email": "kari@kunde.example"},
    ]
    one = await walkthrough(firm.seller, handover, attendees=guests)
    calendar = f"{path_of(handover, one)}/calendar"
    answer = await firm.learner.get(calendar)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8; method=REQUEST"
    file, event = event_in(answer)
    assert file["method"] == "REQUEST"
    assert event["summary"] == "Walkthrough: Blåbærkasser på Ås"
    assert event["organizer"] == f"mailto:{firm.seller.email}"
    assert {str(one): one.params["CN"] for one in event["attendee"]} == {
        f"mailto:{firm.seller.email}": firm.seller.name,
        f"mailto:{firm.lead.email}": firm.lead.name,
        "mailto:randi@kunde.example": "Randi Fjellheim",
        "mailto:tor@kunde.example": "Tør Østby",
        "mailto:kari@kunde.example": "kari@kunde.example",
    }
    assert "DTSTART;TZID=Europe/Oslo:20261005T100000" in answer.text

    made(await firm.seller.patch(path_of(handover, one), {"place": "Storgata 2"}), 200)
    _, moved = event_in(await firm.learner.get(calendar))
    assert (moved["uid"], moved["sequence"]) == (event["uid"], 1)

    gone = made(await firm.seller.post(f"{path_of(handover, one)}/cancellation"), 200)
    assert (gone["state"], gone["sequence"]) == ("cancelled", 2)
    answer = await firm.learner.get(calendar)
    assert answer.headers["content-type"].endswith("method=CANCEL")
    file, cancelled = event_in(answer)
    assert (file["method"], cancelled["status"]) == ("CANCEL", "CANCELLED")
    assert (cancelled["uid"], cancelled["sequence"]) == (event["uid"], 2)

    again = await firm.seller.post(f"{path_of(handover, one)}/cancellation")
    assert again.status_code == 409
    assert again.json()["allowed"] == []


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "text/*", "text/calendar", "text/calendar;method=REQUEST", "*/*;q=0.1, text/html"],
)
async def test_whoever_takes_a_calendar_gets_one(firm: Firm, accept: str):
    handover = await draft(firm)
    one = await walkthrough(firm.seller, handover)
    path = f"{path_of(handover, one)}/calendar"
    answer = await firm.learner.request("GET", path, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/calendar")
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*, text/calendar;q=0"])
async def test_whoever_takes_none_is_told_so(firm: Firm, accept: str):
    handover = await draft(firm)
    one = await walkthrough(firm.seller, handover)
    path = f"{path_of(handover, one)}/calendar"
    refused = await firm.learner.request("GET", path, headers={"Accept": accept})
    assert refused.status_code == 406
    assert refused.json()["detail"] == "It is there as text/calendar."


@pytest.mark.parametrize(
    ("locale", "summary"),
    [("da", "Gennemgang: Tills"), ("nb", "Gjennomgang: Tills"), ("sv", "Genomgång: Tills")],
)
async def test_an_invitation_is_in_the_language_of_the_organization(
    firm: Firm, locale: str, summary: str
):
    made(await firm.admin.patch("/v1/organization", {"locale": locale}), 200)
    handover = await draft(firm, title="Tills")
    one = await walkthrough(firm.seller, handover)
    await firm.product.catch_up()
    answer = await firm.learner.get(f"{path_of(handover, one)}/calendar")
    _, event = event_in(answer)
    assert event["summary"] == summary


async def test_whether_it_was_held_is_said_once(firm: Firm):
    handover = await draft(firm)
    one = await walkthrough(firm.seller, handover)
    path = f"{path_of(handover, one)}/outcome"
    missed = {"state": "not_held", "held_at": "2026-10-05T08:00:00Z"}
    assert (await firm.seller.post(path, missed)).status_code == 422
    refused = await firm.seller.post(path, {"state": "cancelled"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["detail"] == "It must be one of 'held', 'not_held'."
    future = {"state": "held", "held_at": "2199-01-01T00:00:00Z"}
    refused = await firm.seller.post(path, future)
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/held_at"]

    told = {"state": "not_held", "notes": "Randi was ill."}
    assert made(await firm.seller.post(path, told), 200)["notes"] == "Randi was ill."
    assert (await firm.seller.post(path, told)).status_code == 409
    held = made(await firm.seller.post(path, {"state": "held", "notes": "All shops."}), 200)
    assert (held["held_at"], held["notes"]) == ("2026-10-05T08:00:00+00:00", "All shops.")
    refused = await firm.seller.patch(path_of(handover, one), {"place": "Elsewhere"})
    assert refused.status_code == 409

    subject = f"handovers/{handover['id']}/walkthroughs/{one['id']}"
    told_events = made(await firm.learner.get("/v1/events", limit=200), 200)["items"]
    types = [event["type"] for event in told_events if event["subject"] == subject]
    assert types == ["walkthrough.created", "walkthrough.not-held", "walkthrough.held"]


async def test_what_is_still_to_come_was_not_held(firm: Firm):
    handover = await draft(firm)
    dates = {"starts_at": "2199-10-05T10:00:00+02:00", "ends_at": "2199-10-05T11:00:00+02:00"}
    one = await walkthrough(firm.seller, handover, **dates)
    for told in ({}, {"held_at": "2026-10-05T08:00:00Z"}):
        path = f"{path_of(handover, one)}/outcome"
        refused = await firm.seller.post(path, {"state": "held", **told})
        assert refused.status_code == 409
        assert refused.json()["allowed"] == ["cancel", "change"]


async def test_the_lead_accepts_only_what_they_were_taken_through(firm: Firm):
    handover = await complete_draft(firm)
    await move(firm.seller, handover, "submission")
    await move(firm.lead, handover, "claim")
    [one] = await promises_of(firm, handover)
    made(await read_back(firm.lead, one))
    path = f"/v1/handovers/{handover['id']}"
    for state in ("planned", "not_held", "cancelled"):
        met = await walkthrough(firm.lead, handover)
        if state == "not_held":
            made(await firm.lead.post(f"{path_of(handover, met)}/outcome", {"state": state}), 200)
        elif state == "cancelled":
            made(await firm.lead.post(f"{path_of(handover, met)}/cancellation"), 200)
        refused = await firm.lead.post(f"{path}/acceptance")
        assert refused.status_code == 409
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/walkthroughs"]
        assert "accept" not in refused.json()["allowed"]
    await held_walkthrough(firm, handover)
    await move(firm.lead, handover, "acceptance")


async def test_a_walkthrough_before_it_was_returned_still_counts(firm: Firm):
    handover = await in_review(firm)
    gap = {"what": "amount", "why": "It is the old price."}
    await move(firm.lead, handover, "return", {"gaps": [gap]})
    await move(firm.seller, handover, "submission")
    await move(firm.lead, handover, "claim")
    [one] = await promises_of(firm, handover)
    made(await read_back(firm.lead, one))
    await move(firm.lead, handover, "acceptance")


async def test_what_has_ended_gets_no_more_walkthroughs(firm: Firm):
    handover = await accepted(firm)
    one = await walkthrough(firm.lead, handover)
    await move(firm.manager, handover, "cancellation", {"reason": "They went away."})
    path = path_of(handover, one)
    for answer in (
        await firm.seller.post(path_of(handover), PLAN),
        await firm.seller.patch(path, {"place": "Elsewhere"}),
        await firm.seller.post(f"{path}/outcome", {"state": "held"}),
        await firm.seller.post(f"{path}/cancellation"),
    ):
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/frozen"
    assert (await firm.learner.get(f"{path}/calendar")).status_code == 200


async def test_of_two_who_say_how_it_went_at_once_one_is_heard(firm: Firm):
    handover = await draft(firm)
    one = await walkthrough(firm.seller, handover)
    path = path_of(handover, one)
    answers = await asyncio.gather(
        *(firm.seller.post(f"{path}/outcome", {"state": "held"}) for _ in range(10)),
        *(firm.manager.post(f"{path}/cancellation") for _ in range(10)),
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19


async def test_a_repeated_post_with_its_key_plans_once(firm: Firm):
    handover = await draft(firm)
    first = await firm.seller.post(path_of(handover), PLAN, key="once")
    again = await firm.seller.post(path_of(handover), PLAN, key="once")
    assert made(first) == made(again)
    assert len(made(await firm.seller.get(path_of(handover)), 200)["items"]) == 1
