"""Estimates: what it takes, in three points. Written by the seller, superseded once the handover was submitted."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from sqlalchemy import Boolean, ColumnElement, Float, bindparam, cast, func, select, text
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import SQLCoreOperations
from starlette.responses import Response

from services.chassis.database import Reader, Viewer, load, reader_of
from services.chassis.errors import Unfit
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Moment, Prose
from services.chassis.pages import Page, PageQuery
from services.chassis.reads import Found, Read
from services.chassis.statement import Statement
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.handover import events
from services.handover.api.calibration import CalibrationFigures
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.base import directory
from services.handover.domain.calibration import figures_alike
from services.handover.domain.completeness import require_answer
from services.handover.domain.contents import load_part, load_writable
from services.handover.domain.estimate import HOURS_BELOW, Basis, Estimate
from services.handover.domain.estimating import (
    require_estimable,
    require_measurable,
    supersede_estimate,
)
from services.handover.domain.handover import Handover

router = concept("estimates")
_LIST = "/handovers/{handover_id}/estimates"
_ONE = _LIST + "/{estimate_id}"


def _written_as_number(value: Any) -> Any:
    # Python takes true for 1, and reads numbers out of text; in JSON hours are numbers.
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unfit("Write the hours as a number: 7.5.")
    return value


def _hours(least: dict[str, int]) -> Any:
    schema = {"type": "number", "exclusiveMaximum": HOURS_BELOW, "examples": [7.5]}
    return WithJsonSchema(schema | least)


Hours = Annotated[
    Decimal,
    BeforeValidator(_written_as_number),
    Field(gt=0, lt=HOURS_BELOW, decimal_places=4),
    _hours({"exclusiveMinimum": 0}),
]
HoursOrZero = Annotated[
    Decimal,
    BeforeValidator(_written_as_number),
    Field(ge=0, lt=HOURS_BELOW, decimal_places=4),
    _hours({"minimum": 0}),
]


class EstimateOut(BaseModel):
    """An estimate, in hours; it is live until `superseded_by` names another one. Expected and σ to three decimals."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    item: str
    kind: str
    optimistic_hours: float = Field(examples=[4])
    likely_hours: float = Field(examples=[6])
    pessimistic_hours: float = Field(examples=[12])
    expected_hours: float = Field(description="(O + 4M + P) / 6.", examples=[6.667])
    sigma_hours: float = Field(description="(P − O) / 6.", examples=[1.333])
    basis: Basis
    basis_text: str
    assumptions: list[str]
    exclusions: list[str]
    estimated_by: UUID
    supersedes: UUID | None
    superseded_by: UUID | None
    actual_hours: float | None = Field(examples=[7.5])


class CalibratedEstimate(EstimateOut):
    """An estimate, and beside it how others on the same basis and of the same kind of item turned out."""

    calibration: CalibrationFigures


class EstimateTotals(BaseModel):
    """The live estimates of a handover together. σ is √Σσ², which holds if the items vary independently of one another."""

    count: int = Field(description="Live estimates.", examples=[2])
    expected_hours: float = Field(examples=[17.667])
    sigma_hours: float = Field(
        description="√Σσ². Where items run late together, it is larger.", examples=[2.134]
    )
    assumes: Literal["independence"] = Field(
        description="What σ rests on: that one item's running late says nothing of another's."
    )


class EstimatePage(BaseModel):
    items: list[EstimateOut]
    next: str | None
    totals: EstimateTotals


class NewEstimate(Body):
    """An estimate to be: optimistic ≤ likely ≤ pessimistic."""

    item: Prose = Field(description="What is to be done.", examples=["Tills for the first shop"])
    kind: Key = Field(
        description="What kind of work it is, as a short key; calibration groups by it: integration, "
        "migration, configuration, training …",
        examples=["integration"],
    )
    optimistic_hours: Hours = Field(examples=[4])
    likely_hours: Hours = Field(examples=[6])
    pessimistic_hours: Hours = Field(examples=[12])
    basis: Basis
    basis_text: Prose = Field(
        description="What it rests on, in words.",
        examples=["The two shops that we did in May took 5 and 7 hours."],
    )
    assumptions: list[Prose] = Field(
        default_factory=list, max_length=50, examples=[["The network is in place."]]
    )
    exclusions: list[Prose] = Field(
        default_factory=list, max_length=50, examples=[["Cash drawers."]]
    )
    estimated_by: UUID = Field(description="The colleague whose estimate it is.")
    supersedes: UUID | None = Field(
        None,
        description="The estimate of this handover whose place it takes. After submission, the only "
        "way to change one.",
    )


