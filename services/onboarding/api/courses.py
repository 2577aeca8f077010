"""Courses. Any employee may begin one; its content stands in versions."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.database import load, reader_of
from services.chassis.errors import FieldError, Invalid, NotFound
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Moment, Title
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.onboarding import events
from services.onboarding.domain.base import directory
from services.onboarding.domain.course import Course, CourseVersion
from services.onboarding.domain.publication import VersionState
from services.onboarding.domain.tool import Tool

router = concept("courses")

Language = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", examples=["nb"])]


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
