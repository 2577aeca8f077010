"""Keeping audiences, and the assignments that follow them, in line with the directory and with the calendar."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import organization_of, reader_of
from services.chassis.events import record, store_recorded
from services.onboarding import events
from services.onboarding.domain.assignment_rule import (
    AssignmentException,
    AssignmentRule,
    ExceptionReason,
)
from services.onboarding.domain.audience import Audience, Flow, Mode, refresh
from services.onboarding.domain.following import Doing, apply, rest_or_go_on, rules_concerned

_a = Audience.__table__.c  # type: ignore[attr-defined]
_r = AssignmentRule.__table__.c  # type: ignore[attr-defined]
_x = AssignmentException.__table__.c  # type: ignore[attr-defined]


async def follow_people(session: AsyncSession, people: Sequence[UUID], now: datetime) -> None:
    """Do everything that follows from a change of these people in the directory, however many they are.

    Audiences are locked first, as whoever applies a rule does: nobody joins unseen.
    """
    reader, doing = reader_of(session), Doing(now)
    audiences = await _locked(session, _a.mode != Mode.fixed)
    await rest_or_go_on(reader, doing, people)
    for audience in audiences:
        flow = await refresh(reader, audience, now.date(), people)
        if flow:
            record(session, events.audience_refreshed(audience, flow))
    ids = await rules_concerned(reader, people)
    for rule in await _rules(session, _r.id.in_(ids)) if ids else ():
        await apply(reader, rule, doing, people)
    await store_recorded(session, None, None)


async def follow_calendar_due(session: AsyncSession, now: datetime) -> int:
    """Let people join and leave the audiences that move with time; how many did. To be called once a day or more often."""
    moved = 0
    for audience in await _locked(session, _a.mode != Mode.fixed, _a.moves_with_time):
        flow = await take_anew(session, audience, Doing(now))
        moved += flow.joined + flow.left
    return moved


async def take_anew(
    session: AsyncSession, audience: Audience, doing: Doing, *, anew: bool = False
) -> Flow:
    """Refresh a locked audience as a whole, and have the rules over it follow."""
    reader = reader_of(session)
    flow = await refresh(reader, audience, doing.now.date(), anew=anew)
    if flow:
        record(session, events.audience_refreshed(audience, flow))
        for rule in await _rules(session, _r.audience_id == audience.id, _r.active):
            await apply(reader, rule, doing)
    return flow


async def rules_awaiting(session: AsyncSession, curriculum_id: UUID) -> Sequence[AssignmentRule]:
    """The active rules that could not assign a curriculum since nothing of it was published; their audiences are locked."""
    rules = await _rules(
        session,
        _r.curriculum_id == curriculum_id,
        _r.active,
        exists().where(
            _x.organization_id == _r.organization_id,
            _x.rule_id == _r.id,
            _x.reason == ExceptionReason.nothing_published,
            _x.resolved_at.is_(None),
        ),
    )
    if rules:
        await _locked(session, _a.id.in_({rule.audience_id for rule in rules}))
    return rules


async def _locked(session: AsyncSession, *where: object) -> Sequence[Audience]:
    found = await session.scalars(
        select(Audience)
        .where(_a.organization_id == organization_of(session), *where)  # type: ignore[arg-type]
        .order_by(_a.id)
        .with_for_update()
    )
    return found.all()


async def _rules(session: AsyncSession, *where: object) -> Sequence[AssignmentRule]:
    found = await session.scalars(
        select(AssignmentRule)
        .where(_r.organization_id == organization_of(session), *where)  # type: ignore[arg-type]
        .order_by(_r.id)
    )
    return found.all()
