"""Reminders: in time, at work, once, and never of what is over. 17 June 2099 is a Wednesday; the firm is in Norway."""

import asyncio
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.chassis.caller import Role
from services.chassis.database import load
from services.chassis.tables import new_id
from services.onboarding.domain.assignment import Assignment
from services.onboarding.domain.chores import do_chores
from services.onboarding.domain.reminding import remind_due
from tests.conftest import Firm, Person
from tests.onboarding.clock import MovedClock, clock
from tests.onboarding.makers import (
    as_the_service,
    assignment,
    booking,
    booking_path,
    certified,
    completion_path,
    in_training,
    made,
    override,
    policy,
    published_curriculum,
    reminded,
    told,
    training_session,
)

__all__ = ["clock"]

DUE = "2099-06-17"
A_WEEK_BEFORE, A_DAY_BEFORE, A_DAY_AFTER = (
    "2099-06-10 10:00",
    "2099-06-16 10:00",
    "2099-06-18 10:00",
)


async def due_on(
    firm: Firm, day: str = DUE, person: Person | None = None, **fields: Any
) -> dict[str, Any]:
    """An assignment that is due on a day."""
    taught = await published_curriculum(firm)
    return await assignment(firm, taught, person, due={"kind": "fixed", "on": day}, **fields)


async def sent(person: Person, **filters: Any) -> list[tuple[str, int, str]]:
    """What somebody sees of reminders, oldest first."""
    found = made(await person.get("/v1/reminders", **filters), 200)["items"]
    return [(one["kind"], one["step"], one["due_on"]) for one in reversed(found)]


async def test_a_week_and_a_day_before_within_working_hours_each_once(firm: Firm):
    given = await due_on(firm)
    for moment, count in {
        "2099-06-09 16:59": 0,
        "2099-06-10 07:59": 0,
        "2099-06-10 08:00": 1,
        "2099-06-10 08:15": 0,
        "2099-06-12 12:00": 0,
        "2099-06-15 12:00": 0,
        "2099-06-16 17:00": 0,
        "2099-06-16 16:59": 1,
        "2099-06-17 12:00": 0,
    }.items():
        assert await reminded(firm, moment) == count, moment
    assert await sent(firm.learner) == [("due_soon", 7, DUE), ("due_soon", 1, DUE)]
    first, _ = events = await told(firm, "reminder.due")
    last, _ = made(await firm.learner.get("/v1/reminders"), 200)["items"]
    assert {event["subject"] for event in events} >= {f"reminders/{last['id']}"}
    assert first["data"] == {
        "reminder_id": first["subject"].removeprefix("reminders/"),
        "person_id": str(firm.learner.id),
        "kind": "due_soon",
        "step": 7,
        "title": given["curriculum_title"],
        "due_on": DUE,
        "assignment_id": given["id"],
        "cycle": 1,
        "curriculum_id": given["curriculum_id"],
    }
    assert (last["person_name"], last["title"]) == (firm.learner.name, given["curriculum_title"])
    assert last["sent_at"] == "2099-06-16T14:59:00+00:00"


@pytest.mark.parametrize(
    ("due", "told_on", "idle"),
    [
        ("2099-06-15", "2099-06-12 10:00", "2099-06-13 10:00"),
        # Pentecost Monday.
        ("2099-06-02", "2099-05-29 10:00", "2099-06-01 10:00"),
    ],
)
async def test_what_falls_on_a_day_off_is_told_before_it(
    firm: Firm, due: str, told_on: str, idle: str
):
    await due_on(firm, due)
    assert await reminded(firm, idle) == 0
    assert await reminded(firm, told_on) == 1
    assert await sent(firm.learner) == [("due_soon", 1, due)]


async def test_the_organizations_own_days_off_and_week_count(firm: Firm):
    # Sunday to Thursday, and not on Tuesday the 16th.
    week = {"working_days": [1, 2, 3, 4, 7], "holidays": ["2099-06-16"]}
    made(await firm.admin.patch("/v1/organization", week), 200)
    await firm.product.catch_up()
    await due_on(firm)
    assert await reminded(firm, A_DAY_BEFORE) == 0
    assert await reminded(firm, "2099-06-12 10:00") == 0
    assert await reminded(firm, "2099-06-14 10:00") == 1
    assert await reminded(firm, "2099-06-15 10:00") == 1


