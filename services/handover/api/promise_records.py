"""The promise record: kept and broken by kind of promise, by customer and by month."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.errors import FieldError, Invalid
from services.chassis.fields import Day
from services.chassis.web import NowDep, ViewerDep, concept
from services.handover.domain.promise import PromiseKind
from services.handover.domain.promise_record import Asked, By, promise_record

router = concept("promises")

_A_YEAR = timedelta(days=365)
_AT_MOST = 10 * _A_YEAR


class PromiseFigures(BaseModel):
    """What became of promises. `judged` is kept and broken together, of which `kept_share` is the kept part; null of none."""

    kept: int = Field(examples=[18])
    broken: int = Field(examples=[2])
    released: int = Field(description="By the customer: neither kept nor broken.", examples=[1])
    judged: int = Field(examples=[20])
    kept_share: float | None = Field(examples=[0.9])


class PromiseKindFigures(PromiseFigures):
    """What became of promises of a kind."""

    kind: PromiseKind


class PromiseCustomerFigures(PromiseFigures):
    """What became of promises to a customer."""

    customer_id: UUID
    customer_name: str


class PromiseMonthFigures(PromiseFigures):
    """What became of promises in a month (UTC)."""

    month: str = Field(examples=["2026-11"])


class PromiseRecord(BaseModel):
    """What became of promises between two days, both included. Nobody is named."""

    from_: Day = Field(alias="from")
    to: Day
    total: PromiseFigures
    by_kind: list[PromiseKindFigures]
    by_customer: list[PromiseCustomerFigures]
    customers: int = Field(description="How many there are, shown or not.", examples=[12])
    by_month: list[PromiseMonthFigures]


class PromiseRecordQuery(BaseModel):
    from_: Day | None = Field(
        None, alias="from", description="Default: a year before `to`.", examples=["2026-01-01"]
    )
    to: Day | None = Field(None, description="Default: today.", examples=["2026-12-31"])
    kind: PromiseKind | None = None
    customer_id: UUID | None = None
    limit: int = Field(
        50, ge=1, le=200, description="Customers at most, those with most to judge by first."
    )


@router.get("/promise-record", response_model=PromiseRecord, summary="Get the promise record")
async def get_promise_record(
    query: Annotated[PromiseRecordQuery, Query()], now: NowDep, reader: ViewerDep
) -> Response:
    """For everybody: by the day on which it was said what became of them, ten years at most."""
    last = query.to or now.date()
    first = query.from_ or last - _A_YEAR
    if not timedelta() <= last - first <= _AT_MOST:
        raise Invalid(
            "The period is not valid.",
            errors=[
                FieldError(
                    "/from", "It must lie before to, and not more than ten years.", where="query"
                )
            ],
        )
    asked = Asked(first, last, query.kind, query.customer_id, query.limit)
    rows = await promise_record(reader, asked)
    customers = [row for row in rows if row["by"] == By.customer]
    [total] = [row for row in rows if row["by"] == By.all]
    body = {
        "from": first,
        "to": last,
        "total": _figures(total),
        "by_kind": [{"kind": row["kind"], **_figures(row)} for row in rows if row["by"] == By.kind],
        "by_customer": [
            {
                "customer_id": row["customer_id"],
                "customer_name": row["customer_name"],
                **_figures(row),
            }
            for row in customers
        ],
        "customers": customers[0]["of"] if customers else 0,
        "by_month": [
            {"month": row["month"], **_figures(row)} for row in rows if row["by"] == By.month
        ],
    }
    return Response(orjson.dumps(body, default=str), media_type="application/json")


def _figures(row: Any) -> dict[str, Any]:
    judged = row["kept"] + row["broken"]
    return {
        "kept": row["kept"],
        "broken": row["broken"],
        "released": row["released"],
        "judged": judged,
        "kept_share": row["kept"] / judged if judged else None,
    }
