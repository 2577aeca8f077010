"""The log of a handover: anyone writes, nobody edits. A correction is a new entry."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.database import load, reader_of
from services.chassis.events import record
from services.chassis.fields import Body, Link, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, NowDep, SessionDep, ViewerDep, concept, found, listed
from services.handover import events
from services.handover.api.handovers import HANDOVERS
from services.handover.domain.contents import require_parts
from services.handover.domain.handover import Handover
from services.handover.domain.log import LogEntry, LogKind, Phase, require_corrector
from services.handover.domain.past import require_past
from services.handover.domain.promise import Promise

router = concept("log")
_LIST = "/handovers/{handover_id}/log"
# Whoever writes by day and not by the minute may be a day ahead.
_A_DAY = timedelta(days=1)


class LogEntryOut(BaseModel):
    """Something that happened."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    handover_id: UUID
    at: Moment
    author_id: UUID
    kind: LogKind
    phase: Phase
    text: str
    links: list[str]
    affects: list[UUID]
    corrects: UUID | None


class LogEntryPage(BaseModel):
    items: list[LogEntryOut]
    next: str | None


class NewLogEntry(Body):
    """Something that happened, to be written down. The author is the caller."""

    at: Moment = Field(description="When it happened.", examples=["2026-11-22T09:00:00+01:00"])
    kind: LogKind
    phase: Phase
    text: Prose = Field(examples=["Randi wants the tills to run before the Easter trade."])
    links: list[Link] = Field(default_factory=list, max_length=20)
    affects: list[UUID] = Field(
        default_factory=list,
        max_length=50,
        description="Promises of this handover. A `change` overtakes those that it names: they are superseded and "
        "read back before anybody accepts the handover or says that they are kept. One that names none blocks nothing.",
    )
    corrects: UUID | None = Field(None, description="An entry of this handover.")


class LogQuery(PageQuery):
    kind: LogKind | None = None
    phase: Phase | None = None
    author_id: UUID | None = None


LOG = Read(
    LogEntryOut, LogEntry, sorts=["at"], filters=["handover_id", "kind", "phase", "author_id"]
)


@router.post(_LIST, status_code=201, response_model=LogEntryOut, summary="Write into the log")
async def create_log_entry(
    handover_id: UUID, body: NewLogEntry, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Everybody writes, in every state; a `change` is corrected by its author, the seller or a manager."""
    handover = await load(session, Handover, handover_id, lock=False)
    require_past("/at", body.at, now, _A_DAY)
    await require_parts(session, Promise, handover_id, "/affects", body.affects)
    if body.corrects is not None:
        await require_parts(session, LogEntry, handover_id, "/corrects", body.corrects)
        corrected = await load(session, LogEntry, body.corrects, lock=False)
        require_corrector(corrected, handover, caller)
    given = body.model_dump()
    given["affects"] = list(dict.fromkeys(body.affects))
    entry = LogEntry(
        organization_id=caller.organization_id,
        handover_id=handover_id,
        author_id=caller.person_id,
        created_at=now,
        **given,
    )
    session.add(entry)
    record(session, events.log_entry_created(entry))
    await session.flush()
    return found(
        await LOG.one(reader_of(session), entry.id),
        status=201,
        location=f"/v1/handovers/{handover_id}/log/{entry.id}",
    )


@router.get(_LIST, response_model=LogEntryPage, summary="Read the log")
async def list_log_entries(
    handover_id: UUID, query: Annotated[LogQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Last written first, or by when it happened."""
    await HANDOVERS.require(reader, handover_id)
    return listed(await LOG.page(reader, query, handover_id=handover_id), request)


@router.get(_LIST + "/{entry_id}", response_model=LogEntryOut, summary="Get a log entry")
async def get_log_entry(handover_id: UUID, entry_id: UUID, reader: ViewerDep) -> Response:
    """One entry with its ETag, which never changes."""
    return found(await LOG.one(reader, entry_id, handover_id=handover_id))
