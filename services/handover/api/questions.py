"""Questions of a handover: anyone asks, anyone answers, and the asker says which answer helped."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictBool
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from starlette.responses import Response

from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.handover import events
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.base import directory
from services.handover.domain.completeness import require_answer
from services.handover.domain.contents import load_part
from services.handover.domain.handover import Handover
from services.handover.domain.past import require_day_ahead
from services.handover.domain.question import (
    Answer,
    Question,
    QuestionState,
    Topic,
    answer_to,
    topic_key,
)
from services.handover.domain.routing import RoutingReason, route
from services.handover.domain.unknown import Unknown

router = concept("questions")
_LIST = "/handovers/{handover_id}/questions"
_ONE = _LIST + "/{question_id}"


class RoutedTo(BaseModel):
    """Somebody who can probably tell, and why: how many of their answers on the topic were accepted, and when last."""

    person_id: UUID
    reason: RoutingReason
    accepted_answers: int = Field(examples=[3])
    last_accepted_at: Moment | None


class AcceptedAnswer(BaseModel):
    """The answer that helped."""

    id: UUID
    author_id: UUID
    text: str
    created_at: Moment
    accepted_by: UUID
    accepted_at: Moment


class HandoverQuestionOut(BaseModel):
    """A question. The times are in whole seconds since it was asked; null while there is no such answer."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    text: str
    topic: str | None
    blocking: bool = Field(description="Whether it stands in the way of acceptance while open.")
    due_on: date | None
    asked_by: UUID
    owner_id: UUID | None = Field(description="Who finds it out.")
    unknown_id: UUID | None = Field(description="The declared unknown that opened it.")
    routed_to: list[RoutedTo]
    state: QuestionState
    closed_at: Moment | None
    answer_count: int
    accepted_answer: AcceptedAnswer | None
    seconds_to_first_answer: int | None = Field(examples=[5400])
    seconds_to_accepted_answer: int | None = Field(examples=[86400])


class HandoverQuestionPage(BaseModel):
    items: list[HandoverQuestionOut]
    next: str | None


class QuestionFields(Body):
    topic: Topic | None = Field(
        None,
        description="What it is about, in a word or two; decides whom it goes to. Spelling and case do not matter.",
        examples=["VAT"],
    )
    blocking: StrictBool = Field(
        False, description="Whether the handover cannot be accepted before it is answered."
    )
    due_on: Day | None = Field(None, examples=["2026-11-22"])
    owner_id: UUID | None = Field(None, description="Who finds it out.")


class NewHandoverQuestion(QuestionFields):
    """A question to be asked."""

    text: Prose = Field(examples=["Do the tills in Malmö take Danish VAT, or Swedish?"])


class HandoverQuestionPatch(QuestionFields):
    """JSON Merge Patch of a question."""

    text: Prose = Field(default="")


