"""Assignment rules: what an audience learns by when; and the exceptions, people whom a rule could not assign."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictBool
from sqlalchemy import ARRAY, Uuid, bindparam, case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import FieldError, Invalid
from services.chassis.events import changes, record
from services.chassis.fields import Body, Day, Moment, Name
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.telemetry import REQUEST_ID
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    ReaderDep,
    SessionDep,
    concept,
    found,
    language_of,
    listed,
)
from services.onboarding import events
from services.onboarding.api.due_policies import (
    DueAfterAssignment,
    DueAfterHire,
    FixedDue,
    WorkingDayCount,
)
from services.onboarding.api.spoken import WITH_WORDS, sentence_for, words
from services.onboarding.domain.assignment import STEERING, Assignment, DueKind
from services.onboarding.domain.assignment_rule import (
    EXCEPTION_WORDS,
    AssignmentException,
    AssignmentRule,
    ExceptionReason,
    OnLeave,
)
from services.onboarding.domain.audience import Audience
from services.onboarding.domain.base import directory
from services.onboarding.domain.curriculum import Curriculum
from services.onboarding.domain.following import (
    Applied,
    Doing,
    apply,
    assign_missing,
    resolve_exceptions,
)
from services.onboarding.domain.go_live_dates import follow_rule, require_ahead, rollout_ahead
from services.onboarding.domain.own_people import bounds_of

router = concept("assignment-rules")


class DuePolicyOut(BaseModel):
    """How the due date is worked out; `working_days` before `go_live_on`, which is the rollout's where it follows one."""

    kind: DueKind
    on: date | None
    days: int | None
    working_days: int | None
    go_live_on: date | None
    rollout_id: UUID | None


class AssignmentRuleOut(BaseModel):
    """A curriculum for an audience."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    name: str
    audience_id: UUID
    audience_name: str
    curriculum_id: UUID
    curriculum_key: str
    due: DuePolicyOut | None
    on_leave: OnLeave
    active: bool
    exceptions: int = Field(description="How many in the audience it could not assign.")


class AssignmentRulePage(BaseModel):
    items: list[AssignmentRuleOut]
    next: str | None


class DueBeforeRollout(Body):
    """Due so many of the organization's working days before a rollout goes live, or before a day."""

    kind: Literal[DueKind.before_go_live]
    working_days: WorkingDayCount
    rollout_id: UUID | None = Field(None, description="Its day; when that moves, due dates follow.")
    go_live_on: Day | None = Field(None, description="A day of its own, instead.")


RuleDuePolicy = Annotated[
    FixedDue | DueAfterAssignment | DueAfterHire | DueBeforeRollout, Field(discriminator="kind")
]


class NewAssignmentRule(Body):
    """A rule to be. An active one assigns at once."""

    name: Name = Field(examples=["Everybody at the counter"])
    audience_id: UUID
    curriculum_id: UUID
    due: RuleDuePolicy | None = None
    on_leave: OnLeave = Field(
        OnLeave.suspend,
        description="What becomes of the assignments of those who leave the audience.",
    )
    active: StrictBool = True


class AssignmentRulePatch(Body):
    """JSON Merge Patch of a rule. A new due policy is for those who are assigned from now on; a rollout's day for all."""

    name: Name = Field(default="")
    due: RuleDuePolicy | None = None
    on_leave: OnLeave = Field(default=OnLeave.suspend)


class AssignmentRuleQuery(PageQuery):
    audience_id: UUID | None = None
    curriculum_id: UUID | None = None
    rollout_id: UUID | None = None
    active: bool | None = None


class RuleApplied(BaseModel):
    """What a rule came to: newly assigned, had it open already, could not be assigned (exceptions)."""

    created: int
    unchanged: int
    failed: int
    dry_run: bool


class ExceptionOut(BaseModel):
    """Somebody whom a rule, or a handover that needs `competence`, could not assign, and why.

    Where there is an `assignment_id`, they have it, but its due date could not follow the go-live.
    """

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    rule_id: UUID | None
    rule_name: str | None
    curriculum_id: UUID | None
    handover_id: UUID | None
    competence: str | None
    assignment_id: UUID | None
    person_id: UUID
    person_name: str | None
    reason: ExceptionReason
    detail: str = Field(description="The reason in words, in the reader's language.")
    resolved_at: Moment | None


