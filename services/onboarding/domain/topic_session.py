"""A session: people come together to learn, with a trainer, a number of seats, and a thread that stays open afterwards.

Calendars know it by its id and believe the highest `sequence`. Whether it has begun is compared with the clock, never stored.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, FieldError, Forbidden, Frozen, IllegalMove, Invalid
from services.chassis.tables import empty_list, refers_to, text_enum
from services.onboarding.domain.base import SCHEMA, Row

LARGEST_CAPACITY = 1000
LONGEST_OFFER_HOURS = 336
# After that, who was there is a record that reports have been made from.
ATTENDANCE_OPEN = timedelta(days=30)


class SessionState(StrEnum):
    """Whether a session takes place."""

    planned = "planned"
    cancelled = "cancelled"


_S = SessionState
# What stands in everybody's calendar; another of these is another invitation.
INVITATION = frozenset({"title", "starts_at", "ends_at", "tz", "place", "link", "trainer_id"})


class TopicSession(Row, table=True):
    """A session about a topic. `seats_taken` counts bookings that hold a seat; a trigger keeps it, a constraint limits it."""

    __tablename__: ClassVar[str] = "topic_session"
    __table_args__ = (
        refers_to(SCHEMA, "course", "course_id"),
        Index("ix_topic_session_start", "organization_id", "starts_at", "id"),
        Index("ix_topic_session_course", "organization_id", "course_id", "id"),
        Index("ix_topic_session_trainer", "organization_id", "trainer_id", "id"),
        CheckConstraint("char_length(title) BETWEEN 3 AND 200", name="title_length"),
        CheckConstraint("ends_at > starts_at", name="end_after_start"),
        CheckConstraint("place IS NOT NULL OR link IS NOT NULL", name="somewhere"),
        CheckConstraint("capacity BETWEEN 1 AND 1000", name="capacity"),
        CheckConstraint("offer_hours BETWEEN 1 AND 336", name="offer_hours"),
        CheckConstraint("seats_taken BETWEEN 0 AND capacity", name="seats_for_all"),
        CheckConstraint("sequence >= 0", name="sequence_not_negative"),
        CheckConstraint(
            "(state = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_at_moment"
        ),
        CheckConstraint(
            "(state = 'cancelled') = (reason IS NOT NULL)", name="cancelled_for_reason"
        ),
    )

    title: str
    description: str | None = None
    starts_at: datetime = Field(sa_type=DateTime(timezone=True))
    ends_at: datetime = Field(sa_type=DateTime(timezone=True))
    tz: str | None = None
    place: str | None = None
    link: str | None = None
    trainer_id: UUID
    course_id: UUID | None = None
    capacity: int = Field(sa_type=SmallInteger)
    offer_hours: int = Field(default=24, sa_type=SmallInteger)
    seats_taken: int = Field(
        default=0, sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"}
    )
    sequence: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    state: SessionState = Field(default=_S.planned, sa_type=text_enum(SessionState, "state"))
    cancelled_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    reason: str | None = None

    # --- questions

    @property
    def has_free_seat(self) -> bool:
        """Whether one more fits in. True only while nobody waits, once expired offers have been moved on."""
        return self.seats_taken < self.capacity

    # --- verbs

    def check_sound(self) -> None:
        """The rules between fields; raises `Invalid`."""
        if self.ends_at <= self.starts_at:
            raise Invalid(
                "The session ends before it starts.",
                errors=[FieldError("/ends_at", "It must lie after starts_at.")],
            )
        if not self.place and not self.link:
            raise Invalid(
                "Nobody knows where the session is.",
                errors=[FieldError("/place", "Say the place, or give a link.")],
            )

    def require_to_come(self, now: datetime) -> None:
        """Refuse with `Invalid` a start that has passed: nobody could book it any more."""
        if self.starts_at <= now:
            raise Invalid(
                "The session would have started already.",
                errors=[FieldError("/starts_at", "It must lie in the future.")],
            )

    def revise(self, changes: Mapping[str, Any], now: datetime, *, is_held: bool) -> None:
        """Change it; what stands in calendars raises the sequence. It is moved only until somebody was there."""
        self._require_planned()
        changed = {name for name, value in changes.items() if value != getattr(self, name)}
        for name, value in changes.items():
            setattr(self, name, value)
        self.check_sound()
        if changed & {"starts_at", "ends_at"} and is_held:
            raise Frozen("Attendance has been taken; the session is not moved any more.")
        if "starts_at" in changed:
            self.require_to_come(now)
        if self.capacity < self.seats_taken:
            raise Conflict(
                "{taken} seats are booked or offered.",
                errors=[
                    FieldError("/capacity", "At least {taken}.", {"taken": self.seats_taken}),
                ],
                taken=self.seats_taken,
            )
        if changed & INVITATION:
            self.sequence += 1

    def cancel(self, reason: str, now: datetime, *, is_held: bool) -> None:
        """It will not take place; calendars are told with the next sequence."""
        self._require_planned()
        if is_held:
            raise Frozen("Attendance has been taken; the session took place.")
        self.state, self.cancelled_at, self.reason = _S.cancelled, now, reason
        self.sequence += 1

    def require_bookable(self, now: datetime) -> None:
        """Refuse with `Conflict` when nobody can get a seat any more."""
        self._require_planned()
        if self.starts_at <= now:
            raise Conflict("The session has started.")

    def require_attendance_open(self, now: datetime) -> None:
        """Refuse unless it can be said who was there: from the start until 30 days after the end."""
        self._require_planned()
        if now < self.starts_at:
            raise Conflict("The session has not started yet.")
        if now > self.ends_at + ATTENDANCE_OPEN:
            raise Frozen(
                "Attendance is taken and corrected until {days} days after the end.",
                days=ATTENDANCE_OPEN.days,
            )

    def require_trainer(self, caller: Caller) -> None:
        """Refuse anyone but whoever holds the session and trainers."""
        if caller.person_id != self.trainer_id and not caller.has(Role.trainer):
            raise Forbidden("This is for whoever holds the session, or a trainer.")

    def _require_planned(self) -> None:
        if self.state is _S.cancelled:
            raise IllegalMove("The session is cancelled.", allowed=())


class SessionPost(Row, table=True):
    """Something that somebody wrote into a session's thread. It is never changed; a correction is a new one."""

    __tablename__: ClassVar[str] = "session_post"
    __table_args__ = (
        refers_to(SCHEMA, "topic_session", "session_id"),
        Index("ix_session_post_session", "organization_id", "session_id", "id"),
    )

    session_id: UUID
    author_id: UUID
    text: str
    links: list[str] = Field(default_factory=empty_list, sa_type=JSONB)
