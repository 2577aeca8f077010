"""What stands before a course, a session or a quiz, and what is open again when a pass is voided."""

from datetime import timedelta
from typing import Any

from tests.conftest import Firm, Person
from tests.onboarding.clock import MovedClock, clock
from tests.onboarding.makers import (
    assessment,
    assignment,
    attempt,
    booking,
    completion_path,
    course_of,
    course_set,
    handed_in,
    made,
    migration,
    next_version,
    published_course,
    published_curriculum,
    question_bank,
    told,
    training_session,
    true_or_false,
)

__all__ = ["clock"]

RIGHT, WRONG = {"1": True}, {"1": False}
REASON = {"reason": "The questions were known beforehand."}


async def attended(firm: Firm, course: dict[str, Any], clock: MovedClock, state: str = "attended"):
    """The learner books a session of the course, which is held, and it is said whether they came."""
    now = clock()
    held = await training_session(
        firm.trainer,
        starts_at=(now + timedelta(hours=1)).isoformat(),
        ends_at=(now + timedelta(hours=2)).isoformat(),
        tz=None,
        course_id=course["id"],
    )
    await booking(firm.learner, held)
    clock.move(hours=1.5)
    people = {"people": [{"person_id": str(firm.learner.id), "state": state}]}
    path = f"/v1/sessions/{held['id']}/attendance"
    [row] = made(await firm.trainer.post(path, people), 200)["rows"]
    assert row["result"] == "recorded"
    return row["completed_assignments"]


async def quiz_of(firm: Firm, course: dict[str, Any], key: str = "unit-0", **fields: Any):
    bank = await question_bank(firm, true_or_false())
    return await assessment(firm, bank, course_id=course["id"], unit_key=key, **fields)


async def state_of(person: Person, given: dict[str, Any]) -> str:
    shown = made(await person.get(f"/v1/assignments/{given['id']}"), 200)
    return str(shown["state"])


async def passed(firm: Firm, quiz: dict[str, Any]) -> dict[str, Any]:
    done = await handed_in(firm.learner, await attempt(firm.learner, quiz), RIGHT)
    assert done["state"] == "passed"
    return done


async def voided(firm: Firm, tried: dict[str, Any]) -> dict[str, Any]:
    return made(await firm.trainer.post(f"/v1/attempts/{tried['id']}/voiding", REASON), 200)


# --- sessions -------------------------------------------------------------------------------------


async def test_a_course_with_a_session_is_not_completed_by_the_learners_word(
    firm: Firm, clock: MovedClock
):
    talk = await course_of(firm, "topic_session", "reading")
    given = await assignment(firm, await published_curriculum(firm, course_set(talk)))
    refused = await firm.learner.post(completion_path(given, talk))
    assert refused.status_code == 409
    assert await attended(firm, talk, clock, "no_show") == []
    assert (await firm.learner.post(completion_path(given, talk))).status_code == 409
    # There is something to read as well: being there is not all, and the learner says when it is done.
    assert await attended(firm, talk, clock) == []
    made(await firm.learner.post(completion_path(given, talk)), 200)
    assert await state_of(firm.learner, given) == "completed"


async def test_a_trainer_completes_a_course_with_a_session_for_others(firm: Firm):
    talk = await course_of(firm, "topic_session")
    taught = await published_curriculum(firm, course_set(talk))
    given, own = await assignment(firm, taught), await assignment(firm, taught, firm.trainer)
    assert (await firm.trainer.post(completion_path(own, talk))).status_code == 409
    made(await firm.trainer.post(completion_path(given, talk)), 200)
    assert await state_of(firm.learner, given) == "completed"


async def test_having_been_there_before_it_was_assigned_counts(firm: Firm, clock: MovedClock):
    talk = await course_of(firm, "topic_session")
    assert await attended(firm, talk, clock) == []
    given = await assignment(firm, await published_curriculum(firm, course_set(talk)))
    made(await firm.learner.post(completion_path(given, talk)), 200)


async def test_each_cycle_asks_for_a_session_of_its_own(firm: Firm, clock: MovedClock):
    talk = await course_of(firm, "topic_session")
    taught = await published_curriculum(firm, course_set(talk))
    first = await assignment(firm, taught)
    assert await attended(firm, talk, clock) == [first["id"]]
    clock.move(hours=1)
    second = await assignment(firm, taught, renew=True)
    assert second["cycle"] == 2
    assert (await firm.learner.post(completion_path(second, talk))).status_code == 409
    assert await attended(firm, talk, clock) == [second["id"]]


async def test_a_course_with_a_session_and_a_quiz_is_completed_by_whichever_comes_last(
    firm: Firm, clock: MovedClock
):
    courses = [await course_of(firm, "quiz", "topic_session", "reading") for _ in range(2)]
    taught = await published_curriculum(firm, course_set(*courses))
    given = await assignment(firm, taught)
    for course, session_first in zip(courses, (True, False), strict=True):
        quiz = await quiz_of(firm, course)
        if session_first:
            assert await attended(firm, course, clock) == []
            await passed(firm, quiz)
        else:
            await passed(firm, quiz)
            assert (await firm.learner.post(completion_path(given, course))).status_code == 409
            assert await attended(firm, course, clock) == [given["id"]]
    assert await state_of(firm.learner, given) == "completed"


