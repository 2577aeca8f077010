"""The glance: who just walked in, what we promised, what is open, and who answers for it now."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.handover.api.front_desk import GlanceOut
from tests.conftest import Firm, Person
from tests.handover.makers import (
    customer,
    draft,
    in_delivery,
    in_review,
    logged,
    made,
    move,
    promise,
    promises_of,
    question,
    voice,
)


async def glance(person: Person, customer_id: str) -> dict[str, Any]:
    body = made(await person.get(f"/v1/customers/{customer_id}/glance"), 200)
    GlanceOut.model_validate(body)
    return body


def day(days: int) -> str:
    return str(datetime.now(UTC).date() + timedelta(days=days))


async def test_a_customer_of_whom_nothing_is_known_is_known_by_name(firm: Firm) -> None:
    known = await customer(firm.seller, name="Ny Kunde", phones=["22 12 34 56"])
    seen = await glance(firm.learner, known["id"])
    assert seen["customer"] == {name: known[name] for name in seen["customer"]}
    assert seen["promises"] == {"total": 0, "overdue": 0, "items": []}
    assert seen["handovers"] == {"total": 0, "items": []}
    assert seen["blocking_questions"] == {"total": 0, "items": []}
    assert seen["last_told"] == []


async def test_what_we_promised_is_told_the_soonest_first_with_what_is_late(firm: Firm) -> None:
    handover = await draft(firm)
    some_day = await promise(firm, handover, due_on=None)
    later = await promise(firm, handover, due_on=day(30))
    late = await promise(firm, handover, due_on=day(-3))
    seen = (await glance(firm.learner, handover["customer_id"]))["promises"]
    assert [(one["id"], one["overdue"]) for one in seen["items"]] == [
        (late["id"], True),
        (later["id"], False),
        (some_day["id"], False),
    ]
    assert (seen["total"], seen["overdue"]) == (3, 1)
    for number in range(9):
        await promise(firm, handover, statement=f"Promise {number}", due_on=day(1))
    seen = (await glance(firm.learner, handover["customer_id"]))["promises"]
    assert (seen["total"], len(seen["items"])) == (12, 10)


async def test_promises_that_ended_and_handovers_that_ended_are_not_open(firm: Firm) -> None:
    running = await in_delivery(firm, 2)
    id = running["customer_id"]
    first, _ = await promises_of(firm, running)
    made(await firm.lead.post(f"/v1/promises/{first['id']}/outcome", {"state": "kept"}), 200)
    off = await draft(firm, customer_id=id)
    await promise(firm, off)
    await move(firm.seller, off, "cancellation", {"reason": "No money."})
    seen = await glance(firm.learner, id)
    assert seen["promises"]["total"] == 1
    assert [one["id"] for one in seen["handovers"]["items"]] == [running["id"]]


async def test_the_lead_is_responsible_and_the_seller_until_there_is_one(firm: Firm) -> None:
    new = await draft(firm)
    claimed = await in_review(firm, customer_id=new["customer_id"])
    one, other = (await glance(firm.learner, new["customer_id"]))["handovers"]["items"]
    assert (one["id"], one["state"]) == (claimed["id"], "in_review")
    assert one["responsible"] == {
        "person_id": str(firm.lead.id),
        "name": firm.lead.name,
        "email": firm.lead.email,
        "as": "delivery_lead",
    }
    assert (other["responsible"]["name"], other["responsible"]["as"]) == (
        firm.seller.name,
        "seller",
    )


async def test_open_blocking_questions_are_told(firm: Firm) -> None:
    handover = await draft(firm)
    blocking = await question(firm.seller, handover, blocking=True)
    await question(firm.seller, handover, text="What colour?")
    seen = (await glance(firm.learner, handover["customer_id"]))["blocking_questions"]
    assert (seen["total"], [one["id"] for one in seen["items"]]) == (1, [blocking["id"]])


async def test_what_they_last_told_us_is_told_but_not_what_stays_at_its_handover(
    firm: Firm,
) -> None:
    handover = await draft(firm)
    id = handover["customer_id"]
    wrong = await logged(firm.seller, handover, text="They want it blue.")
    right = await logged(firm.seller, handover, text="They want it red.", corrects=wrong["id"])
    await logged(firm.seller, handover, kind="note", text="Parking is hard.")
    call = await logged(firm.seller, handover, kind="call", at="2026-11-03T10:00:00+01:00")
    said = await voice(
        firm.seller, handover, said_at="2026-11-04T10:00:00+01:00", may_share=True, channel="visit"
    )
    await voice(firm.seller, handover, quote="Between us: awful.", said_by="Ottilie")
    await voice(firm.seller, handover, quote=None, csat=2, may_share=True)
    seen = await glance(firm.learner, id)
    assert [(one["kind"], one["id"]) for one in seen["last_told"]] == [
        ("voice", said["id"]),
        ("log", call["id"]),
        ("log", right["id"]),
    ]
    assert [one["how"] for one in seen["last_told"]] == ["visit", "call", "meeting"]
    assert "awful" not in str(seen)


async def test_a_correction_that_was_corrected_hides_nothing_and_the_last_one_is_told(
    firm: Firm,
) -> None:
    handover = await draft(firm)
    first = await logged(firm.seller, handover, kind="call", at="2026-11-03T10:00:00+01:00")
    denied = await logged(firm.seller, handover, kind="note", corrects=first["id"])
    seen = await glance(firm.learner, handover["customer_id"])
    assert [(one["id"], one["how"]) for one in seen["last_told"]] == [(denied["id"], "call")]
    last = await logged(
        firm.seller, handover, kind="note", corrects=denied["id"], at="2026-11-05T10:00:00+01:00"
    )
    await logged(firm.seller, handover, kind="note", text="Parking is hard.")
    seen = await glance(firm.learner, handover["customer_id"])
    assert [(one["id"], one["how"]) for one in seen["last_told"]] == [
        (last["id"], "call"),
        (first["id"], "call"),
    ]
    assert "Ottilie" not in str(seen)


async def test_a_customer_of_somebody_else_is_not_there(firm: Firm, stranger: Person) -> None:
    known = await customer(firm.seller)
    assert (await stranger.get(f"/v1/customers/{known['id']}/glance")).status_code == 404
    assert (await firm.learner.get("/v1/customers/nobody/glance")).status_code == 422
