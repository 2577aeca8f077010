"""Calibration: how estimates turned out, for whoever is about to make one."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.chassis.fields import Key
from services.chassis.web import CallerDep, ViewerDep, concept
from services.handover.domain.calibration import calibration
from services.handover.domain.estimate import Basis

router = concept("calibration")


class RatioSpread(BaseModel):
    """Actual hours over likely hours: 1 is spot on, 2 took twice as long. Percentiles interpolate linearly (NumPy's default)."""

    p10: float = Field(examples=[0.7])
    median: float = Field(examples=[1.1])
    p90: float = Field(examples=[2.3])


class CalibrationFigures(BaseModel):
    """How estimates turned out; null without any. O, M, P: the three points; A: actual; E: expected hours, (O + 4M + P) / 6."""

    count: int = Field(description="Estimates with actual hours above 0.", examples=[64])
    sufficient: bool = Field(
        description="Whether there are 20 or more: with fewer, less than two lie beyond p10 and p90, "
        "and the figures say little."
    )
    ratio: RatioSpread | None = Field(description="Of A / M. Look at the spread first.")
    interval_hit_rate: float | None = Field(
        description="The share with O ≤ A ≤ P (Jørgensen, Teigen & Moløkken, 2004).", examples=[0.6]
    )
    pred_25: float | None = Field(
        description="PRED(25): the share with |A − E| / A ≤ 0.25 (Conte, Dunsmore & Shen, 1986).",
        examples=[0.5],
    )
    mdmre: float | None = Field(
        description="MdMRE: the median of |A − E| / A (Conte, Dunsmore & Shen, 1986). Kinder to "
        "estimates that are too low than to those that are too high.",
        examples=[0.25],
    )
    total_ratio: float | None = Field(
        description="ΣA / ΣE: hours that it took altogether for each hour expected.", examples=[1.2]
    )


class BasisFigures(CalibrationFigures):
    """How estimates on one basis turned out."""

    basis: Basis


class KindFigures(CalibrationFigures):
    """How estimates of one kind of item turned out."""

    kind: str = Field(examples=["integration"])


class EstimatorFigures(CalibrationFigures):
    """How one person's estimates turned out, for them and their manager alone."""

    estimated_by: UUID


class Calibration(BaseModel):
    """How estimates turned out: altogether, and by what. At most 200 groups each, those with most estimates first."""

    overall: CalibrationFigures
    by_basis: list[BasisFigures]
    by_kind: list[KindFigures]
    by_estimator: list[EstimatorFigures] = Field(
        description="The caller's own, and those of the people whose manager the caller is."
    )


class CalibrationQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    basis: Basis | None = None
    kind: Key | None = Field(None, description="Only this kind of item.")
    estimated_by: UUID | None = Field(
        None, description="Only this person's: the caller, or somebody whose manager they are."
    )


@router.get("/calibration", response_model=Calibration, summary="How estimates turned out")
async def get_calibration(
    query: Annotated[CalibrationQuery, Query()], caller: CallerDep, viewer: ViewerDep
) -> Response:
    """Everybody; of one estimator only they and their manager. From live estimates with actual hours, and imported past ones.

    How each figure is computed, and whose it is, stands at its field.
    """
    told = await calibration(
        viewer,
        caller,
        basis=query.basis,
        kind=query.kind,
        estimated_by=query.estimated_by,
    )
    return Response(told, media_type="application/json")
