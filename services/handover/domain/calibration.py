"""Calibration: what was estimated against what it took, computed by PostgreSQL in one statement.

Looked at are all live estimates with actual hours above 0 and the last revision of each past estimate. With O, M and P the
three points, A the actual hours and E the expected ones, (O + 4M + P) / 6:

- ratio: median, p10 and p90 of A / M. Percentiles interpolate linearly (type 7 of Hyndman & Fan, 1996; NumPy's default).
- interval hit rate: the share with O ≤ A ≤ P (Jørgensen, Teigen & Moløkken, 2004).
- PRED(25): the share with |A − E| / A ≤ 0.25, and MdMRE: the median of |A − E| / A (Conte, Dunsmore & Shen, 1986). Both are
  kinder to estimates that are too low (Foss, Stensrud, Kitchenham & Myrtveit, 2003), so they are read beside the ratio.
- total ratio: ΣA / ΣE, what it took altogether for each hour that was expected.

A median of 1.00 can hide estimates that are off by two either way, hence p10 and p90 beside it.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import text

from services.chassis.caller import Caller
from services.chassis.database import Reader, Viewer
from services.chassis.errors import Forbidden
from services.chassis.statement import Statement
from services.handover.domain.estimate import Basis

# Below this, fewer than two observations lie beyond p10 and beyond p90, and the figures are hardly more than those.
SUFFICIENT = 20
# Of each grouping, those with most observations.
MOST_GROUPS = 200

_ONLY: Mapping[str, str] = {
    "basis": "AND basis = :basis",
    "kind": "AND kind = :kind",
    "estimated_by": "AND estimated_by = :estimated_by",
}
_OBSERVED = """
SELECT basis, kind, estimated_by, optimistic_hours AS o, likely_hours AS m, pessimistic_hours AS p, actual_hours AS a,
  optimistic_hours + 4 * likely_hours + pessimistic_hours AS six_e
FROM estimate
WHERE organization_id = :organization_id AND superseded_at IS NULL AND actual_hours > 0 {only}
UNION ALL
SELECT basis, kind, estimated_by, optimistic_hours, likely_hours, pessimistic_hours, actual_hours,
  optimistic_hours + 4 * likely_hours + pessimistic_hours
FROM past_estimate AS past
WHERE organization_id = :organization_id {only} AND NOT EXISTS (
  SELECT 1 FROM past_estimate AS later
  WHERE later.organization_id = past.organization_id AND later.external_id = past.external_id
    AND later.revision > past.revision
)
"""
# Whole numbers of sixths: an estimate that is off by exactly a quarter is within it, whatever a float makes of it.
_SUMS = """
count(*) AS count,
percentile_cont(CAST(ARRAY[0.1, 0.5, 0.9] AS float8[])) WITHIN GROUP (ORDER BY CAST(a / m AS float8)) AS ratio,
CAST(avg(CAST(a BETWEEN o AND p AS int)) AS float8) AS interval_hit_rate,
CAST(avg(CAST(abs(6 * a - six_e) <= 1.5 * a AS int)) AS float8) AS pred_25,
percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(abs(6 * a - six_e) / (6 * a) AS float8)) AS mdmre,
CAST(6 * sum(a) / sum(six_e) AS float8) AS total_ratio
"""
_FIGURES = """
'count', count,
'sufficient', count >= :sufficient,
'ratio', CASE WHEN count > 0 THEN json_build_object('p10', ratio[1], 'median', ratio[2], 'p90', ratio[3]) END,
'interval_hit_rate', interval_hit_rate,
'pred_25', pred_25,
'mdmre', mdmre,
'total_ratio', total_ratio
"""
# `grouped` has a bit for each column that a row is not grouped by.
_GROUPED = """
(SELECT coalesce(json_agg(json_build_object('{name}', {name}, {figures}) ORDER BY count DESC, {name}), '[]')
  FROM (SELECT * FROM sums WHERE grouped = {grouped} {visible} ORDER BY count DESC, {name} LIMIT :most_groups) AS g)
