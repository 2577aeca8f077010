"""A handover: its moves as a table, who may make them, and what is frozen."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, Forbidden, Frozen, IllegalMove, Invalid
from services.chassis.tables import new_id
from services.handover.domain.handover import (
    MOVES,
    EngagementType,
    Gap,
    Handover,
    Move,
    State,
)

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
FIRM = new_id()


def somebody(*roles: Role) -> Caller:
    return Caller(FIRM, new_id(), "Somebody", frozenset(roles))


SELLER, LEAD, OTHER_LEAD, MANAGER, CLERK = (
    somebody(Role.seller),
    somebody(Role.delivery),
    somebody(Role.delivery),
    somebody(Role.manager),
    somebody(),
)


def a_handover(state: State, **fields: Any) -> Handover:
    return Handover(
        organization_id=FIRM,
        customer_id=new_id(),
        title="Tills",
        engagement_type=EngagementType.fixed_price,
        state=state,
        seller_id=SELLER.person_id,
        **{"delivery_lead_id": LEAD.person_id, "is_won": True, **fields},
    )


def make(handover: Handover, move: Move, caller: Caller) -> None:
    match move:
        case Move.submit:
            handover.submit(caller, NOW)
        case Move.claim:
            handover.claim(caller)
        case Move.return_:
            handover.return_(caller, [Gap("amount", "It is the old price.")])
        case Move.accept:
            handover.accept(caller, NOW)
        case Move.start:
            handover.start(caller)
        case Move.transfer:
            handover.transfer(caller, OTHER_LEAD.person_id)
        case Move.close:
            handover.close(caller, NOW)
        case Move.complete:
            handover.complete(caller, NOW)
        case Move.cancel:
            handover.cancel(caller, "They went away.")


MOVER = {
    Move.submit: SELLER,
    Move.claim: LEAD,
    Move.return_: LEAD,
    Move.accept: LEAD,
    Move.start: LEAD,
    Move.transfer: MANAGER,
    Move.complete: LEAD,
    Move.close: MANAGER,
    Move.cancel: SELLER,
}


@pytest.mark.parametrize("move", list(Move))
@pytest.mark.parametrize("state", list(State))
def test_a_move_exists_where_the_table_says_and_nowhere_else(state: State, move: Move):
    handover = a_handover(state)
    origins, target = MOVES[move]
    if state in origins:
        make(handover, move, MOVER[move])
        assert handover.state is (target or state)
    else:
        with pytest.raises(IllegalMove) as refused:
            make(handover, move, MOVER[move])
        assert refused.value.allowed == sorted(handover.moves_of(MOVER[move]))
        assert handover.state is state


@pytest.mark.parametrize("move", list(Move))
def test_a_move_is_for_whom_it_is_for(move: Move):
    origin = min(MOVES[move][0])
    for caller in (SELLER, LEAD, MANAGER, CLERK):
        allowed = caller is MOVER[move] or (move is Move.cancel and caller is MANAGER)
        handover = a_handover(origin)
        if allowed:
            make(handover, move, caller)
        else:
            with pytest.raises(Forbidden):
                make(handover, move, caller)


@pytest.mark.parametrize(
    ("state", "seller", "lead", "manager"),
    [
        (State.draft, ["submit", "cancel"], [], ["cancel"]),
        (State.submitted, ["cancel"], ["claim"], ["transfer", "cancel"]),
        (State.in_review, ["cancel"], ["return", "accept"], ["transfer", "cancel"]),
        (State.accepted, ["cancel"], ["start"], ["transfer", "cancel"]),
        (State.in_delivery, [], ["complete"], ["transfer"]),
        (State.completed, [], [], ["close"]),
        (State.closed, [], [], []),
    ],
)
def test_everybody_has_their_own_moves(
    state: State, seller: list[str], lead: list[str], manager: list[str]
):
    handover = a_handover(state)
    assert handover.moves_of(SELLER) == seller
    assert handover.moves_of(LEAD) == lead
    assert handover.moves_of(MANAGER) == manager
    assert handover.moves_of(OTHER_LEAD) == handover.moves_of(CLERK) == []


def test_a_return_names_a_gap():
    with pytest.raises(Invalid):
        a_handover(State.in_review).return_(LEAD, [])


@pytest.mark.parametrize("state", [s for s in State if s not in (State.draft, State.returned)])
def test_what_was_said_is_frozen_once_submitted(state: State):
    with pytest.raises(Frozen):
        a_handover(state).revise({"situation": "Another one."}, SELLER)


def test_how_the_deal_stands_goes_on_changing():
    handover = a_handover(State.in_review, is_won=False)
    handover.revise({"is_won": True}, SELLER)
    assert handover.is_won


def test_a_plan_does_not_end_before_it_starts():
    with pytest.raises(Invalid):
        a_handover(State.draft).revise(
            {"planned_start": date(2026, 2, 1), "planned_end": date(2026, 1, 31)}, SELLER
        )


def test_the_seller_cannot_be_the_lead():
    with pytest.raises(Invalid):
        a_handover(State.draft).revise({"delivery_lead_id": SELLER.person_id}, SELLER)


@pytest.mark.parametrize("state", sorted(MOVES[Move.transfer][0]))
def test_another_lead_is_named_by_a_transfer_alone(state: State):
    with pytest.raises(Frozen, match="transfer"):
        a_handover(state).revise({"delivery_lead_id": OTHER_LEAD.person_id}, SELLER)


def test_a_handover_is_transferred_to_somebody_else_who_did_not_sell_it():
    handover = a_handover(State.in_delivery)
    with pytest.raises(Conflict):
        handover.transfer(MANAGER, LEAD.person_id)
    with pytest.raises(Invalid):
        handover.transfer(MANAGER, SELLER.person_id)
