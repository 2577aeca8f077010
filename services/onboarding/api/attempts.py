"""Attempts: begun, answered, handed in, graded.

What is right is never sent before an attempt was handed in, nor to a learner who could use it in the next one.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import DateTime, Text, Uuid, bindparam, case, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller, Role
from services.chassis.database import Reader, load, organization_of, reader_of
from services.chassis.errors import NotFound
from services.chassis.events import record
from services.chassis.fields import Body, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Found, Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    ReaderDep,
    SessionDep,
    concept,
    found,
    listed,
)
from services.onboarding import events
from services.onboarding.api.question_contents import FormattedOut
from services.onboarding.domain.assessment import Assessment, AttemptGrant, Reveal
from services.onboarding.domain.attempt import (
    HANDED_IN,
    Attempt,
    AttemptState,
    begin,
    require_may_begin,
)
from services.onboarding.domain.drawing import shown
from services.onboarding.domain.gating import (
    attempts_of,
    complete_gated,
    cycle_of,
    lock_assignment_of,
    open_elsewhere,
    require_open_item,
)
from services.onboarding.domain.own_people import people_seen_by
from services.onboarding.domain.question import Question, QuestionKind
from services.onboarding.domain.reopening import undo_passed
from services.onboarding.domain.scoring import UNEXPLAINED, explained

router = concept("attempts")


class AttemptOut(BaseModel):
    """An attempt. `number` counts within the cycle: the assignment, where the assessment belongs to a course."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    assessment_id: UUID
    person_id: UUID
    assignment_id: UUID | None
    number: int
    state: AttemptState
    pass_mark: float
    score: float | None
    started_at: Moment
    ends_at: Moment | None
    submitted_at: Moment | None
    graded_by: UUID | None
    void_reason: str | None
    voided_by: UUID | None


class AttemptPage(BaseModel):
    items: list[AttemptOut]
    next: str | None


class ChoiceShown(BaseModel):
    """Something to choose."""

    key: str
    text: FormattedOut


class StatementShown(BaseModel):
    """Something to be matched."""

    key: str
    text: FormattedOut


class OptionShown(BaseModel):
    """What statements are matched with."""

    key: str
    text: str


class OutcomeShown(BaseModel):
    """What became of an answer. `score`, from 0 to 1, is null while it is not graded.

    `right`, by kind, and the feedback are left out (null, []) unless the attempt is `revealed`.
    """

    score: float | None
    right: Any
    feedback: list[FormattedOut]
    general_feedback: FormattedOut | None


class QuestionShown(BaseModel):
    """A question as it is put, with the answer so far; `outcome` is there once the attempt was handed in."""

    key: str
    kind: QuestionKind
    text: FormattedOut
    single: bool | None
    choices: list[ChoiceShown] | None
    statements: list[StatementShown] | None
    options: list[OptionShown] | None
    answer: Any
    outcome: OutcomeShown | None


class AttemptDetail(AttemptOut):
    """An attempt with its questions; null for whoever may see the result only.

    `revealed` says whether they tell what is right: by the assessment's `reveal`, and to trainers once it was handed in.
    """

    revealed: bool
    questions: list[QuestionShown] | None


class StoredAttempt(AttemptOut):
    """An attempt with all that is right: never sent as it is. `revealed`: whether its learner may be told, once handed in."""

    revealed: bool
    questions: list[dict[str, Any]]
    answers: dict[str, Any]
    scores: dict[str, Any]


class AttemptQuery(PageQuery):
    assessment_id: UUID | None = None
    person_id: UUID | None = None
    assignment_id: UUID | None = None
    state: AttemptState | None = None


class NewAttempt(Body):
    """An attempt to be."""

    assignment_id: UUID | None = Field(
        None, description="Where several assignments have the quiz; default: the newest."
    )


Answers = Annotated[
    dict[str, Any],
    Field(
        description="By the keys of the questions: the key of a choice or a list of them, true or false, a text, "
        "a number, or an object statement → option. Null takes an answer back.",
        examples=[{"1": "a", "2": True}],
    ),
]


class AttemptPatch(Body):
    """JSON Merge Patch of an open attempt."""

    answers: Answers


class Submission(Body):
    """The last answers, beside those that were saved."""

    answers: Answers = Field(default_factory=dict)


class Grading(Body):
    """The scores of what had to be read, from 0 to 1, by the keys of the questions."""

    scores: dict[str, Annotated[Decimal, Field(ge=0, le=1, max_digits=6, decimal_places=5)]] = (
        Field(examples=[{"1": 0.5}])
    )


class Voiding(Body):
    """Why it does not count."""

    reason: Prose = Field(examples=["The questions were known beforehand."])


