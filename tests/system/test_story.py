"""What Stafett is for, told once from beginning to end, through the gateway."""

from typing import Any

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.handover.makers import SAID, made
from tests.onboarding.makers import course_set, published_course


async def assert_closed_to(stranger: Person, calls: list[tuple[str, str, Any]]) -> None:
    """To somebody with every role in another organization none of it is there."""
    for method, path, body in calls:
        headers = {"If-Match": '"1"'} if method in ("PATCH", "DELETE") else {}
        answer = await stranger.request(method, path, json=body, headers=headers)
        assert answer.status_code == 404, (method, path, answer.text)
        assert answer.json()["type"] == "/problems/not-found"


async def test_a_won_deal_is_handed_over_promise_by_promise(firm: Firm, stranger: Person) -> None:
    seller, lead = firm.seller, firm.lead

    # The seller writes down what was sold, and sees what is missing.
    customer = made(await seller.post("/v1/customers", {"name": "Brød og Hjørne"}))
    given = {
        "customer_id": customer["id"],
        "title": "Self-service tills",
        "engagement_type": "fixed_price",
    }
    handover = made(await seller.post("/v1/handovers", given))
    path = f"/v1/handovers/{handover['id']}"
    missing = made(await seller.get(f"{path}/readiness"), 200)["missing"]
    assert {gap["item"] for gap in missing} >= {"situation", "amount", "promises", "estimates"}
    too_early = await seller.post(f"{path}/submission")
    assert too_early.status_code == 422
    assert too_early.json()["missing"] == missing

    # The seller fills it, and hands it over.
    made(await seller.patch(path, SAID), 200)
    buyer = {"name": "Randi Fjellheim", "role": "economic_buyer"}
    made(await seller.post(f"{path}/stakeholders", buyer))
    promised = {
        "kind": "feature",
        "channel": "meeting",
        "said_by": str(seller.id),
        "said_on": "2026-10-01",
        "done_when": "Each shop has sold something by card before noon.",
    }
    promises = [
        made(await seller.post(f"{path}/promises", {**promised, "statement": statement}))
        for statement in ("All 42 shops take cards on the first day.", "Nobody types a price.")
    ]
    estimated = {
        "item": "Tills for 42 shops",
        "kind": "integration",
        "optimistic_hours": 160,
        "likely_hours": 240,
        "pessimistic_hours": 480,
        "basis": "analogy",
        "basis_text": "The last 30 shops took between four and nine hours each.",
        "estimated_by": str(lead.id),
    }
    estimate = made(await seller.post(f"{path}/estimates", estimated))
    assert made(await seller.get(f"{path}/readiness"), 200)["missing"] == []
    assert made(await seller.post(f"{path}/submission"), 200)["state"] == "submitted"

    # The lead claims it, and cannot accept before having been taken through it.
    assert made(await lead.post(f"{path}/claim"), 200)["state"] == "in_review"
    meeting = {
        "starts_at": "2026-10-12T10:00:00+02:00",
        "ends_at": "2026-10-12T11:00:00+02:00",
        "tz": "Europe/Copenhagen",
        "link": "https://meet.example/tills",
        "attendees": [{"person_id": str(lead.id)}],
    }
    walkthrough = made(await seller.post(f"{path}/walkthroughs", meeting))
    walkthrough_path = f"{path}/walkthroughs/{walkthrough['id']}"
    refused = (await lead.post(f"{path}/acceptance")).json()
    assert refused["errors"][-1]["pointer"] == "/walkthroughs"
    made(await seller.post(f"{walkthrough_path}/outcome", {"state": "held"}), 200)

    # Nor before having read back each promise.
    in_their_words = (
        "On day one a customer in any of the 42 shops can pay by card.",
        "The tills read each price from the bar code.",
    )
    for number, (promise, words) in enumerate(zip(promises, in_their_words, strict=True)):
        left = promises[number:]
        refused = await lead.post(f"{path}/acceptance")
        assert refused.status_code == 409
        assert promise["statement"] in refused.json()["detail"]
        assert [error["pointer"] for error in refused.json()["errors"]] == [
            f"/promises/{one['id']}" for one in left
        ]
        restated = {"restated": words, "stance": "promise"}
        made(await lead.post(f"{path}/promises/{promise['id']}/read-backs", restated))

    # The seller cannot accept, a stranger sees nothing of it, the lead accepts.
    assert (await seller.post(f"{path}/acceptance")).status_code == 403
    promise_path = f"{path}/promises/{promises[0]['id']}"
    await assert_closed_to(
        stranger,
        [
            ("GET", path, None),
            ("PATCH", path, {"title": "Mine now"}),
            ("GET", f"{path}/readiness", None),
            ("GET", f"{path}/coverage", None),
            ("GET", f"{path}/stakeholders", None),
            ("POST", f"{path}/stakeholders", buyer),
            ("GET", f"{path}/promises", None),
            ("POST", f"{path}/promises", {**promised, "statement": "All for free."}),
            ("GET", promise_path, None),
            ("DELETE", promise_path, None),
            ("GET", f"{path}/estimates", None),
            ("POST", f"{path}/estimates", estimated),
            ("GET", f"{path}/estimates/{estimate['id']}", None),
            ("POST", f"{path}/estimates/{estimate['id']}/actual", {"hours": 1}),
            ("GET", f"{promise_path}/read-backs", None),
            ("POST", f"{promise_path}/read-backs", {"restated": "No.", "stance": "decline"}),
            ("GET", f"{path}/walkthroughs", None),
            ("POST", f"{path}/walkthroughs", meeting),
            ("GET", f"{walkthrough_path}/calendar", None),
            ("POST", f"{path}/submission", None),
            ("POST", f"{path}/claim", None),
            ("POST", f"{path}/return", {"gaps": [{"what": "amount", "why": "Low."}]}),
            ("POST", f"{path}/acceptance", None),
            ("POST", f"{path}/cancellation", {"reason": "Away with it."}),
            ("GET", f"/v1/customers/{customer['id']}", None),
        ],
    )
    accepted = made(await lead.post(f"{path}/acceptance"), 200)
    assert accepted["state"] == "accepted"
    assert accepted["delivery_lead_id"] == str(lead.id)

    # It is delivered; then somebody else leads it, and does not inherit a promise unread.
    staffing = {"person_id": str(firm.learner.id), "from": "2026-12-01"}
    made(await lead.post(f"{path}/staffing", staffing))
    assert made(await lead.post(f"{path}/start"), 200)["state"] == "in_delivery"
    first, second = promises
    made(await lead.post(f"/v1/promises/{first['id']}/outcome", {"state": "kept"}), 200)
    olga = await firm.hire("Olga Oppdrag", Role.delivery)
    transfer = {"delivery_lead_id": str(olga.id), "reason": "Ole goes on leave."}
    made(await firm.manager.post(f"{path}/transfer", transfer), 200)
    kept = {"state": "kept"}
    assert (await olga.post(f"/v1/promises/{second['id']}/outcome", kept)).status_code == 409
    restated = {"restated": "The price comes from the bar code.", "stance": "promise"}
    made(await olga.post(f"{path}/promises/{second['id']}/read-backs", restated))
    made(await olga.post(f"/v1/promises/{second['id']}/outcome", {"state": "broken"}), 200)
    assert made(await olga.post(f"{path}/completion"), 200)["state"] == "completed"
    record = made(await firm.learner.get("/v1/promise-record"), 200)
    assert (record["total"]["kept"], record["total"]["broken"]) == (1, 1)

    # Everybody in the firm can read how it went.
    told = made(await firm.learner.get("/v1/events", limit=200), 200)["items"]
    moves = [event["type"] for event in told if event["subject"].endswith(handover["id"])]
    assert [move for move in moves if move != "handover.changed"] == [
        "handover.created",
        "handover.submitted",
        "handover.claimed",
        "handover.accepted",
        "handover.started",
        "handover.transferred",
        "handover.completed",
    ]


