"""What a customer is to get out of it, in numbers: from a baseline to a target, and what was observed on the way.

Observations are never edited and never deleted; a correction is a new one that names the one whose place it takes.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Numeric, UniqueConstraint
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import FieldError, Forbidden, Frozen, Invalid
from services.chassis.tables import refers_to
from services.handover.domain.base import SCHEMA, Row
from services.handover.domain.handover import Handover, State


class ValueMeasure(Row, table=True):
    """A number that is to go from `baseline` to `target`, up or down, in `unit`; `people_reached` by it."""

    __tablename__: ClassVar[str] = "value_measure"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        Index("ix_value_measure_handover", "organization_id", "handover_id", "id"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
        CheckConstraint("char_length(unit) BETWEEN 1 AND 80", name="unit_length"),
        CheckConstraint("people_reached >= 0", name="people_not_negative"),
        CheckConstraint("target <> baseline", name="target_elsewhere"),
    )

    handover_id: UUID
    name: str
    unit: str
    baseline: Decimal | None = Field(default=None, sa_type=Numeric)
    target: Decimal | None = Field(default=None, sa_type=Numeric)
    people_reached: int | None = None

    def revise(self, changes: Mapping[str, Any], *, observed: bool) -> None:
        """Change it; once it was `observed`, its unit stays, since the numbers would mean something else."""
        if observed and changes.get("unit", self.unit) != self.unit:
            raise Frozen("It was observed in {unit}: make another measure.", unit=self.unit)
        for name, value in changes.items():
            setattr(self, name, value)
        self.check_sound()

    def check_sound(self) -> None:
        """The rules between fields; raises `Invalid`."""
        if self.baseline is not None and self.baseline == self.target:
            raise Invalid(
                "The target is where it starts.",
                errors=[FieldError("/target", "It must differ from the baseline.")],
            )


class ValueObservation(Row, table=True):
    """What a measure was at a moment. `corrects` an earlier observation of the same measure, which counts no more."""

    __tablename__: ClassVar[str] = "value_observation"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        refers_to(SCHEMA, "value_measure", "value_measure_id"),
        refers_to(SCHEMA, "value_observation", "corrects"),
        UniqueConstraint("organization_id", "corrects"),
        Index("ix_value_observation_measure", "organization_id", "value_measure_id", "at", "id"),
        Index("ix_value_observation_at", "organization_id", "at", "id"),
        CheckConstraint("corrects <> id", name="corrects_another"),
    )

    handover_id: UUID
    value_measure_id: UUID
    author_id: UUID
    at: datetime = Field(sa_type=DateTime(timezone=True))
    value: Decimal = Field(sa_type=Numeric)
    note: str | None = None
    corrects: UUID | None = None

    def require_corrector(self, handover: Handover, caller: Caller) -> None:
        """Refuse a correction by anyone but whoever observed it, the seller, the lead and managers."""
        if self.author_id != caller.person_id:
            require_keeper(handover, caller)


def require_keeper(handover: Handover, caller: Caller) -> None:
    """Refuse anyone but the seller, the delivery lead and managers."""
    if not (handover.is_sold_by(caller) or handover.is_led_by(caller) or caller.has(Role.manager)):
        raise Forbidden("This is for the seller, the delivery lead, or a manager.")


def require_measurable(handover: Handover) -> None:
    """Refuse measures of what was called off."""
    if handover.state is State.cancelled:
        raise Frozen("The handover was cancelled: nothing comes of it that could be measured.")
