"""Past estimates come in by file: a result for every row, and the same file twice changes nothing."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import exc, text

from services.chassis.caller import Role
from tests.conftest import Firm, Person
from tests.handover.makers import made

MAPPING = {
    "external_id": "Nr",
    "item": "Oppgave",
    "kind": "Type",
    "basis": "Grunnlag",
    "optimistic_hours": "Lav",
    "likely_hours": "Trolig",
    "pessimistic_hours": "Høy",
    "actual_hours": "Brukt",
    "estimated_by": "Hvem",
    "completed_on": "Ferdig",
}
HEADER = "Nr;Oppgave;Type;Grunnlag;Lav;Trolig;Høy;Brukt;Hvem;Ferdig\n"


def a_file(firm: Firm) -> str:
    return HEADER + (
        f"1;Kobling til lageret;Integration;Expert;4;6,5;12;9,25;{firm.lead.email.upper()};2026-05-03\n"
        "2;Kurs;Opplæring;Guess;8;6;20;9;;\n"
        "3;Flytting av varer;Data migration;analogy;10;20;40;fem;;\n"
        "4;Flytting av kunder;Data migration;analogy;10;20;40;20;gone@firm.example;\n"
        "1;Kobling en gang til;Integration;Expert;4;6;12;9;;\n"
    )


async def send(
    person: Person,
    file: str,
    mapping: dict[str, str] | str = MAPPING,
    *,
    dry_run: bool = False,
    **form: Any,
) -> httpx.Response:
    files = {"file": ("past.csv", file.encode(), "text/csv")}
    said = mapping if isinstance(mapping, str) else json.dumps(mapping)
    data = {"mapping": said, "decimal_mark": ",", **form}
    query = {"dry_run": "true"} if dry_run else {}
    return await person.upload("/v1/imports/estimates", files, data, **query)


def counts(answer: dict[str, Any]) -> dict[str, int]:
    return {k: v for k, v in answer.items() if k not in ("rows", "dry_run") and v}


async def pasts(person: Person, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = made(await person.get("/v1/past-estimates", **query), 200)[
        "items"
    ]
    return items


async def test_good_rows_land_and_the_others_are_told_with_line_and_column(firm: Firm):
    answer = made(await send(firm.manager, a_file(firm)), 200)
    assert counts(answer) == {"created": 2, "failed": 2, "skipped": 1}
    first, order, number, unknown, twice = answer["rows"]
    assert (first["line"], first["result"], first["errors"]) == (2, "created", [])
    assert order["errors"] == [
        {
            "column": 6,
            "detail": "Trolig is 6, less than optimistic_hours: optimistic ≤ likely ≤ pessimistic",
        }
    ]
    assert (number["line"], number["errors"][0]["column"]) == (4, 8)
    assert "Nobody has the address gone@firm.example" in unknown["remarks"][0]["detail"]
    assert twice["remarks"][0]["detail"] == "The same estimate stands in line 2."

    last, one = await pasts(firm.learner)
    assert one["id"] == first["past_estimate_id"]
    assert (one["kind"], one["basis"]) == ("integration", "expert")
    assert (one["likely_hours"], one["actual_hours"]) == (6.5, 9.25)
    assert (one["completed_on"], one["revision"], one["superseded"]) == ("2026-05-03", 1, False)
    assert (last["kind"], last["estimated_by"]) == ("data-migration", None)


async def test_the_same_file_twice_changes_nothing(firm: Firm):
    first = made(await send(firm.admin, a_file(firm)), 200)
    before = await pasts(firm.learner)
    again = made(await send(firm.manager, a_file(firm)), 200)
    assert counts(again) == {"unchanged": 2, "failed": 2, "skipped": 1}
    assert again["rows"][0]["past_estimate_id"] == first["rows"][0]["past_estimate_id"]
    assert await pasts(firm.learner) == before
    told = made(await firm.manager.get("/v1/events", type="past-estimate.imported"), 200)["items"]
    assert len(told) == 2


async def test_a_dry_run_says_the_same_and_changes_nothing(firm: Firm):
    dry = made(await send(firm.manager, a_file(firm), dry_run=True), 200)
    assert dry["dry_run"] is True
    assert dry["rows"][0]["past_estimate_id"] is None
    assert await pasts(firm.learner) == []
    assert counts(made(await send(firm.manager, a_file(firm)), 200)) == counts(dry)


async def test_what_a_later_file_says_otherwise_is_a_revision_and_the_last_one_counts(firm: Firm):
    made(await send(firm.manager, a_file(firm)), 200)
    changed = a_file(firm).replace("12;9,25", "12;13")
    answer = made(await send(firm.manager, changed), 200)
    assert counts(answer) == {"updated": 1, "unchanged": 1, "failed": 2, "skipped": 1}
    new, old = await pasts(firm.learner, external_id="1")
    assert (new["revision"], new["actual_hours"], new["superseded"]) == (2, 13, False)
    assert (old["revision"], old["actual_hours"], old["superseded"]) == (1, 9.25, True)
    found = made(await firm.learner.get("/v1/calibration", kind="integration"), 200)
    assert found["overall"]["count"] == 1
    assert found["overall"]["ratio"]["median"] == 2
    [event] = [
        event
        for event in made(await firm.manager.get("/v1/events", type="past-estimate.imported"), 200)[
            "items"
        ]
        if "before" in event["data"]
    ]
    assert event["data"]["before"]["actual_hours"] == 9.25
    assert event["data"]["after"]["actual_hours"] == 13
    back = made(await send(firm.manager, a_file(firm)), 200)
    assert counts(back)["updated"] == 1
    assert [one["revision"] for one in await pasts(firm.learner, external_id="1")] == [3, 2, 1]


async def test_two_files_at_once_bring_each_estimate_in_once(firm: Firm):
    answers = await asyncio.gather(*(send(firm.manager, a_file(firm)) for _ in range(2)))
    assert sorted(made(answer, 200)["created"] for answer in answers) == [0, 2]
    assert len(await pasts(firm.learner)) == 2


async def test_managers_and_admins_import(firm: Firm, stranger: Person):
    for person in (firm.seller, firm.lead, firm.learner, firm.trainer):
        assert (await send(person, a_file(firm))).status_code == 403
    made(await send(firm.admin, a_file(firm)), 200)
    assert await pasts(stranger) == []


@pytest.mark.parametrize(
    ("mapping", "pointer"),
    [
        ("{", "/mapping"),
        ({"external_id": "Nr"}, "/mapping/optimistic_hours"),
        ({**MAPPING, "customer": "Kunde"}, "/mapping/customer"),
    ],
)
async def test_a_map_that_is_none_is_refused(
    firm: Firm, mapping: dict[str, str] | str, pointer: str
):
    refused = await send(firm.manager, a_file(firm), mapping)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer


async def test_kind_and_basis_come_from_a_column_or_hold_for_all(firm: Firm):
    bare = {name: at for name, at in MAPPING.items() if name not in ("kind", "basis")}
    refused = await send(firm.manager, a_file(firm), bare)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/default_kind",
        "/default_basis",
    ]
    made(
        await send(
            firm.manager, a_file(firm), bare, default_kind="training", default_basis="guess"
        ),
        200,
    )
    assert len(await pasts(firm.learner, kind="training", basis="guess")) == 2


async def test_a_file_without_the_columns_is_refused_as_a_whole(firm: Firm):
    refused = await send(firm.manager, "Nr;Lav\n1;2\n")
    assert refused.status_code == 422
    assert "Column Trolig" in refused.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "change", ["UPDATE past_estimate SET kind = 'x'", "DELETE FROM past_estimate"]
)
async def test_not_even_the_service_changes_what_was_imported(firm: Firm, change: str):
    with pytest.raises(exc.ProgrammingError, match="permission denied"):
        async with firm.product.database("handover").transaction(firm.organization_id) as session:
            await session.execute(text(change))


async def test_whose_estimate_it_was_is_shown_to_them_and_their_manager_alone(firm: Firm):
    boss = await firm.hire("Berit Sjef", Role.delivery)
    estimator = await firm.hire("Even Estimat", manager_id=boss.id)
    file = HEADER + f"1;Kobling;Integration;Expert;4;6;12;9;{estimator.email};\n"
    made(await send(firm.manager, file), 200)
    for person, seen in (
        (estimator, str(estimator.id)),
        (boss, str(estimator.id)),
        (firm.manager, None),
        (firm.admin, None),
        (firm.learner, None),
    ):
        [one] = await pasts(person)
        assert one["estimated_by"] == seen
    events = (await firm.learner.get("/v1/events", type="past-estimate.imported")).text
    assert "past-estimate.imported" in events
    assert str(estimator.id) not in events
