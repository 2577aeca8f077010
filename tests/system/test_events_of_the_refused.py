"""What somebody is refused by GET, the feed does not tell them: every subject of onboarding's events is asked for.

Generated from one of everything, so that a new event is held to it by its maker.
"""

from typing import Any

import pytest

from tests.conftest import Person, Product, found_firm
from tests.system.filled import Filled, filled


@pytest.fixture(scope="module")
async def everything(product: Product) -> Filled:
    """A firm with one of everything."""
    return await filled(await found_firm(product, "Nordlys"))


async def feed_of(person: Person) -> list[dict[str, Any]]:
    """All that onboarding tells somebody."""
    events: list[dict[str, Any]] = []
    after = ""
    while True:
        answer = await person.get("/v1/events", after=after, limit=1000)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        if not page["items"]:
            return [event for event in events if event["source"] == "/onboarding"]
        events += page["items"]
        after = page["next"]


async def test_no_event_tells_a_learner_of_what_get_refuses_them(everything: Filled) -> None:
    firm = everything.firm
    learner = await firm.hire("Lise Lærling")
    told, told_learner = await feed_of(firm.admin), await feed_of(learner)
    assert {event["type"] for event in told} > {event["type"] for event in told_learner}
    refused = set()
    for subject in {event["subject"] for event in told}:
        answer = await learner.get(f"/v1/{subject}")
        if answer.status_code in (403, 404):
            there = await everything.everyone.get(f"/v1/{subject}")
            if there.status_code == 200:
                refused.add(subject)
    kinds = {subject.partition("/")[0] for subject in refused}
    assert {"audiences", "assignment-rules", "assignments", "certificates"} <= kinds
    leaked = {event["type"] for event in told_learner if event["subject"] in refused}
    assert leaked == set()


async def test_the_figures_of_a_gate_are_told_to_those_who_read_its_readiness(
    everything: Filled,
) -> None:
    firm = everything.firm
    learner = await firm.hire("Liv Lærling")
    hidden = {"rollout.launched", "audience.refreshed", "assignment-rule.activated"}
    assert not hidden & {event["type"] for event in await feed_of(learner)}
