"""A tool that colleagues work with every day, who owns it, and the competence that it calls for."""

from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint

from services.chassis.caller import Caller, Role
from services.chassis.errors import Forbidden
from services.onboarding.domain.base import Row


class Tool(Row, table=True):
    """A digital tool. `key` names it for good; its owner publishes what is taught about it."""

    __tablename__: ClassVar[str] = "tool"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        Index("ix_tool_name", "organization_id", "name", "id"),
        Index("ix_tool_owner", "organization_id", "owner_id", "id"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
    )

    key: str
    name: str
    owner_id: UUID
    description: str | None = None
    link: str | None = None
    competence: str | None = None

    def require_owner_or_trainer(self, caller: Caller) -> None:
        """Refuse anyone but the owner and trainers."""
        if self.owner_id != caller.person_id and not caller.has(Role.trainer):
            raise Forbidden("This is for the owner of the tool, or a trainer.")
