"""Calibration agrees with NumPy, shows the spread, and tells of one estimator only them and their manager."""

import json
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.handover.makers import estimate, in_delivery, made

BASES = ["expert", "analogy", "reference_class", "guess"]
KINDS = ["integration", "migration", "training"]
MAPPING = {
    "external_id": "no",
    "kind": "kind",
    "basis": "basis",
    "optimistic_hours": "o",
    "likely_hours": "m",
    "pessimistic_hours": "p",
    "actual_hours": "a",
    "estimated_by": "who",
}


async def imported(firm: Firm, rows: list[dict[str, Any]]) -> None:
    lines = ["no,kind,basis,o,m,p,a,who"]
    lines += [
        f"{number},{row['kind']},{row['basis']},{row['o']},{row['m']},{row['p']},{row['a']},{row['who']}"
        for number, row in enumerate(rows)
    ]
    files = {"file": ("past.csv", "\n".join(lines).encode(), "text/csv")}
    answer = await firm.manager.upload(
        "/v1/imports/estimates", files, {"mapping": json.dumps(MAPPING)}
    )
    assert made(answer, 200)["created"] == len(rows)


async def calibration(person: Person, **query: Any) -> dict[str, Any]:
    return made(await person.get("/v1/calibration", **query), 200)


def thousand(who: list[str]) -> list[dict[str, Any]]:
    """Estimates as people make them: too low in the middle, far too low now and then."""
    chance = np.random.default_rng(20261122)
    rows = []
    for number in range(1000):
        likely = float(np.round(chance.lognormal(3, 1), 2)) + 0.5
        rows.append(
            {
                "kind": KINDS[number % 3],
                "basis": BASES[number % 4],
                "who": who[number % len(who)],
                "o": round(likely * float(chance.uniform(0.4, 1)), 3),
                "m": round(likely, 2),
                "p": round(likely * float(chance.uniform(1.1, 3)), 3),
                "a": round(likely * float(chance.lognormal(0.2, 0.5)), 2) + 0.01,
            }
        )
    return rows


def by_numpy(rows: list[dict[str, Any]]) -> dict[str, Any]:
    o, m, p, a = (np.array([row[name] for row in rows]) for name in "ompa")
    expected = (o + 4 * m + p) / 6
    relative_error = np.abs(a - expected) / a
    p10, median, p90 = np.percentile(a / m, [10, 50, 90])
    return {
        "p10": p10,
        "median": median,
        "p90": p90,
        "interval_hit_rate": np.mean((o <= a) & (a <= p)),
        "pred_25": np.mean(relative_error <= 0.25),
        "mdmre": np.median(relative_error),
        "total_ratio": a.sum() / expected.sum(),
    }


def told(figures: dict[str, Any]) -> dict[str, Any]:
    names = ("interval_hit_rate", "pred_25", "mdmre", "total_ratio")
    return {**figures["ratio"], **{name: figures[name] for name in names}}


