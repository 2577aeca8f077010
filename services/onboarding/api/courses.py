"""Courses and their versions. Any employee may draft one; a trainer or the owner of the tool publishes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request
from pydantic import BaseModel, Field, StrictInt
from sqlalchemy import case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller
from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import FieldError, Invalid, NotFound
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Link, Moment, Name, Prose, Title
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
from services.onboarding.domain.base import directory
from services.onboarding.domain.course import Course, CourseVersion, UnitKind
from services.onboarding.domain.publication import VersionState
from services.onboarding.domain.tool import Tool

router = concept("courses")

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of the version.")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", examples=["nb"])]


class GrantOut(BaseModel):
    """A competence at a level."""

    competence: str
    level: int


class CourseOut(BaseModel):
    """A course. `current_version` is the newest published one."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    key: str
    title: str
    language: str | None
    owner_id: UUID
    tool_id: UUID | None
    current_version: int | None
    newest_version: int | None


class CoursePage(BaseModel):
    items: list[CourseOut]
    next: str | None


class NewCourse(Body):
    """A course to be."""

    key: Key = Field(examples=["customer-dialogue"], description="Names it for good.")
    title: Title = Field(examples=["Kunden i skranken og på telefonen"])
    language: Language | None = None
    tool_id: UUID | None = Field(None, description="The tool that it is about.")
    owner_id: UUID | None = Field(None, description="Default: the caller.")


class CoursePatch(Body):
    """JSON Merge Patch of a course."""

    title: Title = Field(default="")
    language: Language | None = None
    tool_id: UUID | None = None
    owner_id: UUID = Field(default=UUID(int=0))


class CourseQuery(PageQuery):
    key: Key | None = None
    owner_id: UUID | None = None
    tool_id: UUID | None = None


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


class VersionQuery(PageQuery):
    state: VersionState | None = None


_c = Course.__table__.c  # type: ignore[attr-defined]
_v = CourseVersion.__table__.c  # type: ignore[attr-defined]
_newest = (
    select(func.max(_v.number))
    .where(_v.organization_id == _c.organization_id, _v.course_id == _c.id)
    .correlate(Course.__table__)  # type: ignore[attr-defined]
)
COURSES = Read(
    CourseOut,
    Course,
    columns={
        "current_version": _newest.where(_v.state == VersionState.published).scalar_subquery(),
        "newest_version": _newest.scalar_subquery(),
    },
    sorts=["title"],
    filters=["key", "owner_id", "tool_id"],
)
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


async def _require_tool(session: AsyncSession, tool_id: UUID | None) -> None:
    if tool_id is None:
        return
    try:
        await load(session, Tool, tool_id, lock=False)
    except NotFound as error:
        raise Invalid(
            "The tool is not known.",
            errors=[FieldError("/tool_id", "There is no such tool.")],
        ) from error


@router.post("/courses", status_code=201, response_model=CourseOut, summary="Begin a course")
async def create_course(
    body: NewCourse, caller: CallerDep, runtime: RuntimeDep, session: SessionDep
) -> Response:
    """Any employee; a key is used once. Its content stands in versions."""
    given = body.model_dump()
    given["owner_id"] = body.owner_id or caller.person_id
    await _require_tool(session, body.tool_id)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/owner_id": body.owner_id}
    )
    course = Course(organization_id=caller.organization_id, **given)
    session.add(course)
    record(session, events.course_created(course))
    await session.flush()
    return found(
        await COURSES.one(reader_of(session), course.id),
        status=201,
        location=f"/v1/courses/{course.id}",
    )


@router.get("/courses", response_model=CoursePage, summary="List courses")
async def list_courses(
    query: Annotated[CourseQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first, or by title."""
    return listed(await COURSES.page(reader, query), request)


@router.get("/courses/{course_id}", response_model=CourseOut, summary="Get a course")
async def get_course(course_id: UUID, reader: ViewerDep) -> Response:
    """One course with its ETag."""
    return found(await COURSES.one(reader, course_id))


@router.patch("/courses/{course_id}", response_model=CourseOut, summary="Change a course")
async def change_course(
    course_id: UUID,
    body: CoursePatch,
    caller: CallerDep,
    match: MatchDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; its owner or a trainer."""
    course = await load(session, Course, course_id)
    course.require_author(caller)
    match.check(course.version)
    given = body.model_dump(exclude_unset=True)
    await _require_tool(session, given.get("tool_id"))
    await directory.require_people(
        session, runtime.followers["gateway"], {"/owner_id": given.get("owner_id")}
    )
    course.sqlmodel_update(given)
    record(session, events.course_changed(course, *changes(course)))
    await session.flush()
    return found(await COURSES.one(reader_of(session), course.id))


_ID = "SELECT id FROM course_version WHERE organization_id = $1 AND course_id = $2 AND number = $3"


# --- versions -------------------------------------------------------------------------------------


async def _load_version(
    session: AsyncSession, course_id: UUID, number: int
) -> tuple[Course, CourseVersion]:
    """A course and one of its versions. The course is locked, so that its versions change one at a time."""
    course = await load(session, Course, course_id)
    version_id = await reader_of(session).connection.fetchval(
        _ID, organization_of(session), course_id, number
    )
    if version_id is None:
        raise NotFound("There is no such {thing}.", thing="course version")
    return course, await load(session, CourseVersion, version_id)


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
    newest = await session.scalar(
        select(CourseVersion)
        .where(_v.organization_id == caller.organization_id, _v.course_id == course_id)
        .order_by(_v.number.desc())
        .limit(1)
    )
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
    id = await reader.connection.fetchval(_ID, reader.organization_id, course_id, number)
    if id is None:
        raise NotFound("There is no such {thing}.", thing="course version")
    return found(await COURSE_VERSIONS.one(reader, id))


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
    course, version = await _load_version(session, course_id, number)
    course.require_author(caller)
    match.check(version.version)
    version.revise(_content(body))
    record(session, events.course_revised(version, *changes(version)))
    await session.flush()
    return found(await COURSE_VERSIONS.one(reader_of(session), version.id))


async def _load_as_publisher(
    session: AsyncSession, caller: Caller, course_id: UUID, number: int
) -> tuple[Course, CourseVersion]:
    course, version = await _load_version(session, course_id, number)
    tool = None if course.tool_id is None else await load(session, Tool, course.tool_id, lock=False)
    course.require_publisher(caller, tool)
    return course, version


@router.post(
    "/courses/{course_id}/versions/{number}/publication",
    response_model=CourseVersionOut,
    summary="Publish a version of a course",
)
async def publish_course_version(
    course_id: UUID, number: Number, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """A trainer, or the owner of the tool. From now on it never changes; the newest published one is current."""
    course, version = await _load_as_publisher(session, caller, course_id, number)
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
    course, version = await _load_as_publisher(session, caller, course_id, number)
    version.retire(now)
    record(session, events.course_retired(course, version))
    await session.flush()
    return found(await COURSE_VERSIONS.one(reader_of(session), version.id))
