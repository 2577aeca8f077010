"""What people completed before Stafett comes in from a file, as of its day and once."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.chassis.caller import Role
from services.onboarding.api.completion_imports import CompletionImport, PastCompletionPage
from services.onboarding.domain.chores import do_chores
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    a_key,
    assignment,
    completion_path,
    course,
    course_set,
    curriculum,
    in_training,
    made,
    policy,
    published_course,
    published_curriculum,
    told,
)

TODAY = datetime.now(UTC).date()


def ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


def ahead(days: int) -> str:
    return ago(-days)


async def send(
    person: Person,
    content: str | bytes,
    mapping: dict[str, str] | None = None,
    *,
    dry_run: bool = False,
    **form: Any,
) -> httpx.Response:
    files = {"file": ("completions.csv", content, "text/csv")}
    if mapping is not None:
        form["mapping"] = json.dumps(mapping)
    query = {"dry_run": "true"} if dry_run else {}
    return await person.upload("/v1/imports/completions", files, form, **query)


async def took(firm: Firm, *rows: tuple[object, ...], header: str, **more: Any) -> dict[str, Any]:
    """The answer to a file of these rows."""
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    return made(await send(firm.trainer, "\n".join([header, *lines]), **more), 200)


COURSE = "email,course,completed_on,expires_on,level,basis,evidence"
CURRICULUM = "email,curriculum,completed_on,expires_on"


def counts(answer: dict[str, Any]) -> dict[str, int]:
    return {k: v for k, v in answer.items() if isinstance(v, int) and k != "dry_run" and v}


def details(row: dict[str, Any]) -> list[tuple[int | None, str]]:
    return [(one["column"], one["detail"]) for one in row["errors"]]


async def certificates(firm: Firm, person: Person | None = None) -> list[dict[str, Any]]:
    """The person's certificates, the oldest first."""
    asked = await (person or firm.learner).get("/v1/certificates", sort="issued_on")
    items: list[dict[str, Any]] = made(asked, 200)["items"]
    return [one for one in items if one["person_id"] == str((person or firm.learner).id)]


async def pasts(person: Person, **query: Any) -> list[dict[str, Any]]:
    page = made(await person.get("/v1/past-completions", **query), 200)
    assert PastCompletionPage.model_validate(page)
    items: list[dict[str, Any]] = page["items"]
    return items


async def detail_of(firm: Firm, given: dict[str, Any]) -> dict[str, Any]:
    return made(await firm.trainer.get(f"/v1/assignments/{given['id']}"), 200)


async def coverage(firm: Firm, competence: str, level: int = 1) -> int:
    asked = await firm.trainer.get("/v1/coverage", competence=competence, level=level)
    trained: int = made(asked, 200)["trained"]
    return trained


# --- courses ----------------------------------------------------------------------------------------


async def test_a_completion_gives_what_the_course_gives_as_of_its_day(firm: Firm):
    competence = a_key("till")
    taught = await published_course(firm, competence=competence, level=2)
    await policy(firm, competence=competence, valid_days=1000)
    row = (firm.learner.email, taught["key"].upper(), ago(100), None, None, "passed", "No. 17")
    answer = await took(firm, row, header=COURSE)
    assert CompletionImport.model_validate(answer)
    assert counts(answer) == {"created": 1}
    [certificate] = await certificates(firm)
    assert (certificate["issued_on"], certificate["expires_on"]) == (ago(100), ahead(900))
    assert (certificate["level"], certificate["title"]) == (2, taught["title"])
    assert await coverage(firm, competence, 2) == 1
    [past] = await pasts(firm.learner)
    assert past["id"] == answer["rows"][0]["past_completion_id"]
    assert (past["basis"], past["evidence"], past["title"]) == ("passed", "No. 17", taught["title"])
    assert past["certificate_id"] == certificate["id"]
    assert past["imported_by"] == str(firm.trainer.id)


