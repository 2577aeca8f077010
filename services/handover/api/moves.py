"""How a handover moves on: each move is a noun that is created. And how ready it is."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal
from uuid import UUID

import orjson
from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Caller
from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Line, Prose
from services.chassis.language import translate
from services.chassis.web import CallerDep, NowDep, SessionDep, concept, found, language_of
from services.handover import events
from services.handover.api.handovers import HANDOVERS, HandoverOut
from services.handover.api.heard import HeardDep
from services.handover.domain.completeness import Item, missing_in, require_answer, require_complete
from services.handover.domain.contents import contents_of
from services.handover.domain.guards import allowed_moves, require_clear
from services.handover.domain.handover import Gap, Handover, Move

router = concept("handovers")
_PATH = "/handovers/{handover_id}"


class Return(Body):
    """Why it goes back."""

    gaps: list["NewGap"] = Field(min_length=1, max_length=50)


class NewGap(Body):
    """Something that is missing."""

    what: Line = Field(min_length=1, examples=["planned_start"])
    why: Prose = Field(examples=["The shops close for stock-taking in week 2."])


class Cancellation(Body):
    """Why it is called off."""

    reason: Prose


class MissingOut(BaseModel):
    """A gap of the missing list."""

    item: Item
    pointer: str = Field(examples=["/planned_start"])
    reason: Literal["missing", "placeholder"]
    detail: str


class Readiness(BaseModel):
    """What is missing, how much was declared unknown, and which moves the caller can make now."""

    ready: bool
    missing: list[MissingOut]
    unknowns: int = Field(examples=[1])
    allowed: list[Move]


async def _moved(
    session: AsyncSession,
    handover_id: UUID,
    verb: str,
    caller: Caller,
    now: datetime,
    make: Callable[[Handover], None],
    move: Move | None = None,
) -> Response:
    """Move a handover, say so, and show it.

    The guards of `move` are asked last: who may and when come before what is missing. A refusal undoes the move.
    """
    handover = await load(session, Handover, handover_id)
    origin = handover.state
    make(handover)
    if move is not None:
        contents = await contents_of(session, handover, now.date())
        require_clear(move, origin, contents, caller)
    return await _told(session, verb, handover)


async def _told(session: AsyncSession, verb: str, handover: Handover) -> Response:
    record(session, events.handover_moved(verb, handover, *changes(handover)))
    await session.flush()
    return found(await HANDOVERS.one(reader_of(session), handover.id))


@router.get(_PATH + "/readiness", response_model=Readiness, summary="What is missing")
async def get_readiness(
    handover_id: UUID, caller: CallerDep, now: NowDep, request: Request, session: SessionDep
) -> Response:
    """The missing list of its engagement type, and the moves that the caller can make now."""
    handover = await load(session, Handover, handover_id, lock=False)
    contents = await contents_of(session, handover, now.date())
    missing = missing_in(contents)
    language = language_of(request)
    body = {
        "ready": not missing,
        "missing": [
            {
                "item": gap.item,
                "pointer": gap.error.pointer,
                "reason": gap.reason,
                "detail": translate(language, gap.error.template, gap.error.params),
            }
            for gap in missing
        ],
        "unknowns": len(contents.unknowns),
        "allowed": allowed_moves(contents, caller),
    }
    return Response(orjson.dumps(body), media_type="application/json")


@router.post(_PATH + "/submission", response_model=HandoverOut, summary="Hand it in")
async def submit_handover(
    handover_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The seller, once everything on the missing list is filled in or declared unknown; else 422 with `missing`."""
    handover = await load(session, Handover, handover_id)
    handover.submit(caller, now)
    require_complete(await contents_of(session, handover, now.date()))
    return await _told(session, "submitted", handover)


@router.post(_PATH + "/claim", response_model=HandoverOut, summary="Take it into review")
async def claim_handover(
    handover_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The named lead, or anyone with the delivery role if none is named."""
    return await _moved(session, handover_id, "claimed", caller, now, lambda h: h.claim(caller))


@router.post(_PATH + "/return", response_model=HandoverOut, summary="Give it back")
async def return_handover(
    handover_id: UUID, body: Return, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The lead names at least one gap."""
    for place, gap in enumerate(body.gaps):
        require_answer(f"/gaps/{place}/what", gap.what)
        require_answer(f"/gaps/{place}/why", gap.why)
    gaps = [Gap(gap.what, gap.why) for gap in body.gaps]
    return await _moved(
        session, handover_id, "returned", caller, now, lambda h: h.return_(caller, gaps)
    )


@router.post(_PATH + "/acceptance", response_model=HandoverOut, summary="Take it over")
async def accept_handover(
    handover_id: UUID, caller: CallerDep, now: NowDep, heard: HeardDep, session: SessionDep
) -> Response:
    """The lead, never the seller, once every live promise is read back and each competence need is covered or waived.

    No promise may be declined or overtaken by a change, and a need counts as covered only if that is known (`…/coverage`).
    """
    return await _moved(
        session, handover_id, "accepted", caller, now, lambda h: h.accept(caller, now), Move.accept
    )


@router.post(_PATH + "/start", response_model=HandoverOut, summary="Begin to deliver")
async def start_handover(
    handover_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The lead, once the deal is won and somebody is staffed."""
    return await _moved(
        session, handover_id, "started", caller, now, lambda h: h.start(caller), Move.start
    )


@router.post(_PATH + "/completion", response_model=HandoverOut, summary="End the delivery")
async def complete_handover(
    handover_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The lead, once every promise is kept, broken or released."""
    return await _moved(
        session,
        handover_id,
        "completed",
        caller,
        now,
        lambda h: h.complete(caller, now),
        Move.complete,
    )


@router.post(_PATH + "/closure", response_model=HandoverOut, summary="Close it")
async def close_handover(
    handover_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """A manager, once its outcome is told and every live estimate has its actual hours."""
    return await _moved(
        session, handover_id, "closed", caller, now, lambda h: h.close(caller, now), Move.close
    )


@router.post(_PATH + "/cancellation", response_model=HandoverOut, summary="Call it off")
async def cancel_handover(
    handover_id: UUID, body: Cancellation, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The seller or a manager, with a reason, before delivery starts."""
    require_answer("/reason", body.reason)
    return await _moved(
        session, handover_id, "cancelled", caller, now, lambda h: h.cancel(caller, body.reason)
    )