class EstimatePatch(Body):
    """JSON Merge Patch of an estimate."""

    item: Prose = Field(default="")
    kind: Key = Field(default="")
    optimistic_hours: Hours = Field(default=Decimal(1))
    likely_hours: Hours = Field(default=Decimal(1))
    pessimistic_hours: Hours = Field(default=Decimal(1))
    basis: Basis = Basis.guess
    basis_text: Prose = Field(default="")
    assumptions: list[Prose] = Field(default_factory=list, max_length=50)
    exclusions: list[Prose] = Field(default_factory=list, max_length=50)
    estimated_by: UUID = Field(default=UUID(int=0))


class ActualHours(Body):
    """What it took in the end."""

    hours: HoursOrZero = Field(
        description="0: it was not done at all, and calibration leaves it out.", examples=[7.5]
    )


class EstimateQuery(PageQuery):
    live: bool | None = Field(
        None, description="Those that nothing has superseded, or only the others."
    )
    basis: Basis | None = None
    kind: Key | None = None


@dataclass(frozen=True, slots=True)
class PageWithTotals(Page):
    """A page, and beside it what all of them amount to."""

    totals: str

    def content(self) -> bytes:
        return b'%b,"totals":%b}' % (Page.content(self)[:-1], self.totals.encode())


_e = Estimate.__table__.c  # type: ignore[attr-defined]
_next = aliased(Estimate.__table__, name="next_estimate")  # type: ignore[attr-defined]


def _rounded(hours: SQLCoreOperations[Any]) -> ColumnElement[Any]:
    return cast(func.round(hours, 3), Float(53))


ESTIMATES = Read(
    EstimateOut,
    Estimate,
    columns={
        "expected_hours": _rounded(
            (_e.optimistic_hours + 4 * _e.likely_hours + _e.pessimistic_hours) / 6
        ),
        "sigma_hours": _rounded((_e.pessimistic_hours - _e.optimistic_hours) / 6),
        "superseded_by": select(_next.c.id)
        .where(_next.c.organization_id == _e.organization_id, _next.c.supersedes == _e.id)
        .scalar_subquery(),
    },
    filters=["basis", "kind", "handover_id"],
    conditions={"live": _e.superseded_at.is_(None) == bindparam("live", type_=Boolean)},
)
_TOTALS = Statement(
    text("""
SELECT CAST(json_build_object(
  'count', count(*),
  'expected_hours', CAST(round(coalesce(sum(optimistic_hours + 4 * likely_hours + pessimistic_hours), 0) / 6, 3) AS float8),
  'sigma_hours', CAST(round(sqrt(coalesce(sum((pessimistic_hours - optimistic_hours) ^ 2), 0)) / 6, 3) AS float8),
  'assumes', 'independence'
) AS text)
FROM estimate
WHERE organization_id = :organization_id AND handover_id = :handover_id AND superseded_at IS NULL
""")
)


async def _totals(reader: Reader | Viewer, handover_id: UUID) -> str:
    values = {"organization_id": reader.organization_id, "handover_id": handover_id}
    row = await reader.fetchrow(_TOTALS, values)
    assert row is not None  # sums over nothing are a row, too
    totals: str = row[0]
    return totals


async def _calibrated(reader: Reader, estimate: Estimate) -> Found:
    """As it stands, with what is to be known while it is made."""
    shown = await ESTIMATES.one(reader, estimate.id)
    figures = await figures_alike(reader, estimate.basis, estimate.kind)
    content = b'%b,"calibration":%b}' % (shown.content[:-1], figures.encode())
    return Found(content, shown.version)


def _require_answers(given: Mapping[str, Any]) -> None:
    require_answer("/item", given.get("item"))
    require_answer("/basis_text", given.get("basis_text"))


