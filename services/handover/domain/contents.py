"""Reading a handover with everything in it, for the rules that look at the whole."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import load, organization_of
from services.chassis.errors import FieldError, Invalid, NotFound
from services.handover.domain.competence import CompetenceNeed
from services.handover.domain.completeness import Contents
from services.handover.domain.guards import Reviewed
from services.handover.domain.handover import Handover
from services.handover.domain.log import LogEntry
from services.handover.domain.promise import Promise, ReadBack
from services.handover.domain.stakeholder import Stakeholder
from services.handover.domain.unknown import Unknown

Part = TypeVar("Part", Stakeholder, Promise, ReadBack, LogEntry, Unknown, CompetenceNeed)


async def load_part(session: AsyncSession, table: type[Part], handover_id: UUID, id: UUID) -> Part:
    """A part of this very handover, locked for a change; raises `NotFound`."""
    part = await load(session, table, id)
    if part.handover_id != handover_id:
        raise NotFound("There is no such {thing}.", thing=table.__tablename__.replace("_", " "))
    return part


async def parts_of(session: AsyncSession, table: type[Part], handover_id: UUID) -> Sequence[Part]:
    """All parts of a kind, oldest first."""
    columns = table.__table__.c  # type: ignore[attr-defined]
    found = await session.scalars(
        select(table)
        .where(
            columns.organization_id == organization_of(session),
            columns.handover_id == handover_id,
        )
        .order_by(columns.id)
    )
    return found.all()


async def require_parts(
    session: AsyncSession,
    table: type[Part],
    handover_id: UUID,
    pointer: str,
    named: UUID | Sequence[UUID],
) -> None:
    """Refuse with `Invalid` unless what is named under `pointer` are parts of this handover."""
    places = {pointer: named} if isinstance(named, UUID) else _numbered(pointer, named)
    if not places:
        return
    columns = table.__table__.c  # type: ignore[attr-defined]
    known = set(
        await session.scalars(
            select(columns.id).where(
                columns.organization_id == organization_of(session),
                columns.handover_id == handover_id,
                columns.id.in_(set(places.values())),
            )
        )
    )
    wrong = [place for place, id in places.items() if id not in known]
    if wrong:
        raise Invalid(
            "It names something that is not of this handover.",
            errors=[
                FieldError(place, "There is no such thing in this handover.") for place in wrong
            ],
        )


def _numbered(pointer: str, named: Sequence[UUID]) -> dict[str, UUID]:
    return {f"{pointer}/{place}": id for place, id in enumerate(named)}


async def contents_of(session: AsyncSession, handover: Handover) -> Contents:
    """Everything that was said in a handover."""
    return Contents(
        handover,
        promises=await parts_of(session, Promise, handover.id),
        stakeholders=await parts_of(session, Stakeholder, handover.id),
        competence_needs=await parts_of(session, CompetenceNeed, handover.id),
        unknowns=await parts_of(session, Unknown, handover.id),
    )


async def reviewed_of(session: AsyncSession, handover_id: UUID) -> Reviewed:
    """What the review of a handover has come to."""
    read_backs = await parts_of(session, ReadBack, handover_id)
    standing = [read_back for read_back in read_backs if read_back.voided_at is None]
    return Reviewed.of(standing, await parts_of(session, LogEntry, handover_id))
