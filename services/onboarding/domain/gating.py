"""Quizzes stand before courses: a gated course is completed by passing them, within one assignment.

An attempt belongs to the assignment in which the course is learnt, and so to its cycle. What counts is the version of the
course that the assignment holds: a quiz that it does not have gates nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import Conflict, FieldError, Invalid
from services.chassis.events import record
from services.onboarding import events
from services.onboarding.domain.assessment import Assessment
from services.onboarding.domain.assignment import (
    UNDER_WAY,
    Assignment,
    ItemCompletion,
)
from services.onboarding.domain.attempt import Attempt, AttemptState
from services.onboarding.domain.certifying import settle_completion
from services.onboarding.domain.course_set import CourseSet, Item, find_item
from services.onboarding.domain.curriculum import CurriculumVersion, course_sets

_i = ItemCompletion.__table__.c  # type: ignore[attr-defined]
_a = Attempt.__table__.c  # type: ignore[attr-defined]

_GATES = """
SELECT s.id, s.title, EXISTS (
    SELECT FROM attempt AS t
    WHERE t.organization_id = $1 AND t.assessment_id = s.id AND t.assignment_id = $2
        AND t.state = 'passed'
) AS passed
FROM assessment AS s
JOIN course_version AS v
    ON v.organization_id = s.organization_id AND v.course_id = s.course_id AND v.number = $4
WHERE s.organization_id = $1 AND s.course_id = $3 AND s.state = 'published'
    AND v.units @> jsonb_build_array(jsonb_build_object('key', s.unit_key, 'kind', 'quiz'))
ORDER BY s.title, s.id
"""
# The assignments of a person that hold the course at a version with the quiz, the newest first.
_HOLDING = """
SELECT a.id
FROM assignment AS a
JOIN curriculum_version AS cv
    ON cv.organization_id = a.organization_id AND cv.id = a.curriculum_version_id
CROSS JOIN LATERAL jsonb_path_query(cv.sets, '$[*].courses[*]') AS item
JOIN course_version AS v
    ON v.organization_id = a.organization_id AND v.course_id = $3
    AND v.number = (item->>'course_version')::int
WHERE a.organization_id = $1 AND a.person_id = $2
    AND (a.state IN ('assigned', 'in_progress') OR (a.state = 'scheduled' AND a.starts_on <= $5))
    AND item->>'course_id' = $3::text
    AND v.units @> jsonb_build_array(jsonb_build_object('key', $4::text, 'kind', 'quiz'))