async def test_the_same_file_twice_changes_nothing(firm: Firm):
    taught = await published_course(firm, competence=a_key("till"))
    whole = await published_curriculum(firm, course_set(await published_course(firm)))
    rows = [(firm.learner.email, taught["key"], ago(9), ahead(90), 3, None, None)]
    whole_rows = [(firm.learner.email, whole["key"], ago(8), None)]
    await took(firm, *rows, header=COURSE)
    await took(firm, *whole_rows, header=CURRICULUM)
    before = (await certificates(firm), await pasts(firm.trainer))
    assert counts(await took(firm, *rows, header=COURSE)) == {"unchanged": 1}
    again = await took(firm, *whole_rows, header=CURRICULUM)
    assert counts(again) == {"unchanged": 1}
    assert again["rows"][0]["past_completion_id"] is not None
    assert (await certificates(firm), await pasts(firm.trainer)) == before


async def test_a_dry_run_tells_the_same_and_writes_nothing(firm: Firm):
    taught = await published_course(firm, competence=a_key("till"))
    whole = await published_curriculum(firm, course_set(taught))
    given = await assignment(firm, whole)
    row = (firm.learner.email, taught["key"], ago(9), None, None, None, None)
    answer = await took(firm, row, header=COURSE, dry_run=True)
    assert counts(answer) == {"created": 1}
    assert answer["rows"][0]["past_completion_id"] is None
    assert await certificates(firm) == []
    assert await pasts(firm.trainer) == []
    assert (await detail_of(firm, given))["state"] == "assigned"
    await took(firm, row, header=COURSE)
    other = (*row[:4], 5, None, None)
    answer = await took(firm, other, header=COURSE, dry_run=True)
    assert counts(answer) == {"updated": 1}
    assert {one["level"] for one in await certificates(firm)} == {2, None}


async def test_an_open_assignment_goes_on_and_is_completed_by_the_last_course(firm: Firm):
    first = await published_course(firm, competence=a_key("till"))
    second, third = await published_course(firm), await published_course(firm)
    whole = await published_curriculum(firm, course_set(first, second, third, rule="all_in_order"))
    given = await assignment(firm, whole)
    # What was learnt elsewhere keeps to no order of ours.
    rows = [
        (firm.learner.email, one["key"], ago(day), None, None, None, None)
        for one, day in ((first, 30), (third, 10))
    ]
    await took(firm, *rows, header=COURSE)
    seen = await detail_of(firm, given)
    assert (seen["state"], seen["items_done"], seen["next_item"]) == (
        *("in_progress", 2),
        second["key"],
    )
    assert seen["started_at"][:10] == ago(30)
    [certificate] = await certificates(firm)
    assert certificate["assignment_id"] == given["id"]
    await took(
        firm, (firm.learner.email, second["key"], ago(20), None, None, None, None), header=COURSE
    )
    seen = await detail_of(firm, given)
    # As of the day on which the last of them was done.
    assert (seen["state"], seen["completed_at"][:10]) == ("completed", ago(10))
    of_whole = next(one for one in await certificates(firm) if one["curriculum_id"])
    assert of_whole["issued_on"] == ago(10)
    assert {event["type"] for event in await told(firm, "assignment.completed")} == {
        "assignment.completed"
    }


async def test_what_holds_no_more_completes_nothing_that_is_open(firm: Firm):
    taught = await published_course(firm, competence=a_key("till"))
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    row = (firm.learner.email, taught["key"], ago(900), ago(100), None, None, None)
    await took(firm, row, header=COURSE)
    assert (await detail_of(firm, given))["state"] == "assigned"
    [certificate] = await certificates(firm)
    assert (certificate["state"], certificate["expires_on"]) == ("expired", ago(100))
    assert await coverage(firm, taught["key"]) == 0
    # History is told to nobody, and opens nothing.
    database = firm.product.database("onboarding")
    await do_chores(database, datetime.now(UTC))
    assert await told(firm, "certificate.expired") == []


async def test_a_cycle_before_does_not_complete_the_one_that_is_open(firm: Firm):
    taught = await published_course(firm)
    whole = await published_curriculum(firm, course_set(taught))
    first = await assignment(firm, whole)
    made(await firm.learner.post(completion_path(first, taught)), 200)
    second = await assignment(firm, whole, renew=True)
    row = (firm.learner.email, taught["key"], ago(5), None, None, None, None)
    assert counts(await took(firm, row, header=COURSE)) == {"created": 1}
    assert (await detail_of(firm, second))["state"] == "assigned"


