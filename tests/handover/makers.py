"""Handovers and what is in them, made through the API as people make them."""

import json
from typing import Any

import httpx

from tests.conftest import Firm, Person

SAID: dict[str, Any] = {
    "situation": "The shops change their tills before Easter.",
    "background": "The old tills lost their supplier in May.",
    "assessment": "The network in four shops is the risk, not the tills.",
    "recommendation": "Visit the four shops in the first week.",
    "out_of_scope": "The web shop.",
    "planned_start": "2026-12-01",
    "planned_end": "2027-03-31",
    "amount": {"amount": "1250000.00", "currency": "NOK"},
    "is_won": True,
}


def made(response: httpx.Response, status: int = 201) -> dict[str, Any]:
    """The body of an answer that had to succeed."""
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    return body


async def customer(person: Person, **fields: Any) -> dict[str, Any]:
    return made(await person.post("/v1/customers", {"name": "Brød og Hjørne", **fields}))


async def draft(firm: Firm, **fields: Any) -> dict[str, Any]:
    """A handover of which nothing is known but what it is called."""
    if "customer_id" not in fields:
        fields["customer_id"] = (await customer(firm.seller))["id"]
    given = {"title": "Self-service tills", "engagement_type": "fixed_price", **fields}
    return made(await firm.seller.post("/v1/handovers", given))


async def promise(
    firm: Firm, handover: dict[str, Any], *, by: Person | None = None, **fields: Any
) -> dict[str, Any]:
    given = {
        "statement": "All 42 shops take cards on the first day.",
        "kind": "feature",
        "channel": "meeting",
        "said_by": str(firm.seller.id),
        "said_on": "2026-10-01",
        "done_when": "Each shop has sold something by card before noon.",
        **fields,
    }
    path = f"/v1/handovers/{handover['id']}/promises"
    return made(await (by or firm.seller).post(path, given))


async def estimate(
    firm: Firm, handover: dict[str, Any], *, by: Person | None = None, **fields: Any
) -> dict[str, Any]:
    given = {
        "item": "Tills for the first shop",
        "kind": "integration",
        "optimistic_hours": 4,
        "likely_hours": 6,
        "pessimistic_hours": 12,
        "basis": "analogy",
        "basis_text": "The two shops in May took 5 and 7 hours.",
        "estimated_by": str(firm.lead.id),
        **fields,
    }
    path = f"/v1/handovers/{handover['id']}/estimates"
    return made(await (by or firm.seller).post(path, given))


async def past_estimate(manager: Person) -> dict[str, Any]:
    file = "external_id,kind,basis,optimistic_hours,likely_hours,pessimistic_hours,actual_hours\n1,training,guess,4,6,12,9\n"
    mapping = {name: name for name in file.partition("\n")[0].split(",")}
    files = {"file": ("past.csv", file.encode(), "text/csv")}
    sent = await manager.upload("/v1/imports/estimates", files, {"mapping": json.dumps(mapping)})
    return made(sent, 200)


async def stakeholder(firm: Firm, handover: dict[str, Any], **fields: Any) -> dict[str, Any]:
    given = {"name": "Randi Fjellheim", "role": "economic_buyer", **fields}
    return made(await firm.seller.post(f"/v1/handovers/{handover['id']}/stakeholders", given))


async def need(firm: Firm, handover: dict[str, Any], **fields: Any) -> dict[str, Any]:
    given = {"competence": "tills", "level": 2, **fields}
    return made(await firm.seller.post(f"/v1/handovers/{handover['id']}/competence-needs", given))


async def logged(person: Person, handover: dict[str, Any], **fields: Any) -> dict[str, Any]:
    given = {
        "at": "2026-11-02T10:00:00+01:00",
        "kind": "meeting",
        "phase": "before",
        "text": "Randi wants the tills before Easter.",
        **fields,
    }
    return made(await person.post(f"/v1/handovers/{handover['id']}/log", given))


async def contact(person: Person, customer_id: str, **fields: Any) -> dict[str, Any]:
    given = {"name": "Bodil Brandt", **fields}
    return made(await person.post(f"/v1/customers/{customer_id}/contacts", given))


async def voice(person: Person, handover: dict[str, Any], **fields: Any) -> dict[str, Any]:
    given = {"phase": "during", "quote": "The queue was gone by noon.", **fields}
    return made(await person.post(f"/v1/handovers/{handover['id']}/customer-voices", given))


async def walkthrough(
    person: Person, handover: dict[str, Any], status: int = 201, **fields: Any
) -> dict[str, Any]:
    given = {
        "starts_at": "2026-10-05T10:00:00+02:00",
        "ends_at": "2026-10-05T11:30:00+02:00",
        "tz": "Europe/Oslo",
        "place": "Storgata 1, Oslo",
        **fields,
    }
    return made(await person.post(f"/v1/handovers/{handover['id']}/walkthroughs", given), status)


async def held_walkthrough(firm: Firm, handover: dict[str, Any]) -> dict[str, Any]:
    one = await walkthrough(firm.seller, handover)
    path = f"/v1/handovers/{handover['id']}/walkthroughs/{one['id']}/outcome"
    return made(await firm.seller.post(path, {"state": "held"}), 200)


