"""A promise: what the customer was told, by whom, and what became of it.

offered → accepted · conditional · declined, as the lead reads it back; offered again when another lead takes their place;
accepted or conditional → kept · broken · released; any live one → superseded by a new one, which is the only way to change it
once the handover was submitted.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.chassis.errors import FieldError, IllegalMove, Invalid
from services.chassis.tables import refers_to, text_enum
from services.handover.domain.base import SCHEMA, Row
from services.handover.domain.past import require_past_day


class PromiseKind(StrEnum):
    """What a promise is about."""

    feature = "feature"
    timeline = "timeline"
    price = "price"
    staffing = "staffing"
    support = "support"
    security = "security"
    quality = "quality"


class Channel(StrEnum):
    """How it was said."""

    contract = "contract"
    email = "email"
    meeting = "meeting"
    verbal = "verbal"


class Feasibility(StrEnum):
    """Whether it can be done, as far as somebody looked."""

    unreviewed = "unreviewed"
    ok = "ok"
    conditional = "conditional"
    infeasible = "infeasible"


class PromiseState(StrEnum):
    """Where a promise stands."""

    offered = "offered"
    accepted = "accepted"
    conditional = "conditional"
    declined = "declined"
    kept = "kept"
    broken = "broken"
    released = "released"
    superseded = "superseded"


class PromiseMove(StrEnum):
    """What can happen to a promise."""

    accept = "accept"
    accept_conditionally = "accept_conditionally"
    decline = "decline"
    reword = "reword"
    transfer = "transfer"
    keep = "keep"
    break_ = "break"
    release = "release"
    supersede = "supersede"


S = PromiseState
# Still binding somebody, or waiting for a stance.
LIVE = frozenset({S.offered, S.accepted, S.conditional, S.declined})
BINDING = frozenset({S.accepted, S.conditional})
# What the lead reads back; a change of anything else leaves the promise the same.
WORDS = frozenset({"statement", "kind", "channel", "due_on", "done_when"})
# From where a move exists, and where it leads.
MOVES: Mapping[PromiseMove, tuple[frozenset[PromiseState], PromiseState]] = {
    PromiseMove.accept: (LIVE, S.accepted),
    PromiseMove.accept_conditionally: (LIVE, S.conditional),
    PromiseMove.decline: (LIVE, S.declined),
    PromiseMove.reword: (LIVE, S.offered),
    PromiseMove.transfer: (LIVE, S.offered),
    PromiseMove.keep: (BINDING, S.kept),
    PromiseMove.break_: (BINDING, S.broken),
    PromiseMove.release: (BINDING, S.released),
    PromiseMove.supersede: (LIVE, S.superseded),
}


class Stance(StrEnum):
    """What the lead makes of a promise that they read back."""

    promise = "promise"
    conditional = "conditional"
    decline = "decline"


STANCE_MOVES: Mapping[Stance, PromiseMove] = {
    Stance.promise: PromiseMove.accept,
    Stance.conditional: PromiseMove.accept_conditionally,
    Stance.decline: PromiseMove.decline,
}


class PromiseOutcome(StrEnum):
    """What became of a promise."""

    kept = "kept"
    broken = "broken"
    released = "released"


OUTCOME_MOVES: Mapping[PromiseOutcome, PromiseMove] = {
    PromiseOutcome.kept: PromiseMove.keep,
    PromiseOutcome.broken: PromiseMove.break_,
    PromiseOutcome.released: PromiseMove.release,
}


def promise_moves_from(state: PromiseState, *, delivering: bool = True) -> list[PromiseMove]:
    """What the lead may do with a promise in `state` that they have taken over; until delivery begins nothing has become of it.

    Everybody else is refused by state only what has ended, from which nothing leads on.
    """
    if state in BINDING:
        return [*(OUTCOME_MOVES.values() if delivering else ()), PromiseMove.supersede]
    return [*STANCE_MOVES.values(), PromiseMove.supersede] if state in LIVE else []


class Promise(Row, table=True):
    """What the customer was told. `evidence` are log entries, `worded_at` is when it got the words that it has."""

    __tablename__: ClassVar[str] = "promise"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        refers_to(SCHEMA, "promise", "supersedes"),
        UniqueConstraint("organization_id", "supersedes"),
        Index("ix_promise_handover", "organization_id", "handover_id", "id"),
        Index("ix_promise_state", "organization_id", "state", "id"),
        Index("ix_promise_due", "organization_id", "due_on", "id"),
        Index("ix_promise_state_due", "organization_id", "state", "due_on", "id"),
        Index("ix_promise_kind", "organization_id", "kind", "id"),
        Index("ix_promise_said_by", "organization_id", "said_by", "id"),
        Index(
            "ix_promise_outcome",
            "organization_id",
            "outcome_at",
            "id",
            postgresql_where="outcome_at IS NOT NULL",
        ),
        CheckConstraint("char_length(statement) >= 1", name="statement_given"),
        CheckConstraint("char_length(done_when) >= 1", name="done_when_given"),
        CheckConstraint("supersedes <> id", name="supersedes_another"),
        CheckConstraint(
            "(state IN ('kept', 'broken', 'released')) = (outcome_at IS NOT NULL)",
            name="outcome_with_moment",
        ),
        CheckConstraint(
            "state <> 'released' OR cardinality(evidence) > 0", name="released_with_consent"
        ),
    )

    handover_id: UUID
    statement: str
    kind: PromiseKind = Field(sa_type=text_enum(PromiseKind, "kind"))
    channel: Channel = Field(sa_type=text_enum(Channel, "channel"))
    said_by: UUID
    said_on: date
    said_to: str | None = None
    due_on: date | None = None
    done_when: str
    evidence: list[UUID] = Field(default_factory=list, sa_type=ARRAY(Uuid))
    customer_validated: bool = False
    feasibility: Feasibility = Field(
        default=Feasibility.unreviewed,
        sa_type=text_enum(Feasibility, "feasibility"),
    )
    supersedes: UUID | None = None
    state: PromiseState = Field(default=S.offered, sa_type=text_enum(PromiseState, "state"))
    worded_at: datetime = Field(sa_type=DateTime(timezone=True))
    outcome_note: str | None = None
    outcome_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    # --- questions

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    def check_dates(self, now: datetime) -> None:
        """It was said before now, and is due on that day or later; raises `Invalid`."""
        require_past_day("/said_on", self.said_on, now)
        if self.due_on is not None and self.due_on < self.said_on:
            raise Invalid(
                "The promise is due before it was made.",
                errors=[FieldError("/due_on", "It must not lie before said_on.")],
            )

    # --- verbs

    def reword(self, changes: Mapping[str, Any], now: datetime) -> bool:
        """Change it while it is still the seller's; whether it has other words now, which nobody has read back."""
        self.require_move(PromiseMove.reword)
        reworded = any(changes[name] != getattr(self, name) for name in WORDS & changes.keys())
        for name, value in changes.items():
            setattr(self, name, value)
        if changes.keys() & {"said_on", "due_on"}:
            self.check_dates(now)
        if reworded:
            self._move(PromiseMove.reword)
            self.worded_at = now
        return reworded

    def take_stance(self, stance: Stance) -> None:
        """The lead read it back."""
        self._move(STANCE_MOVES[stance])

    def transfer(self) -> None:
        """Another lead is to read it back: nobody's stance holds for somebody else."""
        self._move(PromiseMove.transfer)

    def supersede(self) -> None:
        """A new promise takes its place."""
        self._move(PromiseMove.supersede)

    def end(
        self,
        outcome: PromiseOutcome,
        now: datetime,
        *,
        note: str | None = None,
        evidence: list[UUID] | None = None,
    ) -> None:
        """What became of it. Released takes the customer's consent, as an entry of the log."""
        self.require_move(OUTCOME_MOVES[outcome])
        if outcome is PromiseOutcome.released and not evidence:
            raise Invalid(
                "Only the customer releases from a promise.",
                errors=[FieldError("/evidence", "Name the log entry that holds their consent.")],
            )
        self._move(OUTCOME_MOVES[outcome])
        self.evidence = list(dict.fromkeys([*self.evidence, *(evidence or [])]))
        self.outcome_note = note
        self.outcome_at = now

    def require_move(self, move: PromiseMove) -> None:
        """Refuse with `IllegalMove` unless `move` exists from here."""
        origins, _ = MOVES[move]
        if self.state not in origins:
            raise IllegalMove(
                "“{move}” is not possible for a promise in the state “{state}”.",
                state=self.state,
                move=move,
                allowed=promise_moves_from(self.state),
            )

    def _move(self, move: PromiseMove) -> None:
        self.require_move(move)
        self.state = MOVES[move][1]


