"""Onboarding's own copy of what handover tells of deliveries: what they need, who is staffed on them, and which are accepted.

Gone once a delivery has ended. What follows is done once for all that was told in one go (handover_training.py).
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Date, DateTime, Index, Integer, Table, Text, Uuid, delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import reader_of
from services.chassis.listeners import HeardEvent, once_at_the_end
from services.onboarding.domain.base import metadata
from services.onboarding.domain.following import Doing
from services.onboarding.domain.handover_training import close_exceptions, end_training, train_for

accepted_delivery = Table(
    "accepted_delivery",
    metadata,
    Column("organization_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
)
delivery_need = Table(
    "delivery_need",
    metadata,
    Column("organization_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("handover_id", Uuid, nullable=False),
    Column("competence", Text, nullable=False),
    Column("level", Integer, nullable=False),
    Column("starts_on", Date, nullable=True),
    Index("ix_delivery_need_handover", "organization_id", "handover_id"),
)
delivery_staffing = Table(
    "delivery_staffing",
    metadata,
    Column("organization_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("handover_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("competence_need_id", Uuid, nullable=True),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=True),
    Index("ix_delivery_staffing_handover", "organization_id", "handover_id"),
)
_NO_PART = {"organization_id", "id", "handover_id"}


def _fields(table: Table, told: Mapping[str, Any]) -> dict[str, Any]:
    """What an event tells of the columns of a table."""
    fields = {}
    for column in table.columns:
        if column.name in told and column.name not in _NO_PART:
            value = told[column.name]
            if value is not None and isinstance(column.type, Uuid):
                value = UUID(value)
            elif value is not None and isinstance(column.type, Date):
                value = date.fromisoformat(value)
            fields[column.name] = value
    return fields


def _part_id(event: HeardEvent) -> UUID:
    return UUID(event.subject.rpartition("/")[2])


async def _keep_part(session: AsyncSession, event: HeardEvent, table: Table) -> None:
    row = {
        "organization_id": event.organization_id,
        "id": _part_id(event),
        "handover_id": UUID(event.data["handover_id"]),
        **_fields(table, event.data["after"]),
    }
    await session.execute(insert(table).values(row).on_conflict_do_nothing())
    _look_at(session, event, row["handover_id"])


async def _change_part(session: AsyncSession, event: HeardEvent, table: Table) -> None:
    fields = _fields(table, event.data["after"])
    if fields:
        await session.execute(
            update(table)
            .where(table.c.organization_id == event.organization_id, table.c.id == _part_id(event))
            .values(fields)
        )
        _look_at(session, event, UUID(event.data["handover_id"]))


async def _drop_part(session: AsyncSession, event: HeardEvent, table: Table) -> None:
    await session.execute(
        delete(table).where(
            table.c.organization_id == event.organization_id, table.c.id == _part_id(event)
        )
    )
    _look_at(session, event, UUID(event.data["handover_id"]))


async def _need_created(session: AsyncSession, event: HeardEvent) -> None:
    await _keep_part(session, event, delivery_need)


async def _need_changed(session: AsyncSession, event: HeardEvent) -> None:
    await _change_part(session, event, delivery_need)


async def _need_deleted(session: AsyncSession, event: HeardEvent) -> None:
    await _drop_part(session, event, delivery_need)


async def _staffing_created(session: AsyncSession, event: HeardEvent) -> None:
    await _keep_part(session, event, delivery_staffing)


async def _staffing_changed(session: AsyncSession, event: HeardEvent) -> None:
    await _change_part(session, event, delivery_staffing)


async def _staffing_deleted(session: AsyncSession, event: HeardEvent) -> None:
    await _drop_part(session, event, delivery_staffing)
    handover_id = UUID(event.data["handover_id"])
    _look_at(session, event, handover_id, UUID(event.data["before"]["person_id"]))


async def _accepted(session: AsyncSession, event: HeardEvent) -> None:
    handover_id = _part_id(event)
    row = {
        "organization_id": event.organization_id,
        "id": handover_id,
        "accepted_at": event.time,
    }
    await session.execute(insert(accepted_delivery).values(row).on_conflict_do_nothing())
    _look_at(session, event, handover_id)


async def _cancelled(session: AsyncSession, event: HeardEvent) -> None:
    await end_training(reader_of(session), session, _part_id(event), Doing(event.time))
    await _forget(session, event)


async def _completed(session: AsyncSession, event: HeardEvent) -> None:
    """The delivery has ended; what it asked people to learn they may still learn."""
    await close_exceptions(session, _part_id(event), Doing(event.time))
    await _forget(session, event)


async def _forget(session: AsyncSession, event: HeardEvent) -> None:
    handover_id = _part_id(event)
    for table in (delivery_need, delivery_staffing):
        await session.execute(
            delete(table).where(
                table.c.organization_id == event.organization_id,
                table.c.handover_id == handover_id,
            )
        )
    await session.execute(
        delete(accepted_delivery).where(
            accepted_delivery.c.organization_id == event.organization_id,
            accepted_delivery.c.id == handover_id,
        )
    )


def _look_at(
    session: AsyncSession, event: HeardEvent, handover_id: UUID, left: UUID | None = None
) -> None:
    told: dict[UUID, tuple[datetime, set[UUID]]] = session.info.setdefault("deliveries_told_of", {})
    _, gone = told.get(handover_id, (event.time, set()))
    told[handover_id] = event.time, gone | ({left} if left else set())
    once_at_the_end(session, _follow)


async def _follow(session: AsyncSession) -> None:
    """Have what people learn for the accepted deliveries follow from what they need and who is staffed."""
    told: dict[UUID, tuple[datetime, set[UUID]]] = session.info.pop("deliveries_told_of")
    for handover_id, (at, gone) in sorted(told.items()):
        await train_for(session, handover_id, gone, Doing(at))


LISTENERS = {
    "competence-need.created": _need_created,
    "competence-need.changed": _need_changed,
    "competence-need.deleted": _need_deleted,
    "staffing.created": _staffing_created,
    "staffing.changed": _staffing_changed,
    "staffing.deleted": _staffing_deleted,
    "handover.accepted": _accepted,
    "handover.cancelled": _cancelled,
    "handover.completed": _completed,
}
