"""Taking the questions of a GIFT file into a bank: the same file twice adds nothing.

A question that has an id (`[id:…]` in a comment) is the bank's question with that id; one without is told by its content, and
stands in the bank as often as in the file.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Text, bindparam, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.errors import FieldError
from services.chassis.file_problem import file_problem
from services.onboarding.domain.gift import BrokenQuestion, GiftFile, GiftQuestion
from services.onboarding.domain.question import Question, QuestionBank, QuestionKind, digest_of

_q = Question.__table__.c  # type: ignore[attr-defined]
_THERE = select(Question).where(
    _q.organization_id == bindparam("organization_id"),
    _q.question_bank_id == bindparam("question_bank_id"),
    or_(
        _q.external_id == bindparam("external_ids", type_=ARRAY(Text)).any_(),
        _q.external_id.is_(None) & (_q.digest == bindparam("digests", type_=ARRAY(Text)).any_()),
    ),
)


class Outcome(StrEnum):
    """What became of a question of the file."""

    created = "created"
    updated = "updated"
    unchanged = "unchanged"
    failed = "failed"


@dataclass(slots=True)
class ImportedQuestion:
    """A question of the file, and what became of it."""

    line: int
    outcome: Outcome
    kind: QuestionKind | None = None
    text: str | None = None
    question: Question | None = None
    changed: list[str] = field(default_factory=list)
    problem: FieldError | None = None


def count(rows: Sequence[ImportedQuestion]) -> dict[str, int]:
    """How many of each outcome."""
    found = Counter(row.outcome for row in rows)
    return {outcome.value: found[outcome] for outcome in Outcome}


async def import_questions(
    session: AsyncSession, bank: QuestionBank, file: GiftFile, *, dry_run: bool
) -> list[ImportedQuestion]:
    """Take the questions in, or only tell what would become of them. The bank must be locked."""
    digests = _digests(file.questions)
    there = await _questions_there(session, bank, file.questions, digests)
    taken: dict[str, int] = {}
    rows: list[ImportedQuestion] = []
    for entry in file.entries:
        if isinstance(entry, BrokenQuestion):
            rows.append(ImportedQuestion(entry.line, Outcome.failed, problem=entry.problem))
            continue
        digest = digests[entry.line]
        key = _key(entry.external_id, digest)
        row = ImportedQuestion(entry.line, Outcome.unchanged, entry.kind, entry.text["text"])
        rows.append(row)
        if key in taken:
            row.outcome = Outcome.failed
            row.problem = file_problem(
                row.line,
                None,
                "The id {id} stands in line {line} already",
                id=entry.external_id,
                line=taken[key],
            )
            continue
        taken[key] = entry.line
        row.question = there.get(key)
        if row.question is None:
            row.outcome = Outcome.created
            if not dry_run:
                row.question = _created(bank, entry, digest)
                session.add(row.question)
        else:
            _judge_known(row, entry, row.question, dry_run)
    return rows


def _key(external_id: str | None, digest: str) -> str:
    return f"id {external_id}" if external_id else f"digest {digest}"


def _digests(questions: Sequence[GiftQuestion]) -> dict[int, str]:
    """The digest of each question, by its line; one that stands there again without an id has another one."""
    digests: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for one in questions:
        asked = one.kind, one.title, one.text, one.content, one.general_feedback
        first = digest_of(*asked)
        digests[one.line] = first
        if not one.external_id:
            digests[one.line] = digest_of(*asked, repeated=seen[first])
            seen[first] += 1
    return digests


async def _questions_there(
    session: AsyncSession,
    bank: QuestionBank,
    questions: Sequence[GiftQuestion],
    digests: Mapping[int, str],
) -> dict[str, Question]:
    asked = {
        "organization_id": bank.organization_id,
        "question_bank_id": bank.id,
        "external_ids": [q.external_id for q in questions if q.external_id],
        "digests": [digests[q.line] for q in questions if not q.external_id],
    }
    found = await session.scalars(_THERE, asked)
    return {_key(known.external_id, known.digest): known for known in found}


def _judge_known(
    row: ImportedQuestion, entry: GiftQuestion, known: Question, dry_run: bool
) -> None:
    if known.kind is not entry.kind:
        row.outcome = Outcome.failed
        row.problem = file_problem(
            row.line,
            None,
            "The question with this id is of another kind: {kind}",
            kind=known.kind.value,
        )
        return
    changed = {
        name: value for name, value in _fields(entry).items() if getattr(known, name) != value
    }
    if changed:
        row.outcome, row.changed = Outcome.updated, sorted(changed)
        if not dry_run:
            known.revise(changed)


def _fields(entry: GiftQuestion) -> dict[str, Any]:
    return {
        "title": entry.title,
        "text": entry.text,
        "content": entry.content,
        "general_feedback": entry.general_feedback,
        "category": entry.category,
        "tags": entry.tags,
    }


def _created(bank: QuestionBank, entry: GiftQuestion, digest: str) -> Question:
    return Question(
        organization_id=bank.organization_id,
        question_bank_id=bank.id,
        kind=entry.kind,
        external_id=entry.external_id,
        digest=digest,
        **_fields(entry),
    )
