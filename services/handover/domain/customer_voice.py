"""What a customer said of how it goes: a rating, or their words. Shared only while they allow it.

A voice that may not be shared stays within its handover: no feed, brief, export, search or event holds it. Events cannot be
changed, so no event ever holds the words, the rating or who said it, shared or not; deleting a voice deletes them for good.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import FieldError, Forbidden, Invalid
from services.chassis.tables import refers_to, text_enum
from services.handover.domain.base import SCHEMA, Row
from services.handover.domain.handover import Handover
from services.handover.domain.log import Phase


class VoiceChannel(StrEnum):
    """How the customer said it."""

    meeting = "meeting"
    call = "call"
    email = "email"
    survey = "survey"
    visit = "visit"
    review = "review"


class CustomerVoice(Row, table=True):
    """A rating (CSAT 1–5, NPS 0–10) or a quote, one at least. `may_share` is the customer's to give and to take back."""

    __tablename__: ClassVar[str] = "customer_voice"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        Index("ix_customer_voice_handover", "organization_id", "handover_id", "id"),
        Index(
            "ix_customer_voice_shared",
            "organization_id",
            "said_at",
            "id",
            postgresql_where="may_share",
        ),
        CheckConstraint("csat BETWEEN 1 AND 5", name="csat_range"),
        CheckConstraint("nps BETWEEN 0 AND 10", name="nps_range"),
        CheckConstraint("char_length(quote) >= 1", name="quote_given"),
        CheckConstraint("num_nonnulls(csat, nps, quote) >= 1", name="says_something"),
    )

    handover_id: UUID
    author_id: UUID
    phase: Phase = Field(sa_type=text_enum(Phase, "phase"))
    channel: VoiceChannel | None = Field(default=None, sa_type=text_enum(VoiceChannel, "channel"))
    csat: int | None = None
    nps: int | None = None
    quote: str | None = None
    said_by: str | None = None
    said_at: datetime = Field(sa_type=DateTime(timezone=True))
    may_share: bool = False

    def revise(self, changes: Mapping[str, Any], handover: Handover, caller: Caller) -> None:
        """Correct it, as its author or a manager; share it, as those too, the seller and the lead.

        Anybody takes it back: whoever the customer tells.
        """
        if set(changes) - {"may_share"}:
            self.require_keeper(caller)
        if changes.get("may_share") and not self.may_share:
            self._require_sharer(handover, caller)
        for name, value in changes.items():
            setattr(self, name, value)
        self.check_sound()

    def require_keeper(self, caller: Caller) -> None:
        """Refuse anyone but its author and managers."""
        if self.author_id != caller.person_id and not caller.has(Role.manager):
            raise Forbidden("This is for whoever wrote it down, or a manager.")

    def _require_sharer(self, handover: Handover, caller: Caller) -> None:
        if not (handover.is_sold_by(caller) or handover.is_led_by(caller)):
            self.require_keeper(caller)

    def check_sound(self) -> None:
        """The rules between fields; raises `Invalid`."""
        if self.csat is None and self.nps is None and self.quote is None:
            raise Invalid(
                "A voice says something.",
                errors=[FieldError("/quote", "Give a quote, or a rating: csat or nps.")],
            )
