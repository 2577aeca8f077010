"""The versions of a course: drafted by its owner or a trainer, published by a trainer or the owner of the tool."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictInt
from sqlalchemy import case, func, literal_column
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller
from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Link, Moment, Name, Prose
from services.chassis.reads import Read
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
from services.onboarding.api.courses import COURSES
from services.onboarding.api.versions import GrantOut, Number, VersionQuery
from services.onboarding.domain.course import VERSIONS, Course, CourseVersion, UnitKind
from services.onboarding.domain.publication import VersionState
from services.onboarding.domain.tool import Tool

router = concept("courses")


class UnitOut(BaseModel):
    """A unit."""

    key: str
    kind: UnitKind
    title: str
    minutes: int
    body: str | None
    link: str | None


class CourseVersionOut(BaseModel):
    """A version of a course; `minutes` is the sum of its units' minutes."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    course_id: UUID
    number: int
    state: VersionState
    units: list[UnitOut]
    minutes: int
    grants: GrantOut | None
    published_at: Moment | None
    retired_at: Moment | None


class CourseVersionPage(BaseModel):
    items: list[CourseVersionOut]
    next: str | None


class Unit(Body):
    """A piece of a course that is worked through in one go."""

    key: Key = Field(examples=["lytte"])
    kind: UnitKind
    title: Name = Field(examples=["Å lytte før man svarer"])
    minutes: StrictInt = Field(ge=1, le=10_000, examples=[20])
    body: Prose | None = None
    link: Link | None = Field(None, description="Required for an external_link.")


class Grant(Body):
    """The competence that completing the course gives, on levels from 1 to 5."""

    competence: Key = Field(examples=["customer-service"])
    level: StrictInt = Field(ge=1, le=5)


class NewCourseVersion(Body):
    """A version to be. What is left out is taken from the version before."""

    units: list[Unit] = Field(default_factory=list, max_length=200)
    grants: Grant | None = None


class CourseVersionPatch(Body):
    """JSON Merge Patch of a draft; `units` are replaced as a whole."""

    units: list[Unit] = Field(default_factory=list, max_length=200)
    grants: Grant | None = None


_v = CourseVersion.__table__.c  # type: ignore[attr-defined]
COURSE_VERSIONS = Read(
    CourseVersionOut,
    CourseVersion,
    columns={
        "grants": case(
            (
                _v.competence.is_not(None),
                func.json_build_object(
                    literal_column("'competence'"),
                    _v.competence,
                    literal_column("'level'"),
                    _v.level,
                ),
            )
        ),
    },
    sorts=["number"],
    filters=["course_id", "number", "state"],
)


def _content(body: "NewCourseVersion | CourseVersionPatch") -> dict[str, Any]:
    """The fields that were sent, whole."""
    return {
        name: value
        for name, value in body.model_dump(mode="json").items()
        if name in body.model_fields_set
    }


@router.post(
    "/courses/{course_id}/versions",
    status_code=201,
    response_model=CourseVersionOut,
    summary="Draft a version of a course",
)
async def draft_course_version(
    course_id: UUID, body: NewCourseVersion, caller: CallerDep, session: SessionDep
) -> Response:
    """The owner of the course or a trainer. What is left out is taken from the version before."""
    course = await load(session, Course, course_id)
    course.require_author(caller)
    newest = await VERSIONS.newest(session, course_id)
    given: dict[str, Any] = {}
    if newest is not None:
        given = {"units": newest.units, "grants": newest.grants}
    given |= _content(body)
    version = CourseVersion(
        organization_id=caller.organization_id,
        course_id=course_id,
        number=1 if newest is None else newest.number + 1,
    )
    version.revise(given)
    session.add(version)
    record(session, events.course_drafted(version))
    await session.flush()
    return found(
        await COURSE_VERSIONS.one(reader_of(session), version.id),
        status=201,
        location=f"/v1/courses/{course_id}/versions/{version.number}",
    )


@router.get(
    "/courses/{course_id}/versions",
    response_model=CourseVersionPage,
    summary="List the versions of a course",
)
async def list_course_versions(
    course_id: UUID,
    query: Annotated[VersionQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first."""
    await COURSES.require(reader, course_id)
    return listed(await COURSE_VERSIONS.page(reader, query, course_id=course_id), request)


@router.get(
    "/courses/{course_id}/versions/{number}",
    response_model=CourseVersionOut,
    summary="Get a version of a course",
)
async def get_course_version(course_id: UUID, number: Number, reader: ReaderDep) -> Response:
    """One version with its ETag."""
    return found(await COURSE_VERSIONS.one(reader, await VERSIONS.id(reader, course_id, number)))


@router.patch(
    "/courses/{course_id}/versions/{number}",
    response_model=CourseVersionOut,
    summary="Change a draft",
)
async def change_course_version(
    course_id: UUID,
    number: Number,
    body: CourseVersionPatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch by the owner of the course or a trainer; a published version never changes (409)."""
    course, version = await VERSIONS.load(session, course_id, number)
    course.require_author(caller)
    match.check(version.version)
    version.revise(_content(body))
    record(session, events.course_revised(version, *changes(version)))
    await session.flush()
    return found(await COURSE_VERSIONS.one(reader_of(session), version.id))


async def _load_as_publisher(
    session: AsyncSession, caller: Caller, course_id: UUID, number: int
) -> tuple[Course, CourseVersion, Tool | None]:
    course, version = await VERSIONS.load(session, course_id, number)
    tool = None if course.tool_id is None else await load(session, Tool, course.tool_id, lock=False)
    course.require_publisher(caller, tool)
    return course, version, tool


@router.post(
    "/courses/{course_id}/versions/{number}/publication",
    response_model=CourseVersionOut,
    summary="Publish a version of a course",
)
async def publish_course_version(
    course_id: UUID, number: Number, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """A trainer, or the owner of the tool where it gives the tool's competence or none. From now on it never changes."""
    course, version, tool = await _load_as_publisher(session, caller, course_id, number)
    course.require_granter(caller, tool, version.competence)
    version.publish(now)
    record(session, events.course_published(course, version))
    await session.flush()
    return found(await COURSE_VERSIONS.one(reader_of(session), version.id))


@router.post(
    "/courses/{course_id}/versions/{number}/retirement",
    response_model=CourseVersionOut,
    summary="Retire a version of a course",
)
async def retire_course_version(
    course_id: UUID, number: Number, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """A trainer, or the owner of the tool. Learners who are on it finish it."""
    course, version, _ = await _load_as_publisher(session, caller, course_id, number)
    version.retire(now)
    record(session, events.course_retired(course, version))
    await session.flush()
    return found(await COURSE_VERSIONS.one(reader_of(session), version.id))
