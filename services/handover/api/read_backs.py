"""Read-backs: the lead says each promise in their own words, and whether they can make it."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, NowDep, SessionDep, ViewerDep, concept, found, listed
from services.handover import events
from services.handover.api.promises import PROMISES
from services.handover.domain.completeness import require_answer
from services.handover.domain.contents import load_part
from services.handover.domain.guards import require_readable_back
from services.handover.domain.handover import Handover
from services.handover.domain.promise import Promise, ReadBack, Stance
from services.handover.domain.restating import require_own_words
from services.handover.domain.superseding import void_read_back

router = concept("promises")
_LIST = "/handovers/{handover_id}/promises/{promise_id}/read-backs"


class ReadBackOut(BaseModel):
    """A promise in the lead's own words. `voided_at`: when the promise became another, or was read back anew."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    promise_id: UUID
    lead_id: UUID
    restated: str
    stance: Stance
    condition: str | None
    voided_at: Moment | None


class ReadBackPage(BaseModel):
    items: list[ReadBackOut]
    next: str | None


class NewReadBack(Body):
    """A promise, read back."""

    restated: Prose = Field(
        description="The promise in the lead's own words: neither the promise repeated nor a mere yes.",
        examples=[
            "On opening day every shop takes cards; we test the last one the evening before."
        ],
    )
    stance: Stance
    condition: Prose | None = Field(None, description="Required when the stance is conditional.")


READ_BACKS = Read(ReadBackOut, ReadBack, filters=["handover_id", "promise_id"])


@router.post(_LIST, status_code=201, response_model=ReadBackOut, summary="Read a promise back")
async def create_read_back(
    handover_id: UUID,
    promise_id: UUID,
    body: NewReadBack,
    caller: CallerDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """The delivery lead, never the seller. In review; later only what was offered anew, or declined since."""
    handover = await load(session, Handover, handover_id)
    promise = await load_part(session, Promise, handover_id, promise_id)
    handover.require_lead(caller)
    require_readable_back(handover, promise, caller)
    require_answer("/restated", body.restated)
    read_back = ReadBack(
        organization_id=caller.organization_id,
        handover_id=handover_id,
        promise_id=promise_id,
        lead_id=caller.person_id,
        **body.model_dump(),
    )
    read_back.check_sound()
    require_own_words(read_back, promise)
    require_answer("/condition", read_back.condition)
    promise.take_stance(read_back.stance)
    await void_read_back(session, promise_id, now)
    session.add(read_back)
    before_after = changes(promise)
    record(session, events.promise_read_back(read_back))
    if before_after[0]:
        record(session, events.promise_moved(promise.state, promise, *before_after))
    await session.flush()
    return found(
        await READ_BACKS.one(reader_of(session), read_back.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/promises/{promise_id}/read-backs/{read_back.id}",
    )


@router.get(_LIST, response_model=ReadBackPage, summary="List a promise's read-backs")
async def list_read_backs(
    handover_id: UUID,
    promise_id: UUID,
    query: Annotated[PageQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Newest first; the one that is not void counts."""
    await PROMISES.one(reader, promise_id, handover_id=handover_id)
    page = await READ_BACKS.page(reader, query, handover_id=handover_id, promise_id=promise_id)
    return listed(page, request)


@router.get(_LIST + "/{read_back_id}", response_model=ReadBackOut, summary="Get a read-back")
async def get_read_back(
    handover_id: UUID, promise_id: UUID, read_back_id: UUID, reader: ViewerDep
) -> Response:
    """One read-back with its ETag."""
    return found(
        await READ_BACKS.one(reader, read_back_id, handover_id=handover_id, promise_id=promise_id)
    )
