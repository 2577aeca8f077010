"""Assigning a curriculum: to one person, or to many with a result for each row."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import Reader, reader_of
from services.chassis.errors import Conflict, FieldError, Invalid
from services.chassis.fields import Body, Day, Line
from services.chassis.language import Language, translate
from services.chassis.runtime import Runtime
from services.chassis.telemetry import REQUEST_ID
from services.chassis.web import (
    CallerDep,
    NowDep,
    RuntimeDep,
    SessionDep,
    concept,
    found,
    language_of,
)
from services.onboarding.api.assignments import AssignmentDetail, detail_of
from services.onboarding.api.due_policies import DuePolicy, due_of
from services.onboarding.domain.address_list import emails_in
from services.onboarding.domain.assigning import (
    REASONS,
    Assigning,
    Wanted,
    assign,
)
from services.onboarding.domain.base import directory
from services.onboarding.domain.named_people import (
    people_by_email,
    people_by_id,
    people_of_audience,
    people_of_team,
)

router = concept("assignments")

MANY = 20_000


class _Assigned(Body):
    curriculum_id: UUID
    due: DuePolicy | None = None
    starts_on: Day | None = Field(None, description="A day to come: scheduled until then.")
    renew: bool = Field(
        False,
        description="Assign it also to whoever holds a certificate of it that is not in its renewal window yet: a further cycle.",
    )


class NewAssignment(_Assigned):
    """An assignment to be."""

    person_id: UUID


class BulkAssignment(_Assigned):
    """Assignments to be, to whoever exactly one of the further fields names."""

    person_id: UUID | None = None
    person_ids: list[UUID] | None = Field(None, max_length=MANY)
    team_id: UUID | None = Field(None, description="Its active people.")
    audience_id: UUID | None = Field(
        None, description="Its active members. Only rows that failed are listed, 1,000 at most."
    )
    emails: list[Line] | None = Field(None, max_length=MANY)
    csv: str | None = Field(
        None,
        max_length=1_000_000,
        description="The text of a CSV file with a column of e-mail addresses, or nothing else.",
        examples=["email\nase@nordlys.example\n"],
    )


class AssigningRow(BaseModel):
    """What became of a row. `line` is the line of the CSV file.

    Unchanged without an assignment: somebody who holds a certificate of it, and so need not learn it yet.
    """

    line: int | None
    email: str | None
    person_id: UUID | None
    name: str | None
    result: Literal["created", "unchanged", "failed"]
    assignment_id: UUID | None
    due_on: date | None
    detail: str | None


class BulkAssigned(BaseModel):
    """What became of each row, and how many of each."""

    curriculum_version: int
    created: int
    unchanged: int
    failed: int
    dry_run: bool
    rows: list[AssigningRow]


_CURRENT = """
SELECT v.id, v.number
FROM curriculum AS c
LEFT JOIN curriculum_version AS v
    ON v.organization_id = c.organization_id AND v.curriculum_id = c.id AND v.state = 'published'
