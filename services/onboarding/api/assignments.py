"""Assignments as they are read and moved: who learns what by when, and how far they have come."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from itertools import chain
from operator import itemgetter
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Path, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import (
    ARRAY,
    Boolean,
    Date,
    Integer,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller
from services.chassis.database import Reader, load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Moment, Prose
from services.chassis.language import Language
from services.chassis.pages import PageQuery
from services.chassis.reads import Found, Read
from services.chassis.web import (
    CallerDep,
    NowDep,
    ReaderDep,
    SessionDep,
    concept,
    found,
    language_of,
    listed,
)
from services.onboarding import events
from services.onboarding.api.curriculum_versions import SetOut
from services.onboarding.api.spoken import WITH_WORDS, own_reasons, reason_for, sentence_for
from services.onboarding.api.versions import GrantOut
from services.onboarding.domain.assignment import (
    UNDER_WAY,
    Assignment,
    DueKind,
    ItemCompletion,
    State,
)
from services.onboarding.domain.base import directory
from services.onboarding.domain.certifying import settle_completion
from services.onboarding.domain.course import Course
from services.onboarding.domain.course_set import CourseSet, Rule, minutes_left, next_item
from services.onboarding.domain.curriculum import Curriculum, CurriculumVersion, course_sets
from services.onboarding.domain.gating import require_gates_passed
from services.onboarding.domain.own_people import (
    bounds_of,
    require_may_see_person,
    require_may_steer,
    sight_of_team,
)
from services.onboarding.domain.progress import sets_and_done
from services.onboarding.domain.waiver import Waiver, WaiverReason

router = concept("assignments")


class SourceDueOut(BaseModel):
    """The due date that a source asks for: `on` a day, or `days` after the person was hired."""

    kind: DueKind
    days: int | None
    on: date | None


class _SourceOut(BaseModel):
    at: Moment
    due: SourceDueOut | None


class TrainerSource(_SourceOut):
    """Somebody assigned it."""

    kind: Literal["trainer"]
    person_id: UUID


class ImportSource(_SourceOut):
    """It was completed before Stafett, as a file of this person's says."""

    kind: Literal["import"]
    person_id: UUID


class RenewalSource(_SourceOut):
    """A certificate runs out, and is renewed by learning anew."""

    kind: Literal["renewal"]
    person_id: None


class RuleSource(_SourceOut):
    """A rule, which holds until the learner leaves its audience."""

    kind: Literal["rule"]
    rule_id: UUID
    held: bool


class HandoverSource(_SourceOut):
    """A handover that needs the competence and that the learner is staffed on; it holds until they are taken off it."""

    kind: Literal["handover"]
    handover_id: UUID
    competence: str
    held: bool


SourceOut = Annotated[
    TrainerSource | ImportSource | RenewalSource | RuleSource | HandoverSource,
    Field(discriminator="kind"),
]


class DueBasisOut(BaseModel):
    """How the due date was worked out."""

    kind: DueKind
    days: int | None


class AssignmentOut(BaseModel):
    """An assignment. `state` and `overdue` are as of today (UTC); `curriculum_version` is the number it is on.

    `cycle` counts how often the person learns it, from 1. `extended`: somebody gave more time. `waived`: completed
    only with the help of waivers, which counts, but apart from what was learnt; administrative ones certify nothing.
    """

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    person_id: UUID
    person_name: str | None
    curriculum_id: UUID
    curriculum_key: str
    curriculum_title: str
    curriculum_version: int
    cycle: int
    state: State
    starts_on: date | None
    due_on: date | None
    due_basis: DueBasisOut | None
    overdue: bool
    extended: bool
    waived: bool
    sources: list[SourceOut]
    items_done: int
    minutes: int
    started_at: Moment | None
    completed_at: Moment | None
    reason: str | None


class AssignmentPage(BaseModel):
    items: list[AssignmentOut]
    next: str | None


class ItemWaiverOut(BaseModel):
    """That the item need not be worked through, and by whose word."""

    reason: WaiverReason
    evidence: str | None
    valid_until: date | None
    waived_by: UUID
    waived_at: Moment


class CompletionOut(BaseModel):
    """That a course was completed, at which version of it."""

    title: str
    course_id: UUID
    course_version: int
    completed_at: Moment


