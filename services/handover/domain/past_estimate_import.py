"""Bringing past estimates in: each is found again by its id in the file, so the same file twice changes nothing.

What a later file says otherwise is a further revision, and the last one counts: a mistake in a column map is mended by
sending the file again. Rows go in as plain values, thousands in one statement.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Table, Text, any_, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import organization_of
from services.chassis.errors import FieldError
from services.handover.domain.base import directory
from services.handover.domain.deal_import import RowResult
from services.handover.domain.past_estimate import PastEstimate
from services.handover.domain.past_estimate_file import PastRow, ToldEstimate

_PAST: Table = PastEstimate.__table__  # type: ignore[attr-defined]
_SAID = (
    "item",
    "kind",
    "basis",
    "optimistic_hours",
    "likely_hours",
    "pessimistic_hours",
    "actual_hours",
    "completed_on",
)


@dataclass(slots=True)
class ImportedPast:
    """A row of the file, what became of it, and what there is to say of it."""

    row: PastRow
    result: RowResult
    id: UUID | None = None
    errors: Sequence[FieldError] = ()
    remarks: Sequence[FieldError] = ()


@dataclass(slots=True)
class ImportedPasts:
    """What an import did, or would do; `stored` is each new revision with the one before it."""

    rows: list[ImportedPast] = field(default_factory=list)
    stored: list[tuple[PastEstimate, PastEstimate | None]] = field(default_factory=list)


async def import_past_estimates(
    session: AsyncSession,
    rows: Sequence[PastRow],
    estimators: Mapping[str, UUID],
    *,
    dry_run: bool,
) -> ImportedPasts:
    """Take in what is new and what has changed; with `dry_run` only say what would happen.

    Whoever imports takes turns first (`take_turns`). A file may come in parts.
    """
    known = await _known(session, [row.told.external_id for row in rows if row.told is not None])
    done = ImportedPasts()
    for row in rows:
        done.rows.append(
            _import(row, known, estimators, done, organization_of(session), dry_run=dry_run)
        )
    if done.stored and not dry_run:
        await session.execute(
            insert(_PAST),
            [_columns(past) for past, _ in done.stored],
        )
    return done


async def estimators_called(session: AsyncSession, rows: Iterable[PastRow]) -> dict[str, UUID]:
    """The people with the addresses that the rows name, also those who have left."""
    named = {row.told.estimator for row in rows if row.told is not None and row.told.estimator}
    if not named:
        return {}
    person = directory.person.c
    found = await session.execute(
        select(func.lower(person.email), person.id).where(
            person.organization_id == organization_of(session),
            func.lower(person.email) == any_(_texts(named)),
        )
    )
    return {row[0]: row[1] for row in found}


def _import(
    row: PastRow,
    known: Mapping[str, PastEstimate],
    estimators: Mapping[str, UUID],
    done: ImportedPasts,
    organization_id: UUID,
    *,
    dry_run: bool,
) -> ImportedPast:
    told = row.told
    if told is None:
        return _not_an_estimate(row)
    remarks = _unknown_estimator(told, estimators)
    before = known.get(told.external_id)
    past = PastEstimate(
        organization_id=organization_id,
        external_id=told.external_id,
        revision=1 if before is None else before.revision + 1,
        estimated_by=estimators.get(told.estimator or ""),
        **{name: getattr(told, name) for name in _SAID},
    )
    if before is not None and _same(before, past):
        return ImportedPast(row, RowResult.unchanged, before.id, remarks=remarks)
    done.stored.append((past, before))
    result = RowResult.created if before is None else RowResult.updated
    return ImportedPast(row, result, None if dry_run else past.id, remarks=remarks)


def _not_an_estimate(row: PastRow) -> ImportedPast:
    if row.duplicate_of is None:
        return ImportedPast(row, RowResult.failed, errors=row.problems)
    remark = FieldError(
        "", "The same estimate stands in line {line}.", {"line": row.duplicate_of}, line=row.line
    )
    return ImportedPast(row, RowResult.skipped, remarks=[remark])


def _unknown_estimator(told: ToldEstimate, estimators: Mapping[str, UUID]) -> list[FieldError]:
    if told.estimator is None or told.estimator_cell is None or told.estimator in estimators:
        return []
    return [
        told.estimator_cell.problem(
            "Nobody has the address {text}: it counts as an estimate of nobody known",
            text=told.estimator_cell.text,
        )
    ]


def _same(before: PastEstimate, now: PastEstimate) -> bool:
    return all(getattr(before, name) == getattr(now, name) for name in (*_SAID, "estimated_by"))


def _columns(past: PastEstimate) -> dict[str, Any]:
    given = {column.name for column in _PAST.c} - {"created_at", "updated_at"}
    return {name: value for name, value in past.__dict__.items() if name in given}


async def take_turns(session: AsyncSession) -> None:
    """Two files at once would both find an estimate missing: imports of an organization take turns."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"past estimates {organization_of(session)}"},
    )


async def _known(session: AsyncSession, external_ids: Sequence[str]) -> dict[str, PastEstimate]:
    """The last revision of each."""
    if not external_ids:
        return {}
    columns = _PAST.c
    found = await session.execute(
        select(
            columns.id,
            columns.external_id,
            columns.revision,
            columns.estimated_by,
            *(columns[name] for name in _SAID),
        )
        .ext(distinct_on(columns.external_id))
        .where(
            columns.organization_id == organization_of(session),
            columns.external_id == any_(_texts(external_ids)),
        )
        .order_by(columns.external_id, columns.revision.desc())
    )
    return {row.external_id: PastEstimate(**row._mapping) for row in found}


def _texts(values: Iterable[str]) -> Any:
    return literal(sorted(set(values)), ARRAY(Text))
