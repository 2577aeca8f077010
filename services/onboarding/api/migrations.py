"""Migrations: learners go on to a later version of their curriculum, previewed before they do."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import BaseModel, Field, StrictInt
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.errors import FieldError, Invalid, NotFound
from services.chassis.fields import Body
from services.chassis.telemetry import REQUEST_ID
from services.chassis.web import CallerDep, NowDep, SessionDep, concept
from services.onboarding.domain.assignment import State
from services.onboarding.domain.course_set import Item
from services.onboarding.domain.curriculum import VERSIONS, Curriculum, CurriculumVersion
from services.onboarding.domain.following import Doing
from services.onboarding.domain.migration import Stays, Step, Verdict, migrate

router = concept("curricula")

MANY = 20_000
_VersionNumber = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]


class NewMigration(Body):
    """From which version to which later one, and who: everybody, unless assignments are named."""

    from_version: _VersionNumber = Field(examples=[1])
    to_version: _VersionNumber = Field(examples=[2], description="A published one.")
    assignment_ids: list[UUID] | None = Field(None, min_length=1, max_length=MANY)


class MigratedItem(BaseModel):
    """A course that stands in one of the versions, or in both; null is the version of the course where it does not stand."""

    key: str
    title: str
    course_id: UUID
    from_course_version: int | None
    to_course_version: int | None


class MigratedLearner(BaseModel):
    """What it comes to for somebody: passed items that count on (`kept`), passed ones that do not (`dropped`), and what is
    `new` to them. `stays` says why nothing changes for them."""

    assignment_id: UUID
    person_id: UUID
    name: str | None
    result: Literal["moved", "completed", "unchanged"]
    state: State
    kept: list[str]
    new: list[str]
    dropped: list[str]
    stays: Stays | None


class Migration(BaseModel):
    """What became of the items and of the learners. `learners` are a page of them, by assignment, oldest first."""

    curriculum_id: UUID
    from_version: int
    to_version: int
    dry_run: bool
    kept: list[MigratedItem]
    new: list[MigratedItem]
    dropped: list[MigratedItem]
    moved: int = Field(description="Of them, `completed` had all that the new version asks for.")
    completed: int
    unchanged: int
    learners: list[MigratedLearner]
    next: UUID | None = Field(description="`after` of the next page of a dry run.")


@router.post(
    "/curricula/{curriculum_id}/migrations",
    response_model=Migration,
    summary="Let learners go on to a later version",
)
async def migrate_learners(
    curriculum_id: UUID,
    body: NewMigration,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
    dry_run: Annotated[bool, Query(description="Tell what it would come to.")] = False,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Learners listed at most.")] = 200,
    after: Annotated[UUID | None, Query(description="List those after this assignment.")] = None,
) -> Response:
    """A trainer. What was passed stays passed, by the key of the course; due dates stay; what is dropped stays on record.

    Whoever has all that the new version asks for has completed it. Completed and withdrawn assignments stay as they are.
    """
    caller.require(Role.trainer)
    # Locked, so that the version is not retired meanwhile.
    await load(session, Curriculum, curriculum_id, lock=not dry_run)
    step = Step.between(
        await _version(session, curriculum_id, body.from_version, "/from_version"),
        await _version(session, curriculum_id, body.to_version, "/to_version"),
    )
    verdicts = await migrate(
        session, step, Doing(now, caller, REQUEST_ID.get()), body.assignment_ids, dry_run=dry_run
    )
    listed = [one for one in verdicts if after is None or one.learner.assignment_id > after]
    content = {
        "curriculum_id": curriculum_id,
        "from_version": step.origin.number,
        "to_version": step.target.number,
        "dry_run": dry_run,
        "kept": [_item(origin, target) for origin, target in step.kept],
        "new": [_item(None, item) for item in step.new],
        "dropped": [_item(item, None) for item in step.dropped],
        "moved": sum(one.stays is None for one in verdicts),
        "completed": sum(one.completes for one in verdicts),
        "unchanged": sum(one.stays is not None for one in verdicts),
        "learners": [_learner(one) for one in listed[:limit]],
        "next": listed[limit - 1].learner.assignment_id
        if dry_run and len(listed) > limit
        else None,
    }
    return Response(orjson.dumps(content, default=str), media_type="application/json")


async def _version(
    session: AsyncSession, curriculum_id: UUID, number: int, pointer: str
) -> CurriculumVersion:
    try:
        id = await VERSIONS.id(reader_of(session), curriculum_id, number)
    except NotFound as error:
        raise Invalid(
            "The version is not known.", errors=[FieldError(pointer, "There is no such version.")]
        ) from error
    return await load(session, CurriculumVersion, id, lock=False)


def _item(origin: Item | None, target: Item | None) -> dict[str, Any]:
    item = target or origin
    assert item is not None
    return {
        "key": item.key,
        "title": item.title,
        "course_id": item.course_id,
        "from_course_version": None if origin is None else origin.course_version,
        "to_course_version": None if target is None else target.course_version,
    }


def _learner(verdict: Verdict) -> dict[str, Any]:
    learner = verdict.learner
    result = "moved" if verdict.stays is None else "unchanged"
    told: dict[str, Sequence[str]] = {
        "kept": verdict.kept,
        "new": verdict.new,
        "dropped": verdict.dropped,
    }
    return {
        "assignment_id": learner.assignment_id,
        "person_id": learner.person_id,
        "name": learner.name,
        "result": "completed" if verdict.completes else result,
        "state": verdict.state,
        **told,
        "stays": verdict.stays,
    }
