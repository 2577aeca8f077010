"""Question banks and their questions. They hold the right answers, so they are for trainers only."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

import anyio.to_thread
import orjson
from fastapi import File, Query, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, Field, ValidationError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller, Role
from services.chassis.database import load, reader_of
from services.chassis.errors import NotFound, Unfit
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Line, Moment, Prose, Tag, Title
from services.chassis.language import translate
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    ReaderDep,
    SessionDep,
    concept,
    found,
    language_of,
    listed,
)
from services.onboarding import events
from services.onboarding.domain.gift import read_gift
from services.onboarding.domain.gift_import import Outcome, count, import_questions
from services.onboarding.domain.number_text import number_in
from services.onboarding.domain.question import Question, QuestionBank, QuestionKind, TextFormat

router = concept("question banks")
files = concept("question banks", files=True)

MANY = 200


class FormattedOut(BaseModel):
    """A text and how it is written. HTML is as it came: make it harmless before you show it."""

    format: TextFormat
    text: str


class QuestionBankOut(BaseModel):
    """A question bank, and how many questions it has."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    key: str
    title: str
    description: str | None
    tool_id: UUID | None
    course_id: UUID | None
    questions: int


class QuestionBankPage(BaseModel):
    items: list[QuestionBankOut]
    next: str | None


class _BankFields(Body):
    description: Prose | None = None
    tool_id: UUID | None = Field(None, description="The tool that it asks about.")
    course_id: UUID | None = Field(None, description="The course that it asks about.")


class NewQuestionBank(_BankFields):
    """A question bank to be."""

    key: Key = Field(examples=["kassen"], description="Names it for good.")
    title: Title = Field(examples=["Kassen og kunden"])


class QuestionBankPatch(_BankFields):
    """JSON Merge Patch of a question bank."""

    title: Title = Field(default="", examples=["Kassen og kunden"])


class QuestionBankQuery(PageQuery):
    key: Key | None = None
    tool_id: UUID | None = None
    course_id: UUID | None = None


# --- questions: what each kind says -----------------------------------------------------------------


def _plain_number(text: str) -> str:
    number = number_in(text)
    if number is None:
        raise Unfit("It must be a number.")
    return f"{number:f}"


class Formatted(Body):
    """A text and how it is written."""

    format: TextFormat = TextFormat.plain
    text: Prose = Field(examples=["Hva spør du kunden om først?"])


Weight = Annotated[
    float,
    Field(
        strict=True,
        ge=-100,
        le=100,
        allow_inf_nan=False,
        description="Per cent; less than 0 takes away.",
    ),
]
Number = Annotated[str, AfterValidator(_plain_number), Field(max_length=40, examples=["25"])]


class Choice(Body):
    """What can be chosen."""

    text: Formatted
    weight: Weight = 0
    feedback: Formatted | None = None


class Choices(Body):
    """One is chosen where `single`, else any number; the weights of all that are chosen are added up."""

    single: bool = Field(True, strict=True)
    choices: list[Choice] = Field(
        max_length=MANY,
        examples=[
            [
                {"text": {"text": "Om byttelappen"}, "weight": 100},
                {"text": {"text": "Om lommeboken"}},
            ]
        ],
    )


class TrueFalse(Body):
    """Whether the statement is true, and what is said to whoever answers so."""

    answer: bool = Field(strict=True, examples=[True])
    feedback_true: Formatted | None = None
    feedback_false: Formatted | None = None


class ShortAnswer(Body):
    """A text that counts; `*` stands for anything."""

    text: Line = Field(min_length=1, examples=["byttelapp"])
    weight: Weight = 100
    feedback: Formatted | None = None


class ShortAnswers(Body):
    """The first that fits counts; case does not."""

    answers: list[ShortAnswer] = Field(min_length=1, max_length=MANY)


class NumberRange(Body):
    """The numbers that count, both ends among them."""

    low: Number
    high: Number
    weight: Weight = 100
    feedback: Formatted | None = None


class Numbers(Body):
    """The first range that the number lies in counts."""

    answers: list[NumberRange] = Field(min_length=1, max_length=MANY)
    other_feedback: Formatted | None = None


class Pair(Body):
    """A statement and the answer that belongs to it."""

    text: Formatted
    answer: Line = Field(min_length=1, examples=["Kassen"])


