"""A question on its own: who may do what when, and what a topic is called."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, Forbidden, IllegalMove
from services.handover.domain.handover import EngagementType, Handover
from services.handover.domain.question import (
    Answer,
    Question,
    QuestionMove,
    QuestionState,
    question_moves_from,
    topic_key,
)

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 9, tzinfo=UTC)
FIRM = uuid4()
SELLER, LEAD, ASKER, ANSWERER, MANAGER = (uuid4() for _ in range(5))


def caller(person_id: UUID, *roles: Role) -> Caller:
    return Caller(FIRM, person_id, "Åse", frozenset(roles))


def handover() -> Handover:
    return Handover(
        organization_id=FIRM,
        customer_id=uuid4(),
        title="Self-service tills",
        engagement_type=EngagementType.fixed_price,
        seller_id=SELLER,
        delivery_lead_id=LEAD,
    )


def question(**fields: object) -> Question:
    return Question(
        organization_id=FIRM, handover_id=uuid4(), text="Which VAT?", asked_by=ASKER, **fields
    )


def answer(to: Question, by: UUID = ANSWERER) -> Answer:
    return Answer(
        organization_id=FIRM,
        handover_id=to.handover_id,
        question_id=to.id,
        author_id=by,
        text="Swedish.",
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [("VAT", "vat "), ("Straße", "STRASSE"), ("Go  live", "go live"), ("Ｖａｔ", "vat")],
)
def test_two_spellings_of_a_topic_are_one(one: str, other: str):
    assert topic_key(one) == topic_key(other)


def test_no_topic_has_no_key():
    assert topic_key(None) is None


def test_an_answer_is_counted_and_the_first_one_keeps_its_moment():
    asked = question()
    asked.take_answer(NOW)
    asked.take_answer(LATER)
    assert (asked.answer_count, asked.first_answered_at) == (2, NOW)


def test_accepting_an_answer_resolves_the_question():
    asked = question()
    given = answer(asked)
    asked.resolve(given, caller(ASKER), NOW)
    assert (asked.state, asked.closed_at) == (QuestionState.resolved, NOW)
    assert (given.accepted_by, given.accepted_at) == (ASKER, NOW)


@pytest.mark.parametrize("ended", [QuestionState.resolved, QuestionState.withdrawn])
def test_nothing_happens_to_a_question_that_is_closed(ended: QuestionState):
    asked = question(state=ended, closed_at=NOW)
    assert question_moves_from(ended) == []
    for attempt in (
        lambda: asked.take_answer(LATER),
        lambda: asked.resolve(answer(asked), caller(ASKER), LATER),
        lambda: asked.withdraw(LATER),
        lambda: asked.revise({"text": "Which?"}),
    ):
        with pytest.raises(IllegalMove) as refused:
            attempt()
        assert refused.value.allowed == []
    assert asked.closed_at == NOW


def test_everything_can_happen_to_an_open_one():
    assert set(question_moves_from(QuestionState.open)) == set(QuestionMove)


def test_what_an_unknown_says_is_changed_there():
    asked = question(unknown_id=uuid4())
    asked.revise({"topic": " VAT"})
    assert asked.topic_key == "vat"
    for field in ("text", "owner_id", "due_on"):
        with pytest.raises(Conflict):
            asked.revise({field: None})
    with pytest.raises(Conflict):
        asked.withdraw(NOW)


@pytest.mark.parametrize(
    ("who", "blocking", "may"),
    [
        (caller(ASKER), False, True),
        (caller(ASKER), True, True),
        (caller(MANAGER, Role.manager), False, True),
        (caller(LEAD, Role.delivery), True, True),
        (caller(LEAD, Role.delivery), False, False),
        (caller(SELLER, Role.seller), True, False),
        (caller(ANSWERER), True, False),
        (caller(ANSWERER, Role.manager), True, False),
    ],
)
def test_who_says_that_an_answer_helped(who: Caller, blocking: bool, may: bool):
    asked = question(blocking=blocking)
    if may:
        asked.require_accepter(answer(asked), handover(), who)
    else:
        with pytest.raises(Forbidden):
            asked.require_accepter(answer(asked), handover(), who)


def test_the_lead_does_not_accept_an_own_answer_to_a_question_that_blocks():
    asked = question(blocking=True)
    with pytest.raises(Forbidden):
        asked.require_accepter(answer(asked, by=LEAD), handover(), caller(LEAD))


def test_who_finds_it_out_accepts_the_own_answer_to_the_own_question():
    asked = question()
    asked.require_accepter(answer(asked, by=ASKER), handover(), caller(ASKER))
