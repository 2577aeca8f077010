"""The facts that the handover service publishes. Each function says when, its name and fields say what."""

from collections.abc import Mapping
from typing import Any

from services.chassis.events import Event
from services.handover.domain.customer import Customer
from services.handover.domain.handover import Handover


def _on(handover: Handover) -> str:
    return f"handovers/{handover.id}"


def customer_created(customer: Customer) -> Event:
    """A customer became known."""
    return Event("customer.created", f"customers/{customer.id}", after={"name": customer.name})


def customer_changed(
    customer: Customer, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """What is known of a customer changed."""
    return Event("customer.changed", f"customers/{customer.id}", before=before, after=after)


def handover_created(handover: Handover) -> Event:
    """A seller opened a handover, by hand or by import."""
    return Event(
        "handover.created",
        _on(handover),
        after={
            "title": handover.title,
            "customer_id": handover.customer_id,
            "seller_id": handover.seller_id,
            "state": handover.state,
        },
    )


def handover_changed(
    handover: Handover, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """Fields of a handover changed."""
    return Event("handover.changed", _on(handover), before=before, after=after)


def handover_moved(
    verb: str, handover: Handover, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """A handover went on to another state: handover.submitted, .claimed, .returned, .accepted, .started, .completed, .cancelled."""
    return Event(f"handover.{verb}", _on(handover), before=before, after=after)