async def test_an_older_completion_does_not_take_the_place_of_a_newer_certificate(firm: Firm):
    competence = a_key("till")
    taught = await published_course(firm, competence=competence, level=2)
    rows = [
        (firm.learner.email, taught["key"], ago(days), None, None, None, None)
        for days in (10, 400, 200)
    ]
    await took(firm, rows[0], header=COURSE)
    await took(firm, *rows[1:], header=COURSE)
    oldest, middle, newest = await certificates(firm)
    assert [one["state"] for one in (oldest, middle, newest)] == ["renewed", "renewed", "valid"]
    assert (oldest["renewed_by"], middle["renewed_by"]) == (newest["id"], newest["id"])
    granted = await told(firm, "competence.granted")
    assert [one["data"]["granted_on"] for one in granted] == [ago(10)]


async def test_renewals_follow_one_another_in_the_order_of_their_days(firm: Firm):
    taught = await published_course(firm, competence=a_key("till"))
    rows = [
        (firm.learner.email, taught["key"], ago(days), None, None, None, None) for days in (10, 90)
    ]
    await took(firm, *rows, header=COURSE)
    older, newer = await certificates(firm)
    assert (older["renewed_by"], newer["state"]) == (newer["id"], "valid")


async def test_what_a_file_says_otherwise_takes_the_place_of_what_it_said(firm: Firm):
    competence = a_key("till")
    taught = await published_course(firm, competence=competence, level=2)
    row = (firm.learner.email, taught["key"], ago(10), None, None, None, None)
    await took(firm, row, header=COURSE)
    corrected = (*row[:3], ahead(30), 4, "certified", "Seen")
    answer = await took(firm, corrected, header=COURSE)
    assert counts(answer) == {"updated": 1}
    revoked, valid = sorted(await certificates(firm), key=lambda one: one["state"])
    assert (revoked["state"], revoked["revocation_reason"]) == (
        "revoked",
        "It was imported anew, with other details.",
    )
    assert (valid["level"], valid["expires_on"]) == (4, ahead(30))
    [past] = await pasts(firm.learner)
    assert (past["certificate_id"], past["basis"], past["version"]) == (
        *(valid["id"], "certified"),
        2,
    )
    assert await coverage(firm, competence, 4) == 1
    # Evidence alone changes no certificate.
    answer = await took(firm, (*corrected[:6], "Seen by Tora"), header=COURSE)
    assert counts(answer) == {"updated": 1}
    assert len(await certificates(firm)) == 2
    assert len(await told(firm, "completion.corrected")) == 2


async def test_a_course_that_gives_nothing_is_on_record_and_counts_where_it_is_open(firm: Firm):
    taught = await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    row = (firm.learner.email, taught["key"], ago(10), None, None, None, None)
    await took(firm, row, header=COURSE)
    [past] = await pasts(firm.learner)
    assert (past["certificate_id"], past["assignment_id"]) == (None, given["id"])
    assert (await detail_of(firm, given))["state"] == "completed"
    changed = await took(firm, (*row[:3], ahead(9), *row[4:]), header=COURSE)
    assert counts(changed) == {"updated": 1}


async def test_what_stafett_has_on_record_from_the_day_is_not_taken_in_again(firm: Firm):
    taught = await published_course(firm, competence=a_key("till"))
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    made(await firm.learner.post(completion_path(given, taught)), 200)
    row = (firm.learner.email, taught["key"], TODAY.isoformat(), None, None, None, None)
    answer = await took(firm, row, header=COURSE)
    assert counts(answer) == {"unchanged": 1}
    assert answer["rows"][0]["remarks"][0]["detail"] == (
        "It is on record already, from the same day."
    )


# --- curricula --------------------------------------------------------------------------------------


