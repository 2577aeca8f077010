"""Declaring a gap opens a question, and the two stay together: reason, owner and day are the unknown's."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import organization_of
from services.chassis.errors import Conflict
from services.handover.domain.handover import Handover
from services.handover.domain.question import Question, QuestionState
from services.handover.domain.routing import route
from services.handover.domain.unknown import Unknown


async def question_for(
    session: AsyncSession, unknown: Unknown, handover: Handover, caller: Caller, now: datetime
) -> Question:
    """The question that `unknown` opens. It does not block: the gap is admitted, and somebody finds out by a day."""
    question = Question(
        organization_id=unknown.organization_id,
        handover_id=unknown.handover_id,
        created_at=now,
        text=unknown.reason,
        due_on=unknown.due_on,
        asked_by=caller.person_id,
        owner_id=unknown.owner_id,
        unknown_id=unknown.id,
    )
    question.routed_to = await route(session, question, handover)
    return question


async def question_of(session: AsyncSession, unknown: Unknown) -> Question | None:
    """The question that `unknown` opened; None where it was declared before unknowns did that."""
    columns = Question.__table__.c  # type: ignore[attr-defined]
    found: Question | None = await session.scalar(
        select(Question)
        .where(
            columns.organization_id == organization_of(session),
            columns.unknown_id == unknown.id,
        )
        .with_for_update()
    )
    return found


async def restate(
    session: AsyncSession, question: Question, unknown: Unknown, handover: Handover
) -> None:
    """Let the question say what the unknown says now; refused once it is answered."""
    if question.state is not QuestionState.open:
        raise Conflict(
            "What was unknown is known by now: its question is {state}.", state=question.state
        )
    question.text = unknown.reason
    question.due_on = unknown.due_on
    if question.owner_id != unknown.owner_id:
        question.owner_id = unknown.owner_id
        question.routed_to = await route(session, question, handover)


def let_go(question: Question, now: datetime) -> bool:
    """The unknown is taken off: nobody needs to find it out any more, unless somebody has. Whether it was withdrawn."""
    question.unknown_id = None
    is_open = question.state is QuestionState.open
    if is_open:
        question.withdraw(now)
    return is_open