async def test_each_is_told_in_the_hours_of_where_they_are(firm: Firm):
    far = await firm.hire("Fumi Fjern", time_zone="Asia/Tokyo")
    await due_on(firm)
    await due_on(firm, person=far)
    # Half past eight on the 10th in Tokyo.
    assert await reminded(firm, "2099-06-10 01:30") == 1
    assert await sent(far) == [("due_soon", 7, DUE)]
    assert await reminded(firm, "2099-06-10 10:00") == 1
    assert await sent(firm.learner) == [("due_soon", 7, DUE)]


async def test_clocks_that_change_before_the_due_date_move_nothing(firm: Firm):
    # Summer time begins on 29 March 2099.
    await due_on(firm, "2099-03-31")
    assert await reminded(firm, "2099-03-24 07:59") == 0
    assert await reminded(firm, "2099-03-24 08:00") == 1
    assert await reminded(firm, "2099-03-30 07:59") == 0
    assert await reminded(firm, "2099-03-30 08:00") == 1


@pytest.mark.parametrize(
    ("moment", "reminder"),
    [
        ("2099-06-12 10:00", ("due_soon", 7, DUE)),
        ("2099-06-17 10:00", ("due_soon", 1, DUE)),
        (A_DAY_AFTER, ("overdue", 1, DUE)),
        ("2099-06-26 10:00", ("overdue", 2, DUE)),
    ],
)
async def test_who_is_late_sends_the_latest_and_not_what_was_missed(
    firm: Firm, moment: str, reminder: tuple[str, int, str]
):
    await due_on(firm)
    assert await reminded(firm, moment) == 1
    assert await reminded(firm, moment) == 0
    assert await sent(firm.learner) == [reminder]


async def test_what_is_overdue_is_told_on_the_first_working_day_and_five_times_in_all(firm: Firm):
    await due_on(firm, "2099-06-12")
    counts = {
        "2099-06-13 10:00": 0,
        "2099-06-15 10:00": 1,
        "2099-06-19 10:00": 0,
        "2099-06-22 10:00": 1,
        "2099-06-29 10:00": 1,
        "2099-07-06 10:00": 1,
        "2099-07-10 10:00": 0,
        "2099-07-13 10:00": 1,
        "2099-07-20 10:00": 0,
        "2099-12-01 10:00": 0,
    }
    for moment, count in counts.items():
        assert await reminded(firm, moment) == count, moment
    assert await sent(firm.learner, kind="overdue") == [
        ("overdue", step, "2099-06-12") for step in range(1, 6)
    ]


async def complete(firm: Firm, given: dict[str, Any]) -> None:
    for one in given["sets"]:
        for item in one["items"]:
            made(await firm.learner.post(completion_path(given, item)), 200)


async def waive(firm: Firm, given: dict[str, Any]) -> None:
    made(
        await firm.trainer.post(
            f"/v1/assignments/{given['id']}/waivers", {"reason": "administrative"}
        )
    )


async def retire(firm: Firm, given: dict[str, Any]) -> None:
    path = f"/v1/curricula/{given['curriculum_id']}/versions/1/retirement"
    made(await firm.trainer.post(path), 200)


async def suspend(firm: Firm, given: dict[str, Any]) -> None:
    why = {"reason": "On leave."}
    made(await firm.trainer.post(f"/v1/assignments/{given['id']}/suspension", why), 200)


async def withdraw(firm: Firm, given: dict[str, Any]) -> None:
    why = {"reason": "Another job."}
    made(await firm.trainer.post(f"/v1/assignments/{given['id']}/withdrawal", why), 200)


async def let_go(firm: Firm, _: dict[str, Any]) -> None:
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", {"active": False}), 200)
    await firm.product.catch_up()


@pytest.mark.parametrize("end", [complete, waive, retire, suspend, withdraw, let_go])
async def test_nobody_is_reminded_of_what_is_over_or_rests(firm: Firm, end: Any):
    given = await due_on(firm)
    await end(firm, given)
    for moment in (A_WEEK_BEFORE, A_DAY_BEFORE, A_DAY_AFTER):
        assert await reminded(firm, moment) == 0, moment


