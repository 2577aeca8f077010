"""Past estimates: brought in by file, so that calibration has something to say on the first day."""

from collections import Counter
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
from fastapi import File, Form, Query, Request, UploadFile
from pydantic import BaseModel, Field
from sqlalchemy import Uuid, bindparam, case, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.csv_cell import DateFormat
from services.chassis.csv_records import MAX_ROWS
from services.chassis.csv_table import open_csv
from services.chassis.errors import FieldError, Invalid
from services.chassis.events import record, store_recorded
from services.chassis.fields import Body, Key, Moment, Name
from services.chassis.language import Language, translate
from services.chassis.listeners import FeedFollower
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.telemetry import REQUEST_ID
from services.chassis.web import (
    CallerDep,
    RowsAnswer,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    in_parts,
    language_of,
    listed,
    mapping_as,
)
from services.handover import events
from services.handover.api.deal_imports import CellRemark
from services.handover.domain.base import directory
from services.handover.domain.deal_cell import DecimalMark
from services.handover.domain.deal_import import RowResult
from services.handover.domain.estimate import Basis
from services.handover.domain.past_estimate import PastEstimate
from services.handover.domain.past_estimate_file import (
    PastColumns,
    PastRow,
    Usual,
    past_estimates,
)
from services.handover.domain.past_estimate_import import (
    ImportedPast,
    estimators_called,
    import_past_estimates,
    take_turns,
)

router = concept("calibration")
imports = concept("imports", files=True)
_AT_ONCE = 500


