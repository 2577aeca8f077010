"""A question: what somebody needs to know, who answered, and which answer helped.

open → resolved (an answer was accepted) · withdrawn. A blocking one stands in the way of acceptance while it is open
(guards.py); one that a declared unknown opened does not block, since a gap that is admitted is no reason to wait.
"""

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.database import organization_of
from services.chassis.errors import Conflict, FieldError, Forbidden, IllegalMove, Invalid
from services.chassis.fields import ONE_LINE
from services.chassis.tables import empty_list, refers_to, text_enum
from services.handover.domain.base import SCHEMA, Row
from services.handover.domain.handover import Handover

Topic = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=ONE_LINE),
]


class QuestionState(StrEnum):
    """Where a question stands."""

    open = "open"
    resolved = "resolved"
    withdrawn = "withdrawn"


class QuestionMove(StrEnum):
    """What can happen to a question."""

    change = "change"
    answer = "answer"
    accept = "accept"
    withdraw = "withdraw"


S = QuestionState
# From where a move exists, and where it leads.
MOVES: Mapping[QuestionMove, tuple[frozenset[QuestionState], QuestionState]] = {
    QuestionMove.change: (frozenset({S.open}), S.open),
    QuestionMove.answer: (frozenset({S.open}), S.open),
    QuestionMove.accept: (frozenset({S.open}), S.resolved),
    QuestionMove.withdraw: (frozenset({S.open}), S.withdrawn),
}
# What a question takes from the unknown that opened it.
OF_THE_UNKNOWN = frozenset({"text", "owner_id", "due_on"})


def question_moves_from(state: QuestionState) -> list[QuestionMove]:
    """The moves that exist in `state`."""
    return [move for move, (origins, _) in MOVES.items() if state in origins]


def topic_key(topic: str | None) -> str | None:
    """What two spellings of a topic have in common: `VAT` and `vat ` are one."""
    if topic is None:
        return None
    return " ".join(unicodedata.normalize("NFKC", topic).casefold().split())


class Question(Row, table=True):
    """What somebody needs to know. `owner_id` is who finds it out, `routed_to` whom it was sent to and why (routing.py)."""

    __tablename__: ClassVar[str] = "question"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        refers_to(SCHEMA, "unknown", "unknown_id"),
        UniqueConstraint("organization_id", "unknown_id"),
        Index("ix_question_handover", "organization_id", "handover_id", "id"),
        Index("ix_question_state", "organization_id", "state", "id"),
        Index("ix_question_topic", "organization_id", "topic_key", "id"),
        CheckConstraint("char_length(text) >= 1", name="text_given"),
        CheckConstraint("(topic IS NULL) = (topic_key IS NULL)", name="topic_with_key"),
        CheckConstraint("char_length(topic_key) >= 1", name="topic_given"),
        CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_with_moment"),
        CheckConstraint("(answer_count > 0) = (first_answered_at IS NOT NULL)", name="answers"),
        CheckConstraint("state <> 'resolved' OR answer_count > 0", name="resolved_by_an_answer"),
    )

    handover_id: UUID
    text: str
    topic: str | None = None
    topic_key: str | None = None
    blocking: bool = False
    due_on: date | None = None
    asked_by: UUID
    owner_id: UUID | None = None
    unknown_id: UUID | None = None
    routed_to: list[dict[str, Any]] = Field(default_factory=empty_list, sa_type=JSONB)
    state: QuestionState = Field(default=S.open, sa_type=text_enum(QuestionState, "state"))
    closed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    # Kept here, so that an answer changes the question's ETag: who changes it has seen what was answered.
    answer_count: int = 0
    first_answered_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    # --- questions

    def require_asker(self, caller: Caller) -> None:
        """Refuse anyone but whoever asked, and managers."""
        if self.asked_by != caller.person_id and not caller.has(Role.manager):
            raise Forbidden("This is for whoever asked the question, or a manager.")

    def require_accepter(self, answer: "Answer", handover: Handover, caller: Caller) -> None:
        """Refuse whoever may not say that an answer helped: the asker, a manager, and of a blocking question the lead.

        Nobody accepts what they answered themselves, unless it was their own question.
        """
        if self.asked_by == caller.person_id:
            return
        if answer.author_id == caller.person_id:
            raise Forbidden("Somebody else says whether your answer helped.")
        if caller.has(Role.manager) or (self.blocking and handover.is_led_by(caller)):
            return
        raise Forbidden(
            "This is for whoever asked the question, a manager, or, if it is blocking, the delivery lead."
        )

    def require_move(self, move: QuestionMove) -> None:
        """Refuse with `IllegalMove` unless `move` exists from here."""
        origins, _ = MOVES[move]
        if self.state not in origins:
            raise IllegalMove(
                "“{move}” is not possible for a question in the state “{state}”.",
                state=self.state,
                move=move,
                allowed=question_moves_from(self.state),
            )

    # --- verbs

    def revise(self, changes: Mapping[str, Any]) -> None:
        """Ask it otherwise while it is open; what an unknown says is changed there."""
        self.require_move(QuestionMove.change)
        if self.unknown_id is not None and OF_THE_UNKNOWN & changes.keys():
            raise Conflict("The question belongs to a declared unknown: change that instead.")
        for name, value in changes.items():
            setattr(self, name, value)
        self.topic_key = topic_key(self.topic)

    def take_answer(self, now: datetime) -> None:
        """Somebody answered."""
        self.require_move(QuestionMove.answer)
        self.answer_count += 1
        self.first_answered_at = self.first_answered_at or now

    def resolve(self, answer: "Answer", caller: Caller, now: datetime) -> None:
        """This answer helped: the question is open no more."""
        self._move(QuestionMove.accept, now)
        answer.accepted_by = caller.person_id
        answer.accepted_at = now

    def withdraw(self, now: datetime) -> None:
        """It need not be answered; what an unknown asks is withdrawn with it."""
        self.require_move(QuestionMove.withdraw)
        if self.unknown_id is not None:
            raise Conflict("The question belongs to a declared unknown: take that off instead.")
        self._move(QuestionMove.withdraw, now)

    def _move(self, move: QuestionMove, now: datetime) -> None:
        self.require_move(move)
        self.state = MOVES[move][1]
        self.closed_at = now


class Answer(Row, table=True):
    """What somebody answered. Its text never changes: a better answer is a further one. One of a question is accepted."""

    __tablename__: ClassVar[str] = "answer"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        refers_to(SCHEMA, "question", "question_id"),
        Index("ix_answer_question", "organization_id", "question_id", "id"),
        Index(
            "uq_answer_accepted",
            "organization_id",
            "question_id",
            unique=True,
            postgresql_where="accepted_at IS NOT NULL",
        ),
        CheckConstraint("char_length(text) >= 1", name="text_given"),
        CheckConstraint(
            "(accepted_at IS NULL) = (accepted_by IS NULL)", name="accepted_by_somebody"
        ),
    )

    handover_id: UUID
    question_id: UUID
    author_id: UUID
    text: str
    accepted_by: UUID | None = None
    accepted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


async def answer_to(session: AsyncSession, question: Question, answer_id: UUID) -> Answer:
    """An answer to this very question; raises `Invalid` where `answer_id` names none."""
    columns = Answer.__table__.c  # type: ignore[attr-defined]
    found: Answer | None = await session.scalar(
        select(Answer).where(
            columns.organization_id == organization_of(session),
            columns.question_id == question.id,
            columns.id == answer_id,
        )
    )
    if found is None:
        raise Invalid(
            "It names something that is not an answer to this question.",
            errors=[FieldError("/answer_id", "There is no such answer to the question.")],
        )
    return found