class DroppedItemOut(CompletionOut):
    """A completed course that the version of the curriculum does not hold, for whoever came to it from an earlier one."""

    key: str


class ItemOut(BaseModel):
    """A course in the assignment. `open` says whether its turn has come; `waiver` is one that holds today (UTC).

    `completed_version` is the version of the course that was completed, perhaps an earlier one.
    """

    key: str
    title: str
    course_id: UUID
    course_version: int
    minutes: int
    points: int
    grants: GrantOut | None
    completed_at: Moment | None
    completed_version: int | None
    waiver: ItemWaiverOut | None
    open: bool


class SetProgressOut(BaseModel):
    """Courses under a rule, and whether the rule is satisfied."""

    key: str
    title: str
    rule: Rule
    n: int | None
    min_points: int | None
    done: bool
    minutes_left: int
    items: list[ItemOut]


class AssignmentDetail(AssignmentOut):
    """An assignment with its items. `minutes_left` is the least that still leads to the end."""

    sets: list[SetProgressOut]
    dropped: list[DroppedItemOut]
    next_item: str | None
    minutes_left: int


class StoredAssignment(AssignmentOut):
    """An assignment with its tree, and when each item was completed or waived."""

    sets: list[SetOut]
    done: dict[str, CompletionOut]
    item_waivers: dict[str, ItemWaiverOut]


class AssignmentQuery(PageQuery):
    person_id: UUID | None = None
    curriculum_id: UUID | None = None
    curriculum_version: int | None = Field(None, ge=1, le=2**31 - 1)
    state: State | None = None
    team_id: UUID | None = Field(None, description="The team that the people are in now.")
    overdue: bool | None = None


class Reason(Body):
    """Why."""

    reason: Prose = Field(examples=["On parental leave until August."])


class Resumption(Body):
    """Why it goes on, where that needs saying."""

    reason: Prose | None = None


_a = Assignment.__table__.c  # type: ignore[attr-defined]
_c = Curriculum.__table__.c  # type: ignore[attr-defined]
_v = CurriculumVersion.__table__.c  # type: ignore[attr-defined]
_i = ItemCompletion.__table__.c  # type: ignore[attr-defined]
_w = Waiver.__table__.c  # type: ignore[attr-defined]
_k = Course.__table__.c  # type: ignore[attr-defined]


def _json_of(columns: Iterable[tuple[str, Any]]) -> Any:
    named: Iterable[tuple[Any, Any]] = (
        (literal_column(f"'{name}'"), column) for name, column in columns
    )
    return func.json_build_object(*chain.from_iterable(named))


