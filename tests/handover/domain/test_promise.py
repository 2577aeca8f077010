"""A promise: its moves as a table, and what its verbs ask for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.chassis.errors import IllegalMove, Invalid
from services.chassis.tables import new_id
from services.handover.domain.promise import (
    BINDING,
    LIVE,
    MOVES,
    OUTCOME_MOVES,
    STANCE_MOVES,
    Promise,
    PromiseMove,
    PromiseOutcome,
    PromiseState,
    ReadBack,
    Stance,
    promise_moves_from,
)

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
S = PromiseState


def a_promise(state: PromiseState = S.offered, **fields: Any) -> Promise:
    return Promise(statement="All shops take cards.", done_when="Each has.", state=state, **fields)


def test_the_moves_lead_where_the_business_says():
    assert {move.value: (origins, target.value) for move, (origins, target) in MOVES.items()} == {
        "accept": (LIVE, "accepted"),
        "accept_conditionally": (LIVE, "conditional"),
        "decline": (LIVE, "declined"),
        "reword": (LIVE, "offered"),
        "transfer": (LIVE, "offered"),
        "keep": (BINDING, "kept"),
        "break": (BINDING, "broken"),
        "release": (BINDING, "released"),
        "supersede": (LIVE, "superseded"),
    }
    assert {S.offered, S.accepted, S.conditional, S.declined} == LIVE
    assert {S.accepted, S.conditional} == BINDING


def test_every_stance_and_every_outcome_is_a_move():
    assert set(STANCE_MOVES) == set(Stance)
    assert set(OUTCOME_MOVES) == set(PromiseOutcome)


@pytest.mark.parametrize("state", [S.kept, S.broken, S.released, S.superseded])
def test_what_has_ended_does_not_move(state: PromiseState):
    assert promise_moves_from(state) == []
    with pytest.raises(IllegalMove) as refused:
        a_promise(state).supersede()
    assert refused.value.allowed == []


@pytest.mark.parametrize("stance", list(Stance))
def test_the_lead_may_change_their_mind_while_it_is_live(stance: Stance):
    for state in LIVE:
        promise = a_promise(state)
        promise.take_stance(stance)
        assert promise.state is MOVES[STANCE_MOVES[stance]][1]


@pytest.mark.parametrize("state", [S.offered, S.declined])
@pytest.mark.parametrize("outcome", list(PromiseOutcome))
def test_only_what_was_taken_on_is_kept_broken_or_released(
    state: PromiseState, outcome: PromiseOutcome
):
    with pytest.raises(IllegalMove, match=f"a promise in the state “{state}”"):
        a_promise(state).end(outcome, NOW, evidence=[new_id()])


def test_a_release_needs_the_customers_consent():
    promise = a_promise(S.accepted)
    with pytest.raises(Invalid) as refused:
        promise.end(PromiseOutcome.released, NOW)
    assert refused.value.errors[0].pointer == "/evidence"
    assert promise.state is S.accepted
    consent = new_id()
    promise.end(PromiseOutcome.released, NOW, note="They let us off.", evidence=[consent])
    assert (promise.state, promise.evidence) == (S.released, [consent])
    assert (promise.outcome_note, promise.outcome_at) == ("They let us off.", NOW)


def test_new_words_are_offered_again():
    promise = a_promise(S.accepted)
    promise.reword({"statement": "Nearly all shops take cards."}, NOW)
    assert (promise.state, promise.worded_at) == (S.offered, NOW)


@pytest.mark.parametrize(
    ("stance", "condition", "pointer"),
    [("conditional", None, "/condition"), ("promise", "If it rains.", "/condition")],
)
def test_a_condition_comes_with_the_conditional_stance_alone(
    stance: str, condition: str | None, pointer: str
):
    read_back = ReadBack(restated="We do it.", stance=Stance(stance), condition=condition)
    with pytest.raises(Invalid) as refused:
        read_back.check_sound()
    assert refused.value.errors[0].pointer == pointer


def test_a_refused_move_names_the_moves_that_there_are():
    with pytest.raises(IllegalMove) as refused:
        a_promise(S.offered).require_move(PromiseMove.keep)
    assert refused.value.allowed == ["accept", "accept_conditionally", "decline", "supersede"]


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("delivering", [True, False])
def test_the_lead_is_told_of_moves_that_there_are(state: PromiseState, delivering: bool):
    for move in promise_moves_from(state, delivering=delivering):
        assert state in MOVES[move][0]
        assert delivering or move not in OUTCOME_MOVES.values()
