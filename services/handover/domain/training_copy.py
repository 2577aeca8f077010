"""Handover's own copy of what onboarding tells of competences: what courses grant, and who is trained since when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import Reader
from services.chassis.listeners import HeardEvent
from services.chassis.statement import Statement
from services.handover.domain.base import directory, followed_feed, metadata
from services.handover.domain.competence import CompetenceNeed

# What each version of a course grants: somebody who took an old one keeps what it granted.
trainable_competence = Table(
    "trainable_competence",
    metadata,
    Column("organization_id", Uuid, primary_key=True),
    Column("course_id", Uuid, primary_key=True),
    Column("course_version", Integer, primary_key=True),
    Column("competence", Text, nullable=False),
    Column("level", Integer, nullable=False),
    Column("retired", Boolean, nullable=False),
    Index("ix_trainable_competence", "organization_id", "competence"),
)

trained_person = Table(
    "trained_person",
    metadata,
    Column("organization_id", Uuid, primary_key=True),
    Column("competence", Text, primary_key=True),
    Column("person_id", Uuid, primary_key=True),
    Column("course_id", Uuid, primary_key=True),
    Column("level", Integer, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=True),
    Index("ix_trained_person_person", "organization_id", "person_id"),
)


@dataclass(frozen=True, slots=True)
class Trained:
    """Somebody who works here and what a course granted them; `until` is the last day on which it holds."""

    person_id: UUID
    name: str
    competence: str
    level: int
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Known:
    """The copy: the highest level that is granted by competence, which of them can still be learned, and who is trained."""

    granted: Mapping[str, int]
    trainable: Mapping[str, int]
    trained: Sequence[Trained]


# --- reading the copy -----------------------------------------------------------------------------

_n = CompetenceNeed.__table__.c  # type: ignore[attr-defined]
_t, _p, _person = trainable_competence.c, trained_person.c, directory.person.c
_NEEDED = select(_n.competence).where(
    _n.organization_id == bindparam("organization_id"), _n.handover_id == bindparam("handover_id")
)
_GRANTED = Statement(
    select(_t.competence, _t.level, _t.retired).where(
        _t.organization_id == bindparam("organization_id"), _t.competence.in_(_NEEDED)
    )
)
_TRAINED = Statement(
    select(_p.person_id, _person.name, _p.competence, _p.level, _p.since, _p.until)
    .join(
        directory.person,
        (_person.organization_id == _p.organization_id) & (_person.id == _p.person_id),
    )
    .where(
        _p.organization_id == bindparam("organization_id"),
        _p.competence.in_(_NEEDED),
        _person.active,
    )
)
_APPLIED = Statement(
    select(followed_feed.c.applied_at).where(followed_feed.c.source == "onboarding")
)


async def known_to(reader: Reader, handover_id: UUID) -> Known:
    """What the copy says of the competences that a handover needs."""
    granted: dict[str, int] = {}
    trainable: dict[str, int] = {}
    for competence, level, retired in await _rows(reader, _GRANTED, handover_id):
        granted[competence] = max(level, granted.get(competence, 0))
        if not retired:
            trainable[competence] = max(level, trainable.get(competence, 0))
    trained = [Trained(*row) for row in await _rows(reader, _TRAINED, handover_id)]
    return Known(granted, trainable, trained)


async def last_applied(reader: Reader) -> Any:
    """When the copy last learned something; None if it never did."""
    return await reader.connection.fetchval(_APPLIED.sql, *_APPLIED.arguments({}))


async def _rows(reader: Reader, statement: Statement, handover_id: UUID) -> list[Any]:
    values = {"organization_id": reader.organization_id, "handover_id": handover_id}
    rows: list[Any] = await reader.connection.fetch(statement.sql, *statement.arguments(values))
    return rows


# --- keeping the copy -----------------------------------------------------------------------------


async def _course_published(session: AsyncSession, event: HeardEvent) -> None:
    course, grants = event.data["course"], event.data["grants"]
    if grants is None:
        return
    row = {
        "organization_id": event.organization_id,
        "course_id": UUID(course["id"]),
        "course_version": course["version"],
        "competence": grants["competence"],
        "level": grants["level"],
        "retired": False,
    }
    await _keep(session, trainable_competence, row)


async def _course_retired(session: AsyncSession, event: HeardEvent) -> None:
    await session.execute(
        update(trainable_competence)
        .where(
            _t.organization_id == event.organization_id,
            _t.course_id == UUID(event.data["course"]["id"]),
        )
        .values(retired=True)
    )


async def _competence_granted(session: AsyncSession, event: HeardEvent) -> None:
    told = event.data
    expires_on = told["expires_on"]
    row = {
        "organization_id": event.organization_id,
        "competence": told["competence"],
        "person_id": UUID(told["person_id"]),
        "course_id": UUID(told["course_id"]),
        "level": told["level"],
        "since": date.fromisoformat(told["granted_on"]),
        "until": None if expires_on is None else date.fromisoformat(expires_on),
    }
    await _keep(session, trained_person, row)


async def _competence_revoked(session: AsyncSession, event: HeardEvent) -> None:
    told = event.data
    await session.execute(
        delete(trained_person).where(
            _p.organization_id == event.organization_id,
            _p.competence == told["competence"],
            _p.person_id == UUID(told["person_id"]),
            _p.course_id == UUID(told["course_id"]),
        )
    )


async def _keep(session: AsyncSession, table: Table, row: Mapping[str, Any]) -> None:
    statement = insert(table).values(row)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[column.name for column in table.primary_key],
            set_={name: statement.excluded[name] for name in row},
        )
    )


LISTENERS = {
    "course.published": _course_published,
    "course.retired": _course_retired,
    "competence.granted": _competence_granted,
    "competence.revoked": _competence_revoked,
}