async def test_a_curriculum_is_completed_with_its_courses_and_the_gate_counts_it(firm: Firm):
    competence = a_key("till")
    taught = await published_course(firm, competence=competence, level=3)
    choice = course_set(
        await published_course(firm), await published_course(firm), rule="at_least_n", n=1
    )
    whole = await published_curriculum(firm, course_set(taught), choice)
    await policy(firm, curriculum_id=whole["id"], valid_days=500)
    answer = await took(
        firm, (firm.learner.email, whole["title"], ago(60), None), header=CURRICULUM
    )
    assert counts(answer) == {"created": 1}
    [past] = await pasts(firm.trainer, curriculum_id=whole["id"])
    seen = await detail_of(firm, {"id": past["assignment_id"]})
    assert (seen["state"], seen["items_done"], seen["cycle"]) == ("completed", 1, 1)
    assert (seen["completed_at"][:10], seen["sources"][0]["kind"]) == (ago(60), "import")
    assert await coverage(firm, competence, 3) == 1
    of_whole = next(one for one in await certificates(firm) if one["curriculum_id"])
    assert (of_whole["issued_on"], of_whole["expires_on"]) == (ago(60), ahead(440))
    rollout = await in_training(firm, whole, min_pct=10)
    ready = made(await firm.trainer.get(f"/v1/rollouts/{rollout['id']}/readiness"), 200)
    assert ready["trained"] == 1
    assert ready["may_go_live"]


async def test_a_corrected_curriculum_takes_back_what_its_courses_gave(firm: Firm):
    selling, counting, apart = a_key("selling"), a_key("counting"), a_key("apart")
    first, second = [
        await published_course(firm, competence=one, level=2) for one in (selling, counting)
    ]
    alone = await published_course(firm, competence=apart)
    whole = await published_curriculum(firm, course_set(first, second, alone))
    await policy(firm, competence=counting, valid_days=40)
    # A course that a file names by itself has its own last day.
    row = (firm.learner.email, alone["key"], ago(30), ahead(50), None, None, None)
    await took(firm, row, header=COURSE)

    async def held() -> dict[str, Any]:
        shown = await certificates(firm)
        return {
            one["competence"] or "whole": one["expires_on"]
            for one in shown
            if one["state"] not in ("revoked", "renewed")
        }

    line = (firm.learner.email, whole["key"], ago(30))
    await took(firm, (*line, "2099-01-01"), header=CURRICULUM)
    long = "2099-01-01"
    assert await held() == {selling: long, counting: ahead(10), apart: ahead(50), "whole": long}
    shorter = (*line, ago(5))
    dry = await took(firm, shorter, header=CURRICULUM, dry_run=True)
    assert (counts(dry), (await held())[selling]) == ({"updated": 1}, long)
    assert counts(await took(firm, shorter, header=CURRICULUM)) == {"updated": 1}
    short = ago(5)
    assert await held() == {selling: short, counting: short, apart: ahead(50), "whole": short}
    assert [await coverage(firm, one) for one in (selling, counting, apart)] == [0, 0, 1]
    # And once more: what was issued anew is found again, and renewed within the same assignment.
    assert counts(await took(firm, (*line, ahead(20)), header=CURRICULUM)) == {"updated": 1}
    later = ahead(20)
    assert await held() == {selling: later, counting: ahead(10), apart: ahead(50), "whole": later}
    assert [await coverage(firm, one) for one in (selling, counting, apart)] == [1, 1, 1]
    assert len({one["assignment_id"] for one in await certificates(firm)} - {None}) == 1
    assert counts(await took(firm, (*line, later), header=CURRICULUM)) == {"unchanged": 1}


async def test_an_open_assignment_of_the_curriculum_is_completed(firm: Firm):
    first, second = await published_course(firm), await published_course(firm)
    whole = await published_curriculum(firm, course_set(first, second))
    given = await assignment(firm, whole)
    made(await firm.learner.post(completion_path(given, first)), 200)
    await took(firm, (firm.learner.email, whole["key"], ago(3), ahead(300)), header=CURRICULUM)
    seen = await detail_of(firm, given)
    assert (seen["state"], seen["items_done"]) == ("completed", 2)
    [certificate] = await certificates(firm)
    assert certificate["assignment_id"] == given["id"]
    assert certificate["expires_on"] == ahead(300)


async def test_a_curriculum_that_ran_out_is_a_cycle_of_its_own(firm: Firm):
    taught = await published_course(firm, competence=a_key("till"))
    whole = await published_curriculum(firm, course_set(taught))
    given = await assignment(firm, whole)
    await took(
        firm,
        (firm.learner.email, whole["key"], ago(500), ago(100)),
        (firm.learner.email, whole["key"], ago(900), ago(500)),
        header=CURRICULUM,
    )
    assert (await detail_of(firm, given))["state"] == "assigned"
    cycles = {one["completed_on"]: one for one in await pasts(firm.learner)}
    seen = [await detail_of(firm, {"id": cycles[ago(day)]["assignment_id"]}) for day in (900, 500)]
    assert [one["cycle"] for one in seen] == [1, 2]
    # Its courses hold no longer than it does.
    assert {one["expires_on"] for one in await certificates(firm)} == {ago(100), ago(500)}
    corrected = await took(
        firm, (firm.learner.email, whole["key"], ago(500), ago(50)), header=CURRICULUM
    )
    assert counts(corrected) == {"updated": 1}