class Pairs(Body):
    """Each statement is given one of the answers; `more_answers` belong to none."""

    pairs: list[Pair] = Field(
        max_length=MANY,
        examples=[
            [
                {"text": {"text": "Tar imot betaling"}, "answer": "Kassen"},
                {"text": {"text": "Viser hva kunden har kjøpt"}, "answer": "Kundeglimt"},
            ]
        ],
    )
    more_answers: list[Line] = Field(default_factory=list, max_length=MANY)


class Nothing(Body):
    """Nothing further."""


_CONTENTS: Mapping[QuestionKind, type[Body]] = {
    QuestionKind.multiple_choice: Choices,
    QuestionKind.true_false: TrueFalse,
    QuestionKind.short_answer: ShortAnswers,
    QuestionKind.numerical: Numbers,
    QuestionKind.matching: Pairs,
    QuestionKind.essay: Nothing,
    QuestionKind.description: Nothing,
}


class _QuestionFields(Body):
    title: Line | None = Field(None, description="For trainers; learners do not see it.")
    general_feedback: Formatted | None = None
    category: Line | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=50)


class _NewQuestion(_QuestionFields):
    text: Formatted
    external_id: Line | None = Field(None, description="Names it in a file that is imported again.")


class NewMultipleChoice(_NewQuestion):
    kind: Literal[QuestionKind.multiple_choice]
    content: Choices


class NewTrueFalse(_NewQuestion):
    kind: Literal[QuestionKind.true_false]
    content: TrueFalse


class NewShortAnswer(_NewQuestion):
    kind: Literal[QuestionKind.short_answer]
    content: ShortAnswers


class NewNumerical(_NewQuestion):
    kind: Literal[QuestionKind.numerical]
    content: Numbers


class NewMatching(_NewQuestion):
    kind: Literal[QuestionKind.matching]
    content: Pairs


class NewEssay(_NewQuestion):
    kind: Literal[QuestionKind.essay]
    content: Nothing = Field(default_factory=Nothing)


class NewDescription(_NewQuestion):
    kind: Literal[QuestionKind.description]
    content: Nothing = Field(default_factory=Nothing)


NewQuestion = Annotated[
    NewMultipleChoice
    | NewTrueFalse
    | NewShortAnswer
    | NewNumerical
    | NewMatching
    | NewEssay
    | NewDescription,
    Field(discriminator="kind"),
]


class QuestionPatch(_QuestionFields):
    """JSON Merge Patch of a question; `content` is replaced as a whole, and is of the same kind."""

    text: Formatted = Field(default=None)  # type: ignore[assignment]
    content: dict[str, Any] = Field(default_factory=dict, examples=[{"answer": False}])


