"""Lists of promises over all handovers: what is due, and what is mine."""

from typing import Any

from tests.conftest import Firm
from tests.handover.makers import draft, made, promise


async def statements(firm: Firm, **params: Any) -> list[str]:
    """Of all promises, page by page."""
    found: list[str] = []
    after = None
    while True:
        asked = {**params, "limit": 1, **({"after": after} if after else {})}
        page = made(await firm.seller.get("/v1/promises", **asked), 200)
        found += [item["statement"] for item in page["items"]]
        after = page["next"]
        if after is None:
            return found


async def test_what_is_due_first_comes_first_and_what_has_no_day_does_not_come(firm: Firm) -> None:
    handover = await draft(firm)
    for name, due_on in (("Later", "2026-12-24"), ("Never", None), ("Soon", "2026-12-01")):
        await promise(firm, handover, statement=name, due_on=due_on)
    assert await statements(firm, due_before="2027-01-01") == ["Soon", "Later"]
    assert await statements(firm, due_before="2026-12-24", state="offered") == ["Soon"]
    assert await statements(firm, sort="-due_on") == ["Later", "Soon"]
    assert await statements(firm) == ["Soon", "Never", "Later"]
    path = f"/v1/handovers/{handover['id']}/promises"
    due = made(await firm.seller.get(path, sort="due_on"), 200)["items"]
    assert [item["statement"] for item in due] == ["Soon", "Later"]


async def test_mine_are_those_that_i_made_sold_or_deliver(firm: Firm) -> None:
    handover = await draft(firm, delivery_lead_id=str(firm.lead.id))
    await promise(firm, handover, statement="By the manager", said_by=str(firm.manager.id))
    for person, found in ((firm.seller, 1), (firm.lead, 1), (firm.manager, 1), (firm.learner, 0)):
        page = made(await person.get("/v1/promises", mine="true"), 200)
        assert len(page["items"]) == found
