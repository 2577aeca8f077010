"""How long a certificate of a competence or of a curriculum holds, and from when on it can be renewed."""

from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from services.chassis.errors import FieldError, Invalid
from services.chassis.tables import refers_to, text_enum
from services.onboarding.domain.base import SCHEMA, Row


class Basis(StrEnum):
    """From which day the next period counts: that of the completion, or the last one of the period before."""

    completion = "completion"
    expiry = "expiry"


class CertificationPolicy(Row, table=True):
    """The rule for one competence or one curriculum. Without a validity its certificates hold for good.

    It decides for what is issued from now on; what was issued keeps its dates.
    """

    __tablename__: ClassVar[str] = "certification_policy"
    __table_args__ = (
        refers_to(SCHEMA, "curriculum", "curriculum_id"),
        Index(
            "uq_certification_policy_competence",
            "organization_id",
            "competence",
            unique=True,
            postgresql_where=text("competence IS NOT NULL"),
        ),
        Index(
            "uq_certification_policy_curriculum",
            "organization_id",
            "curriculum_id",
            unique=True,
            postgresql_where=text("curriculum_id IS NOT NULL"),
        ),
        CheckConstraint("num_nonnulls(competence, curriculum_id) = 1", name="one_subject"),
        CheckConstraint("num_nonnulls(valid_months, valid_days) <= 1", name="one_validity"),
        CheckConstraint("valid_months BETWEEN 1 AND 1200", name="months"),
        CheckConstraint("valid_days BETWEEN 1 AND 36500", name="days"),
        CheckConstraint("renewal_window_days BETWEEN 0 AND 3650", name="window"),
    )

    competence: str | None = None
    curriculum_id: UUID | None = None
    valid_months: int | None = None
    valid_days: int | None = None
    renewal_window_days: int = 0
    basis: Basis = Field(default=Basis.completion, sa_type=text_enum(Basis, "basis"))

    def check_sound(self) -> None:
        """Months or days, not both, and a window that is shorter than the validity; raises `Invalid`."""
        errors = []
        if self.valid_months is not None and self.valid_days is not None:
            errors.append(FieldError("/valid_days", "Say months or days, not both."))
        else:
            shortest = self.valid_days or (self.valid_months or 0) * 28
            if self.valid_days is None and self.valid_months is None:
                if self.renewal_window_days:
                    errors.append(
                        FieldError("/renewal_window_days", "What holds for good is never renewed.")
                    )
            elif self.renewal_window_days > shortest:
                errors.append(
                    FieldError("/renewal_window_days", "It must not be longer than the validity.")
                )
        if errors:
            raise Invalid("The policy does not fit together.", errors=errors)

    def last_day(self, first: date) -> date | None:
        """The last day of a period that counts from `first`; None for good. A month ends where the calendar's does."""
        if self.valid_days is not None:
            return first + timedelta(days=self.valid_days)
        if self.valid_months is not None:
            return _months_later(first, self.valid_months)
        return None


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