class HandoverAnswerOut(BaseModel):
    """An answer. Its text never changes."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    question_id: UUID
    author_id: UUID
    text: str
    accepted_by: UUID | None
    accepted_at: Moment | None


class HandoverAnswerPage(BaseModel):
    items: list[HandoverAnswerOut]
    next: str | None


class NewHandoverAnswer(Body):
    """An answer to be given."""

    text: Prose = Field(examples=["Swedish: the till follows the address of the shop."])


class AnswerAcceptance(Body):
    """Which answer helped."""

    answer_id: UUID = Field(description="An answer to this question.")


class QuestionsOfHandoverQuery(PageQuery):
    state: QuestionState | None = None
    blocking: bool | None = None
    topic: Topic | None = Field(None, description="In any spelling and case.")


class HandoverQuestionQuery(QuestionsOfHandoverQuery):
    due_before: Day | None = Field(None, description="Due on an earlier day than this.")
    mine: bool = Field(
        False, description="Those that the caller asked, owns, or was thought to be able to answer."
    )
    handover_id: UUID | None = None


_q = Question.__table__.c  # type: ignore[attr-defined]
_a = Answer.__table__.c  # type: ignore[attr-defined]
_me = bindparam("mine", type_=Uuid)


def _seconds_until(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    # Two machines' clocks may differ; nobody answers before the question.
    return func.greatest(cast(func.extract("epoch", moment - _q.created_at), BigInteger), 0)


def _pairs(columns: Any, names: Iterable[str]) -> Iterator[ColumnElement[Any]]:
    for name in names:
        yield literal_column(f"'{name}'")
        yield columns[name]


QUESTIONS = Read(
    HandoverQuestionOut,
    Question,
    columns={
        "accepted_answer": select(func.json_build_object(*_pairs(_a, AcceptedAnswer.model_fields)))
        .where(
            _a.organization_id == _q.organization_id,
            _a.question_id == _q.id,
            _a.accepted_at.is_not(None),
        )
        .scalar_subquery(),
        "seconds_to_first_answer": case(
            (_q.first_answered_at.is_not(None), _seconds_until(_q.first_answered_at))
        ),
        "seconds_to_accepted_answer": case(
            (_q.state == QuestionState.resolved, _seconds_until(_q.closed_at))
        ),
    },
    filters=["state", "blocking", "handover_id"],
    conditions={
        "topic": _q.topic_key == bindparam("topic", type_=Text),
        "due_before": _q.due_on < bindparam("due_before", type_=Date),
        "mine": or_(
            _q.asked_by == _me,
            _q.owner_id == _me,
            _q.routed_to.op("@>")(
                func.jsonb_build_array(func.jsonb_build_object("person_id", cast(_me, Text)))
            ),
        ),
    },
)
ANSWERS = Read(HandoverAnswerOut, Answer, filters=["handover_id", "question_id"])


@router.post(_LIST, status_code=201, response_model=HandoverQuestionOut, summary="Ask a question")
async def create_handover_question(
    handover_id: UUID,
    body: NewHandoverQuestion,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """Everybody, until the handover has ended. It goes to whoever had answers on the topic accepted, two at least."""
    handover = await load(session, Handover, handover_id)
    handover.require_open()
    require_answer("/text", body.text)
    require_day_ahead("/due_on", body.due_on, now)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/owner_id": body.owner_id}
    )
    question = Question(
        organization_id=caller.organization_id,
        handover_id=handover_id,
        created_at=now,
        asked_by=caller.person_id,
        topic_key=topic_key(body.topic),
        **body.model_dump(),
    )
    question.routed_to = await route(session, question, handover)
    session.add(question)
    record(session, events.question_asked(question))
    await session.flush()
    return found(
        await QUESTIONS.one(reader_of(session), question.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/questions/{question.id}",
    )


@router.get(_LIST, response_model=HandoverQuestionPage, summary="List a handover's questions")
async def list_questions_of_handover(
    handover_id: UUID,
    query: Annotated[QuestionsOfHandoverQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first."""
    await HANDOVERS.require(reader, handover_id)
    page = await QUESTIONS.page(
        reader, query, handover_id=handover_id, topic=topic_key(query.topic)
    )
    return listed(page, request)


@router.get(_ONE, response_model=HandoverQuestionOut, summary="Get a question of a handover")
async def get_handover_question(
    handover_id: UUID, question_id: UUID, reader: ViewerDep
) -> Response:
    """One question with its ETag, which an answer changes too."""
    return found(await QUESTIONS.one(reader, question_id, handover_id=handover_id))


@router.patch(_ONE, response_model=HandoverQuestionOut, summary="Ask it otherwise")
async def change_handover_question(
    handover_id: UUID,
    question_id: UUID,
    body: HandoverQuestionPatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. The asker or a manager, while it is open; an unknown's text, owner and day there."""
    handover = await load(session, Handover, handover_id)
    question = await load_part(session, Question, handover_id, question_id)
    question.require_asker(caller)
    match.check(question.version)
    given: dict[str, Any] = body.model_dump(exclude_unset=True)
    require_answer("/text", given.get("text"))
    require_day_ahead("/due_on", given.get("due_on"), now)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/owner_id": given.get("owner_id")}
    )
    question.revise(given)
    if changes(question)[0].keys() & {"topic_key", "owner_id"}:
        question.routed_to = await route(session, question, handover)
    record(session, events.question_changed(question, *changes(question)))
    await session.flush()
    return found(await QUESTIONS.one(reader_of(session), question.id))


