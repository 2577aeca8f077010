"""The versions of a curriculum: drafted by trainers and managers, published by a trainer."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictInt
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import FieldError, Invalid
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Moment, Name
from services.chassis.reads import Read
from services.chassis.telemetry import REQUEST_ID
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    ReaderDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.onboarding import events
from services.onboarding.api.curricula import CURRICULA
from services.onboarding.api.versions import GrantOut, Number, VersionQuery
from services.onboarding.domain.audience_upkeep import rules_awaiting
from services.onboarding.domain.course import Course, CourseVersion
from services.onboarding.domain.course_set import Rule
from services.onboarding.domain.curriculum import VERSIONS, Curriculum, CurriculumVersion
from services.onboarding.domain.following import Doing, apply
from services.onboarding.domain.publication import VersionState

router = concept("curricula")


class SetCourseOut(BaseModel):
    """A course in a set. From publication on with what was pinned of it: key, title, version, minutes, grants."""

    course_id: UUID
    points: int | None
    key: str | None
    title: str | None
    course_version: int | None
    minutes: int | None
    grants: GrantOut | None


class SetOut(BaseModel):
    """Courses under a rule."""

    key: str
    title: str
    rule: Rule
    n: int | None
    min_points: int | None
    courses: list[SetCourseOut]


class CurriculumVersionOut(BaseModel):
    """A version of a curriculum; `minutes` is the least that completing it takes, known from publication on."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    curriculum_id: UUID
    number: int
    state: VersionState
    sets: list[SetOut]
    minutes: int | None
    published_at: Moment | None
    retired_at: Moment | None


class CurriculumVersionPage(BaseModel):
    items: list[CurriculumVersionOut]
    next: str | None


class SetCourse(Body):
    """A course in a set, and what it is worth where the rule counts points."""

    course_id: UUID
    points: StrictInt | None = Field(None, ge=0, le=1000)


class CourseSetIn(Body):
    """Courses under a rule: `n` belongs to at_least_n, `min_points` to min_points."""

    key: Key = Field(examples=["before-start"])
    title: Name = Field(examples=["Før Kundeglimt tas i bruk"])
    rule: Rule
    n: StrictInt | None = Field(None, ge=1, le=100)
    min_points: StrictInt | None = Field(None, ge=1, le=10_000)
    courses: list[SetCourse] = Field(min_length=1, max_length=100)


class NewCurriculumVersion(Body):
    """A version to be. Without `sets` they are taken from the version before."""

    sets: list[CourseSetIn] = Field(default_factory=list, max_length=50)


class CurriculumVersionPatch(Body):
    """JSON Merge Patch of a draft; `sets` are replaced as a whole."""

    sets: list[CourseSetIn] = Field(default_factory=list, max_length=50)


_course = Course.__table__.c  # type: ignore[attr-defined]
_taught = CourseVersion.__table__.c  # type: ignore[attr-defined]
CURRICULUM_VERSIONS = Read(
    CurriculumVersionOut,
    CurriculumVersion,
    sorts=["number"],
    filters=["curriculum_id", "number", "state"],
)


async def _tree(session: AsyncSession, sets: list[CourseSetIn]) -> list[dict[str, Any]]:
    """The tree as it is stored; raises `Invalid` for a course that is not there."""
    wanted = {entry.course_id for one in sets for entry in one.courses}
    known = set(
        await session.scalars(
            select(_course.id).where(
                _course.organization_id == organization_of(session), _course.id.in_(wanted)
            )
        )
    )
    unknown = [
        FieldError(f"/sets/{place}/courses/{nth}/course_id", "There is no such course.")
        for place, one in enumerate(sets)
        for nth, entry in enumerate(one.courses)
        if entry.course_id not in known
    ]
    if unknown:
        raise Invalid("A course is not known.", errors=unknown)
    return [one.model_dump(mode="json") for one in sets]


@router.post(
    "/curricula/{curriculum_id}/versions",
    status_code=201,
    response_model=CurriculumVersionOut,
    summary="Draft a version of a curriculum",
)
async def draft_curriculum_version(
    curriculum_id: UUID, body: NewCurriculumVersion, caller: CallerDep, session: SessionDep
) -> Response:
    """Trainers and managers. Without `sets` they are taken from the version before."""
    caller.require(Role.trainer, Role.manager)
    await load(session, Curriculum, curriculum_id)
    newest = await VERSIONS.newest(session, curriculum_id)
    version = CurriculumVersion(
        organization_id=caller.organization_id,
        curriculum_id=curriculum_id,
        number=1 if newest is None else newest.number + 1,
    )
    if "sets" in body.model_fields_set:
        version.revise(await _tree(session, body.sets))
    elif newest is not None:
        version.revise(newest.unpinned_sets())
    session.add(version)
    record(session, events.curriculum_drafted(version))
    await session.flush()
    return found(
        await CURRICULUM_VERSIONS.one(reader_of(session), version.id),
        status=201,
        location=f"/v1/curricula/{curriculum_id}/versions/{version.number}",
    )


