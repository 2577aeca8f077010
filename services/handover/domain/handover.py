"""A handover: from the first customer meeting until what was promised is kept, and who may move it when.

draft → submitted → in_review → accepted → in_delivery → completed → closed; in_review → returned → submitted;
cancelled from any state before in_delivery. After HL7 FHIR Task. Guards that need other concepts
(promises, the log, the missing list) live in guards.py and completeness.py and are asked in the move's transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Numeric, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, FieldError, Forbidden, Frozen, IllegalMove, Invalid
from services.chassis.tables import empty_list, refers_to, text_enum
from services.handover.domain.base import SCHEMA, Row
from services.handover.domain.customer import Source


class EngagementType(StrEnum):
    """On what terms the customer buys."""

    fixed_price = "fixed_price"
    time_and_material = "time_and_material"
    retainer = "retainer"
    secondment = "secondment"
    product = "product"


class Risk(StrEnum):
    """How the seller and the lead see it."""

    green = "green"
    watch = "watch"
    red = "red"


class State(StrEnum):
    """Where a handover stands."""

    draft = "draft"
    submitted = "submitted"
    in_review = "in_review"
    returned = "returned"
    accepted = "accepted"
    in_delivery = "in_delivery"
    completed = "completed"
    closed = "closed"
    cancelled = "cancelled"


class Move(StrEnum):
    """What can happen to a handover."""

    submit = "submit"
    claim = "claim"
    return_ = "return"
    accept = "accept"
    start = "start"
    transfer = "transfer"
    complete = "complete"
    close = "close"
    cancel = "cancel"


# From where a move exists, and where it leads; None: it stays where it is.
MOVES: Mapping[Move, tuple[frozenset[State], State | None]] = {
    Move.submit: (frozenset({State.draft, State.returned}), State.submitted),
    Move.claim: (frozenset({State.submitted}), State.in_review),
    Move.return_: (frozenset({State.in_review}), State.returned),
    Move.accept: (frozenset({State.in_review}), State.accepted),
    Move.start: (frozenset({State.accepted}), State.in_delivery),
    Move.transfer: (
        frozenset({State.submitted, State.in_review, State.accepted, State.in_delivery}),
        None,
    ),
    Move.complete: (frozenset({State.in_delivery}), State.completed),
    Move.close: (frozenset({State.completed}), State.closed),
    Move.cancel: (
        frozenset({State.draft, State.submitted, State.in_review, State.returned, State.accepted}),
        State.cancelled,
    ),
}

# While the seller still writes; from submission on, what was said is frozen.
WRITABLE = frozenset({State.draft, State.returned})
# What goes on changing after submission, since the world does.
LIVE_FIELDS = frozenset({"risk", "is_won", "stage_raw"})
# While the lead answers for what was promised.
TAKEN_OVER = frozenset({State.accepted, State.in_delivery})
ENDED = frozenset({State.completed, State.closed, State.cancelled})
_WITHOUT_A_LEAD = frozenset({State.draft, State.submitted, State.cancelled})


def moves_from(state: State) -> list[Move]:
    """The moves that exist in `state`."""
    return [move for move, (origins, _) in MOVES.items() if state in origins]


@dataclass(frozen=True, slots=True)
class Gap:
    """Something the lead found missing when returning a handover."""

    what: str
    why: str


class Handover(Row, table=True):
    """What a seller hands over to whoever delivers."""

    __tablename__: ClassVar[str] = "handover"
    __table_args__ = (
        refers_to(SCHEMA, "customer", "customer_id"),
        UniqueConstraint("organization_id", "source", "external_id"),
        Index("ix_handover_state", "organization_id", "state", "id"),
        Index("ix_handover_customer", "organization_id", "customer_id", "id"),
        Index("ix_handover_seller", "organization_id", "seller_id", "id"),
        Index("ix_handover_lead", "organization_id", "delivery_lead_id", "id"),
        Index("ix_handover_created", "organization_id", "created_at", "id"),
        Index("ix_handover_completed", "organization_id", "completed_at"),
        CheckConstraint("char_length(title) BETWEEN 3 AND 200", name="title_length"),
        CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="amount_with_currency"),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("planned_end >= planned_start", name="end_after_start"),
        CheckConstraint("delivery_lead_id <> seller_id", name="lead_is_not_seller"),
        CheckConstraint(
            "delivery_lead_id IS NOT NULL OR state IN ('draft', 'submitted', 'cancelled')",
            name="lead_from_review_on",
        ),
        CheckConstraint(
            "(state = 'cancelled') = (cancelled_reason IS NOT NULL)", name="cancelled_with_reason"
        ),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_with_moment"),
    )

    customer_id: UUID
    title: str
    engagement_type: EngagementType = Field(sa_type=text_enum(EngagementType, "engagement_type"))
    source: Source = Field(default=Source.manual, sa_type=text_enum(Source, "source"))
    external_id: str | None = None
    stage_raw: str | None = None
    is_won: bool = False
    # Without a scale: PostgreSQL then keeps the decimals of the currency, as Money rounded them.
    amount: Decimal | None = Field(default=None, sa_type=Numeric)
    currency: str | None = None
    planned_start: date | None = None
    planned_end: date | None = None
    seller_id: UUID
    delivery_lead_id: UUID | None = None
    situation: str | None = None
    background: str | None = None
    assessment: str | None = None
    recommendation: str | None = None
    out_of_scope: str | None = None
    risk: Risk = Field(default=Risk.green, sa_type=text_enum(Risk, "risk"))
    state: State = Field(default=State.draft, sa_type=text_enum(State, "state"))
    gaps: list[dict[str, Any]] = Field(default_factory=empty_list, sa_type=JSONB)
    cancelled_reason: str | None = None
    submitted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    accepted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    completed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    closed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    # What the CRM said last, so that an import changes what changed there and nothing else (deal_import.py).
    imported: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))

    # --- questions

    def is_led_by(self, caller: Caller) -> bool:
        return self.delivery_lead_id == caller.person_id

    def is_sold_by(self, caller: Caller) -> bool:
        return self.seller_id == caller.person_id

    def require_lead(self, caller: Caller) -> None:
        """Refuse anyone but the delivery lead."""
        if self.is_sold_by(caller):
            raise Forbidden("The seller cannot take over their own handover.")
        if self.delivery_lead_id is None:
            raise Forbidden("No delivery lead is named yet. Claim it first.")
        if not self.is_led_by(caller):
            raise Forbidden("This is for the delivery lead of the handover.")

    def require_seller(self, caller: Caller) -> None:
        """Refuse anyone but the seller."""
        if not self.is_sold_by(caller):
            raise Forbidden("This is for the seller of the handover.")

    def require_seller_or_manager(self, caller: Caller) -> None:
        """Refuse anyone but the seller and managers."""
        if not self.is_sold_by(caller) and not caller.has(Role.manager):
            raise Forbidden("This is for the seller of the handover, or a manager.")

    def require_lead_or_manager(self, caller: Caller) -> None:
        """Refuse anyone but the lead and managers."""
        if not (self.is_led_by(caller) or caller.has(Role.manager)):
            raise Forbidden("This is for the delivery lead of the handover, or a manager.")

    def require_party(self, caller: Caller) -> None:
        """Refuse anyone but those whose handover it is: its seller, its lead, and managers."""
        if not (self.is_led_by(caller) or self.is_sold_by(caller) or caller.has(Role.manager)):
            raise Forbidden("This is for the seller or the lead of the handover, or a manager.")

    def require_writable(self) -> None:
        """Refuse changes to what was said once it was submitted."""
        if self.state not in WRITABLE:
            raise Frozen(
                "A handover that is {state} is frozen: supersede its promises, or write to its log.",
                state=self.state,
            )

    def require_open(self) -> None:
        """Refuse what makes no sense once it is over."""
        if self.state in ENDED:
            raise Frozen("A handover that is {state} is over.", state=self.state)

    def require_writer(self, caller: Caller) -> None:
        """Refuse whoever may not write what was said, and everybody once it was submitted."""
        self.require_seller_or_manager(caller)
        self.require_writable()

    def require_delivering(self, caller: Caller) -> None:
        """Refuse anyone but the lead, and any time but that of delivery."""
        self.require_lead(caller)
        if self.state is not State.in_delivery:
            raise IllegalMove(
                "The handover is {state}, not in delivery.",
                state=self.state,
                allowed=self.moves_of(caller),
            )

    def moves_of(self, caller: Caller) -> list[Move]:
        """The moves that exist from here and are for `caller` to make; a guard may still refuse one (guards.py)."""
        return [move for move in moves_from(self.state) if self.lets(caller, move)]

    def lets(self, caller: Caller, move: Move) -> bool:
        """Whether the move is for `caller` to make, wherever the handover stands."""
        try:
            self.require_mover(move, caller)
        except Forbidden:
            return False
        return True

    def require_mover(self, move: Move, caller: Caller) -> None:
        """Refuse with `Forbidden` whoever may not make this move."""
        match move:
            case Move.submit:
                self.require_seller(caller)
            case Move.claim:
                self._require_claimer(caller)
            case Move.cancel:
                self.require_seller_or_manager(caller)
            case Move.transfer | Move.close:
                caller.require(Role.manager)
            case _:
                self.require_lead(caller)

    def _require_claimer(self, caller: Caller) -> None:
        if self.is_sold_by(caller):
            raise Forbidden("The seller cannot take over their own handover.")
        if self.delivery_lead_id is None:
            caller.require(Role.delivery)
        elif not self.is_led_by(caller):
            raise Forbidden("Another delivery lead is named.")

    # --- verbs

    def revise(self, changes: Mapping[str, Any], caller: Caller) -> None:
        """Change fields as a seller or manager may; the lead may change the risk."""
        if not (self.is_led_by(caller) and set(changes) <= {"risk"}):
            self.require_seller_or_manager(caller)
        if "delivery_lead_id" in changes and self.state in MOVES[Move.transfer][0]:
            raise Frozen("Another lead is named by a transfer, with a reason and by a manager.")
        if self.state in ENDED or not set(changes) <= LIVE_FIELDS:
            self.require_writable()
        for name, value in changes.items():
            setattr(self, name, value)
        self.check_sound()

    def check_sound(self) -> None:
        """The rules between fields; raises `Invalid`."""
        if self.planned_start and self.planned_end and self.planned_end < self.planned_start:
            raise Invalid(
                "The plan ends before it starts.",
                errors=[FieldError("/planned_end", "It must not lie before planned_start.")],
            )
        if self.delivery_lead_id is None and self.state not in _WITHOUT_A_LEAD:
            raise Invalid(
                "Once it was claimed, a handover keeps a delivery lead.",
                errors=[FieldError("/delivery_lead_id", "Name another lead instead of none.")],
            )
        if self.delivery_lead_id == self.seller_id:
            raise Invalid(
                "The lead cannot be the seller.",
                errors=[FieldError("/delivery_lead_id", "Name somebody else than the seller.")],
            )

    def submit(self, caller: Caller, now: datetime) -> None:
        """Hand it in. The missing list must be empty (completeness.py)."""
        self._move(Move.submit, caller)
        self.submitted_at = now
        self.gaps = []

    def claim(self, caller: Caller) -> None:
        """Take it into review: the named lead, or anyone who delivers if none is named."""
        self._move(Move.claim, caller)
        self.delivery_lead_id = caller.person_id

    def return_(self, caller: Caller, gaps: Sequence[Gap]) -> None:
        """Give it back to the seller, naming what is missing."""
        self._move(Move.return_, caller)
        if not gaps:
            raise Invalid(
                "Name at least one gap.", errors=[FieldError("/gaps", "This is required.")]
            )
        self.gaps = [{"what": gap.what, "why": gap.why} for gap in gaps]

    def accept(self, caller: Caller, now: datetime) -> None:
        """Take it over. Every live promise must be read back (guards.py)."""
        self._move(Move.accept, caller)
        self.accepted_at = now

    def start(self, caller: Caller) -> None:
        """Begin to deliver: only what was won (guards.py)."""
        self._move(Move.start, caller)

    def transfer(self, caller: Caller, lead_id: UUID) -> None:
        """Another lead takes its place, who has to read back what is still open (transferring.py)."""
        self._move(Move.transfer, caller)
        if lead_id == self.delivery_lead_id:
            raise Conflict("They are the delivery lead already.", allowed=self.moves_of(caller))
        self.delivery_lead_id = lead_id
        self.check_sound()

    def complete(self, caller: Caller, now: datetime) -> None:
        """End the delivery. Every promise must have its outcome (guards.py)."""
        self._move(Move.complete, caller)
        self.completed_at = now

    def close(self, caller: Caller, now: datetime) -> None:
        """Look back and be done with it. It takes an outcome, and what was estimated in actual hours (guards.py)."""
        self._move(Move.close, caller)
        self.closed_at = now

    def cancel(self, caller: Caller, reason: str) -> None:
        """Call it off before delivery starts."""
        self._move(Move.cancel, caller)
        self.cancelled_reason = reason

    def _move(self, move: Move, caller: Caller) -> None:
        self.require_mover(move, caller)
        origins, target = MOVES[move]
        if self.state not in origins:
            raise IllegalMove(
                "“{move}” is not possible for a handover in the state “{state}”.",
                state=self.state,
                move=move,
                allowed=self.moves_of(caller),
            )
        if target is not None:
            self.state = target
