"""An estimate: what a piece of work takes, in three points, what that rests on, and what it took in the end.

Expected (O + 4M + P) / 6 and σ (P − O) / 6 are PERT's approximations (Malcolm, Roseboom, Clark & Fazar, 1959). Hours throughout.
Once the handover was submitted an estimate is superseded by a new one and never changed, as a promise is.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Numeric, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.chassis.errors import Conflict, FieldError, Invalid
from services.chassis.tables import empty_list, refers_to, text_enum
from services.handover.domain.base import SCHEMA, Row

# Hours are less than this: fifty years of one person's work.
HOURS_BELOW = 100_000
IN_ORDER = (
    "0 < optimistic_hours AND optimistic_hours <= likely_hours "
    "AND likely_hours <= pessimistic_hours"
)
WITHIN_LIMIT = f"pessimistic_hours < {HOURS_BELOW}"


class Basis(StrEnum):
    """What an estimate rests on: somebody's judgement, one similar case, many of them, or nothing much."""

    expert = "expert"
    analogy = "analogy"
    reference_class = "reference_class"
    guess = "guess"


class Estimate(Row, table=True):
    """What a piece of work takes. `kind` is what calibration groups by; one with `superseded_at` is live no more."""

    __tablename__: ClassVar[str] = "estimate"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        refers_to(SCHEMA, "estimate", "supersedes"),
        UniqueConstraint("organization_id", "supersedes"),
        Index("ix_estimate_handover", "organization_id", "handover_id", "id"),
        Index(
            "ix_estimate_completed",
            "organization_id",
            "kind",
            "basis",
            postgresql_where="actual_hours > 0",
        ),
        CheckConstraint(IN_ORDER, name="three_points_in_order"),
        CheckConstraint(WITHIN_LIMIT, name="hours_within_limit"),
        CheckConstraint(f"actual_hours >= 0 AND actual_hours < {HOURS_BELOW}", name="actual_hours"),
        CheckConstraint("actual_hours IS NULL OR superseded_at IS NULL", name="actual_of_live"),
        CheckConstraint("char_length(item) >= 1", name="item_given"),
        CheckConstraint("char_length(kind) >= 1", name="kind_given"),
        CheckConstraint("char_length(basis_text) >= 1", name="basis_text_given"),
        CheckConstraint("supersedes <> id", name="supersedes_another"),
    )

    handover_id: UUID
    item: str
    kind: str
    optimistic_hours: Decimal = Field(sa_type=Numeric)
    likely_hours: Decimal = Field(sa_type=Numeric)
    pessimistic_hours: Decimal = Field(sa_type=Numeric)
    basis: Basis = Field(sa_type=text_enum(Basis, "basis"))
    basis_text: str
    assumptions: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))
    exclusions: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))
    estimated_by: UUID
    supersedes: UUID | None = None
    superseded_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    actual_hours: Decimal | None = Field(default=None, sa_type=Numeric)

    # --- questions

    @property
    def is_live(self) -> bool:
        return self.superseded_at is None

    def check_sound(self) -> None:
        """The rules between fields; raises `Invalid`."""
        errors = []
        if self.likely_hours < self.optimistic_hours:
            errors.append(FieldError("/likely_hours", "It must not be less than optimistic_hours."))
        if self.pessimistic_hours < self.likely_hours:
            errors.append(
                FieldError("/pessimistic_hours", "It must not be less than likely_hours.")
            )
        if errors:
            raise Invalid(
                "The hours are out of order: optimistic ≤ likely ≤ pessimistic.", errors=errors
            )

    # --- verbs

    def revise(self, changes: Mapping[str, Any]) -> None:
        """Change it while it is still the seller's."""
        self._require_live()
        for name, value in changes.items():
            setattr(self, name, value)
        self.check_sound()

    def supersede(self, now: datetime) -> None:
        """A new estimate takes its place, unless it is known what it took."""
        self._require_live()
        if self.actual_hours is not None:
            raise Conflict("It is known what this took: there is nothing left to estimate.")
        self.superseded_at = now

    def enter_actual(self, hours: Decimal) -> None:
        """What it took in the end; entered again, it is corrected. 0: it was not done at all."""
        self._require_live()
        self.actual_hours = hours

    def require_deletable(self) -> None:
        """Refuse to delete what is part of the story by now."""
        self._require_live()
        if self.supersedes is not None:
            raise Conflict("The estimate is part of the record by now: supersede it instead.")

    def _require_live(self) -> None:
        if not self.is_live:
            raise Conflict("The estimate was superseded: look at the one that took its place.")
