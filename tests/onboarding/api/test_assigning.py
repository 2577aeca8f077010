"""Assigning a curriculum: to one, to a team, to a CSV of addresses; a result for every row, and nothing twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.chassis.events import record, store_recorded
from services.chassis.tables import new_id
from services.gateway import events
from services.gateway.domain.person import Person as PersonRow
from services.gateway.domain.team import Team
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    as_the_service,
    assignment,
    completion_path,
    course_set,
    curriculum,
    made,
    policy,
    published_course,
    published_curriculum,
    told,
)

TODAY = datetime.now(UTC).date()


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


async def a_team(firm: Firm, size: int, hear: bool = True) -> tuple[Team, list[PersonRow]]:
    """A team of so many people, which onboarding has heard of unless `hear` is false."""
    team = Team(organization_id=firm.organization_id, name=f"Team {new_id().hex[-6:]}")
    people = [
        PersonRow(
            organization_id=firm.organization_id,
            name=f"Person {n:03}",
            email=f"Person{n:03}.{team.name[5:]}@Firm.example",
            team_id=team.id,
        )
        for n in range(size)
    ]
    async with firm.product.gateway.transaction(firm.organization_id) as session:
        session.add(team)
        await session.flush()
        session.add_all(people)
        record(session, events.team_created(team), *map(events.person_created, people))
        await session.flush()
        await store_recorded(session, None, None)
    if hear:
        await firm.product.catch_up()
    return team, people


async def assignments_of(firm: Firm, curriculum: dict) -> list[dict]:
    listed = await firm.trainer.get("/v1/assignments", curriculum_id=curriculum["id"], limit=200)
    return made(listed, 200)["items"]


async def test_a_team_of_a_hundred_is_assigned_from_a_csv(firm: Firm):
    team, people = await a_team(firm, 100, hear=False)
    taught = await published_curriculum(firm)
    addresses = [p.email for p in people]
    addresses[10:10] = ["nobody@firm.example"]
    addresses += [addresses[3].upper(), "nor.she@firm.example"]
    given = {
        "curriculum_id": taught["id"],
        "csv": "Navn;E-post\n" + "".join(f"Noen;{a}\n" for a in addresses),
        "due": {"kind": "after_assignment", "days": 30},
    }
    tried = made(await firm.trainer.post("/v1/assignments/bulk", given, dry_run=True), 200)
    assert (tried["created"], tried["unchanged"], tried["failed"]) == (100, 0, 3)
    assert tried["dry_run"]
    assert await assignments_of(firm, taught) == []

    first = await firm.trainer.post("/v1/assignments/bulk", given, key="team-of-100")
    result = made(first, 200)
    assert (result["created"], result["unchanged"], result["failed"]) == (100, 0, 3)
    assert len(result["rows"]) == 103
    assert [r["line"] for r in result["rows"]] == list(range(2, 105))
    failed = [r for r in result["rows"] if r["result"] == "failed"]
    assert [(r["line"], r["detail"]) for r in failed] == [
        (12, "Nobody has this address."),
        (103, "It stands in line 5 already: counted once."),
        (104, "Nobody has this address."),
    ]
    assert {r["due_on"] for r in result["rows"] if r["result"] == "created"} == {in_days(30)}

    again = await firm.trainer.post("/v1/assignments/bulk", given, key="team-of-100")
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await assignments_of(firm, taught)) == 100
    assert len(await told(firm, "assignment.created")) == 100

    without_key = made(await firm.trainer.post("/v1/assignments/bulk", given), 200)
    assert (without_key["created"], without_key["unchanged"]) == (0, 100)
    assert await told(firm, "assignment.changed") == []
    listed = await firm.trainer.get("/v1/assignments", team_id=str(team.id), limit=200)
    assert len(listed.json()["items"]) == 100


async def test_of_a_csv_of_a_hundred_every_row_is_accounted_for(firm: Firm):
    _, people = await a_team(firm, 97)
    taught = await published_curriculum(firm)
    had = {"curriculum_id": taught["id"], "person_ids": [str(p.id) for p in people[:3]]}
    made(await firm.trainer.post("/v1/assignments/bulk", had), 200)
    addresses = [p.email for p in people]
    addresses += ["nobody@firm.example", "nor.she@firm.example", addresses[50]]
    given = {"curriculum_id": taught["id"], "csv": "email\n" + "\n".join(addresses)}
    first = await firm.trainer.post("/v1/assignments/bulk", given, key="a-hundred-rows")
    result = made(first, 200)
    assert (result["created"], result["unchanged"], result["failed"]) == (94, 3, 3)
    assert len(result["rows"]) == 100
    again = await firm.trainer.post("/v1/assignments/bulk", given, key="a-hundred-rows")
    assert again.content == first.content
    assert len(await assignments_of(firm, taught)) == 97


async def test_a_team_is_assigned_as_a_whole_without_who_has_left(firm: Firm):
    team, people = await a_team(firm, 3)
    made(await firm.admin.patch(f"/v1/people/{people[1].id}", {"active": False}), 200)
    await firm.product.catch_up()
    taught = await published_curriculum(firm)
    given = {"curriculum_id": taught["id"], "team_id": str(team.id)}
    result = made(await firm.manager.post("/v1/assignments/bulk", given), 200)
    assert [r["name"] for r in result["rows"]] == ["Person 000", "Person 002"]
    by_id = {"curriculum_id": taught["id"], "person_ids": [str(p.id) for p in people]}
    rows = made(await firm.manager.post("/v1/assignments/bulk", by_id), 200)["rows"]
    assert [r["result"] for r in rows] == ["unchanged", "failed", "unchanged"]
    assert rows[1]["detail"] == "This person is not active."


async def test_a_team_that_was_only_just_founded_is_known(firm: Firm):
    team, _ = await a_team(firm, 2, hear=False)
    given = {"curriculum_id": (await published_curriculum(firm))["id"], "team_id": str(team.id)}
    assert made(await firm.trainer.post("/v1/assignments/bulk", given), 200)["created"] == 2


async def test_ids_and_addresses_have_a_result_each(firm: Firm, stranger: Person):
    taught = await published_curriculum(firm)
    ids = [firm.learner.id, stranger.id, firm.learner.id, firm.seller.id]
    given = {"curriculum_id": taught["id"], "person_ids": [str(i) for i in ids]}
    rows = made(await firm.trainer.post("/v1/assignments/bulk", given), 200)["rows"]
    assert [r["result"] for r in rows] == ["created", "failed", "failed", "created"]
    assert rows[2]["assignment_id"] is None
    emails = [firm.lead.email, "", stranger.email, f" {firm.lead.email.upper()} "]
    given = {"curriculum_id": taught["id"], "emails": emails}
    rows = made(await firm.trainer.post("/v1/assignments/bulk", given), 200)["rows"]
    assert [r["result"] for r in rows] == ["created", "failed", "failed", "failed"]


async def test_an_empty_address_is_a_row_that_failed(firm: Firm):
    given = {"curriculum_id": (await published_curriculum(firm))["id"], "emails": ["", " "]}
    rows = made(await firm.trainer.post("/v1/assignments/bulk", given), 200)["rows"]
    assert [(r["result"], r["detail"]) for r in rows] == [("failed", "The address is empty")] * 2


async def test_it_is_told_what_became_of_an_assignment_that_was_there(firm: Firm):
    taught = await published_curriculum(firm)
    await assignment(firm, taught, due={"kind": "fixed", "on": in_days(20)})
    given = {"curriculum_id": taught["id"], "person_id": str(firm.learner.id)}
    sooner = {**given, "due": {"kind": "fixed", "on": in_days(9)}}
    for person, body, detail in (
        (firm.trainer, given, "Has it already."),
        (firm.trainer, sooner, "Has it already: its dates are earlier now."),
        (firm.trainer, sooner, "Has it already."),
        (firm.manager, given, "Has it already: you are a further source."),
        (firm.manager, given, "Has it already."),
    ):
        for dry_run in (True, False):
            answer = await person.post("/v1/assignments/bulk", body, dry_run=dry_run)
            (row,) = made(answer, 200)["rows"]
            assert (row["result"], row["detail"]) == ("unchanged", detail)


async def certified_people(firm: Firm) -> tuple[dict, dict]:
    """A curriculum that the learner holds a certificate of for good, the seller for a hundred days, and the lead for ten.

    The window of renewal is the last thirty days. The manager has it open.
    """
    taught = await published_curriculum(firm)
    for person, days in ((firm.learner, None), (firm.seller, 100), (firm.lead, 10)):
        given = await assignment(firm, taught, person)
        [item] = given["sets"][0]["items"]
        made(await person.post(completion_path(given, item["key"])), 200)
        if days is not None:
            await as_the_service(
                firm,
                f"UPDATE certificate SET expires_on = current_date + {days}, "
                f"window_from = greatest(issued_on, current_date + {days - 30}) "
                f"WHERE person_id = '{person.id}'",
            )
    return taught, await assignment(firm, taught, firm.manager)


async def test_who_holds_a_certificate_is_assigned_it_again_only_on_purpose(firm: Firm):
    taught, _ = await certified_people(firm)
    everybody = (firm.learner, firm.seller, firm.lead, firm.manager, firm.admin)
    given = {"curriculum_id": taught["id"], "person_ids": [str(one.id) for one in everybody]}
    seen = "With “renew” it is assigned all the same."
    for dry_run in (True, False):
        answer = made(await firm.trainer.post("/v1/assignments/bulk", given, dry_run=dry_run), 200)
        assert (answer["created"], answer["unchanged"], answer["failed"]) == (2, 3, 0)
        for_good, until, in_window, has_it, new = answer["rows"]
        assert (for_good["result"], for_good["assignment_id"], for_good["name"]) == (
            *("unchanged", None),
            firm.learner.name,
        )
        assert for_good["detail"] == f"Holds a certificate that does not expire. {seen}"
        assert until["detail"] == f"Holds a certificate until {in_days(100)}. {seen}"
        assert (in_window["result"], new["result"]) == ("created", "created")
        assert has_it["detail"] == "Has it already."
    danish = await firm.trainer.request(
        "POST", "/v1/assignments/bulk", json=given, headers={"Accept-Language": "da"}
    )
    assert in_days(100) in made(danish, 200)["rows"][1]["detail"]

    one = {"curriculum_id": taught["id"], "person_id": str(firm.seller.id)}
    refused = await firm.trainer.post("/v1/assignments", one)
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["pointer"] == "/person_id"
    assert in_days(100) in refused.json()["errors"][0]["detail"]
    again = made(await firm.trainer.post("/v1/assignments", {**one, "renew": True}))
    assert (again["cycle"], again["state"]) == (2, "assigned")
    renewed = made(await firm.trainer.post("/v1/assignments/bulk", {**given, "renew": True}), 200)
    assert [row["result"] for row in renewed["rows"]] == ["created", *["unchanged"] * 4]


async def test_a_competence_that_is_to_be_renewed_is_learnt_again_with_its_curriculum(firm: Firm):
    await policy(firm, competence="selling", valid_days=100)
    item = await published_course(firm, competence="selling")
    taught = await published_curriculum(firm, course_set(item))
    first = await assignment(firm, taught)
    made(await firm.learner.post(completion_path(first, item)), 200)
    given = {"curriculum_id": taught["id"], "person_id": str(firm.learner.id)}
    assert (await firm.trainer.post("/v1/assignments", given)).status_code == 409
    await as_the_service(firm, "UPDATE certificate SET window_from = issued_on WHERE level > 0")
    assert made(await firm.trainer.post("/v1/assignments", given))["cycle"] == 2


async def test_of_many_those_who_are_certified_are_left_out(firm: Firm):
    _, people = await a_team(firm, 100)
    taught, _ = await certified_people(firm)
    ids = [str(one.id) for one in people]
    given = {"curriculum_id": taught["id"], "person_ids": [*ids, str(firm.learner.id)]}
    answer = made(await firm.trainer.post("/v1/assignments/bulk", given), 200)
    assert (answer["created"], answer["unchanged"]) == (100, 1)
    assert answer["rows"][-1]["assignment_id"] is None
    # A revoked certificate hinders nobody.
    await as_the_service(
        firm,
        "UPDATE certificate SET revoked_at = now(), revoked_by = person_id, "
        f"revocation_reason = 'Wrong' WHERE person_id = '{firm.learner.id}'",
    )
    one = {"curriculum_id": taught["id"], "person_id": str(firm.learner.id)}
    assert made(await firm.trainer.post("/v1/assignments", one))["cycle"] == 2


async def test_details_come_in_the_readers_language(firm: Firm):
    given = {"curriculum_id": (await published_curriculum(firm))["id"], "csv": "not an address\n"}
    result = made(await firm.trainer.post("/v1/assignments/bulk", given), 200)
    assert result["failed"] == 1
    assert result["rows"][0]["line"] == 1
    assert "not an address" in result["rows"][0]["detail"]


async def test_without_a_hire_date_there_is_no_due_date_and_no_assignment(firm: Firm):
    taught = await published_curriculum(firm)
    hired = await firm.hire("Ny Kollega", hire_date=TODAY - timedelta(days=10))
    due = {"kind": "after_hire", "days": 30}
    ids = [str(hired.id), str(firm.learner.id)]
    given = {"curriculum_id": taught["id"], "person_ids": ids, "due": due}
    rows = made(await firm.trainer.post("/v1/assignments/bulk", given), 200)["rows"]
    assert [(r["result"], r["due_on"]) for r in rows] == [
        ("created", in_days(20)),
        ("failed", None),
    ]
    assert "hire date" in rows[1]["detail"]
    one = {"curriculum_id": taught["id"], "person_id": ids[1], "due": due}
    refused = await firm.trainer.post("/v1/assignments", one)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/due"
    assert len(await assignments_of(firm, taught)) == 1
    late = {**given, "starts_on": in_days(25)}
    other = await published_curriculum(firm)
    rows = made(
        await firm.trainer.post("/v1/assignments/bulk", {**late, "curriculum_id": other["id"]}),
        200,
    )["rows"]
    assert [r["result"] for r in rows] == ["failed", "failed"]
    assert rows[0]["detail"] == "It would be due before it starts."


@pytest.mark.parametrize(
    "due",
    [
        {"kind": "after_hire", "days": 30},
        {"kind": "before_go_live", "working_days": 20, "go_live_on": in_days(2)},
    ],
)
async def test_a_date_that_is_worked_out_and_has_passed_is_too_little_time(
    firm: Firm, due: dict[str, Any]
):
    taught = await published_curriculum(firm)
    hired = await firm.hire("Gammel Kollega", hire_date=TODAY - timedelta(days=400))
    one = {"curriculum_id": taught["id"], "person_id": str(hired.id), "due": due}
    refused = await firm.trainer.post("/v1/assignments", one)
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert (error["pointer"], error["detail"]) == (
        "/due",
        "Too little time: it would have been due already.",
    )
    for dry_run in (True, False):
        answer = await firm.trainer.post("/v1/assignments/bulk", one, dry_run=dry_run)
        [row] = made(answer, 200)["rows"]
        assert (row["result"], row["detail"]) == ("failed", error["detail"])
    assert await assignments_of(firm, taught) == []


async def test_the_earliest_due_date_wins_and_its_basis_and_every_source_are_kept(firm: Firm):
    taught = await published_curriculum(firm)
    first = await assignment(firm, taught, due={"kind": "fixed", "on": in_days(20)})
    given = {"curriculum_id": taught["id"], "person_id": str(firm.learner.id)}
    later = {**given, "due": {"kind": "after_assignment", "days": 40}}
    kept = made(await firm.manager.post("/v1/assignments", later), 200)
    assert (kept["id"], kept["due_on"]) == (first["id"], in_days(20))
    assert kept["due_basis"] == {"kind": "fixed", "days": None}
    assert [s["person_id"] for s in kept["sources"]] == [
        str(firm.trainer.id),
        str(firm.manager.id),
    ]
    sooner = {**given, "due": {"kind": "after_assignment", "days": 7}}
    moved = made(await firm.manager.post("/v1/assignments", sooner), 200)
    assert moved["due_on"] == in_days(7)
    assert moved["due_basis"] == {"kind": "after_assignment", "days": 7}
    assert len(moved["sources"]) == 2
    assert moved["version"] == 3
    assert len(await told(firm, "assignment.changed")) == 2
    nothing_new = made(await firm.manager.post("/v1/assignments", given), 200)
    assert nothing_new == moved


async def test_a_start_to_come_is_scheduled_and_an_earlier_one_wins(firm: Firm):
    taught = await published_curriculum(firm)
    due = {"kind": "after_assignment", "days": 10}
    later = await assignment(firm, taught, starts_on=in_days(14), due=due)
    assert (later["state"], later["due_on"]) == ("scheduled", in_days(24))
    given = {"curriculum_id": taught["id"], "person_id": str(firm.learner.id), "due": due}
    sooner = made(
        await firm.trainer.post("/v1/assignments", {**given, "starts_on": in_days(7)}), 200
    )
    assert (sooner["state"], sooner["starts_on"]) == ("scheduled", in_days(7))
    now = made(await firm.trainer.post("/v1/assignments", given), 200)
    assert (now["state"], now["starts_on"], now["due_on"]) == ("assigned", None, in_days(10))


async def test_the_same_person_assigned_many_times_at_once_is_assigned_once(firm: Firm):
    taught = await published_curriculum(firm)
    given = {"curriculum_id": taught["id"], "person_id": str(firm.learner.id)}
    many = {"curriculum_id": taught["id"], "team_id": str(firm.team_id)}
    answers = await asyncio.gather(
        *(firm.trainer.post("/v1/assignments", given) for _ in range(4)),
        *(firm.manager.post("/v1/assignments/bulk", many) for _ in range(4)),
    )
    assert {a.status_code for a in answers} <= {200, 201}
    singles = [a.status_code for a in answers[:4]].count(201)
    bulks = [r for a in answers[4:] for r in a.json()["rows"] if r["result"] == "created"]
    assert singles + len(bulks) == 6
    people = [a["person_id"] for a in await assignments_of(firm, taught)]
    assert len(people) == len(set(people)) == 6
    assert len(await told(firm, "assignment.created")) == 6


async def test_many_who_are_assigned_twice_at_once_and_one_by_one_are_assigned_once(firm: Firm):
    taught = await published_curriculum(firm)
    team, people = await a_team(firm, 120)
    many = {"curriculum_id": taught["id"], "team_id": str(team.id)}
    one = {"curriculum_id": taught["id"], "person_id": str(people[7].id)}
    answers = await asyncio.gather(
        *(firm.manager.post("/v1/assignments/bulk", many) for _ in range(3)),
        *(firm.trainer.post("/v1/assignments", one) for _ in range(3)),
    )
    assert {a.status_code for a in answers} <= {200, 201}
    singles = [a.status_code for a in answers[3:]].count(201)
    assert singles + sum(a.json()["created"] for a in answers[:3]) == 120
    assigned = [a["person_id"] for a in await assignments_of(firm, taught)]
    assert sorted(assigned) == sorted(str(person.id) for person in people)


async def test_of_many_those_who_have_it_keep_it_and_the_others_get_it(firm: Firm):
    taught = await published_curriculum(firm)
    team, people = await a_team(firm, 110)
    had = made(
        await firm.manager.post(
            "/v1/assignments", {"curriculum_id": taught["id"], "person_id": str(people[3].id)}
        )
    )
    many = {"curriculum_id": taught["id"], "team_id": str(team.id)}
    answer = made(await firm.trainer.post("/v1/assignments/bulk", many), 200)
    assert (answer["created"], answer["unchanged"]) == (109, 1)
    assigned = await assignments_of(firm, taught)
    assert len(assigned) == 110
    assert had["id"] in {a["id"] for a in assigned}


async def test_trainers_and_managers_assign_and_nobody_else(firm: Firm):
    given = {"curriculum_id": (await published_curriculum(firm))["id"]}
    for person in (firm.learner, firm.seller, firm.lead, firm.admin):
        one = {**given, "person_id": str(firm.learner.id)}
        assert (await person.post("/v1/assignments", one)).status_code == 403
        assert (await person.post("/v1/assignments/bulk", one)).status_code == 403


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, ""),
        ({"emails": [], "csv": "a@b.example"}, ""),
        ({"emails": ["a@b.example"], "due": {"kind": "fixed"}}, "/due/on"),
        ({"emails": [], "due": {"kind": "after_hire", "days": -1}}, "/due/days"),
        ({"emails": [], "due": {"kind": "someday"}}, "/due"),
        ({"emails": [], "starts_on": "9999-01-01"}, "/starts_on"),
        ({"emails": [], "starts_on": in_days(-1)}, "/starts_on"),
        ({"team_id": "00000000-0000-0000-0000-000000000001"}, "/team_id"),
        ({"emails": [], "curriculum_id": "00000000-0000-0000-0000-000000000001"}, "/curriculum_id"),
        (
            {"emails": [], "starts_on": in_days(9), "due": {"kind": "fixed", "on": in_days(8)}},
            "/due/on",
        ),
    ],
)
async def test_a_request_that_cannot_be_right_is_refused_with_the_place(firm, given, pointer):
    whole = {"curriculum_id": (await published_curriculum(firm))["id"], **given}
    response = await firm.trainer.post("/v1/assignments/bulk", whole)
    assert response.status_code == 422, response.text
    assert [e["pointer"] for e in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize("csv", ["", "name,team\nOla,Oslo\n", "email\n\x00@x.example\n"])
async def test_a_csv_that_is_none_is_refused_or_told_row_by_row(firm: Firm, csv: str):
    given = {"curriculum_id": (await published_curriculum(firm))["id"], "csv": csv}
    response = await firm.trainer.post("/v1/assignments/bulk", given)
    assert response.status_code in (200, 422)
    if response.status_code == 422:
        assert response.json()["errors"]
    else:
        assert response.json()["failed"] == 1


async def test_only_a_published_curriculum_is_assigned(firm: Firm, stranger: Person):
    new = await curriculum(firm)
    one = {"curriculum_id": new["id"], "person_id": str(firm.learner.id)}
    assert (await firm.trainer.post("/v1/assignments", one)).status_code == 409
    taught = await published_curriculum(firm)
    theirs = {"curriculum_id": taught["id"], "person_id": str(stranger.id)}
    refused = await stranger.post("/v1/assignments", theirs)
    assert refused.json()["errors"][0]["pointer"] == "/curriculum_id"
    foreign = await firm.trainer.post("/v1/assignments", theirs)
    assert foreign.json()["errors"][0]["pointer"] == "/person_id"
    made(await firm.trainer.post(f"/v1/curricula/{taught['id']}/versions/1/retirement"), 200)
    given = {"curriculum_id": taught["id"], "team_id": str(firm.team_id)}
    assert (await firm.trainer.post("/v1/assignments/bulk", given)).status_code == 409


async def test_the_database_itself_lets_no_draft_be_assigned(firm: Firm):
    new = await curriculum(firm)
    draft = made(await firm.trainer.post(f"/v1/curricula/{new['id']}/versions", {}))
    statement = (
        "INSERT INTO assignment (organization_id, id, person_id, curriculum_id, "
        "curriculum_version_id, state, sources) VALUES "
        f"('{firm.organization_id}', uuidv7(), '{firm.learner.id}', '{new['id']}', "
        f"'{draft['id']}', 'assigned', '[]')"
    )
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await as_the_service(firm, statement)


async def test_ten_thousand_fit_into_one_request(firm: Firm):
    given = {
        "curriculum_id": (await published_curriculum(firm))["id"],
        "emails": [f"someone.with.a.name.{n:05}@firm.example" for n in range(10_000)],
    }
    result = made(await firm.trainer.post("/v1/assignments/bulk", given), 200)
    assert (result["failed"], len(result["rows"])) == (10_000, 10_000)


async def test_a_due_date_that_is_worked_out_lies_before_2201_as_one_that_is_named(firm: Firm):
    taught = await published_curriculum(firm)
    given = {
        "curriculum_id": taught["id"],
        "person_id": str(firm.learner.id),
        "starts_on": "2200-06-01",
        "due": {"kind": "after_assignment", "days": 365},
    }
    refused = await firm.trainer.post("/v1/assignments", given)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/due"
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", {"hire_date": "2199-01-01"}), 200)
    await firm.product.catch_up()
    late = {**given, "starts_on": None, "due": {"kind": "after_hire", "days": 3650}}
    bulk = made(await firm.trainer.post("/v1/assignments/bulk", late), 200)
    [row] = bulk["rows"]
    assert (row["result"], row["detail"]) == ("failed", "The year must lie between 1900 and 2200.")
    assert await assignments_of(firm, taught) == []
