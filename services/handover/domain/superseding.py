"""Changing what was promised: a new promise takes the place of an old one, and nobody has read the new one back yet."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import organization_of
from services.chassis.errors import Conflict, FieldError, Frozen, Invalid, NotFound
from services.handover.domain.contents import load_part
from services.handover.domain.handover import ENDED, TAKEN_OVER, Handover
from services.handover.domain.log import LogEntry
from services.handover.domain.promise import Promise, ReadBack


def require_offerable(handover: Handover, caller: Caller, supersedes: UUID | None) -> None:
    """Refuse a new promise of somebody who may not make it, or at a time when only superseding is left.

    Before acceptance the lead says what they make of a promise, and does not write it.
    """
    if not (supersedes and handover.is_led_by(caller) and handover.state in TAKEN_OVER | ENDED):
        handover.require_seller_or_manager(caller)
    if supersedes is None:
        handover.require_writable()
    elif handover.state in ENDED:
        raise Frozen(
            "A handover that is {state} is over: its promises stand as they are.",
            state=handover.state,
        )


async def supersede(
    session: AsyncSession, handover: Handover, promise: Promise, now: datetime
) -> Promise:
    """Let `promise` take the place of the one that it names, whose read-back is void from now on.

    Once the handover was accepted, every live promise goes back to one that was taken on: it takes the customer's consent.
    """
    assert promise.supersedes is not None  # asked for
    try:
        replaced = await load_part(session, Promise, promise.handover_id, promise.supersedes)
    except NotFound as error:
        raise Invalid(
            "It names something that is not of this handover.",
            errors=[FieldError("/supersedes", "There is no such thing in this handover.")],
        ) from error
    replaced.supersede()
    if handover.state in TAKEN_OVER and not promise.evidence:
        raise Invalid(
            "After acceptance a promise changes only with the customer's consent.",
            errors=[FieldError("/evidence", "Name the log entry that holds their consent.")],
        )
    await void_read_back(session, replaced.id, now)
    return replaced


async def void_read_back(session: AsyncSession, promise_id: UUID, now: datetime) -> None:
    """Whoever read the promise back did not read what it says now."""
    columns = ReadBack.__table__.c  # type: ignore[attr-defined]
    await session.execute(
        update(ReadBack)
        .where(
            columns.organization_id == organization_of(session),
            columns.promise_id == promise_id,
            columns.voided_at.is_(None),
        )
        .values(voided_at=now)
        .execution_options(synchronize_session=False)
    )


async def require_deletable(session: AsyncSession, promise: Promise) -> None:
    """Refuse to delete what is part of the story by now: it is superseded instead."""
    read_backs = ReadBack.__table__.c  # type: ignore[attr-defined]
    entries = LogEntry.__table__.c  # type: ignore[attr-defined]
    organization_id = organization_of(session)
    named = await session.scalar(
        select(
            exists().where(
                read_backs.organization_id == organization_id,
                read_backs.promise_id == promise.id,
            )
            | exists().where(
                entries.organization_id == organization_id,
                entries.handover_id == promise.handover_id,
                entries.affects.contains([promise.id]),
            )
        )
    )
    if named or promise.supersedes is not None or not promise.is_live:
        raise Conflict("The promise is part of the record by now: supersede it instead.")
