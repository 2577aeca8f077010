"""Question banks: for trainers only, since their questions hold the right answers."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Moment, Prose, Title
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    ReaderDep,
    SessionDep,
    concept,
    found,
    listed,
)
from services.onboarding import events
from services.onboarding.domain.question import Question, QuestionBank

router = concept("question banks")


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
