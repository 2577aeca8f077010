"""Rules that count back from a rollout: its day is theirs, and when it is cancelled they end with it.

Whoever changes a rollout locks it first, then the audiences of its rules, then the rules, in the order of their ids; whoever
makes a rule of a rollout does so, too.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import Conflict, FieldError, Invalid, Message, NotFound
from services.chassis.events import changes, record
from services.onboarding import events
from services.onboarding.domain.assigning import Due
from services.onboarding.domain.assignment_rule import (
    AssignmentException,
    AssignmentRule,
    ExceptionReason,
    OnLeave,
)
from services.onboarding.domain.audience import Audience
from services.onboarding.domain.following import Doing, apply, resolve_exceptions
from services.onboarding.domain.redating import Source, end_source, redate
from services.onboarding.domain.rollout import AHEAD, Rollout, State
from services.onboarding.domain.working_days import working_days_of

CANCELLED = Message("The rollout was cancelled.")

_AHEAD = AHEAD | {State.draft}

_r = AssignmentRule.__table__.c  # type: ignore[attr-defined]
_u = Audience.__table__.c  # type: ignore[attr-defined]
_x = AssignmentException.__table__.c  # type: ignore[attr-defined]


async def rollout_ahead(session: AsyncSession, rollout_id: UUID) -> Rollout:
    """The rollout whose day a rule is to follow, locked; raises `Invalid` where there is none, or none ahead."""
    try:
        rollout = await load(session, Rollout, rollout_id)
    except NotFound as error:
        raise Invalid(
            "The rollout is not known.",
            errors=[FieldError("/due/rollout_id", "There is no such rollout.")],
        ) from error
    if rollout.state not in _AHEAD:
        raise Invalid(
            "The rollout has no day ahead to count back from.",
            errors=[
                FieldError("/due/rollout_id", "It is {state} already.", {"state": rollout.state})
            ],
        )
    return rollout


async def require_ahead(session: AsyncSession, rule: AssignmentRule) -> None:
    """Refuse with `Conflict` a rule of a rollout that is over or live. Locks the rollout; call it before the rule is locked."""
    if rule.rollout_id is None:
        return
    rollout = await load(session, Rollout, rule.rollout_id)
    if rollout.state not in _AHEAD:
        raise Conflict(
            "The rollout that it counts back from is {state}: give it another due policy.",
            state=rollout.state,
        )


async def follow_rollout(session: AsyncSession, rollout: Rollout, doing: Doing) -> None:
    """Have its rules, and what they assigned, follow the day of a locked rollout."""
    for rule in await _rules_of(session, rollout.id):
        rule.go_live_on = rollout.go_live_on
        record(session, events.assignment_rule_changed(rule, *changes(rule)))
        await session.flush()
        if rule.active:
            await follow_rule(session, rule, doing)
            await apply(reader_of(session), rule, doing)


async def follow_rule(session: AsyncSession, rule: AssignmentRule, doing: Doing) -> None:
    """Have what a rule assigned follow its day; an exception for each of whom there is too little time left."""
    reader = reader_of(session)
    due = rule.due(await working_days_of(reader))
    if due is None or rule.rollout_id is None:
        return
    in_time = due.on is not None and due.on >= doing.now.date()
    await resolve_exceptions(reader, rule, doing, dates_follow=in_time)
    late = await redate(reader, source_of_rule(rule), due, doing)
    if late:
        await _except(session, rule, due, late)


async def _except(
    session: AsyncSession, rule: AssignmentRule, due: Due, late: Sequence[tuple[UUID, UUID]]
) -> None:
    """An open exception for each assignment (id, person) whose date could not follow."""
    reason = ExceptionReason.no_working_days if due.on is None else ExceptionReason.too_little_time
    known = set(
        await session.scalars(
            select(_x.person_id).where(
                _x.organization_id == organization_of(session),
                _x.rule_id == rule.id,
                _x.resolved_at.is_(None),
            )
        )
    )
    for assignment_id, person_id in late:
        if person_id in known:
            continue
        exception = AssignmentException(
            organization_id=rule.organization_id,
            rule_id=rule.id,
            person_id=person_id,
            curriculum_id=rule.curriculum_id,
            assignment_id=assignment_id,
            reason=reason,
        )
        session.add(exception)
        record(session, events.assignment_excepted(exception))
    await session.flush()


async def end_with_rollout(session: AsyncSession, rollout: Rollout, doing: Doing) -> None:
    """Its rules assign nobody any more, and what nobody else asks for is taken back; unless a rule keeps what it gave."""
    reader = reader_of(session)
    calendar = await working_days_of(reader)
    for rule in await _rules_of(session, rollout.id):
        if rule.active:
            rule.deactivate()
            record(session, events.assignment_rule_deactivated(rule))
            await session.flush()
        await resolve_exceptions(reader, rule, doing)
        fate = OnLeave.keep if rule.on_leave is OnLeave.keep else OnLeave.withdraw
        due = rule.due(calendar)
        await end_source(reader, source_of_rule(rule), due, fate, CANCELLED.template, doing)


def source_of_rule(rule: AssignmentRule) -> Source:
    """The rule as a source of assignments."""
    return Source(rule.id, {"kind": "rule", "rule_id": str(rule.id)}, rule.curriculum_id)


async def _rules_of(session: AsyncSession, rollout_id: UUID) -> Sequence[AssignmentRule]:
    """The rules of a rollout, locked, their audiences before them."""
    of_it = (_r.organization_id == organization_of(session), _r.rollout_id == rollout_id)
    await session.scalars(
        select(_u.id)
        .where(
            _u.organization_id == organization_of(session),
            _u.id.in_(select(_r.audience_id).where(*of_it)),
        )
        .order_by(_u.id)
        .with_for_update()
    )
    found = await session.scalars(
        select(AssignmentRule).where(*of_it).order_by(_r.id).with_for_update()
    )
    return found.all()
