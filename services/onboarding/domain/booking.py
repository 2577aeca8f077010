"""A booking: somebody's seat in a session, or their place in the line for one.

booked · waitlisted → offered → booked · lapsed; booked → attended · no_show; cancelled until the session starts. An offer
counts until `expires_at`: whoever reads or acts compares, so nothing has to run at that moment. How an offer lapses and the
next one is made stands in seats.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.chassis.errors import Conflict, IllegalMove
from services.chassis.tables import empty_list, refers_to, text_enum
from services.onboarding.domain.base import SCHEMA, Row
from services.onboarding.domain.topic_session import TopicSession


class BookingState(StrEnum):
    """Where a booking stands."""

    booked = "booked"
    waitlisted = "waitlisted"
    offered = "offered"
    lapsed = "lapsed"
    attended = "attended"
    no_show = "no_show"
    cancelled = "cancelled"


class BookingMove(StrEnum):
    """What can happen to a booking."""

    offer = "offer"
    accept = "accept"
    lapse = "lapse"
    attend = "attend"
    miss = "miss"
    cancel = "cancel"


_B = BookingState
# From where a move exists, and where it leads. Who was there can be corrected.
MOVES: Mapping[BookingMove, tuple[frozenset[BookingState], BookingState]] = {
    BookingMove.offer: (frozenset({_B.waitlisted}), _B.offered),
    BookingMove.accept: (frozenset({_B.offered}), _B.booked),
    BookingMove.lapse: (frozenset({_B.offered}), _B.lapsed),
    BookingMove.attend: (frozenset({_B.booked, _B.no_show}), _B.attended),
    BookingMove.miss: (frozenset({_B.booked, _B.attended}), _B.no_show),
    BookingMove.cancel: (frozenset({_B.booked, _B.waitlisted, _B.offered}), _B.cancelled),
}
# Moves of a booking that somebody asks for. The others follow from a seat that became free, from the clock, and from
# attendance, which is taken of a session.
_ASKED_FOR = frozenset({BookingMove.accept, BookingMove.cancel})
HELD = (_B.attended, _B.no_show)
# Somebody has one of these at a time in a session.
CURRENT = (_B.booked, _B.waitlisted, _B.offered, *HELD)
_CURRENT = "state NOT IN ('lapsed', 'cancelled')"


@dataclass(frozen=True, slots=True)
class Seat:
    """A booking by what names it, where many are moved in one statement."""

    id: UUID
    session_id: UUID
    person_id: UUID


class Booking(Row, table=True):
    """Somebody's booking in a session. `number` is taken under the session's lock and orders those who wait."""

    __tablename__: ClassVar[str] = "booking"
    __table_args__ = (
        refers_to(SCHEMA, "topic_session", "session_id"),
        UniqueConstraint("organization_id", "session_id", "number"),
        Index(
            "uq_booking_current",
            "organization_id",
            "session_id",
            "person_id",
            unique=True,
            postgresql_where=text(_CURRENT),
        ),
        Index("ix_booking_person", "organization_id", "person_id", "id"),
        Index(
            "ix_booking_expiry",
            "organization_id",
            "expires_at",
            postgresql_where=text("state = 'offered'"),
        ),
        CheckConstraint("number >= 1", name="number_from_one"),
        CheckConstraint("state <> 'offered' OR expires_at IS NOT NULL", name="offer_expires"),
        CheckConstraint("expires_at > offered_at", name="offer_lasts"),
        CheckConstraint(
            "(state = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_at_moment"
        ),
        CheckConstraint(
            "(state IN ('attended', 'no_show')) = (attendance_at IS NOT NULL)",
            name="attendance_at_moment",
        ),
        CheckConstraint(
            "(attendance_at IS NULL) = (attendance_by IS NULL)", name="attendance_by_somebody"
        ),
        CheckConstraint(
            "state = 'cancelled' AND cancelled_from IN ('booked', 'waitlisted', 'offered') "
            "OR cancelled_from IS NULL",
            name="cancelled_from",
        ),
        CheckConstraint("attendance_by <> person_id", name="nobody_takes_their_own_attendance"),
        CheckConstraint(
            "state = 'attended' OR completed_assignments = '[]'", name="completed_by_attending"
        ),
    )

    session_id: UUID
    person_id: UUID
    booked_by: UUID
    number: int
    state: BookingState = Field(sa_type=text_enum(BookingState, "state"))
    offered_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    cancelled_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    cancelled_from: str | None = None
    reason: str | None = None
    attendance_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    attendance_by: UUID | None = None
    completed_assignments: list[str] = Field(
        default_factory=empty_list, sa_type=JSONB, sa_column_kwargs={"server_default": "[]"}
    )

    def accept(self, topic_session: TopicSession, now: datetime) -> None:
        """Take the seat that was offered."""
        topic_session.require_bookable(now)
        if self.state is _B.lapsed:
            raise IllegalMove("The offer ran out at {moment}: book again.", moment=self.expires_at)
        if self.state is _B.waitlisted:
            raise IllegalMove(
                "No seat is offered yet: the person waits in line.", allowed=moves_from(self.state)
            )
        self._move(BookingMove.accept)

    def cancel(self, topic_session: TopicSession, reason: str | None, now: datetime) -> None:
        """Give it up, until the session starts."""
        self.require_move(BookingMove.cancel)
        topic_session.require_bookable(now)
        self.cancelled_from = self.state.value
        self._move(BookingMove.cancel)
        self.cancelled_at, self.reason = now, reason

    def take_attendance(self, state: BookingState, by: UUID, now: datetime) -> None:
        """Say, or correct, whether the person was there."""
        if by == self.person_id:
            raise Conflict("Nobody takes their own attendance.")
        if state is _B.no_show and self.completed_assignments:
            raise Conflict("By attending a course was completed, which stays.")
        self._move(BookingMove.attend if state is _B.attended else BookingMove.miss)
        self.attendance_at, self.attendance_by = now, by

    def require_move(self, move: BookingMove) -> None:
        """Refuse with `IllegalMove` unless `move` exists from here."""
        if self.state not in MOVES[move][0]:
            raise IllegalMove(
                "“{move}” is not possible for a booking in the state “{state}”.",
                state=self.state,
                move=move,
                allowed=moves_from(self.state),
            )

    def _move(self, move: BookingMove) -> None:
        self.require_move(move)
        self.state = MOVES[move][1]


def moves_from(state: BookingState) -> list[BookingMove]:
    """The moves that somebody can ask for in `state`."""
    return [move for move, (origins, _) in MOVES.items() if state in origins and move in _ASKED_FOR]
