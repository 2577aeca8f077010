"""What stands before a course within an assignment: its quizzes, which must be passed, and a session, which must be attended.

An attempt belongs to the assignment in which the course is learnt, and so to its cycle; a session counts for those cycles that
were not completed when it began. What counts is the version of the course that the assignment holds: a quiz or a session that
it does not have gates nothing. A retired quiz that no published one took the place of stands before the course still: whoever
did not pass it is completed by a trainer. A trainer may complete a course for others without any of it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import Conflict, FieldError, Invalid
from services.chassis.events import record
from services.onboarding import events
from services.onboarding.domain.assessment import Assessment
from services.onboarding.domain.assignment import UNDER_WAY, Assignment, ItemCompletion
from services.onboarding.domain.attempt import Attempt, AttemptState
from services.onboarding.domain.certifying import settle_completion
from services.onboarding.domain.course_set import CourseSet, Item, find_item
from services.onboarding.domain.progress import sets_and_done

_a = Attempt.__table__.c  # type: ignore[attr-defined]

_QUIZZES = """
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
# The units whose quizzes were all retired, none of them passed in the assignment; with the title of the last one.
_RETIRED_UNPASSED = """
SELECT (array_agg(s.title ORDER BY s.id DESC))[1] AS title
FROM assessment AS s
JOIN course_version AS v
    ON v.organization_id = s.organization_id AND v.course_id = s.course_id AND v.number = $4
WHERE s.organization_id = $1 AND s.course_id = $3 AND s.state IN ('published', 'retired')
    AND v.units @> jsonb_build_array(jsonb_build_object('key', s.unit_key, 'kind', 'quiz'))
GROUP BY s.unit_key
HAVING bool_and(s.state = 'retired') AND NOT bool_or(EXISTS (
    SELECT FROM attempt AS t
    WHERE t.organization_id = $1 AND t.assessment_id = s.id AND t.assignment_id = $2
        AND t.state = 'passed'
))
ORDER BY s.unit_key
"""
_AWAITS_SESSION = """
SELECT EXISTS (
    SELECT FROM course_version AS v
    WHERE v.organization_id = $1 AND v.course_id = $3 AND v.number = $4
        AND v.units @> '[{"kind": "topic_session"}]'
) AND NOT EXISTS (
    SELECT FROM assignment AS a
    JOIN booking AS b
        ON b.organization_id = $1 AND b.person_id = a.person_id AND b.state = 'attended'
    JOIN topic_session AS s
        ON s.organization_id = $1 AND s.id = b.session_id AND s.course_id = $3
    WHERE a.organization_id = $1 AND a.id = $2 AND NOT EXISTS (
        SELECT FROM assignment AS earlier
        WHERE earlier.organization_id = $1 AND earlier.person_id = a.person_id
            AND earlier.curriculum_id = a.curriculum_id AND earlier.cycle < a.cycle
            AND earlier.completed_at >= s.starts_at
    )
)
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


async def open_elsewhere(
    session: AsyncSession, assessment_id: UUID, person_id: UUID, assignment_id: UUID | None
) -> Sequence[Attempt]:
    """What is stored as open in other cycles, locked: of an assessment, somebody has one open attempt at most."""
    found = await session.scalars(
        select(Attempt)
        .where(
            _a.organization_id == organization_of(session),
            _a.assessment_id == assessment_id,
            _a.person_id == person_id,
            _a.assignment_id.is_distinct_from(assignment_id),
            _a.state == AttemptState.open,
        )
        .with_for_update()
    )
    return found.all()


async def require_open_item(
    session: AsyncSession, assignment_id: UUID, course_id: UUID, now: datetime
) -> None:
    """Refuse with `Conflict` where the course is completed, or another one comes first. Locks the assignment."""
    assignment = await load(session, Assignment, assignment_id)
    sets, done = await sets_and_done(session, assignment, now.date())
    place = _place(sets, course_id)
    if place is None:
        raise Conflict("No assignment under way has this quiz.")
    course_set, item = place
    if item.key in done:
        raise Conflict("The item {key} is completed already.", key=item.key)
    first = course_set.first_before(item.key, done)
    if first is not None:
        raise Conflict("The order counts here: first comes {first}.", first=first.key)


async def require_gates_passed(
    session: AsyncSession, caller: Caller, assignment: Assignment, sets: list[CourseSet], key: str
) -> None:
    """Refuse with `Conflict` who would complete their own course without its quizzes and its session."""
    found = find_item(sets, key)
    if found is None or caller.person_id != assignment.person_id:
        return
    for quiz in await quizzes_before(session, assignment, found[1]):
        if not quiz.passed:
            raise Conflict("It is completed by passing {title}.", title=quiz.title)
    for title in await retired_before(session, assignment, found[1]):
        raise Conflict(
            "{title} is retired, and you did not pass it. A trainer can complete it for you.",
            title=title,
        )
    if await _awaits_session(session, assignment, found[1]):
        raise Conflict(
            "It asks for a session, and you were in none. A trainer can complete it for you."
        )


async def complete_gated(
    session: AsyncSession, caller: Caller, attempt: Attempt, course_id: UUID | None, now: datetime
) -> None:
    """Complete the course that a passed attempt stood before, if nothing else stands before it and its turn has come.

    The result stands also where the assignment rests, was taken back, or went on to a version without the course meanwhile.
    The assignment must be locked.
    """
    if attempt.state is not AttemptState.passed or attempt.assignment_id is None:
        return
    assert course_id is not None  # an attempt has an assignment where its assessment has a course
    assignment = await load(session, Assignment, attempt.assignment_id)
    sets, done = await sets_and_done(session, assignment, now.date())
    place = _place(sets, course_id)
    await session.flush()
    if (
        place is None
        or assignment.state_on(now.date()) not in UNDER_WAY
        or place[1].key in done
        or place[0].first_before(place[1].key, done) is not None
        or not all(quiz.passed for quiz in await quizzes_before(session, assignment, place[1]))
        or await retired_before(session, assignment, place[1])
        or await _awaits_session(session, assignment, place[1])
    ):
        return
    completion = assignment.complete_item(caller, sets, done, place[1].key, now)
    # Whoever graded it, it is the learner who passed.
    completion.completed_by = assignment.person_id
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


class Quiz(NamedTuple):
    """A published assessment that stands before a course, and whether it is passed in the assignment."""

    id: UUID
    title: str
    passed: bool


async def quizzes_before(
    session: AsyncSession, assignment: Assignment, item: Item | ItemCompletion
) -> list[Quiz]:
    """The quizzes that stand before an item, or stood before it at the version that was completed."""
    reader = reader_of(session)
    rows = await reader.connection.fetch(
        _QUIZZES, reader.organization_id, assignment.id, item.course_id, item.course_version
    )
    return [Quiz(*row) for row in rows]


async def retired_before(session: AsyncSession, assignment: Assignment, item: Item) -> list[str]:
    """The titles of the retired quizzes that still stand before an item, since they were not passed."""
    reader = reader_of(session)
    rows = await reader.connection.fetch(
        _RETIRED_UNPASSED,
        reader.organization_id,
        assignment.id,
        item.course_id,
        item.course_version,
    )
    return [row["title"] for row in rows]


async def _awaits_session(session: AsyncSession, assignment: Assignment, item: Item) -> bool:
    """Whether the course has a session, and the learner was in none that counts."""
    reader = reader_of(session)
    awaits: bool = await reader.connection.fetchval(
        _AWAITS_SESSION, reader.organization_id, assignment.id, item.course_id, item.course_version
    )
    return awaits


def _place(sets: list[CourseSet], course_id: UUID) -> tuple[CourseSet, Item] | None:
    return next(
        ((one, item) for one in sets for item in one.items if item.course_id == course_id), None
    )
