"""A person of an organization, who may be given roles, keys and a team."""

from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.chassis.caller import Role
from services.chassis.tables import empty_list, refers_to
from services.gateway.domain.base import SCHEMA, Row

_ROLES = ", ".join(f"'{role}'" for role in Role)


class Person(Row, table=True):
    """Somebody known. Inactive people are locked out; nobody is deleted, since what they promised stays."""

    __tablename__: ClassVar[str] = "person"
    __table_args__ = (
        Index("uq_person_email", "organization_id", text("lower(email)"), unique=True),
        Index("ix_person_name", "organization_id", "name", "id"),
        Index("ix_person_team", "organization_id", "team_id", "id"),
        UniqueConstraint("organization_id", "external_id"),
        # Teams refer to their lead and people to their team: one of the two is added later.
        ForeignKeyConstraint(
            ["organization_id", "team_id"],
            [f"{SCHEMA}.team.organization_id", f"{SCHEMA}.team.id"],
            use_alter=True,
        ),
        refers_to(SCHEMA, "person", "manager_id"),
        CheckConstraint(f"roles <@ ARRAY[{_ROLES}]::text[]", name="roles"),
        CheckConstraint("manager_id <> id", name="not_own_manager"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
    )

    name: str
    email: str
    external_id: str | None = None
    active: bool = True
    hire_date: date | None = None
    job_role: str | None = None
    location: str | None = None
    team_id: UUID | None = None
    manager_id: UUID | None = None
    time_zone: str | None = None
    locale: str | None = None
    roles: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))
    # What audiences of training choose by, beside team, job role and location.
    tags: list[str] = Field(
        default_factory=empty_list,
        sa_type=ARRAY(Text),
        sa_column_kwargs={"server_default": "{}"},
    )

    def card(self) -> dict[str, Any]:
        """What the other services may know: all that the directory says, and of which version it is.

        Two changes of one person may stand in the feed the wrong way round, where the later one began first; the version
        tells a follower which of them to keep.
        """
        return self.model_dump(mode="json", exclude={"organization_id", "created_at", "updated_at"})
