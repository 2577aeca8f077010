"""A walkthrough as an appointment for calendars, with the names and addresses that people have now."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.calendar import Appointment, Guest
from services.chassis.database import organization_of
from services.chassis.language import translate
from services.handover.domain.base import directory
from services.handover.domain.handover import Handover
from services.handover.domain.stakeholder import Stakeholder
from services.handover.domain.walkthrough import Walkthrough, WalkthroughState


async def appointment_of(
    session: AsyncSession, handover: Handover, walkthrough: Walkthrough
) -> Appointment:
    """The appointment; stakeholders without an address are left out, as calendars know people by it."""
    ids = {
        kind: {UUID(one[kind]) for one in walkthrough.attendees if one[kind] is not None}
        for kind in ("person_id", "stakeholder_id")
    }
    colleagues = await directory.guests(session, ids["person_id"] | {walkthrough.organizer_id})
    known = colleagues | await _stakeholders(
        session, walkthrough.handover_id, ids["stakeholder_id"]
    )
    guests = []
    for one in walkthrough.attendees:
        if one["email"] is not None:
            guests.append(Guest(one["name"] or one["email"], one["email"]))
            continue
        guest = known.get(UUID(one["person_id"] or one["stakeholder_id"]))
        if guest is not None:
            guests.append(guest)
    language = await directory.language(session)
    return Appointment.of(
        walkthrough,
        # In the organization's language, not in that of whoever sends it: anybody may read it.
        translate(language, "Walkthrough: {title}", {"title": handover.title}),
        colleagues.get(walkthrough.organizer_id),
        guests,
        is_cancelled=walkthrough.state is WalkthroughState.cancelled,
    )


async def _stakeholders(
    session: AsyncSession, handover_id: UUID, ids: set[UUID]
) -> dict[UUID, Guest]:
    columns = Stakeholder.__table__.c  # type: ignore[attr-defined]
    rows = await session.execute(
        select(columns.id, columns.name, columns.email).where(
            columns.organization_id == organization_of(session),
            columns.handover_id == handover_id,
            columns.id.in_(ids),
            columns.email.is_not(None),
        )
    )
    return {id: Guest(name, email) for id, name, email in rows}
