"""Reminders that were sent: one's own, one's people's as their manager or lead, everybody's as a trainer or admin."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import ARRAY, Uuid, bindparam, func
from starlette.responses import Response

from services.chassis.caller import Caller, Role
from services.chassis.database import Viewer
from services.chassis.fields import Moment
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, ViewerDep, concept, found, listed
from services.onboarding.domain.base import directory
from services.onboarding.domain.own_people import people_seen_by
from services.onboarding.domain.reminder import Reminder, ReminderKind

router = concept("reminders")


class ReminderOut(BaseModel):
    """That somebody was told of a day. `title` is what the thing was called then, `due_on` the day that it was about.

    `step`: due_soon and override_ends were sent so many days before, certificate_expires too; overdue for the first to fifth
    time. One of assignment, certificate, booking and override is what it was about.
    """

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    person_id: UUID
    person_name: str | None
    kind: ReminderKind
    step: int = Field(examples=[7])
    title: str = Field(examples=["At the front desk"])
    due_on: date
    assignment_id: UUID | None
    cycle: int | None
    certificate_id: UUID | None
    booking_id: UUID | None
    override_id: UUID | None
    sent_at: Moment


class ReminderPage(BaseModel):
    items: list[ReminderOut]
    next: str | None


class ReminderQuery(PageQuery):
    person_id: UUID | None = None
    kind: ReminderKind | None = None
    assignment_id: UUID | None = None
    certificate_id: UUID | None = None
    booking_id: UUID | None = None
    override_id: UUID | None = None
    team_id: UUID | None = Field(None, description="The team that the people are in now.")


_r = Reminder.__table__.c  # type: ignore[attr-defined]
_p = directory.person.c

REMINDERS = Read(
    ReminderOut,
    Reminder,
    columns={"person_name": _p.name},
    source=Reminder.__table__.outerjoin(  # type: ignore[attr-defined]
        directory.person, (_p.organization_id == _r.organization_id) & (_p.id == _r.person_id)
    ),
    filters=["person_id", "kind", "assignment_id", "certificate_id", "booking_id", "override_id"],
    conditions={
        "team_id": _p.team_id == bindparam("team_id", type_=_p.team_id.type),
        "seen_people": _r.person_id == func.any(bindparam("seen_people", type_=ARRAY(Uuid()))),
    },
    sorts=["due_on", "sent_at"],
)


async def _seen(reader: Viewer, caller: Caller) -> dict[str, Any]:
    """What bounds the reads of a caller: trainers and admins see all, others themselves and their people."""
    if caller.has(Role.trainer, Role.admin):
        return {}
    return {"seen_people": await people_seen_by(reader, caller)}


@router.get("/reminders", response_model=ReminderPage, summary="List reminders")
async def list_reminders(
    query: Annotated[ReminderQuery, Query()],
    request: Request,
    caller: CallerDep,
    reader: ViewerDep,
) -> Response:
    """The last one first. One's own; managers and leads see their people's, trainers and admins everybody's."""
    page = await REMINDERS.page(reader, query, **await _seen(reader, caller))
    return listed(page, request)


@router.get("/reminders/{reminder_id}", response_model=ReminderOut, summary="Get a reminder")
async def get_reminder(reminder_id: UUID, caller: CallerDep, reader: ViewerDep) -> Response:
    """For whoever may see it in the list."""
    return found(await REMINDERS.one(reader, reminder_id, **await _seen(reader, caller)))
