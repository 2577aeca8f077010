"""What answers score, what is drawn, and what may happen to an attempt."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, Forbidden, IllegalMove, Invalid
from services.chassis.tables import new_id
from services.onboarding.domain.assessment import Assessment
from services.onboarding.domain.attempt import (
    MOVES,
    Attempt,
    AttemptMove,
    AttemptState,
    begin,
    moves_from,
    require_may_begin,
)
from services.onboarding.domain.drawing import draw, letter_of, shown
from services.onboarding.domain.gift import read_gift
from services.onboarding.domain.publication import VersionState
from services.onboarding.domain.question import Question
from services.onboarding.domain.scoring import check_answer, explained, scaled, score_of

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
FIRM = new_id()
LEARNER = Caller(FIRM, new_id(), "Lærke")
TRAINER = Caller(FIRM, new_id(), "Tora", frozenset({Role.trainer}))


def questions(gift: str) -> list[Question]:
    return [
        Question(
            organization_id=FIRM,
            question_bank_id=FIRM,
            kind=read.kind,
            text=read.text,
            content=read.content,
            general_feedback=read.general_feedback,
            digest="",
        )
        for read in read_gift(gift).questions
    ]


def drawn(gift: str) -> dict:
    [one] = draw(questions(gift), 1, None)
    return one


def key_of(question: dict, text: str) -> str:
    parts = question["content"].get("choices") or question["content"]["options"]
    return next(
        p["key"] for p in parts if text in (p["text"], getattr(p["text"], "get", dict)("text"))
    )


def test_the_same_seed_draws_the_same_and_another_one_something_else():
    bank = questions("\n\n".join(f"Q{n}{{=a ~b ~c ~d}}" for n in range(20)) + "\n\nOnly text")
    assert draw(bank, 7, 5) == draw(list(reversed(bank)), 7, 5)
    assert draw(bank, 7, 5) != draw(bank, 8, 5)
    assert len(draw(bank, 7, None)) == len(draw(bank, 7, 99)) == 20


def test_letters_go_on_after_z():
    assert [letter_of(n) for n in (0, 25, 26, 51, 52)] == ["a", "z", "aa", "az", "ba"]


def test_what_is_shown_holds_nothing_right():
    for gift in ("q{=x#f ~y####g}", "q{T#f#g}", "q{=x}", "q{#5~#f}", "q{=x->y =a->b}", "q{}"):
        question = shown(drawn(gift))
        assert set(question) == {
            "key",
            "kind",
            "text",
            "single",
            "choices",
            "statements",
            "options",
        }
        for parts in ("choices", "statements", "options"):
            assert all(set(part) == {"key", "text"} for part in question[parts] or ())


@pytest.mark.parametrize(
    ("gift", "chosen", "score"),
    [
        ("q{=a ~%50%b ~c}", ["a"], 1),
        ("q{=a ~%50%b ~c}", ["b"], "0.5"),
        ("q{=a ~%-50%b ~c}", ["b"], 0),
        ("q{~%33.33333%a ~%33.33333%b ~%33.33333%c ~%-100%d}", ["a", "b", "c"], 1),
        ("q{~%50%a ~%50%b ~%-100%c}", ["a"], "0.5"),
        ("q{~%50%a ~%50%b ~%-100%c}", ["a", "b", "c"], 0),
        ("q{~%50%a ~%50%b ~%-100%c}", [], 0),
    ],
)
def test_choices_score_by_weight(gift: str, chosen: list[str], score):
    question = drawn(gift)
    keys = [key_of(question, text) for text in chosen]
    answer = keys[0] if question["content"]["single"] else keys
    assert check_answer(question, answer, "/1") == []
    assert score_of(question, answer) == Decimal(score)


@pytest.mark.parametrize(
    ("pattern", "answer", "score"),
    [
        ("no one", "  NO   One ", 1),
        ("no one", "noone", 0),
        ("Straße", "STRASSE", 1),
        ("cash*", "Cash register", 1),
        ("cash*", "a cash register", 0),
        ("*register", "cash register", 1),
        ("c*h*r", "cash register", 1),
        ("c*z*r", "cash register", 0),
        ("a*a", "a", 0),
        ("*", "anything", 1),
        ("a* b", "a  b", 1),
    ],
)
def test_short_answers_fit_whatever_their_case(pattern: str, answer: str, score: int):
    assert score_of(drawn(f"q{{={pattern}}}"), answer) == score


def test_the_first_answer_that_fits_counts():
    question = drawn("q{=Frog =%50%Cat =%0%*#wrong}")
    assert [score_of(question, a) for a in ("frog", "cat", "dog")] == [1, Decimal("0.5"), 0]
    assert explained(question, "dog")["feedback"][0]["text"] == "wrong"
    assert explained(question, None)["feedback"] == []


@pytest.mark.parametrize(
    ("answer", "score"), [(5, 1), ("5,5", 1), (5.6, "0.5"), ("7.01", 0), ("-5", 0), (4.5, 1)]
)
def test_numbers_score_by_the_range_in_which_they_lie(answer, score):
    question = drawn("q{#=5:0.5 =%50%5:2 ~#far}")
    assert score_of(question, answer) == Decimal(score)
    told = explained(question, answer)["feedback"]
    assert bool(told) == (score == 0)


def test_statements_are_matched_in_part():
    question = drawn("q{=a->A =b->B =c->C = ->D}")
    statements = {s["text"]["text"]: s["key"] for s in question["content"]["statements"]}
    options = {o["text"]: o["key"] for o in question["content"]["options"]}
    answer = {statements["a"]: options["A"], statements["b"]: options["D"]}
    assert score_of(question, answer) == Decimal(1) / 3
    assert explained(question, answer)["right"][statements["c"]] == options["C"]


def test_true_or_false_is_told_by_what_was_said():
    question = drawn("q{FALSE#no#yes}")
    assert (score_of(question, True), score_of(question, False), score_of(question, None)) == (
        0,
        1,
        0,
    )
    assert explained(question, True)["feedback"][0]["text"] == "no"
    assert explained(question, False)["feedback"][0]["text"] == "yes"
    assert explained(question, None)["feedback"] == []


def test_an_essay_waits_for_a_reader_unless_nothing_was_written():
    assert score_of(drawn("q{}"), "Once …") is None
    assert score_of(drawn("q{}"), None) == 0
    assert explained(drawn("q{}"), "Once …")["right"] is None


def test_scores_are_kept_to_five_decimals():
    assert scaled([Decimal(1), Decimal(1), Decimal(0)]) == Decimal("0.66667")


@pytest.mark.parametrize(
    ("gift", "answers"),
    [
        ("q{=a ~b}", [1, ["a"], "c", None, {}]),
        ("q{~%50%a ~%50%b}", ["a", [1], ["a", "a"], ["c"]]),
        ("q{T}", ["true", 1, None]),
        ("q{=a}", [1, "\x00", "\ud800", "x" * 10_001]),
        ("q{}", [True, "\x01"]),
        ("q{#5}", ["five", True, [5], float("nan"), float("inf"), 10**60]),
        ("q{=a->A =b->B}", ["a", {"1": 2}, {"9": "a"}, {"1": "z"}]),
    ],
)
def test_an_answer_of_the_wrong_form_is_refused(gift: str, answers: list):
    for answer in answers:
        assert check_answer(drawn(gift), answer, "/answers/1"), answer


# --- attempts -------------------------------------------------------------------------------------


def an_assessment(**fields) -> Assessment:
    given = {
        "organization_id": FIRM,
        "key": "till",
        "title": "The till",
        "question_bank_id": FIRM,
        "pass_mark": Decimal("0.5"),
        "state": VersionState.published,
        **fields,
    }
    return Assessment(**given)


def an_attempt(gift: str = "q{T}", **fields) -> Attempt:
    return begin(an_assessment(**fields), questions(gift), LEARNER.person_id, None, 1, NOW)


def in_state(state: AttemptState) -> Attempt:
    attempt = an_attempt("q{}", time_limit_minutes=5)
    match state:
        case AttemptState.submitted:
            attempt.submit(LEARNER, {"1": "x"}, NOW)
        case AttemptState.passed | AttemptState.failed:
            attempt.submit(LEARNER, {"1": "x"}, NOW)
            attempt.grade(TRAINER, {"1": Decimal(state is AttemptState.passed)})
        case AttemptState.expired:
            attempt.expire(NOW + timedelta(minutes=5))
        case AttemptState.voided:
            attempt.void(TRAINER, "Known", NOW)
    assert attempt.state is state
    return attempt


VERBS = {
    AttemptMove.submit: lambda a: a.submit(LEARNER, {}, NOW),
    AttemptMove.grade: lambda a: a.grade(TRAINER, {"1": Decimal(1)}),
    AttemptMove.void: lambda a: a.void(TRAINER, "Known", NOW),
}


@pytest.mark.parametrize("state", list(AttemptState))
@pytest.mark.parametrize("move", list(VERBS))
def test_moves_exist_from_some_states_only(state: AttemptState, move: AttemptMove):
    attempt = in_state(state)
    if state in MOVES[move][0]:
        VERBS[move](attempt)
        assert attempt.state in MOVES[move][1]
        return
    with pytest.raises(IllegalMove) as refused:
        VERBS[move](attempt)
    own = (
        {AttemptMove.submit}
        if move is AttemptMove.submit
        else {*AttemptMove}
        - {
            AttemptMove.submit,
            AttemptMove.expire,
        }
    )
    assert refused.value.allowed == sorted(own & {*moves_from(state)})


def test_the_last_moment_of_an_attempt_is_before_its_end():
    attempt = an_attempt(time_limit_minutes=5)
    attempt.save(LEARNER, {"1": True}, NOW + timedelta(minutes=4, seconds=59))
    with pytest.raises(Conflict, match="time of the attempt"):
        attempt.submit(LEARNER, {}, NOW + timedelta(minutes=5))
    attempt.void(TRAINER, "Known", NOW + timedelta(minutes=6))
    assert attempt.state is AttemptState.voided


def test_only_the_learner_answers_and_hands_in():
    attempt = an_attempt()
    for verb in (attempt.save, attempt.submit):
        with pytest.raises(Forbidden):
            verb(TRAINER, {}, NOW)


def test_answers_are_merged_and_taken_back():
    attempt = an_attempt("q{T}\n\nr{F}")
    attempt.save(LEARNER, {"1": True, "2": True}, NOW)
    attempt.save(LEARNER, {"1": None}, NOW)
    assert attempt.answers == {"2": True}
    with pytest.raises(Invalid):
        attempt.save(LEARNER, {"3": True, "1": "x"}, NOW)


def test_grading_gives_exactly_what_is_missing():
    attempt = in_state(AttemptState.submitted)
    for scores in ({}, {"2": Decimal(1)}):
        with pytest.raises(Invalid):
            attempt.grade(TRAINER, scores)


def test_the_next_attempt_waits_for_the_last_one():
    quiz = an_assessment(cooldown_minutes=10, time_limit_minutes=5)
    refused = {
        AttemptState.open: "open already",
        AttemptState.submitted: "not graded",
        AttemptState.passed: "passed already",
        AttemptState.failed: "can begin at",
    }
    for state, words in refused.items():
        with pytest.raises(Conflict) as conflict:
            require_may_begin(quiz, [in_state(state)], 0, NOW)
        assert words in conflict.value.detail
    require_may_begin(quiz, [in_state(AttemptState.voided)], 0, NOW)
    require_may_begin(quiz, [in_state(AttemptState.failed)], 0, NOW + timedelta(minutes=10))
    expired = in_state(AttemptState.open)
    with pytest.raises(Conflict, match="can begin"):
        require_may_begin(quiz, [expired], 0, NOW + timedelta(minutes=14))
    require_may_begin(quiz, [expired], 0, NOW + timedelta(minutes=15))


def test_grants_add_to_what_is_allowed():
    quiz = an_assessment(max_attempts=1)
    with pytest.raises(Conflict):
        require_may_begin(quiz, [in_state(AttemptState.failed)], 0, NOW)
    require_may_begin(quiz, [in_state(AttemptState.failed)], 1, NOW)
    require_may_begin(quiz, [in_state(AttemptState.voided)], 0, NOW)


def test_an_attempt_needs_questions():
    with pytest.raises(Conflict, match="no question"):
        begin(an_assessment(), [], LEARNER.person_id, None, 1, NOW)
