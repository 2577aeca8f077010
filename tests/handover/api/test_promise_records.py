"""What became of promises: by kind, by customer and by month, each figure with what it is of."""

from typing import Any

import pytest

from tests.conftest import Firm, Person
from tests.handover.makers import (
    customer,
    draft,
    in_delivery,
    logged,
    made,
    promises_of,
)


async def end(firm: Firm, promise: dict[str, Any], state: str, **fields: Any) -> None:
    path = f"/v1/promises/{promise['id']}/outcome"
    made(await firm.lead.post(path, {"state": state, **fields}), 200)


async def record(person: Person, **query: Any) -> dict[str, Any]:
    return made(await person.get("/v1/promise-record", **query), 200)


def figures(kept: int, broken: int, released: int) -> dict[str, Any]:
    judged = kept + broken
    return {
        "kept": kept,
        "broken": broken,
        "released": released,
        "judged": judged,
        "kept_share": kept / judged if judged else None,
    }


async def test_before_anything_ended_there_is_nothing_to_share(firm: Firm):
    await draft(firm)
    told = await record(firm.learner)
    assert told["total"] == figures(0, 0, 0)
    assert (told["by_kind"], told["by_customer"], told["by_month"]) == ([], [], [])
    assert told["customers"] == 0


async def test_kept_and_broken_are_counted_by_kind_customer_and_month(firm: Firm, stranger: Person):
    baker, bank = await customer(firm.seller), await customer(firm.seller, name="Sparebanken Øst")
    first = await in_delivery(firm, promises=4, customer_id=baker["id"])
    kept, broken, released, _ = await promises_of(firm, first)
    await end(firm, kept, "kept")
    await end(firm, broken, "broken")
    consent = await logged(firm.lead, first, kind="decision", text="They let us off.")
    await end(firm, released, "released", evidence=[consent["id"]])
    second = await in_delivery(firm, promises=1, customer_id=bank["id"])
    for one in await promises_of(firm, second):
        await end(firm, one, "kept")

    told = await record(firm.learner)
    assert told["total"] == figures(2, 1, 1)
    assert told["by_kind"] == [{"kind": "feature", **figures(2, 1, 1)}]
    assert told["by_customer"] == [
        {"customer_id": baker["id"], "customer_name": "Brød og Hjørne", **figures(1, 1, 1)},
        {"customer_id": bank["id"], "customer_name": "Sparebanken Øst", **figures(1, 0, 0)},
    ]
    assert told["customers"] == 2
    [month] = told["by_month"]
    assert month == {"month": told["to"][:7], **figures(2, 1, 1)}
    for person in (firm.seller, firm.lead):
        assert str(person.id) not in str(told)

    theirs = await record(firm.learner, customer_id=bank["id"])
    assert theirs["total"] == figures(1, 0, 0)
    assert [one["customer_id"] for one in theirs["by_customer"]] == [bank["id"]]
    assert (await record(firm.learner, kind="price"))["total"] == figures(0, 0, 0)
    past = await record(firm.learner, **{"from": "2020-01-01", "to": "2020-12-31"})
    assert (past["total"], past["from"]) == (figures(0, 0, 0), "2020-01-01")
    one_shown = await record(firm.learner, limit=1)
    assert (len(one_shown["by_customer"]), one_shown["customers"]) == (1, 2)
    assert (await record(stranger))["total"] == figures(0, 0, 0)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-02-01", "to": "2026-01-31"},
        {"from": "2000-01-01", "to": "2026-01-01"},
        {"from": "yesterday"},
        {"kind": "nothing"},
        {"limit": 201},
        {"by": "person"},
    ],
)
async def test_what_cannot_be_asked_is_refused(firm: Firm, query: dict[str, Any]):
    assert (await firm.learner.get("/v1/promise-record", **query)).status_code == 422