WHERE c.organization_id = $1 AND c.id = $2
ORDER BY v.number DESC NULLS LAST
LIMIT 1
"""


async def _current_version(reader: Reader, curriculum_id: UUID) -> tuple[UUID, int]:
    """The version that is assigned, and its number; raises `Invalid` or `Conflict` where there is none."""
    row = await reader.connection.fetchrow(_CURRENT, reader.organization_id, curriculum_id)
    if row is None:
        raise Invalid(
            "The curriculum is not known.",
            errors=[FieldError("/curriculum_id", "There is no such curriculum.")],
        )
    if row["id"] is None:
        raise Conflict("The curriculum has no published version.")
    return row["id"], row["number"]


def _texts(language: Language) -> dict[str, str]:
    return {name: _text(language, error) for name, error in REASONS.items()}


def _text(language: Language, error: FieldError) -> str:
    return translate(language, error.template, error.params)


@router.post(
    "/assignments",
    status_code=201,
    response_model=AssignmentDetail,
    responses={200: {"model": AssignmentDetail, "description": "It is assigned already."}},
    summary="Assign a curriculum",
)
async def create_assignment(
    body: NewAssignment,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    request: Request,
    session: SessionDep,
) -> Response:
    """Trainers and managers, to one person. Who has it open keeps it (200): the earliest due date wins.

    Who holds a certificate of it is not assigned it again (409), unless `renew` is said or the renewal window has come.
    """
    caller.require(Role.trainer, Role.manager)
    reader = reader_of(session)
    version_id, _ = await _current_version(reader, body.curriculum_id)
    due = await due_of(reader, body.due)
    assigning = Assigning(body.curriculum_id, version_id, due, body.starts_on)
    assigning.check_sound(now.date())
    await directory.require_people(
        session, runtime.followers["gateway"], {"/person_id": body.person_id}
    )
    wanted = Wanted()
    wanted.add(body.person_id)
    outcome = await assign(
        reader,
        assigning,
        wanted,
        _texts(language_of(request)),
        caller=caller,
        request_id=REQUEST_ID.get(),
        now=now,
        renew=body.renew,
    )
    row = orjson.loads(outcome.rows)[0]
    if outcome.failed:
        raise Invalid(
            "The due date cannot be worked out.",
            errors=[FieldError("/due", "{reason}", {"reason": row["detail"]})],
        )
    if row["assignment_id"] is None:
        raise Conflict(
            "This person need not learn it yet.",
            errors=[FieldError("/person_id", "{reason}", {"reason": row["detail"]})],
        )
    return found(
        await detail_of(reader, UUID(row["assignment_id"]), now.date()),
        status=201 if outcome.created else 200,
        location=f"/v1/assignments/{row['assignment_id']}",
    )


@router.post(
    "/assignments/bulk", response_model=BulkAssigned, summary="Assign a curriculum to many"
)
async def assign_in_bulk(
    body: BulkAssignment,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    request: Request,
    session: SessionDep,
    dry_run: Annotated[bool, Query(description="Tell what it would come to.")] = False,
) -> Response:
    """Trainers and managers: people, a team, an audience, or a CSV of addresses; all of it at once, with a result for every row.

    Who holds a certificate of it is left as they are (`unchanged`), unless `renew` is said or the renewal window has come.
    """
    caller.require(Role.trainer, Role.manager)
    reader = reader_of(session)
    language = language_of(request)
    version_id, number = await _current_version(reader, body.curriculum_id)
    due = await due_of(reader, body.due)
    assigning = Assigning(body.curriculum_id, version_id, due, body.starts_on)
    assigning.check_sound(now.date())
    outcome = await assign(
        reader,
        assigning,
        await _wanted(session, runtime, body, language),
        _texts(language),
        caller=caller,
        request_id=REQUEST_ID.get(),
        now=now,
        renew=body.renew,
        dry_run=dry_run,
        only_failed=body.audience_id is not None,
    )
    counts = {
        "curriculum_version": number,
        "created": outcome.created,
        "unchanged": outcome.unchanged,
        "failed": outcome.failed,
        "dry_run": dry_run,
        "rows": orjson.Fragment(outcome.rows),
    }
    return Response(orjson.dumps(counts), media_type="application/json")


# --- who is meant ---------------------------------------------------------------------------------

_KINDS = ("person_id", "person_ids", "team_id", "audience_id", "emails", "csv")


async def _wanted(
    session: AsyncSession, runtime: Runtime, body: BulkAssignment, language: Language
) -> Wanted:
    """The rows that the body names. Somebody unknown makes the directory catch up before it says no."""
    named = [kind for kind in _KINDS if getattr(body, kind) is not None]
    if len(named) != 1:
        raise Invalid(
            "Name exactly one of {kinds}.",
            kinds=", ".join(_KINDS),
            errors=[FieldError("", "Name exactly one of {kinds}.", {"kinds": ", ".join(_KINDS)})],
        )
    reader = reader_of(session)
    if body.team_id is not None:
        return await _wanted_team(reader, runtime, body.team_id)
    if body.audience_id is not None:
        return await _wanted_audience(reader, body.audience_id)
    if body.csv is not None or body.emails is not None:
        return await _wanted_addresses(reader, runtime, body, language)
    ids = body.person_ids if body.person_ids is not None else [_given(body.person_id)]
    found_ids = await people_by_id(reader, ids)
    if None in found_ids:
        await runtime.followers["gateway"].catch_up()
        found_ids = await people_by_id(reader, ids)
    unknown = _text(language, FieldError("", "There is no such person."))
    twice = _text(language, FieldError("", "Named more than once: counted once."))
    wanted = Wanted()
    seen: set[UUID] = set()
    for id, known in zip(ids, found_ids, strict=True):
        if id in seen:
            wanted.add(known, result="failed", detail=twice)
        elif known is None:
            wanted.add(id, result="failed", detail=unknown)
        else:
            wanted.add(id)
        seen.add(id)
    return wanted


def _given(id: UUID | None) -> UUID:
    assert id is not None
    return id


async def _wanted_team(reader: Reader, runtime: Runtime, team_id: UUID) -> Wanted:
    people = await people_of_team(reader, team_id)
    if people is None:
        await runtime.followers["gateway"].catch_up()
        people = await people_of_team(reader, team_id)
    if people is None:
        raise Invalid(
            "The team is not known.",
            errors=[FieldError("/team_id", "There is no such team.")],
        )
    wanted = Wanted()
    for id in people:
        wanted.add(id)
    return wanted


async def _wanted_audience(reader: Reader, audience_id: UUID) -> Wanted:
    people = await people_of_audience(reader, audience_id)
    if people is None:
        raise Invalid(
            "The audience is not known.",
            errors=[FieldError("/audience_id", "There is no such audience.")],
        )
    wanted = Wanted()
    for id in people:
        wanted.add(id)
    return wanted


async def _wanted_addresses(
    reader: Reader, runtime: Runtime, body: BulkAssignment, language: Language
) -> Wanted:
    """A row for each address; what is none, is unknown or stands there twice is only reported."""
    lines: Sequence[int | None]
    emails: list[str | None]
    wrong: list[FieldError | None]
    if body.csv is not None:
        rows = emails_in(body.csv)
        lines = [row.line for row in rows]
        emails = [row.email for row in rows]
        wrong = [row.problem for row in rows]
    else:
        emails = list(body.emails or ())
        lines = [None] * len(emails)
        empty = FieldError("", "The address is empty")
        wrong = [None if email else empty for email in body.emails or ()]
    asked = [(email or "").lower() for email in emails]
    found_ids = await people_by_email(reader, asked)
    if None in found_ids:
        await runtime.followers["gateway"].catch_up()
        found_ids = await people_by_email(reader, asked)
    unknown = _text(language, FieldError("", "Nobody has this address."))
    wanted = Wanted()
    first: dict[str, int | None] = {}
    for line, email, address, id, problem in zip(
        lines, emails, asked, found_ids, wrong, strict=True
    ):
        if problem is not None:
            detail = _text(language, problem)
            wanted.add(None, email=email, line=line, result="failed", detail=detail)
            continue
        if address in first:
            detail = _text(language, _twice(first[address]))
            wanted.add(id, email=email, line=line, result="failed", detail=detail)
            continue
        first[address] = line
        if id is None:
            wanted.add(None, email=email, line=line, result="failed", detail=unknown)
        else:
            wanted.add(id, email=email, line=line)
    return wanted


def _twice(line: int | None) -> FieldError:
    if line is None:
        return FieldError("", "Named more than once: counted once.")
    return FieldError("", "It stands in line {line} already: counted once.", {"line": line})
