"""Learners go on from one version of a curriculum to a later one, any number of them at once.

Items are the same by their key. What was passed stays passed, at the version of the course at which it was; what the new version
does not hold stays on record. Due dates stay. Whoever has all that the new version asks for has completed it. Done again, nothing
is left to do.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, Self
from uuid import UUID

import orjson
from sqlalchemy import Uuid, any_, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import Reader, organization_of, reader_of
from services.chassis.errors import Conflict, FieldError, Invalid
from services.chassis.statement import Statement
from services.onboarding.domain.assignment import ENDED, State
from services.onboarding.domain.certifying import certify_curriculum
from services.onboarding.domain.course_set import CourseSet, Item, is_complete
from services.onboarding.domain.curriculum import CurriculumVersion, course_sets
from services.onboarding.domain.following import Doing
from services.onboarding.domain.publication import VersionState
from services.onboarding.domain.waiver import Basis, Waiver, basis_of

_w = Waiver.__table__.c  # type: ignore[attr-defined]


class Stays(StrEnum):
    """Why an assignment stays as it is. Suspended: it would be completed while it rests, so it has to go on first."""

    completed = "completed"
    withdrawn = "withdrawn"
    suspended = "suspended"
    another_version = "another_version"


@dataclass(frozen=True, slots=True)
class Step:
    """From one version to another, and what becomes of the items."""

    origin: CurriculumVersion
    target: CurriculumVersion
    sets: tuple[CourseSet, ...]
    kept: tuple[tuple[Item, Item], ...]
    new: tuple[Item, ...]
    dropped: tuple[Item, ...]

    @classmethod
    def between(cls, origin: CurriculumVersion, target: CurriculumVersion) -> Self:
        """The step from a version that is learnt to a later one that is published; raises `Conflict` or `Invalid`."""
        if target.number <= origin.number:
            raise Invalid(
                "Learners go on to a later version.",
                errors=[FieldError("/to_version", "It must be later than from_version.")],
            )
        if target.state is not VersionState.published:
            raise Conflict(
                "Version {number} is {state}: learners go on to one that is published.",
                number=target.number,
                state=target.state,
            )
        if origin.state is VersionState.draft:
            raise Conflict("Version {number} is a draft: nobody learns it.", number=origin.number)
        sets = tuple(course_sets(target.sets))
        before = {item.key: item for one in course_sets(origin.sets) for item in one.items}
        after = {item.key: item for one in sets for item in one.items}
        return cls(
            origin,
            target,
            sets,
            tuple((before[key], item) for key, item in after.items() if key in before),
            tuple(item for key, item in after.items() if key not in before),
            tuple(item for key, item in before.items() if key not in after),
        )


@dataclass(frozen=True, slots=True)
class Learner:
    """Somebody's assignment as it is, with the items that were ever completed in it, and its waivers."""

    assignment_id: UUID
    person_id: UUID
    name: str | None
    state: State
    is_on_origin: bool
    completed: frozenset[str] = frozenset()
    waivers: tuple[Waiver, ...] = ()

    def done_on(self, today: date) -> frozenset[str]:
        """What counts as done."""
        return self.completed | {one.item_key for one in self.waivers if one.stands_on(today)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the step comes to for a learner: why they stay, or which passed items count on, which not, and what is new to them.

    Where it completes the assignment, `basis` says what that rests on.
    """

    learner: Learner
    stays: Stays | None
    state: State
    kept: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    basis: Basis | None = None

    @property
    def completes(self) -> bool:
        """Whether it completes the assignment."""
        return self.stays is None and self.state is State.completed


def judge(step: Step, learners: Collection[Learner], today: date) -> list[Verdict]:
    """What the step comes to for each of them."""
    dropped = {item.key for item in step.dropped}
    held = [item.key for one in step.sets for item in one.items]
    new = [item.key for item in step.new]

    # Thousands have done the same.
    @cache
    def completes(done: frozenset[str]) -> bool:
        return is_complete(step.sets, done)

    def verdict(learner: Learner) -> Verdict:
        if learner.state in ENDED:
            return Verdict(learner, Stays(learner.state.value), learner.state)
        if not learner.is_on_origin:
            return Verdict(learner, Stays.another_version, learner.state)
        done = learner.done_on(today)
        complete = completes(done)
        if complete and learner.state is State.suspended:
            return Verdict(learner, Stays.suspended, learner.state)
        kept = tuple(key for key in held if key in done)
        basis = basis_of(step.sets, learner.completed, learner.waivers, today) if complete else None
        return Verdict(
            learner,
            None,
            _state(learner.state, complete=complete, begun=bool(kept)),
            kept,
            tuple(key for key in new if key not in done),
            tuple(sorted(done & dropped)),
            basis,
        )

    return [verdict(learner) for learner in learners]


def _state(state: State, *, complete: bool, begun: bool) -> State:
    if complete:
        return State.completed
    if state in (State.assigned, State.in_progress):
        return State.in_progress if begun else State.assigned
    return state


# --- stored ---------------------------------------------------------------------------------------

# In the order of the people, as whoever assigns: two who touch the same ones wait for one another and do not lock up.
_LOCK = """
SELECT FROM assignment
WHERE organization_id = $1 AND curriculum_id = $2 AND curriculum_version_id = $3
    AND state NOT IN ('completed', 'withdrawn') AND ($4::uuid[] IS NULL OR id = ANY($4))
ORDER BY person_id
FOR UPDATE
"""
_LEARNERS = """
SELECT a.id, a.person_id, p.name, a.state, a.curriculum_version_id = $3 AS is_on_origin, CASE
    WHEN a.state NOT IN ('completed', 'withdrawn') AND a.curriculum_version_id = $3 THEN ARRAY(
        SELECT i.item_key FROM item_completion AS i
        WHERE i.organization_id = $1 AND i.assignment_id = a.id
    )
    ELSE '{}'
END AS completed
FROM assignment AS a
LEFT JOIN person AS p ON p.organization_id = a.organization_id AND p.id = a.person_id
WHERE a.organization_id = $1 AND a.curriculum_id = $2
    AND CASE WHEN $4::uuid[] IS NULL THEN a.curriculum_version_id = $3 ELSE a.id = ANY($4) END
ORDER BY a.id
"""
_MOVED = Statement(
    text("""
WITH moved AS (
    UPDATE assignment AS a SET
        curriculum_version_id = CAST(:target_id AS uuid), state = given.state,
        items_done = given.items_done,
        started_at = CASE
            WHEN given.items_done > 0 THEN coalesce(a.started_at, CAST(:now AS timestamptz))
        END,
        completed_at = CASE WHEN given.state = 'completed' THEN CAST(:now AS timestamptz) END,
        waived = given.waived, waived_until = given.waived_until,
        version = a.version + 1, updated_at = now()
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:items_done AS int[]),
        CAST(:waived AS boolean[]), CAST(:waived_until AS date[]), CAST(:dropped AS text[])
    ) AS given(id, state, items_done, waived, waived_until, dropped)
    WHERE a.organization_id = CAST(:organization_id AS uuid) AND a.id = given.id
    RETURNING new.id, new.person_id, new.curriculum_id, new.due_on, new.state, given.dropped,
        jsonb_build_object(
            'curriculum_version', CAST(:origin AS int), 'state', old.state,
            'items_done', old.items_done
        ) AS before,
        jsonb_build_object(
            'curriculum_version', CAST(:target AS int), 'state', new.state,
            'items_done', new.items_done
        ) AS after
), told AS (
    INSERT INTO event (
        organization_id, event_id, type, subject, actor_id, actor_name, request_id, data
    )
    SELECT
        CAST(:organization_id AS uuid), uuidv7(), type, 'assignments/' || id,
        CAST(:actor_id AS uuid), CAST(:actor_name AS text), CAST(:request_id AS text),
        jsonb_build_object(
            'assignment_id', id, 'person_id', person_id, 'curriculum_id', curriculum_id,
            'due_on', due_on, 'before', before, 'after', after
        ) || CASE
            WHEN type = 'assignment.migrated'
            THEN jsonb_build_object('dropped', CAST(dropped AS jsonb))
            ELSE '{}'
        END
    FROM moved
    CROSS JOIN unnest(ARRAY['assignment.migrated', 'assignment.completed']) AS type
    WHERE type = 'assignment.migrated' OR state = 'completed'
)
SELECT count(*) FROM moved""")
)


async def migrate(
    session: AsyncSession,
    step: Step,
    doing: Doing,
    assignment_ids: Sequence[UUID] | None,
    *,
    dry_run: bool = False,
) -> list[Verdict]:
    """Let learners take the step: all that are on the version, or those that are named; with `dry_run` tell what it comes to.

    The curriculum must be locked, unless nothing is written. Raises `Invalid` for a name that is not of the curriculum.
    """
    reader = reader_of(session)
    given = reader.organization_id, step.origin.curriculum_id, step.origin.id, assignment_ids
    if not dry_run:
        await reader.connection.execute(_LOCK, *given)
    learners = await _learners(session, reader, given)
    if assignment_ids is not None:
        _require_known(assignment_ids, learners)
    verdicts = judge(step, learners, doing.now.date())
    moving = [verdict for verdict in verdicts if verdict.stays is None]
    if moving and not dry_run:
        await _move(session, step, moving, doing)
    return verdicts


async def _learners(session: AsyncSession, reader: Reader, given: tuple[Any, ...]) -> list[Learner]:
    rows = await reader.connection.fetch(_LEARNERS, *given)
    ids = literal([row["id"] for row in rows], ARRAY(Uuid))
    waivers: dict[UUID, list[Waiver]] = defaultdict(list)
    for waiver in await session.scalars(
        select(Waiver).where(
            _w.organization_id == organization_of(session), _w.assignment_id == any_(ids)
        )
    ):
        waivers[waiver.assignment_id].append(waiver)
    return [
        Learner(
            row["id"],
            row["person_id"],
            row["name"],
            State(row["state"]),
            row["is_on_origin"],
            frozenset(row["completed"]),
            tuple(waivers[row["id"]]),
        )
        for row in rows
    ]


def _require_known(assignment_ids: Sequence[UUID], learners: Collection[Learner]) -> None:
    known = {learner.assignment_id for learner in learners}
    errors = [
        FieldError(f"/assignment_ids/{place}", "The curriculum has no such assignment.")
        for place, id in enumerate(assignment_ids)
        if id not in known
    ]
    if errors:
        raise Invalid("An assignment is not known.", errors=errors)


async def _move(session: AsyncSession, step: Step, moving: Sequence[Verdict], doing: Doing) -> None:
    values = {
        **doing.values(),
        "organization_id": organization_of(session),
        "now": doing.now,
        "target_id": step.target.id,
        "origin": step.origin.number,
        "target": step.target.number,
        "ids": [one.learner.assignment_id for one in moving],
        "states": [one.state.value for one in moving],
        "items_done": [len(one.kept) for one in moving],
        "waived": [one.basis is not None and one.basis.waived for one in moving],
        "waived_until": [None if one.basis is None else one.basis.until for one in moving],
        "dropped": [orjson.dumps(one.dropped).decode() for one in moving],
    }
    await reader_of(session).fetchrow(_MOVED, values)
    certified = [
        (one.learner.assignment_id, one.learner.person_id, one.basis.until)
        for one in moving
        if one.completes and one.basis is not None and one.basis.certifies
    ]
    if certified:
        await certify_curriculum(session, step.target.curriculum_id, certified, doing.now)