async def test_nobody_is_reminded_of_what_has_not_begun(firm: Firm):
    await due_on(firm, starts_on="2099-06-15")
    assert await reminded(firm, A_WEEK_BEFORE) == 0
    assert await reminded(firm, "2099-06-15 10:00") == 1


async def test_whoever_is_back_is_reminded_again(firm: Firm):
    given = await due_on(firm)
    await let_go(firm, given)
    assert await reminded(firm, A_WEEK_BEFORE) == 0
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", {"active": True}), 200)
    await firm.product.catch_up()
    assert await reminded(firm, A_DAY_BEFORE) == 1


async def test_nobody_is_reminded_on_the_day_on_which_they_got_it(firm: Firm):
    given = await due_on(firm)
    await as_the_service(
        firm,
        f"UPDATE assignment SET created_at = '2099-06-15 00:05+02' WHERE id = '{given['id']}'",
    )
    assert await reminded(firm, "2099-06-15 16:00") == 0
    assert await reminded(firm, A_DAY_BEFORE) == 1


async def test_a_due_date_that_moves_is_reminded_of_anew(firm: Firm):
    given = await due_on(firm)
    assert await reminded(firm, A_WEEK_BEFORE) == 1
    more = {"due_on": "2099-06-24", "reason": "She was ill."}
    made(await firm.trainer.post(f"/v1/assignments/{given['id']}/extensions", more))
    assert await reminded(firm, A_DAY_BEFORE) == 0
    assert await reminded(firm, "2099-06-17 10:00") == 1
    assert await reminded(firm, "2099-06-23 10:00") == 1
    assert await sent(firm.learner, assignment_id=given["id"]) == [
        ("due_soon", 7, DUE),
        ("due_soon", 7, "2099-06-24"),
        ("due_soon", 1, "2099-06-24"),
    ]


async def test_each_cycle_is_reminded_of_by_itself(firm: Firm):
    taught = await published_curriculum(firm)
    for cycle in (1, 2):
        given = await assignment(firm, taught, due={"kind": "fixed", "on": DUE}, renew=True)
        assert given["cycle"] == cycle
        assert await reminded(firm, A_DAY_BEFORE) == 1
        await complete(firm, given)
    page = made(await firm.learner.get("/v1/reminders"), 200)
    assert [one["cycle"] for one in page["items"]] == [2, 1]


async def test_two_who_remind_at_once_send_one(firm: Firm):
    await due_on(firm)
    assert sorted(await asyncio.gather(*(reminded(firm, A_DAY_BEFORE) for _ in range(4)))) == [
        0,
        0,
        0,
        1,
    ]
    assert len(await told(firm, "reminder.due")) == 1
    database = firm.product.database("onboarding")
    moment = datetime(2099, 6, 18, 10, tzinfo=ZoneInfo("Europe/Oslo"))
    await asyncio.gather(*(do_chores(database, moment) for _ in range(2)))
    assert await sent(firm.learner) == [("due_soon", 1, DUE), ("overdue", 1, DUE)]


async def test_what_somebody_changes_at_that_moment_waits_for_the_next_time(firm: Firm):
    given = await due_on(firm)
    async with firm.product.database("onboarding").transaction(firm.organization_id) as session:
        await load(session, Assignment, given["id"])
        assert await reminded(firm, A_DAY_BEFORE) == 0
    assert await reminded(firm, A_DAY_BEFORE) == 1


async def test_the_database_holds_that_a_reminder_is_sent_once(firm: Firm):
    await due_on(firm)
    assert await reminded(firm, A_DAY_BEFORE) == 1
    again = (
        "INSERT INTO reminder (organization_id, id, person_id, kind, step, title, due_on, "
        "assignment_id, cycle, sent_at) SELECT organization_id, uuidv7(), person_id, kind, step, "
        "title, due_on, assignment_id, cycle, now() FROM reminder"
    )
    with pytest.raises(Exception, match="uq_reminder_assignment_id"):
        await as_the_service(firm, again)