async def test_a_waived_item_counts_for_the_order_and_for_the_end_of_a_quiz(firm: Firm):
    first, quizzed = await published_course(firm), await course_of(firm, "quiz")
    taught = await published_curriculum(firm, course_set(first, quizzed, rule="all_in_order"))
    given = await assignment(firm, taught)
    quiz = await quiz_of(firm, quizzed)
    assert (
        await firm.learner.post(f"/v1/assessments/{quiz['id']}/attempts", {})
    ).status_code == 409
    path = f"/v1/assignments/{given['id']}/items/{first['key']}/waivers"
    made(await firm.trainer.post(path, {"reason": "tested_out"}))
    await passed(firm, quiz)
    assert await state_of(firm.learner, given) == "completed"


async def test_whoever_failed_a_quiz_that_was_retired_does_not_complete_its_course_themselves(
    firm: Firm,
):
    quizzed = await course_of(firm, "quiz", "reading")
    taught = await published_curriculum(firm, course_set(quizzed))
    given = await assignment(firm, taught)
    quiz = await quiz_of(firm, quizzed)
    await handed_in(firm.learner, await attempt(firm.learner, quiz), WRONG)
    made(await firm.trainer.post(f"/v1/assessments/{quiz['id']}/retirement"), 200)
    refused = await firm.learner.post(completion_path(given, quizzed))
    assert refused.status_code == 409
    assert "trainer" in refused.json()["detail"]
    # A quiz that took its place decides from then on.
    anew = await quiz_of(firm, quizzed)
    await passed(firm, anew)
    assert await state_of(firm.learner, given) == "completed"


async def test_a_trainer_completes_what_a_retired_quiz_stands_before(firm: Firm):
    quizzed = await course_of(firm, "quiz")
    given = await assignment(firm, await published_curriculum(firm, course_set(quizzed)))
    quiz = await quiz_of(firm, quizzed)
    made(await firm.trainer.post(f"/v1/assessments/{quiz['id']}/retirement"), 200)
    assert (await firm.learner.post(completion_path(given, quizzed))).status_code == 409
    made(await firm.trainer.post(completion_path(given, quizzed)), 200)
    assert await state_of(firm.learner, given) == "completed"


async def test_a_retired_quiz_that_was_failed_is_not_got_round_by_another_or_by_a_session(
    firm: Firm, clock: MovedClock
):
    courses = [
        await course_of(firm, "quiz", "quiz", "reading"),
        await course_of(firm, "quiz", "topic_session"),
    ]
    given = await assignment(firm, await published_curriculum(firm, course_set(*courses)))
    for course in courses:
        quiz = await quiz_of(firm, course)
        await handed_in(firm.learner, await attempt(firm.learner, quiz), WRONG)
        made(await firm.trainer.post(f"/v1/assessments/{quiz['id']}/retirement"), 200)
    await passed(firm, await quiz_of(firm, courses[0], "unit-1"))
    assert await attended(firm, courses[1], clock) == []
    for course in courses:
        assert (await firm.learner.post(completion_path(given, course))).status_code == 409


async def test_a_quiz_that_was_passed_before_it_was_retired_stands_in_nobodys_way(firm: Firm):
    quizzed = await course_of(firm, "quiz", "topic_session")
    given = await assignment(firm, await published_curriculum(firm, course_set(quizzed)))
    quiz = await quiz_of(firm, quizzed)
    await passed(firm, quiz)
    made(await firm.trainer.post(f"/v1/assessments/{quiz['id']}/retirement"), 200)
    refused = await firm.learner.post(completion_path(given, quizzed))
    assert "session" in refused.json()["detail"]


# --- voiding --------------------------------------------------------------------------------------


async def test_what_a_voided_pass_had_completed_is_open_again(firm: Firm):
    quizzed = await course_of(firm, "quiz", competence="selling")
    taught = await published_curriculum(firm, course_set(quizzed))
    given = await assignment(firm, taught)
    quiz = await quiz_of(firm, quizzed, max_attempts=1)
    done = await passed(firm, quiz)
    assert await state_of(firm.learner, given) == "completed"
    await voided(firm, done)
    reopened = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert (reopened["state"], reopened["items_done"]) == ("assigned", 0)
    assert (reopened["started_at"], reopened["completed_at"]) == (None, None)
    certificates = made(await firm.learner.get("/v1/certificates"), 200)["items"]
    assert [(c["state"], c["revocation_reason"]) for c in certificates] == [
        ("revoked", REASON["reason"])
    ] * 2
    assert made(await firm.trainer.get("/v1/coverage", competence="selling"), 200)["trained"] == 0
    [item] = await told(firm, "item.reopened")
    assert (item["data"]["item_key"], item["actorid"]) == (quizzed["key"], str(firm.trainer.id))
    [event] = await told(firm, "assignment.reopened")
    assert (event["data"]["before"]["state"], event["data"]["after"]["state"]) == (
        "completed",
        "assigned",
    )
    assert len(await told(firm, "competence.revoked")) == 1
    # It can be passed again, and is certified anew.
    assert (await firm.learner.post(completion_path(given, quizzed))).status_code == 409
    await passed(firm, quiz)
    assert await state_of(firm.learner, given) == "completed"
    certificates = made(await firm.learner.get("/v1/certificates"), 200)["items"]
    assert sorted(c["state"] for c in certificates) == ["revoked", "revoked", "valid", "valid"]


