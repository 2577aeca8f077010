"""Value measures of a handover: what the customer is to get out of it, and what was observed."""

from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, BeforeValidator, Field, StrictInt, StringConstraints, WithJsonSchema
from sqlalchemy import ColumnElement, Integer, cast, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from starlette.responses import Response

from services.chassis.caller import Caller
from services.chassis.database import load, reader_of
from services.chassis.errors import Conflict, FieldError, Invalid, Unfit
from services.chassis.events import changes, record
from services.chassis.fields import ONE_LINE, Body, Moment, Name, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.handover import events
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.contents import load_part
from services.handover.domain.handover import Handover
from services.handover.domain.past import require_past
from services.handover.domain.value_measure import (
    ValueMeasure,
    ValueObservation,
    require_keeper,
    require_measurable,
)

router = concept("value measures")
_LIST = "/handovers/{handover_id}/value-measures"
_ONE = _LIST + "/{value_measure_id}"
_OBSERVATIONS = _ONE + "/observations"

_BELOW = 10**12


def _written_as_number(value: Any) -> Any:
    # Python takes true for 1, and reads numbers out of text.
    if isinstance(value, bool | str):
        raise Unfit("Write it as a number: 7.5.")
    return value


Quantity = Annotated[
    Decimal,
    BeforeValidator(_written_as_number),
    Field(gt=-_BELOW, lt=_BELOW, decimal_places=6),
    WithJsonSchema(
        {
            "type": "number",
            "exclusiveMinimum": -_BELOW,
            "exclusiveMaximum": _BELOW,
            "examples": [7.5],
        }
    ),
]
Unit = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=ONE_LINE),
]
People = Annotated[StrictInt, Field(ge=0, le=2_000_000_000)]


class LatestObservation(BaseModel):
    """What was observed last."""

    id: UUID
    at: Moment
    value: float


class ValueMeasureOut(BaseModel):
    """A number that is to get somewhere, and how far it is."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    name: str
    unit: str
    baseline: float | None
    target: float | None
    people_reached: int | None
    observations: int = Field(description="How many observations stand.")
    latest: LatestObservation | None
    progress: float | None = Field(
        description="(latest − baseline) / (target − baseline): 1 is there, less than 0 is the wrong way.",
        examples=[0.4],
    )


class ValueMeasurePage(BaseModel):
    items: list[ValueMeasureOut]
    next: str | None


class ValueMeasureFields(Body):
    baseline: Quantity | None = Field(None, description="What it was before.", examples=[14])
    target: Quantity | None = Field(
        None, description="What it is to be; more or less than the baseline.", examples=[4]
    )
    people_reached: People | None = Field(
        None, description="How many people it makes a difference to.", examples=[1200]
    )


class NewValueMeasure(ValueMeasureFields):
    """A measure to be."""

    name: Name = Field(examples=["Time in the queue at noon"])
    unit: Unit = Field(examples=["minutes"])


class ValueMeasurePatch(ValueMeasureFields):
    """JSON Merge Patch of a value measure."""

    name: Name = Field(default="")
    unit: Unit = Field(default="")


class ValueObservationOut(BaseModel):
    """What a measure was at a moment."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    value_measure_id: UUID
    author_id: UUID
    at: Moment
    value: float
    note: str | None
    corrects: UUID | None
    corrected_by: UUID | None


class ValueObservationPage(BaseModel):
    items: list[ValueObservationOut]
    next: str | None


class NewValueObservation(Body):
    """What was observed. The author is the caller."""

    at: Moment | None = Field(
        None, description="Default: now.", examples=["2026-11-20T12:00:00+01:00"]
    )
    value: Quantity = Field(examples=[10])
    note: Prose | None = Field(None, description="How it was measured.")
    corrects: UUID | None = Field(
        None, description="The observation of this measure whose place it takes."
    )


_m = ValueMeasure.__table__.c  # type: ignore[attr-defined]
_o = ValueObservation.__table__.c  # type: ignore[attr-defined]
_later = aliased(ValueObservation.__table__, name="later_observation")  # type: ignore[attr-defined]
_corrected_by = (
    select(_later.c.id)
    .where(_later.c.organization_id == _o.organization_id, _later.c.corrects == _o.id)
    .scalar_subquery()
)


def _of_standing(*shown: ColumnElement[Any]) -> Any:
    """Of a measure's observations that nobody corrected."""
    return select(*shown).where(
        _o.organization_id == _m.organization_id,
        _o.value_measure_id == _m.id,
        _corrected_by.is_(None),
    )


def _of_latest(shown: ColumnElement[Any]) -> Any:
    return _of_standing(shown).order_by(_o.at.desc(), _o.id.desc()).limit(1).scalar_subquery()


_latest = _of_latest(
    func.json_build_object(
        literal_column("'id'"),
        _o.id,
        literal_column("'at'"),
        _o.at,
        literal_column("'value'"),
        _o.value,
    )
)
MEASURES = Read(
    ValueMeasureOut,
    ValueMeasure,
    columns={
        "observations": cast(_of_standing(func.count()).scalar_subquery(), Integer),
        "latest": _latest,
        # Never by nought: the target differs from the baseline.
        "progress": func.round((_of_latest(_o.value) - _m.baseline) / (_m.target - _m.baseline), 4),
    },
    sorts=["name"],
    filters=["handover_id"],
)
OBSERVATIONS = Read(
    ValueObservationOut,
    ValueObservation,
    columns={"corrected_by": _corrected_by},
    sorts=["at"],
    filters=["handover_id", "value_measure_id"],
)