class PastEstimateOut(BaseModel):
    """An estimate from before Stafett, and what it took. One with a later revision counts no more."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    external_id: str
    revision: int = Field(examples=[1])
    superseded: bool = Field(description="Whether there is a later revision.")
    item: str | None
    kind: str
    basis: Basis
    optimistic_hours: float = Field(examples=[4])
    likely_hours: float = Field(examples=[6])
    pessimistic_hours: float = Field(examples=[12])
    actual_hours: float = Field(examples=[7.5])
    estimated_by: UUID | None = Field(description="Shown to them and their manager alone.")
    completed_on: date | None


class PastEstimatePage(BaseModel):
    items: list[PastEstimateOut]
    next: str | None


class PastEstimateQuery(PageQuery):
    external_id: Name | None = None
    kind: Key | None = None
    basis: Basis | None = None


class PastEstimateMapping(Body):
    """Which column of a CSV holds what, by the name in its header."""

    external_id: Name
    optimistic_hours: Name
    likely_hours: Name
    pessimistic_hours: Name
    actual_hours: Name
    kind: Name | None = None
    basis: Name | None = None
    item: Name | None = None
    estimated_by: Name | None = Field(None, description="A column of e-mail addresses.")
    completed_on: Name | None = None


class PastEstimateRow(BaseModel):
    """What became of a row. `errors` says why it failed, `remarks` what else there is to know."""

    line: int = Field(examples=[2])
    external_id: str | None
    result: RowResult
    past_estimate_id: UUID | None
    errors: list[CellRemark]
    remarks: list[CellRemark]


class PastEstimateImport(BaseModel):
    """What an import did, or would do."""

    dry_run: bool
    created: int
    unchanged: int
    updated: int
    failed: int
    skipped: int
    rows: list[PastEstimateRow]


_p = PastEstimate.__table__.c  # type: ignore[attr-defined]
_later = aliased(PastEstimate.__table__, name="later")  # type: ignore[attr-defined]
_person = directory.person.c
_seen_by = bindparam("seen_by", type_=Uuid)
PAST_ESTIMATES = Read(
    PastEstimateOut,
    PastEstimate,
    columns={
        "superseded": select(_later.c.id)
        .where(
            _later.c.organization_id == _p.organization_id,
            _later.c.external_id == _p.external_id,
            _later.c.revision > _p.revision,
        )
        .exists(),
        "estimated_by": case(
            (_p.estimated_by == _seen_by, _p.estimated_by),
            (
                select(_person.id)
                .where(
                    _person.organization_id == _p.organization_id,
                    _person.id == _p.estimated_by,
                    _person.manager_id == _seen_by,
                )
                .exists(),
                _p.estimated_by,
            ),
        ),
    },
    filters=["external_id", "kind", "basis"],
    # Hides no row, only the estimator of most.
    conditions={"seen_by": _seen_by.is_not(None)},
)


@router.get("/past-estimates", response_model=PastEstimatePage, summary="List past estimates")
async def list_past_estimates(
    query: Annotated[PastEstimateQuery, Query()],
    request: Request,
    caller: CallerDep,
    reader: ViewerDep,
) -> Response:
    """Everybody: as they were imported, newest first. Whose estimate it was is for them and their manager alone."""
    return listed(await PAST_ESTIMATES.page(reader, query, seen_by=caller.person_id), request)


@imports.post(
    "/imports/estimates", response_model=PastEstimateImport, summary="Import past estimates"
)
async def import_estimates_from_file(
    request: Request,
    caller: CallerDep,
    runtime: RuntimeDep,
    session: SessionDep,
    file: Annotated[
        UploadFile, File(description="CSV: an estimate with its actual hours in each row.")
    ],
    mapping: Annotated[
        str,
        Form(
            max_length=10_000,
            description="Which column holds what, as JSON: `external_id`, `optimistic_hours`, `likely_hours`, "
            "`pessimistic_hours`, `actual_hours`; further `kind`, `basis`, `item`, `estimated_by` (e-mail "
            "address), `completed_on`.",
            examples=[
                '{"external_id": "No", "optimistic_hours": "O", "likely_hours": "M", "pessimistic_hours": "P", "actual_hours": "A"}'
            ],
        ),
    ],
    default_kind: Annotated[
        Key | None,
        Form(description="Of rows that do not say their kind.", examples=["integration"]),
    ] = None,
    default_basis: Annotated[
        Basis | None, Form(description="Of rows that do not say their basis.", examples=["expert"])
    ] = None,
    decimal_mark: Annotated[DecimalMark, Form()] = ".",
    date_format: Annotated[DateFormat, Form()] = DateFormat.ISO,
    dry_run: Annotated[bool, Query(description="Say what would happen, change nothing.")] = False,
) -> Response:
    """Managers and admins. Good rows land, bad ones are told; twice the same changes nothing, what changed is a new revision."""
    caller.require(Role.manager, Role.admin)
    columns = PastColumns(**mapping_as(PastEstimateMapping, mapping).model_dump())
    usual = Usual(default_kind, default_basis, decimal_mark, date_format)
    _require_said(columns, usual)
    # Thousands of rows take a second of CPU: others are served meanwhile.
    rows = await anyio.to_thread.run_sync(
        lambda: past_estimates(open_csv(file.file, MAX_ROWS), columns, usual)
    )
    await take_turns(session)
    counts: Counter[RowResult] = Counter()
    language = language_of(request)
    with RowsAnswer() as answer:
        async for part in in_parts(rows, _AT_ONCE):
            estimators = await _estimators(session, runtime.followers["gateway"], part)
            done = await import_past_estimates(session, part, estimators, dry_run=dry_run)
            if not dry_run:
                record(session, *(events.past_estimate_imported(*one) for one in done.stored))
                await store_recorded(session, caller, REQUEST_ID.get())
            answer.add(_shown(row, language) for row in done.rows)
            counts.update(row.result for row in done.rows)
        summary = {result.value: counts[result] for result in RowResult}
        return answer.ended({"dry_run": dry_run} | summary)


async def _estimators(
    session: AsyncSession, gateway: FeedFollower, rows: list[PastRow]
) -> dict[str, UUID]:
    """Who is meant; somebody who is not known yet makes the copy of the directory catch up first."""
    named = {row.told.estimator for row in rows if row.told is not None and row.told.estimator}
    known = await estimators_called(session, rows)
    if named <= known.keys():
        return known
    await gateway.catch_up()
    return await estimators_called(session, rows)


def _require_said(columns: PastColumns, usual: Usual) -> None:
    """Kind and basis come from a column or hold for all: calibration groups by them."""
    said = {
        "kind": columns.kind is not None or usual.kind is not None,
        "basis": columns.basis is not None or usual.basis is not None,
    }
    missing = [name for name, is_said in said.items() if not is_said]
    if missing:
        raise Invalid(
            "The form is not valid.",
            errors=[
                FieldError(f"/default_{name}", "Say it for all rows, or map a column to it.")
                for name in missing
            ],
        )


def _shown(imported: ImportedPast, language: Language) -> dict[str, Any]:
    def told(found: FieldError) -> dict[str, Any]:
        return {
            "column": found.column,
            "detail": translate(language, found.template, found.params),
        }

    return {
        "line": imported.row.line,
        "external_id": imported.row.external_id,
        "result": imported.result,
        "past_estimate_id": imported.id,
        "errors": [told(error) for error in imported.errors],
        "remarks": [told(remark) for remark in imported.remarks],
    }