async def test_ten_thousand_are_reminded_in_one_go(firm: Firm):
    given = await due_on(firm)
    await as_the_service(
        firm,
        "INSERT INTO person (organization_id, id, name, email, active, version) "
        f"SELECT '{firm.organization_id}', uuidv7(), 'P ' || n, n || '@many.example', true, 1 "
        "FROM generate_series(1, 9999) AS n",
    )
    await as_the_service(
        firm,
        "INSERT INTO assignment (organization_id, id, person_id, curriculum_id, "
        "curriculum_version_id, state, due_on, due_kind, sources) "
        "SELECT a.organization_id, uuidv7(), p.id, a.curriculum_id, a.curriculum_version_id, "
        "'assigned', a.due_on, 'fixed', a.sources "
        f"FROM assignment AS a, person AS p WHERE a.id = '{given['id']}' "
        "AND p.email LIKE '%@many.example'",
    )
    assert await reminded(firm, A_DAY_BEFORE) == 10_000
    assert await reminded(firm, A_DAY_BEFORE) == 0
    async with firm.product.database("onboarding").reading(firm.organization_id) as reader:
        count = "SELECT count(*) FROM event WHERE type = 'reminder.due'"
        assert await reader.connection.fetchval(count) == 10_000


# --- certificates ---------------------------------------------------------------------------------


async def expiring(firm: Firm, window: int) -> None:
    """A certificate that expires on 17 June 2099 and can be renewed so many days before."""
    await policy(firm, competence="tills", valid_days=365, renewal_window_days=window)
    one = await certified(firm, "tills")
    await as_the_service(
        firm,
        f"UPDATE certificate SET expires_on = '{DUE}', window_from = date '{DUE}' - {window} "
        f"WHERE id = '{one['id']}'",
    )


@pytest.mark.parametrize(
    ("window", "reminders"),
    [
        (60, {"2099-04-20": ("renewal_opens", 0), "2099-05-18": ("certificate_expires", 30)}),
        (20, {"2099-05-28": ("renewal_opens", 0)}),
        (0, {"2099-06-10": ("certificate_expires", 7)}),
    ],
)
async def test_of_a_certificate_is_told_when_it_can_be_renewed_and_before_it_ends(
    firm: Firm, window: int, reminders: dict[str, tuple[str, int]]
):
    await expiring(firm, window)
    # Saturday 18 April, when the window of 60 days opens, is told on Monday; 18 May is a Monday.
    days = ["2099-04-17", "2099-04-20", "2099-05-15", "2099-05-18", "2099-05-28", "2099-06-09"]
    days += ["2099-06-10", "2099-06-16", "2099-06-17", "2099-06-18"]
    got = {}
    for day in days:
        if await reminded(firm, f"{day} 10:00"):
            ((kind, step, due),) = (await sent(firm.learner))[len(got) :]
            got[day] = (kind, step)
            assert due == DUE
    assert got == reminders


async def test_a_certificate_that_was_renewed_or_revoked_is_not_reminded_of(firm: Firm):
    await expiring(firm, 60)
    [one] = made(await firm.learner.get("/v1/certificates", competence="tills"), 200)["items"]
    path = f"/v1/certificates/{one['id']}/revocation"
    made(await firm.trainer.post(path, {"reason": "Somebody else sat there."}), 200)
    assert await reminded(firm, "2099-05-20 10:00") == 0


# --- offers and overrides -------------------------------------------------------------------------


async def test_an_offer_is_reminded_of_once_half_of_its_time_is_over(firm: Firm, clock: MovedClock):
    one = await training_session(firm.trainer, offer_hours=24)
    first = await booking(firm.learner, one)
    second = await booking(firm.seller, one)
    made(await firm.learner.post(booking_path(first, "cancellation"), {}), 200)
    # Offered on Tuesday at nine, until Wednesday at nine.
    await as_the_service(
        firm,
        "UPDATE booking SET offered_at = '2099-06-16 09:00+02', expires_at = '2099-06-17 09:00+02' "
        f"WHERE id = '{second['id']}'",
    )
    for moment, count in {
        "2099-06-16 16:00": 0,
        "2099-06-16 22:00": 0,
        "2099-06-17 08:00": 1,
        "2099-06-17 08:15": 0,
        "2099-06-17 09:00": 0,
    }.items():
        assert await reminded(firm, moment) == count, moment
    assert await sent(firm.seller) == [("offer_lapses", 0, "2099-06-17")]
    (event,) = await told(firm, "reminder.due")
    assert event["data"]["booking_id"] == second["id"]
    assert datetime.fromisoformat(event["data"]["expires_at"]).timestamp() == pytest.approx(
        datetime(2099, 6, 17, 9, tzinfo=ZoneInfo("Europe/Oslo")).timestamp()
    )