_waiver = _json_of((name, _w[name]) for name in ItemWaiverOut.model_fields)
_completion = _json_of(
    [
        ("title", _k.title),
        *((name, _i[name]) for name in ("course_id", "course_version", "completed_at")),
    ]
)
_p = directory.person.c
_today = bindparam("today", type_=Date)
_stored_state = cast(_a.state, Text)
_state = case(
    ((_stored_state == "scheduled") & (_a.starts_on <= _today), "assigned"), else_=_stored_state
)
_overdue = func.coalesce(_a.due_on < _today, False) & _state.in_(["assigned", "in_progress"])
_due_basis = case(
    (
        _a.due_on.is_not(None),
        func.json_build_object(
            literal_column("'kind'"), _a.due_kind, literal_column("'days'"), _a.due_days
        ),
    )
)
_source = (
    Assignment.__table__.join(  # type: ignore[attr-defined]
        Curriculum.__table__,  # type: ignore[attr-defined]
        (_c.organization_id == _a.organization_id) & (_c.id == _a.curriculum_id),
    )
    .join(
        CurriculumVersion.__table__,  # type: ignore[attr-defined]
        (_v.organization_id == _a.organization_id) & (_v.id == _a.curriculum_version_id),
    )
    .outerjoin(
        directory.person, (_p.organization_id == _a.organization_id) & (_p.id == _a.person_id)
    )
)
_columns: dict[str, Any] = {
    "person_name": _p.name,
    "curriculum_key": _c.key,
    "curriculum_title": _c.title,
    "curriculum_version": _v.number,
    "state": _state,
    "due_basis": _due_basis,
    "overdue": _overdue,
    "minutes": _v.minutes,
}
_reason = {"reason": sentence_for(_a.reason)}
# The day is a parameter of every read; as a condition that always holds it may be handed in as one.
_conditions: dict[str, Any] = {
    "today": _today.is_not(None),
    "state": _state == bindparam("state", type_=Text),
    "curriculum_version": _v.number == bindparam("curriculum_version", type_=Integer),
    "team_id": _p.team_id == bindparam("team_id", type_=_p.team_id.type),
    "person_ids": _a.person_id == bindparam("person_ids", type_=ARRAY(Uuid)).any_(),
    "overdue": _overdue == bindparam("overdue", type_=Boolean),
    "not_withdrawn": (_stored_state != "withdrawn") == bindparam("not_withdrawn", type_=Boolean),
}
ASSIGNMENTS = Read(
    AssignmentOut,
    Assignment,
    columns={**_columns, **_reason},
    source=_source,
    filters=["person_id", "curriculum_id"],
    conditions={**_conditions, **WITH_WORDS},
    sorts=["created_at"],
)
STORED = Read(
    StoredAssignment,
    Assignment,
    columns={
        **_columns,
        "sets": _v.sets,
        "done": func.coalesce(
            select(func.json_object_agg(_i.item_key, _completion))
            .where(
                _i.organization_id == _a.organization_id,
                _i.assignment_id == _a.id,
                _k.organization_id == _i.organization_id,
                _k.id == _i.course_id,
            )
            .correlate(Assignment.__table__)  # type: ignore[attr-defined]
            .scalar_subquery(),
            literal_column("'{}'::json"),
        ),
        "item_waivers": func.coalesce(
            select(func.json_object_agg(_w.item_key, _waiver))
            .where(
                _w.organization_id == _a.organization_id,
                _w.assignment_id == _a.id,
                (_w.valid_until >= _today) | _w.valid_until.is_(None),
            )
            .correlate(Assignment.__table__)  # type: ignore[attr-defined]
            .scalar_subquery(),
            literal_column("'{}'::json"),
        ),
    },
    source=_source,
    filters=["person_id"],
    conditions=_conditions,
)


def with_progress(stored: Mapping[str, Any], language: Language = "en") -> dict[str, Any]:
    """A stored assignment as the learner sees it: what is done, what is open, what comes next, how long it takes."""
    shown = dict(stored)
    completed: dict[str, dict[str, Any]] = shown.pop("done")
    waived: dict[str, Any] = shown.pop("item_waivers")
    done = {*completed, *waived}
    sets = course_sets(shown["sets"])
    held = {item.key for one in sets for item in one.items}
    dropped = [{"key": key, **told} for key, told in completed.items() if key not in held]
    under_way = State(shown["state"]) in UNDER_WAY
    following = next_item(sets, done) if under_way else None
    return {
        **shown,
        "reason": reason_for(language, shown["reason"]),
        "sets": [_set_progress(one, completed, waived, under_way) for one in sets],
        "dropped": sorted(dropped, key=itemgetter("completed_at", "key")),
        "next_item": None if following is None else following.key,
        "minutes_left": minutes_left(sets, done),
    }


def _set_progress(
    one: CourseSet,
    completed: Mapping[str, Mapping[str, Any]],
    waived: Mapping[str, Any],
    under_way: bool,
) -> dict[str, Any]:
    done = {*completed, *waived}
    # A set that is done leaves its other courses open to whoever wants more.
    open_keys = {
        item.key
        for item in one.items
        if under_way and item.key not in done and one.first_before(item.key, done) is None
    }
    return {
        "key": one.key,
        "title": one.title,
        "rule": one.rule,
        "n": one.n,
        "min_points": one.min_points,
        "done": one.is_satisfied(done),
        "minutes_left": one.minutes_left(done),
        "items": [
            {
                "key": item.key,
                "title": item.title,
                "course_id": item.course_id,
                "course_version": item.course_version,
                "minutes": item.minutes,
                "points": item.points,
                "grants": item.grants,
                "completed_at": completed.get(item.key, {}).get("completed_at"),
                "completed_version": completed.get(item.key, {}).get("course_version"),
                "waiver": waived.get(item.key),
                "open": item.key in open_keys,
            }
            for item in one.items
        ],
    }


