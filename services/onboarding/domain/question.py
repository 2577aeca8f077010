"""What a question asks: the kinds that Moodle's GIFT knows, and the bank in which questions are kept.

A question's `content` is JSON by kind:

- multiple_choice: single, choices [text, weight, feedback]
- true_false: answer, feedback_true, feedback_false (shown to whoever answered so)
- short_answer: answers [text, weight, feedback]; `*` stands for anything, case does not count
- numerical: answers [low, high, weight, feedback], other_feedback
- matching: pairs [text, answer], more_answers
- essay and description: nothing

Weights are per cent; texts that are shown have a format.
"""

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

import orjson
from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from services.chassis.errors import FieldError, Invalid
from services.chassis.tables import empty_list, refers_to, text_enum
from services.onboarding.domain.base import SCHEMA, Row


class QuestionKind(StrEnum):
    """How a question is answered."""

    multiple_choice = "multiple_choice"
    true_false = "true_false"
    short_answer = "short_answer"
    numerical = "numerical"
    matching = "matching"
    essay = "essay"
    description = "description"


class TextFormat(StrEnum):
    """How a text is written; `moodle` is plain text in which line breaks do not count."""

    moodle = "moodle"
    html = "html"
    markdown = "markdown"
    plain = "plain"


Content = Mapping[str, Any]

# Choices, answers or pairs of a question, and its tags.
MOST_ANSWERS = 200
MOST_TAGS = 50
ASKS_NOTHING = frozenset({QuestionKind.description})


class QuestionBank(Row, table=True):
    """Questions from which assessments are drawn. `key` names it for good."""

    __tablename__: ClassVar[str] = "question_bank"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        Index("ix_question_bank_title", "organization_id", "title", "id"),
        refers_to(SCHEMA, "tool", "tool_id"),
        refers_to(SCHEMA, "course", "course_id"),
        CheckConstraint("char_length(title) BETWEEN 3 AND 200", name="title_length"),
    )

    key: str
    title: str
    description: str | None = None
    tool_id: UUID | None = None
    course_id: UUID | None = None


class Question(Row, table=True):
    """A question of a bank. Attempts hold copies, so a change of it reaches only those that begin later.

    Within its bank `external_id` says which question it is; without one, its content does (`digest`).
    """

    __tablename__: ClassVar[str] = "question"
    __table_args__ = (
        refers_to(SCHEMA, "question_bank", "question_bank_id"),
        Index("ix_question_bank", "organization_id", "question_bank_id", "id"),
        Index(
            "uq_question_external_id",
            "organization_id",
            "question_bank_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index(
            "uq_question_digest",
            "organization_id",
            "question_bank_id",
            "digest",
            unique=True,
            postgresql_where=text("external_id IS NULL"),
        ),
    )

    question_bank_id: UUID
    kind: QuestionKind = Field(sa_type=text_enum(QuestionKind, "kind"))
    title: str | None = None
    text: dict[str, Any] = Field(sa_type=JSONB)
    content: dict[str, Any] = Field(sa_type=JSONB)
    general_feedback: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    category: str | None = None
    tags: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))
    external_id: str | None = None
    digest: str

    def revise(self, fields: Mapping[str, Any]) -> None:
        """Give it another wording or other answers; it stays of its kind. Raises `Invalid` for answers that cannot do."""
        errors = check_content(self.kind, fields.get("content", self.content))
        if errors:
            raise Invalid("The question cannot be answered rightly.", errors=errors)
        before = self._asked()
        for name, value in fields.items():
            setattr(self, name, value)
        # One that is asked as before keeps its own: a repeated question has another digest than the first.
        if self._asked() != before or not self.digest:
            self.digest = digest_of(*self._asked())

    def _asked(self) -> tuple[QuestionKind, str | None, Content, Content, Content | None]:
        return self.kind, self.title, self.text, self.content, self.general_feedback


def digest_of(
    kind: QuestionKind,
    title: str | None,
    text: Content,
    content: Content,
    general_feedback: Content | None,
    *,
    repeated: int = 0,
) -> str:
    """What tells one question from another: SHA-256 in hexadecimal over all that is asked and answered.

    `repeated` tells the second and further ones of a file that repeats itself.
    """
    parts: Sequence[Any] = (kind.value, title, text, content, general_feedback)
    if repeated:
        parts = (*parts, repeated)
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def check_content(kind: QuestionKind, content: Content) -> list[FieldError]:
    """What keeps a question from being answered rightly, with pointers into it."""
    match kind:
        case QuestionKind.multiple_choice:
            return _check_choices(content)
        case QuestionKind.short_answer:
            return _check_weights(content, "answers")
        case QuestionKind.numerical:
            return _check_ranges(content) + _check_weights(content, "answers")
        case QuestionKind.matching:
            return _check_pairs(content)
        case _:
            return []


def _check_choices(content: Content) -> list[FieldError]:
    if len(content["choices"]) < 2:
        return [FieldError("/choices", "It takes two choices at least.")]
    return _check_weights(content, "choices")


def _check_weights(content: Content, name: str) -> list[FieldError]:
    if not any(answer["weight"] > 0 for answer in content[name]):
        return [FieldError(f"/{name}", "No answer is right.")]
    return []


def _check_ranges(content: Content) -> list[FieldError]:
    return [
        FieldError(f"/answers/{place}/high", "It must not be less than {low}.", {"low": low})
        for place, answer in enumerate(content["answers"])
        if Decimal(answer["high"]) < Decimal(low := answer["low"])
    ]


def _check_pairs(content: Content) -> list[FieldError]:
    answers = {pair["answer"] for pair in content["pairs"]} | set(content["more_answers"])
    if len(content["pairs"]) < 1 or len(answers) < 2:
        return [FieldError("/pairs", "It takes two different answers at least.")]
    return []
