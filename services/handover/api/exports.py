"""Exports: every handover, every promise, as CSV, as JSON or a JSON object a line."""

from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.web import CSV, IN_FORMS, LINES, CallerDep, RuntimeDep, concept, exported
from services.handover.api.handovers import HANDOVERS, HandoverFilter, HandoverOut
from services.handover.api.promises import PROMISES, PromiseFilter, PromiseOut

router = concept("exports")
_LINES = {
    "schema": {"type": "string"},
    "example": '{"id":"019a2b3c-4d5e-7f60-8123-456789abcdef","state":"offered"}\n',
}
_CSV = {
    "schema": {"type": "string"},
    "example": "id,state\r\n019a2b3c-4d5e-7f60-8123-456789abcdef,offered\r\n",
}
_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "All of them, oldest first, by `Accept`: JSON, a JSON object a line, or CSV, in which a text that a "
        "spreadsheet would take for a formula has an apostrophe before it.",
        "content": {LINES: _LINES, CSV: _CSV},
    }
}


class HandoverExport(HandoverFilter):
    bom: bool = Field(False, description="A byte order mark before a CSV, for Excel.")


class PromiseExport(PromiseFilter):
    bom: bool = Field(False, description="A byte order mark before a CSV, for Excel.")


class HandoverExportOut(BaseModel):
    items: list[HandoverOut]


class PromiseExportOut(BaseModel):
    items: list[PromiseOut]


@router.get(
    "/exports/handovers",
    response_model=HandoverExportOut,
    responses=_FORMS,
    openapi_extra=IN_FORMS,
    summary="Export handovers",
)
async def export_handovers(
    query: Annotated[HandoverExport, Query()],
    request: Request,
    caller: CallerDep,
    runtime: RuntimeDep,
) -> Response:
    """Everybody: those of the list under the same filters, all at once and as one moment sees them."""
    return await exported(
        request,
        runtime,
        caller,
        HandoverOut,
        lambda reader: HANDOVERS.every(reader, query),
        name="handovers",
        mark=query.bom,
    )


@router.get(
    "/exports/promises",
    response_model=PromiseExportOut,
    responses=_FORMS,
    openapi_extra=IN_FORMS,
    summary="Export promises",
)
async def export_promises(
    query: Annotated[PromiseExport, Query()],
    request: Request,
    caller: CallerDep,
    runtime: RuntimeDep,
) -> Response:
    """Everybody: those of the list under the same filters, all at once and as one moment sees them."""
    mine = caller.person_id if query.mine else None
    return await exported(
        request,
        runtime,
        caller,
        PromiseOut,
        lambda reader: PROMISES.every(reader, query, mine=mine),
        name="promises",
        mark=query.bom,
    )
