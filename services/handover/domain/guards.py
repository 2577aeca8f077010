"""What stands in the way of a move, as far as promises and the log say it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis.caller import Caller
from services.chassis.errors import Conflict, FieldError, Forbidden, IllegalMove
from services.handover.domain.completeness import Contents, missing_in
from services.handover.domain.handover import Handover, Move, State, moves_from
from services.handover.domain.log import LogEntry, unresolved_changes
from services.handover.domain.promise import Promise, PromiseState, ReadBack, promise_moves_from


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review has come to: the standing read-backs by promise, and the changes that the log tells of."""

    read_backs: Mapping[UUID, ReadBack]
    changes: Sequence[LogEntry]

    @classmethod
    def of(cls, read_backs: Iterable[ReadBack], entries: Iterable[LogEntry]) -> "Reviewed":
        """From the read-backs that are not void and the log."""
        return cls(
            {read_back.promise_id: read_back for read_back in read_backs},
            unresolved_changes(entries),
        )


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A promise that forbids a move, and why."""

    promise: Promise
    error: FieldError


def require_readable_back(handover: Handover, promise: Promise) -> None:
    """Refuse a stance at the wrong time: once accepted, a promise is not taken back by reading it back."""
    if handover.state is State.in_review:
        return
    if handover.state not in (State.accepted, State.in_delivery):
        raise IllegalMove(
            "Promises are read back in review; the handover is {state}.",
            state=handover.state,
            allowed=moves_from(handover.state),
        )
    if promise.state not in (PromiseState.offered, PromiseState.declined):
        raise IllegalMove(
            "The promise is {state} since the handover was accepted: supersede it.",
            state=promise.state,
            allowed=promise_moves_from(promise.state),
        )


def against_acceptance(
    handover: Handover, promises: Iterable[Promise], reviewed: Reviewed
) -> list[Obstacle]:
    """The live promises that the current lead has not read back, has declined, or that a change has overtaken."""
    obstacles = []
    for promise in promises:
        if not promise.is_live:
            continue
        pointer = f"/promises/{promise.id}"
        read_back = reviewed.read_backs.get(promise.id)
        if promise.state is PromiseState.declined:
            obstacles.append(Obstacle(promise, FieldError(pointer, "It is declined.")))
        elif read_back is None or read_back.lead_id != handover.delivery_lead_id:
            obstacles.append(
                Obstacle(promise, FieldError(pointer, "The delivery lead has not read it back."))
            )
        elif _is_overtaken(promise, reviewed.changes):
            obstacles.append(
                Obstacle(
                    promise,
                    FieldError(
                        pointer,
                        "The log tells of a change since: supersede the promise, or correct the entry.",
                    ),
                )
            )
    return obstacles


def _is_overtaken(promise: Promise, changes: Sequence[LogEntry]) -> bool:
    return any(
        promise.id in change.affects and change.created_at > promise.worded_at for change in changes
    )


def against_completion(promises: Iterable[Promise]) -> list[Obstacle]:
    """The promises of which nobody has said yet what became of them; declining one leaves it open."""
    return [
        Obstacle(
            promise,
            FieldError(f"/promises/{promise.id}", "It is neither kept, broken nor released."),
        )
        for promise in promises
        if promise.is_live
    ]


def require_no(obstacles: Sequence[Obstacle]) -> None:
    """Refuse with `Conflict` that names each promise in the way, and the first one by its words."""
    if obstacles:
        raise Conflict(
            "These promises stand in the way, first of all: {statement}",
            errors=[obstacle.error for obstacle in obstacles],
            statement=obstacles[0].promise.statement,
        )


def allowed_moves(contents: Contents, reviewed: Reviewed, caller: Caller) -> list[Move]:
    """The moves that the caller can make now: the state has them, the caller may, and nothing stands in the way."""
    handover = contents.handover
    return [
        move
        for move in moves_from(handover.state)
        if _may(handover, move, caller) and not _is_blocked(move, contents, reviewed)
    ]


def _may(handover: Handover, move: Move, caller: Caller) -> bool:
    try:
        handover.require_mover(move, caller)
    except Forbidden:
        return False
    return True


def _is_blocked(move: Move, contents: Contents, reviewed: Reviewed) -> bool:
    match move:
        case Move.submit:
            return bool(missing_in(contents))
        case Move.accept:
            return bool(against_acceptance(contents.handover, contents.promises, reviewed))
        case Move.start:
            return not contents.handover.is_won
        case Move.complete:
            return bool(against_completion(contents.promises))
        case _:
            return False