async def test_an_offer_that_was_taken_is_not_reminded_of(firm: Firm):
    one = await training_session(firm.trainer, offer_hours=24)
    first = await booking(firm.learner, one)
    second = await booking(firm.seller, one)
    made(await firm.learner.post(booking_path(first, "cancellation"), {}), 200)
    made(await firm.seller.post(booking_path(second, "acceptance")), 200)
    await as_the_service(
        firm,
        "UPDATE booking SET offered_at = '2099-06-16 09:00+02', expires_at = '2099-06-17 09:00+02' "
        f"WHERE id = '{second['id']}'",
    )
    assert await reminded(firm, "2099-06-17 08:00") == 0


async def test_whoever_asked_for_an_override_is_told_before_it_ends(firm: Firm):
    rollout = await in_training(firm, await published_curriculum(firm))
    asked = await override(firm.manager, rollout, expires_on=DUE)
    path = f"/v1/rollouts/{rollout['id']}/overrides/{asked['id']}"
    assert await reminded(firm, A_WEEK_BEFORE) == 0
    other = await firm.hire("Magda Manager", Role.manager)
    made(await other.post(f"{path}/approval", {}), 200)
    assert await reminded(firm, A_WEEK_BEFORE) == 1
    assert await sent(firm.manager) == [("override_ends", 7, DUE)]
    why = {"reason": "They are trained."}
    made(await firm.trainer.post(f"/v1/rollouts/{rollout['id']}/cancellation", why), 200)
    assert await reminded(firm, A_DAY_BEFORE) == 0


# --- who sees them --------------------------------------------------------------------------------


async def test_one_sees_ones_own_and_leads_their_peoples_and_trainers_all(
    firm: Firm, stranger: Person
):
    mine = await due_on(firm)
    theirs = await due_on(firm, person=firm.seller)
    assert await reminded(firm, A_DAY_BEFORE) == 2
    assert len(await sent(firm.learner)) == len(await sent(firm.seller)) == 1
    for person in (firm.trainer, firm.admin):
        assert len(await sent(person)) == 2
    assert await sent(firm.manager) == []
    assert await sent(stranger) == []
    lead = {"lead_id": str(firm.manager.id)}
    made(await firm.admin.patch(f"/v1/teams/{firm.team_id}", lead), 200)
    await firm.product.catch_up()
    assert len(await sent(firm.manager)) == 2
    for filters, count in [
        ({"person_id": str(firm.learner.id)}, 1),
        ({"assignment_id": theirs["id"]}, 1),
        ({"kind": "due_soon"}, 2),
        ({"kind": "overdue"}, 0),
        ({"team_id": str(firm.team_id)}, 2),
        ({"team_id": str(new_id())}, 0),
        ({"certificate_id": mine["id"]}, 0),
        ({"sort": "-due_on"}, 2),
    ]:
        assert len(await sent(firm.trainer, **filters)) == count, filters
    for filters in ({"kind": "nag"}, {"person": "x"}, {"sort": "title"}):
        assert (await firm.trainer.get("/v1/reminders", **filters)).status_code == 422
    [one] = made(await firm.learner.get("/v1/reminders"), 200)["items"]
    assert made(await firm.trainer.get(f"/v1/reminders/{one['id']}"), 200) == one
    for person in (firm.seller, stranger):
        assert (await person.get(f"/v1/reminders/{one['id']}")).status_code == 404
    seen = made(await firm.seller.get("/v1/events", type="reminder.due"), 200)["items"]
    assert [event["data"]["person_id"] for event in seen] == [str(firm.seller.id)]


async def test_an_organization_of_which_nothing_is_known_reminds_nobody(firm: Firm):
    moment = datetime(2099, 6, 16, 10, tzinfo=ZoneInfo("Europe/Oslo"))
    async with firm.product.database("onboarding").transaction(new_id()) as session:
        assert await remind_due(session, moment) == 0