async def detail_of(
    reader: Reader, assignment_id: UUID, today: date, language: Language = "en"
) -> Found:
    """One assignment with its items, as it is sent."""
    stored = await STORED.one(reader, assignment_id, today=today)
    return Found(
        orjson.dumps(with_progress(orjson.loads(stored.content), language)), stored.version
    )


@router.get("/assignments", response_model=AssignmentPage, summary="List assignments")
async def list_assignments(
    query: Annotated[AssignmentQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    reader: ReaderDep,
) -> Response:
    """Newest first. One's own and one's people's as their manager or lead; trainers and admins see everybody's."""
    if query.team_id is not None:
        await sight_of_team(reader, caller, query.team_id)
    if query.person_id is not None:
        await require_may_see_person(reader, caller, query.person_id)
    where = {"today": now.date(), "words": own_reasons(language_of(request))}
    bounds = await bounds_of(reader, caller)
    return listed(await ASSIGNMENTS.page(reader, query, **where, **bounds), request)


@router.get(
    "/assignments/{assignment_id}", response_model=AssignmentDetail, summary="Get an assignment"
)
async def get_assignment(
    assignment_id: UUID, request: Request, caller: CallerDep, now: NowDep, reader: ReaderDep
) -> Response:
    """One assignment with its items, and its ETag: one's own, one's people's, and everybody's for trainers and admins."""
    detail = await detail_of(reader, assignment_id, now.date(), language_of(request))
    person_id = UUID(orjson.loads(detail.content)["person_id"])
    await require_may_see_person(reader, caller, person_id, "assignment")
    return found(detail)


@router.post(
    "/assignments/{assignment_id}/items/{key}/completion",
    response_model=AssignmentDetail,
    summary="Complete an item",
)
async def complete_item(
    assignment_id: UUID,
    key: Annotated[Key, Path(examples=["customer-dialogue"])],
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """The learner, or a trainer for them. What the course grants, they have from now on.

    A course with a quiz is completed by passing it, one with a session by whoever was in one; a trainer may complete it
    for others without.
    """
    assignment = await load(session, Assignment, assignment_id)
    sets, done = await sets_and_done(session, assignment, now.date())
    completion = assignment.complete_item(caller, sets, done, key, now)
    await require_gates_passed(session, caller, assignment, sets, key)
    await settle_completion(session, assignment, completion, now)
    await session.flush()
    return found(await detail_of(reader_of(session), assignment.id, now.date()))


async def _moved(
    session: AsyncSession,
    assignment_id: UUID,
    caller: Caller,
    verb: str,
    today: date,
    move: Callable[[Assignment], None],
) -> Response:
    assignment = await load(session, Assignment, assignment_id)
    await require_may_steer(reader_of(session), caller, assignment.person_id)
    move(assignment)
    record(session, events.assignment_moved(verb, assignment, *changes(assignment)))
    await session.flush()
    return found(await detail_of(reader_of(session), assignment.id, today))


@router.post(
    "/assignments/{assignment_id}/suspension",
    response_model=AssignmentDetail,
    summary="Let an assignment rest",
)
async def suspend_assignment(
    assignment_id: UUID, body: Reason, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers, and managers for their people, with a reason; nobody for themselves. Nothing is lost."""
    today = now.date()
    return await _moved(
        session, assignment_id, caller, "suspended", today, lambda a: a.suspend(today, body.reason)
    )


@router.post(
    "/assignments/{assignment_id}/resumption",
    response_model=AssignmentDetail,
    summary="Go on with an assignment",
)
async def resume_assignment(
    assignment_id: UUID, body: Resumption, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers, and managers for their people, nobody for themselves; of somebody inactive, when they are back (409)."""
    today = now.date()
    return await _moved(
        session,
        assignment_id,
        caller,
        "resumed",
        today,
        lambda a: a.resume_by_hand(today, body.reason),
    )


@router.post(
    "/assignments/{assignment_id}/withdrawal",
    response_model=AssignmentDetail,
    summary="Take an assignment back",
)
async def withdraw_assignment(
    assignment_id: UUID, body: Reason, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers, and managers for their people, with a reason; nobody for themselves. What was completed stays on record."""
    today = now.date()
    return await _moved(
        session, assignment_id, caller, "withdrawn", today, lambda a: a.withdraw(today, body.reason)
    )
