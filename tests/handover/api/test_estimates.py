"""Estimates: in three points, summed up, frozen with the handover, superseded, and compared with what it took."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import exc, text

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.handover.makers import (
    accepted,
    draft,
    estimate,
    in_delivery,
    in_review,
    made,
    move,
    promises_of,
    read_back,
    staffed,
)


def path_of(handover: dict[str, Any], one: dict[str, Any] | None = None) -> str:
    listing = f"/v1/handovers/{handover['id']}/estimates"
    return listing if one is None else f"{listing}/{one['id']}"


async def estimates_of(firm: Firm, handover: dict[str, Any], **query: Any) -> dict[str, Any]:
    return made(await firm.learner.get(path_of(handover), **query), 200)


async def only_estimate(firm: Firm, handover: dict[str, Any]) -> dict[str, Any]:
    [one] = (await estimates_of(firm, handover))["items"]
    found: dict[str, Any] = one
    return found


def body(firm: Firm, **fields: Any) -> dict[str, Any]:
    return {
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


async def say_actual(
    person: Person, handover: dict[str, Any], one: dict[str, Any], hours: float
) -> Any:
    return await person.post(f"{path_of(handover, one)}/actual", {"hours": hours})


async def test_two_estimates_amount_to_their_sum_and_say_what_sigma_assumes(firm: Firm):
    handover = await draft(firm)
    first = await estimate(firm, handover)
    second = await estimate(
        firm, handover, optimistic_hours=8, likely_hours=10, pessimistic_hours=18
    )
    assert (first["expected_hours"], first["sigma_hours"]) == (6.667, 1.333)
    assert (second["expected_hours"], second["sigma_hours"]) == (11, 1.667)
    answer = await estimates_of(firm, handover)
    assert [one["id"] for one in answer["items"]] == [second["id"], first["id"]]
    assert answer["totals"] == {
        "count": 2,
        "expected_hours": 17.667,
        "sigma_hours": 2.134,
        "assumes": "independence",
    }


async def test_totals_are_of_all_live_estimates_whatever_the_page_shows(firm: Firm):
    handover = await draft(firm)
    nothing = (await estimates_of(firm, handover))["totals"]
    assert (nothing["count"], nothing["expected_hours"], nothing["sigma_hours"]) == (0, 0, 0)
    old = await estimate(firm, handover, kind="training", basis="guess")
    new = await estimate(firm, handover, supersedes=old["id"], kind="training")
    await estimate(firm, handover)
    page = await estimates_of(firm, handover, limit=1)
    assert len(page["items"]) == 1
    assert page["totals"]["count"] == 2
    following = await estimates_of(firm, handover, limit=1, after=page["next"])
    assert following["items"] == [{k: v for k, v in new.items() if k != "calibration"}]
    for query, ids in (
        ({"live": "false"}, [old["id"]]),
        ({"live": "true", "kind": "training"}, [new["id"]]),
        ({"basis": "guess"}, [old["id"]]),
    ):
        found = (await estimates_of(firm, handover, **query))["items"]
        assert [one["id"] for one in found] == ids
    assert (await firm.seller.get(path_of(handover), mood="good")).status_code == 422


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"optimistic_hours": 8, "pessimistic_hours": 20}, ["/likely_hours"]),
        ({"pessimistic_hours": 5}, ["/pessimistic_hours"]),
        ({"optimistic_hours": 0}, ["/optimistic_hours"]),
        ({"likely_hours": -6}, ["/likely_hours"]),
        ({"pessimistic_hours": 100_000}, ["/pessimistic_hours"]),
        ({"likely_hours": 6.00001}, ["/likely_hours"]),
        ({"likely_hours": "6"}, ["/likely_hours"]),
        ({"likely_hours": True}, ["/likely_hours"]),
        ({"likely_hours": [6]}, ["/likely_hours"]),
        ({"likely_hours": None}, ["/likely_hours"]),
        ({"basis": "gut"}, ["/basis"]),
        ({"basis_text": "TBD"}, ["/basis_text"]),
        ({"basis_text": "kommer senere"}, ["/basis_text"]),
        ({"item": "n/a"}, ["/item"]),
        ({"kind": "Data migration"}, ["/kind"]),
        ({"kind": ""}, ["/kind"]),
        ({"estimated_by": str(uuid4())}, ["/estimated_by"]),
        ({"assumptions": [""]}, ["/assumptions/0"]),
        ({"actual_hours": 7}, ["/actual_hours"]),
        ({"item": "a\x00b"}, ["/item"]),
    ],
)
async def test_an_estimate_that_says_nothing_sound_is_refused(
    firm: Firm, fields: dict[str, Any], pointers: list[str]
):
    handover = await draft(firm)
    refused = await firm.seller.post(path_of(handover), body(firm, **fields))
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == pointers
    assert (await estimates_of(firm, handover))["items"] == []


async def test_hours_out_of_order_name_the_order(firm: Firm):
    handover = await draft(firm)
    fields = {"optimistic_hours": 8, "likely_hours": 6, "pessimistic_hours": 20}
    refused = await firm.seller.post(path_of(handover), body(firm, **fields))
    assert refused.status_code == 422
    assert "optimistic ≤ likely ≤ pessimistic" in refused.json()["detail"]


async def test_an_infinite_estimate_is_refused(firm: Firm):
    handover = await draft(firm)
    headers = {"Content-Type": "application/json"}
    for number in ("NaN", "Infinity", "1e400"):
        content = (
            '{"item": "Tills", "kind": "integration", "optimistic_hours": 1, "likely_hours": 1, '
            f'"pessimistic_hours": {number}, "basis": "guess", "basis_text": "None that I know.", '
            f'"estimated_by": "{firm.lead.id}"}}'
        )
        refused = await firm.seller.request(
            "POST", path_of(handover), content=content, headers=headers
        )
        assert refused.status_code in (400, 422), number


async def test_until_submission_an_estimate_is_changed_and_taken_out(firm: Firm):
    handover = await draft(firm)
    created = await firm.seller.post(path_of(handover), body(firm, assumptions=["It rains."]))
    one = made(created)
    path = path_of(handover, one)
    assert created.headers["Location"] == path
    shown = {name: value for name, value in one.items() if name != "calibration"}
    assert made(await firm.learner.get(path), 200) == shown

    change = {"pessimistic_hours": 18.5, "exclusions": ["Cash drawers."]}
    changed = await firm.manager.patch(path, change, etag=created.headers["ETag"])
    assert made(changed, 200).items() >= change.items()
    assert changed.headers["ETag"] == '"2"'
    assert changed.json()["expected_hours"] == 7.75
    assert (await firm.seller.patch(path, change, etag='"1"')).status_code == 412
    assert (await firm.seller.patch(path, change, etag="")).status_code == 428
    assert (await firm.seller.delete(path, etag='"1"')).status_code == 412
    for wrong in ({"likely_hours": 19}, {"basis_text": "TBD"}, {"supersedes": one["id"]}):
        assert (await firm.seller.patch(path, wrong)).status_code == 422
    same = made(await firm.seller.patch(path, {"pessimistic_hours": 18.5}), 200)
    assert same["version"] == 2

    assert (await firm.seller.delete(path)).status_code == 204
    assert (await firm.seller.get(path)).status_code == 404


async def test_only_the_seller_and_managers_write_it(firm: Firm, stranger: Person):
    handover = await draft(firm, delivery_lead_id=str(firm.lead.id))
    one = await estimate(firm, handover)
    path = path_of(handover, one)
    for person in (firm.lead, firm.learner, firm.trainer, firm.admin):
        assert (await person.post(path_of(handover), body(firm))).status_code == 403
        assert (await person.patch(path, {"item": "Mine"})).status_code == 403
        assert (await person.delete(path)).status_code == 403
    for answer in (
        await stranger.get(path_of(handover)),
        await stranger.get(path),
        await stranger.post(path_of(handover), body(firm)),
        await stranger.patch(path, {"item": "Mine"}, etag="*"),
        await stranger.delete(path, etag="*"),
        await say_actual(stranger, handover, one, 7),
    ):
        assert answer.status_code == 404


async def test_an_estimate_of_another_handover_is_not_there(firm: Firm):
    handover, other = await in_delivery(firm), await draft(firm)
    elsewhere = await estimate(firm, other)
    path = path_of(handover, elsewhere)
    for answer in (
        await firm.seller.get(path),
        await firm.seller.patch(path, {"item": "Other"}, etag="*"),
        await firm.seller.delete(path, etag="*"),
        await say_actual(firm.lead, handover, elsewhere, 7),
    ):
        assert answer.status_code == 404
    refused = await firm.seller.post(path_of(handover), body(firm, supersedes=elsewhere["id"]))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/supersedes"


async def test_from_submission_on_it_is_frozen_and_superseded(firm: Firm):
    handover = await in_review(firm)
    old = await only_estimate(firm, handover)
    path = path_of(handover, old)
    for refused in (
        await firm.seller.patch(path, {"likely_hours": 7}),
        await firm.seller.delete(path),
        await firm.seller.post(path_of(handover), body(firm)),
    ):
        assert refused.status_code == 409
        assert refused.json()["type"] == "/problems/frozen"
    assert (
        await firm.lead.post(path_of(handover), body(firm, supersedes=old["id"]))
    ).status_code == 403
    new = await estimate(firm, handover, supersedes=old["id"], likely_hours=7)
    assert new["supersedes"] == old["id"]
    assert made(await firm.seller.get(path), 200)["superseded_by"] == new["id"]
    totals = (await estimates_of(firm, handover))["totals"]
    assert (totals["count"], totals["expected_hours"]) == (1, 7.333)
    again = await firm.seller.post(path_of(handover), body(firm, supersedes=old["id"]))
    assert again.status_code == 409


async def test_what_was_superseded_or_supersedes_is_not_changed_or_taken_out_of_a_draft(firm: Firm):
    handover = await draft(firm)
    old = await estimate(firm, handover)
    new = await estimate(firm, handover, supersedes=old["id"])
    assert (await firm.seller.patch(path_of(handover, old), {"item": "Other"})).status_code == 409
    assert (await firm.seller.delete(path_of(handover, old))).status_code == 409
    assert (await firm.seller.delete(path_of(handover, new))).status_code == 409


async def test_of_two_who_supersede_the_same_estimate_at_once_one_wins(firm: Firm):
    handover = await in_review(firm)
    old = await only_estimate(firm, handover)
    answers = await asyncio.gather(
        *(
            person.post(path_of(handover), body(firm, supersedes=old["id"], likely_hours=hours))
            for person, hours in ((firm.seller, 7), (firm.manager, 8))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert (await estimates_of(firm, handover))["totals"]["count"] == 1


async def test_after_acceptance_the_lead_estimates_anew_until_it_is_over(firm: Firm):
    handover = await accepted(firm)
    old = await only_estimate(firm, handover)
    new = await estimate(firm, handover, by=firm.lead, supersedes=old["id"])
    refused = await firm.learner.post(path_of(handover), body(firm, supersedes=new["id"]))
    assert refused.status_code == 403
    made(
        await firm.seller.post(
            f"/v1/handovers/{handover['id']}/cancellation", {"reason": "The budget fell."}
        ),
        200,
    )
    over = await firm.lead.post(path_of(handover), body(firm, supersedes=new["id"]))
    assert over.status_code == 409
    assert over.json()["type"] == "/problems/frozen"


async def test_the_lead_says_what_it_took_from_delivery_on_and_corrects_it(firm: Firm):
    handover = await accepted(firm)
    one = await only_estimate(firm, handover)
    assert (await say_actual(firm.lead, handover, one, 7)).status_code == 409
    await staffed(firm, handover)
    handover = await move(firm.lead, handover, "start")
    for person in (firm.seller, firm.manager, firm.learner):
        assert (await say_actual(person, handover, one, 7)).status_code == 403
    for hours in (-1, 100_000, "7", None):
        assert (await say_actual(firm.lead, handover, one, hours)).status_code == 422
    answer = await say_actual(firm.lead, handover, one, 7.5)
    assert made(answer, 200)["actual_hours"] == 7.5
    assert answer.headers["ETag"] == '"2"'
    assert made(await say_actual(firm.lead, handover, one, 7.5), 200)["version"] == 2
    replaced = await firm.lead.post(path_of(handover), body(firm, supersedes=one["id"]))
    assert replaced.status_code == 409

    [promise] = await promises_of(firm, handover)
    made(await firm.lead.post(f"/v1/promises/{promise['id']}/outcome", {"state": "kept"}), 200)
    await move(firm.lead, handover, "completion")
    assert made(await say_actual(firm.lead, handover, one, 0), 200)["actual_hours"] == 0


async def test_a_superseded_estimate_takes_no_hours(firm: Firm):
    handover = await in_delivery(firm)
    old = await only_estimate(firm, handover)
    await estimate(firm, handover, by=firm.lead, supersedes=old["id"])
    assert (await say_actual(firm.lead, handover, old, 7)).status_code == 409


async def test_everything_that_happens_to_it_is_an_event(firm: Firm):
    handover = await draft(firm, delivery_lead_id=str(firm.lead.id))
    gone = await estimate(firm, handover)
    await firm.seller.delete(path_of(handover, gone))
    handover = await in_review(firm)
    old = await only_estimate(firm, handover)
    new = await estimate(firm, handover, supersedes=old["id"])
    [promise] = await promises_of(firm, handover)
    made(await read_back(firm.lead, promise))
    await move(firm.lead, handover, "acceptance")
    await staffed(firm, handover)
    await move(firm.lead, handover, "start")
    made(await say_actual(firm.lead, handover, new, 7.5), 200)
    made(await say_actual(firm.lead, handover, new, 8), 200)
    told = made(await firm.learner.get("/v1/events", limit=200), 200)["items"]
    about = [event for event in told if event["type"].startswith("estimate.")]
    assert [event["type"].partition(".")[2] for event in about] == [
        "created",
        "deleted",
        "created",
        "superseded",
        "created",
        "measured",
        "measured",
    ]
    assert about[1]["data"]["before"]["likely_hours"] == 6
    assert about[4]["data"]["after"]["supersedes"] == old["id"]
    corrected = about[-1]
    assert corrected["subject"] == f"handovers/{handover['id']}/estimates/{new['id']}"
    assert corrected["data"]["before"] == {"actual_hours": 7.5}
    assert corrected["data"]["after"] == {"actual_hours": 8}
    assert corrected["actorid"] == str(firm.lead.id)


async def test_the_database_keeps_the_order_too(firm: Firm):
    handover = await draft(firm)
    one = await estimate(firm, handover)
    for change in (
        "likely_hours = 3",
        "pessimistic_hours = 5",
        "pessimistic_hours = 'Infinity'",
        "optimistic_hours = 0",
        "actual_hours = -1",
        "actual_hours = 1, superseded_at = now()",
        "supersedes = id",
    ):
        with pytest.raises(exc.IntegrityError):
            async with firm.product.database("handover").transaction(
                firm.organization_id
            ) as session:
                await session.execute(
                    text(f"UPDATE estimate SET {change} WHERE id = :id"), {"id": one["id"]}
                )


async def test_an_estimate_shows_how_others_on_its_basis_and_of_its_kind_turned_out(firm: Firm):
    handover = await in_delivery(firm)
    one = await only_estimate(firm, handover)
    assert one["actual_hours"] is None
    made(await say_actual(firm.lead, handover, one, 9), 200)
    other = await draft(firm)
    alike = (await estimate(firm, other))["calibration"]
    assert alike["count"] == 1
    assert alike["ratio"] == {"p10": 1.5, "median": 1.5, "p90": 1.5}
    assert alike["sufficient"] is False
    for fields in ({"kind": "training"}, {"basis": "guess"}):
        unlike = (await estimate(firm, other, **fields))["calibration"]
        assert (unlike["count"], unlike["ratio"], unlike["total_ratio"]) == (0, None, None)


async def test_one_hired_as_seller_elsewhere_may_not_write_into_it(firm: Firm):
    other_seller = await firm.hire("Siv Selger", Role.seller)
    handover = await draft(firm)
    assert (await other_seller.post(path_of(handover), body(firm))).status_code == 403
