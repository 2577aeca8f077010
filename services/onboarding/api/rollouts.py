"""Rollouts: planned by trainers and the tool's owner, put live by managers and the tool's owner."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictInt
from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller
from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import Conflict, FieldError, Invalid, NotFound, offering
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.runtime import Runtime
from services.chassis.telemetry import REQUEST_ID
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.onboarding import events
from services.onboarding.domain.audience import Audience
from services.onboarding.domain.base import directory
from services.onboarding.domain.curriculum import Curriculum, CurriculumVersion
from services.onboarding.domain.following import Doing
from services.onboarding.domain.go_live_dates import end_with_rollout, follow_rollout
from services.onboarding.domain.publication import VersionState
from services.onboarding.domain.readiness import require_gate
from services.onboarding.domain.rollout import (
    Move,
    Rollout,
    State,
    lets,
    require_ahead,
    require_decider,
    require_planner,
)
from services.onboarding.domain.tool import Tool

router = concept("rollouts")
_ONE = "/rollouts/{rollout_id}"


class Requirements(Body):
    """What everybody who counts must have."""

    curricula: list[UUID] = Field(max_length=20, description="Completed, each of them.")


class Gate(Body):
    """How many must have what before a team goes live."""

    min_pct: Annotated[
        StrictInt,
        Field(ge=0, le=100, examples=[90], description="Percent of each team, rounded up."),
    ]
    requires: Requirements


class RequirementsOut(BaseModel):
    """What everybody who counts must have."""

    curricula: list[UUID]


class GateOut(BaseModel):
    """How many must have what before a team goes live."""

    min_pct: int
    requires: RequirementsOut


class RolloutOut(BaseModel):
    """A rollout. `reason` says why it is paused or cancelled."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    tool_id: UUID
    tool_name: str
    audience_id: UUID | None
    team_ids: list[UUID]
    go_live_on: date
    gate: GateOut
    state: State
    paused_in: State | None
    went_live_at: Moment | None
    adopted_at: Moment | None
    reason: str | None


class RolloutPage(BaseModel):
    items: list[RolloutOut]
    next: str | None


TeamIds = Annotated[
    list[UUID],
    Field(max_length=1000, description="The teams whose people it is for; or `audience_id`."),
]


class NewRollout(Body):
    """A rollout to be."""

    tool_id: UUID
    audience_id: UUID | None = Field(None, description="Whom it is for; or `team_ids`.")
    team_ids: TeamIds = Field(default_factory=list)
    go_live_on: Day = Field(examples=["2199-03-01"])
    gate: Gate


class RolloutPatch(Body):
    """JSON Merge Patch of a rollout. Teams take the place of an audience, and the other way round."""

    audience_id: UUID | None = None
    team_ids: TeamIds = Field(default_factory=list)
    go_live_on: Day = Field(default=date.max, examples=["2199-03-01"])
    gate: Gate = Field(default=None)  # type: ignore[assignment]  # left out stays as it is


class RolloutQuery(PageQuery):
    tool_id: UUID | None = None
    audience_id: UUID | None = None
    state: State | None = None


class RolloutReason(Body):
    """Why."""

    reason: Prose = Field(examples=["The supplier delivers in May."])


_r = Rollout.__table__.c  # type: ignore[attr-defined]
_t = Tool.__table__.c  # type: ignore[attr-defined]
_a = Audience.__table__.c  # type: ignore[attr-defined]
_c = Curriculum.__table__.c  # type: ignore[attr-defined]
_v = CurriculumVersion.__table__.c  # type: ignore[attr-defined]
_text = literal_column
ROLLOUTS = Read(
    RolloutOut,
    Rollout,
    columns={
        "tool_name": _t.name,
        "gate": func.json_build_object(
            _text("'min_pct'"),
            _r.min_pct,
            _text("'requires'"),
            func.json_build_object(_text("'curricula'"), _r.required_curricula),
        ),
    },
    source=Rollout.__table__.join(  # type: ignore[attr-defined]
        Tool.__table__,  # type: ignore[attr-defined]
        (_t.organization_id == _r.organization_id) & (_t.id == _r.tool_id),
    ),
    filters=["tool_id", "audience_id", "state"],
    sorts=["go_live_on"],
)


