"""A tool that colleagues work with every day, who owns it, and the competence that it calls for."""

from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import FieldError, Forbidden, Invalid
from services.onboarding.domain.base import Row


class Tool(Row, table=True):
    """A digital tool. `key` names it for good; its owner publishes what is taught about it."""

    __tablename__: ClassVar[str] = "tool"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        Index("ix_tool_name", "organization_id", "name", "id"),
        Index("ix_tool_owner", "organization_id", "owner_id", "id"),
        Index("ix_tool_competence", "organization_id", "competence"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
        CheckConstraint(
            "NOT trains_for_handovers OR competence IS NOT NULL", name="trains_for_a_competence"
        ),
    )

    key: str
    name: str
    owner_id: UUID
    description: str | None = None
    link: str | None = None
    competence: str | None = None
    # An accepted handover that needs the competence, and is staffed with nobody who has it, sends its people to learn it.
    trains_for_handovers: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})

    def check_sound(self) -> None:
        """The rules between fields; raises `Invalid`."""
        if self.trains_for_handovers and self.competence is None:
            raise Invalid(
                "Without a competence, no handover needs it.",
                errors=[FieldError("/competence", "This is required.")],
            )

    def require_switcher(self, caller: Caller) -> None:
        """Refuse anyone but the owner: they answer for who is sent to learn it."""
        if self.owner_id != caller.person_id:
            raise Forbidden("Only the owner of the tool switches training for handovers on or off.")

    def require_owner_or_trainer(self, caller: Caller) -> None:
        """Refuse anyone but the owner and trainers."""
        if self.owner_id != caller.person_id and not caller.has(Role.trainer):
            raise Forbidden("This is for the owner of the tool, or a trainer.")
