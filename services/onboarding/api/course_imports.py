"""Importing courses from a file, with a result for every row: for whoever comes from another learning system."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
import orjson
from fastapi import File, Form, Query, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.csv_table import read_csv
from services.chassis.database import reader_of
from services.chassis.errors import FieldError, Invalid
from services.chassis.fields import Body, Name
from services.chassis.language import Language, translate
from services.chassis.web import (
    CallerDep,
    NowDep,
    RuntimeDep,
    SessionDep,
    concept,
    language_of,
    mapping_as,
)
from services.onboarding.domain.course_file import MOST_MINUTES, CourseFile, Usual, courses_in
from services.onboarding.domain.course_import import import_courses
from services.onboarding.domain.named_people import know_people
from services.onboarding.domain.publication import VersionState
from services.onboarding.domain.row_outcome import RowOutcome, RowResult, counted, counted_once

router = concept("imports", files=True)

MAPPED = (
    "Which column holds what, as JSON. Without it columns are known by their names, in English, Danish, Norwegian or "
    "Swedish. Fields: "
)


class ImportRemark(BaseModel):
    """Something to say of a cell, or of the whole row when there is no column."""

    column: int | None = Field(description="Counted from 1.", examples=[3])
    detail: str = Field(examples=["level is 6; levels go from 1 to 5"])


class CourseImportRow(BaseModel):
    """What became of a row; rows of the same course share it. `errors` says why it failed, `remarks` what else there is to know."""

    line: int = Field(description="On which it begins in the file, counted from 1.", examples=[2])
    result: RowResult
    course_id: UUID | None = Field(description="Null where it failed, or would be new.")
    errors: list[ImportRemark]
    remarks: list[ImportRemark]


class CourseImport(BaseModel):
    """What an import did, or would do; the numbers are of rows."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    skipped: int
    failed: int
    courses_created: int = Field(description="Courses, of which there may be several rows.")
    courses_updated: int
    ignored_columns: list[str] = Field(description="Columns that mean nothing here.")
    rows: list[CourseImportRow]


class CourseMapping(Body):
    """Which column of a CSV holds what, by the name in its header."""

    title: Name
    key: Name | None = None
    language: Name | None = None
    tool: Name | None = None
    owner: Name | None = None
    competence: Name | None = None
    level: Name | None = None
    state: Name | None = None
    unit: Name | None = None
    kind: Name | None = None
    minutes: Name | None = None
    link: Name | None = None
    text: Name | None = None


@router.post("/imports/courses", response_model=CourseImport, summary="Import courses from a file")
async def import_courses_from_file(
    request: Request,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
    file: Annotated[
        UploadFile,
        File(
            description="CSV: a course in each row, or a unit of one; rows of a course share its key or title."
        ),
    ],
    mapping: Annotated[
        str | None,
        Form(
            max_length=10_000,
            description=MAPPED
            + "`title`; further `key`, `language`, `tool` (key), `owner` (e-mail address), `competence`, `level`, "
            "`state` (draft or published), `unit` (title), `kind`, `minutes`, `link`, `text`.",
            examples=['{"title": "Course name", "key": "Short name", "minutes": "Duration"}'],
        ),
    ] = None,
    default_state: Annotated[
        VersionState, Form(description="Of new courses that do not say theirs: draft or published.")
    ] = VersionState.published,
    default_minutes: Annotated[
        int | None,
        Form(ge=1, le=MOST_MINUTES, description="Of rows without minutes.", examples=[30]),
    ] = None,
    dry_run: Annotated[bool, Query(description="Say what would happen, change nothing.")] = False,
) -> Response:
    """Trainers. Good courses land, the others are told with line and column; the same file again changes nothing."""
    caller.require(Role.trainer)
    if default_state is VersionState.retired:
        raise Invalid(
            "The form is not valid.",
            errors=[FieldError("/default_state", "It is draft or published.")],
        )
    columns = None if mapping is None else mapping_as(CourseMapping, mapping).model_dump()
    usual = Usual(default_state, default_minutes)
    # A large file takes a second of CPU: others are served meanwhile.
    listed = await anyio.to_thread.run_sync(partial(_read, await file.read(), columns, usual))
    owners = {course.owner for course in listed.courses.values() if course.owner}
    await know_people(reader_of(session), runtime.followers["gateway"], emails=owners)
    rows = await import_courses(session, caller, listed, now, dry_run=dry_run)
    return imported(
        rows,
        language_of(request),
        "course_id",
        dry_run=dry_run,
        ignored=listed.ignored_columns,
        courses_created=counted_once(rows, RowResult.created),
        courses_updated=counted_once(rows, RowResult.updated),
    )


def _read(content: bytes, columns: dict[str, str | None] | None, usual: Usual) -> CourseFile:
    return courses_in(read_csv(content), columns, usual)


def imported(
    rows: list[RowOutcome],
    language: Language,
    id_name: str,
    *,
    dry_run: bool,
    ignored: list[str],
    **further: int,
) -> Response:
    """The answer, written directly: validating 50,000 rows that we made ourselves takes longer than making them."""

    def told(found: list[FieldError]) -> list[dict[str, Any]]:
        return [
            {"column": one.column, "detail": translate(language, one.template, one.params)}
            for one in found
        ]

    body = {
        "dry_run": dry_run,
        **counted(rows),
        **further,
        "ignored_columns": ignored,
        "rows": [
            {
                "line": row.line,
                "result": row.result,
                id_name: row.id,
                "errors": told(row.errors),
                "remarks": told(row.remarks),
            }
            for row in rows
        ],
    }
    return Response(orjson.dumps(body, default=str), media_type="application/json")