class QuestionOut(BaseModel):
    """A question with what is right. `content` is as it was given, by kind."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    question_bank_id: UUID
    kind: QuestionKind
    title: str | None
    text: FormattedOut
    content: dict[str, Any]
    general_feedback: FormattedOut | None
    category: str | None
    tags: list[str]
    external_id: str | None


class QuestionPage(BaseModel):
    items: list[QuestionOut]
    next: str | None


class QuestionQuery(PageQuery):
    kind: QuestionKind | None = None
    category: Line | None = None
    external_id: Line | None = None


_b = QuestionBank.__table__.c  # type: ignore[attr-defined]
_q = Question.__table__.c  # type: ignore[attr-defined]
BANKS = Read(
    QuestionBankOut,
    QuestionBank,
    columns={
        "questions": select(func.count())
        .where(_q.organization_id == _b.organization_id, _q.question_bank_id == _b.id)
        .correlate(QuestionBank.__table__)  # type: ignore[attr-defined]
        .scalar_subquery()
    },
    filters=["key", "tool_id", "course_id"],
    sorts=["title"],
)
QUESTIONS = Read(
    QuestionOut, Question, filters=["question_bank_id", "kind", "category", "external_id"]
)


@router.post(
    "/question-banks", status_code=201, response_model=QuestionBankOut, summary="Begin a bank"
)
async def create_question_bank(
    body: NewQuestionBank, caller: CallerDep, session: SessionDep
) -> Response:
    """Trainers; a key is used once."""
    caller.require(Role.trainer)
    bank = QuestionBank(organization_id=caller.organization_id, **body.model_dump())
    session.add(bank)
    record(session, events.question_bank_created(bank))
    await session.flush()
    return found(
        await BANKS.one(reader_of(session), bank.id),
        status=201,
        location=f"/v1/question-banks/{bank.id}",
    )


@router.get("/question-banks", response_model=QuestionBankPage, summary="List question banks")
async def list_question_banks(
    query: Annotated[QuestionBankQuery, Query()],
    request: Request,
    caller: CallerDep,
    reader: ReaderDep,
) -> Response:
    """Trainers. Newest first, or by title."""
    caller.require(Role.trainer)
    return listed(await BANKS.page(reader, query), request)


@router.get(
    "/question-banks/{question_bank_id}",
    response_model=QuestionBankOut,
    summary="Get a question bank",
)
async def get_question_bank(
    question_bank_id: UUID, caller: CallerDep, reader: ReaderDep
) -> Response:
    """Trainers: one bank with its ETag."""
    caller.require(Role.trainer)
    return found(await BANKS.one(reader, question_bank_id))


@router.patch(
    "/question-banks/{question_bank_id}",
    response_model=QuestionBankOut,
    summary="Change a question bank",
)
async def change_question_bank(
    question_bank_id: UUID,
    body: QuestionBankPatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; trainers."""
    bank = await load(session, QuestionBank, question_bank_id)
    caller.require(Role.trainer)
    match.check(bank.version)
    bank.sqlmodel_update(body.model_dump(exclude_unset=True))
    record(session, events.question_bank_changed(bank, *changes(bank)))
    await session.flush()
    return found(await BANKS.one(reader_of(session), bank.id))


# --- questions ------------------------------------------------------------------------------------


@router.post(
    "/question-banks/{question_bank_id}/questions",
    status_code=201,
    response_model=QuestionOut,
    summary="Add a question",
)
async def add_question(
    question_bank_id: UUID, body: NewQuestion, caller: CallerDep, session: SessionDep
) -> Response:
    """Trainers. A bank has the same question once (409)."""
    bank = await load(session, QuestionBank, question_bank_id, lock=False)
    caller.require(Role.trainer)
    given = body.model_dump(mode="json", exclude={"kind", "external_id"})
    question = Question(
        organization_id=caller.organization_id,
        question_bank_id=bank.id,
        kind=body.kind,
        external_id=body.external_id,
        text=given["text"],
        content=given["content"],
        digest="",
    )
    question.revise(given)
    session.add(question)
    record(session, events.question_created(question))
    await session.flush()
    return found(
        await QUESTIONS.one(reader_of(session), question.id),
        status=201,
        location=f"/v1/question-banks/{bank.id}/questions/{question.id}",
    )


@router.get(
    "/question-banks/{question_bank_id}/questions",
    response_model=QuestionPage,
    summary="List the questions of a bank",
)
async def list_bank_questions(
    question_bank_id: UUID,
    query: Annotated[QuestionQuery, Query()],
    request: Request,
    caller: CallerDep,
    reader: ReaderDep,
) -> Response:
    """Trainers. Newest first, with what is right."""
    caller.require(Role.trainer)
    await BANKS.require(reader, question_bank_id)
    return listed(await QUESTIONS.page(reader, query, question_bank_id=question_bank_id), request)


@router.get(
    "/question-banks/{question_bank_id}/questions/{bank_question_id}",
    response_model=QuestionOut,
    summary="Get a question of a bank",
)
async def get_bank_question(
    question_bank_id: UUID, bank_question_id: UUID, caller: CallerDep, reader: ReaderDep
) -> Response:
    """Trainers: one question with what is right, and its ETag."""
    caller.require(Role.trainer)
    return found(await QUESTIONS.one(reader, bank_question_id, question_bank_id=question_bank_id))


async def _question_of(
    session: AsyncSession, question_bank_id: UUID, question_id: UUID, caller: Caller
) -> Question:
    question = await load(session, Question, question_id)
    if question.question_bank_id != question_bank_id:
        raise NotFound("There is no such {thing}.", thing="question")
    caller.require(Role.trainer)
    return question