async def test_a_curriculum_of_choices_alone_says_nothing_of_its_courses(firm: Firm):
    courses = [await published_course(firm) for _ in range(2)]
    whole = await published_curriculum(firm, course_set(*courses, rule="at_least_n", n=1))
    given = await assignment(firm, whole, firm.seller)
    await took(
        firm,
        (firm.learner.email, whole["key"], ago(5), None),
        (firm.seller.email, whole["key"], ago(5), None),
        header=CURRICULUM,
    )
    [past] = await pasts(firm.learner)
    seen = await detail_of(firm, {"id": past["assignment_id"]})
    assert (seen["state"], seen["items_done"], seen["started_at"]) == ("completed", 0, None)
    assert (await detail_of(firm, given))["state"] == "completed"


async def test_a_course_of_the_curriculum_from_the_same_day_counts_once(firm: Firm):
    taught = await published_course(firm, competence=a_key("till"))
    whole = await published_curriculum(firm, course_set(taught))
    content = "\n".join(
        [
            "email,course,curriculum,completed_on",
            f"{firm.learner.email},{taught['key']},,{ago(7)}",
            f"{firm.learner.email},,{whole['key']},{ago(7)}",
        ]
    )
    assert counts(made(await send(firm.trainer, content), 200)) == {"created": 2}
    assert len([one for one in await certificates(firm) if one["competence"]]) == 1


# --- people and courses -----------------------------------------------------------------------------


async def test_people_are_found_by_employee_number_or_address(firm: Firm):
    taught = await published_course(firm)
    numbered = await firm.hire("Nora Nummer", external_id="0042")
    other = await firm.hire("Olav Ordnet", external_id="0043")
    rows = [
        ("", "0042", taught["key"], ago(3)),
        (other.email.upper(), "0043", taught["key"], ago(3)),
        ("old@firm.example", "0043", taught["key"], ago(4)),
        (other.email, "0042", taught["key"], ago(5)),
        ("", "42", taught["key"], ago(3)),
        ("nobody@firm.example", "", taught["key"], ago(3)),
        ("", "", taught["key"], ago(3)),
    ]
    answer = await took(firm, *rows, header="Mail,Ansattnummer,Kurs,Fullført")
    assert counts(answer) == {"created": 3, "failed": 4}
    assert [one["person_id"] for one in await pasts(firm.trainer, sort="completed_on")].count(
        str(other.id)
    ) == 2
    assert len(await pasts(numbered)) == 1
    assert [details(row)[0] for row in answer["rows"][3:]] == [
        (1, f"{other.email} belongs to somebody else than the number 0042"),
        (2, "Nobody has the employee number 42"),
        (1, "Nobody has the address nobody@firm.example"),
        (1, "Mail is empty"),
    ]


