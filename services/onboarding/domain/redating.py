"""Due dates that follow what they count back from, and assignments that end with what asked for them; source by source.

A source keeps the day that it asks for. When that moves, the assignment is due on the earliest of what its sources ask for
now, with that one's basis; whoever was given more time keeps it. Where too little time is left, the date stays as it was and
somebody sees an exception. Each step is one statement, however many people it is about, and may be repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.chassis.database import Reader
from services.chassis.statement import Statement
from services.onboarding.domain.assigning import Due, told_due
from services.onboarding.domain.assignment_rule import OnLeave
from services.onboarding.domain.following import Doing, count
from services.onboarding.domain.moved_assignments import (
    ASKED_BEFORE,
    MARKED,
    OF_SOURCE,
    OTHER_DATES,
    OTHERS_HOLD,
    RETURNING,
    TOLD,
    earliest,
)


@dataclass(frozen=True, slots=True)
class Source:
    """Who asks for assignments of a curriculum: `key` tells it apart in their lists of sources, `id` is its own."""

    id: UUID
    key: dict[str, str]
    curriculum_id: UUID

    def sought(self, *, held: bool | None = None) -> str:
        """As it is looked for in a list of sources: one that holds, one that does not, or either."""
        return orjson.dumps([self.key if held is None else {**self.key, "held": held}]).decode()


# An assignment may not be due before it starts.
_TOO_LATE = """(
    CAST(:due_on AS date) IS NULL OR CAST(:due_on AS date) < CAST(:today AS date)
    OR CAST(:due_on AS date) < coalesce(a.starts_on, CAST(:due_on AS date))
)"""
_WITH_THIS = f"""
    SELECT CAST(:due_on AS date), CAST(:due_kind AS text), CAST(:due_days AS int), 0
    WHERE NOT a.extended
    UNION ALL
    {OTHER_DATES}
"""  # nosec B608  # put together from what is written here
_REDATED = Statement(
    text(f"""
WITH touched AS (
    UPDATE assignment AS a SET
        sources = (
            SELECT jsonb_agg(
                CASE
                    WHEN s.source @> (CAST(:key AS jsonb)->0)
                    THEN s.source || jsonb_build_object('due', CAST(:due AS jsonb))
                    ELSE s.source
                END ORDER BY s.place
            )
            FROM jsonb_array_elements(a.sources) WITH ORDINALITY AS s(source, place)
        ),
        (due_on, due_kind, due_days) = ({earliest(_WITH_THIS)}),
        version = a.version + 1, updated_at = now()
    {OF_SOURCE} AND NOT {_TOO_LATE}
        AND CAST(:due_on AS date) IS DISTINCT FROM {ASKED_BEFORE}
    {RETURNING}
), moved AS (
    SELECT * FROM touched WHERE before <> after
), told AS ({TOLD})
SELECT count(*) FROM told""")  # nosec B608  # put together from what is written here
)
# Whoever has to be through earlier by another source misses nothing.
_LATE = Statement(
    text(f"""
SELECT a.id, a.person_id FROM assignment AS a
{OF_SOURCE} AND NOT a.extended AND {_TOO_LATE}
    AND CAST(:due_on AS date) IS DISTINCT FROM {ASKED_BEFORE}
    AND (a.due_on IS NULL OR CAST(:due_on AS date) IS NULL OR a.due_on > CAST(:due_on AS date))
ORDER BY a.person_id""")  # nosec B608  # put together from what is written here
)


async def redate(
    reader: Reader, source: Source, due: Due, doing: Doing, people: Sequence[UUID] | None = None
) -> Sequence[tuple[UUID, UUID]]:
    """Have the open assignments of a source follow its day; those (id, person) for whom too little time is left keep theirs."""
    values = {
        **_values(reader, source, doing, people),
        "sought": source.sought(held=True),
        "due": orjson.dumps(told_due(due, due.on)).decode(),
        "due_on": due.on,
        "due_kind": due.kind.value,
        "due_days": due.days,
    }
    late = await reader.fetch(_LATE, values)
    await count(reader, _REDATED, values)
    return [(row["id"], row["person_id"]) for row in late]


_ENDED = Statement(
    text(f"""
WITH moved AS (
    UPDATE assignment AS a SET
        sources = {MARKED},
        state = CASE
            WHEN {OTHERS_HOLD} OR CAST(:fate AS text) = 'keep' THEN a.state
            WHEN CAST(:fate AS text) = 'withdraw' THEN 'withdrawn'
            ELSE 'suspended'
        END,
        suspension = CASE
            WHEN {OTHERS_HOLD} OR CAST(:fate AS text) = 'keep' THEN a.suspension
            WHEN CAST(:fate AS text) = 'withdraw' THEN NULL
            ELSE coalesce(a.suspension, 'left_audience')
        END,
        reason = CASE
            WHEN {OTHERS_HOLD} OR CAST(:fate AS text) = 'keep' THEN a.reason
            WHEN a.state = 'suspended' AND CAST(:fate AS text) = 'suspend' THEN a.reason
            ELSE CAST(:reason AS text)
        END,
        (due_on, due_kind, due_days) = (
            SELECT * FROM ({earliest(OTHER_DATES)}) AS by_others WHERE {OTHERS_HOLD}
            UNION ALL
            SELECT a.due_on, a.due_kind, CAST(a.due_days AS int) WHERE NOT {OTHERS_HOLD}
        ),
        version = a.version + 1, updated_at = now()
    {OF_SOURCE}
    {RETURNING}
), told AS ({TOLD})
SELECT count(*) FROM told""")  # nosec B608  # put together from what is written here
)


async def end_source(
    reader: Reader,
    source: Source,
    due: Due | None,
    fate: OnLeave,
    reason: str,
    doing: Doing,
    people: Sequence[UUID] | None = None,
) -> int:
    """The source asks for nothing any more: what nobody else asks for is kept, rests or ends; how many it had.

    What others ask for is due when they say. `due` is how the source's dates were worked out.
    """
    values = {
        **_values(reader, source, doing, people),
        "sought": source.sought(held=True),
        "held": False,
        "due_kind": None if due is None else due.kind.value,
        "fate": fate.value,
        "reason": reason,
    }
    return await count(reader, _ENDED, values)


def _values(
    reader: Reader, source: Source, doing: Doing, people: Sequence[UUID] | None
) -> dict[str, Any]:
    return {
        **doing.values(),
        "organization_id": reader.organization_id,
        "curriculum_id": source.curriculum_id,
        "source_id": source.id,
        "key": source.sought(),
        "people": people,
    }
