"""Value measures: where a number starts, where it is to get, and how far it is."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import exc, text

from tests.conftest import Firm, Person
from tests.handover.makers import draft, in_review, made, measure, move, observed


def path_of(handover: dict[str, Any], measure: dict[str, Any] | None = None) -> str:
    one = "" if measure is None else f"/{measure['id']}"
    return f"/v1/handovers/{handover['id']}/value-measures{one}"


async def test_a_measure_shows_what_was_observed_last_and_how_far_it_is(firm: Firm) -> None:
    handover = await draft(firm)
    queue = await measure(firm.seller, handover, people_reached=1200)
    assert (queue["observations"], queue["latest"], queue["progress"]) == (0, None, None)
    await observed(firm.learner, queue, value=9, at="2026-11-20T12:00:00+01:00")
    last = await observed(firm.learner, queue, value=10.5, at="2026-11-21T12:00:00+01:00")
    await observed(firm.learner, queue, value=13, at="2026-11-19T12:00:00+01:00")
    shown = made(await firm.lead.get(path_of(handover, queue)), 200)
    assert shown["observations"] == 3
    assert (shown["latest"]["id"], shown["latest"]["value"]) == (last["id"], 10.5)
    assert shown["progress"] == 0.35
    assert made(await firm.lead.get(path_of(handover), sort="name"), 200)["items"] == [shown]


@pytest.mark.parametrize(
    ("baseline", "target", "value", "progress"),
    [
        (10, 20, 25, 1.5),
        (14, 4, 16, -0.2),
        (None, 4, 4, None),
        (14, None, 4, None),
        (0, 3, 1, 0.3333),
    ],
)
async def test_progress_counts_from_the_baseline_to_the_target_whichever_way(
    firm: Firm, baseline: float | None, target: float | None, value: float, progress: float | None
) -> None:
    handover = await draft(firm)
    one = await measure(firm.seller, handover, baseline=baseline, target=target)
    await observed(firm.seller, one, value=value)
    assert made(await firm.seller.get(path_of(handover, one)), 200)["progress"] == progress


async def test_a_correction_takes_the_place_of_what_it_corrects(firm: Firm) -> None:
    handover = await draft(firm)
    queue = await measure(firm.seller, handover)
    wrong = await observed(firm.learner, queue, value=1)
    assert datetime.now(UTC) - datetime.fromisoformat(wrong["at"]) < timedelta(minutes=1)
    path = path_of(handover, queue) + "/observations"
    assert (await firm.lead.post(path, {"value": 5, "corrects": wrong["id"]})).status_code == 403
    right = await observed(firm.learner, queue, value=11, corrects=wrong["id"], note="By hand.")
    shown = made(await firm.lead.get(path_of(handover, queue)), 200)
    assert (shown["observations"], shown["latest"]["id"]) == (1, right["id"])
    known = made(await firm.lead.get(path, sort="id"), 200)["items"]
    assert [(one["id"], one["corrected_by"]) for one in known] == [
        (wrong["id"], right["id"]),
        (right["id"], None),
    ]
    assert made(await firm.lead.get(f"{path}/{wrong['id']}"), 200)["value"] == 1
    again = await firm.learner.post(path, {"value": 12, "corrects": wrong["id"]})
    assert again.status_code == 409
    for corrector, value in ((firm.seller, 12), (firm.manager, 13)):
        right = await observed(corrector, queue, value=value, corrects=right["id"])
    assert (await firm.learner.patch(f"{path}/{right['id']}", {}, "*")).status_code == 405


async def test_of_two_corrections_at_once_one_counts(firm: Firm) -> None:
    handover = await draft(firm)
    queue = await measure(firm.seller, handover)
    wrong = await observed(firm.learner, queue, value=1)
    path = path_of(handover, queue) + "/observations"
    answers = await asyncio.gather(
        *(firm.learner.post(path, {"value": n, "corrects": wrong["id"]}) for n in (2, 3, 4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


async def test_sellers_leads_and_managers_keep_measures_and_anybody_observes(
    firm: Firm, stranger: Person
) -> None:
    handover = await in_review(firm)
    for keeper in (firm.seller, firm.lead, firm.manager):
        one = await measure(keeper, handover)
        assert made(await keeper.patch(path_of(handover, one), {"target": 5}), 200)["target"] == 5
        assert (await keeper.delete(path_of(handover, one))).status_code == 204
    one = await measure(firm.seller, handover)
    path, given = path_of(handover, one), {"name": "Sales", "unit": "NOK"}
    for other in (firm.learner, firm.trainer):
        assert (await other.post(path_of(handover), given)).status_code == 403
        assert (await other.patch(path, {"target": 5})).status_code == 403
        assert (await other.delete(path)).status_code == 403
        await observed(other, one)
    assert (await firm.seller.patch(path, {"unit": "hours"})).status_code == 409
    assert (await firm.seller.delete(path)).status_code == 409
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.post(path + "/observations", {"value": 1})).status_code == 404
    assert (await stranger.get(path + "/observations")).status_code == 404


async def test_a_stale_change_is_refused(firm: Firm) -> None:
    handover = await draft(firm)
    path = path_of(handover, await measure(firm.seller, handover))
    assert (await firm.seller.patch(path, {"target": 5}, etag="")).status_code == 428
    read = (await firm.seller.get(path)).headers["ETag"]
    made(await firm.seller.patch(path, {"target": None, "baseline": None}, etag=read), 200)
    assert (await firm.seller.patch(path, {"target": 6}, etag=read)).status_code == 412
    assert (await firm.seller.delete(path, etag=read)).status_code == 412


async def test_nothing_comes_of_what_was_called_off(firm: Firm) -> None:
    handover = await draft(firm)
    one = await measure(firm.seller, handover)
    await move(firm.seller, handover, "cancellation", {"reason": "No money."})
    path = path_of(handover, one)
    assert (
        await firm.seller.post(path_of(handover), {"name": "A", "unit": "b"})
    ).status_code == 409
    assert (await firm.seller.patch(path, {"target": 5})).status_code == 409
    assert (await firm.seller.post(path + "/observations", {"value": 1})).status_code == 409


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": None}, "/name"),
        ({"unit": " "}, "/unit"),
        ({"unit": "a\x00b"}, "/unit"),
        ({"baseline": 4}, "/target"),
        ({"baseline": "14"}, "/baseline"),
        ({"target": True}, "/target"),
        ({"target": 1e12}, "/target"),
        ({"target": 0.0000001}, "/target"),
        ({"people_reached": -1}, "/people_reached"),
        ({"people_reached": 1.5}, "/people_reached"),
        ({"progress": 1}, "/progress"),
    ],
)
async def test_what_is_no_measure_is_refused_where_it_is_wrong(
    firm: Firm, wrong: dict[str, Any], pointer: str
) -> None:
    given = {"name": "Queue", "unit": "minutes", "baseline": 14, "target": 4, **wrong}
    answer = await firm.seller.post(path_of(await draft(firm)), given)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_what_is_no_observation_is_refused_where_it_is_wrong(firm: Firm) -> None:
    handover = await draft(firm)
    one, other = await measure(firm.seller, handover), await measure(firm.seller, handover)
    elsewhere = await observed(firm.learner, other)
    path = path_of(handover, one) + "/observations"
    for wrong, pointer in (
        ({"value": None}, "/value"),
        ({"value": "ten"}, "/value"),
        ({"value": 1, "at": "2199-01-01T00:00:00Z"}, "/at"),
        ({"value": 1, "at": "2026-11-01T00:00:00"}, "/at"),
        ({"value": 1, "corrects": elsewhere["id"]}, "/corrects"),
        ({"value": 1, "corrects": one["id"]}, "/corrects"),
    ):
        answer = await firm.seller.post(path, wrong)
        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_measure_or_observation_in_another_place_is_not_there(firm: Firm) -> None:
    handover, another = await draft(firm), await draft(firm)
    one, other = await measure(firm.seller, handover), await measure(firm.seller, handover)
    seen = await observed(firm.seller, one)
    wrong = path_of(another, one)
    assert (await firm.seller.get(wrong)).status_code == 404
    assert (await firm.manager.patch(wrong, {"target": 1}, "*")).status_code == 404
    assert (await firm.manager.delete(wrong, "*")).status_code == 404
    assert (await firm.seller.post(wrong + "/observations", {"value": 1})).status_code == 404
    assert (await firm.seller.get(wrong + "/observations")).status_code == 404
    elsewhere = f"{path_of(handover, other)}/observations/{seen['id']}"
    assert (await firm.seller.get(elsewhere)).status_code == 404


@pytest.mark.parametrize(
    "statement", ["UPDATE value_observation SET value = 0", "DELETE FROM value_observation"]
)
async def test_not_even_the_service_changes_what_was_observed(firm: Firm, statement: str) -> None:
    await observed(firm.seller, await measure(firm.seller, await draft(firm)))
    with pytest.raises(exc.ProgrammingError, match="permission denied"):
        async with firm.product.database("handover").transaction(firm.organization_id) as session:
            await session.execute(text(statement))


async def test_what_becomes_of_a_measure_is_told(firm: Firm) -> None:
    handover = await draft(firm)
    one = await measure(firm.seller, handover)
    path = path_of(handover, one)
    made(await firm.seller.patch(path, {"target": 3.5}), 200)
    made(await firm.seller.patch(path, {"target": 3.5}), 200)
    await observed(firm.learner, one, value=7.25)
    gone = await measure(firm.seller, handover)
    assert (await firm.seller.delete(path_of(handover, gone))).status_code == 204
    page = made(await firm.admin.get("/v1/events", limit=1000), 200)
    told = [event for event in page["items"] if event["type"].startswith("value")]
    assert [event["type"] for event in told] == [
        "value-measure.created",
        "value-measure.changed",
        "value.observed",
        "value-measure.created",
        "value-measure.deleted",
    ]
    assert (told[1]["data"]["before"], told[1]["data"]["after"]) == (
        {"target": 4.0},
        {"target": 3.5},
    )
    assert told[2]["data"]["after"]["value"] == 7.25
    assert told[2]["actorid"] == str(firm.learner.id)