@pytest.mark.parametrize(
    ("row", "column", "detail"),
    [
        ("{learner},{course},{tomorrow},,,,", 3, "completed_on is {tomorrow}, which is to come"),
        ("{learner},{course},2024-02-30,,,,", 3, "completed_on is 2024-02-30, a day that does not"),
        ("{learner},{course},17/03/2024,,,,", 3, "completed_on is 17/03/2024, not a date as"),
        ("{learner},{course},1024-01-01,,,,", 3, "completed_on is 1024-01-01; years go from"),
        ("{learner},{course},,,,,", 3, "completed_on is empty"),
        ("{learner},{course},2024-01-02,2024-01-01,,,", 4, "expires_on is 2024-01-01, before it"),
        ("{learner},{course},2024-01-02,,6,,", 5, "level is 6; levels go from 1 to 5"),
        ("{learner},{course},2024-01-02,,0,,", 5, "level is 0; levels go from 1 to 5"),
        ("{learner},{course},2024-01-02,,2,,", 5, "The course gives no competence, so there is"),
        ("{learner},{course},2024-01-02,,,guess,", 6, "basis is guess, none of completed, passed"),
        ("{learner},nothing,2024-01-02,,,,", 2, "No course has the key or title nothing"),
        ("{learner},{draft},2024-01-02,,,,", 2, "The course {draft} has no published version"),
        ("{learner},,2024-01-02,,,,", 2, "course is empty"),
        ("{trainer},{course},2024-01-02,,,,", 1, "Nobody records a completion of their own"),
        ("not an address,{course},2024-01-02,,,,", 1, "not an address is no e-mail address"),
        ("{learner},{course},2024-01-02,,,,=1+1", 7, "A formula in a cell"),
        ("{learner},{course},2024-01-02,,,,,x", 8, "Too many cells: 8 where the header has 7"),
    ],
)
async def test_what_is_wrong_is_told_with_line_and_column(
    firm: Firm, row: str, column: int, detail: str
):
    names = {
        "learner": firm.learner.email,
        "trainer": firm.trainer.email,
        "course": (await published_course(firm))["key"],
        "draft": (await course(firm.trainer))["key"],
        "tomorrow": ahead(1),
    }
    good = f"{firm.seller.email},{names['course']},{ago(1)},,,,"
    content = "\n".join([COURSE, good, "", row.format(**names)])
    answer = made(await send(firm.trainer, content), 200)
    assert counts(answer) == {"created": 1, "failed": 1}
    assert answer["rows"][1]["line"] == 4
    [(where, why)] = details(answer["rows"][1])
    assert (where, why[: len(detail.format(**names))]) == (column, detail.format(**names))


async def test_curricula_have_neither_levels_nor_courses_beside_them(firm: Firm):
    whole = await published_curriculum(firm)
    unpublished = await curriculum(firm)
    taught = await published_course(firm, title="Twice the same")
    await published_course(firm, title="Twice the same")
    await published_curriculum(firm)
    header = "email,course,curriculum,completed_on,level"
    who = firm.learner.email
    rows = [
        (who, taught["key"], whole["key"], ago(1), None),
        (who, None, whole["key"], ago(1), 3),
        (who, None, unpublished["key"], ago(1), None),
        (who, None, "nothing", ago(1), None),
        (who, "twice THE same", None, ago(1), None),
        (who, None, whole["title"], ago(1), None),
    ]
    answer = await took(firm, *rows, header=header)
    assert [details(row)[0] for row in answer["rows"]] == [
        (3, "A row is about a course or a curriculum, not about both"),
        (5, "A curriculum has no level"),
        (3, f"The curriculum {unpublished['key']} has no published version"),
        (3, "No curriculum has the key or title nothing"),
        (2, "2 courses are called twice THE same: name the key"),
        (3, f"3 curricula are called {whole['title']}: name the key"),
    ]


async def test_the_same_completion_twice_in_a_file_is_skipped(firm: Firm):
    taught = await published_course(firm)
    row = (firm.learner.email, taught["key"], ago(3), None, None, None, None)
    answer = await took(firm, row, row, header=COURSE)
    assert counts(answer) == {"created": 1, "skipped": 1}
    assert answer["rows"][1]["remarks"][0]["detail"] == "The same completion stands in line 2."


async def test_the_version_that_was_taught_on_the_day_counts(firm: Firm):
    competence = a_key("till")
    taught = await published_course(firm, competence=competence, level=1)
    path = f"/v1/courses/{taught['id']}/versions"
    grants = {"competence": competence, "level": 4}
    made(await firm.trainer.post(path, {"grants": grants}))
    made(await firm.trainer.post(f"{path}/2/publication"), 200)
    await took(
        firm,
        (firm.learner.email, taught["key"], ago(30), None, None, None, None),
        (firm.seller.email, taught["key"], TODAY.isoformat(), None, None, None, None),
        header=COURSE,
    )
    [before] = await certificates(firm)
    [after] = await certificates(firm, firm.seller)
    assert (before["course_version"], before["level"]) == (1, 1)
    assert (after["course_version"], after["level"]) == (2, 4)