class ExceptionPage(BaseModel):
    items: list[ExceptionOut]
    next: str | None


class ExceptionQuery(PageQuery):
    rule_id: UUID | None = None
    handover_id: UUID | None = None
    person_id: UUID | None = None
    reason: ExceptionReason | None = None
    resolved: bool = Field(False, description="Those that are over, instead.")


_r = AssignmentRule.__table__.c  # type: ignore[attr-defined]
_x = AssignmentException.__table__.c  # type: ignore[attr-defined]
_a = Assignment.__table__.c  # type: ignore[attr-defined]
_u = Audience.__table__.c  # type: ignore[attr-defined]
_c = Curriculum.__table__.c  # type: ignore[attr-defined]
_p = directory.person.c

# Whoever was assigned by another way since, or is not active, waits for nothing; nor does a date whose assignment is over.
_has_it = case(
    (
        _x.assignment_id.is_(None),
        (_a.curriculum_id == func.coalesce(_r.curriculum_id, _x.curriculum_id))
        & (_a.state != "withdrawn"),
    ),
    else_=(_a.id == _x.assignment_id) & (_a.state.in_(["completed", "withdrawn"]) | _a.extended),
)
_waits = (
    _x.resolved_at.is_(None)
    & select(literal_column("1"))
    .where(
        _p.organization_id == _x.organization_id,
        _p.id == _x.person_id,
        _p.active,
    )
    .correlate(AssignmentException.__table__)  # type: ignore[attr-defined]
    .exists()
    & ~select(literal_column("1"))
    .where(_a.organization_id == _x.organization_id, _a.person_id == _x.person_id, _has_it)
    .correlate(AssignmentException.__table__, AssignmentRule.__table__)  # type: ignore[attr-defined]
    .exists()
)


def _text(name: str) -> Any:
    return literal_column(f"'{name}'")


_before_go_live = _r.due_kind == DueKind.before_go_live
RULES = Read(
    AssignmentRuleOut,
    AssignmentRule,
    columns={
        "audience_name": _u.name,
        "curriculum_key": _c.key,
        "due": case(
            (
                _r.due_kind.is_not(None),
                func.json_build_object(
                    *(_text("kind"), _r.due_kind, _text("on"), _r.due_on),
                    *(_text("days"), case((~_before_go_live, _r.due_days))),
                    *(_text("working_days"), case((_before_go_live, _r.due_days))),
                    *(_text("go_live_on"), _r.go_live_on),
                    *(_text("rollout_id"), _r.rollout_id),
                ),
            )
        ),
        "exceptions": select(func.count())
        .where(_x.organization_id == _r.organization_id, _x.rule_id == _r.id, _waits)
        .correlate(AssignmentRule.__table__)  # type: ignore[attr-defined]
        .scalar_subquery(),
    },
    source=AssignmentRule.__table__.join(  # type: ignore[attr-defined]
        Audience.__table__,  # type: ignore[attr-defined]
        (_u.organization_id == _r.organization_id) & (_u.id == _r.audience_id),
    ).join(
        Curriculum.__table__,  # type: ignore[attr-defined]
        (_c.organization_id == _r.organization_id) & (_c.id == _r.curriculum_id),
    ),
    filters=["audience_id", "curriculum_id", "rollout_id", "active"],
    sorts=["name"],
)
EXCEPTIONS = Read(
    ExceptionOut,
    AssignmentException,
    columns={
        "rule_name": _r.name,
        "curriculum_id": func.coalesce(_r.curriculum_id, _x.curriculum_id),
        "person_name": _p.name,
        "detail": sentence_for(_x.reason),
    },
    source=AssignmentException.__table__.outerjoin(  # type: ignore[attr-defined]
        AssignmentRule.__table__,  # type: ignore[attr-defined]
        (_r.organization_id == _x.organization_id) & (_r.id == _x.rule_id),
    ).outerjoin(
        directory.person, (_p.organization_id == _x.organization_id) & (_p.id == _x.person_id)
    ),
    filters=["rule_id", "handover_id", "person_id", "reason"],
    conditions={
        **WITH_WORDS,
        "person_ids": _x.person_id == bindparam("person_ids", type_=ARRAY(Uuid)).any_(),
        "resolved": _waits != bindparam("resolved", type_=_r.active.type),
    },
)


