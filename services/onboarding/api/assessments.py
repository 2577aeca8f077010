"""Assessments, and further attempts at them. Everybody sees what there is; trainers keep it."""

from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictInt
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.errors import FieldError, Invalid
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Moment, Prose, Title
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    ReaderDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.onboarding import events
from services.onboarding.domain.assessment import (
    Assessment,
    AttemptGrant,
    Reveal,
    check_unit,
    require_granter,
)
from services.onboarding.domain.base import directory
from services.onboarding.domain.gating import cycle_of
from services.onboarding.domain.publication import VersionState

router = concept("assessments")

_LONGEST_MINUTES = 525_600


class AssessmentOut(BaseModel):
    """An assessment. `pass_mark` is a share from 0 to 1; null for a number means no limit, or all questions."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    key: str
    title: str
    description: str | None
    question_bank_id: UUID
    course_id: UUID | None
    unit_key: str | None
    pass_mark: float
    max_attempts: int | None
    questions_drawn: int | None
    cooldown_minutes: int
    time_limit_minutes: int | None
    reveal: Reveal
    state: VersionState
    published_at: Moment | None
    retired_at: Moment | None


class AssessmentPage(BaseModel):
    items: list[AssessmentOut]
    next: str | None


PassMark = Annotated[
    Decimal,
    Field(gt=0, le=1, max_digits=6, decimal_places=5, description="A share of 1.", examples=[0.8]),
]


class _AssessmentFields(Body):
    description: Prose | None = None
    max_attempts: StrictInt | None = Field(
        None, ge=1, le=1_000, description="In a cycle; null: as many as one likes.", examples=[2]
    )
    questions_drawn: StrictInt | None = Field(
        None, ge=1, le=5_000, description="Null: all of the bank."
    )
    cooldown_minutes: StrictInt = Field(0, ge=0, le=_LONGEST_MINUTES)
    time_limit_minutes: StrictInt | None = Field(None, ge=1, le=_LONGEST_MINUTES)
    reveal: Reveal = Field(
        Reveal.when_done,
        description="When learners are told what is right, and the feedback: once it is passed or no attempt is left, always "
        "after handing in, or never. Trainers always are.",
    )


class NewAssessment(_AssessmentFields):
    """An assessment to be. With a course and the key of its quiz, passing it completes the course."""

    key: Key = Field(examples=["kassen-quiz"], description="Names it for good.")
    title: Title = Field(examples=["Kan du kassen?"])
    question_bank_id: UUID
    course_id: UUID | None = None
    unit_key: Key | None = Field(None, description="A unit of the kind quiz in the newest version.")
    pass_mark: PassMark


class AssessmentPatch(_AssessmentFields):
    """JSON Merge Patch of an assessment; attempts that have begun do not notice."""

    title: Title = Field(default="", examples=["Kan du kassen?"])
    pass_mark: PassMark = Decimal(1)


class AssessmentQuery(PageQuery):
    key: Key | None = None
    state: VersionState | None = None
    course_id: UUID | None = None
    question_bank_id: UUID | None = None


class AttemptGrantOut(BaseModel):
    """Further attempts for a person, in a cycle."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    assessment_id: UUID
    person_id: UUID
    assignment_id: UUID | None
    attempts: int
    reason: str
    granted_by: UUID


class AttemptGrantPage(BaseModel):
    items: list[AttemptGrantOut]
    next: str | None


class NewAttemptGrant(Body):
    """Further attempts to be, in the cycle that is under way."""

    person_id: UUID
    assignment_id: UUID | None = Field(
        None, description="Where several assignments have the quiz; default: the newest."
    )
    attempts: StrictInt = Field(1, ge=1, le=100)
    reason: Prose = Field(examples=["The fire alarm went off."])


class AttemptGrantQuery(PageQuery):
    person_id: UUID | None = None


ASSESSMENTS = Read(
    AssessmentOut,
    Assessment,
    filters=["key", "state", "course_id", "question_bank_id"],
    sorts=["title"],
)
GRANTS = Read(AttemptGrantOut, AttemptGrant, filters=["assessment_id", "person_id"])

_NEWEST_UNITS = """
SELECT units::text FROM course_version WHERE organization_id = $1 AND course_id = $2
ORDER BY number DESC LIMIT 1
"""
_ASKING = """
SELECT count(*) FROM question
WHERE organization_id = $1 AND question_bank_id = $2 AND kind <> 'description'
"""


async def _check_unit(session: AsyncSession, course_id: UUID | None, unit_key: str | None) -> None:
    if (course_id is None) != (unit_key is None):
        missing = "/unit_key" if unit_key is None else "/course_id"
        raise Invalid(
            "A course and the key of its quiz go together.",
            errors=[FieldError(missing, "This is required.")],
        )
    if course_id is None or unit_key is None:
        return
    reader = reader_of(session)
    units = await reader.connection.fetchval(_NEWEST_UNITS, reader.organization_id, course_id)
    check_unit(None if units is None else orjson.loads(units), unit_key)


