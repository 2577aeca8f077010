"""The log of a handover: what happened, said by whom, never edited and never deleted.

A correction is a new entry that names the one it corrects. The database lets the service insert and read, nothing else.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import Forbidden
from services.chassis.tables import refers_to, text_enum
from services.handover.domain.base import SCHEMA, Row
from services.handover.domain.correcting import overruled
from services.handover.domain.handover import Handover


class LogKind(StrEnum):
    """What kind of thing happened."""

    meeting = "meeting"
    call = "call"
    email = "email"
    decision = "decision"
    change = "change"
    risk = "risk"
    note = "note"


class Phase(StrEnum):
    """When in the life of an engagement."""

    before = "before"
    during = "during"
    after = "after"


class LogEntry(Row, table=True):
    """Something that happened. `affects` names promises, `corrects` an earlier entry, both of the same handover."""

    __tablename__: ClassVar[str] = "log_entry"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        refers_to(SCHEMA, "log_entry", "corrects"),
        Index("ix_log_entry_handover", "organization_id", "handover_id", "id"),
        Index("ix_log_entry_handover_at", "organization_id", "handover_id", "at", "id"),
        Index("ix_log_entry_corrects", "organization_id", "corrects"),
        # Few: what corrections make of a log is read before it is shown.
        Index(
            "ix_log_entry_correction",
            "organization_id",
            "handover_id",
            postgresql_where="corrects IS NOT NULL",
        ),
        # Talking with the customer, by when: what the value feed counts.
        Index(
            "ix_log_entry_talk",
            "organization_id",
            "at",
            postgresql_include=["handover_id"],
            postgresql_where="kind IN ('meeting', 'call', 'email')",
        ),
        CheckConstraint("char_length(text) >= 1", name="text_given"),
        CheckConstraint("corrects <> id", name="corrects_another"),
    )

    handover_id: UUID
    at: datetime = Field(sa_type=DateTime(timezone=True))
    author_id: UUID
    kind: LogKind = Field(sa_type=text_enum(LogKind, "kind"))
    phase: Phase = Field(sa_type=text_enum(Phase, "phase"))
    text: str
    links: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    affects: list[UUID] = Field(default_factory=list, sa_type=ARRAY(Uuid))
    corrects: UUID | None = None


def require_corrector(entry: LogEntry, handover: Handover, caller: Caller) -> None:
    """Refuse a correction of a change by somebody for whom it only stands in the way."""
    if (
        entry.kind is LogKind.change
        and entry.author_id != caller.person_id
        and not handover.is_sold_by(caller)
        and not caller.has(Role.manager)
    ):
        raise Forbidden(
            "A change is corrected by whoever told of it, the seller of the handover, or a manager."
        )


def unresolved_changes(entries: Iterable[LogEntry]) -> list[LogEntry]:
    """The entries that tell of a change and that no later entry corrects which still stands itself."""
    known = list(entries)
    gone = overruled({entry.id: entry.corrects for entry in known if entry.corrects is not None})
    return [entry for entry in known if entry.kind is LogKind.change and entry.id not in gone]
