"""Overrides: a team goes live untrained because two people answer for it."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Boolean, Date, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller, Role
from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import Conflict, FieldError, Forbidden, IllegalMove, Invalid, NotFound
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    NowDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.onboarding import events
from services.onboarding.api.rollouts import ROLLOUTS, load_rollout
from services.onboarding.domain.override import Override, State, require_time_left
from services.onboarding.domain.own_people import leads_team
from services.onboarding.domain.readiness import is_in_audience
from services.onboarding.domain.rollout import AHEAD, Rollout, lets, moves_from
from services.onboarding.domain.tool import Tool

router = concept("rollouts")
_LIST = "/rollouts/{rollout_id}/overrides"
_ONE = _LIST + "/{override_id}"


class OverrideOut(BaseModel):
    """An override. `expired` is as of today (UTC): an approved one then counts no more."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    rollout_id: UUID
    team_id: UUID
    reason: str
    mitigation: str
    expires_on: date = Field(description="The last day on which it counts.")
    expired: bool
    requested_by: UUID
    state: State
    decided_by: UUID | None
    decided_at: Moment | None
    decision_reason: str | None
    revoked_by: UUID | None
    revoked_at: Moment | None
    revocation_reason: str | None


class OverridePage(BaseModel):
    items: list[OverrideOut]
    next: str | None


class OverrideQuery(PageQuery):
    team_id: UUID | None = None
    state: State | None = None


class NewOverride(Body):
    """An override to be asked for."""

    team_id: UUID
    reason: Prose = Field(examples=["The fair opens on Monday, and Kari is back on Thursday."])
    mitigation: Prose = Field(examples=["Ola stands beside her until she has taken the course."])
    expires_on: Day = Field(
        examples=["2199-03-31"], description="The last day on which it counts (UTC)."
    )


class OverrideReason(Body):
    """Why it is rejected or revoked."""

    reason: Prose = Field(examples=["Two of them serve customers alone in the evening."])


_o = Override.__table__.c  # type: ignore[attr-defined]
_today = bindparam("today", type_=Date)
_expired = func.coalesce(_o.expires_on < _today, False, type_=Boolean)
OVERRIDES = Read(
    OverrideOut,
    Override,
    columns={"expired": _expired},
    filters=["rollout_id", "team_id", "state"],
    conditions={"today": _today.is_not(None)},
)


@router.post(_LIST, status_code=201, response_model=OverrideOut, summary="Ask for an override")
async def request_override(
    rollout_id: UUID,
    body: NewOverride,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """Managers, trainers, the owner of the tool and the lead of the team, with what is done instead; another manager approves."""
    # The lock of the rollout lets one at a time, and none while it goes live.
    rollout, tool = await load_rollout(session, rollout_id)
    await _require_asker(session, caller, tool, body.team_id)
    if rollout.state not in AHEAD:
        raise IllegalMove(
            "A rollout that is {state} takes no override.",
            state=rollout.state,
            allowed=[move for move in moves_from(rollout.state) if lets(tool, caller, move)],
        )
    if not await is_in_audience(reader_of(session), rollout, body.team_id):
        raise Invalid(
            "The team is not in the audience.",
            errors=[FieldError("/team_id", "It is not in the audience of the rollout.")],
        )
    require_time_left(body.expires_on, now.date())
    await _require_none_standing(session, rollout, body.team_id, now.date())
    override = Override(
        organization_id=caller.organization_id,
        rollout_id=rollout_id,
        requested_by=caller.person_id,
        **body.model_dump(),
    )
    session.add(override)
    record(session, events.override_requested(override))
    await session.flush()
    return found(
        await OVERRIDES.one(reader_of(session), override.id, today=now.date()),
        status=201,
        location=f"/v1/rollouts/{rollout_id}/overrides/{override.id}",
    )


async def _require_asker(session: AsyncSession, caller: Caller, tool: Tool, team_id: UUID) -> None:
    if caller.has(Role.manager, Role.trainer) or tool.owner_id == caller.person_id:
        return
    if not await leads_team(reader_of(session), caller, team_id):
        raise Forbidden(
            "This is for managers, trainers, the owner of the tool and the lead of the team."
        )


async def _require_none_standing(
    session: AsyncSession, rollout: Rollout, team_id: UUID, today: date
) -> None:
    standing = await session.scalars(
        select(Override).where(
            _o.organization_id == organization_of(session),
            _o.rollout_id == rollout.id,
            _o.team_id == team_id,
        )
    )
    if any(override.stands(today) for override in standing):
        raise Conflict("There is an override of this team already: revoke that one first.")


@router.get(_LIST, response_model=OverridePage, summary="List overrides")
async def list_overrides(
    rollout_id: UUID,
    query: Annotated[OverrideQuery, Query()],
    request: Request,
    now: NowDep,
    reader: ViewerDep,
) -> Response:
    """Everybody; newest first, with those that count no more."""
    await ROLLOUTS.require(reader, rollout_id)
    page = await OVERRIDES.page(reader, query, rollout_id=rollout_id, today=now.date())
    return listed(page, request)


@router.get(_ONE, response_model=OverrideOut, summary="Get an override")
async def get_override(
    rollout_id: UUID, override_id: UUID, now: NowDep, reader: ViewerDep
) -> Response:
    """One override with its ETag, for everybody."""
    return found(await OVERRIDES.one(reader, override_id, rollout_id=rollout_id, today=now.date()))


async def _moved(
    session: AsyncSession,
    rollout_id: UUID,
    override_id: UUID,
    verb: str,
    today: date,
    move: Callable[[Override], Any],
) -> Response:
    # The rollout first, as going live does: what it has judged is not changed beside it.
    await load(session, Rollout, rollout_id)
    override = await load(session, Override, override_id)
    if override.rollout_id != rollout_id:
        raise NotFound("There is no such {thing}.", thing="override")
    move(override)
    record(session, events.override_moved(verb, override, *changes(override)))
    await session.flush()
    return found(await OVERRIDES.one(reader_of(session), override.id, today=today))


@router.post(_ONE + "/approval", response_model=OverrideOut, summary="Approve an override")
async def approve_override(
    rollout_id: UUID, override_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """A manager who did not ask for it (403), before it expires (409)."""
    return await _moved(
        session,
        rollout_id,
        override_id,
        "approved",
        now.date(),
        lambda override: override.approve(caller, now),
    )


@router.post(_ONE + "/rejection", response_model=OverrideOut, summary="Reject an override")
async def reject_override(
    rollout_id: UUID,
    override_id: UUID,
    body: OverrideReason,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """A manager who did not ask for it, with a reason."""
    return await _moved(
        session,
        rollout_id,
        override_id,
        "rejected",
        now.date(),
        lambda override: override.reject(caller, body.reason, now),
    )


@router.post(_ONE + "/revocation", response_model=OverrideOut, summary="Revoke an override")
async def revoke_override(
    rollout_id: UUID,
    override_id: UUID,
    body: OverrideReason,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """Whoever asked for it, or a manager, with a reason; what went live with it stays live."""
    return await _moved(
        session,
        rollout_id,
        override_id,
        "revoked",
        now.date(),
        lambda override: override.revoke(caller, body.reason, now),
    )