"""
_VISIBLE = """
AND (estimated_by = :caller OR estimated_by IN (
  SELECT id FROM person WHERE organization_id = :organization_id AND manager_id = :caller))
"""


def _filtered(names: tuple[str, ...]) -> str:
    return _OBSERVED.format(only=" ".join(_ONLY[name] for name in names))


def _alike(names: tuple[str, ...]) -> Statement:
    """The figures of all that `names` leave, as one JSON object."""
    # Put together from the constants above; values are parameters.
    return Statement(
        text(
            f"WITH observed AS ({_filtered(names)}), sums AS (SELECT {_SUMS} FROM observed) "  # nosec B608
            f"SELECT CAST(json_build_object({_FIGURES}) AS text) FROM sums"
        )
    )


def _report(names: tuple[str, ...]) -> Statement:
    """The figures of all that `names` leave, and of its groups."""

    def grouped(name: str, bits: int, visible: str = "") -> str:
        return _GROUPED.format(name=name, grouped=bits, visible=visible, figures=_FIGURES)

    # Put together from the constants above; values are parameters.
    return Statement(
        text(
            f"WITH observed AS ({_filtered(names)}), sums AS ("  # nosec B608
            f"SELECT grouping(basis, kind, estimated_by) AS grouped, basis, kind, estimated_by, {_SUMS} "
            "FROM observed GROUP BY GROUPING SETS ((), (basis), (kind), (estimated_by))) "
            "SELECT CAST(json_build_object("
            f"'overall', (SELECT json_build_object({_FIGURES}) FROM sums WHERE grouped = 7), "
            f"'by_basis', {grouped('basis', 3)}, "
            f"'by_kind', {grouped('kind', 5)}, "
            f"'by_estimator', {grouped('estimated_by', 6, _VISIBLE)}) AS text)"
        )
    )


_SHAPES = [
    tuple(name for bit, name in enumerate(_ONLY) if shape >> bit & 1)
    for shape in range(2 ** len(_ONLY))
]
_REPORTS = {names: _report(names) for names in _SHAPES}
_OF_THE_SAME = _alike(("basis", "kind"))
_MANAGED = Statement(
    text(
        "SELECT 1 AS managed FROM person "
        "WHERE organization_id = :organization_id AND id = :person_id AND manager_id = :caller"
    )
)


async def figures_alike(reader: Reader | Viewer, basis: Basis, kind: str) -> str:
    """The figures of the estimates on the same basis and of the same kind of item, as JSON."""
    return await _told(reader, _OF_THE_SAME, {"basis": basis.value, "kind": kind})


async def calibration(
    reader: Reader | Viewer,
    caller: Caller,
    *,
    basis: Basis | None = None,
    kind: str | None = None,
    estimated_by: UUID | None = None,
) -> str:
    """All figures as JSON; raises `Forbidden` for an estimator who is neither the caller nor managed by them."""
    if estimated_by is not None:
        await _require_visible(reader, caller, estimated_by)
    asked = {
        "basis": None if basis is None else basis.value,
        "kind": kind,
        "estimated_by": estimated_by,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    values = {**given, "caller": caller.person_id, "most_groups": MOST_GROUPS}
    return await _told(reader, _REPORTS[tuple(given)], values)


async def _require_visible(reader: Reader | Viewer, caller: Caller, estimated_by: UUID) -> None:
    if estimated_by == caller.person_id:
        return
    values = {
        "organization_id": reader.organization_id,
        "person_id": estimated_by,
        "caller": caller.person_id,
    }
    if await reader.fetchrow(_MANAGED, values) is None:
        raise Forbidden("How somebody's estimates turn out is for them and their manager alone.")


async def _told(reader: Reader | Viewer, statement: Statement, values: Mapping[str, object]) -> str:
    known = {**values, "organization_id": reader.organization_id, "sufficient": SUFFICIENT}
    row = await reader.fetchrow(statement, known)
    assert row is not None  # aggregates over nothing are a row, too
    told: str = row[0]
    return told