def assert_agrees(figures: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    assert figures["count"] == len(rows)
    assert told(figures) == pytest.approx(by_numpy(rows), rel=0, abs=1e-9)


async def test_a_thousand_past_estimates_agree_with_numpy_in_every_figure(firm: Firm):
    rows = thousand([firm.lead.email, ""])
    await imported(firm, rows)
    found = await calibration(firm.lead)
    assert_agrees(found["overall"], rows)
    assert found["overall"]["sufficient"] is True
    assert [group["basis"] for group in found["by_basis"]] == sorted(BASES)
    for group in found["by_basis"]:
        assert_agrees(group, [row for row in rows if row["basis"] == group["basis"]])
    assert {group["kind"] for group in found["by_kind"]} == set(KINDS)
    for group in found["by_kind"]:
        assert_agrees(group, [row for row in rows if row["kind"] == group["kind"]])
    [mine] = found["by_estimator"]
    assert mine["estimated_by"] == str(firm.lead.id)
    assert_agrees(mine, [row for row in rows if row["who"]])

    some = await calibration(firm.learner, basis="guess", kind="training")
    chosen = [row for row in rows if (row["basis"], row["kind"]) == ("guess", "training")]
    assert_agrees(some["overall"], chosen)
    assert [group["kind"] for group in some["by_kind"]] == ["training"]
    assert some["by_estimator"] == []
    my_own = await calibration(firm.lead, estimated_by=str(firm.lead.id), basis="expert")
    assert_agrees(
        my_own["overall"], [row for row in rows if row["who"] and row["basis"] == "expert"]
    )


async def test_nothing_is_made_up_where_nothing_was_completed(firm: Firm):
    await in_delivery(firm)
    found = await calibration(firm.learner)
    assert found["overall"] == {
        "count": 0,
        "sufficient": False,
        "ratio": None,
        "interval_hit_rate": None,
        "pred_25": None,
        "mdmre": None,
        "total_ratio": None,
    }
    assert (found["by_basis"], found["by_kind"], found["by_estimator"]) == ([], [], [])


def row(o: float, m: float, p: float, a: float, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "training",
        "basis": "expert",
        "who": "",
        "o": o,
        "m": m,
        "p": p,
        "a": a,
    } | fields


async def test_a_median_of_one_does_not_hide_that_estimates_are_off_by_two_either_way(firm: Firm):
    await imported(firm, [row(9, 10, 11, actual) for actual in (5, 5, 10, 20, 20)])
    figures = (await calibration(firm.learner))["overall"]
    assert figures["ratio"] == {"p10": 0.5, "median": 1, "p90": 2}
    assert figures["interval_hit_rate"] == 0.2
    assert figures["sufficient"] is False


async def test_off_by_exactly_a_quarter_is_within_pred_25(firm: Firm):
    await imported(firm, [row(7.11, 7.11, 7.11, 9.48), row(7.10, 7.10, 7.10, 9.48)])
    assert (await calibration(firm.learner))["overall"]["pred_25"] == 0.5


async def test_twenty_estimates_are_enough_to_say_something(firm: Firm):
    await imported(firm, [row(9, 10, 11, 10)] * 19)
    assert (await calibration(firm.learner))["overall"]["sufficient"] is False
    await imported_more(firm)
    assert (await calibration(firm.learner))["overall"]["sufficient"] is True


async def imported_more(firm: Firm) -> None:
    files = {
        "file": (
            "past.csv",
            b"no,kind,basis,o,m,p,a,who\nmore,training,expert,9,10,11,10,\n",
            "text/csv",
        )
    }
    data = {"mapping": json.dumps(MAPPING)}
    made(await firm.admin.upload("/v1/imports/estimates", files, data), 200)


async def test_live_estimates_count_with_past_ones_and_superseded_or_undone_ones_do_not(firm: Firm):
    await imported(firm, [row(4, 6, 12, 6, kind="integration", basis="analogy")])
    handover = await in_delivery(firm)
    listing = f"/v1/handovers/{handover['id']}/estimates"
    [old] = made(await firm.lead.get(listing), 200)["items"]
    one = await estimate(firm, handover, by=firm.lead, supersedes=old["id"])
    assert one["calibration"]["count"] == 1
    made(await firm.lead.post(f"{listing}/{one['id']}/actual", {"hours": 12}), 200)
    found = (await calibration(firm.lead, kind="integration"))["overall"]
    assert (found["count"], found["ratio"]["median"]) == (2, 1.5)
    made(await firm.lead.post(f"{listing}/{one['id']}/actual", {"hours": 0}), 200)
    assert (await calibration(firm.lead))["overall"]["count"] == 1


async def test_of_one_estimator_only_they_and_their_manager_are_told(firm: Firm, stranger: Person):
    boss = await firm.hire("Berit Sjef", Role.delivery)
    estimator = await firm.hire("Even Estimat", manager_id=boss.id)
    await imported(firm, [row(9, 10, 11, 10, who=estimator.email)])
    asked = {"estimated_by": str(estimator.id)}
    for person in (estimator, boss):
        found = await calibration(person, **asked)
        assert found["overall"]["count"] == 1
        [theirs] = found["by_estimator"]
        assert theirs["estimated_by"] == str(estimator.id)
        assert (await calibration(person))["by_estimator"] == [theirs]
    for person in (firm.manager, firm.admin, firm.lead, stranger):
        refused = await person.get("/v1/calibration", **asked)
        assert refused.status_code == 403
        assert (await calibration(person))["by_estimator"] == []
    assert (await calibration(firm.manager))["overall"]["count"] == 1
    nobody = await firm.manager.get("/v1/calibration", estimated_by=str(uuid4()))
    assert nobody.status_code == 403


async def test_a_stranger_finds_nothing_of_it(firm: Firm, stranger: Person):
    await imported(firm, [row(9, 10, 11, 10)])
    assert (await calibration(stranger))["overall"]["count"] == 0


@pytest.mark.parametrize(
    "query",
    [{"basis": "gut"}, {"kind": "Data Migration"}, {"mood": "good"}, {"estimated_by": "me"}],
)
async def test_a_question_that_is_none_is_refused(firm: Firm, query: dict[str, str]):
    assert (await firm.learner.get("/v1/calibration", **query)).status_code == 422
