"""Importing people from a file, with a result for every row."""

from functools import partial
from typing import Annotated
from uuid import UUID

import anyio.to_thread
import orjson
from fastapi import File, Query, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.csv_table import read_csv
from services.chassis.language import Language, translate
from services.chassis.web import CallerDep, SessionDep, concept, language_of
from services.gateway.domain.people_file import PeopleFile, people_in
from services.gateway.domain.people_import import (
    Outcome,
    PeopleImport,
    RowResult,
    carry_out,
    decide,
)

router = concept("people", files=True)

_ROLES = tuple(role.value for role in Role)


class CellProblem(BaseModel):
    """What is wrong with a row."""

    column: int | None = Field(description="Counted from 1; null: the row as a whole.")
    detail: str = Field(examples=["Nobody has the address grete@nordlys.example"])


class PeopleImportRow(BaseModel):
    """What became of a row."""

    line: int = Field(description="Where it begins in the file, counted from 1.", examples=[2])
    email: str | None
    result: Outcome
    person_id: UUID | None = Field(
        description="Null for a row that failed, and for a new person in a dry run."
    )
    errors: list[CellProblem]


class PeopleImportOut(BaseModel):
    """What became of the file."""

    dry_run: bool = Field(description="Whether nothing was written.")
    created: int
    updated: int
    unchanged: int
    failed: int
    teams_created: list[str] = Field(examples=[["Levering Oslo"]])
    ignored_columns: list[str] = Field(description="Columns whose names mean nothing here.")
    rows: list[PeopleImportRow]


@router.post("/imports/people", response_model=PeopleImportOut, summary="Import people from a file")
async def import_people(
    request: Request,
    file: Annotated[
        UploadFile,
        File(
            description="CSV in UTF-8 with columns for name and e-mail address; further ones as a person has."
        ),
    ],
    caller: CallerDep,
    session: SessionDep,
    dry_run: Annotated[bool, Query(description="Tell what would happen; write nothing.")] = False,
) -> Response:
    """Admins only. Good rows land, the others are told; the same file again changes nothing. Roles are granted, never taken."""
    caller.require(Role.admin)
    # A large file takes a second of reading, in which others want to be answered.
    people = await anyio.to_thread.run_sync(partial(_read, await file.read()))
    plan = await decide(session, people)
    if not dry_run:
        await carry_out(session, plan)
    content = _told(plan, people, dry_run, language_of(request))
    return Response(content, media_type="application/json")


def _read(content: bytes) -> PeopleFile:
    return people_in(read_csv(content), _ROLES)


def _id(row: RowResult, dry_run: bool) -> str | None:
    kept = row.person_id is not None and not (dry_run and row.outcome is Outcome.created)
    return str(row.person_id) if kept else None


def _told(plan: PeopleImport, file: PeopleFile, dry_run: bool, language: Language) -> bytes:
    """The answer, written directly: validating 50,000 rows that we made ourselves takes longer than making them."""
    return orjson.dumps(
        {
            "dry_run": dry_run,
            **{outcome.value: plan.count(outcome) for outcome in Outcome},
            "teams_created": [team.name for team in plan.teams],
            "ignored_columns": file.ignored_columns,
            "rows": [
                {
                    "line": row.line,
                    "email": row.email,
                    "result": row.outcome,
                    "person_id": _id(row, dry_run),
                    "errors": [
                        {
                            "column": problem.column,
                            "detail": translate(language, problem.template, problem.params),
                        }
                        for problem in row.problems
                    ],
                }
                for row in plan.rows
            ],
        }
    )
