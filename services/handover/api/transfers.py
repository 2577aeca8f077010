"""Transfer of a handover to another lead, who reads back what is still open."""

from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from services.chassis.database import load, reader_of
from services.chassis.events import changes, record
from services.chassis.fields import Body, Prose
from services.chassis.web import CallerDep, NowDep, RuntimeDep, SessionDep, concept, found
from services.handover import events
from services.handover.api.handovers import HANDOVERS, HandoverOut
from services.handover.domain.base import directory
from services.handover.domain.completeness import require_answer
from services.handover.domain.handover import Handover
from services.handover.domain.transferring import decision_of, offer_anew

router = concept("handovers")


class Transfer(Body):
    """To whom it goes, and why."""

    delivery_lead_id: UUID = Field(description="An active colleague, never the seller.")
    reason: Prose = Field(examples=["Ingvild is on leave from Monday on."])


@router.post(
    "/handovers/{handover_id}/transfer",
    response_model=HandoverOut,
    summary="Give it to another lead",
)
async def transfer_handover(
    handover_id: UUID,
    body: Transfer,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """A manager, from submission until it is completed. Open promises are offered anew and wait for the new lead's read-back.

    The reason stands in the log. Whoever it goes to needs no role, as with a lead who was named from the start.
    """
    handover = await load(session, Handover, handover_id)
    handover.transfer(caller, body.delivery_lead_id)
    require_answer("/reason", body.reason)
    await directory.require_people(
        session, runtime.followers["gateway"], {"/delivery_lead_id": body.delivery_lead_id}
    )
    record(session, events.handover_transferred(handover, body.reason, *changes(handover)))
    for promise in await offer_anew(session, handover, now):
        record(session, events.promise_moved("offered", promise, *changes(promise)))
    decision = decision_of(handover, caller, body.reason, now)
    session.add(decision)
    record(session, events.log_entry_created(decision))
    await session.flush()
    return found(await HANDOVERS.one(reader_of(session), handover.id))
