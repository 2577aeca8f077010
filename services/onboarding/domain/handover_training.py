"""Training for handovers: an accepted one that needs what nobody staffed has sends those who are staffed to learn it.

Where the owner of a tool has switched that on for its competence. The curriculum is the shortest one that is published and
grants the competence at the level; it is due on the last working day before the need starts, or else before the person does.
Meant are those who are staffed on the need, or on none in particular; all who are staffed, where there is no such person.

Everything is worked out from the copy of the deliveries and may be repeated. Whoever was assigned something for a handover
once, and was taken out of it by hand, is not assigned it again.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import Reader, organization_of, reader_of
from services.chassis.errors import Message
from services.chassis.events import record, store_recorded
from services.chassis.statement import Statement
from services.chassis.tables import new_id
from services.onboarding import events
from services.onboarding.domain.assigning import (
    ASSIGNED,
    EVENTS,
    MERGED,
    Due,
    lock,
    told_due,
)
from services.onboarding.domain.assignment import DueKind
from services.onboarding.domain.assignment_rule import (
    AssignmentException,
    ExceptionReason,
    OnLeave,
)
from services.onboarding.domain.following import Doing, count
from services.onboarding.domain.moved_assignments import MARKED, OF_SOURCE
from services.onboarding.domain.redating import Source, end_source, redate
from services.onboarding.domain.working_days import working_days_of

TAKEN_OFF = Message("Taken off the handover.")
CALLED_OFF = Message("The handover was called off.")

_x = AssignmentException.__table__.c  # type: ignore[attr-defined]

_WANTED = """
WITH staffed AS (
    SELECT s.person_id, s.competence_need_id, s.starts_on
    FROM delivery_staffing AS s
    JOIN person AS p ON p.organization_id = s.organization_id AND p.id = s.person_id AND p.active
    WHERE s.organization_id = $1 AND s.handover_id = $2
        AND (s.ends_on IS NULL OR s.ends_on >= $3)
), lacking AS (
    SELECT n.id, n.competence, n.level, n.starts_on
    FROM delivery_need AS n
    WHERE n.organization_id = $1 AND n.handover_id = $2
        AND EXISTS (
            SELECT FROM tool AS t
            WHERE t.organization_id = $1 AND t.competence = n.competence AND t.trains_for_handovers
        )
        AND NOT EXISTS (
            SELECT FROM staffed AS s
            JOIN certificate AS c ON c.organization_id = $1 AND c.person_id = s.person_id
            WHERE c.competence = n.competence AND c.level >= n.level AND c.revoked_at IS NULL
                AND coalesce(c.expires_on >= greatest($3, n.starts_on), true)
        )
)
SELECT n.competence, max(n.level) AS level, s.person_id,
    min(coalesce(n.starts_on, s.starts_on)) AS starts_on
FROM lacking AS n
JOIN staffed AS s ON s.competence_need_id = n.id OR s.competence_need_id IS NULL OR NOT EXISTS (
    SELECT FROM staffed AS o WHERE o.competence_need_id = n.id OR o.competence_need_id IS NULL
)
WHERE EXISTS (SELECT FROM accepted_delivery WHERE organization_id = $1 AND id = $2)
GROUP BY n.competence, s.person_id
ORDER BY n.competence, s.person_id
"""
_TAUGHT = """
SELECT curriculum_id, id FROM (
    SELECT DISTINCT ON (curriculum_id) curriculum_id, id, sets, minutes
    FROM curriculum_version
    WHERE organization_id = $1 AND state = 'published'
    ORDER BY curriculum_id, number DESC
) AS v
WHERE jsonb_path_exists(
    sets, '$[*].courses[*].grants ? (@.competence == $competence && @.level >= $level)',
    jsonb_build_object('competence', $2::text, 'level', $3::int)
)
ORDER BY minutes, curriculum_id
LIMIT 1
"""
# Of each: whether it is open, and whether this handover was a source of it that still holds.
_HAD = """
SELECT a.person_id, a.sources @> $4::jsonb AS asked, a.curriculum_id = $3
    AND a.state IN ('scheduled', 'assigned', 'in_progress', 'suspended') AS open
FROM assignment AS a
WHERE a.organization_id = $1 AND a.person_id = ANY($2)
    AND (a.curriculum_id = $3 OR a.sources @> $4::jsonb)
"""
_ASSIGN = Statement(
    text(f"""
