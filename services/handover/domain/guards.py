"""What stands in the way of a move: each guard looks at the whole handover and names what it finds.

Submission has the missing list instead (completeness.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from services.chassis.caller import Caller
from services.chassis.errors import Conflict, FieldError, IllegalMove, Message
from services.handover.domain.completeness import missing_in
from services.handover.domain.contents import Contents
from services.handover.domain.coverage import CoverageState
from services.handover.domain.handover import Handover, Move, State, moves_from
from services.handover.domain.log import LogEntry
from services.handover.domain.promise import Promise, PromiseMove, PromiseState, promise_moves_from
from services.handover.domain.walkthrough import WalkthroughState


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What forbids a move: where in the handover it stands and why.

    `words` are those by which people know a part of it; of the handover as a whole there is nothing to tell apart.
    """

    error: FieldError
    words: str | None = None


Guard = Callable[[Contents], Iterator[Obstacle]]


def require_readable_back(handover: Handover, promise: Promise, caller: Caller) -> None:
    """Refuse the lead a stance at the wrong time: once accepted, a promise is not taken back by reading it back."""
    if handover.state is State.in_review:
        return
    if handover.state not in (State.accepted, State.in_delivery):
        raise IllegalMove(
            "Promises are read back in review; the handover is {state}.",
            state=handover.state,
            allowed=handover.moves_of(caller),
        )
    if promise.state not in (PromiseState.offered, PromiseState.declined):
        raise IllegalMove(
            "The promise is {state} since the handover was accepted: supersede it.",
            state=promise.state,
            allowed=promise_moves_from(
                promise.state, delivering=handover.state is State.in_delivery
            ),
        )


def require_keepable(promise: Promise, changes: Iterable[LogEntry]) -> None:
    """Refuse to call a promise kept whose words are no longer what the customer waits for."""
    if _is_overtaken(promise, changes):
        raise Conflict(
            "The log tells of a change since: supersede the promise, or correct the entry.",
            allowed=[
                move for move in promise_moves_from(promise.state) if move is not PromiseMove.keep
            ],
        )


def unready_promises(contents: Contents) -> Iterator[Obstacle]:
    """The live promises that the current lead has not read back, has declined, or that a change has overtaken."""
    lead_id = contents.handover.delivery_lead_id
    readers = {read_back.promise_id: read_back.lead_id for read_back in contents.read_backs}
    for promise in contents.promises:
        if not promise.is_live:
            continue
        at = f"/promises/{promise.id}"
        if promise.state is PromiseState.declined:
            yield Obstacle(FieldError(at, "It is declined."), promise.statement)
        elif lead_id is None or readers.get(promise.id) != lead_id:
            yield Obstacle(
                FieldError(at, "The delivery lead has not read it back."), promise.statement
            )
        elif _is_overtaken(promise, contents.changes):
            yield Obstacle(
                FieldError(
                    at,
                    "The log tells of a change since: supersede the promise, or correct the entry.",
                ),
                promise.statement,
            )


def open_blocking_questions(contents: Contents) -> Iterator[Obstacle]:
    """The questions that must be answered before anybody can say that they take it over."""
    for question in contents.blocking_questions:
        yield Obstacle(
            FieldError(f"/questions/{question.id}", "It blocks, and no answer to it is accepted."),
            question.text,
        )


def promises_without_outcome(contents: Contents) -> Iterator[Obstacle]:
    """The promises of which nobody has said yet what became of them; declining one leaves it open."""
    for promise in contents.promises:
        if promise.is_live:
            yield Obstacle(
                FieldError(f"/promises/{promise.id}", "It is neither kept, broken nor released."),
                promise.statement,
            )


def estimates_without_actuals(contents: Contents) -> Iterator[Obstacle]:
    """The live estimates of which nobody has said yet what they took: without that nobody learns from them."""
    for estimate in contents.estimates:
        if estimate.is_live and estimate.actual_hours is None:
            yield Obstacle(
                FieldError(f"/estimates/{estimate.id}", "Its actual hours are not entered."),
                estimate.item,
            )


