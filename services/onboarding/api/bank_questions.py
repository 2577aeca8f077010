"""The questions of a bank, with what is right: for trainers only."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller, Role
from services.chassis.database import load, reader_of
from services.chassis.errors import NotFound
from services.chassis.events import record
from services.chassis.fields import Line, Moment
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
from services.onboarding.api.question_banks import BANKS
from services.onboarding.api.question_contents import (
    Formatted,
    FormattedOut,
    NewQuestion,
    QuestionPatch,
    content_of,
)
from services.onboarding.domain.question import Question, QuestionBank, QuestionKind

router = concept("question banks")


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


QUESTIONS = Read(
    QuestionOut, Question, filters=["question_bank_id", "kind", "category", "external_id"]
)


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
        given["content"] = content_of(question.kind, given["content"])
    before = {name: getattr(question, name) for name in given}
    question.revise(given)
    changed = sorted(name for name in given if before[name] != given[name])
    if changed:
        record(session, events.question_changed(question, changed))
    await session.flush()
    return found(await QUESTIONS.one(reader_of(session), question.id))


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
