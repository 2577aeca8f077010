"""Bookings: never more than there are seats, in order, with offers that lapse by themselves."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.chassis.events import store_recorded
from services.onboarding.api.attendance import AttendanceTaken
from services.onboarding.api.bookings import BookingPage
from services.onboarding.domain.chores import CHORES
from tests.conftest import Firm, Person
from tests.onboarding.clock import MovedClock, clock
from tests.onboarding.makers import (
    as_the_service,
    assignment,
    booking,
    booking_path,
    course,
    course_draft,
    course_set,
    made,
    managed,
    published_curriculum,
    told,
    training_session,
    unit,
)

__all__ = ["clock"]


def at(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def path_of(session: dict[str, Any], below: str = "") -> str:
    return f"/v1/sessions/{session['id']}" + (f"/{below}" if below else "")


async def shown(person: Person, one: dict[str, Any]) -> dict[str, Any]:
    return made(await person.get(booking_path(one)), 200)


async def do(person: Person, one: dict[str, Any], verb: str) -> dict[str, Any]:
    given = {} if verb == "cancellation" else None
    return made(await person.post(booking_path(one, verb), given), 200)


async def counts(firm: Firm, session: dict[str, Any]) -> tuple[int, int, int, int]:
    now = made(await firm.trainer.get(path_of(session)), 200)
    return now["booked"], now["offered"], now["waiting"], now["free_seats"]


async def run_chores(firm: Firm, clock: MovedClock) -> int:
    """What the scheduler does for an organization."""
    done = 0
    database = firm.product.database("onboarding")
    for chore in CHORES:
        async with database.transaction(firm.organization_id) as session:
            if chore.name == "lapse_offers":
                done += await chore.do(session, clock())
            await store_recorded(session, None, None)
    return done


async def test_a_seat_is_booked_and_the_next_ones_wait_in_order(firm: Firm):
    one = await training_session(firm.trainer)
    created = await firm.learner.post(path_of(one, "bookings"), {})
    first = made(created)
    assert created.headers["Location"] == booking_path(first)
    assert (first["state"], first["place_in_line"], first["clashes"]) == ("booked", None, [])
    assert (first["person_name"], first["session_title"]) == (firm.learner.name, one["title"])
    second, third = await booking(firm.seller, one), await booking(firm.lead, one)
    assert [(b["state"], b["place_in_line"]) for b in (second, third)] == [
        ("waitlisted", 1), ("waitlisted", 2)
    ]  # fmt: skip
    assert await counts(firm, one) == (1, 0, 2, 0)
    assert made(await firm.learner.get("/v1/me/bookings"), 200)["items"] == [first]
    events = [event["data"]["after"]["state"] for event in await told(firm, "booking.created")]
    assert events == ["booked", "waitlisted", "waitlisted"]


async def test_twenty_at_once_for_one_seat_and_then_the_line_moves(firm: Firm, clock: MovedClock):
    one = await training_session(firm.trainer, offer_hours=4)
    people = [await firm.hire(f"Person {n}") for n in range(20)]
    answers = await asyncio.gather(*(p.post(path_of(one, "bookings"), {}) for p in people))
    bookings = [made(answer) for answer in answers]
    [winner] = [b for b in bookings if b["state"] == "booked"]
    whose = {str(p.id): p for p in people}
    line = [await shown(firm.trainer, b) for b in bookings if b["state"] == "waitlisted"]
    line.sort(key=lambda b: b["place_in_line"])
    assert [b["place_in_line"] for b in line] == list(range(1, 20))
    taken = [datetime.fromisoformat(b["created_at"]) for b in line]
    assert taken == sorted(taken)
    assert await counts(firm, one) == (1, 0, 19, 0)

    await do(whose[winner["person_id"]], winner, "cancellation")
    first, second, third = line[:3]
    offered = await shown(firm.trainer, first)
    assert offered["state"] == "offered"
    left = datetime.fromisoformat(offered["expires_at"]) - clock()
    assert timedelta(hours=3.9) < left <= timedelta(hours=4)
    assert (await shown(firm.trainer, second))["place_in_line"] == 1
    assert await counts(firm, one) == (0, 1, 18, 0)

    # Nothing has run: who reads sees it all the same.
    clock.move(hours=5)
    assert (await shown(firm.trainer, first))["state"] == "lapsed"
    by_itself = await shown(firm.trainer, second)
    assert (by_itself["state"], by_itself["place_in_line"]) == ("offered", None)
    assert datetime.fromisoformat(by_itself["expires_at"]) > clock()
    assert (await shown(firm.trainer, third))["place_in_line"] == 1
    assert await counts(firm, one) == (0, 1, 17, 0)
    for state, [found] in (("lapsed", [first]), ("offered", [second])):
        page = await firm.trainer.get(path_of(one, "bookings"), state=state)
        assert [b["id"] for b in made(page, 200)["items"]] == [found["id"]]
    too_late = await whose[first["person_id"]].post(booking_path(first, "acceptance"))
    assert (too_late.status_code, too_late.json()["allowed"]) == (409, [])
    assert too_late.json()["detail"].startswith("The offer ran out at ")

    assert await run_chores(firm, clock) == 2
    assert await run_chores(firm, clock) == 0
    assert [len(await told(firm, f"booking.{verb}")) for verb in ("offered", "lapsed")] == [2, 1]
    accepted = await do(whose[second["person_id"]], second, "acceptance")
    assert accepted["state"] == "booked"
    assert await counts(firm, one) == (1, 0, 17, 0)


async def test_the_next_in_line_accepts_although_nothing_has_run(firm: Firm, clock: MovedClock):
    one = await training_session(firm.trainer, offer_hours=1)
    first, second, third = [
        await booking(person, one) for person in (firm.learner, firm.seller, firm.lead)
    ]
    await do(firm.learner, first, "cancellation")
    early = await firm.lead.post(booking_path(third, "acceptance"))
    assert (early.status_code, early.json()["allowed"]) == (409, ["cancel"])
    assert early.json()["detail"] == "No seat is offered yet: the person waits in line."
    clock.move(hours=2)
    assert (await do(firm.lead, third, "acceptance"))["state"] == "booked"
    assert (await shown(firm.trainer, second))["state"] == "lapsed"
    # Whoever let it lapse may stand in line anew.
    again = await booking(firm.seller, one)
    assert (again["state"], again["place_in_line"]) == ("waitlisted", 1)


async def test_an_offer_never_outlasts_the_start(firm: Firm, clock: MovedClock):
    one = await training_session(firm.trainer, starts_at=at(3), ends_at=at(5), offer_hours=24)
    first, second = await booking(firm.learner, one), await booking(firm.seller, one)
    await do(firm.learner, first, "cancellation")
    assert (await shown(firm.seller, second))["expires_at"] == one["starts_at"]
    sooner = {"starts_at": at(1)}
    moved = made(await firm.trainer.patch(path_of(one), sooner), 200)
    assert (await shown(firm.seller, second))["expires_at"] == moved["starts_at"]
    third = await booking(firm.lead, one)
    clock.move(hours=1.5)
    assert (await shown(firm.seller, second))["state"] == "lapsed"
    assert (await shown(firm.lead, third))["state"] == "waitlisted"
    assert await run_chores(firm, clock) == 1
    assert (await firm.lead.post(booking_path(third, "acceptance"))).status_code == 409
    assert (await firm.admin.post(path_of(one, "bookings"), {})).status_code == 409
    assert (await firm.lead.post(booking_path(third, "cancellation"), {})).status_code == 409


async def test_the_same_person_twice_keeps_the_booking(firm: Firm):
    one = await training_session(firm.trainer, capacity=3)
    answers = await asyncio.gather(
        *(firm.learner.post(path_of(one, "bookings"), {}) for _ in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await counts(firm, one) == (1, 0, 0, 2)
    assert len(await told(firm, "booking.created")) == 1


async def test_others_are_booked_by_trainers_and_by_whoever_leads_them(firm: Firm):
    one = await training_session(firm.trainer, capacity=9)
    boss = await firm.hire("Bo Boss")
    theirs = await firm.hire("Tilde Team", manager_id=boss.id)
    lead = {"lead_id": str(firm.lead.id)}
    made(await firm.admin.patch(f"/v1/teams/{firm.team_id}", lead), 200)
    await firm.product.catch_up()
    mine = await booking(boss, one, theirs)
    assert (mine["person_id"], mine["booked_by"]) == (str(theirs.id), str(boss.id))
    await booking(firm.lead, one, firm.learner)
    await booking(firm.trainer, one, firm.seller)
    for person, of in ((boss, firm.learner), (firm.learner, theirs), (firm.manager, theirs)):
        refused = await person.post(path_of(one, "bookings"), {"person_id": str(of.id)})
        assert refused.status_code == 403, refused.text
        for verb in ("acceptance", "cancellation"):
            if of is theirs:
                given = {} if verb == "cancellation" else None
                refused = await person.post(booking_path(mine, verb), given)
                assert refused.status_code == 403
    nobody = {"person_id": "0199a1b2-0000-7000-8000-000000000001"}
    unknown = await firm.trainer.post(path_of(one, "bookings"), nobody)
    assert [e["pointer"] for e in unknown.json()["errors"]] == ["/person_id"]
    assert (await do(boss, mine, "cancellation"))["state"] == "cancelled"


async def test_colleagues_see_who_comes_and_only_those_it_concerns_the_rest(firm: Firm):
    one = await training_session(firm.trainer)
    boss = await firm.hire("Bo Boss")
    theirs = await firm.hire("Tilde Team", manager_id=boss.id)
    seat, waits = await booking(firm.learner, one), await booking(theirs, one)

    async def seen(person: Person, path: str, **filters: Any) -> list[str]:
        page = made(await person.get(path, **filters), 200)
        assert BookingPage.model_validate(page)
        return [b["id"] for b in page["items"]]

    bookings = path_of(one, "bookings")
    assert await seen(firm.seller, bookings) == [seat["id"]]
    for person in (theirs, boss, firm.trainer, firm.admin):
        assert await seen(person, bookings) == [waits["id"], seat["id"]]
    assert await seen(firm.trainer, bookings, state="waitlisted") == [waits["id"]]
    assert await seen(firm.trainer, bookings, state="offered") == []
    assert await seen(firm.trainer, "/v1/bookings", state="lapsed") == []
    assert (await firm.seller.get(booking_path(waits))).status_code == 404
    assert await seen(firm.seller, "/v1/bookings") == []
    assert await seen(boss, "/v1/bookings") == [waits["id"]]
    assert await seen(boss, "/v1/bookings", person_id=str(firm.learner.id)) == []
    assert await seen(firm.manager, "/v1/bookings") == []
    assert await seen(firm.trainer, "/v1/bookings", session_id=one["id"], upcoming="true") == [
        waits["id"], seat["id"]
    ]  # fmt: skip
    assert await seen(firm.learner, "/v1/me/bookings", state="booked") == [seat["id"]]
    assert await seen(firm.learner, "/v1/me/bookings", upcoming="false") == []
    assert (await firm.learner.get("/v1/me/bookings", person_id="x")).status_code == 422


async def test_a_booking_is_reached_through_its_own_session_alone(firm: Firm, stranger: Person):
    one, other = await training_session(firm.trainer), await training_session(firm.trainer)
    mine = await booking(firm.learner, one)
    for person, wrong in ((firm.learner, {**mine, "session_id": other["id"]}), (stranger, mine)):
        assert (await person.get(booking_path(wrong))).status_code == 404
        assert (await person.post(booking_path(wrong, "acceptance"))).status_code == 404
        assert (await person.post(booking_path(wrong, "cancellation"), {})).status_code == 404
    assert (await stranger.get("/v1/bookings")).json()["items"] == []


async def test_two_at_the_same_time_are_a_warning(firm: Firm):
    one = await training_session(firm.trainer, starts_at=at(24), ends_at=at(26))
    same_time = await training_session(firm.trainer, starts_at=at(25), ends_at=at(27))
    after = await training_session(firm.trainer, starts_at=one["ends_at"], ends_at=at(28))
    first = await booking(firm.learner, one)
    assert (await booking(firm.learner, after))["clashes"] == []
    warned = await booking(firm.learner, same_time)
    assert warned["state"] == "booked"
    assert {clash["session_id"] for clash in warned["clashes"]} == {one["id"], after["id"]}
    assert [clash["session_id"] for clash in (await shown(firm.learner, first))["clashes"]] == [
        same_time["id"]
    ]
    await do(firm.learner, warned, "cancellation")
    assert (await shown(firm.learner, first))["clashes"] == []
    # Waiting is no seat, so it clashes with nothing that others have.
    full = await training_session(firm.trainer, starts_at=one["starts_at"], ends_at=one["ends_at"])
    await booking(firm.seller, full)
    assert len((await booking(firm.learner, full))["clashes"]) == 1
    assert (await shown(firm.learner, first))["clashes"] == []


async def test_which_session_a_colleagues_booking_clashes_with_is_not_for_everybody(firm: Firm):
    one = await training_session(firm.trainer, starts_at=at(24), ends_at=at(26), capacity=3)
    other = await training_session(firm.trainer, starts_at=at(25), ends_at=at(27), title="Stress")
    booked = await booking(firm.learner, one)
    await booking(firm.learner, other)
    when = {"starts_at": other["starts_at"], "ends_at": other["ends_at"]}
    known = {"session_id": other["id"], "title": "Stress", **when}
    hidden = {"session_id": None, "title": None, **when}
    await managed(firm, firm.learner)
    for reader, clash in (
        (firm.seller, hidden),
        (firm.learner, known),
        (firm.manager, known),
        (firm.trainer, known),
        (firm.admin, known),
    ):
        assert (await shown(reader, booked))["clashes"] == [clash]
        page = made(await reader.get(path_of(one, "bookings")), 200)
        assert BookingPage.model_validate(page)
        assert [row["clashes"] for row in page["items"]] == [[clash]]
    for path in ("/v1/me/bookings", "/v1/bookings"):
        rows = made(await firm.learner.get(path), 200)["items"]
        assert [row["clashes"] for row in rows if row["id"] == booked["id"]] == [[known]]


async def test_fewer_seats_than_taken_are_refused_and_more_are_offered(firm: Firm):
    one = await training_session(firm.trainer, capacity=2)
    first, second, third, fourth = [
        await booking(p, one) for p in (firm.learner, firm.seller, firm.lead, firm.admin)
    ]
    refused = await firm.trainer.patch(path_of(one), {"capacity": 1})
    assert refused.status_code == 409
    assert [e["pointer"] for e in refused.json()["errors"]] == ["/capacity"]
    raised = made(await firm.trainer.patch(path_of(one), {"capacity": 3}), 200)
    assert [raised[n] for n in ("booked", "offered", "waiting", "free_seats")] == [2, 1, 1, 0]
    assert (await shown(firm.trainer, third))["state"] == "offered"
    assert (await firm.trainer.patch(path_of(one), {"capacity": 2})).status_code == 409
    await do(firm.lead, third, "cancellation")
    assert (await shown(firm.trainer, fourth))["state"] == "offered"
    await do(firm.admin, fourth, "cancellation")
    assert made(await firm.trainer.patch(path_of(one), {"capacity": 2}), 200)["free_seats"] == 0
    del first, second


async def test_an_offer_that_is_accepted_twice_at_once_is_one_seat(firm: Firm):
    one = await training_session(firm.trainer)
    first, second = await booking(firm.learner, one), await booking(firm.seller, one)
    await do(firm.learner, first, "cancellation")
    answers = await asyncio.gather(
        *(firm.seller.post(booking_path(second, "acceptance")) for _ in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert len(await told(firm, "booking.accepted")) == 1


async def test_giving_up_booking_and_changing_the_capacity_at_once_fill_every_seat(firm: Firm):
    one = await training_session(firm.trainer, capacity=3)
    people = [await firm.hire(f"Person {n}") for n in range(12)]
    first = [await booking(person, one) for person in people[:6]]
    await asyncio.gather(
        *(
            person.post(booking_path(mine, "cancellation"), {})
            for person, mine in zip(people[:3], first[:3], strict=True)
        ),
        *(person.post(path_of(one, "bookings"), {}) for person in people[6:]),
        *(firm.trainer.patch(path_of(one), {"capacity": n}, etag="*") for n in (5, 2, 4)),
    )
    now = made(await firm.trainer.get(path_of(one)), 200)
    taken = now["booked"] + now["offered"]
    assert taken == now["capacity"]
    assert now["waiting"] == 9 - taken
    line = made(await firm.trainer.get(path_of(one, "bookings"), state="waitlisted"), 200)["items"]
    assert sorted(b["place_in_line"] for b in line) == list(range(1, now["waiting"] + 1))


async def test_the_database_itself_sells_no_seat_twice(firm: Firm):
    one = await training_session(firm.trainer)
    await booking(firm.learner, one)
    await booking(firm.seller, one)
    for statement in (
        f"UPDATE booking SET state = 'booked' WHERE session_id = '{one['id']}'",
        f"UPDATE topic_session SET capacity = 0 WHERE id = '{one['id']}'",
        f"UPDATE booking SET person_id = '{firm.lead.id}' WHERE session_id = '{one['id']}'",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await as_the_service(firm, statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_the_service(firm, "DELETE FROM booking")


async def test_whoever_leaves_the_firm_leaves_their_seat_to_the_next(firm: Firm):
    one = await training_session(firm.trainer)
    leaver = await firm.hire("Lei Leaver")
    seat, waits = await booking(leaver, one), await booking(firm.learner, one)
    made(await firm.admin.patch(f"/v1/people/{leaver.id}", {"active": False}), 200)
    await firm.product.catch_up()
    assert (await shown(firm.trainer, seat))["state"] == "cancelled"
    assert (await shown(firm.learner, waits))["state"] == "offered"


async def test_a_trainer_says_who_was_there_from_the_start_on(firm: Firm, clock: MovedClock):
    one = await training_session(firm.trainer, starts_at=at(1), ends_at=at(2), capacity=3)
    there, away, trainers = [
        await booking(p, one) for p in (firm.learner, firm.seller, firm.trainer)
    ]
    waits = await booking(firm.lead, one)
    took = path_of(one, "attendance")

    def people(**states: str) -> dict[str, Any]:
        named = {name: str(getattr(firm, name).id) for name in states}
        return {"people": [{"person_id": named[n], "state": s} for n, s in states.items()]}

    early = await firm.trainer.post(took, people(learner="attended"))
    assert early.status_code == 409
    clock.move(hours=1.5)
    everybody = people(
        learner="attended", seller="no_show", trainer="attended", lead="attended", admin="no_show"
    )
    taken = made(await firm.trainer.post(took, everybody), 200)
    assert AttendanceTaken.model_validate(taken)
    assert (taken["recorded"], taken["unchanged"], taken["failed"]) == (2, 0, 3)
    assert [row["result"] for row in taken["rows"]] == ["recorded"] * 2 + ["failed"] * 3
    assert all(row["detail"] for row in taken["rows"][2:])
    assert (await shown(firm.learner, there))["state"] == "attended"
    assert (await shown(firm.trainer, trainers))["state"] == "booked"
    assert (await shown(firm.lead, waits))["state"] == "waitlisted"

    corrected = made(
        await firm.trainer.post(took, people(learner="attended", seller="attended")), 200
    )
    assert (corrected["recorded"], corrected["unchanged"]) == (1, 1)
    back = made(await firm.trainer.post(took, people(learner="no_show")), 200)
    assert back["recorded"] == 1
    assert len(await told(firm, "booking.attendance-taken")) == 4
    assert (await firm.seller.get(booking_path(there))).status_code == 404
    assert (await firm.learner.post(booking_path(there, "cancellation"), {})).status_code == 409

    for wrong in (
        {"people": []},
        {"people": people(learner="attended")["people"] * 2},
        people(learner="booked"),
        {"people": [{"person_id": "x", "state": "attended"}]},
    ):
        assert (await firm.trainer.post(took, wrong)).status_code == 422
    clock.move(days=31)
    late = await firm.trainer.post(took, people(seller="no_show"))
    assert (late.status_code, late.json()["type"]) == (409, "/problems/frozen")
    del away


async def taught(firm: Firm, *kinds: str, competence: str | None = None) -> dict[str, Any]:
    """A published course with a unit of each kind."""
    new = await course(firm.trainer)
    units = [{**unit(key=f"unit-{n}"), "kind": kind} for n, kind in enumerate(kinds)]
    grants = None if competence is None else {"competence": competence, "level": 2}
    await course_draft(firm.trainer, new, units=units, grants=grants)
    made(await firm.trainer.post(f"/v1/courses/{new['id']}/versions/1/publication"), 200)
    return new


async def test_being_there_completes_a_course_of_sessions(firm: Firm, clock: MovedClock):
    talk = await taught(firm, "topic_session", competence="returns")
    given = await assignment(firm, await published_curriculum(firm, course_set(talk)))
    one = await training_session(
        firm.trainer,
        starts_at=at(1),
        ends_at=at(2),
        capacity=5,
        course_id=talk["id"],
        trainer_id=str(firm.lead.id),
    )
    await booking(firm.learner, one)
    await booking(firm.seller, one)
    clock.move(hours=1.5)
    took = path_of(one, "attendance")
    people = [{"person_id": str(p.id), "state": "attended"} for p in (firm.learner, firm.seller)]
    taken = made(await firm.lead.post(took, {"people": people}), 200)
    assert [row["completed_assignments"] for row in taken["rows"]] == [[given["id"]], []]
    done = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert done["state"] == "completed"
    [granted] = await told(firm, "competence.granted")
    assert granted["data"]["person_id"] == str(firm.learner.id)
    assert len(await told(firm, "assignment.completed")) == 1
    was_there, _ = [event["data"] for event in await told(firm, "booking.attendance-taken")]
    assert was_there["completed_assignments"] == [given["id"]]
    assert (was_there["before"]["state"], was_there["after"]["state"]) == ("booked", "attended")

    # What was completed stays, so they were there.
    away = [{"person_id": str(firm.learner.id), "state": "no_show"}]
    refused = made(await firm.trainer.post(took, {"people": away}), 200)
    assert (refused["failed"], refused["rows"][0]["state"]) == (1, "attended")


async def test_being_there_completes_nothing_that_takes_more_or_comes_later(
    firm: Firm, clock: MovedClock
):
    mixed = await taught(firm, "topic_session", "reading")
    before, talk = await taught(firm, "reading"), await taught(firm, "topic_session")
    await assignment(firm, await published_curriculum(firm, course_set(mixed)))
    in_order = course_set(before, talk, rule="all_in_order")
    ordered = await assignment(firm, await published_curriculum(firm, in_order))
    for held, completes in ((mixed, False), (talk, False)):
        one = await training_session(
            firm.trainer, starts_at=at(1), ends_at=at(2), course_id=held["id"]
        )
        await booking(firm.learner, one)
        clock.move(hours=1.5)
        people = [{"person_id": str(firm.learner.id), "state": "attended"}]
        [row] = made(await firm.trainer.post(path_of(one, "attendance"), {"people": people}), 200)[
            "rows"
        ]
        assert (row["result"], bool(row["completed_assignments"])) == ("recorded", completes)
        assert (row["detail"] is None) == (held is mixed)
        clock.move(hours=-1.5)
    assert made(await firm.learner.get(f"/v1/assignments/{ordered['id']}"), 200)["items_done"] == 0


async def test_being_there_once_more_completes_nothing_again(firm: Firm, clock: MovedClock):
    talk, rest = await taught(firm, "topic_session"), await taught(firm, "reading")
    given = await assignment(firm, await published_curriculum(firm, course_set(talk, rest)))
    for completed in ([given["id"]], []):
        one = await training_session(
            firm.trainer, starts_at=at(1), ends_at=at(2), course_id=talk["id"]
        )
        await booking(firm.learner, one)
        clock.move(hours=1.5)
        people = {"people": [{"person_id": str(firm.learner.id), "state": "attended"}]}
        taken = made(await firm.trainer.post(path_of(one, "attendance"), people), 200)
        assert taken["rows"][0]["completed_assignments"] == completed
        clock.move(hours=-1.5)


async def test_attendance_told_twice_at_once_is_recorded_once(firm: Firm, clock: MovedClock):
    talk = await taught(firm, "topic_session", competence="returns")
    await assignment(firm, await published_curriculum(firm, course_set(talk)))
    one = await training_session(firm.trainer, starts_at=at(1), ends_at=at(2), course_id=talk["id"])
    await booking(firm.learner, one)
    clock.move(hours=1.5)
    people = {"people": [{"person_id": str(firm.learner.id), "state": "attended"}]}
    answers = await asyncio.gather(
        *(firm.trainer.post(path_of(one, "attendance"), people) for _ in range(6))
    )
    assert sum(made(answer, 200)["recorded"] for answer in answers) == 1
    assert len(await told(firm, "competence.granted")) == 1


async def test_events_of_bookings_are_for_those_whom_they_concern(firm: Firm):
    one = await training_session(firm.trainer, capacity=2)
    await booking(firm.learner, one)
    for person, number in ((firm.seller, 0), (firm.learner, 1), (firm.manager, 1)):
        events = made(await person.get("/v1/events", type="booking.created"), 200)["items"]
        assert len(events) == number
