"""The value feed: what customers got out of it, and figures that say of how many."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.handover.api.value_feed import ValueFeed
from tests.conftest import Firm, Person
from tests.handover.makers import (
    customer,
    draft,
    in_delivery,
    logged,
    made,
    measure,
    observed,
    promises_of,
    voice,
)

OSLO = ZoneInfo("Europe/Oslo")
# Some days that are over, far enough from any clock change.
DAYS = {"from": "2026-09-07", "to": "2026-09-13"}


def at(day: int, hour: int = 12) -> str:
    return datetime(2026, 9, day, hour, tzinfo=OSLO).isoformat()


async def fed(person: Person, **query: Any) -> dict[str, Any]:
    """The feed, after the model has had a look at it."""
    body = made(await person.get("/v1/value-feed", **query), 200)
    ValueFeed.model_validate(body)
    return body


async def test_it_tells_newest_first_what_customers_got_out_of_it(firm: Firm) -> None:
    known = await customer(firm.seller, name="Kystbrød")
    handover = await in_delivery(firm, 2, customer_id=known["id"])
    kept, broken = await promises_of(firm, handover)
    for promise, state in ((kept, "kept"), (broken, "broken")):
        outcome = {"state": state, "note": "As said."}
        made(await firm.lead.post(f"/v1/promises/{promise['id']}/outcome", outcome), 200)
    queue = await measure(firm.seller, handover, people_reached=1200)
    wrong = await observed(firm.learner, queue, value=1)
    right = await observed(firm.learner, queue, value=9, corrects=wrong["id"])
    said = await voice(firm.learner, handover, csat=5, said_by="Randi", may_share=True)
    await voice(firm.learner, handover, quote="Between us: awful.", csat=1, nps=0)
    feed = await fed(firm.learner)
    assert feed["time_zone"] == "Europe/Oslo"
    assert [(item["kind"], item["id"]) for item in feed["items"]] == [
        ("voice", said["id"]),
        ("observation", right["id"]),
        ("promise_kept", kept["id"]),
    ]
    told, seen, done = feed["items"]
    for item in feed["items"]:
        assert item["customer_name"] == "Kystbrød"
        assert (item["customer_id"], item["handover_id"]) == (known["id"], handover["id"])
        assert sum(item[name] is not None for name in ("voice", "promise", "observation")) == 1
    assert (told["voice"]["quote"], told["voice"]["said_by"]) == (said["quote"], "Randi")
    assert (seen["observation"]["value"], seen["observation"]["progress"]) == (9, 0.5)
    assert (done["promise"]["statement"], done["promise"]["note"]) == (
        kept["statement"],
        "As said.",
    )
    figures = feed["figures"]["period"]
    assert figures["customers"] == {"served": 1, "of": 1}
    assert figures["people_reached"] == {"people": 1200, "measures": 1}
    assert figures["promises"] == {"kept": 1, "broken": 1, "kept_share": 0.5}
    assert figures["csat"]["n"] == 1
    assert figures["words"]["n"] == 1
    assert "awful" not in str(feed)


async def test_it_counts_how_handovers_turned_out_on_the_days_they_ended(firm: Firm) -> None:
    for ended_on, result in (
        ("2026-09-07", "succeeded"),
        ("2026-09-13", "partly"),
        ("2026-09-14", "failed"),
    ):
        handover = await in_delivery(firm, planned_start="2026-08-03")
        outcome = {"ended_on": ended_on, "result": result, "lessons": "Between us: start sooner."}
        made(await firm.lead.post(f"/v1/handovers/{handover['id']}/outcome", outcome))
    feed = await fed(firm.learner, **DAYS)
    assert feed["figures"]["period"]["outcomes"] == {"succeeded": 1, "partly": 1, "failed": 0}
    assert "sooner" not in str(feed)


async def test_ratings_say_of_how_many_and_how_they_are_spread(firm: Firm) -> None:
    handover = await draft(firm)
    for csat, nps in ((5, 10), (4, 9), (4, 8), (1, 6), (None, 0)):
        await voice(firm.seller, handover, csat=csat, nps=nps, said_at=at(8), may_share=True)
    await voice(firm.seller, handover, csat=1, nps=0, said_at=at(8))
    figures = (await fed(firm.learner, **DAYS))["figures"]["period"]
    assert figures["csat"] == {
        "mean": 3.5,
        "n": 4,
        "distribution": {"1": 1, "2": 0, "3": 0, "4": 2, "5": 1},
    }
    assert figures["nps"] == {
        "score": 0.0,
        "n": 5,
        "promoters": 2,
        "passives": 1,
        "detractors": 2,
    }
    assert (figures["words"]["n"], len(figures["words"]["latest"])) == (5, 3)
    assert (figures["from"], figures["to"]) == ("2026-09-07", "2026-09-13")


async def test_of_nothing_there_is_no_mean(firm: Firm) -> None:
    feed = await fed(firm.learner, **DAYS)
    assert (feed["items"], feed["next"]) == ([], None)
    figures = feed["figures"]["period"]
    assert figures["customers"] == {"served": 0, "of": 0}
    assert figures["people_reached"] == {"people": 0, "measures": 0}
    assert (figures["csat"]["mean"], figures["csat"]["n"]) == (None, 0)
    assert (figures["nps"]["score"], figures["nps"]["n"]) == (None, 0)
    assert figures["promises"] == {"kept": 0, "broken": 0, "kept_share": None}
    assert figures["words"] == {"n": 0, "latest": []}


async def test_a_customer_is_served_by_talking_too_and_counts_once(firm: Firm) -> None:
    handover = await draft(firm)
    same = await draft(firm, customer_id=handover["customer_id"])
    await in_delivery(firm)
    await logged(firm.seller, handover, kind="call", at=at(9))
    await logged(firm.seller, same, kind="meeting", at=at(10))
    await logged(firm.seller, await draft(firm), kind="note", at=at(10))
    assert (await fed(firm.seller, **DAYS))["figures"]["period"]["customers"] == {
        "served": 1,
        "of": 1,
    }
    this_month = (await fed(firm.seller))["figures"]["this_month"]["customers"]
    assert this_month == {"served": 0, "of": 1}


async def test_the_standard_periods_are_told_whatever_is_asked(firm: Firm) -> None:
    handover = await draft(firm)
    today = datetime.now(OSLO).date()
    yesterday = today - timedelta(days=1)
    noon = datetime(yesterday.year, yesterday.month, yesterday.day, 12, tzinfo=OSLO)
    await voice(firm.seller, handover, csat=4, said_at=noon.isoformat(), may_share=True)
    figures = (await fed(firm.learner, **DAYS))["figures"]
    assert figures["yesterday"]["csat"]["n"] == 1
    assert figures["yesterday"]["from"] == figures["yesterday"]["to"] == str(yesterday)
    assert figures["this_month"]["from"] == str(today.replace(day=1))
    assert figures["this_month"]["to"] == str(today)
    weekend = [date.fromisoformat(figures["last_weekend"][end]) for end in ("from", "to")]
    assert [day.isoweekday() for day in weekend] == [6, 7]
    assert weekend[1] < today <= weekend[1] + timedelta(days=7)
    assert figures["period"]["csat"]["n"] == 0


async def test_days_begin_where_the_reader_is(firm: Firm) -> None:
    handover = await draft(firm)
    # Half past midnight in Oslo is still the day before in London.
    late = datetime(2026, 9, 14, 0, 30, tzinfo=OSLO).isoformat()
    await voice(firm.seller, handover, csat=4, said_at=late, may_share=True)
    assert (await fed(firm.learner, **DAYS))["items"] == []
    assert len((await fed(firm.learner, **DAYS, tz="Europe/London"))["items"]) == 1
    person = f"/v1/people/{firm.learner.id}"
    made(await firm.admin.patch(person, {"time_zone": "Europe/London"}), 200)
    await firm.product.catch_up()
    feed = await fed(firm.learner, **DAYS)
    assert (feed["time_zone"], len(feed["items"])) == ("Europe/London", 1)


async def test_pages_hold_still_and_figures_stand_on_the_first(firm: Firm) -> None:
    handover = await draft(firm)
    queue = await measure(firm.seller, handover)
    expected = []
    for day in (8, 9, 10):
        # At one moment: the ids decide, and none is told twice or left out.
        said = await voice(firm.seller, handover, said_at=at(day), may_share=True)
        seen = await observed(firm.seller, queue, at=at(day))
        expected += [said["id"], seen["id"]]
    told, query = [], {**DAYS, "limit": 2}
    page = await fed(firm.learner, **query)
    assert page["figures"] is not None
    while True:
        told += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        page = await fed(firm.learner, **query, after=page["next"])
        assert page["figures"] is None
    assert told == expected[::-1]
    answer = await firm.learner.get("/v1/value-feed", **query)
    assert 'rel="next"' in answer.headers["Link"]


async def test_what_is_taken_back_is_gone_and_what_is_deleted_too(firm: Firm) -> None:
    handover = await draft(firm)
    said = await voice(firm.seller, handover, said_at=at(8), may_share=True)
    path = f"/v1/handovers/{handover['id']}/customer-voices/{said['id']}"
    assert len((await fed(firm.learner, **DAYS))["items"]) == 1
    made(await firm.trainer.patch(path, {"may_share": False}), 200)
    feed = await fed(firm.learner, **DAYS)
    assert (feed["items"], feed["figures"]["period"]["words"]["n"]) == ([], 0)


async def test_another_organization_sees_nothing_of_it(firm: Firm, stranger: Person) -> None:
    await voice(firm.seller, await draft(firm), csat=5, may_share=True)
    feed = await fed(stranger)
    assert feed["items"] == []
    assert feed["figures"]["period"]["csat"]["n"] == 0


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "2026-09-13", "to": "2026-09-07"}, "/to"),
        ({"from": "2000-01-01", "to": "2026-09-07"}, "/from"),
        ({"from": "2026-02-30"}, "/from"),
        ({"from": "yesterday"}, "/from"),
        ({"to": "2026-09-07T10:00:00Z"}, "/to"),
        ({"tz": "Europe/Oslo2"}, "/tz"),
        ({"tz": "../../etc/passwd"}, "/tz"),
        ({"tz": "Europe"}, "/tz"),
        ({"tz": "a\x00b"}, "/tz"),
        ({"tz": ""}, "/tz"),
        ({"after": "nonsense"}, "/after"),
        ({"after": "!"}, "/after"),
        ({"limit": "0"}, "/limit"),
        ({"limit": "201"}, "/limit"),
        ({"sort": "at"}, "/sort"),
        ({"starts_on": "2026-09-07"}, "/starts_on"),
    ],
)
async def test_a_period_that_is_none_is_refused(
    firm: Firm, query: dict[str, str], pointer: str
) -> None:
    answer = await firm.learner.get("/v1/value-feed", **query)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_period_may_begin_after_today_and_is_empty_then(firm: Firm) -> None:
    ahead = datetime.now(UTC).date() + timedelta(days=3)
    figures = (await fed(firm.learner, **{"from": str(ahead)}))["figures"]["period"]
    assert (figures["from"], figures["to"]) == (str(ahead), str(ahead))