_a = Attempt.__table__.c  # type: ignore[attr-defined]
_g = AttemptGrant.__table__.c  # type: ignore[attr-defined]
_q = Question.__table__.c  # type: ignore[attr-defined]
_now = bindparam("now", type_=DateTime(timezone=True))
_stored_state = cast(_a.state, Text)
_state = case(((_stored_state == "open") & (_a.ends_at <= _now), "expired"), else_=_stored_state)
# The moment is a parameter of every read; as a condition that always holds it may be handed in as one.
_conditions: dict[str, Any] = {
    "now": _now.is_not(None),
    "state": _state == bindparam("state", type_=Text),
    "person_ids": _a.person_id == bindparam("person_ids", type_=ARRAY(Uuid)).any_(),
}
ATTEMPTS = Read(
    AttemptOut,
    Attempt,
    columns={"state": _state},
    filters=["assessment_id", "person_id", "assignment_id"],
    conditions=_conditions,
)


def _revealed() -> Any:
    """Whether the learner of an attempt may be told what is right, by what became of all attempts of the cycle."""
    assessments = Assessment.__table__.c  # type: ignore[attr-defined]
    cycle = Attempt.__table__.alias("cycle").c  # type: ignore[attr-defined]
    state = cast(cycle.state, Text)
    is_open = (state == "open") & (cycle.ends_at.is_(None) | (cycle.ends_at > _now))
    granted = (
        select(func.coalesce(func.sum(_g.attempts), 0))
        .where(
            _g.organization_id == _a.organization_id,
            _g.assessment_id == _a.assessment_id,
            _g.person_id == _a.person_id,
            _g.assignment_id.is_not_distinct_from(_a.assignment_id),
        )
        .correlate(Attempt.__table__)  # type: ignore[attr-defined]
        .scalar_subquery()
    )
    none_left = func.count().filter(state != "voided") >= assessments.max_attempts + granted
    done = func.bool_or(state == "passed") | (none_left & ~func.bool_or(is_open))
    reveal = cast(assessments.reveal, Text)
    return (
        select(
            case(
                (reveal == Reveal.when_done.value, func.coalesce(done, False)),
                else_=reveal == Reveal.always.value,
            )
        )
        .where(
            assessments.organization_id == _a.organization_id,
            assessments.id == _a.assessment_id,
            cycle.organization_id == _a.organization_id,
            cycle.assessment_id == _a.assessment_id,
            cycle.person_id == _a.person_id,
            cycle.assignment_id.is_not_distinct_from(_a.assignment_id),
        )
        .group_by(assessments.organization_id, assessments.id)
        .correlate(Attempt.__table__)  # type: ignore[attr-defined]
        .scalar_subquery()
    )


STORED = Read(
    StoredAttempt,
    Attempt,
    columns={"state": _state, "revealed": _revealed()},
    conditions=_conditions,
)


async def _seen_by(reader: Reader, caller: Caller) -> dict[str, Any]:
    """Trainers see everybody's; others their own and those of their own people."""
    if caller.has(Role.trainer):
        return {}
    return {"person_ids": await people_seen_by(reader, caller)}


async def _detail(reader: Reader, attempt_id: UUID, caller: Caller, now: Any) -> Found:
    """One attempt as the caller may see it; raises `NotFound` for somebody else's people."""
    where = await _seen_by(reader, caller)
    stored = await STORED.one(reader, attempt_id, now=now, **where)
    content = orjson.loads(stored.content)
    teaches = caller.has(Role.trainer)
    content["revealed"] |= teaches
    whole = teaches or content["person_id"] == str(caller.person_id)
    return Found(orjson.dumps(with_questions(content, whole=whole)), stored.version)


