"""Assessments and attempts: drawn, answered, scored on the server, and what is right hidden until it is handed in."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.caller import Role
from services.onboarding.api.assessments import AssessmentOut, AssessmentPage, AttemptGrantPage
from services.onboarding.api.attempts import AttemptDetail, AttemptPage
from services.onboarding.domain.gating import expire_attempts
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    a_key,
    as_the_service,
    assessment,
    assignment,
    attempt,
    bank_question,
    completion_path,
    course,
    course_draft,
    course_set,
    gift,
    handed_in,
    made,
    published_course,
    published_curriculum,
    question_bank,
    told,
    true_or_false,
    unit,
)

SECRET = "Kassekladde"
EVERY_KIND = f"""
::{SECRET}::Which?{{=right-one#{SECRET} ~wrong-one#{SECRET} ####{SECRET}}}

Several?{{~%50%first#{SECRET} ~%50%second ~%-100%third}}

True?{{T#{SECRET}#{SECRET}}}

Word?{{={SECRET} =%50%cash*#{SECRET}}}

Number?{{#=5:0.5#{SECRET} =%50%5:2 ~#{SECRET}}}

Match{{=one -> Uno =two -> Due = -> Tre}}

Only read this, {SECRET} aside.
"""


async def bank_of(firm: Firm, text: str) -> dict:
    bank = await question_bank(firm)
    assert made(await gift(firm.trainer, bank, text), 200)["failed"] == 0
    return bank


def asked(attempt: dict, start: str) -> dict:
    return next(q for q in attempt["questions"] if q["text"]["text"].startswith(start))


def choice(question: dict, text: str) -> str:
    return next(c["key"] for c in question["choices"] if c["text"]["text"] == text)


def right_answers(tried: dict) -> dict:
    which, several, match = asked(tried, "Which"), asked(tried, "Several"), asked(tried, "Match")
    options = {option["text"]: option["key"] for option in match["options"]}
    statements = {s["text"]["text"]: s["key"] for s in match["statements"]}
    return {
        which["key"]: choice(which, "right-one"),
        several["key"]: [choice(several, "first"), choice(several, "second")],
        asked(tried, "True")["key"]: True,
        asked(tried, "Word")["key"]: SECRET.upper(),
        asked(tried, "Number")["key"]: "4,5",
        match["key"]: {statements["one"]: options["Uno"], statements["two"]: options["Due"]},
    }


async def test_an_attempt_is_answered_handed_in_and_passed(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, EVERY_KIND), pass_mark=1)
    tried = await attempt(firm.learner, quiz)
    assert AttemptDetail.model_validate(tried)
    assert (tried["state"], tried["number"], tried["score"]) == ("open", 1, None)
    assert [q["key"] for q in tried["questions"]] == ["1", "2", "3", "4", "5", "6"]
    path = f"/v1/attempts/{tried['id']}"
    answers = right_answers(tried)
    first = dict([answers.popitem()])
    saved = made(await firm.learner.patch(path, {"answers": first}), 200)
    assert (saved["version"], saved["score"]) == (2, None)
    assert (await firm.learner.patch(path, {"answers": {}}, etag='"1"')).status_code == 412
    assert (await firm.learner.patch(path, {"answers": {}}, etag="")).status_code == 428
    done = await handed_in(firm.learner, tried, answers)
    assert AttemptDetail.model_validate(done)
    assert (done["state"], done["score"]) == ("passed", 1)
    assert {q["outcome"]["score"] for q in done["questions"]} == {1}
    assert asked(done, "Number")["outcome"]["feedback"] == [{"format": "moodle", "text": SECRET}]
    assert (await firm.learner.patch(path, {"answers": {}})).status_code == 409
    assert (
        await firm.learner.post(f"/v1/assessments/{quiz['id']}/attempts", {})
    ).status_code == 409
    [event] = await told(firm, "attempt.passed")
    assert float(event["data"]["score"]) == 1


async def test_nothing_right_is_sent_before_it_is_handed_in(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, EVERY_KIND), max_attempts=1)
    begun = await firm.learner.post(f"/v1/assessments/{quiz['id']}/attempts", {})
    path = f"/v1/attempts/{begun.json()['id']}"
    which = asked(begun.json(), "Which")
    wrong = {which["key"]: choice(which, "wrong-one")}
    sent = [
        begun,
        await firm.learner.get(path),
        await firm.trainer.get(path),
        await firm.learner.patch(path, {"answers": wrong}),
        await firm.learner.patch(path, {"answers": {"99": 1}}),
        await firm.learner.patch(path, {"answers": {which["key"]: "zz"}}),
        await firm.learner.get("/v1/attempts"),
        await firm.learner.get("/v1/assessments"),
        await firm.learner.get(f"/v1/assessments/{quiz['id']}"),
        await firm.learner.get("/v1/events", limit=200),
        await firm.trainer.get("/v1/events", limit=200),
    ]
    assert [answer.status_code for answer in sent] == [201, *[200] * 3, 422, 422, *[200] * 5]
    for answer in sent:
        for word in (SECRET, "weight", 'right"', "low", "cash", "seed", '"feedback"'):
            assert word not in answer.text, (answer.url, word)
    done = await handed_in(firm.learner, begun.json())
    assert done["state"] == "failed"
    assert asked(done, "Which")["outcome"]["right"] == [choice(which, "right-one")]
    for person in (firm.learner, firm.trainer):
        assert SECRET not in (await person.get("/v1/events", limit=200)).text


async def test_a_blank_attempt_tells_nothing_that_the_next_one_could_use(firm: Firm):
    text = f"Q{{T#{SECRET}#{SECRET}####{SECRET}}}\n\nWord?{{={SECRET}#{SECRET}}}"
    quiz = await assessment(firm, await bank_of(firm, text), max_attempts=2)
    blank = await handed_in(firm.learner, await attempt(firm.learner, quiz))
    path = f"/v1/attempts/{blank['id']}"
    hidden = {"score": 0, "right": None, "feedback": [], "general_feedback": None}
    assert (blank["state"], blank["revealed"]) == ("failed", False)
    assert [q["outcome"] for q in blank["questions"]] == [hidden, hidden]
    assert SECRET not in (await firm.learner.get(path)).text
    seen = made(await firm.trainer.get(path), 200)
    assert (seen["revealed"], {q["outcome"]["right"] is None for q in seen["questions"]}) == (
        True,
        {False},
    )
    last = await attempt(firm.learner, quiz)
    assert made(await firm.learner.get(path), 200)["revealed"] is False
    again = await handed_in(firm.learner, last)
    assert (again["state"], again["revealed"]) == ("failed", True)
    told_now = made(await firm.learner.get(path), 200)
    assert asked(told_now, "Q")["outcome"]["right"] is True
    grant = {"person_id": str(firm.learner.id), "reason": "The fire alarm went off."}
    made(await firm.trainer.post(f"/v1/assessments/{quiz['id']}/grants", grant))
    assert made(await firm.learner.get(path), 200)["revealed"] is False


async def test_once_it_is_passed_what_was_wrong_before_is_told_as_well(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, "Q{T}"))
    first = await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": False})
    path = f"/v1/attempts/{first['id']}"
    assert first["revealed"] is False
    passed = await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": True})
    assert (passed["revealed"], made(await firm.learner.get(path), 200)["revealed"]) == (True, True)
    # Somebody else's success says nothing of mine.
    other = await handed_in(firm.seller, await attempt(firm.seller, quiz), {"1": False})
    assert other["revealed"] is False


async def test_an_assessment_says_when_what_is_right_is_told(firm: Firm):
    bank = await bank_of(firm, "Q{T}")
    quiz = await assessment(firm, bank, reveal="always")
    failed = await handed_in(firm.learner, await attempt(firm.learner, quiz))
    assert failed["questions"][0]["outcome"]["right"] is True
    path = f"/v1/assessments/{quiz['id']}"
    assert made(await firm.trainer.patch(path, {"reveal": "never"}), 200)["reveal"] == "never"
    passed = await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": True})
    assert (passed["state"], passed["revealed"]) == ("passed", False)
    assert (await firm.trainer.patch(path, {"reveal": None})).status_code == 422
    assert (await firm.trainer.patch(path, {"reveal": "now"})).status_code == 422


async def test_answers_are_drawn_in_another_order_for_each_attempt(firm: Firm):
    text = "Q{=a " + " ".join(f"~{n}" for n in range(20)) + "}"
    quiz = await assessment(firm, await bank_of(firm, text))
    orders = set()
    for person in (firm.learner, firm.seller, firm.lead):
        tried = await attempt(person, quiz)
        orders.add(tuple(c["text"]["text"] for c in tried["questions"][0]["choices"]))
        assert [c["key"] for c in tried["questions"][0]["choices"]][:3] == ["a", "b", "c"]
    assert len(orders) > 1


async def test_as_many_questions_are_drawn_as_are_asked_for(firm: Firm):
    bank = await bank_of(firm, "\n\n".join(f"Number {n}?{{T}}" for n in range(9)))
    quiz = await assessment(firm, bank, questions_drawn=4)
    assert len((await attempt(firm.learner, quiz))["questions"]) == 4
    given = {
        "key": a_key("quiz"),
        "title": "Too many",
        "question_bank_id": bank["id"],
        "pass_mark": 1,
        "questions_drawn": 10,
    }
    more = made(await firm.trainer.post("/v1/assessments", given))
    path = f"/v1/assessments/{more['id']}"
    assert (await firm.trainer.post(f"{path}/publication")).status_code == 409
    assert (await firm.learner.post(f"{path}/attempts", {})).status_code == 409


async def test_an_edit_never_turns_a_result(firm: Firm):
    bank = await question_bank(firm)
    question = await bank_question(firm, bank, true_or_false(answer=True))
    quiz = await assessment(firm, bank, pass_mark=1)
    passed = await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": True})
    under_way = await attempt(firm.seller, quiz)
    path = f"/v1/question-banks/{bank['id']}/questions/{question['id']}"
    made(await firm.trainer.patch(path, {"content": {"answer": False}}), 200)
    kept = made(await firm.learner.get(f"/v1/attempts/{passed['id']}"), 200)
    assert kept == passed
    assert (await handed_in(firm.seller, under_way, {"1": True}))["state"] == "passed"
    fresh = await handed_in(firm.lead, await attempt(firm.lead, quiz), {"1": True})
    assert fresh["state"] == "failed"
    assert (await firm.trainer.delete(path)).status_code == 204
    assert made(await firm.learner.get(f"/v1/attempts/{passed['id']}"), 200) == passed
    gone = await firm.manager.post(f"/v1/assessments/{quiz['id']}/attempts", {})
    assert gone.status_code == 409


async def test_handed_in_many_times_at_once_it_counts_once(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, "Q{T}"))
    tried = await attempt(firm.learner, quiz)
    path = f"/v1/attempts/{tried['id']}/submission"
    answers = await asyncio.gather(
        *(firm.learner.post(path, {"answers": {"1": True}}) for _ in range(5))
    )
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409, 409]
    assert len(await told(firm, "attempt.passed")) == 1
    again = await attempt(firm.seller, quiz)
    path = f"/v1/attempts/{again['id']}/submission"
    same = await asyncio.gather(
        *(firm.seller.post(path, {"answers": {"1": True}}, key="once") for _ in range(3))
    )
    assert {(a.status_code, a.text) for a in same} == {(200, same[0].text)}


async def test_begun_many_times_at_once_one_is_open(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, "Q{T}"))
    path = f"/v1/assessments/{quiz['id']}/attempts"
    answers = await asyncio.gather(*(firm.learner.post(path, {}) for _ in range(5)))
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409, 409]


async def test_an_attempt_that_is_open_in_another_assignment_is_named(firm: Firm):
    _, quiz, first = await gated(firm, time_limit_minutes=5)
    same = course_set({"id": quiz["course_id"]})
    second = await assignment(firm, await published_curriculum(firm, same))
    tried = await attempt(firm.learner, quiz, assignment_id=first["id"])
    path = f"/v1/assessments/{quiz['id']}/attempts"
    for given in (first, second):
        refused = await firm.learner.post(path, {"assignment_id": given["id"]})
        assert refused.status_code == 409
        assert refused.json()["detail"] == (
            f"An attempt is open already: {tried['id']}, in the assignment {first['id']}."
        )

    await as_the_service(
        firm,
        "UPDATE attempt SET started_at = started_at - interval '1 hour', "
        f"ends_at = now() - interval '1 second' WHERE id = '{tried['id']}'",
    )
    assert (await attempt(firm.learner, quiz, assignment_id=second["id"]))["number"] == 1
    [expired] = await told(firm, "attempt.expired")
    assert expired["data"]["attempt_id"] == tried["id"]


async def test_an_attempt_that_is_open_is_named_where_the_quiz_stands_alone(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, "Q{T}"))
    tried = await attempt(firm.learner, quiz)
    refused = await firm.learner.post(f"/v1/assessments/{quiz['id']}/attempts", {})
    assert refused.json()["detail"] == f"An attempt is open already: {tried['id']}."


async def test_after_its_time_an_attempt_is_expired(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, "Q{T}"), time_limit_minutes=5, max_attempts=2)
    tried = await attempt(firm.learner, quiz)
    path = f"/v1/attempts/{tried['id']}"
    await as_the_service(
        firm,
        "UPDATE attempt SET started_at = started_at - interval '1 hour', "
        f"ends_at = now() - interval '1 second' WHERE id = '{tried['id']}'",
    )
    late = await firm.learner.post(f"{path}/submission", {"answers": {"1": True}})
    assert late.status_code == 409
    assert (await firm.learner.patch(path, {"answers": {}})).status_code == 409
    seen = made(await firm.learner.get(path), 200)
    assert (seen["state"], seen["questions"][0]["outcome"]) == ("expired", None)
    [listed] = made(await firm.learner.get("/v1/attempts", state="expired"), 200)["items"]
    assert listed["id"] == tried["id"]
    again = await attempt(firm.learner, quiz)
    assert again["number"] == 2
    assert len(await told(firm, "attempt.expired")) == 1


async def test_what_is_over_expires_by_itself_once(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, "Q{T}"), time_limit_minutes=5)
    tried = await attempt(firm.learner, quiz)
    later = datetime.now(UTC) + timedelta(hours=1)
    for expected in (1, 0):
        async with firm.product.database("onboarding").transaction(firm.organization_id) as session:
            assert await expire_attempts(session, later) == expected
    assert made(await firm.learner.get(f"/v1/attempts/{tried['id']}"), 200)["state"] == "expired"


async def test_the_third_attempt_of_two_takes_a_grant_and_the_next_cycle_starts_anew(firm: Firm):
    taught, quiz, given = await gated(firm, max_attempts=2)
    path = f"/v1/assessments/{quiz['id']}"
    for _ in range(2):
        failed = await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": False})
        assert (failed["state"], failed["assignment_id"]) == ("failed", given["id"])
    third = await firm.learner.post(f"{path}/attempts", {})
    assert third.status_code == 409
    assert "2 attempts" in third.json()["detail"]

    grant = {"person_id": str(firm.learner.id), "reason": "The fire alarm went off."}
    assert (await firm.learner.post(f"{path}/grants", grant)).status_code == 403
    assert (await firm.manager.post(f"{path}/grants", grant)).status_code == 403
    own = {**grant, "person_id": str(firm.trainer.id)}
    assert (await firm.trainer.post(f"{path}/grants", own)).status_code == 403
    nothing = {"person_id": str(firm.learner.id)}
    assert (await firm.trainer.post(f"{path}/grants", nothing)).status_code == 422
    made(await firm.trainer.post(f"{path}/grants", grant))
    page = made(await firm.learner.get(f"{path}/grants"), 200)
    assert AttemptGrantPage.model_validate(page).items[0].assignment_id is not None
    assert made(await firm.seller.get(f"{path}/grants"), 200)["items"] == []
    again = await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": False})
    assert again["number"] == 3
    assert (await firm.learner.post(f"{path}/attempts", {})).status_code == 409

    withdrawal = {"reason": "Starts again"}
    made(await firm.trainer.post(f"/v1/assignments/{given['id']}/withdrawal", withdrawal), 200)
    assert (await firm.learner.post(f"{path}/attempts", {})).status_code == 409
    renewed = await assignment(firm, taught)
    for number in (1, 2):
        tried = await attempt(firm.learner, quiz)
        assert (tried["number"], tried["assignment_id"]) == (number, renewed["id"])
        await handed_in(firm.learner, tried, {"1": False})
    assert (await firm.learner.post(f"{path}/attempts", {})).status_code == 409


async def gated(firm: Firm, **fields) -> tuple[dict, dict, dict]:
    """A curriculum with a course that has a quiz, the assessment of the quiz, and the learner's assignment."""
    new = await course(firm.trainer)
    units = [unit(), unit(key="quiz", kind="quiz")]
    grants = {"competence": "till", "level": 2}
    await course_draft(firm.trainer, new, units=units, grants=grants)
    made(await firm.trainer.post(f"/v1/courses/{new['id']}/versions/1/publication"), 200)
    taught = await published_curriculum(firm, course_set(new))
    bank = await bank_of(firm, "The customer comes first.{T}")
    quiz = await assessment(firm, bank, course_id=new["id"], unit_key="quiz", **fields)
    return taught, quiz, await assignment(firm, taught)


async def test_passing_the_quiz_completes_the_course(firm: Firm):
    _, quiz, given = await gated(firm)
    item = given["sets"][0]["items"][0]["key"]
    by_hand = await firm.learner.post(completion_path(given, item))
    assert by_hand.status_code == 409
    assert "Do you know the till?" in by_hand.json()["detail"]
    await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": False})
    open_still = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert open_still["state"] == "assigned"
    await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": True})
    done = made(await firm.learner.get(f"/v1/assignments/{given['id']}"), 200)
    assert done["state"] == "completed"
    [granted] = await told(firm, "competence.granted")
    assert granted["data"]["competence"] == "till"


async def test_a_trainer_completes_a_course_with_a_quiz_for_others(firm: Firm):
    taught, quiz, given = await gated(firm)
    item = given["sets"][0]["items"][0]["key"]
    made(await firm.trainer.post(completion_path(given, item)), 200)
    assert (
        await firm.learner.post(f"/v1/assessments/{quiz['id']}/attempts", {})
    ).status_code == 409
    own = await assignment(firm, taught, firm.trainer)
    assert (await firm.trainer.post(completion_path(own, item))).status_code == 409
    retired = await firm.trainer.post(f"/v1/assessments/{quiz['id']}/retirement")
    assert made(retired, 200)["state"] == "retired"
    assert (await firm.trainer.post(completion_path(own, item))).status_code == 409
    other = await firm.hire("Tuva", Role.trainer)
    made(await other.post(completion_path(own, item)), 200)


async def test_a_result_stands_also_where_the_assignment_rests(firm: Firm):
    _, quiz, given = await gated(firm)
    tried = await attempt(firm.learner, quiz)
    rest = {"reason": "On leave"}
    made(await firm.trainer.post(f"/v1/assignments/{given['id']}/suspension", rest), 200)
    assert (await handed_in(firm.learner, tried, {"1": True}))["state"] == "passed"
    path = f"/v1/assignments/{given['id']}"
    assert made(await firm.learner.get(path), 200)["state"] == "suspended"
    made(await firm.trainer.post(f"{path}/resumption", {}), 200)
    item = given["sets"][0]["items"][0]["key"]
    done = made(await firm.learner.post(completion_path(given, item)), 200)
    assert done["state"] == "completed"


async def test_a_quiz_waits_for_its_turn_and_its_assignment(firm: Firm):
    new = await course(firm.trainer)
    await course_draft(firm.trainer, new, units=[unit(key="quiz", kind="quiz")])
    made(await firm.trainer.post(f"/v1/courses/{new['id']}/versions/1/publication"), 200)
    first = await published_course(firm)
    taught = await published_curriculum(firm, course_set(first, new, rule="all_in_order"))
    bank = await bank_of(firm, "Q{T}")
    quiz = await assessment(firm, bank, course_id=new["id"], unit_key="quiz")
    path = f"/v1/assessments/{quiz['id']}/attempts"
    assert (await firm.learner.post(path, {})).status_code == 409
    given = await assignment(firm, taught)
    early = await firm.learner.post(path, {})
    assert early.status_code == 409
    assert first["key"] in early.json()["detail"]
    made(await firm.learner.post(completion_path(given, first)), 200)
    other = await assignment(firm, await published_curriculum(firm))
    wrong = await firm.learner.post(path, {"assignment_id": other["id"]})
    assert wrong.status_code == 422
    named = made(await firm.learner.post(path, {"assignment_id": given["id"]}))
    assert named["assignment_id"] == given["id"]
    alone = await assessment(firm, bank)
    alone_path = f"/v1/assessments/{alone['id']}/attempts"
    assert (await firm.learner.post(alone_path, {"assignment_id": given["id"]})).status_code == 422


async def test_between_attempts_lies_the_cooldown(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, "Q{T}"), cooldown_minutes=60)
    done = await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": False})
    early = await firm.learner.post(f"/v1/assessments/{quiz['id']}/attempts", {})
    assert early.status_code == 409
    assert "can begin at 20" in early.json()["detail"]
    await as_the_service(
        firm,
        "UPDATE attempt SET submitted_at = submitted_at - interval '1 hour' "
        f"WHERE id = '{done['id']}'",
    )
    assert (await attempt(firm.learner, quiz))["number"] == 2


async def test_an_essay_is_graded_by_a_trainer(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, "True?{T}\n\nTell us{}"), pass_mark=0.75)
    tried = await attempt(firm.learner, quiz)
    essay, other = asked(tried, "Tell")["key"], asked(tried, "True")["key"]
    done = await handed_in(firm.learner, tried, {essay: "At the counter …", other: True})
    assert (done["state"], done["score"]) == ("submitted", None)
    again = await firm.learner.post(f"/v1/assessments/{quiz['id']}/attempts", {})
    assert again.status_code == 409
    path = f"/v1/attempts/{tried['id']}/grading"
    assert (await firm.learner.post(path, {"scores": {essay: 1}})).status_code == 403
    assert (await firm.manager.post(path, {"scores": {essay: 1}})).status_code == 404
    for scores in ({}, {other: 1, essay: 1}, {essay: 1.5}, {essay: -1}):
        assert (await firm.trainer.post(path, {"scores": scores})).status_code == 422
    graded = made(await firm.trainer.post(path, {"scores": {essay: 0.5}}), 200)
    assert (graded["state"], graded["score"]) == ("passed", 0.75)
    assert graded["graded_by"] == str(firm.trainer.id)
    assert (await firm.trainer.post(path, {"scores": {essay: 0}})).status_code == 409
    own = await attempt(firm.trainer, quiz)
    await handed_in(firm.trainer, own, {essay_of(own): "x"})
    own_path = f"/v1/attempts/{own['id']}/grading"
    own_scores = {"scores": {essay_of(own): 1}}
    assert (await firm.trainer.post(own_path, own_scores)).status_code == 403


def essay_of(tried: dict) -> str:
    return asked(tried, "Tell")["key"]


async def test_a_trainer_voids_an_attempt_with_a_reason(firm: Firm):
    quiz = await assessment(firm, await bank_of(firm, "Q{T}"), max_attempts=1)
    done = await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": True})
    path = f"/v1/attempts/{done['id']}/voiding"
    reason = {"reason": "The questions were known beforehand."}
    assert (await firm.trainer.post(path, {})).status_code == 422
    assert (await firm.learner.post(path, reason)).status_code == 403
    voided = made(await firm.trainer.post(path, reason), 200)
    assert (voided["state"], voided["questions"][0]["outcome"]) == ("voided", None)
    assert (await firm.trainer.post(path, reason)).status_code == 409
    assert (await attempt(firm.learner, quiz))["number"] == 2
    own = await attempt(firm.trainer, quiz)
    assert (await firm.trainer.post(f"/v1/attempts/{own['id']}/voiding", reason)).status_code == 403
    [event] = await told(firm, "attempt.voided")
    assert event["data"]["reason"] == reason["reason"]


async def test_who_sees_whose_attempts(firm: Firm, stranger: Person):
    quiz = await assessment(firm, await bank_of(firm, "Q{T}"))
    done = await handed_in(firm.learner, await attempt(firm.learner, quiz), {"1": True})
    path = f"/v1/attempts/{done['id']}"
    for person in (firm.manager, firm.seller, firm.admin, firm.lead, stranger):
        assert (await person.get(path)).status_code == 404
        assert (await person.post(f"{path}/submission", {})).status_code == 404
        assert (await person.patch(path, {"answers": {}}, etag="*")).status_code == 404
        assert made(await person.get("/v1/attempts"), 200)["items"] == []
    assert (await firm.trainer.post(f"{path}/submission", {})).status_code == 403
    made(await firm.admin.patch(f"/v1/teams/{firm.team_id}", {"lead_id": str(firm.lead.id)}), 200)
    boss = {"manager_id": str(firm.manager.id)}
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", boss), 200)
    await firm.product.catch_up()
    for person in (firm.manager, firm.lead):
        result = made(await person.get(path), 200)
        assert (result["state"], result["score"], result["questions"]) == ("passed", 1, None)
        assert [a["id"] for a in made(await person.get("/v1/attempts"), 200)["items"]] == [
            done["id"]
        ]
    page = made(await firm.trainer.get("/v1/attempts", assessment_id=quiz["id"]), 200)
    assert AttemptPage.model_validate(page)
    assert [a["id"] for a in page["items"]] == [done["id"]]
    feed = made(await firm.manager.get("/v1/events", type="attempt.passed"), 200)
    assert feed["items"] == []


async def test_assessments_are_kept_by_trainers(firm: Firm, stranger: Person):
    bank = await bank_of(firm, "Q{T}")
    quiz = await assessment(firm, bank)
    assert AssessmentOut.model_validate(quiz)
    path = f"/v1/assessments/{quiz['id']}"
    page = made(await firm.learner.get("/v1/assessments", sort="title", state="published"), 200)
    assert AssessmentPage.model_validate(page).items[0].pass_mark == 0.5
    changed = made(await firm.trainer.patch(path, {"pass_mark": 0.9, "max_attempts": 3}), 200)
    assert (changed["pass_mark"], changed["max_attempts"]) == (0.9, 3)
    assert (await firm.trainer.patch(path, {"title": "Late"}, etag='"1"')).status_code == 412
    assert (await firm.trainer.post(f"{path}/publication")).status_code == 409
    new = {"key": a_key("q"), "title": "Mine", "question_bank_id": bank["id"], "pass_mark": 1}
    for person in (firm.learner, firm.manager, firm.admin):
        assert (await person.post("/v1/assessments", new)).status_code == 403
        assert (await person.patch(path, {"title": "Mine"}, etag="*")).status_code == 403
        assert (await person.post(f"{path}/publication")).status_code == 403
        assert (await person.post(f"{path}/retirement")).status_code == 403
    for verb in ("attempts", "grants"):
        body = {} if verb == "attempts" else {"person_id": str(stranger.id), "reason": "Mine"}
        assert (await stranger.post(f"{path}/{verb}", body)).status_code == 404
    assert (await stranger.get(path)).status_code == 404
    made(await firm.trainer.post(f"{path}/retirement"), 200)
    assert (await firm.learner.post(f"{path}/attempts", {})).status_code == 409


@pytest.mark.parametrize(
    "fields",
    [
        {"max_attempts": 0},
        {"max_attempts": -1},
        {"max_attempts": 1.5},
        {"pass_mark": 0},
        {"pass_mark": 1.1},
        {"pass_mark": -0.5},
        {"cooldown_minutes": -1},
        {"time_limit_minutes": 0},
        {"questions_drawn": 0},
        {"unit_key": "quiz"},
        {"state": "published"},
        {"question_bank_id": "019a2b3c-4d5e-7f60-8123-456789abcdef"},
        {"course_id": "019a2b3c-4d5e-7f60-8123-456789abcdef", "unit_key": "quiz"},
        {"course_id": "019a2b3c-4d5e-7f60-8123-456789abcdef"},
    ],
)
async def test_an_assessment_that_cannot_be_is_refused(firm: Firm, fields: dict):
    bank = await question_bank(firm)
    given = {
        "key": a_key("quiz"),
        "title": "Cannot be",
        "question_bank_id": bank["id"],
        "pass_mark": 0.5,
        **fields,
    }
    assert (await firm.trainer.post("/v1/assessments", given)).status_code == 422


async def test_a_quiz_of_a_course_has_one_assessment(firm: Firm):
    taught, quiz, _ = await gated(firm)
    given = {
        "key": a_key("quiz"),
        "title": "Another one",
        "question_bank_id": quiz["question_bank_id"],
        "pass_mark": 0.5,
        "course_id": quiz["course_id"],
        "unit_key": "read",
    }
    assert (await firm.trainer.post("/v1/assessments", given)).status_code == 422
    given["unit_key"] = "quiz"
    assert (await firm.trainer.post("/v1/assessments", given)).status_code == 409
    assert taught
