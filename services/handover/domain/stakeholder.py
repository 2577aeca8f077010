"""A stakeholder: somebody at the customer who has a say in how it goes."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field

from services.chassis.tables import refers_to, text_enum
from services.handover.domain.base import SCHEMA, Row


class StakeholderRole(StrEnum):
    """What somebody is to the deal."""

    economic_buyer = "economic_buyer"
    champion = "champion"
    decision_maker = "decision_maker"
    user = "user"
    blocker = "blocker"


# Who can say yes, and whom the missing list asks for.
DECIDING = frozenset({StakeholderRole.economic_buyer, StakeholderRole.decision_maker})


class Stakeholder(Row, table=True):
    """Somebody at the customer, and how they want to be met. `phone` is E.164, `email` in lower case (reach.py)."""

    __tablename__: ClassVar[str] = "stakeholder"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        Index("ix_stakeholder_handover", "organization_id", "handover_id", "id"),
        Index("ix_stakeholder_phone", "organization_id", "phone"),
        Index("ix_stakeholder_email", "organization_id", "email"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
    )

    handover_id: UUID
    name: str
    role: StakeholderRole = Field(sa_type=text_enum(StakeholderRole, "role"))
    email: str | None = None
    phone: str | None = None
    preferences: str | None = None
