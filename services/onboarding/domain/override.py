"""An override: a team goes live although too few of it are trained, because two people answer for it, until a day.

requested → approved · rejected · revoked. Nobody approves what they asked for themselves, which the database holds, too.
It runs out by itself when its last day (UTC) is over; the day is compared whenever it is read or acted upon.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, FieldError, Forbidden, IllegalMove, Invalid
from services.chassis.tables import refers_to, text_enum
from services.onboarding.domain.base import SCHEMA, Row


class State(StrEnum):
    """Where an override stands."""

    requested = "requested"
    approved = "approved"
    rejected = "rejected"
    revoked = "revoked"


class Move(StrEnum):
    """What can happen to an override."""

    approve = "approve"
    reject = "reject"
    revoke = "revoke"


MOVES: Mapping[Move, tuple[frozenset[State], State]] = {
    Move.approve: (frozenset({State.requested}), State.approved),
    Move.reject: (frozenset({State.requested}), State.rejected),
    Move.revoke: (frozenset({State.requested, State.approved}), State.revoked),
}
STANDING = frozenset({State.requested, State.approved})


def moves_from(state: State) -> list[Move]:
    """The moves that exist in `state`."""
    return [move for move, (origins, _) in MOVES.items() if state in origins]


class Override(Row, table=True):
    """What stands in for the training that a team lacks: why, and how its customers are looked after until then."""

    __tablename__: ClassVar[str] = "override"
    __table_args__ = (
        refers_to(SCHEMA, "rollout", "rollout_id"),
        Index("ix_override_rollout", "organization_id", "rollout_id", "id"),
        CheckConstraint("char_length(reason) >= 1", name="reason_given"),
        CheckConstraint("char_length(mitigation) >= 1", name="mitigation_given"),
        CheckConstraint("decided_by <> requested_by", name="decided_by_another_person"),
        CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided_at_moment"),
        CheckConstraint(
            "state = 'revoked' OR (state = 'requested') = (decided_by IS NULL)",
            name="decided_by_somebody",
        ),
        CheckConstraint(
            "state <> 'rejected' OR decision_reason IS NOT NULL", name="rejected_for_a_reason"
        ),
        CheckConstraint("(state = 'revoked') = (revoked_by IS NOT NULL)", name="revoked_by"),
        CheckConstraint("(revoked_by IS NULL) = (revoked_at IS NULL)", name="revoked_at_moment"),
        CheckConstraint(
            "(revoked_by IS NULL) = (revocation_reason IS NULL)", name="revoked_for_a_reason"
        ),
    )

    rollout_id: UUID
    team_id: UUID
    reason: str
    mitigation: str
    expires_on: date
    requested_by: UUID
    state: State = Field(default=State.requested, sa_type=text_enum(State, "state"))
    decided_by: UUID | None = None
    decided_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    decision_reason: str | None = None
    revoked_by: UUID | None = None
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revocation_reason: str | None = None

    # --- questions

    def is_expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.expires_on < today

    def stands(self, today: date) -> bool:
        """Whether it is asked for or approved, and has not run out."""
        return self.state in STANDING and not self.is_expired(today)

    # --- verbs

    def approve(self, caller: Caller, now: datetime) -> None:
        """Answer for it as the second person: a manager who did not ask for it."""
        self._require_second_person(caller)
        self.require_move(Move.approve, caller)
        if self.is_expired(now.date()):
            raise Conflict(
                "The override expired on {day}: ask for a new one.",
                day=self.expires_on,
                allowed=[],
            )
        self._move(Move.approve, caller)
        self.decided_by, self.decided_at = caller.person_id, now

    def reject(self, caller: Caller, reason: str, now: datetime) -> None:
        """Refuse it, as a manager who did not ask for it."""
        self._require_second_person(caller)
        self._move(Move.reject, caller)
        self.decided_by, self.decided_at, self.decision_reason = caller.person_id, now, reason

    def revoke(self, caller: Caller, reason: str, now: datetime) -> None:
        """Take it back: whoever asked for it, or any manager."""
        if not self.lets(caller, Move.revoke):
            raise Forbidden("This is for whoever asked for it, or a manager.")
        self._move(Move.revoke, caller)
        self.revoked_by, self.revoked_at, self.revocation_reason = caller.person_id, now, reason

    def lets(self, caller: Caller, move: Move) -> bool:
        """Whether the move is for `caller` to make, wherever the override stands."""
        asked_for_it = caller.person_id == self.requested_by
        if move is Move.revoke:
            return asked_for_it or caller.has(Role.manager)
        return caller.has(Role.manager) and not asked_for_it

    def require_move(self, move: Move, caller: Caller) -> None:
        """Refuse with `IllegalMove` unless `move` exists from here."""
        if self.state not in MOVES[move][0]:
            raise IllegalMove(
                "“{move}” is not possible for an override in the state “{state}”.",
                state=self.state,
                move=move,
                allowed=[one for one in moves_from(self.state) if self.lets(caller, one)],
            )

    def _require_second_person(self, caller: Caller) -> None:
        caller.require(Role.manager)
        if caller.person_id == self.requested_by:
            raise Forbidden("Nobody decides on their own request: ask another manager.")

    def _move(self, move: Move, caller: Caller) -> None:
        self.require_move(move, caller)
        self.state = MOVES[move][1]


def require_time_left(expires_on: date, today: date) -> None:
    """Refuse with `Invalid` an override that has run out before it is asked for."""
    if expires_on < today:
        raise Invalid(
            "The override would have run out already.",
            errors=[FieldError("/expires_on", "It must not lie in the past.")],
        )