async def test_what_is_complete_without_it_stays_completed(firm: Firm):
    quizzed, other = await course_of(firm, "quiz"), await published_course(firm)
    either = course_set(quizzed, other, rule="at_least_n", n=1)
    more = await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, either, course_set(more)))
    done = await passed(firm, await quiz_of(firm, quizzed))
    for one in (other, more):
        made(await firm.learner.post(completion_path(given, one)), 200)
    await voided(firm, done)
    shown = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert (shown["state"], shown["items_done"]) == ("completed", 2)
    certificates = made(await firm.learner.get("/v1/certificates"), 200)["items"]
    assert [c["state"] for c in certificates] == ["valid"]
    assert await told(firm, "assignment.reopened") == []


async def test_in_an_assignment_under_way_one_item_less_is_done(firm: Firm):
    quizzed, other = await course_of(firm, "quiz"), await published_course(firm)
    last = await published_course(firm)
    given = await assignment(
        firm, await published_curriculum(firm, course_set(quizzed, other, last))
    )
    quiz = await quiz_of(firm, quizzed)
    made(await firm.learner.post(completion_path(given, other)), 200)
    await voided(firm, await passed(firm, quiz))
    shown = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert (shown["state"], shown["items_done"]) == ("in_progress", 1)
    assert len(await told(firm, "item.reopened")) == 1


async def test_what_a_trainer_completed_or_nothing_stands_before_stays_done(firm: Firm):
    by_trainer, retired = await course_of(firm, "quiz"), await course_of(firm, "quiz")
    open_still = await published_course(firm)
    given = await assignment(
        firm, await published_curriculum(firm, course_set(by_trainer, retired, open_still))
    )
    first, second = await quiz_of(firm, by_trainer), await quiz_of(firm, retired)
    failed = await handed_in(firm.learner, await attempt(firm.learner, first), WRONG)
    made(await firm.trainer.post(completion_path(given, by_trainer)), 200)
    done = await passed(firm, second)
    made(await firm.trainer.post(f"/v1/assessments/{second['id']}/retirement"), 200)
    for tried in (failed, done):
        await voided(firm, tried)
    shown = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert shown["items_done"] == 2
    assert await told(firm, "item.reopened") == []


async def test_what_an_essay_completed_that_a_trainer_graded_is_open_again_too(firm: Firm):
    quizzed = await course_of(firm, "quiz")
    given = await assignment(firm, await published_curriculum(firm, course_set(quizzed)))
    bank = await question_bank(firm, {"kind": "essay", "text": {"text": "Tell us."}})
    quiz = await assessment(firm, bank, course_id=quizzed["id"], unit_key="unit-0")
    tried = await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": "Once …"})
    path = f"/v1/attempts/{tried['id']}/grading"
    made(await firm.trainer.post(path, {"scores": {"1": 1}}), 200)
    assert await state_of(firm.learner, given) == "completed"
    await voided(firm, tried)
    assert await state_of(firm.learner, given) == "assigned"


async def test_an_assignment_that_the_next_cycle_follows_stays_closed(firm: Firm):
    quizzed = await course_of(firm, "quiz", competence="selling")
    taught = await published_curriculum(firm, course_set(quizzed))
    first = await assignment(firm, taught)
    done = await passed(firm, await quiz_of(firm, quizzed))
    second = await assignment(firm, taught, renew=True)
    await voided(firm, done)
    assert await state_of(firm.learner, first) == "completed"
    assert await state_of(firm.learner, second) == "assigned"
    certificates = made(await firm.learner.get("/v1/certificates"), 200)["items"]
    assert {c["state"] for c in certificates} == {"revoked"}


async def test_a_pass_that_is_voided_after_its_course_was_dropped_leaves_the_history(firm: Firm):
    quizzed, other = await course_of(firm, "quiz"), await published_course(firm)
    taught = await published_curriculum(firm, course_set(quizzed, other))
    given = await assignment(firm, taught)
    done = await passed(firm, await quiz_of(firm, quizzed))
    await next_version(firm, taught, course_set(other))
    await migration(firm, taught)
    shown = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert [item["key"] for item in shown["dropped"]] == [quizzed["key"]]
    await voided(firm, done)
    shown = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert (shown["state"], shown["dropped"]) == ("assigned", [])
