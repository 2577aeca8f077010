"""Curricula. Trainers and managers begin them; their trees stand in versions."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
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
from services.onboarding.api.courses import Language
from services.onboarding.domain.base import directory
from services.onboarding.domain.curriculum import Curriculum, CurriculumVersion
from services.onboarding.domain.publication import VersionState

router = concept("curricula")


class CurriculumOut(BaseModel):
    """A curriculum. `current_version` is the newest published one: what is assigned."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    key: str
    title: str
    language: str | None
    owner_id: UUID
    current_version: int | None
    newest_version: int | None


class CurriculumPage(BaseModel):
    items: list[CurriculumOut]
    next: str | None


class NewCurriculum(Body):
    """A curriculum to be."""

    key: Key = Field(examples=["front-desk"], description="Names it for good.")
    title: Title = Field(examples=["Skranken med Kundeglimt"])
    language: Language | None = None
    owner_id: UUID | None = Field(None, description="Default: the caller.")


class CurriculumPatch(Body):
    """JSON Merge Patch of a curriculum."""

    title: Title = Field(default="")
    language: Language | None = None
    owner_id: UUID = Field(default=UUID(int=0))


class CurriculumQuery(PageQuery):
    key: Key | None = None
    owner_id: UUID | None = None


_c = Curriculum.__table__.c  # type: ignore[attr-defined]
_v = CurriculumVersion.__table__.c  # type: ignore[attr-defined]
_newest = (
    select(func.max(_v.number))
    .where(_v.organization_id == _c.organization_id, _v.curriculum_id == _c.id)
    .correlate(Curriculum.__table__)  # type: ignore[attr-defined]
)
CURRICULA = Read(
    CurriculumOut,
    Curriculum,
    columns={
        "current_version": _newest.where(_v.state == VersionState.published).scalar_subquery(),
        "newest_version": _newest.scalar_subquery(),
    },
    sorts=["title"],
    filters=["key", "owner_id"],
)


@router.post(
    "/curricula", status_code=201, response_model=CurriculumOut, summary="Begin a curriculum"
)
async def create_curriculum(
    body: NewCurriculum, caller: CallerDep, runtime: RuntimeDep, session: SessionDep
) -> Response:
    """Trainers and managers; a key is used once. Its tree stands in versions."""
    caller.require(Role.trainer, Role.manager)
    given = body.model_dump()
    given["owner_id"] = body.owner_id or caller.person_id
    await directory.require_people(
        session, runtime.followers["gateway"], {"/owner_id": body.owner_id}
    )
    curriculum = Curriculum(organization_id=caller.organization_id, **given)
    session.add(curriculum)
    record(session, events.curriculum_created(curriculum))
    await session.flush()
    return found(
        await CURRICULA.one(reader_of(session), curriculum.id),
        status=201,
        location=f"/v1/curricula/{curriculum.id}",
    )


@router.get("/curricula", response_model=CurriculumPage, summary="List curricula")
async def list_curricula(
    query: Annotated[CurriculumQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first, or by title."""
    return listed(await CURRICULA.page(reader, query), request)


@router.get("/curricula/{curriculum_id}", response_model=CurriculumOut, summary="Get a curriculum")
async def get_curriculum(curriculum_id: UUID, reader: ViewerDep) -> Response:
    """One curriculum with its ETag."""
    return found(await CURRICULA.one(reader, curriculum_id))


@router.patch(
    "/curricula/{curriculum_id}", response_model=CurriculumOut, summary="Change a curriculum"
)
async def change_curriculum(
    curriculum_id: UUID,
    body: CurriculumPatch,
    caller: CallerDep,
    match: MatchDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; trainers and managers."""
    caller.require(Role.trainer, Role.manager)
    curriculum = await load(session, Curriculum, curriculum_id)
    match.check(curriculum.version)
    given = body.model_dump(exclude_unset=True)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/owner_id": given.get("owner_id")}
    )
    curriculum.sqlmodel_update(given)
    record(session, events.curriculum_changed(curriculum, *changes(curriculum)))
    await session.flush()
    return found(await CURRICULA.one(reader_of(session), curriculum.id))