async def test_days_are_read_as_the_file_writes_them_and_by_a_map(firm: Firm):
    taught = await published_course(firm)
    content = (
        "\ufeffWer;Was;Wann\n"
        f"{firm.learner.email};{taught['key']};17.03.2024\n"
        f"{firm.seller.email};{taught['key']};2024-03-17T14:20:00Z\n"
        f"{firm.lead.email};{taught['key']};17.03.2024 14:20\n"
    )
    mapping = {"email": "wer", "course": "Was", "completed_on": "Wann"}
    answer = await send(firm.trainer, content, mapping, date_format="DD.MM.YYYY")
    assert counts(made(answer, 200)) == {"created": 3}
    assert {one["completed_on"] for one in await pasts(firm.trainer)} == {"2024-03-17"}
    lacking = made(await send(firm.trainer, content), 422)
    assert len(lacking["errors"]) == 3
    wrong = made(await send(firm.trainer, content, {"completed_on": "Wann"}), 422)
    assert wrong["errors"][0]["detail"].startswith("There is no column for email / employee_number")


# --- who may, and at once ---------------------------------------------------------------------------


async def test_only_trainers_import_completions_and_each_sees_their_own_and_their_peoples(
    firm: Firm, stranger: Person
):
    taught = await published_course(firm)
    row = (firm.learner.email, taught["key"], ago(3), None, None, None, None)
    content = ",".join("" if cell is None else str(cell) for cell in row)
    for person in (firm.learner, firm.manager, firm.admin, firm.lead):
        assert (await send(person, f"{COURSE}\n{content}")).status_code == 403
    foreign = made(await send(stranger, f"{COURSE}\n{content}"), 200)
    assert counts(foreign) == {"failed": 1}
    assert len(foreign["rows"][0]["errors"]) == 2
    await took(firm, row, header=COURSE)
    assert len(await pasts(firm.learner)) == len(await pasts(firm.admin)) == 1
    assert await pasts(firm.manager) == await pasts(firm.seller) == await pasts(stranger) == []
    mine = {"manager_id": str(firm.manager.id)}
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", mine), 200)
    await firm.product.catch_up()
    assert len(await pasts(firm.manager)) == 1


async def test_whoever_left_has_a_history_too(firm: Firm):
    taught = await published_course(firm, competence=a_key("till"))
    gone = await firm.hire("Borte")
    made(await firm.admin.patch(f"/v1/people/{gone.id}", {"active": False}), 200)
    await firm.product.catch_up()
    row = (gone.email, taught["key"], ago(3), None, None, None, None)
    assert counts(await took(firm, row, header=COURSE)) == {"created": 1}


async def test_somebody_who_was_just_hired_is_found(firm: Firm):
    taught = await published_course(firm)
    email = f"{a_key('ny')}@firm.example"
    made(await firm.admin.post("/v1/people", {"name": "Ny Ansatt", "email": email}))
    row = (email, taught["key"], ago(0), None, None, None, None)
    assert counts(await took(firm, row, header=COURSE)) == {"created": 1}


async def test_two_imports_at_once_take_each_completion_in_once(firm: Firm):
    taught = await published_course(firm, competence=a_key("till"))
    people = [firm.learner, firm.seller, firm.lead, await firm.hire("To", Role.seller)]
    rows = [f"{one.email},{taught['key']},{ago(3)},,,," for one in people]
    content = "\n".join([COURSE, *rows])
    answers = await asyncio.gather(*(send(firm.trainer, content) for _ in range(3)))
    results = sorted(str(counts(made(answer, 200))) for answer in answers)
    assert results == ["{'created': 4}", "{'unchanged': 4}", "{'unchanged': 4}"]
    assert len(await certificates(firm)) == 1


async def test_waivers_and_completions_together_complete_an_assignment(firm: Firm):
    first, second = await published_course(firm), await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, course_set(first, second)))
    waiver = {"reason": "tested_out", "valid_until": ahead(60)}
    path = f"/v1/assignments/{given['id']}/items/{first['key']}/waivers"
    made(await firm.trainer.post(path, waiver))
    row = (firm.learner.email, second["key"], ago(3), None, None, None, None)
    await took(firm, row, header=COURSE)
    assert (await detail_of(firm, given))["state"] == "completed"
    [certificate] = await certificates(firm)
    assert certificate["expires_on"] == ahead(60)
    assert date.fromisoformat(certificate["issued_on"]) <= TODAY
