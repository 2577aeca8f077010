"""What delivery must be able to do: a competence, at which level, how many people, from when until when."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index

from services.chassis.errors import FieldError, Invalid
from services.chassis.tables import refers_to
from services.handover.domain.base import SCHEMA, Row

LOWEST_LEVEL, HIGHEST_LEVEL = 1, 5
# What a waiver was granted for; with another of these it is another need.
WAIVED = frozenset({"competence", "level", "headcount", "starts_on", "ends_on"})


class CompetenceNeed(Row, table=True):
    """So many people with a competence at a level (1–5) or above, from a day until a day."""

    __tablename__: ClassVar[str] = "competence_need"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        Index("ix_competence_need_handover", "organization_id", "handover_id", "id"),
        CheckConstraint("level BETWEEN 1 AND 5", name="level_range"),
        CheckConstraint("headcount >= 1", name="headcount_positive"),
        CheckConstraint("ends_on >= starts_on", name="end_after_start"),
    )

    handover_id: UUID
    competence: str
    level: int
    headcount: int = 1
    starts_on: date | None = None
    ends_on: date | None = None
    why: str | None = None

    def check_sound(self) -> None:
        """The rules between fields; raises `Invalid`."""
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise Invalid(
                "The need ends before it starts.",
                errors=[FieldError("/to", "It must not lie before from.")],
            )