@router.post(
    "/assessments", status_code=201, response_model=AssessmentOut, summary="Begin an assessment"
)
async def create_assessment(
    body: NewAssessment, caller: CallerDep, session: SessionDep
) -> Response:
    """Trainers; a key is used once, and a quiz of a course has one."""
    caller.require(Role.trainer)
    await _check_unit(session, body.course_id, body.unit_key)
    assessment = Assessment(organization_id=caller.organization_id, **body.model_dump())
    session.add(assessment)
    record(session, events.assessment_created(assessment))
    await session.flush()
    return found(
        await ASSESSMENTS.one(reader_of(session), assessment.id),
        status=201,
        location=f"/v1/assessments/{assessment.id}",
    )


@router.get("/assessments", response_model=AssessmentPage, summary="List assessments")
async def list_assessments(
    query: Annotated[AssessmentQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first, or by title. No questions."""
    return listed(await ASSESSMENTS.page(reader, query), request)


@router.get(
    "/assessments/{assessment_id}", response_model=AssessmentOut, summary="Get an assessment"
)
async def get_assessment(assessment_id: UUID, reader: ViewerDep) -> Response:
    """One assessment with its ETag."""
    return found(await ASSESSMENTS.one(reader, assessment_id))


@router.patch(
    "/assessments/{assessment_id}", response_model=AssessmentOut, summary="Change an assessment"
)
async def change_assessment(
    assessment_id: UUID,
    body: AssessmentPatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; trainers. It holds for attempts that begin from now on; results stay."""
    assessment = await load(session, Assessment, assessment_id)
    caller.require(Role.trainer)
    match.check(assessment.version)
    assessment.sqlmodel_update(body.model_dump(exclude_unset=True))
    record(session, events.assessment_changed(assessment, *changes(assessment)))
    await session.flush()
    return found(await ASSESSMENTS.one(reader_of(session), assessment.id))


@router.post(
    "/assessments/{assessment_id}/publication",
    response_model=AssessmentOut,
    summary="Publish an assessment",
)
async def publish_assessment(
    assessment_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers; its bank must have as many questions as are drawn (409)."""
    assessment = await load(session, Assessment, assessment_id)
    caller.require(Role.trainer)
    reader = reader_of(session)
    asking = await reader.connection.fetchval(
        _ASKING, reader.organization_id, assessment.question_bank_id
    )
    assessment.publish(asking, now)
    record(session, events.assessment_published(assessment))
    await session.flush()
    return found(await ASSESSMENTS.one(reader, assessment.id))


@router.post(
    "/assessments/{assessment_id}/retirement",
    response_model=AssessmentOut,
    summary="Retire an assessment",
)
async def retire_assessment(
    assessment_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers. Attempts that are open may still be handed in; what it gated is completed without it."""
    assessment = await load(session, Assessment, assessment_id)
    caller.require(Role.trainer)
    assessment.retire(now)
    record(session, events.assessment_retired(assessment))
    await session.flush()
    return found(await ASSESSMENTS.one(reader_of(session), assessment.id))


# --- further attempts -----------------------------------------------------------------------------


@router.post(
    "/assessments/{assessment_id}/grants",
    status_code=201,
    response_model=AttemptGrantOut,
    summary="Grant further attempts",
)
async def grant_attempts(
    assessment_id: UUID,
    body: NewAttemptGrant,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """Trainers, with a reason, never for themselves (403). They hold for the cycle that is under way."""
    assessment = await load(session, Assessment, assessment_id, lock=False)
    require_granter(caller, body.person_id)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/person_id": body.person_id}
    )
    given: dict[str, Any] = body.model_dump()
    given["assignment_id"] = await cycle_of(
        session, assessment, body.person_id, body.assignment_id, now
    )
    grant = AttemptGrant(
        organization_id=caller.organization_id,
        assessment_id=assessment.id,
        granted_by=caller.person_id,
        **given,
    )
    session.add(grant)
    record(session, events.attempt_granted(grant))
    await session.flush()
    return found(await GRANTS.one(reader_of(session), grant.id), status=201)


@router.get(
    "/assessments/{assessment_id}/grants",
    response_model=AttemptGrantPage,
    summary="List further attempts",
)
async def list_attempt_grants(
    assessment_id: UUID,
    query: Annotated[AttemptGrantQuery, Query()],
    request: Request,
    caller: CallerDep,
    reader: ReaderDep,
) -> Response:
    """Trainers see all, others those for themselves. Newest first."""
    await ASSESSMENTS.require(reader, assessment_id)
    if not caller.has(Role.trainer):
        query.person_id = caller.person_id
    return listed(await GRANTS.page(reader, query, assessment_id=assessment_id), request)