def _flat(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of the table that a body gives; lists without repetition, and one audience in the other's place."""
    if given.get("audience_id") and given.get("team_ids"):
        raise Invalid(
            "A rollout is for an audience, or for teams.",
            errors=[FieldError("/team_ids", "Leave this out, or audience_id.")],
        )
    flat = {name: value for name, value in given.items() if name != "gate"}
    if "team_ids" in flat:
        flat["team_ids"] = list(dict.fromkeys(flat["team_ids"]))
    if flat.get("audience_id"):
        flat["team_ids"] = []
    elif flat.get("team_ids"):
        flat["audience_id"] = None
    if "gate" in given:
        flat["min_pct"] = given["gate"]["min_pct"]
        flat["required_curricula"] = list(dict.fromkeys(given["gate"]["requires"]["curricula"]))
    return flat


async def _require_known(session: AsyncSession, runtime: Runtime, flat: dict[str, Any]) -> None:
    """Refuse with `Invalid` curricula and teams that are not there."""
    wanted: Sequence[UUID] = flat.get("required_curricula", ())
    known = set(
        await session.scalars(
            select(_c.id).where(_c.organization_id == organization_of(session), _c.id.in_(wanted))
        )
    )
    errors = [
        FieldError(f"/gate/requires/curricula/{place}", "There is no such curriculum.")
        for place, id in enumerate(wanted)
        if id not in known
    ]
    audience_id = flat.get("audience_id")
    if audience_id is not None and not await _is_audience(session, audience_id):
        errors.append(FieldError("/audience_id", "There is no such audience."))
    unknown = await unknown_teams(session, runtime, flat.get("team_ids", ()))
    errors += [
        FieldError(f"/team_ids/{place}", "There is no such team.")
        for place, id in enumerate(flat.get("team_ids", ()))
        if id in unknown
    ]
    if errors:
        raise Invalid("Something that the rollout names is not there.", errors=errors)


async def _is_audience(session: AsyncSession, id: UUID) -> bool:
    known = select(_a.id).where(_a.organization_id == organization_of(session), _a.id == id)
    return await session.scalar(known) is not None


async def unknown_teams(session: AsyncSession, runtime: Runtime, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the teams that are not there, after hearing what the directory has told."""
    unknown = set(ids) - await _teams_among(session, ids)
    if unknown:
        await runtime.followers["gateway"].catch_up()
        unknown -= await _teams_among(session, ids)
    return unknown


async def _teams_among(session: AsyncSession, ids: Sequence[UUID]) -> set[UUID]:
    team = directory.team.c
    return set(
        await session.scalars(
            select(team.id).where(
                team.organization_id == organization_of(session), team.id.in_(ids)
            )
        )
    )


async def _require_published(session: AsyncSession, rollout: Rollout) -> None:
    """Refuse with `Conflict` while something that the gate requires cannot be learnt yet."""
    published = set(
        await session.scalars(
            select(_v.curriculum_id).where(
                _v.organization_id == organization_of(session),
                _v.curriculum_id.in_(rollout.required_curricula),
                _v.state == VersionState.published,
            )
        )
    )
    errors = [
        FieldError(f"/gate/requires/curricula/{place}", "The curriculum has no published version.")
        for place, id in enumerate(rollout.required_curricula)
        if id not in published
    ]
    if errors:
        raise Conflict("Publish every curriculum that the gate requires first.", errors=errors)


@router.post("/rollouts", status_code=201, response_model=RolloutOut, summary="Draft a rollout")
async def create_rollout(
    body: NewRollout, caller: CallerDep, now: NowDep, runtime: RuntimeDep, session: SessionDep
) -> Response:
    """The owner of the tool, or a trainer. A day in the past is refused."""
    try:
        tool = await load(session, Tool, body.tool_id, lock=False)
    except NotFound as error:
        raise Invalid(
            "The tool is not known.",
            errors=[FieldError("/tool_id", "There is no such tool.")],
        ) from error
    require_planner(tool, caller)
    require_ahead(body.go_live_on, now.date())
    flat = _flat(body.model_dump())
    await _require_known(session, runtime, flat)
    rollout = Rollout(organization_id=caller.organization_id, **flat)
    session.add(rollout)
    record(session, events.rollout_created(rollout))
    await session.flush()
    return found(
        await ROLLOUTS.one(reader_of(session), rollout.id),
        status=201,
        location=f"/v1/rollouts/{rollout.id}",
    )


@router.get("/rollouts", response_model=RolloutPage, summary="List rollouts")
async def list_rollouts(
    query: Annotated[RolloutQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Everybody; newest first, or by the day to go live."""
    return listed(await ROLLOUTS.page(reader, query), request)


@router.get(_ONE, response_model=RolloutOut, summary="Get a rollout")
async def get_rollout(rollout_id: UUID, reader: ViewerDep) -> Response:
    """One rollout with its ETag, for everybody."""
    return found(await ROLLOUTS.one(reader, rollout_id))


async def load_rollout(session: AsyncSession, rollout_id: UUID) -> tuple[Rollout, Tool]:
    """The rollout, locked for a change, and its tool."""
    rollout = await load(session, Rollout, rollout_id)
    return rollout, await load(session, Tool, rollout.tool_id, lock=False)


@router.patch(_ONE, response_model=RolloutOut, summary="Change a rollout")
async def change_rollout(
    rollout_id: UUID,
    body: RolloutPatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """The owner of the tool, or a trainer: gate and audience until training begins, the day until it is live (409).

    The due dates of its assignment rules follow the day.
    """
    rollout, tool = await load_rollout(session, rollout_id)
    require_planner(tool, caller)
    match.check(rollout.version)
    flat = _flat(body.model_dump(exclude_unset=True))
    await _require_known(session, runtime, flat)
    day = rollout.go_live_on
    rollout.revise(flat, now.date())
    if rollout.state is not State.draft and "required_curricula" in flat:
        await _require_published(session, rollout)
    record(session, events.rollout_changed(rollout, *changes(rollout)))
    await session.flush()
    if rollout.go_live_on != day:
        await follow_rollout(session, rollout, Doing(now, caller, REQUEST_ID.get()))
    return found(await ROLLOUTS.one(reader_of(session), rollout.id))


def _offering(tool: Tool, caller: Caller) -> AbstractContextManager[None]:
    return offering(lambda move: lets(tool, caller, move))


async def _moved(
    session: AsyncSession,
    caller: Caller,
    rollout_id: UUID,
    verb: str,
    require: Callable[[Tool, Caller], None],
    move: Callable[[Rollout], None],
) -> Response:
    rollout, tool = await load_rollout(session, rollout_id)
    require(tool, caller)
    with _offering(tool, caller):
        move(rollout)
    record(session, events.rollout_moved(verb, rollout, *changes(rollout)))
    await session.flush()
    return found(await ROLLOUTS.one(reader_of(session), rollout.id))


@router.post(_ONE + "/planning", response_model=RolloutOut, summary="Plan a rollout")
async def plan_rollout(
    rollout_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The owner of the tool, or a trainer: with an audience, a day ahead, and a gate of published curricula."""
    rollout, tool = await load_rollout(session, rollout_id)
    require_planner(tool, caller)
    with _offering(tool, caller):
        rollout.plan(now.date())
    await _require_published(session, rollout)
    record(session, events.rollout_moved("planned", rollout, *changes(rollout)))
    await session.flush()
    return found(await ROLLOUTS.one(reader_of(session), rollout.id))


@router.post(_ONE + "/training", response_model=RolloutOut, summary="Begin training")
async def train_rollout(rollout_id: UUID, caller: CallerDep, session: SessionDep) -> Response:
    """The owner of the tool, or a trainer. From now on gate and audience hold."""
    rollout, tool = await load_rollout(session, rollout_id)
    require_planner(tool, caller)
    with _offering(tool, caller):
        rollout.train()
    if rollout.audience_id is not None:
        # Whoever changes its rule is done, or comes after and is refused.
        await load(session, Audience, rollout.audience_id)
    record(session, events.rollout_moved("begun", rollout, *changes(rollout)))
    await session.flush()
    return found(await ROLLOUTS.one(reader_of(session), rollout.id))


@router.post(_ONE + "/readiness", response_model=RolloutOut, summary="Say that it is ready")
async def make_rollout_ready(
    rollout_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The owner of the tool, or a trainer, when the gate is met (else 409 with the teams and who is missing)."""
    rollout, tool = await load_rollout(session, rollout_id)
    require_planner(tool, caller)
    with _offering(tool, caller):
        rollout.require_move(Move.make_ready)
    await require_gate(reader_of(session), rollout, now.date())
    rollout.make_ready()
    record(session, events.rollout_moved("ready", rollout, *changes(rollout)))
    await session.flush()
    return found(await ROLLOUTS.one(reader_of(session), rollout.id))


@router.post(_ONE + "/go-live", response_model=RolloutOut, summary="Go live")
async def go_live(
    rollout_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The owner of the tool, or a manager. The gate is judged again: 409 lists each team with have, need and who is missing."""
    rollout, tool = await load_rollout(session, rollout_id)
    require_decider(tool, caller)
    with _offering(tool, caller):
        rollout.require_move(Move.go_live)
    judged = await require_gate(reader_of(session), rollout, now.date())
    rollout.go_live(now)
    record(session, events.rollout_launched(rollout, tool, judged, *changes(rollout)))
    await session.flush()
    return found(await ROLLOUTS.one(reader_of(session), rollout.id))


@router.post(_ONE + "/adoption", response_model=RolloutOut, summary="Say that it is adopted")
async def adopt_rollout(
    rollout_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The owner of the tool, or a manager: people work with it every day."""
    return await _moved(
        session, caller, rollout_id, "adopted", require_decider, lambda r: r.adopt(now)
    )


@router.post(_ONE + "/pause", response_model=RolloutOut, summary="Pause a rollout")
async def pause_rollout(
    rollout_id: UUID, body: RolloutReason, caller: CallerDep, session: SessionDep
) -> Response:
    """The owner of the tool, or a trainer, with a reason, until it is live."""
    return await _moved(
        session, caller, rollout_id, "paused", require_planner, lambda r: r.pause(body.reason)
    )


@router.post(_ONE + "/resumption", response_model=RolloutOut, summary="Resume a rollout")
async def resume_rollout(rollout_id: UUID, caller: CallerDep, session: SessionDep) -> Response:
    """The owner of the tool, or a trainer. It goes on where it was; what was ready is in training again."""
    return await _moved(session, caller, rollout_id, "resumed", require_planner, Rollout.resume)


@router.post(_ONE + "/cancellation", response_model=RolloutOut, summary="Cancel a rollout")
async def cancel_rollout(
    rollout_id: UUID, body: RolloutReason, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The owner of the tool, or a trainer, with a reason, until it is live; for good.

    Its assignment rules end with it, and what nobody else asks for is taken back.
    """
    rollout, tool = await load_rollout(session, rollout_id)
    require_planner(tool, caller)
    rollout.cancel(body.reason)
    record(session, events.rollout_moved("cancelled", rollout, *changes(rollout)))
    await session.flush()
    await end_with_rollout(session, rollout, Doing(now, caller, REQUEST_ID.get()))
    return found(await ROLLOUTS.one(reader_of(session), rollout.id))