WITH judged AS (
    SELECT w.person_id, w.id, CAST(:due_on AS date) AS due_on, CAST(NULL AS text) AS reason
    FROM unnest(CAST(:people AS uuid[]), CAST(:ids AS uuid[])) AS w(person_id, id)
){ASSIGNED}{MERGED}{EVENTS}
SELECT count(*) FROM touched""")  # nosec B608  # put together from what is written there
)
_HELD_AGAIN = Statement(
    text(f"""
WITH moved AS (
    UPDATE assignment AS a SET
        sources = {MARKED}, version = a.version + 1, updated_at = now()
    {OF_SOURCE}
    RETURNING 1
)
SELECT count(*) FROM moved""")  # nosec B608  # put together from what is written here
)
_ASKED_OF = """
SELECT DISTINCT a.curriculum_id, s.source->>'competence' AS competence
FROM assignment AS a, jsonb_array_elements(a.sources) AS s(source)
WHERE a.organization_id = $1 AND a.person_id = ANY($2)
    AND a.state IN ('scheduled', 'assigned', 'in_progress', 'suspended')
    AND s.source @> $3::jsonb
"""
_STAFFED = """
SELECT DISTINCT person_id FROM delivery_staffing WHERE organization_id = $1 AND handover_id = $2
"""


@dataclass(frozen=True, slots=True)
class _Unmet:
    """Why somebody cannot be assigned, or cannot be through in time with what they have (`assignment_id`)."""

    reason: ExceptionReason
    curriculum_id: UUID | None = None
    assignment_id: UUID | None = None


async def train_for(
    session: AsyncSession, handover_id: UUID, gone: Collection[UUID], doing: Doing
) -> None:
    """Bring what people learn for a handover in line with what it needs; `gone` were taken off it.

    Nothing is assigned for one that is not accepted.
    """
    reader = reader_of(session)
    staffed = {row[0] for row in await _fetch(reader, _STAFFED, handover_id)}
    await _let_go(
        reader, handover_id, sorted(set(gone) - staffed), OnLeave.suspend, TAKEN_OFF.template, doing
    )
    wanted: dict[tuple[str, int], list[asyncpg.Record]] = defaultdict(list)
    for row in await _fetch(reader, _WANTED, handover_id, doing.now.date()):
        wanted[row["competence"], row["level"]].append(row)
    unmet: dict[tuple[str, UUID], _Unmet] = {}
    for (competence, level), rows in _by_competence(wanted).items():
        starts = {row["person_id"]: row["starts_on"] for row in rows}
        for person_id, why in (
            await _train(reader, handover_id, competence, level, starts, doing)
        ).items():
            unmet[competence, person_id] = why
    await _keep_exceptions(session, handover_id, unmet, doing)
    await store_recorded(session, None, None)


def _by_competence(
    wanted: Mapping[tuple[str, int], Sequence[asyncpg.Record]],
) -> dict[tuple[str, int], Sequence[asyncpg.Record]]:
    """One entry for a competence, at the highest level that is asked of anybody: people sit in one course."""
    highest: dict[str, int] = {}
    rows: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for (competence, level), some in wanted.items():
        highest[competence] = max(level, highest.get(competence, 0))
        rows[competence] += some
    return {(competence, highest[competence]): rows[competence] for competence in rows}


async def end_training(
    reader: Reader, session: AsyncSession, handover_id: UUID, doing: Doing
) -> None:
    """A handover was called off: what nobody else asks for is taken back, and its exceptions are over."""
    staffed = [row[0] for row in await _fetch(reader, _STAFFED, handover_id)]
    await _let_go(
        reader, handover_id, sorted(staffed), OnLeave.withdraw, CALLED_OFF.template, doing
    )
    await close_exceptions(session, handover_id, doing)


async def close_exceptions(session: AsyncSession, handover_id: UUID, doing: Doing) -> None:
    """Nobody waits to be trained for a handover that has ended."""
    await _keep_exceptions(session, handover_id, {}, doing)
    await store_recorded(session, None, None)


async def _train(
    reader: Reader,
    handover_id: UUID,
    competence: str,
    level: int,
    starts: Mapping[UUID, date],
    doing: Doing,
) -> Mapping[UUID, _Unmet]:
    """Assign those who lack it, and have the dates of those who were assigned follow; who is left, and why."""
    taught = await reader.connection.fetchrow(_TAUGHT, reader.organization_id, competence, level)
    if taught is None:
        return dict.fromkeys(starts, _Unmet(ExceptionReason.nothing_published))
    curriculum_id, version_id = taught
    source = Source(
        handover_id,
        {"kind": "handover", "handover_id": str(handover_id), "competence": competence},
        curriculum_id,
    )
    await lock(reader, curriculum_id, alone=False)
    had = await reader.connection.fetch(
        _HAD, reader.organization_id, list(starts), curriculum_id, source.sought(held=True)
    )
    asked = {row["person_id"] for row in had if row["asked"]}
    has_open = {row["person_id"] for row in had if row["open"]}
    calendar = await working_days_of(reader)
    by_day: dict[date | None, list[UUID]] = defaultdict(list)
    for person_id, starts_on in starts.items():
        by_day[calendar.before(starts_on, 1)].append(person_id)
    unmet: dict[UUID, _Unmet] = {}
    for on, people in by_day.items():
        due = Due(DueKind.fixed, on)
        in_time = on is not None and on >= doing.now.date()
        late = (
            ExceptionReason.too_little_time if on is not None else ExceptionReason.no_working_days
        )
        known = [person_id for person_id in people if person_id in asked]
        for assignment_id, person_id in await redate(reader, source, due, doing, known):
            unmet[person_id] = _Unmet(late, curriculum_id, assignment_id)
        new = [person_id for person_id in people if person_id not in asked]
        if not in_time:
            unmet |= {id: _Unmet(late, curriculum_id) for id in new if id not in has_open}
            new = [id for id in new if id in has_open]
        if new:
            await _assign(reader, source, version_id, due if in_time else None, new, doing)
    return unmet


async def _assign(
    reader: Reader,
    source: Source,
    version_id: UUID,
    due: Due | None,
    people: Sequence[UUID],
    doing: Doing,
) -> None:
    on = None if due is None else due.on
    held = {**source.key, "held": True}
    values: dict[str, Any] = {
        **doing.values(),
        "organization_id": reader.organization_id,
        "curriculum_id": source.curriculum_id,
        "people": people,
        "key": source.sought(),
        "sought": source.sought(held=False),
        "held": True,
    }
    await count(reader, _HELD_AGAIN, values)
    values |= {
        "ids": [new_id() for _ in people],
        "curriculum_version_id": version_id,
        "state": "assigned",
        "starts_on": None,
        "due_on": on,
        "due_kind": None if due is None else due.kind.value,
        "due_days": None,
        "sources": orjson.dumps([{**held, "at": doing.now, "due": told_due(due, on)}]).decode(),
        "source_key": orjson.dumps([held]).decode(),
    }
    await count(reader, _ASSIGN, values)


async def _let_go(
    reader: Reader,
    handover_id: UUID,
    people: Sequence[UUID],
    fate: OnLeave,
    reason: str,
    doing: Doing,
) -> None:
    if not people:
        return
    key = {"kind": "handover", "handover_id": str(handover_id)}
    sought = orjson.dumps({**key, "held": True}).decode()
    asked = await reader.connection.fetch(_ASKED_OF, reader.organization_id, people, sought)
    for curriculum_id, competence in asked:
        source = Source(handover_id, {**key, "competence": competence}, curriculum_id)
        await end_source(reader, source, Due(DueKind.fixed), fate, reason, doing, people)


async def _keep_exceptions(
    session: AsyncSession,
    handover_id: UUID,
    unmet: Mapping[tuple[str, UUID], _Unmet],
    doing: Doing,
) -> None:
    """The open exceptions of a handover: those, and no others."""
    found = await session.scalars(
        select(AssignmentException)
        .where(
            _x.organization_id == organization_of(session),
            _x.handover_id == handover_id,
            _x.resolved_at.is_(None),
        )
        .order_by(_x.id)
        .with_for_update()
    )
    known = {(str(one.competence), one.person_id): one for one in found}
    for whose, one in known.items():
        if whose not in unmet:
            one.resolved_at = doing.now
            record(session, events.assignment_cleared(one))
    for (competence, person_id), why in unmet.items():
        exception = known.get((competence, person_id))
        if exception is None:
            exception = AssignmentException(
                organization_id=organization_of(session),
                handover_id=handover_id,
                competence=competence,
                person_id=person_id,
                curriculum_id=why.curriculum_id,
                assignment_id=why.assignment_id,
                reason=why.reason,
            )
            session.add(exception)
            record(session, events.assignment_excepted(exception))
        elif exception.reason is not why.reason:
            exception.reason = why.reason
            exception.curriculum_id = why.curriculum_id
            record(session, events.assignment_excepted(exception))
    await session.flush()


async def _fetch(
    reader: Reader, statement: str, handover_id: UUID, *rest: Any
) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await reader.connection.fetch(
        statement, reader.organization_id, handover_id, *rest
    )
    return rows