async def test_a_team_is_trained_until_what_was_promised_is_covered(
    firm: Firm, stranger: Person
) -> None:
    trainer, admin = firm.trainer, firm.admin

    # A team of a hundred comes into the firm, by file.
    rows = [f"Person {n:03};person{n:03}@nordlys.example;Butikk" for n in range(100)]
    people = ("people.csv", "\n".join(["Navn;E-post;Team", *rows]), "text/csv")
    imported = made(await admin.upload("/v1/imports/people", {"file": people}), 200)
    assert imported["created"] == 100, imported

    # The trainer publishes a curriculum, whose course grants what a handover needs.
    course = await published_course(firm, competence="self-service-tills", level=2)
    new = {"key": "butikk", "title": "Before the shops open"}
    curriculum = made(await trainer.post("/v1/curricula", new))
    versions = f"/v1/curricula/{curriculum['id']}/versions"
    made(await trainer.post(versions, {"sets": [course_set(course)]}))
    made(await trainer.post(f"{versions}/1/publication"), 200)

    customer = made(await firm.seller.post("/v1/customers", {"name": "Brød og Hjørne"}))
    given = {
        "customer_id": customer["id"],
        "title": "Self-service tills",
        "engagement_type": "fixed_price",
    }
    handover = made(await firm.seller.post("/v1/handovers", given))
    coverage_path = f"/v1/handovers/{handover['id']}/coverage"
    need = {"competence": "self-service-tills", "level": 2}
    made(await firm.seller.post(f"/v1/handovers/{handover['id']}/competence-needs", need))
    gap = made(await firm.seller.get(coverage_path), 200)
    assert (gap["state"], gap["needs"][0]["have"]) == ("gap", 0)

    # It is assigned from a list with two unknown addresses and one that stands there twice.
    addresses = [f"person{n:03}@nordlys.example" for n in range(100)]
    addresses.insert(40, "nobody@nordlys.example")
    addresses += ["PERSON007@nordlys.example", "gone@nordlys.example"]
    assigning = {
        "curriculum_id": curriculum["id"],
        "csv": "\n".join(["E-post", *addresses]),
        "due": {"kind": "after_assignment", "days": 30},
    }
    first = await trainer.post("/v1/assignments/bulk", assigning, key="butikk-2026")
    result = made(first, 200)
    assert (result["created"], result["unchanged"], result["failed"]) == (100, 0, 3)
    assert len(result["rows"]) == 103
    failed = [row["email"].lower() for row in result["rows"] if row["result"] == "failed"]
    assert failed == [
        "nobody@nordlys.example",
        "person007@nordlys.example",
        "gone@nordlys.example",
    ]

    # The same key again: the same answer, and nothing new.
    again = await trainer.post("/v1/assignments/bulk", assigning, key="butikk-2026")
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    query = {"curriculum_id": curriculum["id"], "limit": 200}
    listed = made(await trainer.get("/v1/assignments", **query), 200)
    assert len(listed["items"]) == 100
    assert listed["next"] is None
    anew = made(await trainer.post("/v1/assignments/bulk", assigning), 200)
    assert (anew["created"], anew["unchanged"], anew["failed"]) == (0, 100, 3)

    # A learner completes it.
    one = next(row for row in result["rows"] if row["email"] == "person042@nordlys.example")
    key = {"name": "learning", "person_id": one["person_id"]}
    learner = Person(
        **{**vars(firm.learner), "key": made(await admin.post("/v1/api-keys", key))["key"]}
    )
    learning = made(await learner.get("/v1/me/learning"), 200)
    assert [entry["id"] for entry in learning["open"]] == [one["assignment_id"]]
    item = learning["next"]["item_key"]
    completion = f"/v1/assignments/{one['assignment_id']}/items/{item}/completion"
    await assert_closed_to(
        stranger,
        [
            ("POST", completion, None),
            ("GET", f"/v1/assignments/{one['assignment_id']}", None),
            ("GET", versions, None),
            ("GET", coverage_path, None),
        ],
    )
    assert made(await learner.post(completion), 200)["state"] == "completed"

    # Now the handover's need is covered.
    covered = made(await firm.seller.get(coverage_path), 200)
    assert covered["state"] == "covered"
    assert [p["person_id"] for p in covered["needs"][0]["people"]] == [one["person_id"]]
    trained = made(await trainer.get("/v1/coverage", competence="self-service-tills"), 200)
    assert trained["trained"] == 1