def walkthrough_not_held(contents: Contents) -> Iterator[Obstacle]:
    """Nobody takes over what they were not taken through.

    One that was held counts, whatever was corrected or whoever was named since: what changed is read back anyway.
    """
    if not any(one.state is WalkthroughState.held for one in contents.walkthroughs):
        yield Obstacle(FieldError("/walkthroughs", "No walkthrough was held."))


def outcome_not_told(contents: Contents) -> Iterator[Obstacle]:
    """What nobody looked back on teaches nobody anything."""
    if contents.outcome is None:
        yield Obstacle(FieldError("/outcome", "Nobody has said what came of it."))


def deal_not_won(contents: Contents) -> Iterator[Obstacle]:
    """Delivery starts with what was won."""
    if not contents.handover.is_won:
        yield Obstacle(FieldError("/is_won", "The deal is not won yet."))


def uncovered_needs(contents: Contents) -> Iterator[Obstacle]:
    """The competence needs that nobody covers on their dates, or of which that is not known, unless they are waived."""
    for one in contents.coverage:
        need, at = one.need, f"/competence-needs/{one.need.id}"
        named = {"competence": need.competence, "level": need.level}
        if one.state is CoverageState.gap:
            yield Obstacle(
                FieldError(
                    at,
                    "{competence} at level {level} is not covered on its dates: {have} of {headcount}.",
                    {**named, "have": one.have, "headcount": need.headcount},
                )
            )
        elif one.state is CoverageState.unknown:
            yield Obstacle(
                FieldError(
                    at,
                    "Whether {competence} at level {level} is covered on its dates is not known.",
                    named,
                )
            )


def nobody_staffed(contents: Contents) -> Iterator[Obstacle]:
    """Delivery starts with somebody to deliver."""
    if not contents.staffing:
        yield Obstacle(FieldError("/staffing", "Nobody is staffed."))


# In the order in which people are told.
GUARDS: Mapping[Move, Sequence[Guard]] = {
    Move.accept: (
        unready_promises,
        open_blocking_questions,
        walkthrough_not_held,
        uncovered_needs,
    ),
    Move.start: (
        deal_not_won,
        nobody_staffed,
    ),
    Move.complete: (promises_without_outcome,),
    Move.close: (outcome_not_told, estimates_without_actuals),
}


def _is_overtaken(promise: Promise, changes: Iterable[LogEntry]) -> bool:
    return any(
        promise.id in change.affects and change.created_at > promise.worded_at for change in changes
    )


def obstacles_to(move: Move, contents: Contents) -> list[Obstacle]:
    """Everything that stands in the way of `move`, whoever asks."""
    return [obstacle for guard in GUARDS.get(move, ()) for obstacle in guard(contents)]


def require_clear(move: Move, origin: State, contents: Contents, caller: Caller) -> None:
    """Refuse with `Conflict` that says why, names everything in the way, and the caller's other moves from `origin`."""
    obstacles = obstacles_to(move, contents)
    if not obstacles:
        return
    first, handover = obstacles[0], contents.handover
    # Places in the handover, none in the request.
    errors = [replace(obstacle.error, where=None) for obstacle in obstacles]
    allowed = [one for one in moves_from(origin) if one is not move and handover.lets(caller, one)]
    if first.words is None:
        raise Conflict(first.error.template, errors, allowed=allowed, **first.error.params)
    raise Conflict(
        "“{words}”: {reason}",
        errors,
        allowed=allowed,
        words=first.words,
        reason=Message(first.error.template, first.error.params),
    )


def allowed_moves(contents: Contents, caller: Caller) -> list[Move]:
    """The moves that the caller can make now: the state has them, the caller may, and nothing stands in the way."""
    return [move for move in contents.handover.moves_of(caller) if not _is_blocked(move, contents)]


def _is_blocked(move: Move, contents: Contents) -> bool:
    if move is Move.submit:
        return bool(missing_in(contents))
    return bool(obstacles_to(move, contents))
