"""Who estimates when, how a new estimate takes the place of an old one, and when it is said what it took."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.errors import FieldError, Frozen, IllegalMove, Invalid, NotFound
from services.handover.domain.contents import load_part
from services.handover.domain.estimate import Estimate
from services.handover.domain.handover import ENDED, TAKEN_OVER, Handover, State

# While what it took can be said; closing it ends that.
_MEASURABLE = frozenset({State.in_delivery, State.completed})


def require_estimable(handover: Handover, caller: Caller, supersedes: UUID | None) -> None:
    """Refuse a new estimate of somebody who may not make it, or at a time when only superseding is left.

    As with promises: the lead writes once the handover was accepted.
    """
    if not (supersedes and handover.is_led_by(caller) and handover.state in TAKEN_OVER | ENDED):
        handover.require_seller_or_manager(caller)
    if supersedes is None:
        handover.require_writable()
    elif handover.state in ENDED:
        raise Frozen(
            "A handover that is {state} is over: its estimates stand as they are.",
            state=handover.state,
        )


def require_measurable(handover: Handover, caller: Caller) -> None:
    """Refuse anyone but the lead, and any time but from delivery until it is closed."""
    handover.require_lead(caller)
    if handover.state not in _MEASURABLE:
        raise IllegalMove(
            "Actual hours are entered in delivery and after it; the handover is {state}.",
            state=handover.state,
            allowed=handover.moves_of(caller),
        )


async def supersede_estimate(session: AsyncSession, estimate: Estimate, now: datetime) -> Estimate:
    """Let `estimate` take the place of the one that it names."""
    assert estimate.supersedes is not None  # asked for
    try:
        replaced = await load_part(session, Estimate, estimate.handover_id, estimate.supersedes)
    except NotFound as error:
        raise Invalid(
            "It names something that is not of this handover.",
            errors=[FieldError("/supersedes", "There is no such thing in this handover.")],
        ) from error
    replaced.supersede(now)
    return replaced
