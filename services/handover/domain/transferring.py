"""Giving a handover to another lead: what the one before took on does not bind the next, who reads it back anew."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import organization_of
from services.handover.domain.contents import parts_of
from services.handover.domain.handover import Handover, State
from services.handover.domain.log import LogEntry, LogKind, Phase
from services.handover.domain.promise import Promise, PromiseState, ReadBack


async def offer_anew(session: AsyncSession, handover: Handover, now: datetime) -> Sequence[Promise]:
    """Void the standing read-backs of the promises that are still open, and offer those again; returns what changed."""
    live = [one for one in await parts_of(session, Promise, handover.id) if one.is_live]
    columns = ReadBack.__table__.c  # type: ignore[attr-defined]
    await session.execute(
        update(ReadBack)
        .where(
            columns.organization_id == organization_of(session),
            columns.handover_id == handover.id,
            columns.promise_id.in_([promise.id for promise in live]),
            columns.voided_at.is_(None),
        )
        .values(voided_at=now)
        .execution_options(synchronize_session=False)
    )
    taken = [promise for promise in live if promise.state is not PromiseState.offered]
    for promise in taken:
        promise.transfer()
    return taken


def decision_of(handover: Handover, caller: Caller, reason: str, now: datetime) -> LogEntry:
    """The entry of the log that keeps the reason."""
    return LogEntry(
        organization_id=handover.organization_id,
        handover_id=handover.id,
        at=now,
        author_id=caller.person_id,
        kind=LogKind.decision,
        phase=Phase.during if handover.state is State.in_delivery else Phase.before,
        text=reason,
    )
