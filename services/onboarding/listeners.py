"""The facts of other services that onboarding reacts to."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.events import changes, record, store_recorded
from services.chassis.listeners import HeardEvent
from services.onboarding import events
from services.onboarding.domain.assignment import Assignment, State, Suspension
from services.onboarding.domain.base import directory
from services.onboarding.domain.seats import release_seats

_a = Assignment.__table__.c  # type: ignore[attr-defined]
_REASON = "Not active any more."


async def keep_person(session: AsyncSession, event: HeardEvent) -> None:
    """Keep the copy of a person. Whoever left rests from learning and gives up their seats; whoever is back goes on."""
    await directory.listeners["person.changed"](session, event)
    told = event.data["person"]
    left = not told["active"]
    if left:
        # Before the assignments are locked: whoever takes attendance locks in this order, too.
        await release_seats(session, UUID(told["id"]), _REASON, event.time)
    found = await session.scalars(
        select(Assignment)
        .where(
            _a.organization_id == event.organization_id,
            _a.person_id == UUID(told["id"]),
            _a.state.in_([State.scheduled, State.assigned, State.in_progress])
            if left
            else (_a.state == State.suspended) & (_a.suspension == Suspension.inactive),
        )
        .order_by(_a.id)
        .with_for_update()
    )
    for assignment in found:
        today = event.time.date()
        if left:
            assignment.suspend(today, _REASON, Suspension.inactive)
            verb = "suspended"
        else:
            assignment.resume(today, None)
            verb = "resumed"
        record(session, events.assignment_moved(verb, assignment, *changes(assignment)))
    await session.flush()
    await store_recorded(session, None, None)


FOLLOWS = {"gateway": {**directory.listeners, "person.changed": keep_person}}