@router.get(
    "/curricula/{curriculum_id}/versions",
    response_model=CurriculumVersionPage,
    summary="List the versions of a curriculum",
)
async def list_curriculum_versions(
    curriculum_id: UUID,
    query: Annotated[VersionQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first."""
    await CURRICULA.require(reader, curriculum_id)
    page = await CURRICULUM_VERSIONS.page(reader, query, curriculum_id=curriculum_id)
    return listed(page, request)


@router.get(
    "/curricula/{curriculum_id}/versions/{number}",
    response_model=CurriculumVersionOut,
    summary="Get a version of a curriculum",
)
async def get_curriculum_version(
    curriculum_id: UUID, number: Number, reader: ReaderDep
) -> Response:
    """One version with its ETag."""
    id = await VERSIONS.id(reader, curriculum_id, number)
    return found(await CURRICULUM_VERSIONS.one(reader, id))


@router.patch(
    "/curricula/{curriculum_id}/versions/{number}",
    response_model=CurriculumVersionOut,
    summary="Change the draft of a curriculum",
)
async def change_curriculum_version(
    curriculum_id: UUID,
    number: Number,
    body: CurriculumVersionPatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch by trainers and managers; a published version never changes (409)."""
    caller.require(Role.trainer, Role.manager)
    _, version = await VERSIONS.load(session, curriculum_id, number)
    match.check(version.version)
    version.require_draft()
    if "sets" in body.model_fields_set:
        version.revise(await _tree(session, body.sets))
    record(session, events.curriculum_revised(version, *changes(version)))
    await session.flush()
    return found(await CURRICULUM_VERSIONS.one(reader_of(session), version.id))


async def _current(
    session: AsyncSession, course_ids: list[UUID]
) -> dict[UUID, tuple[Course, CourseVersion]]:
    """The current version of each course, locked against being retired meanwhile."""
    rows = await session.execute(
        select(Course, CourseVersion)
        .join(
            CourseVersion,
            (_taught.organization_id == _course.organization_id)
            & (_taught.course_id == _course.id),
        )
        .where(
            _course.organization_id == organization_of(session),
            _course.id.in_(course_ids),
            _taught.state == VersionState.published,
        )
        .order_by(_course.id, _taught.number)
        .with_for_update(read=True)
    )
    # The newest comes last, and stays.
    return {course.id: (course, version) for course, version in rows}


@router.post(
    "/curricula/{curriculum_id}/versions/{number}/publication",
    response_model=CurriculumVersionOut,
    summary="Publish a version of a curriculum",
)
async def publish_curriculum_version(
    curriculum_id: UUID, number: Number, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """A trainer. Every course needs a published version (409), which is pinned; from now on nothing changes.

    It is what is assigned from now on, also by rules that waited for one. Whoever learns an earlier version stays on it.
    """
    caller.require(Role.trainer)
    # Audiences come before curricula, as with whoever makes a rule over both.
    waiting = await rules_awaiting(session, curriculum_id)
    curriculum, version = await VERSIONS.load(session, curriculum_id, number)
    version.publish(await _current(session, version.course_ids()), now)
    record(session, events.curriculum_published(curriculum, version))
    await session.flush()
    for rule in waiting:
        await apply(reader_of(session), rule, Doing(now, caller, REQUEST_ID.get()))
    return found(await CURRICULUM_VERSIONS.one(reader_of(session), version.id))


@router.post(
    "/curricula/{curriculum_id}/versions/{number}/retirement",
    response_model=CurriculumVersionOut,
    summary="Retire a version of a curriculum",
)
async def retire_curriculum_version(
    curriculum_id: UUID, number: Number, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """A trainer. It is assigned no more: the newest that is published is, if any. Learners in flight finish it."""
    caller.require(Role.trainer)
    curriculum, version = await VERSIONS.load(session, curriculum_id, number)
    version.retire(now)
    record(session, events.curriculum_retired(curriculum, version))
    await session.flush()
    return found(await CURRICULUM_VERSIONS.one(reader_of(session), version.id))
