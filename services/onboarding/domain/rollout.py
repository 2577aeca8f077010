"""A rollout: a tool goes live for an audience on a day, once enough of each team are trained: the gate.

draft → planned → training → ready → live → adopted; paused and back; cancelled. Each move names who may make it:

- whoever owns the tool, and trainers, plan: they create and change it, plan it, let training begin, say that it is ready,
  pause it, resume it and cancel it;
- whoever owns the tool, and managers, decide: they go live, and say when the tool is adopted.

Ready and live both judge the gate (readiness.py) in the transaction of the move. A rollout that was ready is resumed as
training: the gate may look different by then. The gate and the audience hold from training on: whoever would pass asks for
an override (override.py), which a second person approves, instead of lowering the gate.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, SmallInteger, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import FieldError, Forbidden, Frozen, IllegalMove, Invalid
from services.chassis.tables import empty_list, refers_to, text_enum
from services.onboarding.domain.base import SCHEMA, Row
from services.onboarding.domain.tool import Tool


class State(StrEnum):
    """Where a rollout stands."""

    draft = "draft"
    planned = "planned"
    training = "training"
    ready = "ready"
    live = "live"
    adopted = "adopted"
    paused = "paused"
    cancelled = "cancelled"


class Move(StrEnum):
    """What can happen to a rollout."""

    plan = "plan"
    train = "train"
    make_ready = "make_ready"
    go_live = "go_live"
    adopt = "adopt"
    pause = "pause"
    resume = "resume"
    cancel = "cancel"


_BEFORE_LIVE = frozenset({State.planned, State.training, State.ready})
# From where a move exists, and where it may lead.
MOVES: Mapping[Move, tuple[frozenset[State], frozenset[State]]] = {
    Move.plan: (frozenset({State.draft}), frozenset({State.planned})),
    Move.train: (frozenset({State.planned}), frozenset({State.training})),
    Move.make_ready: (frozenset({State.training}), frozenset({State.ready})),
    Move.go_live: (frozenset({State.training, State.ready}), frozenset({State.live})),
    Move.adopt: (frozenset({State.live}), frozenset({State.adopted})),
    Move.pause: (_BEFORE_LIVE, frozenset({State.paused})),
    Move.resume: (frozenset({State.paused}), frozenset({State.planned, State.training})),
    Move.cancel: (_BEFORE_LIVE | {State.draft, State.paused}, frozenset({State.cancelled})),
}
# The others are the planners'.
_DECIDED = frozenset({Move.go_live, Move.adopt})
# While the day to go live may still be moved, and an override has something to override.
AHEAD = _BEFORE_LIVE | {State.paused}


def moves_from(state: State) -> list[Move]:
    """The moves that exist in `state`."""
    return [move for move, (origins, _) in MOVES.items() if state in origins]


class Rollout(Row, table=True):
    """A tool on its way to its people: an audience, or whole teams.

    `min_pct` of those who count in each team must have `required_curricula`.
    """

    __tablename__: ClassVar[str] = "rollout"
    __table_args__ = (
        refers_to(SCHEMA, "tool", "tool_id"),
        refers_to(SCHEMA, "audience", "audience_id"),
        Index("ix_rollout_tool", "organization_id", "tool_id", "id"),
        Index("ix_rollout_go_live", "organization_id", "go_live_on", "id"),
        CheckConstraint("min_pct BETWEEN 0 AND 100", name="min_pct"),
        CheckConstraint("audience_id IS NULL OR team_ids = '{}'", name="one_audience"),
        CheckConstraint(
            "state IN ('draft', 'cancelled') OR cardinality(required_curricula) > 0",
            name="gate_asks_for_something",
        ),
        CheckConstraint(
            "(state IN ('live', 'adopted')) = (went_live_at IS NOT NULL)", name="live_at_moment"
        ),
        CheckConstraint("(state = 'adopted') = (adopted_at IS NOT NULL)", name="adopted_at_moment"),
        CheckConstraint("(state = 'paused') = (paused_in IS NOT NULL)", name="paused_in_a_state"),
        CheckConstraint(
            "state NOT IN ('paused', 'cancelled') OR reason IS NOT NULL", name="reason_given"
        ),
    )

    tool_id: UUID
    audience_id: UUID | None = None
    team_ids: list[UUID] = Field(default_factory=empty_list, sa_type=ARRAY(Uuid))
    go_live_on: date
    min_pct: int = Field(sa_type=SmallInteger)
    required_curricula: list[UUID] = Field(default_factory=empty_list, sa_type=ARRAY(Uuid))
    state: State = Field(default=State.draft, sa_type=text_enum(State, "state"))
    paused_in: State | None = Field(default=None, sa_type=text_enum(State, "paused_in"))
    went_live_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    adopted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    reason: str | None = None

    # --- questions

    @property
    def gate(self) -> dict[str, Any]:
        """How many of each team must have what."""
        return {"min_pct": self.min_pct, "requires": {"curricula": self.required_curricula}}

    # --- verbs

    def revise(self, given: Mapping[str, Any], today: date) -> None:
        """Change it: all of it until training begins, the day until it is live."""
        if self.state not in AHEAD | {State.draft}:
            raise Frozen(
                "A rollout that is {state} is changed no more.",
                state=self.state,
            )
        began = (self.paused_in or self.state) not in (State.draft, State.planned)
        if began and given.keys() - {"go_live_on"}:
            raise Frozen(
                "From training on, the gate and the audience hold: ask for an override where a team cannot make it."
            )
        if "go_live_on" in given:
            require_ahead(given["go_live_on"], today)
        self.sqlmodel_update(dict(given))
        if self.state is not State.draft:
            self._require_gate()

    def plan(self, today: date) -> None:
        """Say that it will be."""
        self.require_move(Move.plan)
        self._require_gate()
        require_ahead(self.go_live_on, today)
        self._move(Move.plan)

    def train(self) -> None:
        """Let training begin: gate and audience hold from now on."""
        self._move(Move.train)

    def make_ready(self) -> None:
        """Say that it is ready to go live; the caller has judged the gate."""
        self._move(Move.make_ready)

    def go_live(self, now: datetime) -> None:
        """Put the tool into people's hands; the caller has judged the gate in this transaction."""
        self._move(Move.go_live)
        self.went_live_at = now

    def adopt(self, now: datetime) -> None:
        """Say that people work with it every day."""
        self._move(Move.adopt)
        self.adopted_at = now

    def pause(self, reason: str) -> None:
        """Let it rest."""
        state = self.state
        self._move(Move.pause)
        self.paused_in = State.training if state is State.ready else state
        self.reason = reason

    def resume(self) -> None:
        """Go on where it was left, and let what was ready be judged again."""
        self.require_move(Move.resume)
        self._move(Move.resume, self.paused_in)
        self.paused_in, self.reason = None, None

    def cancel(self, reason: str) -> None:
        """Give it up, for good."""
        self._move(Move.cancel)
        self.paused_in, self.reason = None, reason

    def require_move(self, move: Move) -> None:
        """Refuse with `IllegalMove` unless `move` exists from here."""
        origins, _ = MOVES[move]
        if self.state not in origins:
            raise IllegalMove(
                "“{move}” is not possible for a rollout in the state “{state}”.",
                state=self.state,
                move=move,
                allowed=moves_from(self.state),
            )

    def _require_gate(self) -> None:
        missing = [
            field
            for field, value in (
                ("audience_id", self.audience_id or self.team_ids),
                ("gate/requires/curricula", self.required_curricula),
            )
            if not value
        ]
        if missing:
            raise Invalid(
                "Without an audience and a gate that asks for something, nobody would have to be trained.",
                errors=[FieldError(f"/{field}", "This is required.") for field in missing],
                missing=[{"field": field} for field in missing],
            )

    def _move(self, move: Move, to: State | None = None) -> None:
        self.require_move(move)
        targets = MOVES[move][1]
        target = next(iter(targets)) if to is None else to
        assert target in targets
        self.state = target


def require_ahead(go_live_on: date, today: date) -> None:
    """Refuse with `Invalid` a go-live in the past."""
    if go_live_on < today:
        raise Invalid(
            "The day to go live has passed.",
            errors=[FieldError("/go_live_on", "It must not lie in the past.")],
        )


def lets(tool: Tool, caller: Caller, move: str) -> bool:
    """Whether the move is for `caller` to make, wherever the rollout stands."""
    try:
        (require_decider if move in _DECIDED else require_planner)(tool, caller)
    except Forbidden:
        return False
    return True


def require_planner(tool: Tool, caller: Caller) -> None:
    """Refuse anyone but the owner of the tool and trainers."""
    tool.require_owner_or_trainer(caller)


def require_decider(tool: Tool, caller: Caller) -> None:
    """Refuse anyone but the owner of the tool and managers."""
    if tool.owner_id != caller.person_id and not caller.has(Role.manager):
        raise Forbidden("This is for the owner of the tool, or a manager.")