@router.post(
    _LIST, status_code=201, response_model=CalibratedEstimate, summary="Estimate what it takes"
)
async def create_estimate(
    handover_id: UUID,
    body: NewEstimate,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """The seller or a manager, until it is submitted; with `supersedes` until it has ended, after acceptance by the lead too.

    `calibration` says how estimates on the same basis and of the same kind turned out (`GET /v1/calibration` says more).
    """
    handover = await load(session, Handover, handover_id)
    require_estimable(handover, caller, body.supersedes)
    _require_answers(body.model_dump())
    estimate = Estimate(
        organization_id=caller.organization_id, handover_id=handover_id, **body.model_dump()
    )
    estimate.check_sound()
    await directory.require_people(
        session, runtime.followers["gateway"], {"/estimated_by": body.estimated_by}
    )
    if estimate.supersedes is not None:
        replaced = await supersede_estimate(session, estimate, now)
        record(session, events.estimate_superseded(replaced, *changes(replaced)))
    session.add(estimate)
    record(session, events.estimate_created(estimate))
    await session.flush()
    return found(
        await _calibrated(reader_of(session), estimate),
        status=201,
        location=f"/v1/handovers/{handover_id}/estimates/{estimate.id}",
    )


@router.get(_LIST, response_model=EstimatePage, summary="List estimates, and what they amount to")
async def list_estimates(
    handover_id: UUID, query: Annotated[EstimateQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first. `totals` are those of all live estimates of the handover, whatever the page shows."""
    await HANDOVERS.require(reader, handover_id)
    page = await ESTIMATES.page(reader, query, handover_id=handover_id)
    totals = await _totals(reader, handover_id)
    return listed(PageWithTotals(page.items, page.next, totals), request)


@router.get(_ONE, response_model=EstimateOut, summary="Get an estimate")
async def get_estimate(handover_id: UUID, estimate_id: UUID, reader: ViewerDep) -> Response:
    """One estimate with its ETag."""
    return found(await ESTIMATES.one(reader, estimate_id, handover_id=handover_id))


@router.patch(_ONE, response_model=CalibratedEstimate, summary="Change an estimate")
async def change_estimate(
    handover_id: UUID,
    estimate_id: UUID,
    body: EstimatePatch,
    caller: CallerDep,
    match: MatchDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch by the seller or a manager; If-Match is required. Until the handover is submitted."""
    handover = await load(session, Handover, handover_id)
    estimate = await load_writable(session, Estimate, handover, estimate_id, caller, match)
    given: dict[str, Any] = body.model_dump(exclude_unset=True)
    _require_answers(given)
    estimate.revise(given)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/estimated_by": given.get("estimated_by")}
    )
    record(session, events.estimate_changed(estimate, *changes(estimate)))
    await session.flush()
    return found(await _calibrated(reader_of(session), estimate))


@router.delete(_ONE, status_code=204, summary="Take an estimate out")
async def delete_estimate(
    handover_id: UUID, estimate_id: UUID, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """The seller or a manager; If-Match is required. Until the handover is submitted, and unless it is part of the record."""
    handover = await load(session, Handover, handover_id)
    estimate = await load_writable(session, Estimate, handover, estimate_id, caller, match)
    estimate.require_deletable()
    record(session, events.estimate_deleted(estimate))
    await session.delete(estimate)
    await session.flush()
    return Response(status_code=204)


@router.post(_ONE + "/actual", response_model=EstimateOut, summary="Say what it took")
async def create_estimate_actual(
    handover_id: UUID,
    estimate_id: UUID,
    body: ActualHours,
    caller: CallerDep,
    session: SessionDep,
) -> Response:
    """The lead, once the item is done: in delivery and until the handover is closed. Said again, it is corrected."""
    handover = await load(session, Handover, handover_id)
    estimate = await load_part(session, Estimate, handover_id, estimate_id)
    require_measurable(handover, caller)
    estimate.enter_actual(body.hours)
    before, after = changes(estimate)
    if after:
        record(session, events.estimate_measured(estimate, before, after))
    await session.flush()
    return found(await ESTIMATES.one(reader_of(session), estimate.id))
