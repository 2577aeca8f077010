"""An organization: every other row belongs to exactly one."""

from typing import ClassVar

from sqlalchemy import CheckConstraint, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.chassis.tables import empty_list, new_id
from services.gateway.domain.base import Row


class Organization(Row, table=True):
    """A firm. `working_days` counts from Monday = 1 (ISO 8601); `locale` and `time_zone` are its people's defaults."""

    __tablename__: ClassVar[str] = "organization"
    __table_args__ = (
        CheckConstraint("organization_id = id", name="is_its_own"),
        CheckConstraint(
            "working_days <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint[]", name="working_days"
        ),
    )

    name: str
    locale: str = "en"
    time_zone: str = "Europe/Oslo"
    working_days: list[int] = Field(
        default_factory=lambda: [1, 2, 3, 4, 5],
        sa_type=ARRAY(SmallInteger),
    )
    holidays: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))

    @classmethod
    def found(cls, name: str, **fields: object) -> "Organization":
        """A new organization, which belongs to itself."""
        id = new_id()
        return cls.model_validate({"organization_id": id, "id": id, "name": name, **fields})
