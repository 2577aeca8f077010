"""A team: people who work together, one of them may lead."""

from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text

from services.chassis.tables import refers_to
from services.gateway.domain.base import SCHEMA, Row


class Team(Row, table=True):
    """A team. Its name is unique in the organization, whatever its case."""

    __tablename__: ClassVar[str] = "team"
    __table_args__ = (
        Index("uq_team_name", "organization_id", text("lower(name)"), unique=True),
        refers_to(SCHEMA, "person", "lead_id"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
    )

    name: str
    lead_id: UUID | None = None
