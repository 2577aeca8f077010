"""An organization: every other row belongs to exactly one."""

from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.chassis.country import country_of
from services.chassis.tables import empty_list, new_id
from services.gateway.domain.base import Row


class Organization(Row, table=True):
    """A firm. `locale` and `time_zone` are its people's defaults.

    `working_days` counts from Monday = 1 (ISO 8601). `country` (ISO 3166-1) is where its public holidays and its telephone
    numbers without a country code belong; `holidays` are days off beside them.
    """

    __tablename__: ClassVar[str] = "organization"
    __table_args__ = (
        CheckConstraint("organization_id = id", name="is_its_own"),
        CheckConstraint(
            "working_days <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint[]", name="working_days"
        ),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
    )

    name: str
    locale: str = "en"
    time_zone: str = "Europe/Oslo"
    country: str | None = None
    working_days: list[int] = Field(
        default_factory=lambda: [1, 2, 3, 4, 5],
        sa_type=ARRAY(SmallInteger),
    )
    holidays: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))

    def card(self) -> dict[str, Any]:
        """What the other services may know, and of which version it is."""
        return self.model_dump(mode="json", exclude={"organization_id", "created_at", "updated_at"})

    @classmethod
    def found(cls, name: str, **fields: object) -> "Organization":
        """A new organization, which belongs to itself. Its country is that of its time zone, unless another is given."""
        id = new_id()
        founded = cls.model_validate({"organization_id": id, "id": id, "name": name, **fields})
        if founded.country is None:
            founded.country = country_of(founded.time_zone)
        return founded
