"""The handover service: one line per concept."""

from typing import Any

from fastapi import FastAPI

from services.chassis.caller import Role
from services.chassis.internal_token import Clock, utc_now
from services.chassis.runtime import Neighbours
from services.chassis.settings import Settings
from services.chassis.web import Service, create_app
from services.handover.api import (
    briefs,
    calibration,
    check_ins,
    competence_needs,
    contacts,
    coverage,
    coverage_waivers,
    customer_voices,
    customers,
    deal_imports,
    estimates,
    exports,
    front_desk,
    handovers,
    log_entries,
    moves,
    outcomes,
    past_estimates,
    promise_records,
    promises,
    questions,
    read_backs,
    search,
    staffing,
    stakeholders,
    transfers,
    unknowns,
    value_feed,
    value_measures,
    walkthroughs,
)
from services.handover.listeners import FOLLOWS

SERVICE = Service(
    name="handover",
    title="Stafett: handover",
    description="From the first customer meeting to the outcome: what was promised, and that it is kept.",
    routers=[
        handovers.router,
        moves.router,
        transfers.router,
        outcomes.router,
        # Before the customers: `lookup` stands where an id would.
        front_desk.router,
        customers.router,
        contacts.router,
        deal_imports.router,
        exports.router,
        stakeholders.router,
        promises.router,
        promise_records.router,
        estimates.router,
        calibration.router,
        past_estimates.router,
        past_estimates.imports,
        read_backs.router,
        log_entries.router,
        unknowns.router,
        questions.router,
        walkthroughs.router,
        briefs.router,
        competence_needs.router,
        staffing.router,
        coverage.router,
        customer_voices.router,
        search.router,
        coverage_waivers.router,
        check_ins.router,
        value_measures.router,
        value_feed.router,
    ],
    follows=FOLLOWS,
    # How a consultant feels is for them, their lead and managers.
    confidential={"check-in.": frozenset({Role.manager})},
)


def create(
    settings: Settings,
    database_url: Any,
    neighbours: Neighbours | None = None,
    clock: Clock = utc_now,
) -> FastAPI:
    """The app of the handover service."""
    return create_app(SERVICE, settings, database_url, neighbours=neighbours, clock=clock)
