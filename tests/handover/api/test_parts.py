"""What is in a handover: written while it is the seller's, frozen afterwards, and nobody else's business."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import exc, text

from tests.conftest import Firm, Person
from tests.handover.makers import (
    complete_draft,
    draft,
    in_review,
    logged,
    made,
    move,
    need,
    promise,
    promises_of,
    read_back,
    stakeholder,
)

STAKEHOLDER = {"name": "Randi Fjellheim", "role": "champion", "phone": "+4722000001"}
NEED = {"competence": "tills", "level": 3, "from": "2026-12-01", "to": "2027-03-01"}


def unknown_of(person: Person) -> dict[str, Any]:
    return {
        "what": "planned_end",
        "reason": "The municipality decides in March.",
        "owner_id": str(person.id),
        "due_on": "2199-03-15",
    }


def promise_of(person: Person) -> dict[str, Any]:
    return {
        "statement": "All shops take cards.",
        "kind": "feature",
        "channel": "verbal",
        "said_by": str(person.id),
        "said_on": "2026-10-01",
        "done_when": "Each has sold something by card.",
    }


def bodies(firm: Firm) -> dict[str, dict[str, Any]]:
    return {
        "stakeholders": STAKEHOLDER,
        "promises": promise_of(firm.seller),
        "unknowns": unknown_of(firm.seller),
        "competence-needs": NEED,
    }


CHANGES: dict[str, dict[str, Any]] = {
    "stakeholders": {"role": "economic_buyer", "phone": None},
    "promises": {"due_on": "2027-01-01", "customer_validated": True},
    "unknowns": {"due_on": "2199-04-01"},
    "competence-needs": {"level": 4, "to": None},
}


async def test_what_is_to_be_found_out_is_not_due_in_the_past(firm: Firm):
    handover = await draft(firm)
    path = f"/v1/handovers/{handover['id']}"
    over = {"due_on": "2026-11-01"}
    asked = {"text": "Which VAT do the tills take?"}
    unknown = made(await firm.seller.post(f"{path}/unknowns", unknown_of(firm.seller)))
    question = made(await firm.seller.post(f"{path}/questions", asked))
    for refused in (
        await firm.seller.post(f"{path}/unknowns", {**unknown_of(firm.seller), **over}),
        await firm.seller.patch(f"{path}/unknowns/{unknown['id']}", over),
        await firm.seller.post(f"{path}/questions", {**asked, **over}),
        await firm.seller.patch(f"{path}/questions/{question['id']}", over),
    ):
        assert refused.status_code == 422
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/due_on"]


async def test_the_log_tells_what_has_happened(firm: Firm):
    handover = await draft(firm)
    entry = {
        "kind": "note",
        "phase": "before",
        "text": "Randi wants it.",
        "at": "2199-01-01T10:00:00Z",
    }
    refused = await firm.seller.post(f"/v1/handovers/{handover['id']}/log", entry)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/at"]


each_part = pytest.mark.parametrize("path", list(CHANGES))


@each_part
async def test_a_part_is_written_read_changed_and_taken_out(firm: Firm, path: str):
    handover = await draft(firm)
    listing = f"/v1/handovers/{handover['id']}/{path}"
    created = await firm.seller.post(listing, bodies(firm)[path])
    part = made(created)
    one = f"{listing}/{part['id']}"
    assert created.headers["Location"] == one
    assert part.items() >= bodies(firm)[path].items()
    assert made(await firm.learner.get(one), 200) == part
    assert made(await firm.learner.get(listing), 200)["items"] == [part]

    changed = await firm.manager.patch(one, CHANGES[path], etag=created.headers["ETag"])
    assert made(changed, 200).items() >= CHANGES[path].items()
    assert changed.headers["ETag"] == '"2"'
    assert (await firm.seller.patch(one, CHANGES[path], etag='"1"')).status_code == 412
    assert (await firm.seller.patch(one, CHANGES[path], etag="")).status_code == 428
    assert (await firm.seller.delete(one, etag='"1"')).status_code == 412

    assert (await firm.seller.delete(one)).status_code == 204
    assert (await firm.seller.get(one)).status_code == 404
    assert made(await firm.seller.get(listing), 200)["items"] == []


@each_part
async def test_a_part_is_for_the_seller_and_managers(firm: Firm, path: str):
    handover = await draft(firm)
    listing = f"/v1/handovers/{handover['id']}/{path}"
    for person in (firm.lead, firm.learner, firm.admin):
        refused = await person.post(listing, bodies(firm)[path])
        assert refused.status_code == 403, person.name
    part = made(await firm.seller.post(listing, bodies(firm)[path]))
    one = f"{listing}/{part['id']}"
    assert (await firm.lead.patch(one, CHANGES[path])).status_code == 403
    assert (await firm.lead.delete(one)).status_code == 403


@each_part
async def test_a_part_is_frozen_once_the_handover_is_submitted(firm: Firm, path: str):
    handover = await complete_draft(firm)
    listing = f"/v1/handovers/{handover['id']}/{path}"
    part = made(await firm.seller.post(listing, bodies(firm)[path]))
    await move(firm.seller, handover, "submission")
    one = f"{listing}/{part['id']}"
    for answer in (
        await firm.seller.post(listing, bodies(firm)[path]),
        await firm.seller.patch(one, CHANGES[path]),
        await firm.seller.delete(one),
    ):
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/frozen"


@each_part
async def test_a_part_is_reached_through_its_own_handover_alone(firm: Firm, path: str):
    handover, other = await draft(firm), await draft(firm)
    listing = f"/v1/handovers/{handover['id']}/{path}"
    part = made(await firm.seller.post(listing, bodies(firm)[path]))
    wrong = f"/v1/handovers/{other['id']}/{path}/{part['id']}"
    assert (await firm.seller.get(wrong)).status_code == 404
    assert (await firm.seller.patch(wrong, CHANGES[path], etag="*")).status_code == 404
    assert (await firm.seller.delete(wrong, etag="*")).status_code == 404


@each_part
async def test_a_repeated_post_with_its_key_writes_once(firm: Firm, path: str):
    handover = await draft(firm)
    listing = f"/v1/handovers/{handover['id']}/{path}"
    first = await firm.seller.post(listing, bodies(firm)[path], key="once")
    again = await firm.seller.post(listing, bodies(firm)[path], key="once")
    assert made(first) == made(again)
    assert len(made(await firm.seller.get(listing), 200)["items"]) == 1


async def test_another_organization_finds_nothing_on_any_path(firm: Firm, stranger: Person):
    handover = await in_review(firm)
    [one] = await promises_of(firm, handover)
    stance = made(await read_back(firm.lead, one))
    entry = await logged(firm.seller, handover)
    base = f"/v1/handovers/{handover['id']}"
    promise_path = f"{base}/promises/{one['id']}"
    for path in (
        base,
        f"{base}/readiness",
        f"{base}/coverage",
        *(f"{base}/{part}" for part in (*CHANGES, "log", "walkthroughs")),
        promise_path,
        f"{promise_path}/read-backs",
        f"{promise_path}/read-backs/{stance['id']}",
        f"{base}/log/{entry['id']}",
        f"/v1/promises/{one['id']}",
    ):
        assert (await stranger.get(path)).status_code == 404, path
    gaps = {"gaps": [{"what": "amount", "why": "It is the old price."}]}
    restated = {"restated": "Every shop can take a card.", "stance": "promise"}
    for path, body in (
        (f"{base}/submission", None),
        (f"{base}/claim", None),
        (f"{base}/return", gaps),
        (f"{base}/acceptance", None),
        (f"{base}/start", None),
        (f"{base}/completion", None),
        (f"{base}/cancellation", {"reason": "Mine now."}),
        (
            f"{base}/log",
            {"at": "2026-11-02T10:00:00Z", "kind": "note", "phase": "before", "text": "Hello."},
        ),
        (f"{promise_path}/read-backs", restated),
        (f"/v1/promises/{one['id']}/outcome", {"state": "kept"}),
        (f"{base}/stakeholders", STAKEHOLDER),
        (f"{base}/promises", promise_of(stranger)),
        (f"{base}/unknowns", unknown_of(stranger)),
        (f"{base}/competence-needs", NEED),
    ):
        assert (await stranger.post(path, body)).status_code == 404, path
    for path in (base, promise_path):
        assert (await stranger.patch(path, {}, etag="*")).status_code == 404
    assert made(await stranger.get("/v1/promises"), 200)["items"] == []


async def test_an_unknown_names_an_item_of_the_list_once_and_is_counted(firm: Firm):
    handover = await complete_draft(firm, planned_end=None)
    listing = f"/v1/handovers/{handover['id']}/unknowns"
    made(await firm.seller.post(listing, unknown_of(firm.lead)))
    assert (await firm.seller.post(listing, unknown_of(firm.lead))).status_code == 409
    wrong = {**unknown_of(firm.lead), "what": "weather"}
    assert (await firm.seller.post(listing, wrong)).status_code == 422
    nothing_said = {**unknown_of(firm.lead), "what": "amount", "reason": "TBD"}
    refused = await firm.seller.post(listing, nothing_said)
    assert refused.json()["errors"][0]["pointer"] == "/reason"
    ready = made(await firm.seller.get(f"/v1/handovers/{handover['id']}/readiness"), 200)
    assert (ready["ready"], ready["unknowns"]) == (True, 1)


async def test_people_who_do_not_work_here_are_not_named(firm: Firm, stranger: Person):
    handover = await draft(firm)
    base = f"/v1/handovers/{handover['id']}"
    for path, body, pointer in (
        ("unknowns", unknown_of(stranger), "/owner_id"),
        ("promises", promise_of(stranger), "/said_by"),
    ):
        refused = await firm.seller.post(f"{base}/{path}", body)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == pointer


async def test_a_need_does_not_end_before_it_starts(firm: Firm):
    handover = await draft(firm)
    path = f"/v1/handovers/{handover['id']}/competence-needs"
    refused = await firm.seller.post(path, {**NEED, "to": "2026-11-30"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/to"
    one = await need(firm, handover, **{"from": "2026-12-01"})
    refused = await firm.seller.patch(f"{path}/{one['id']}", {"to": "2026-11-30"})
    assert refused.status_code == 422


@pytest.mark.parametrize("nothing", ["TBD", "avklares", "n/a"])
async def test_a_placeholder_is_no_reason_for_a_need(firm: Firm, nothing: str):
    handover = await draft(firm)
    path = f"/v1/handovers/{handover['id']}/competence-needs"
    one = await need(firm, handover, why="The old tills must be emptied.")
    for refused in (
        await firm.seller.post(path, {"competence": "tills", "level": 2, "why": nothing}),
        await firm.seller.patch(f"{path}/{one['id']}", {"why": nothing}),
    ):
        assert refused.status_code == 422
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/why"]
    made(await firm.seller.patch(f"{path}/{one['id']}", {"why": None}), 200)
    await logged(firm.seller, handover, text=nothing)


async def test_everybody_writes_into_the_log_and_nobody_changes_it(firm: Firm):
    handover = await in_review(firm)
    [one] = await promises_of(firm, handover)
    entry = await logged(
        firm.learner, handover, affects=[one["id"]], links=["https://wiki.example/notes"]
    )
    assert entry["author_id"] == str(firm.learner.id)
    assert entry["at"].startswith("2026-11-02T09:00:00")
    path = f"/v1/handovers/{handover['id']}/log"
    correction = await logged(firm.lead, handover, text="It was Tuesday.", corrects=entry["id"])
    listed = made(await firm.manager.get(path), 200)["items"]
    assert listed == [correction, entry]
    assert made(await firm.manager.get(path, kind="decision"), 200)["items"] == []
    assert (await firm.learner.patch(f"{path}/{entry['id']}", {}, etag="*")).status_code == 405
    assert (await firm.learner.delete(f"{path}/{entry['id']}", etag="*")).status_code == 405


async def test_the_log_names_only_what_is_of_its_handover(firm: Firm):
    handover, other = await draft(firm), await draft(firm)
    theirs = await promise(firm, other)
    entry = await logged(firm.seller, other)
    path = f"/v1/handovers/{handover['id']}/log"
    given = {"at": "2026-11-02T10:00:00Z", "kind": "note", "phase": "before", "text": "Hello."}
    for more, pointer in (
        ({"affects": [theirs["id"]]}, "/affects/0"),
        ({"corrects": entry["id"]}, "/corrects"),
        ({"corrects": str(uuid4())}, "/corrects"),
        ({"at": "2026-11-02T10:00:00"}, "/at"),
        ({"links": ["javascript:alert(1)"]}, "/links/0"),
    ):
        refused = await firm.seller.post(path, given | more)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    "statement", ["UPDATE log_entry SET text = 'No.'", "DELETE FROM log_entry"]
)
async def test_the_database_itself_keeps_the_log(firm: Firm, statement: str):
    handover = await draft(firm)
    await logged(firm.seller, handover)
    with pytest.raises(exc.ProgrammingError, match="permission denied"):
        async with firm.product.database("handover").transaction(firm.organization_id) as session:
            await session.execute(text(statement))


async def test_every_change_is_told(firm: Firm):
    handover = await draft(firm)
    one = await stakeholder(firm, handover)
    path = f"/v1/handovers/{handover['id']}/stakeholders/{one['id']}"
    made(await firm.seller.patch(path, {"role": "user"}), 200)
    await firm.seller.delete(path)
    await logged(firm.seller, handover)
    told = made(await firm.seller.get("/v1/events", limit=100), 200)["items"]
    ours = [event for event in told if handover["id"] in event["subject"]]
    assert [event["type"] for event in ours] == [
        "handover.created",
        "stakeholder.created",
        "stakeholder.changed",
        "stakeholder.deleted",
        "log-entry.created",
    ]
    assert ours[2]["data"]["before"] == {"role": "economic_buyer"}
    assert ours[2]["data"]["after"] == {"role": "user"}