async def measure(person: Person, handover: dict[str, Any], **fields: Any) -> dict[str, Any]:
    given = {"name": "Queue at noon", "unit": "minutes", "baseline": 14, "target": 4, **fields}
    return made(await person.post(f"/v1/handovers/{handover['id']}/value-measures", given))


async def observed(person: Person, measure: dict[str, Any], **fields: Any) -> dict[str, Any]:
    path = f"/v1/handovers/{measure['handover_id']}/value-measures/{measure['id']}/observations"
    return made(await person.post(path, {"value": 10, **fields}))


async def move(
    person: Person, handover: dict[str, Any], noun: str, body: Any = None
) -> dict[str, Any]:
    return made(await person.post(f"/v1/handovers/{handover['id']}/{noun}", body), 200)


async def complete_draft(firm: Firm, promises: int = 1, **fields: Any) -> dict[str, Any]:
    """A draft with nothing missing."""
    handover = await draft(firm, **{**SAID, **fields})
    await stakeholder(firm, handover)
    for number in range(promises):
        await promise(firm, handover, statement=f"Promise number {number + 1} is kept.")
    if handover["engagement_type"] == "fixed_price":
        await estimate(firm, handover)
    return handover


async def in_review(firm: Firm, promises: int = 1, **fields: Any) -> dict[str, Any]:
    """Submitted, walked through and claimed by the lead."""
    handover = await complete_draft(firm, promises, **fields)
    await held_walkthrough(firm, handover)
    await move(firm.seller, handover, "submission")
    return await move(firm.lead, handover, "claim")


async def promises_of(firm: Firm, handover: dict[str, Any]) -> list[dict[str, Any]]:
    """Oldest first."""
    page = made(await firm.seller.get(f"/v1/handovers/{handover['id']}/promises", sort="id"), 200)
    items: list[dict[str, Any]] = page["items"]
    return items


async def read_back(
    person: Person, promise: dict[str, Any], stance: str = "promise", **fields: Any
) -> httpx.Response:
    path = f"/v1/handovers/{promise['handover_id']}/promises/{promise['id']}/read-backs"
    given = {"restated": "Every shop can take a card that morning.", "stance": stance, **fields}
    return await person.post(path, given)


async def accepted(firm: Firm, promises: int = 1, **fields: Any) -> dict[str, Any]:
    handover = await in_review(firm, promises, **fields)
    for one in await promises_of(firm, handover):
        made(await read_back(firm.lead, one))
    return await move(firm.lead, handover, "acceptance")


async def staffed(
    firm: Firm, handover: dict[str, Any], *, by: Person | None = None, **fields: Any
) -> dict[str, Any]:
    given = {"person_id": str(firm.learner.id), "from": "2026-12-01", **fields}
    return made(await (by or firm.lead).post(f"/v1/handovers/{handover['id']}/staffing", given))


async def waived(
    firm: Firm, handover: dict[str, Any], need: dict[str, Any], **fields: Any
) -> dict[str, Any]:
    given = {
        "competence_need_id": need["id"],
        "reason": "Anna stands beside them until the course in week 2.",
        **fields,
    }
    path = f"/v1/handovers/{handover['id']}/coverage/waivers"
    return made(await firm.manager.post(path, given))


async def in_delivery(firm: Firm, promises: int = 1, **fields: Any) -> dict[str, Any]:
    handover = await accepted(firm, promises, **fields)
    await staffed(firm, handover)
    return await move(firm.lead, handover, "start")


async def question(person: Person, handover: dict[str, Any], **fields: Any) -> dict[str, Any]:
    given = {"text": "Do the tills in Malmö take Danish VAT?", **fields}
    return made(await person.post(f"/v1/handovers/{handover['id']}/questions", given))


def question_path(question: dict[str, Any], *further: str) -> str:
    path = f"/v1/handovers/{question['handover_id']}/questions/{question['id']}"
    return "/".join([path, *further])


async def answer(
    person: Person, question: dict[str, Any], text: str = "Swedish: it follows the shop's address."
) -> dict[str, Any]:
    return made(await person.post(question_path(question, "answers"), {"text": text}))


async def accept_answer(person: Person, answer: dict[str, Any]) -> httpx.Response:
    question = {"handover_id": answer["handover_id"], "id": answer["question_id"]}
    path = question_path(question, "acceptance")
    return await person.post(path, {"answer_id": answer["id"]})


async def completed(firm: Firm, promises: int = 1, **fields: Any) -> dict[str, Any]:
    """Delivered, with every promise kept; it was to start before today."""
    fields = {"planned_start": "2026-08-03", "planned_end": "2026-10-30", **fields}
    handover = await in_delivery(firm, promises, **fields)
    for one in await promises_of(firm, handover):
        kept = {"state": "kept"}
        made(await firm.lead.post(f"/v1/promises/{one['id']}/outcome", kept), 200)
    return await move(firm.lead, handover, "completion")


async def transfer(
    firm: Firm, handover: dict[str, Any], to: Person, reason: str = "Ole goes on leave."
) -> httpx.Response:
    given = {"delivery_lead_id": str(to.id), "reason": reason}
    return await firm.manager.post(f"/v1/handovers/{handover['id']}/transfer", given)
