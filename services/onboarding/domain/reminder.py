"""A reminder: that somebody was told in time of a day that concerns them.

It is sent once for a thing, a cycle of it, a kind and a day: a day that moves is reminded of anew. `step` tells the reminders
of a kind apart: so many days before, or for the how manieth time.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, SmallInteger, text
from sqlmodel import Field

from services.chassis.tables import refers_to, text_enum
from services.onboarding.domain.base import SCHEMA, Row

# Days before the due date, or before an override ends.
DUE_SOON_DAYS = (7, 1)
# On the first working day after the due date, and each week from then on.
OVERDUE_TIMES = 5
# Of a certificate whose window is open for longer than that already.
EXPIRY_DAYS = 30
# Of one that cannot be renewed so early: a window that is shorter than this tells nobody in time.
SHORT_WINDOW_DAYS = 7
# Of an offer when half of its time is over, and not before its last day.
OFFER_HOURS = 24


class ReminderKind(StrEnum):
    """What it reminds of."""

    due_soon = "due_soon"
    overdue = "overdue"
    renewal_opens = "renewal_opens"
    certificate_expires = "certificate_expires"
    offer_lapses = "offer_lapses"
    override_ends = "override_ends"


def _once(subject: str, *further: str) -> Index:
    return Index(
        f"uq_reminder_{subject}",
        "organization_id",
        subject,
        *further,
        "kind",
        "due_on",
        "step",
        unique=True,
        postgresql_where=text(f"{subject} IS NOT NULL"),
    )


class Reminder(Row, table=True):
    """Somebody was reminded of one thing: an assignment, a certificate, an offer of a seat, or an override."""

    __tablename__: ClassVar[str] = "reminder"
    __table_args__ = (
        refers_to(SCHEMA, "assignment", "assignment_id"),
        refers_to(SCHEMA, "certificate", "certificate_id"),
        refers_to(SCHEMA, "booking", "booking_id"),
        refers_to(SCHEMA, "override", "override_id"),
        _once("assignment_id", "cycle"),
        _once("certificate_id"),
        _once("booking_id"),
        _once("override_id"),
        Index("ix_reminder_person", "organization_id", "person_id", "id"),
        Index("ix_reminder_due", "organization_id", "due_on", "id"),
        CheckConstraint(
            "num_nonnulls(assignment_id, certificate_id, booking_id, override_id) = 1",
            name="one_subject",
        ),
        CheckConstraint("(assignment_id IS NULL) = (cycle IS NULL)", name="cycle_of_assignment"),
        CheckConstraint(
            "(kind IN ('due_soon', 'overdue')) = (assignment_id IS NOT NULL)"
            " AND (kind IN ('renewal_opens', 'certificate_expires')) = (certificate_id IS NOT NULL)"
            " AND (kind = 'offer_lapses') = (booking_id IS NOT NULL)"
            " AND (kind = 'override_ends') = (override_id IS NOT NULL)",
            name="kind_fits_subject",
        ),
        CheckConstraint("step >= 0", name="step_not_negative"),
    )

    person_id: UUID
    kind: ReminderKind = Field(sa_type=text_enum(ReminderKind, "kind"))
    step: int = Field(default=0, sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"})
    title: str
    due_on: date
    assignment_id: UUID | None = None
    cycle: int | None = Field(default=None, sa_type=SmallInteger)
    certificate_id: UUID | None = None
    booking_id: UUID | None = None
    override_id: UUID | None = None
    sent_at: datetime = Field(sa_type=DateTime(timezone=True))