@router.post(_ONE + "/withdrawal", response_model=HandoverQuestionOut, summary="Withdraw it")
async def withdraw_handover_question(
    handover_id: UUID, question_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The asker or a manager, while it is open; a declared unknown is taken off instead."""
    await load(session, Handover, handover_id)
    question = await load_part(session, Question, handover_id, question_id)
    question.require_asker(caller)
    question.withdraw(now)
    record(session, events.question_withdrawn(question, *changes(question)))
    await session.flush()
    return found(await QUESTIONS.one(reader_of(session), question.id))


@router.post(
    _ONE + "/acceptance", response_model=HandoverQuestionOut, summary="Say which answer helped"
)
async def accept_handover_answer(
    handover_id: UUID,
    question_id: UUID,
    body: AnswerAcceptance,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """The asker, a manager, and of a blocking question the delivery lead; never the author of the answer to another's question."""
    handover = await load(session, Handover, handover_id)
    question = await load_part(session, Question, handover_id, question_id)
    answer = await answer_to(session, question, body.answer_id)
    question.require_accepter(answer, handover, caller)
    question.resolve(answer, caller, now)
    record(session, events.question_resolved(question, answer, *changes(question)))
    if question.unknown_id is not None:
        unknown = await load(session, Unknown, question.unknown_id)
        unknown.resolved_at = now
        record(session, events.unknown_resolved(unknown, *changes(unknown)))
    await session.flush()
    return found(await QUESTIONS.one(reader_of(session), question.id))


@router.post(
    _ONE + "/answers", status_code=201, response_model=HandoverAnswerOut, summary="Answer it"
)
async def create_handover_answer(
    handover_id: UUID,
    question_id: UUID,
    body: NewHandoverAnswer,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """Everybody, while it is open. What is written stays; a better answer is a further one."""
    question = await load_part(session, Question, handover_id, question_id)
    require_answer("/text", body.text)
    question.take_answer(now)
    answer = Answer(
        organization_id=caller.organization_id,
        handover_id=handover_id,
        question_id=question_id,
        created_at=now,
        author_id=caller.person_id,
        **body.model_dump(),
    )
    session.add(answer)
    record(session, events.question_answered(answer))
    await session.flush()
    return found(
        await ANSWERS.one(reader_of(session), answer.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/questions/{question_id}/answers/{answer.id}",
    )


@router.get(_ONE + "/answers", response_model=HandoverAnswerPage, summary="List answers")
async def list_handover_answers(
    handover_id: UUID,
    question_id: UUID,
    query: Annotated[PageQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first."""
    await QUESTIONS.one(reader, question_id, handover_id=handover_id)
    page = await ANSWERS.page(reader, query, handover_id=handover_id, question_id=question_id)
    return listed(page, request)


@router.get(
    _ONE + "/answers/{answer_id}", response_model=HandoverAnswerOut, summary="Get an answer"
)
async def get_handover_answer(
    handover_id: UUID, question_id: UUID, answer_id: UUID, reader: ViewerDep
) -> Response:
    """One answer with its ETag."""
    return found(
        await ANSWERS.one(reader, answer_id, handover_id=handover_id, question_id=question_id)
    )


@router.get("/handover-questions", response_model=HandoverQuestionPage, summary="List questions")
async def list_handover_questions(
    query: Annotated[HandoverQuestionQuery, Query()],
    caller: CallerDep,
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Of all handovers, newest first."""
    mine = caller.person_id if query.mine else None
    return listed(
        await QUESTIONS.page(reader, query, mine=mine, topic=topic_key(query.topic)), request
    )
