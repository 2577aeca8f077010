"""An unknown: a gap of the missing list that is declared instead of filled with something made up.

It opens a question, and counts as resolved once an answer to that is accepted.
"""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, UniqueConstraint
from sqlmodel import Field

from services.chassis.tables import refers_to
from services.handover.domain.base import SCHEMA, Row


class Unknown(Row, table=True):
    """What nobody knows yet (an item of the missing list), why, and who finds it out by when."""

    __tablename__: ClassVar[str] = "unknown"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        UniqueConstraint("organization_id", "handover_id", "what"),
        CheckConstraint("char_length(reason) >= 1", name="reason_given"),
    )

    handover_id: UUID
    what: str
    reason: str
    owner_id: UUID
    due_on: date
    resolved_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