ORDER BY a.id DESC
"""


async def cycle_of(
    session: AsyncSession,
    assessment: Assessment,
    person_id: UUID,
    assignment_id: UUID | None,
    now: datetime,
) -> UUID | None:
    """The assignment that an attempt belongs to, None for an assessment that stands alone; raises `Invalid` or `Conflict`."""
    if assessment.course_id is None:
        if assignment_id is not None:
            raise Invalid(
                "The assessment belongs to no course.",
                errors=[FieldError("/assignment_id", "The assessment belongs to no course.")],
            )
        return None
    reader = reader_of(session)
    rows = await reader.connection.fetch(
        _HOLDING,
        reader.organization_id,
        person_id,
        assessment.course_id,
        assessment.unit_key,
        now.date(),
    )
    holding: list[UUID] = [row["id"] for row in rows]
    if assignment_id is None:
        if not holding:
            raise Conflict("No assignment under way has this quiz.")
        return holding[0]
    if assignment_id not in holding:
        raise Invalid(
            "The assignment does not have this quiz.",
            errors=[FieldError("/assignment_id", "No assignment under way has this quiz.")],
        )
    return assignment_id


async def attempts_of(
    session: AsyncSession, assessment_id: UUID, person_id: UUID, assignment_id: UUID | None
) -> Sequence[Attempt]:
    """The attempts of a cycle, locked, the first one first."""
    found = await session.scalars(
        select(Attempt)
        .where(
            _a.organization_id == organization_of(session),
            _a.assessment_id == assessment_id,
            _a.person_id == person_id,
            _a.assignment_id.is_not_distinct_from(assignment_id),
        )
        .order_by(_a.number)
        .with_for_update()
    )
    return found.all()


async def require_open_item(
    session: AsyncSession, assignment_id: UUID, course_id: UUID, now: datetime
) -> None:
    """Refuse with `Conflict` where the course is completed, or another one comes first. Locks the assignment."""
    assignment = await load(session, Assignment, assignment_id)
    sets, done = await _sets_and_done(session, assignment)
    course_set, item = _place(sets, course_id)
    if item.key in done:
        raise Conflict("The item {key} is completed already.", key=item.key)
    first = course_set.first_before(item.key, done)
    if first is not None:
        raise Conflict("The order counts here: first comes {first}.", first=first.key)


async def require_passed(
    session: AsyncSession, caller: Caller, assignment: Assignment, sets: list[CourseSet], key: str
) -> None:
    """Refuse with `Conflict` who would complete their own course without its quizzes. A trainer may, for others."""
    found = find_item(sets, key)
    if found is None or caller.person_id != assignment.person_id:
        return
    for title, passed in await _gates(session, assignment.id, found[1]):
        if not passed:
            raise Conflict("It is completed by passing {title}.", title=title)


async def complete_gated(
    session: AsyncSession, caller: Caller, attempt: Attempt, course_id: UUID | None, now: datetime
) -> None:
    """Complete the course that a passed attempt stood before, if every quiz of it is passed and its turn has come.

    The result stands also where the assignment rests or was taken back meanwhile. The assignment must be locked.
    """
    if attempt.state is not AttemptState.passed or attempt.assignment_id is None:
        return
    assert course_id is not None  # an attempt has an assignment where its assessment has a course
    assignment = await load(session, Assignment, attempt.assignment_id)
    sets, done = await _sets_and_done(session, assignment)
    course_set, item = _place(sets, course_id)
    await session.flush()
    gates = await _gates(session, assignment.id, item)
    if (
        assignment.state_on(now.date()) not in UNDER_WAY
        or item.key in done
        or course_set.first_before(item.key, done) is not None
        or not all(passed for _, passed in gates)
    ):
        return
    completion = assignment.complete_item(caller, sets, done, item.key, now)
    await settle_completion(session, assignment, completion, now)


async def lock_assignment_of(session: AsyncSession, attempt_id: UUID) -> None:
    """Lock the assignment before the attempt, as whoever begins one does: or two would wait for each other."""
    reader = reader_of(session)
    await reader.connection.execute(
        "SELECT FROM assignment WHERE organization_id = $1 AND id = ("
        "SELECT assignment_id FROM attempt WHERE organization_id = $1 AND id = $2) FOR UPDATE",
        reader.organization_id,
        attempt_id,
    )


async def expire_attempts(session: AsyncSession, now: datetime) -> int:
    """Let the attempts of the organization expire whose time is over; how many. Nothing that is read depends on it."""
    found = await session.scalars(
        select(Attempt)
        .where(
            _a.organization_id == organization_of(session),
            _a.state == AttemptState.open,
            _a.ends_at <= now,
        )
        .order_by(_a.id)
        .limit(1_000)
        .with_for_update(skip_locked=True)
    )
    over = found.all()
    for attempt in over:
        attempt.expire(now)
        record(session, events.attempt_moved("expired", attempt))
    await session.flush()
    return len(over)


async def _gates(session: AsyncSession, assignment_id: UUID, item: Item) -> list[tuple[str, bool]]:
    reader = reader_of(session)
    rows = await reader.connection.fetch(
        _GATES, reader.organization_id, assignment_id, item.course_id, item.course_version
    )
    return [(row["title"], row["passed"]) for row in rows]


async def _sets_and_done(
    session: AsyncSession, assignment: Assignment
) -> tuple[list[CourseSet], set[str]]:
    version = await load(session, CurriculumVersion, assignment.curriculum_version_id, lock=False)
    done = await session.scalars(
        select(_i.item_key).where(
            _i.organization_id == organization_of(session), _i.assignment_id == assignment.id
        )
    )
    return course_sets(version.sets), set(done)


def _place(sets: list[CourseSet], course_id: UUID) -> tuple[CourseSet, Item]:
    return next(
        (one, item) for one in sets for item in one.items if str(item.course_id) == str(course_id)
    )
