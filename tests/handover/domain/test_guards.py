"""What promises and the log put in the way of a move."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, IllegalMove
from services.chassis.tables import new_id
from services.handover.domain.competence import CompetenceNeed
from services.handover.domain.contents import Contents
from services.handover.domain.coverage import cover
from services.handover.domain.estimate import Estimate
from services.handover.domain.guards import (
    estimates_without_actuals,
    obstacles_to,
    require_clear,
    require_readable_back,
    uncovered_needs,
)
from services.handover.domain.handover import Handover, Move, State
from services.handover.domain.log import LogEntry, LogKind, unresolved_changes
from services.handover.domain.promise import Promise, PromiseState, ReadBack, Stance
from services.handover.domain.staffing import Staffing
from services.handover.domain.training_copy import Known
from services.handover.domain.waiver import CoverageWaiver
from services.handover.domain.walkthrough import Walkthrough, WalkthroughState

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LEAD, OTHER_LEAD = new_id(), new_id()
THE_LEAD = Caller(new_id(), LEAD, "Lise", frozenset({Role.delivery}))
MANAGER = Caller(new_id(), new_id(), "Mona", frozenset({Role.manager}))
HANDOVER = Handover(state=State.in_review, delivery_lead_id=LEAD)


def a_promise(state: PromiseState, **fields: Any) -> Promise:
    return Promise(statement="All shops take cards.", state=state, worded_at=NOW, **fields)


def read_back(promise: Promise, lead: UUID = LEAD) -> ReadBack:
    return ReadBack(promise_id=promise.id, lead_id=lead, stance=Stance.promise)


def a_change(promise: Promise, minutes_later: int = 1, **fields: Any) -> LogEntry:
    return LogEntry(
        kind=LogKind.change,
        affects=[promise.id],
        created_at=NOW + timedelta(minutes=minutes_later),
        **fields,
    )


def obstacles(promise: Promise, *read_backs: ReadBack, log: Any = ()) -> list[str]:
    contents = Contents(
        HANDOVER,
        promises=[promise],
        read_backs=read_backs,
        walkthroughs=[Walkthrough(state=WalkthroughState.held)],
        changes=unresolved_changes(log),
    )
    found = obstacles_to(Move.accept, contents)
    return [obstacle.error.detail for obstacle in found]


def test_a_promise_that_the_lead_read_back_is_no_obstacle():
    promise = a_promise(PromiseState.accepted)
    assert obstacles(promise, read_back(promise)) == []


def test_a_promise_that_nobody_or_another_lead_read_back_is_one():
    promise = a_promise(PromiseState.accepted)
    assert obstacles(promise) == ["The delivery lead has not read it back."]
    assert obstacles(promise, read_back(promise, OTHER_LEAD)) == [
        "The delivery lead has not read it back."
    ]


def test_a_declined_promise_is_one():
    promise = a_promise(PromiseState.declined)
    assert obstacles(promise, read_back(promise)) == ["It is declined."]


def test_a_superseded_promise_is_none():
    assert obstacles(a_promise(PromiseState.superseded)) == []


def test_a_change_told_since_is_one_until_it_is_corrected():
    promise = a_promise(PromiseState.accepted)
    change = a_change(promise)
    [why] = obstacles(promise, read_back(promise), log=[change])
    assert "change" in why
    correction = LogEntry(kind=LogKind.note, corrects=change.id)
    assert obstacles(promise, read_back(promise), log=[change, correction]) == []


def test_a_correction_that_was_corrected_does_not_correct():
    promise = a_promise(PromiseState.accepted)
    log = [a_change(promise)]
    for told in (False, True, False):
        log.append(LogEntry(kind=LogKind.note, corrects=log[-1].id))
        assert bool(obstacles(promise, read_back(promise), log=log)) is told


def test_of_two_corrections_one_that_stands_is_enough():
    change = a_change(a_promise(PromiseState.accepted))
    one, other = (LogEntry(kind=LogKind.note, corrects=change.id) for _ in range(2))
    denial = LogEntry(kind=LogKind.note, corrects=one.id)
    assert unresolved_changes([change, one, other, denial]) == []


def test_a_change_told_before_the_promise_got_its_words_is_none():
    promise = a_promise(PromiseState.accepted)
    earlier = a_change(promise, minutes_later=-1)
    assert obstacles(promise, read_back(promise), log=[earlier]) == []


def test_an_entry_of_another_kind_is_none():
    promise = a_promise(PromiseState.accepted)
    entry = a_change(promise)
    entry.kind = LogKind.risk
    assert obstacles(promise, read_back(promise), log=[entry]) == []


@pytest.mark.parametrize("state", list(PromiseState))
def test_completion_waits_for_what_became_of_every_promise(state: PromiseState):
    waits = state in {
        PromiseState.offered,
        PromiseState.accepted,
        PromiseState.conditional,
        PromiseState.declined,
    }
    assert bool(obstacles_to(Move.complete, Contents(HANDOVER, [a_promise(state)]))) is waits


def test_the_refusal_names_every_promise_and_says_the_first():
    promises = [a_promise(PromiseState.accepted), a_promise(PromiseState.accepted)]
    with pytest.raises(Conflict) as refused:
        require_clear(Move.complete, State.in_delivery, Contents(HANDOVER, promises), THE_LEAD)
    assert refused.value.detail == (
        "“All shops take cards.”: It is neither kept, broken nor released."
    )
    assert [(error.where, error.pointer) for error in refused.value.errors] == [
        (None, f"/promises/{promise.id}") for promise in promises
    ]


@pytest.mark.parametrize("state", list(WalkthroughState))
def test_acceptance_waits_for_a_walkthrough_that_was_held(state: WalkthroughState):
    walkthroughs = [Walkthrough(state=WalkthroughState.cancelled), Walkthrough(state=state)]
    handover = Handover(title="Tills")
    found = obstacles_to(Move.accept, Contents(handover, walkthroughs=walkthroughs))
    waits = [obstacle.error.detail for obstacle in found] == ["No walkthrough was held."]
    assert waits is (state is not WalkthroughState.held)


def test_what_is_not_won_does_not_start():
    deal = Contents(
        Handover(title="Tills", is_won=False, delivery_lead_id=LEAD), staffing=[Staffing()]
    )
    for caller, allowed in ((THE_LEAD, []), (MANAGER, ["cancel", "transfer"])):
        with pytest.raises(Conflict) as refused:
            require_clear(Move.start, State.accepted, deal, caller)
        assert [error.detail for error in refused.value.errors] == ["The deal is not won yet."]
        assert refused.value.detail == "The deal is not won yet."
        assert refused.value.allowed == allowed


def test_delivery_starts_with_somebody_staffed():
    won = Handover(title="Tills", is_won=True)
    [nobody] = obstacles_to(Move.start, Contents(won))
    assert (nobody.error.pointer, nobody.error.detail) == ("/staffing", "Nobody is staffed.")
    assert obstacles_to(Move.start, Contents(won, staffing=[Staffing()])) == []


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (Known({"tills": 3}, {}, []), "tills at level 3 is not covered on its dates: 0 of 2."),
        (None, "Whether tills at level 3 is covered on its dates is not known."),
    ],
)
def test_a_need_that_is_not_covered_is_an_obstacle_until_it_is_waived(
    known: Known | None, why: str
):
    need = CompetenceNeed(competence="tills", level=3, headcount=2)
    waiver = CoverageWaiver(competence_need_id=need.id, granted_by=new_id())
    uncovered = cover(need, HANDOVER, known, NOW.date())
    waived = cover(need, HANDOVER, known, NOW.date(), waivers=[waiver])
    [obstacle] = uncovered_needs(Contents(HANDOVER, coverage=[uncovered, waived]))
    assert obstacle.error.pointer == f"/competence-needs/{need.id}"
    assert (obstacle.error.detail, obstacle.words) == (why, None)


@pytest.mark.parametrize("state", list(State))
def test_promises_are_read_back_in_review_and_later_only_what_nobody_took_on(state: State):
    handover = Handover(state=state, delivery_lead_id=LEAD)
    offered, accepted = a_promise(PromiseState.offered), a_promise(PromiseState.accepted)
    for promise, states in (
        (offered, {State.in_review, State.accepted, State.in_delivery}),
        (a_promise(PromiseState.declined), {State.in_review, State.accepted, State.in_delivery}),
        (accepted, {State.in_review}),
    ):
        if state in states:
            require_readable_back(handover, promise, THE_LEAD)
        else:
            with pytest.raises(IllegalMove):
                require_readable_back(handover, promise, THE_LEAD)


def test_what_a_live_estimate_took_is_asked_for_and_nothing_of_a_superseded_one():
    open_one = Estimate(item="Tills")
    estimates = [
        open_one,
        Estimate(item="Training", actual_hours=Decimal(0)),
        Estimate(item="Migration", superseded_at=NOW),
    ]
    [obstacle] = estimates_without_actuals(Contents(HANDOVER, estimates=estimates))
    assert obstacle.words == "Tills"
    assert obstacle.error.pointer == f"/estimates/{open_one.id}"