@router.post(
    _LIST, status_code=201, response_model=ValueMeasureOut, summary="Say what is to come of it"
)
async def create_value_measure(
    handover_id: UUID, body: NewValueMeasure, caller: CallerDep, session: SessionDep
) -> Response:
    """The seller, the lead or a manager, until the handover is cancelled."""
    handover = await load(session, Handover, handover_id)
    require_keeper(handover, caller)
    require_measurable(handover)
    measure = ValueMeasure(
        organization_id=caller.organization_id, handover_id=handover_id, **body.model_dump()
    )
    measure.check_sound()
    session.add(measure)
    record(session, events.value_measure_created(measure))
    await session.flush()
    return found(
        await MEASURES.one(reader_of(session), measure.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/value-measures/{measure.id}",
    )


@router.get(_LIST, response_model=ValueMeasurePage, summary="List value measures")
async def list_value_measures(
    handover_id: UUID, query: Annotated[PageQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Newest first, or by name, each with what was observed last. Everybody may read them."""
    await HANDOVERS.require(reader, handover_id)
    return listed(await MEASURES.page(reader, query, handover_id=handover_id), request)


@router.get(_ONE, response_model=ValueMeasureOut, summary="Get a value measure")
async def get_value_measure(
    handover_id: UUID, value_measure_id: UUID, reader: ViewerDep
) -> Response:
    """One measure with its ETag and what was observed last."""
    return found(await MEASURES.one(reader, value_measure_id, handover_id=handover_id))


@router.patch(_ONE, response_model=ValueMeasureOut, summary="Change a value measure")
async def change_value_measure(
    handover_id: UUID,
    value_measure_id: UUID,
    body: ValueMeasurePatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. The seller, the lead or a manager; the unit only until it was observed."""
    handover = await load(session, Handover, handover_id)
    measure = await load_part(session, ValueMeasure, handover_id, value_measure_id)
    require_keeper(handover, caller)
    match.check(measure.version)
    require_measurable(handover)
    observed = await _is_observed(session, measure)
    measure.revise(body.model_dump(exclude_unset=True), observed=observed)
    record(session, events.value_measure_changed(measure, *changes(measure)))
    await session.flush()
    return found(await MEASURES.one(reader_of(session), measure.id))


@router.delete(_ONE, status_code=204, summary="Take a value measure out")
async def delete_value_measure(
    handover_id: UUID,
    value_measure_id: UUID,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """If-Match is required. The seller, the lead or a manager, until it was observed."""
    handover = await load(session, Handover, handover_id)
    measure = await load_part(session, ValueMeasure, handover_id, value_measure_id)
    require_keeper(handover, caller)
    match.check(measure.version)
    if await _is_observed(session, measure):
        raise Conflict("It was observed, and observations are kept.")
    record(session, events.value_measure_deleted(measure))
    await session.delete(measure)
    await session.flush()
    return Response(status_code=204)


async def _is_observed(session: AsyncSession, measure: ValueMeasure) -> bool:
    first = await session.scalar(
        select(_o.id)
        .where(_o.organization_id == measure.organization_id, _o.value_measure_id == measure.id)
        .limit(1)
    )
    return first is not None


@router.post(
    _OBSERVATIONS,
    status_code=201,
    response_model=ValueObservationOut,
    summary="Write down what was observed",
)
async def create_value_observation(
    handover_id: UUID,
    value_measure_id: UUID,
    body: NewValueObservation,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """Everybody, until the handover is cancelled; corrected by whoever observed it, the seller, the lead or a manager."""
    handover = await load(session, Handover, handover_id)
    measure = await load_part(session, ValueMeasure, handover_id, value_measure_id)
    require_measurable(handover)
    given = body.model_dump()
    given["at"] = given["at"] or now
    require_past("/at", given["at"], now)
    if body.corrects is not None:
        await _require_correctable(session, measure, body.corrects, handover, caller)
    observation = ValueObservation(
        organization_id=caller.organization_id,
        handover_id=handover_id,
        value_measure_id=measure.id,
        author_id=caller.person_id,
        **given,
    )
    session.add(observation)
    record(session, events.value_observed(observation, measure))
    await session.flush()
    return found(
        await OBSERVATIONS.one(reader_of(session), observation.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/value-measures/{measure.id}/observations/{observation.id}",
    )


async def _require_correctable(
    session: AsyncSession, measure: ValueMeasure, id: UUID, handover: Handover, caller: Caller
) -> None:
    """Refuse what is not an observation of this measure, not the caller's to correct, or corrected already."""
    known = await session.get(ValueObservation, (measure.organization_id, id))
    if known is None or known.value_measure_id != measure.id:
        raise Invalid(
            "It names something that is not of this measure.",
            errors=[FieldError("/corrects", "There is no such observation of this measure.")],
        )
    known.require_corrector(handover, caller)
    corrected = await session.scalar(
        select(_o.id).where(_o.organization_id == measure.organization_id, _o.corrects == id)
    )
    if corrected is not None:
        raise Conflict("It was corrected already: correct what took its place.")


@router.get(_OBSERVATIONS, response_model=ValueObservationPage, summary="List observations")
async def list_value_observations(
    handover_id: UUID,
    value_measure_id: UUID,
    query: Annotated[PageQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Last written first, or by when it was so; corrected ones, too."""
    await MEASURES.one(reader, value_measure_id, handover_id=handover_id)
    where = {"handover_id": handover_id, "value_measure_id": value_measure_id}
    return listed(await OBSERVATIONS.page(reader, query, **where), request)


@router.get(
    _OBSERVATIONS + "/{observation_id}",
    response_model=ValueObservationOut,
    summary="Get an observation",
)
async def get_value_observation(
    handover_id: UUID, value_measure_id: UUID, observation_id: UUID, reader: ViewerDep
) -> Response:
    """One observation with its ETag, which never changes."""
    where = {"handover_id": handover_id, "value_measure_id": value_measure_id}
    return found(await OBSERVATIONS.one(reader, observation_id, **where))
