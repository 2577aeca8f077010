"""What went by, in the caller's organization: the feed over all services."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.chassis.web import CallerDep, RuntimeDep, concept
from services.gateway.combine import Place, read_events

router = concept("events")


class CloudEvent(BaseModel):
    """A fact in CloudEvents 1.0 form, with who did it as an extension."""

    specversion: str = Field(examples=["1.0"])
    id: UUID
    source: str = Field(examples=["/handover"])
    type: str = Field(examples=["handover.submitted"])
    subject: str = Field(examples=["handovers/019a2b3c-0000-7000-8000-000000000000"])
    time: datetime
    datacontenttype: str
    organizationid: UUID
    sequence: str
    actorid: UUID | None = None
    actorname: str | None = None
    requestid: str | None = None
    data: dict[str, Any]


class EventPage(BaseModel):
    """Events, oldest first. `next` is where to go on, also when there is nothing yet."""

    items: list[CloudEvent]
    next: str


class EventQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after: str | None = Field(
        None, max_length=130, pattern=r"^[0-9.-]*$", description="`next` of the answer before."
    )
    type: list[Annotated[str, Field(max_length=80, pattern=r"^[a-z-]+\.[a-z-]+$")]] | None = Field(
        None, max_length=50, description="Only these types; may be repeated."
    )
    limit: int = Field(100, ge=1, le=1000)
    timeout: float = Field(0, ge=0, le=30, description="Wait so many seconds for the first event.")


@router.get("/events", response_model=EventPage, summary="Read what went by")
async def list_events(
    query: Annotated[EventQuery, Query()], request: Request, caller: CallerDep, runtime: RuntimeDep
) -> Response:
    """The audit trail as a feed: who, what, when, before and after. What concerns others alone is left out."""
    events, place = await read_events(
        runtime, caller, Place.parse(query.after), query.type, query.limit, query.timeout
    )
    following = str(request.url.include_query_params(after=str(place)).query)
    return Response(
        orjson.dumps({"items": events, "next": str(place)}),
        headers={"Link": f'</v1/events?{following}>; rel="next"'},
        media_type="application/json",
    )
