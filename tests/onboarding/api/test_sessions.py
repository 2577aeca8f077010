"""Sessions: planned by trainers, in everybody's calendar, moved and called off, with a thread that stays open."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from services.chassis.caller import Role
from services.onboarding.api.sessions import SessionPage
from tests.conftest import Firm, Person
from tests.onboarding.clock import MovedClock, clock
from tests.onboarding.makers import (
    booking,
    booking_path,
    made,
    published_course,
    told,
    training_session,
)

__all__ = ["clock"]

PLAN = {
    "title": "Returns without a receipt",
    "starts_at": "2199-03-25T09:00:00+01:00",
    "ends_at": "2199-03-25T10:30:00+01:00",
    "place": "Shop 12, back room",
    "capacity": 12,
}
NOBODY = "0199a1b2-0000-7000-8000-000000000001"


def path_of(one: dict[str, Any], below: str = "") -> str:
    return f"/v1/sessions/{one['id']}" + (f"/{below}" if below else "")


def at(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def event_in(answer: httpx.Response) -> tuple[Calendar, Any]:
    assert answer.status_code == 200, answer.text
    calendar = Calendar.from_ical(answer.content)
    assert isinstance(calendar, Calendar)
    [event] = calendar.events
    return calendar, event


async def test_one_is_planned_read_and_moved(firm: Firm):
    created = await firm.trainer.post("/v1/sessions", {**PLAN, "tz": "Europe/Oslo"})
    one = made(created)
    path = created.headers["Location"]
    assert path == path_of(one)
    assert (one["starts_at"], one["tz"]) == ("2199-03-25T08:00:00+00:00", "Europe/Oslo")
    assert (one["trainer_id"], one["trainer_name"]) == (str(firm.trainer.id), firm.trainer.name)
    assert (one["uid"], one["sequence"], one["state"]) == (one["id"], 0, "planned")
    assert (one["booked"], one["offered"], one["waiting"], one["free_seats"]) == (0, 0, 0, 12)
    assert made(await firm.learner.get(path), 200) == one

    later = {"starts_at": "2199-03-26T09:00:00+01:00", "ends_at": "2199-03-26T10:00:00+01:00"}
    moved = await firm.trainer.patch(path, later, etag=created.headers["ETag"])
    assert made(moved, 200)["sequence"] == 1
    assert (await firm.trainer.patch(path, later, etag='"1"')).status_code == 412
    assert (await firm.trainer.patch(path, later, etag="")).status_code == 428
    roomier = {"capacity": 20, "description": "Bring a till roll.", "offer_hours": 2}
    assert made(await firm.trainer.patch(path, roomier), 200)["sequence"] == 1
    assert [len(await told(firm, f"session.{verb}")) for verb in ("created", "changed")] == [1, 2]


async def test_without_a_time_zone_it_keeps_the_organizations_clock(firm: Firm):
    made(await firm.admin.patch("/v1/organization", {"time_zone": "Europe/Helsinki"}), 200)
    await firm.product.catch_up()
    assert made(await firm.trainer.post("/v1/sessions", PLAN))["tz"] == "Europe/Helsinki"


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"title": "No"}, "/title"),
        ({"title": None}, "/title"),
        ({"starts_at": "2199-03-25T09:00:00"}, "/starts_at"),
        ({"starts_at": None}, "/starts_at"),
        ({"starts_at": "2020-03-25T09:00:00Z"}, "/starts_at"),
        ({"ends_at": "2199-03-25T09:00:00+01:00"}, "/ends_at"),
        ({"ends_at": "tomorrow"}, "/ends_at"),
        ({"tz": "Oslo"}, "/tz"),
        ({"place": None}, "/place"),
        ({"place": " "}, "/place"),
        ({"place": "Here\r\nATTENDEE:mailto:evil@x.example"}, "/place"),
        ({"description": "\u0000"}, "/description"),
        ({"link": "javascript:alert(1)"}, "/link"),
        ({"capacity": 0}, "/capacity"),
        ({"capacity": 1001}, "/capacity"),
        ({"capacity": None}, "/capacity"),
        ({"offer_hours": 0}, "/offer_hours"),
        ({"offer_hours": 337}, "/offer_hours"),
        ({"trainer_id": NOBODY}, "/trainer_id"),
        ({"course_id": NOBODY}, "/course_id"),
        ({"seats_taken": 3}, "/seats_taken"),
        ({"sequence": 7}, "/sequence"),
    ],
)
async def test_what_is_wrong_is_named_where_it_stands(
    firm: Firm, wrong: dict[str, Any], pointer: str
):
    refused = await firm.trainer.post("/v1/sessions", {**PLAN, **wrong})
    assert refused.status_code == 422, refused.text
    assert any(error["pointer"].startswith(pointer) for error in refused.json()["errors"])
    one = await training_session(firm.trainer)
    assert (await firm.trainer.patch(path_of(one), wrong)).status_code == 422


async def test_it_is_for_trainers_and_whoever_holds_it(firm: Firm):
    one = await training_session(firm.trainer, trainer_id=str(firm.seller.id))
    path = path_of(one)
    assert made(await firm.seller.patch(path, {"place": "Shop 13"}), 200)["place"] == "Shop 13"
    for person in (firm.learner, firm.manager, firm.admin, firm.lead):
        for answer in (
            await person.post("/v1/sessions", PLAN),
            await person.patch(path, {"place": "Elsewhere"}),
            await person.post(f"{path}/cancellation", {"reason": "I say so."}),
            await person.post(
                f"{path}/attendance",
                {"people": [{"person_id": str(firm.seller.id), "state": "attended"}]},
            ),
        ):
            assert answer.status_code == 403, answer.text
    assert (await firm.seller.post("/v1/sessions", PLAN)).status_code == 403
    made(await firm.seller.post(f"{path}/cancellation", {"reason": "I am ill."}), 200)


async def test_another_organization_sees_nothing_of_it(firm: Firm, stranger: Person):
    one = await training_session(firm.trainer)
    path = path_of(one)
    assert (await stranger.get("/v1/sessions")).json()["items"] == []
    for answer in (
        await stranger.get(path),
        await stranger.get(f"{path}/calendar"),
        await stranger.get(f"{path}/posts"),
        await stranger.get(f"{path}/bookings"),
        await stranger.patch(path, {"place": "Mine"}, etag="*"),
        await stranger.post(f"{path}/cancellation", {"reason": "Mine."}),
        await stranger.post(f"{path}/posts", {"text": "Mine."}),
        await stranger.post(f"{path}/bookings", {}),
        await stranger.post(
            f"{path}/attendance", {"people": [{"person_id": NOBODY, "state": "attended"}]}
        ),
    ):
        assert answer.status_code == 404, answer.text


async def test_a_list_is_narrowed_and_sorted_by_time(firm: Firm, clock: MovedClock):
    course = await published_course(firm)
    soon = await training_session(firm.trainer, starts_at=at(1), ends_at=at(2))
    taught = await training_session(
        firm.trainer, starts_at=at(50), ends_at=at(51), course_id=course["id"], capacity=2
    )
    sellers = await training_session(
        firm.trainer, starts_at=at(40), ends_at=at(41), trainer_id=str(firm.seller.id)
    )
    await booking(firm.learner, sellers)
    clock.move(hours=2)

    async def ids(**filters: Any) -> list[str]:
        page = made(await firm.learner.get("/v1/sessions", **filters), 200)
        assert SessionPage.model_validate(page)
        return [one["id"] for one in page["items"]]

    assert await ids() == [sellers["id"], taught["id"], soon["id"]]
    assert await ids(upcoming="true", sort="starts_at") == [sellers["id"], taught["id"]]
    assert await ids(upcoming="false") == [soon["id"]]
    assert await ids(free="true") == [taught["id"]]
    assert await ids(free="false", sort="starts_at") == [soon["id"], sellers["id"]]
    assert await ids(course_id=course["id"]) == [taught["id"]]
    assert await ids(trainer_id=str(firm.seller.id)) == [sellers["id"]]
    made(await firm.trainer.post(path_of(taught, "cancellation"), {"reason": "Ill."}), 200)
    assert await ids(state="cancelled") == [taught["id"]]
    assert await ids(free="true") == []


async def test_calendars_follow_it_until_it_is_called_off(firm: Firm):
    one = await training_session(
        firm.trainer,
        title="Retur uten kvittering på Ås",
        starts_at="2199-03-25T09:00:00+01:00",
        ends_at="2199-03-25T10:30:00+01:00",
    )
    await booking(firm.learner, one)
    waiting = await booking(firm.seller, one)
    calendar = path_of(one, "calendar")
    answer = await firm.learner.get(calendar)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8; method=REQUEST"
    file, event = event_in(answer)
    assert (file["method"], event["summary"]) == ("REQUEST", "Retur uten kvittering på Ås")
    assert event["organizer"] == f"mailto:{firm.trainer.email}"
    assert {str(one) for one in event["attendee"]} == {
        f"mailto:{firm.trainer.email}",
        f"mailto:{firm.learner.email}",
    }
    assert "DTSTART;TZID=Europe/Oslo:21990325T090000" in answer.text
    for accept, status in (("text/*", 200), ("application/json", 406)):
        answer = await firm.learner.request("GET", calendar, headers={"Accept": accept})
        assert answer.status_code == status

    # The clocks have changed by then: nine o'clock is an hour earlier in the world.
    later = {"starts_at": "2199-04-25T09:00:00+02:00", "ends_at": "2199-04-25T10:30:00+02:00"}
    made(await firm.trainer.patch(path_of(one), later), 200)
    answer = await firm.learner.get(calendar)
    _, moved = event_in(answer)
    assert (moved["uid"], moved["sequence"]) == (event["uid"], 1)
    assert "DTSTART;TZID=Europe/Oslo:21990425T090000" in answer.text

    why = {"reason": "The trainer is ill."}
    gone = made(await firm.trainer.post(path_of(one, "cancellation"), why), 200)
    assert (gone["state"], gone["sequence"], gone["reason"]) == ("cancelled", 2, why["reason"])
    answer = await firm.learner.get(calendar)
    assert answer.headers["content-type"].endswith("method=CANCEL")
    file, cancelled = event_in(answer)
    assert (file["method"], cancelled["status"]) == ("CANCEL", "CANCELLED")
    assert (cancelled["uid"], cancelled["sequence"]) == (event["uid"], 2)
    assert f"mailto:{firm.learner.email}" in {str(one) for one in cancelled["attendee"]}
    assert made(await firm.seller.get(booking_path(waiting)), 200)["state"] == "cancelled"


def named_in(answer: httpx.Response) -> tuple[str, set[str]]:
    """What a calendar is to do, and who takes part, as far as it is told."""
    file, event = event_in(answer)
    found = event.get("attendee", [])
    return file["method"], {str(one).removeprefix("mailto:") for one in found}


async def test_who_has_a_seat_is_named_to_those_who_have_one_and_who_waits_to_nobody(firm: Firm):
    one = await training_session(firm.trainer, capacity=2)
    path = path_of(one, "calendar")
    for person in (firm.learner, firm.lead, firm.seller):
        await booking(person, one)
    seated = {one.email for one in (firm.trainer, firm.learner, firm.lead)}
    for person in (firm.learner, firm.lead, firm.trainer, firm.admin):
        assert named_in(await person.get(path)) == ("REQUEST", seated)
    # The seller waits, the manager has nothing to do with it.
    for person in (firm.seller, firm.manager):
        answer = await person.get(path)
        assert answer.headers["content-type"].endswith("method=PUBLISH")
        assert named_in(answer) == ("PUBLISH", set())
        assert "ORGANIZER" in answer.text

    made(await firm.trainer.post(path_of(one, "cancellation"), {"reason": "Ill."}), 200)
    for person in (firm.learner, firm.trainer, firm.admin):
        assert named_in(await person.get(path)) == ("CANCEL", seated)
    waited = {firm.trainer.email, firm.seller.email}
    assert named_in(await firm.seller.get(path)) == ("CANCEL", waited)
    assert named_in(await firm.manager.get(path)) == ("CANCEL", set())


async def test_whoever_gives_up_a_seat_takes_it_out_of_their_own_calendar(firm: Firm):
    one = await training_session(firm.trainer, capacity=2)
    path = path_of(one, "calendar")
    mine = await booking(firm.learner, one)
    await booking(firm.lead, one)
    made(await firm.learner.post(f"{booking_path(mine)}/cancellation", {}), 200)
    own = {firm.trainer.email, firm.learner.email}
    assert named_in(await firm.learner.get(path)) == ("CANCEL", own)
    others = {firm.trainer.email, firm.lead.email}
    assert named_in(await firm.lead.get(path)) == ("REQUEST", others)
    await booking(firm.learner, one)
    assert named_in(await firm.learner.get(path)) == ("REQUEST", own | others)


async def test_calling_it_off_cancels_every_booking_and_offers_nothing(firm: Firm):
    one = await training_session(firm.trainer)
    first, second = await booking(firm.learner, one), await booking(firm.seller, one)
    assert (await firm.trainer.post(path_of(one, "cancellation"), {})).status_code == 422
    why = {"reason": "Nobody could come."}
    cancelled = made(await firm.trainer.post(path_of(one, "cancellation"), why), 200)
    assert [cancelled[n] for n in ("booked", "offered", "waiting", "free_seats")] == [0, 0, 0, 0]
    for person, mine in ((firm.learner, first), (firm.seller, second)):
        shown = made(await person.get(booking_path(mine)), 200)
        assert (shown["state"], shown["reason"]) == ("cancelled", why["reason"])
    events = await told(firm, "booking.cancelled")
    assert {e["data"]["person_id"] for e in events} == {str(firm.learner.id), str(firm.seller.id)}
    assert await told(firm, "booking.offered") == []
    for answer in (
        await firm.lead.post(path_of(one, "bookings"), {}),
        await firm.trainer.post(path_of(one, "cancellation"), why),
        await firm.trainer.patch(path_of(one), {"place": "Elsewhere"}),
    ):
        assert (answer.status_code, answer.json()["allowed"]) == (409, [])


async def test_a_session_that_has_started_is_moved_only_while_nobody_was_there(
    firm: Firm, clock: MovedClock
):
    one = await training_session(firm.trainer, starts_at=at(1), ends_at=at(2))
    await booking(firm.learner, one)
    clock.move(hours=3)
    earlier = {"starts_at": at(1.5)}
    assert (await firm.trainer.patch(path_of(one), earlier)).status_code == 422
    next_week = {"starts_at": at(168), "ends_at": at(169)}
    moved = made(await firm.trainer.patch(path_of(one), next_week), 200)
    assert (moved["booked"], moved["sequence"]) == (1, 1)
    clock.move(hours=170)
    people = [{"person_id": str(firm.learner.id), "state": "attended"}]
    made(await firm.trainer.post(path_of(one, "attendance"), {"people": people}), 200)
    again = {"starts_at": at(400), "ends_at": at(401)}
    assert (await firm.trainer.patch(path_of(one), again)).status_code == 409
    why = {"reason": "It was not good."}
    assert (await firm.trainer.post(path_of(one, "cancellation"), why)).status_code == 409


async def test_the_thread_is_written_by_those_who_take_part_and_read_by_all(firm: Firm):
    one = await training_session(firm.trainer, trainer_id=str(firm.lead.id))
    mine = await booking(firm.learner, one)
    posts = path_of(one, "posts")
    text = {"text": "What if there are two cards?", "links": ["https://example.org/cards"]}
    created = await firm.learner.post(posts, text)
    asked = made(created)
    assert asked["author_name"] == firm.learner.name
    made(await firm.lead.post(posts, {"text": "Ask for the newer one."}))
    made(await firm.trainer.post(posts, {"text": "So it is."}))
    for person in (firm.seller, firm.admin, firm.manager):
        assert (await person.post(posts, text)).status_code == 403
    assert (await firm.learner.post(posts, {"text": ""})).status_code == 422
    listed = made(await firm.seller.get(posts), 200)["items"]
    assert [post["text"] for post in listed][::-1] == [
        text["text"], "Ask for the newer one.", "So it is."
    ]  # fmt: skip
    assert made(await firm.seller.get(created.headers["Location"]), 200) == asked
    other = await training_session(firm.trainer)
    elsewhere = f"{path_of(other, 'posts')}/{asked['id']}"
    assert (await firm.learner.get(elsewhere)).status_code == 404

    # It stays open: for whoever had to give up their seat, and when the session does not take place.
    made(await firm.learner.post(booking_path(mine, "cancellation"), {}), 200)
    why = {"reason": "Too few."}
    made(await firm.trainer.post(path_of(one, "cancellation"), why), 200)
    made(await firm.learner.post(posts, {"text": "Next time, then."}))
    [event, *_] = await told(firm, "session-post.created")
    assert text["text"] not in str(event)


async def test_of_two_who_move_it_at_once_one_is_told_to_read_again(firm: Firm):
    one = await training_session(firm.trainer)
    moves = [{"place": f"Shop {n}"} for n in range(8)]
    answers = await asyncio.gather(
        *(firm.trainer.patch(path_of(one), move, etag='"1"') for move in moves)
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


async def test_a_repeated_post_with_its_key_plans_once(firm: Firm):
    first = await firm.trainer.post("/v1/sessions", PLAN, key="once")
    assert made(first) == made(await firm.trainer.post("/v1/sessions", PLAN, key="once"))
    assert len(made(await firm.trainer.get("/v1/sessions"), 200)["items"]) == 1


async def test_any_role_may_hold_one(firm: Firm):
    helper = await firm.hire("Hilde Hjelper", Role.delivery)
    one = await training_session(firm.trainer, trainer_id=str(helper.id))
    assert one["trainer_name"] == "Hilde Hjelper"