@router.patch(
    "/question-banks/{question_bank_id}/questions/{bank_question_id}",
    response_model=QuestionOut,
    summary="Change a question of a bank",
)
async def change_bank_question(
    question_bank_id: UUID,
    bank_question_id: UUID,
    body: QuestionPatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; trainers. Attempts that have begun keep the question as it was."""
    question = await _question_of(session, question_bank_id, bank_question_id, caller)
    match.check(question.version)
    given = body.model_dump(mode="json", exclude_unset=True)
    for name in ("text", "general_feedback"):
        if given.get(name) is not None:
            # A merge patch goes into what is nested: a text that is sent alone keeps how it is written.
            merged = {**(getattr(question, name) or {}), **given[name]}
            given[name] = Formatted.model_validate(merged).model_dump(mode="json")
    if "content" in given:
        given["content"] = _content_of(question.kind, given["content"])
    before = {name: getattr(question, name) for name in given}
    question.revise(given)
    changed = sorted(name for name in given if before[name] != given[name])
    if changed:
        record(session, events.question_changed(question, changed))
    await session.flush()
    return found(await QUESTIONS.one(reader_of(session), question.id))


def _content_of(kind: QuestionKind, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return _CONTENTS[kind].model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        raise RequestValidationError(
            [{**wrong, "loc": ("body", "content", *wrong["loc"])} for wrong in error.errors()]
        ) from error


@router.delete(
    "/question-banks/{question_bank_id}/questions/{bank_question_id}",
    status_code=204,
    summary="Remove a question from a bank",
)
async def remove_bank_question(
    question_bank_id: UUID,
    bank_question_id: UUID,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """Trainers. Attempts that have begun keep it."""
    question = await _question_of(session, question_bank_id, bank_question_id, caller)
    match.check(question.version)
    await session.delete(question)
    record(session, events.question_removed(question))
    await session.flush()
    return Response(status_code=204)


# --- GIFT -----------------------------------------------------------------------------------------


class GiftProblem(BaseModel):
    """What is wrong, and where in the file; both count from 1."""

    line: int
    column: int | None
    detail: str = Field(examples=["This brace is not closed before the next empty line"])


class GiftRow(BaseModel):
    """What became of a question of the file."""

    line: int = Field(description="On which it begins, counted from 1.", examples=[3])
    result: Outcome
    question_id: UUID | None = Field(description="Null where it is not in the bank.")
    kind: QuestionKind | None
    text: str | None
    errors: list[GiftProblem]


class GiftImport(BaseModel):
    """What became of the file."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    failed: int
    categories: list[str]
    rows: list[GiftRow]


@files.post("/imports/gift", response_model=GiftImport, summary="Import questions from GIFT")
async def import_gift(
    request: Request,
    file: Annotated[UploadFile, File(description="Moodle's GIFT in UTF-8.")],
    question_bank_id: Annotated[
        UUID,
        Query(
            description="The bank that takes them.",
            examples=["019a2b3c-4d5e-7f60-8123-456789abcdef"],
        ),
    ],
    caller: CallerDep,
    session: SessionDep,
    dry_run: Annotated[bool, Query(description="Tell what would happen; write nothing.")] = False,
) -> Response:
    """Trainers. Good questions land, the others are told with line and column; the same file again changes nothing."""
    bank = await load(session, QuestionBank, question_bank_id)
    caller.require(Role.trainer)
    # A large file takes a second of reading, in which others want to be answered.
    gift = await anyio.to_thread.run_sync(partial(read_gift, await file.read()))
    rows = await import_questions(session, bank, gift, dry_run=dry_run)
    if not dry_run:
        for row in rows:
            if row.question is not None and row.outcome is Outcome.created:
                record(session, events.question_created(row.question))
            elif row.question is not None and row.outcome is Outcome.updated:
                record(session, events.question_changed(row.question, row.changed))
    language = language_of(request)
    told = {
        "dry_run": dry_run,
        **count(rows),
        "categories": gift.categories,
        "rows": [
            {
                "line": row.line,
                "result": row.outcome,
                "question_id": None if row.question is None else str(row.question.id),
                "kind": row.kind,
                "text": row.text,
                "errors": []
                if row.problem is None
                else [
                    {
                        "line": row.problem.line,
                        "column": row.problem.column,
                        "detail": translate(language, row.problem.template, row.problem.params),
                    }
                ],
            }
            for row in rows
        ],
    }
    return Response(orjson.dumps(told), media_type="application/json")
