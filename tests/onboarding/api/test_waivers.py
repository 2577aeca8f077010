"""Waivers and extensions through the API: who may, what counts as done, and what is certified."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from asyncpg.exceptions import InsufficientPrivilegeError

from services.chassis.caller import Role
from services.chassis.tables import new_id
from services.onboarding.api.assignments import AssignmentDetail
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    as_the_service,
    assignment,
    completion_path,
    course_set,
    made,
    managed,
    published_course,
    published_curriculum,
    told,
)

TODAY = datetime.now(UTC).date()
TESTED_OUT = {"reason": "tested_out", "evidence": "Passed the paper test."}
ADMINISTRATIVE = {"reason": "administrative"}


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


def waivers(given: dict, item: dict | None = None) -> str:
    of_item = "" if item is None else f"/items/{item['key']}"
    return f"/v1/assignments/{given['id']}{of_item}/waivers"


async def certificates(firm: Firm) -> list[dict]:
    found: list[dict] = made(await firm.learner.get("/v1/certificates"), 200)["items"]
    return found


async def test_a_waived_item_counts_as_done_and_is_told_apart(firm: Firm):
    first = await published_course(firm, competence="selling", level=3)
    second = await published_course(firm)
    taught = await published_curriculum(firm, course_set(first, second, rule="all_in_order"))
    given = await assignment(firm, taught)
    shown = made(await firm.trainer.post(waivers(given, first), TESTED_OUT))
    assert AssignmentDetail.model_validate(shown)
    one, two = shown["sets"][0]["items"]
    assert one["completed_at"] is None
    assert (one["waiver"]["reason"], one["waiver"]["waived_by"]) == (
        "tested_out",
        str(firm.trainer.id),
    )
    assert (one["open"], two["open"], two["waiver"]) == (False, True, None)
    assert (shown["state"], shown["next_item"]) == ("in_progress", second["key"])
    # Whoever tested out is able to do it.
    (certificate,) = await certificates(firm)
    assert (certificate["competence"], certificate["level"]) == ("selling", 3)
    (waived,) = await told(firm, "item.waived")
    assert waived["data"]["reason"] == "tested_out"

    done = made(await firm.learner.post(completion_path(given, second)), 200)
    assert (done["state"], done["waived"]) == ("completed", True)
    assert [c["curriculum_id"] for c in await certificates(firm)] == [taught["id"], None]
    assert len(await told(firm, "item.completed")) == 1


async def test_nobody_but_a_trainer_waives_and_no_trainer_for_themselves(
    firm: Firm, stranger: Person
):
    taught = await published_course(firm)
    curriculum = await published_curriculum(firm, course_set(taught))
    given = await assignment(firm, curriculum)
    for person in (firm.learner, firm.manager, firm.admin, firm.seller):
        assert (await person.post(waivers(given, taught), ADMINISTRATIVE)).status_code == 403
        assert (await person.post(waivers(given), ADMINISTRATIVE)).status_code == 403
    assert (await stranger.post(waivers(given), ADMINISTRATIVE)).status_code == 404
    own = await assignment(firm, curriculum, firm.trainer)
    refused = await firm.trainer.post(waivers(own, taught), ADMINISTRATIVE)
    assert refused.status_code == 403
    other = await firm.hire("Trine Trener", Role.trainer)
    made(await other.post(waivers(own, taught), ADMINISTRATIVE))


async def test_a_waiver_has_a_reason_that_is_known_and_an_item_that_is_there(firm: Firm):
    taught = await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    for wrong in (
        {},
        {"reason": "because"},
        {**ADMINISTRATIVE, "valid_until": in_days(-1)},
        {**ADMINISTRATIVE, "mood": "good"},
    ):
        assert (await firm.trainer.post(waivers(given, taught), wrong)).status_code == 422, wrong
    nowhere = await firm.trainer.post(waivers(given, {"key": "no-such"}), ADMINISTRATIVE)
    assert nowhere.status_code == 404


async def test_what_is_waived_administratively_counts_but_is_not_certified(firm: Firm):
    taught = await published_course(firm, competence="selling")
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    body = {**ADMINISTRATIVE, "valid_until": in_days(30)}
    done = made(await firm.trainer.post(waivers(given), body))
    assert (done["state"], done["waived"], done["items_done"]) == ("completed", True, 1)
    assert await certificates(firm) == []
    assert await told(firm, "competence.granted") == []
    assert len(await told(firm, "assignment.completed")) == 1
    again = await firm.trainer.post(waivers(given), ADMINISTRATIVE)
    assert again.status_code == 409


async def test_what_was_done_without_the_waiver_is_certified_in_spite_of_it(firm: Firm):
    needed, extra = await published_course(firm), await published_course(firm)
    tree = course_set(needed, extra, rule="at_least_n", n=1)
    other = await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, tree, course_set(other)))
    made(await firm.trainer.post(waivers(given, extra), ADMINISTRATIVE))
    made(await firm.learner.post(completion_path(given, needed)), 200)
    done = made(await firm.learner.post(completion_path(given, other)), 200)
    assert (done["state"], done["waived"]) == ("completed", False)
    assert len(await certificates(firm)) == 1


async def test_a_certificate_holds_no_longer_than_the_waiver_that_it_rests_on(firm: Firm):
    taught = await published_course(firm, competence="selling")
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    body = {"reason": "equivalent_outside_activity", "valid_until": in_days(10)}
    made(await firm.trainer.post(waivers(given), body))
    assert [c["expires_on"] for c in await certificates(firm)] == [in_days(10)] * 2


async def test_a_waiver_that_has_run_out_leaves_the_item_open_again(firm: Firm):
    first, second = await published_course(firm), await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, course_set(first, second)))
    made(
        await firm.trainer.post(
            waivers(given, first), {**ADMINISTRATIVE, "valid_until": in_days(0)}
        )
    )
    with pytest.raises(InsufficientPrivilegeError):
        await as_the_service(firm, "UPDATE waiver SET valid_until = NULL")
    # Nobody changes a waiver, so this one has run out from the start.
    await as_the_service(
        firm,
        "INSERT INTO waiver (organization_id, id, assignment_id, item_key, person_id, reason,"
        " waived_by, waived_at, valid_until)"
        " SELECT organization_id, uuidv7(), assignment_id, "
        f"'{second['key']}', person_id, reason, waived_by, waived_at, '{in_days(-1)}' FROM waiver",
    )
    shown = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    one, two = shown["sets"][0]["items"]
    assert (one["open"], two["open"], two["waiver"]) == (False, True, None)


async def test_an_item_waived_many_times_at_once_is_waived_once(firm: Firm):
    first, second = await published_course(firm), await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, course_set(first, second)))
    path = waivers(given, first)
    answers = await asyncio.gather(*(firm.trainer.post(path, TESTED_OUT) for _ in range(4)))
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409]


async def test_nothing_is_waived_in_what_rests(firm: Firm):
    given = await assignment(firm, await published_curriculum(firm))
    why = {"reason": "On leave"}
    made(await firm.trainer.post(f"/v1/assignments/{given['id']}/suspension", why), 200)
    assert (await firm.trainer.post(waivers(given), ADMINISTRATIVE)).status_code == 409


async def test_more_time_is_given_and_no_source_takes_it_back(firm: Firm, stranger: Person):
    curriculum = await published_curriculum(firm)
    given = await assignment(firm, curriculum, due={"kind": "fixed", "on": in_days(5)})
    path = f"/v1/assignments/{given['id']}/extensions"
    await managed(firm, firm.learner)
    more = {"due_on": in_days(40), "reason": "Back from leave in February."}
    for person in (firm.learner, firm.seller, firm.admin):
        assert (await person.post(path, more)).status_code == 403
    assert (await stranger.post(path, more)).status_code == 404
    for wrong in (
        {"due_on": in_days(40)},
        {**more, "due_on": in_days(5)},
        {**more, "due_on": in_days(2)},
        {**more, "reason": ""},
    ):
        assert (await firm.manager.post(path, wrong)).status_code == 422, wrong
    extended = made(await firm.manager.post(path, more))
    assert (extended["due_on"], extended["extended"]) == (in_days(40), True)
    assert extended["due_basis"] == {"kind": "fixed", "days": None}
    (event,) = await told(firm, "assignment.extended")
    assert event["data"]["before"] == {"due_on": in_days(5)}
    again = {
        "curriculum_id": curriculum["id"],
        "person_ids": [str(firm.learner.id)],
        "due": {"kind": "fixed", "on": in_days(1)},
    }
    made(await firm.trainer.post("/v1/assignments/bulk", again), 200)
    kept = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert kept["due_on"] == in_days(40)


async def test_more_time_takes_a_due_date_that_is_somebody_elses_and_still_open(firm: Firm):
    taught = await published_course(firm)
    curriculum = await published_curriculum(firm, course_set(taught))
    given = await assignment(firm, curriculum)
    path = f"/v1/assignments/{given['id']}/extensions"
    more = {"due_on": in_days(40), "reason": "On leave."}
    assert (await firm.trainer.post(path, more)).status_code == 409
    made(await firm.learner.post(completion_path(given, taught)), 200)
    assert (await firm.trainer.post(path, more)).status_code == 409
    due = {"kind": "fixed", "on": in_days(1)}
    own = await assignment(firm, curriculum, firm.trainer, due=due)
    assert (
        await firm.trainer.post(f"/v1/assignments/{own['id']}/extensions", more)
    ).status_code == 403
    nowhere = await firm.trainer.post(f"/v1/assignments/{new_id()}/extensions", more)
    assert nowhere.status_code == 404