def with_questions(stored: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """A stored attempt as it is sent: questions only where `whole`, what is right once it was handed in and is `revealed`."""
    sent = dict(stored)
    drawn, answers, scores = sent.pop("questions"), sent.pop("answers"), sent.pop("scores")
    handed_in = AttemptState(sent["state"]) in HANDED_IN
    sent["revealed"] = sent["revealed"] and handed_in
    sent["questions"] = (
        [
            {
                **shown(one),
                "answer": answers.get(one["key"]),
                "outcome": {
                    "score": scores.get(one["key"]),
                    **(
                        explained(one, answers.get(one["key"])) if sent["revealed"] else UNEXPLAINED
                    ),
                }
                if handed_in
                else None,
            }
            for one in drawn
        ]
        if whole
        else None
    )
    return sent


@router.post(
    "/assessments/{assessment_id}/attempts",
    status_code=201,
    response_model=AttemptDetail,
    summary="Begin an attempt",
)
async def begin_attempt(
    assessment_id: UUID, body: NewAttempt, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Anyone, for themselves: questions are drawn. 409 while one is open, too early, when it is passed or all are used."""
    assessment = await load(session, Assessment, assessment_id, lock=False)
    assessment.require_published()
    assignment_id = await cycle_of(session, assessment, caller.person_id, body.assignment_id, now)
    if assignment_id is not None and assessment.course_id is not None:
        await require_open_item(session, assignment_id, assessment.course_id, now)
    before = await attempts_of(session, assessment.id, caller.person_id, assignment_id)
    granted = await session.scalar(
        select(func.coalesce(func.sum(_g.attempts), 0)).where(
            _g.organization_id == organization_of(session),
            _g.assessment_id == assessment.id,
            _g.person_id == caller.person_id,
            _g.assignment_id.is_not_distinct_from(assignment_id),
        )
    )
    elsewhere = await open_elsewhere(session, assessment.id, caller.person_id, assignment_id)
    require_may_begin(assessment, before, granted or 0, now, elsewhere)
    for over in [*before, *elsewhere]:
        if over.state_at(now) is not over.state:
            over.expire(now)
            record(session, events.attempt_moved("expired", over))
    # Before the new one comes, or there would be two open ones for a moment.
    await session.flush()
    attempt = begin(
        assessment,
        await _questions(session, assessment.question_bank_id),
        caller.person_id,
        assignment_id,
        len(before) + 1,
        now,
    )
    session.add(attempt)
    record(session, events.attempt_moved("started", attempt))
    await session.flush()
    return found(
        await _detail(reader_of(session), attempt.id, caller, now),
        status=201,
        location=f"/v1/attempts/{attempt.id}",
    )


async def _questions(session: AsyncSession, question_bank_id: UUID) -> list[Question]:
    found_questions = await session.scalars(
        select(Question).where(
            _q.organization_id == organization_of(session),
            _q.question_bank_id == question_bank_id,
        )
    )
    return list(found_questions)


@router.get("/attempts", response_model=AttemptPage, summary="List attempts")
async def list_attempts(
    query: Annotated[AttemptQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    reader: ReaderDep,
) -> Response:
    """Newest first, without questions: one's own and those of one's own people; trainers see all."""
    where = await _seen_by(reader, caller)
    return listed(await ATTEMPTS.page(reader, query, now=now, **where), request)


@router.get("/attempts/{attempt_id}", response_model=AttemptDetail, summary="Get an attempt")
async def get_attempt(
    attempt_id: UUID, caller: CallerDep, now: NowDep, reader: ReaderDep
) -> Response:
    """The learner and trainers, with its questions; managers and leads of the learner, the result. Others: 404."""
    return found(await _detail(reader, attempt_id, caller, now))


async def _attempt(session: AsyncSession, attempt_id: UUID, caller: Caller) -> Attempt:
    """The attempt, locked, its assignment before it; raises `NotFound` for whoever has nothing to do with it."""
    await lock_assignment_of(session, attempt_id)
    attempt = await load(session, Attempt, attempt_id)
    if attempt.person_id != caller.person_id and not caller.has(Role.trainer):
        raise NotFound("There is no such {thing}.", thing="attempt")
    return attempt


@router.patch(
    "/attempts/{attempt_id}", response_model=AttemptDetail, summary="Save answers of an attempt"
)
async def save_answers(
    attempt_id: UUID,
    body: AttemptPatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; the learner, while it is open. After its time: 409."""
    attempt = await _attempt(session, attempt_id, caller)
    match.check(attempt.version)
    before = attempt.answers
    attempt.save(caller, body.answers, now)
    if attempt.answers != before:
        record(session, events.attempt_moved("answered", attempt))
    await session.flush()
    return found(await _detail(reader_of(session), attempt.id, caller, now))


@router.post(
    "/attempts/{attempt_id}/submission",
    response_model=AttemptDetail,
    summary="Hand in an attempt",
)
async def submit_attempt(
    attempt_id: UUID, body: Submission, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The learner, once, in time (409). Scored at once, unless an essay must be read; passing completes the course.

    What is right is told as the assessment's `reveal` says: by default once it is passed or no attempt is left.
    """
    attempt = await _attempt(session, attempt_id, caller)
    attempt.submit(caller, body.answers, now)
    return await _finished(session, attempt, caller, now)


@router.post(
    "/attempts/{attempt_id}/grading", response_model=AttemptDetail, summary="Grade an attempt"
)
async def grade_attempt(
    attempt_id: UUID, body: Grading, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers, never their own (403): a score for everything that had to be read."""
    attempt = await _attempt(session, attempt_id, caller)
    attempt.grade(caller, body.scores)
    return await _finished(session, attempt, caller, now)


async def _finished(session: AsyncSession, attempt: Attempt, caller: Caller, now: Any) -> Response:
    record(session, events.attempt_moved(attempt.state.value, attempt))
    await session.flush()
    assessment = await load(session, Assessment, attempt.assessment_id, lock=False)
    await complete_gated(session, caller, attempt, assessment.course_id, now)
    await session.flush()
    return found(await _detail(reader_of(session), attempt.id, caller, now))


@router.post(
    "/attempts/{attempt_id}/voiding", response_model=AttemptDetail, summary="Void an attempt"
)
async def void_attempt(
    attempt_id: UUID, body: Voiding, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers, with a reason, never their own (403). It counts no more: the course that it completed is open again.

    The certificates that came of it are revoked, and so is the assignment's end, unless the next cycle has begun.
    """
    attempt = await _attempt(session, attempt_id, caller)
    was_passed = attempt.state is AttemptState.passed
    attempt.void(caller, body.reason, now)
    record(session, events.attempt_moved("voided", attempt))
    await session.flush()
    assessment = await load(session, Assessment, attempt.assessment_id, lock=False)
    if was_passed and attempt.assignment_id is not None and assessment.course_id is not None:
        await undo_passed(session, caller, attempt, assessment.course_id, now)
    return found(await _detail(reader_of(session), attempt.id, caller, now))
