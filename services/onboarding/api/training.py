"""What a learner sees of their own, what a manager sees of a team, and who covers a competence."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.fields import Day, Key
from services.chassis.pages import LARGEST_LIMIT, PageQuery
from services.chassis.web import (
    CallerDep,
    NowDep,
    ReaderDep,
    RuntimeDep,
    ViewerDep,
    concept,
    language_of,
)
from services.onboarding.api.assignments import STORED, AssignmentDetail, with_progress
from services.onboarding.domain.assignment import UNDER_WAY, State
from services.onboarding.domain.own_people import is_known_team, sight_of_team
from services.onboarding.domain.training import MatrixBy, coverage, training_matrix

router = concept("training")


class NextItem(BaseModel):
    """What to take up next."""

    assignment_id: UUID
    item_key: str
    title: str
    due_on: date | None


class MyLearning(BaseModel):
    """The caller's assignments: what is open, first what is due first, and what is done. Withdrawn ones are left out."""

    open: list[AssignmentDetail]
    done: list[AssignmentDetail]
    next: NextItem | None
    overdue: int
    minutes_left: int


class MatrixColumn(BaseModel):
    """Something that is taught: `trained` of `of` active people have completed it, and it holds."""

    key: str
    id: UUID | None
    title: str
    trained: int
    of: int


class MatrixCell(BaseModel):
    """How a person stands to a column: completed while a certificate holds, expired after it.

    Without a state they have nothing to do with it.
    """

    key: str
    state: State | Literal["expired"] | None
    level: int | None
    since: date | None
    expires_on: date | None
    due_on: date | None
    overdue: bool


class MatrixPerson(BaseModel):
    """A person of the team, a cell for each column in their order."""

    person_id: UUID
    name: str
    cells: list[MatrixCell]


class LeftOut(BaseModel):
    """Somebody who is not counted, and why."""

    person_id: UUID
    name: str
    reason: Literal["inactive"]


class TrainingMatrix(BaseModel):
    """A team's people against what is taught."""

    team_id: UUID
    team_name: str
    by: MatrixBy
    on: date
    columns: list[MatrixColumn]
    people: list[MatrixPerson]
    left_out: list[LeftOut]


class TrainedPerson(BaseModel):
    """Somebody certified: `since` they reached the level that was asked for, up to and including `expires_on`."""

    person_id: UUID
    name: str
    team_id: UUID | None
    level: int
    since: date
    expires_on: date | None


class Coverage(BaseModel):
    """Who is trained: `trained` of `of` active people. Unknown, where no published course grants the competence."""

    competence: str
    level: int
    on: date
    state: Literal["known", "unknown"]
    trained: int
    of: int
    people: list[TrainedPerson]


_LATEST = date.max.isoformat()


@router.get("/me/learning", response_model=MyLearning, summary="What I learn")
async def get_my_learning(
    request: Request, caller: CallerDep, now: NowDep, reader: ViewerDep
) -> Response:
    """The caller's open and done assignments with their items, what comes next, and what is overdue."""
    page = await STORED.page(
        reader,
        PageQuery(limit=LARGEST_LIMIT),
        person_id=caller.person_id,
        not_withdrawn=True,
        today=now.date(),
    )
    language = language_of(request)
    mine = [with_progress(item, language) for item in page.objects()]
    done = [one for one in mine if one["state"] == State.completed]
    still = [one for one in mine if one["state"] != State.completed]
    still.sort(key=lambda one: (one["due_on"] or _LATEST, one["created_at"], one["id"]))
    under_way = [one for one in still if one["state"] in UNDER_WAY]
    content = {
        "open": still,
        "done": done,
        "next": next((_next_of(one) for one in under_way if one["next_item"]), None),
        "overdue": sum(one["overdue"] for one in still),
        "minutes_left": sum(one["minutes_left"] for one in under_way),
    }
    return Response(orjson.dumps(content), media_type="application/json")


def _next_of(assignment: dict[str, object]) -> dict[str, object]:
    items = [item for one in assignment["sets"] for item in one["items"]]  # type: ignore[attr-defined]
    return {
        "assignment_id": assignment["id"],
        "item_key": assignment["next_item"],
        "title": next(i["title"] for i in items if i["key"] == assignment["next_item"]),
        "due_on": assignment["due_on"],
    }


@router.get(
    "/teams/{team_id}/training-matrix",
    response_model=TrainingMatrix,
    summary="A team's training matrix",
)
async def get_training_matrix(
    team_id: UUID,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    reader: ReaderDep,
    by: Annotated[MatrixBy, Query(description="What the columns are.")] = MatrixBy.curriculum,
) -> Response:
    """Trainers and admins, who leads the team, and a manager of people in it: those. Another team is not there (404)."""
    if not await is_known_team(reader, caller, team_id):
        await runtime.followers["gateway"].catch_up()
    sight = await sight_of_team(reader, caller, team_id)
    content = await training_matrix(reader, team_id, by, now.date(), sight)
    return Response(content, media_type="application/json")


class CoverageQuery(BaseModel):
    competence: Key = Field(examples=["customer-service"])
    level: int = Field(1, ge=1, le=5, description="At least.")
    on: Day | None = Field(None, description="Default: today (UTC).")
    limit: int = Field(LARGEST_LIMIT, ge=1, le=1000, description="People at most.")


@router.get("/coverage", response_model=Coverage, summary="Who is trained")
async def get_coverage(
    query: Annotated[CoverageQuery, Query()], caller: CallerDep, now: NowDep, reader: ReaderDep
) -> Response:
    """For whoever promises, staffs or trains: sellers, delivery, managers, trainers and admins. Others: 403.

    Who has a competence at a level or above on a day. `trained` counts them all, `people` lists up to `limit`. Who covers
    the needs of one handover is seen there (`…/coverage`), by everybody.
    """
    caller.require(Role.seller, Role.delivery, Role.manager, Role.trainer, Role.admin)
    on = query.on or now.date()
    content = await coverage(reader, query.competence, query.level, on, query.limit)
    return Response(content, media_type="application/json")
