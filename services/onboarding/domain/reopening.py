"""What a passed attempt had completed is open again once it is voided, and the certificates that came of it are revoked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.onboarding import events
from services.onboarding.domain.assignment import Assignment, ItemCompletion, State
from services.onboarding.domain.attempt import Attempt
from services.onboarding.domain.certificate import Certificate
from services.onboarding.domain.certifying import certify_alone, revoke
from services.onboarding.domain.course_set import is_complete
from services.onboarding.domain.gating import quizzes_before
from services.onboarding.domain.progress import sets_and_done

_c = Certificate.__table__.c  # type: ignore[attr-defined]
_i = ItemCompletion.__table__.c  # type: ignore[attr-defined]

_IS_FOLLOWED = """
SELECT EXISTS (
    SELECT FROM assignment AS a
    JOIN assignment AS later
        ON later.organization_id = a.organization_id AND later.person_id = a.person_id
        AND later.curriculum_id = a.curriculum_id AND later.cycle > a.cycle
    WHERE a.organization_id = $1 AND a.id = $2
)
"""


async def undo_passed(
    session: AsyncSession, caller: Caller, attempt: Attempt, course_id: UUID, now: datetime
) -> None:
    """Open the course again that an attempt completed by passing, and its assignment where that is not complete without it.

    Not where a trainer completed it, or the quiz is passed by another attempt or stands before it no more. An assignment that is
    followed by the next cycle stays closed. The assignment must be locked, and the attempt voided in the database.
    """
    assert attempt.assignment_id is not None
    assert attempt.void_reason is not None
    assignment = await load(session, Assignment, attempt.assignment_id)
    completion = await _undone(session, assignment, attempt, course_id)
    if completion is None:
        return
    await session.delete(completion)
    record(session, events.item_reopened(completion))
    await session.flush()
    sets, done = await sets_and_done(session, assignment, now.date())
    complete = is_complete(sets, done)
    left = sum(item.key in done for one in sets for item in one.items)
    closed = assignment.state is State.completed
    if closed and not complete and not await _is_followed(session, assignment):
        assignment.reopen(left)
        record(session, events.assignment_moved("reopened", assignment, *changes(assignment)))
    else:
        assignment.count_anew(left)
    await session.flush()
    await certify_alone(session, [assignment.person_id])
    for certificate in await _certificates(session, assignment):
        of_course = certificate.course_id == completion.course_id
        if of_course or (certificate.curriculum_id is not None and not complete):
            await revoke(session, certificate, caller, attempt.void_reason, now)


async def _undone(
    session: AsyncSession, assignment: Assignment, attempt: Attempt, course_id: UUID
) -> ItemCompletion | None:
    """The completion that rests on the attempt alone."""
    completion: ItemCompletion | None = await session.scalar(
        select(ItemCompletion).where(
            _i.organization_id == assignment.organization_id,
            _i.assignment_id == assignment.id,
            _i.course_id == course_id,
            _i.completed_by == assignment.person_id,
        )
    )
    if completion is None:
        return None
    quizzes = await quizzes_before(session, assignment, completion)
    rests = any(quiz.id == attempt.assessment_id and not quiz.passed for quiz in quizzes)
    return completion if rests else None


async def _is_followed(session: AsyncSession, assignment: Assignment) -> bool:
    reader = reader_of(session)
    followed: bool = await reader.connection.fetchval(
        _IS_FOLLOWED, reader.organization_id, assignment.id
    )
    return followed


async def _certificates(session: AsyncSession, assignment: Assignment) -> list[Certificate]:
    found = await session.scalars(
        select(Certificate)
        .where(
            _c.organization_id == assignment.organization_id,
            _c.assignment_id == assignment.id,
            _c.revoked_at.is_(None),
        )
        .order_by(_c.id)
        .with_for_update()
    )
    return list(found)
