"""Importing what people completed before Stafett, and what is on record of it."""

from datetime import date
from functools import partial
from typing import Annotated
from uuid import UUID

import anyio.to_thread
from fastapi import File, Form, Query, Request, UploadFile
from pydantic import BaseModel, Field
from sqlalchemy import Uuid, bindparam, exists, select
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.csv_cell import DateFormat
from services.chassis.csv_table import read_csv
from services.chassis.database import reader_of
from services.chassis.fields import Body, Moment, Name
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    NowDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    language_of,
    listed,
    mapping_as,
)
from services.onboarding.api.course_imports import MAPPED, ImportRemark, imported
from services.onboarding.domain.base import directory
from services.onboarding.domain.completion_file import CompletionFile, completions_in
from services.onboarding.domain.completion_import import import_completions
from services.onboarding.domain.course import Course
from services.onboarding.domain.curriculum import Curriculum
from services.onboarding.domain.named_people import know_people
from services.onboarding.domain.past_completion import CompletionBasis, PastCompletion
from services.onboarding.domain.row_outcome import RowResult

router = concept("imports", files=True)
records = concept("certificates")


class CompletionImportRow(BaseModel):
    """What became of a row. `errors` says why it failed, `remarks` what else there is to know."""

    line: int = Field(description="On which it begins in the file, counted from 1.", examples=[2])
    result: RowResult
    past_completion_id: UUID | None
    errors: list[ImportRemark]
    remarks: list[ImportRemark]


class CompletionImport(BaseModel):
    """What an import did, or would do."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    skipped: int
    failed: int
    ignored_columns: list[str] = Field(description="Columns that mean nothing here.")
    rows: list[CompletionImportRow]


class CompletionMapping(Body):
    """Which column of a CSV holds what, by the name in its header."""

    completed_on: Name
    email: Name | None = None
    employee_number: Name | None = None
    course: Name | None = None
    curriculum: Name | None = None
    expires_on: Name | None = None
    level: Name | None = None
    basis: Name | None = None
    evidence: Name | None = None


class PastCompletionOut(BaseModel):
    """What somebody completed before Stafett, as the file said it; the certificate holds what counts today."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    person_id: UUID
    person_name: str | None
    course_id: UUID | None
    curriculum_id: UUID | None
    title: str
    completed_on: date
    expires_on: date | None
    level: int | None
    basis: CompletionBasis
    evidence: str | None
    assignment_id: UUID | None
    certificate_id: UUID | None
    imported_by: UUID
    imported_at: Moment


class PastCompletionPage(BaseModel):
    items: list[PastCompletionOut]
    next: str | None


class PastCompletionQuery(PageQuery):
    person_id: UUID | None = None
    course_id: UUID | None = None
    curriculum_id: UUID | None = None


_x = PastCompletion.__table__.c  # type: ignore[attr-defined]
_course = Course.__table__.c  # type: ignore[attr-defined]
_curriculum = Curriculum.__table__.c  # type: ignore[attr-defined]
_p, _t = directory.person.c, directory.team.c
_who = bindparam("seen_by", type_=Uuid)
PAST_COMPLETIONS = Read(
    PastCompletionOut,
    PastCompletion,
    columns={
        "person_name": _p.name,
        "title": (
            select(_course.title)
            .where(_course.organization_id == _x.organization_id, _course.id == _x.course_id)
            .union_all(
                select(_curriculum.title).where(
                    _curriculum.organization_id == _x.organization_id,
                    _curriculum.id == _x.curriculum_id,
                )
            )
            .scalar_subquery()
        ),
    },
    source=PastCompletion.__table__.outerjoin(  # type: ignore[attr-defined]
        directory.person, (_p.organization_id == _x.organization_id) & (_p.id == _x.person_id)
    ),
    filters=["person_id", "course_id", "curriculum_id"],
    conditions={
        "seen_by": (_x.person_id == _who)
        | (_p.manager_id == _who)
        | exists(
            select(_t.id).where(
                _t.organization_id == _p.organization_id, _t.id == _p.team_id, _t.lead_id == _who
            )
        ),
    },
    sorts=["completed_on"],
)


@router.post(
    "/imports/completions",
    response_model=CompletionImport,
    summary="Import completions from a file",
)
async def import_completions_from_file(
    request: Request,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
    file: Annotated[
        UploadFile, File(description="CSV: who completed which course or curriculum on which day.")
    ],
    mapping: Annotated[
        str | None,
        Form(
            max_length=10_000,
            description=MAPPED
            + "`email` or `employee_number`; `course` or `curriculum` (key or title); `completed_on`; further "
            "`expires_on`, `level`, `basis` (completed, passed or certified), `evidence`.",
            examples=['{"email": "User", "course": "Short name", "completed_on": "Completed"}'],
        ),
    ] = None,
    date_format: Annotated[DateFormat, Form()] = DateFormat.ISO,
    dry_run: Annotated[bool, Query(description="Say what would happen, change nothing.")] = False,
) -> Response:
    """Trainers, never for themselves. Certificates as of each day, open assignments go on; the same file again changes nothing."""
    caller.require(Role.trainer)
    columns = None if mapping is None else mapping_as(CompletionMapping, mapping).model_dump()
    # A large file takes a second of CPU: others are served meanwhile.
    told = await anyio.to_thread.run_sync(
        partial(_read, await file.read(), columns, date_format, now.date())
    )
    named = [row.told for row in told.rows if row.told is not None]
    await know_people(
        reader_of(session),
        runtime.followers["gateway"],
        emails={one.email for one in named if one.email is not None},
        numbers={one.number for one in named if one.number is not None},
    )
    rows = await import_completions(session, caller, told.rows, now, dry_run=dry_run)
    return imported(
        rows,
        language_of(request),
        "past_completion_id",
        dry_run=dry_run,
        ignored=told.ignored_columns,
    )


def _read(
    content: bytes, columns: dict[str, str | None] | None, date_format: DateFormat, today: date
) -> CompletionFile:
    return completions_in(read_csv(content), columns, date_format, today)


@records.get(
    "/past-completions", response_model=PastCompletionPage, summary="List past completions"
)
async def list_past_completions(
    query: Annotated[PastCompletionQuery, Query()],
    request: Request,
    caller: CallerDep,
    reader: ViewerDep,
) -> Response:
    """Newest first, as they were imported. One's own; managers and leads see their people's, trainers and admins everybody's."""
    seen = {} if caller.has(Role.trainer, Role.admin) else {"seen_by": caller.person_id}
    return listed(await PAST_COMPLETIONS.page(reader, query, **seen), request)
