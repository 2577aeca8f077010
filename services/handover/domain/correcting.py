"""Which entries of a log still say something: one that a correction stands against does not, unless that was corrected too."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from services.chassis.database import Reader, Viewer
from services.chassis.statement import Statement

_OF = """
SELECT c.id, c.corrects, CAST(c.kind AS text) AS kind, CAST(o.kind AS text) AS kind_of_corrected
FROM log_entry c
JOIN log_entry o ON o.organization_id = c.organization_id AND o.id = c.corrects
WHERE c.organization_id = CAST(:organization_id AS uuid) AND c.corrects IS NOT NULL AND c.handover_id
"""
_THEIRS = """IN (
  SELECT h.id FROM handover h
  WHERE h.organization_id = CAST(:organization_id AS uuid) AND h.customer_id = CAST(:id AS uuid)
)"""
_OF_HANDOVER = Statement(text(_OF + "= CAST(:id AS uuid)"))
_OF_CUSTOMER = Statement(text(_OF + _THEIRS))


@dataclass(frozen=True, slots=True)
class Corrections:
    """What corrections make of a log, for whoever shows the entries of some kinds.

    `overruled` no longer hold. `stand_ins` are corrections of other kinds that hold, with the kind of the entry at the
    beginning of their chain: they are shown as that.
    """

    overruled: Collection[UUID]
    stand_ins: Mapping[UUID, str]


def overruled(corrections: Mapping[UUID, UUID]) -> set[UUID]:
    """The entries that a correction stands against; `corrections` are they and what each corrects."""
    waiting = Counter(corrections.values())
    found: set[UUID] = set()
    decided = [id for id in corrections if not waiting[id]]
    # Grows on the way: whether an entry stands is known once it is of all that correct it.
    for id in decided:
        corrected = corrections.get(id)
        if corrected is None:
            continue
        if id not in found:
            found.add(corrected)
        waiting[corrected] -= 1
        if not waiting[corrected]:
            decided.append(corrected)
    return found


async def corrections_in_handover(
    reader: Reader | Viewer, handover_id: UUID, kinds: Collection[str]
) -> Corrections:
    """What corrections make of the log of a handover, where entries of `kinds` are shown."""
    return await _read(reader, _OF_HANDOVER, handover_id, kinds)


async def corrections_with_customer(
    reader: Reader | Viewer, customer_id: UUID, kinds: Collection[str]
) -> Corrections:
    """What corrections make of the logs of a customer's handovers, where entries of `kinds` are shown."""
    return await _read(reader, _OF_CUSTOMER, customer_id, kinds)


async def _read(
    reader: Reader | Viewer, statement: Statement, id: UUID, kinds: Collection[str]
) -> Corrections:
    rows = await reader.fetch(statement, {"organization_id": reader.organization_id, "id": id})
    corrections = {row["id"]: row["corrects"] for row in rows}
    gone = overruled(corrections)
    first = _kinds_of_first(corrections, {row["id"]: row["kind_of_corrected"] for row in rows})
    stand_ins = {
        row["id"]: first[row["id"]]
        for row in rows
        if row["id"] not in gone and row["kind"] not in kinds and first[row["id"]] in kinds
    }
    return Corrections(gone, stand_ins)


def _kinds_of_first(
    corrections: Mapping[UUID, UUID], kinds_of_corrected: Mapping[UUID, str]
) -> Mapping[UUID, str]:
    """For each correction the kind of the entry at the beginning of its chain."""
    found: dict[UUID, str] = {}
    for id in corrections:
        way = [id]
        while way[-1] not in found and corrections[way[-1]] in corrections:
            way.append(corrections[way[-1]])
        kind = found.get(way[-1]) or kinds_of_corrected[way[-1]]
        found.update(dict.fromkeys(way, kind))
    return found
