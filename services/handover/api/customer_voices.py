"""Customer voices of a handover: written down by anybody, shared only while the customer allows it."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictBool, StrictInt
from starlette.responses import Response

from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Line, Moment, Prose
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
from services.handover.domain.customer_voice import CustomerVoice, VoiceChannel
from services.handover.domain.handover import Handover
from services.handover.domain.log import Phase
from services.handover.domain.past import require_past

router = concept("customer voices")
_LIST = "/handovers/{handover_id}/customer-voices"
_ONE = _LIST + "/{voice_id}"


class CustomerVoiceOut(BaseModel):
    """What a customer said."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    author_id: UUID
    phase: Phase
    channel: VoiceChannel | None
    csat: int | None
    nps: int | None
    quote: str | None
    said_by: str | None
    said_at: Moment
    may_share: bool


class CustomerVoicePage(BaseModel):
    items: list[CustomerVoiceOut]
    next: str | None


class CustomerVoiceFields(Body):
    channel: VoiceChannel | None = None
    csat: StrictInt | None = Field(
        None, ge=1, le=5, examples=[5], description="Customer satisfaction, 1 to 5."
    )
    nps: StrictInt | None = Field(
        None, ge=0, le=10, examples=[9], description="How likely they would recommend us, 0 to 10."
    )
    quote: Prose | None = Field(
        None, examples=["The queue was gone by noon."], description="In their own words."
    )
    said_by: Line | None = Field(
        None, examples=["Randi Fjellheim"], description="Who at the customer said it."
    )
    may_share: StrictBool = Field(
        False,
        description="Whether the customer lets us tell it to others. Unless they do, it never leaves this handover.",
    )


class NewCustomerVoice(CustomerVoiceFields):
    """What a customer said, to be written down. The author is the caller."""

    phase: Phase
    said_at: Moment | None = Field(
        None, examples=["2026-11-20T14:30:00+01:00"], description="Default: now."
    )


class CustomerVoicePatch(CustomerVoiceFields):
    """JSON Merge Patch of a customer voice."""

    phase: Phase = Phase.during
    said_at: Moment = Field(
        default=datetime.min.replace(tzinfo=UTC), examples=["2026-11-20T14:30:00+01:00"]
    )


class CustomerVoiceQuery(PageQuery):
    phase: Phase | None = None
    channel: VoiceChannel | None = None
    may_share: bool | None = None


VOICES = Read(
    CustomerVoiceOut,
    CustomerVoice,
    sorts=["said_at"],
    filters=["handover_id", "phase", "channel", "may_share"],
)


@router.post(
    _LIST, status_code=201, response_model=CustomerVoiceOut, summary="Write down what they said"
)
async def create_customer_voice(
    handover_id: UUID, body: NewCustomerVoice, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Everybody, in every state: whoever meets the customer."""
    await load(session, Handover, handover_id, lock=False)
    given = body.model_dump()
    given["said_at"] = given["said_at"] or now
    require_past("/said_at", given["said_at"], now)
    voice = CustomerVoice(
        organization_id=caller.organization_id,
        handover_id=handover_id,
        author_id=caller.person_id,
        **given,
    )
    voice.check_sound()
    record(session, events.customer_voice_created(voice))
    return found(
        await VOICES.add(session, voice),
        status=201,
        location=f"/v1/handovers/{handover_id}/customer-voices/{voice.id}",
    )


@router.get(_LIST, response_model=CustomerVoicePage, summary="List customer voices")
async def list_customer_voices(
    handover_id: UUID,
    query: Annotated[CustomerVoiceQuery, Query()],
    request: Request,
    reader: ViewerDep,
) -> Response:
    """Last written first, or by when it was said; those that may not be shared, too: for whoever reads the handover."""
    await HANDOVERS.require(reader, handover_id)
    return listed(await VOICES.page(reader, query, handover_id=handover_id), request)


@router.get(_ONE, response_model=CustomerVoiceOut, summary="Get a customer voice")
async def get_customer_voice(handover_id: UUID, voice_id: UUID, reader: ViewerDep) -> Response:
    """One voice with its ETag, for whoever reads the handover."""
    return found(await VOICES.one(reader, voice_id, handover_id=handover_id))


@router.patch(_ONE, response_model=CustomerVoiceOut, summary="Correct, share or keep a voice")
async def change_customer_voice(
    handover_id: UUID,
    voice_id: UUID,
    body: CustomerVoicePatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; If-Match is required. Its author or a manager; the seller and the lead share; anybody ends sharing."""
    handover = await load(session, Handover, handover_id)
    voice = await load_part(session, CustomerVoice, handover_id, voice_id)
    match.check(voice.version)
    given = body.model_dump(exclude_unset=True)
    if "said_at" in given:
        require_past("/said_at", given["said_at"], now)
    voice.revise(given, handover, caller)
    _, after = changes(voice)
    if "may_share" in after:
        verb = "shared" if voice.may_share else "unshared"
        record(session, events.customer_voice_moved(verb, voice))
    if set(after) - {"may_share"}:
        record(session, events.customer_voice_moved("corrected", voice))
    await session.flush()
    return found(await VOICES.one(reader_of(session), voice.id))


@router.delete(_ONE, status_code=204, summary="Delete a customer voice")
async def delete_customer_voice(
    handover_id: UUID, voice_id: UUID, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """If-Match is required. Its author or a manager: the customer takes it back, and nothing of it is kept."""
    await load(session, Handover, handover_id)
    voice = await load_part(session, CustomerVoice, handover_id, voice_id)
    voice.require_keeper(caller)
    match.check(voice.version)
    record(session, events.customer_voice_deleted(voice))
    await session.delete(voice)
    return Response(status_code=204)
