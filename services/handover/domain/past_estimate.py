"""A past estimate: one from before Stafett, brought in by file so that calibration has something to say on the first day.

Never changed and never deleted: what a later file says of a known one is its next revision, and the last one counts.
"""

from datetime import date
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, UniqueConstraint
from sqlmodel import Field

from services.chassis.tables import text_enum
from services.handover.domain.base import Row
from services.handover.domain.estimate import HOURS_BELOW, IN_ORDER, WITHIN_LIMIT, Basis


class PastEstimate(Row, table=True):
    """What was estimated elsewhere, and what it took. `estimated_by` is None where nobody known here made it."""

    __tablename__: ClassVar[str] = "past_estimate"
    __table_args__ = (
        UniqueConstraint("organization_id", "external_id", "revision"),
        Index("ix_past_estimate_kind", "organization_id", "kind", "basis"),
        CheckConstraint(IN_ORDER, name="three_points_in_order"),
        CheckConstraint(WITHIN_LIMIT, name="hours_within_limit"),
        CheckConstraint(f"actual_hours > 0 AND actual_hours < {HOURS_BELOW}", name="actual_hours"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint("char_length(external_id) >= 1", name="external_id_given"),
        CheckConstraint("char_length(kind) >= 1", name="kind_given"),
    )

    external_id: str
    revision: int = 1
    item: str | None = None
    kind: str
    basis: Basis = Field(sa_type=text_enum(Basis, "basis"))
    optimistic_hours: Decimal = Field(sa_type=Numeric)
    likely_hours: Decimal = Field(sa_type=Numeric)
    pessimistic_hours: Decimal = Field(sa_type=Numeric)
    actual_hours: Decimal = Field(sa_type=Numeric)
    estimated_by: UUID | None = None
    completed_on: date | None = None