async def _policy(session: AsyncSession, due: RuleDuePolicy | None) -> dict[str, Any]:
    """The columns of a due policy. Locks the rollout that it names."""
    none = dict.fromkeys(("due_kind", "due_on", "due_days", "go_live_on", "rollout_id"))
    match due:
        case None:
            return none
        case FixedDue():
            return {**none, "due_kind": due.kind, "due_on": due.on}
        case DueBeforeRollout():
            if due.rollout_id is None and due.go_live_on is None:
                raise Invalid(
                    "Before which go-live?",
                    errors=[FieldError("/due/go_live_on", "Give this, or rollout_id.")],
                )
            if due.rollout_id is not None and due.go_live_on is not None:
                raise Invalid(
                    "Before which go-live?",
                    errors=[FieldError("/due/rollout_id", "Leave this out, or go_live_on.")],
                )
            on = due.go_live_on
            if due.rollout_id is not None:
                on = (await rollout_ahead(session, due.rollout_id)).go_live_on
            return {
                **none,
                "due_kind": due.kind,
                "due_days": due.working_days,
                "go_live_on": on,
                "rollout_id": due.rollout_id,
            }
        case DueAfterAssignment() | DueAfterHire():
            return {**none, "due_kind": due.kind, "due_days": due.days}


@router.post(
    "/assignment-rules",
    status_code=201,
    response_model=AssignmentRuleOut,
    summary="Make an assignment rule",
)
async def create_assignment_rule(
    body: NewAssignmentRule, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers. An active rule assigns everybody in the audience at once, and whoever joins it later."""
    caller.require(Role.trainer)
    policy = await _policy(session, body.due)
    # Before the rule is stored: its foreign key would share the audience with others who then all want it for themselves.
    await _lock_audience(session, body.audience_id)
    rule = AssignmentRule(
        organization_id=caller.organization_id,
        **body.model_dump(exclude={"due", "active"}),
        **policy,
    )
    session.add(rule)
    record(session, events.assignment_rule_created(rule))
    await session.flush()
    if body.active:
        await _activate(session, rule, Doing(now, caller, REQUEST_ID.get()))
    return found(
        await RULES.one(reader_of(session), rule.id),
        status=201,
        location=f"/v1/assignment-rules/{rule.id}",
    )


async def _lock_audience(session: AsyncSession, audience_id: UUID) -> None:
    """Lock it if it is there; the rule's foreign key says so where it is not."""
    await session.scalars(
        select(_u.id)
        .where(_u.organization_id == organization_of(session), _u.id == audience_id)
        .with_for_update()
    )


async def _activate(session: AsyncSession, rule: AssignmentRule, doing: Doing) -> Applied:
    """With the audience locked, so that nobody joins unseen."""
    rule.activate()
    await session.flush()
    await follow_rule(session, rule, doing)
    applied = await apply(reader_of(session), rule, doing)
    record(session, events.assignment_rule_activated(rule, applied))
    return applied


@router.get("/assignment-rules", response_model=AssignmentRulePage, summary="List assignment rules")
async def list_assignment_rules(
    query: Annotated[AssignmentRuleQuery, Query()],
    request: Request,
    caller: CallerDep,
    reader: ReaderDep,
) -> Response:
    """Trainers, managers and admins; newest first, or by name."""
    caller.require(*STEERING)
    return listed(await RULES.page(reader, query), request)


@router.get(
    "/assignment-rules/{assignment_rule_id}",
    response_model=AssignmentRuleOut,
    summary="Get an assignment rule",
)
async def get_assignment_rule(
    assignment_rule_id: UUID, caller: CallerDep, reader: ReaderDep
) -> Response:
    """Trainers, managers and admins: one rule with its ETag."""
    caller.require(*STEERING)
    return found(await RULES.one(reader, assignment_rule_id))


@router.patch(
    "/assignment-rules/{assignment_rule_id}",
    response_model=AssignmentRuleOut,
    summary="Change an assignment rule",
)
async def change_assignment_rule(
    assignment_rule_id: UUID,
    body: AssignmentRulePatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; trainers. Dates that were given out stay; a new due policy tries the exceptions again."""
    caller.require(Role.trainer)
    # The rollout that it names is locked before the audience and the rule.
    policy = await _policy(session, body.due) if "due" in body.model_fields_set else {}
    rule = await _with_audience(session, assignment_rule_id)
    match.check(rule.version)
    rule.sqlmodel_update(body.model_dump(exclude_unset=True, exclude={"due"}))
    rule.sqlmodel_update(policy)
    record(session, events.assignment_rule_changed(rule, *changes(rule)))
    await session.flush()
    if rule.active:
        doing = Doing(now, caller, REQUEST_ID.get())
        await follow_rule(session, rule, doing)
        await apply(reader_of(session), rule, doing)
    return found(await RULES.one(reader_of(session), rule.id))


async def _with_audience(session: AsyncSession, rule_id: UUID) -> AssignmentRule:
    """The rule for a change, its audience locked before it, as everybody does who applies a rule."""
    seen = await load(session, AssignmentRule, rule_id, lock=False)
    await load(session, Audience, seen.audience_id)
    await session.refresh(seen, with_for_update=True)
    return seen


@router.post(
    "/assignment-rules/{assignment_rule_id}/activation",
    response_model=RuleApplied,
    summary="Let a rule assign",
)
async def activate_assignment_rule(
    assignment_rule_id: UUID,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
    dry_run: Annotated[bool, Query(description="Tell what it would come to.")] = False,
) -> Response:
    """Trainers: everybody in the audience who lacks it at once, and whoever joins later. An active rule: 409, unless tried."""
    caller.require(Role.trainer)
    doing = Doing(now, caller, REQUEST_ID.get())
    if dry_run:
        rule = await load(session, AssignmentRule, assignment_rule_id, lock=False)
        applied = await assign_missing(reader_of(session), rule, doing, dry_run=True)
    else:
        await require_ahead(
            session, await load(session, AssignmentRule, assignment_rule_id, lock=False)
        )
        rule = await _with_audience(session, assignment_rule_id)
        applied = await _activate(session, rule, doing)
    told = {
        "created": applied.created,
        "unchanged": applied.joined,
        "failed": applied.excepted,
        "dry_run": dry_run,
    }
    return Response(orjson.dumps(told), media_type="application/json")


@router.post(
    "/assignment-rules/{assignment_rule_id}/deactivation",
    response_model=AssignmentRuleOut,
    summary="Let a rule assign nobody any more",
)
async def deactivate_assignment_rule(
    assignment_rule_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers. What it assigned stays as it is, whoever joins or leaves; its exceptions are over."""
    caller.require(Role.trainer)
    rule = await _with_audience(session, assignment_rule_id)
    rule.deactivate()
    record(session, events.assignment_rule_deactivated(rule))
    await session.flush()
    reader = reader_of(session)
    await resolve_exceptions(reader, rule, Doing(now, caller, REQUEST_ID.get()))
    return found(await RULES.one(reader, rule.id))


@router.get(
    "/assignments/exceptions",
    response_model=ExceptionPage,
    summary="List people whom a rule could not assign",
)
async def list_assignment_exceptions(
    query: Annotated[ExceptionQuery, Query()],
    request: Request,
    caller: CallerDep,
    reader: ReaderDep,
) -> Response:
    """Trainers and admins, and managers of their own people; newest first. One goes by itself when its reason does."""
    caller.require(*STEERING)
    said = words(language_of(request), EXCEPTION_WORDS)
    bounds = await bounds_of(reader, caller)
    return listed(await EXCEPTIONS.page(reader, query, words=said, **bounds), request)
