"""A walkthrough: the meeting in which the seller takes the lead through the handover. Planned, moved, held or not.

planned → held · not_held · cancelled; whoever moves one that was not held plans it anew. Calendars know it by its id and
believe the highest `sequence`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.chassis.errors import Conflict, FieldError, IllegalMove, Invalid
from services.chassis.tables import empty_list, refers_to, text_enum
from services.handover.domain.base import SCHEMA, Row


class WalkthroughState(StrEnum):
    """Where a walkthrough stands."""

    planned = "planned"
    held = "held"
    not_held = "not_held"
    cancelled = "cancelled"


class WalkthroughMove(StrEnum):
    """What can happen to a walkthrough."""

    change = "change"
    hold = "hold"
    miss = "miss"
    cancel = "cancel"


_S = WalkthroughState
# From where a move exists; a change leaves the state as it is, unless it moves one that was not held.
MOVES: Mapping[WalkthroughMove, frozenset[WalkthroughState]] = {
    WalkthroughMove.change: frozenset({_S.planned, _S.not_held}),
    WalkthroughMove.hold: frozenset({_S.planned, _S.not_held}),
    WalkthroughMove.miss: frozenset({_S.planned}),
    WalkthroughMove.cancel: frozenset({_S.planned, _S.not_held}),
}
# Meetings begin when everybody is there.
_EARLY = timedelta(minutes=15)
# What stands in everybody's calendar; another of these is another invitation.
INVITATION = frozenset({"starts_at", "ends_at", "tz", "place", "link", "attendees"})

LONGEST = timedelta(days=7)


class Walkthrough(Row, table=True):
    """A meeting about a handover. `attendees` are colleagues, stakeholders of the handover, or addresses of others."""

    __tablename__: ClassVar[str] = "walkthrough"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        Index("ix_walkthrough_handover", "organization_id", "handover_id", "id"),
        CheckConstraint("ends_at > starts_at", name="end_after_start"),
        CheckConstraint("place IS NOT NULL OR link IS NOT NULL", name="somewhere"),
        CheckConstraint("sequence >= 0", name="sequence_not_negative"),
        CheckConstraint("(state = 'held') = (held_at IS NOT NULL)", name="held_with_moment"),
    )

    handover_id: UUID
    organizer_id: UUID
    starts_at: datetime = Field(sa_type=DateTime(timezone=True))
    ends_at: datetime = Field(sa_type=DateTime(timezone=True))
    tz: str | None = None
    place: str | None = None
    link: str | None = None
    attendees: list[dict[str, Any]] = Field(default_factory=empty_list, sa_type=JSONB)
    notes: str | None = None
    sequence: int = 0
    state: WalkthroughState = Field(
        default=_S.planned, sa_type=text_enum(WalkthroughState, "state")
    )
    held_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    def check_sound(self) -> None:
        """The rules between fields; raises `Invalid`."""
        if self.ends_at <= self.starts_at:
            raise Invalid(
                "The walkthrough ends before it starts.",
                errors=[FieldError("/ends_at", "It must lie after starts_at.")],
            )
        if self.ends_at - self.starts_at > LONGEST:
            raise Invalid(
                "The walkthrough is too long.",
                errors=[
                    FieldError(
                        "/ends_at",
                        "It must be at most {days} days after starts_at.",
                        {"days": LONGEST.days},
                    )
                ],
            )
        if not self.place and not self.link:
            raise Invalid(
                "Nobody knows where the walkthrough is.",
                errors=[FieldError("/place", "Say the place, or give a link.")],
            )

    def revise(self, changes: Mapping[str, Any]) -> None:
        """Change it; what stands in calendars raises the sequence, and another time plans it anew."""
        self.require_move(WalkthroughMove.change)
        changed = {name for name, value in changes.items() if value != getattr(self, name)}
        for name, value in changes.items():
            setattr(self, name, value)
        self.check_sound()
        if changed & INVITATION:
            self.sequence += 1
        if "starts_at" in changed:
            self.state = _S.planned

    def hold(self, now: datetime, held_at: datetime | None, notes: str | None) -> None:
        """It took place: at the time planned, unless `held_at` says another."""
        self.require_move(WalkthroughMove.hold)
        if self.starts_at > now + _EARLY:
            raise Conflict(
                "The walkthrough is still to come: move it if it was held earlier.",
                allowed=[WalkthroughMove.change, WalkthroughMove.cancel],
            )
        held_at = held_at or min(self.starts_at, now)
        if held_at > now:
            raise Invalid(
                "The walkthrough is still to come.",
                errors=[FieldError("/held_at", "It must not lie in the future.")],
            )
        self.state, self.held_at = _S.held, held_at
        self._note(notes)

    def miss(self, notes: str | None) -> None:
        """It did not take place."""
        self.require_move(WalkthroughMove.miss)
        self.state = _S.not_held
        self._note(notes)

    def cancel(self) -> None:
        """It will not take place; calendars are told with the next sequence."""
        self.require_move(WalkthroughMove.cancel)
        self.state = _S.cancelled
        self.sequence += 1

    def require_move(self, move: WalkthroughMove) -> None:
        """Refuse with `IllegalMove` unless `move` exists from here."""
        if self.state not in MOVES[move]:
            raise IllegalMove(
                "“{move}” is not possible for a walkthrough in the state “{state}”.",
                state=self.state,
                move=move,
                allowed=[other for other, origins in MOVES.items() if self.state in origins],
            )

    def _note(self, notes: str | None) -> None:
        if notes is not None:
            self.notes = notes