class ReadBack(Row, table=True):
    """A promise in the lead's own words, and whether they can make it. Void once the promise is another."""

    __tablename__: ClassVar[str] = "read_back"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        refers_to(SCHEMA, "promise", "promise_id"),
        Index("ix_read_back_promise", "organization_id", "promise_id", "id"),
        Index(
            "uq_read_back_standing",
            "organization_id",
            "promise_id",
            unique=True,
            postgresql_where="voided_at IS NULL",
        ),
        Index("ix_read_back_handover", "organization_id", "handover_id", "id"),
        CheckConstraint("char_length(restated) >= 1", name="restated_given"),
        CheckConstraint(
            "(stance = 'conditional') = (condition IS NOT NULL)", name="condition_with_stance"
        ),
    )

    handover_id: UUID
    promise_id: UUID
    lead_id: UUID
    restated: str
    stance: Stance = Field(sa_type=text_enum(Stance, "stance"))
    condition: str | None = None
    voided_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    def check_sound(self) -> None:
        """The rules between fields; raises `Invalid`."""
        if self.stance is Stance.conditional and not self.condition:
            raise Invalid(
                "A conditional promise says on which condition.",
                errors=[FieldError("/condition", "This is required.")],
            )
        if self.stance is not Stance.conditional and self.condition is not None:
            raise Invalid(
                "Only a conditional promise has a condition.",
                errors=[FieldError("/condition", "Leave it out, or take the stance conditional.")],
            )
