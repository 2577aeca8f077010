"""Courses from a file: what lands, what is told, and the same file twice."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from services.onboarding.api.course_imports import CourseImport
from tests.conftest import Firm, Person
from tests.onboarding.makers import a_key, course_draft, made, published_course, tool, unit

FILE = """\
Kursuskode;Kursus;Varighed;Kompetence;Niveau;Link;Sprog;Underviser
kunden;Kunden i skranken;1:30;Kundeservice;2;;da;Tora
kassen;Kassen;20;;;https://lms.example/kassen;da;Tora
"""


async def send(
    person: Person,
    content: str | bytes,
    mapping: dict[str, str] | str | None = None,
    *,
    dry_run: bool = False,
    **form: Any,
) -> httpx.Response:
    files = {"file": ("courses.csv", content, "text/csv")}
    if mapping is not None:
        form["mapping"] = mapping if isinstance(mapping, str) else json.dumps(mapping)
    query = {"dry_run": "true"} if dry_run else {}
    return await person.upload("/v1/imports/courses", files, form, **query)


def counts(answer: dict[str, Any]) -> dict[str, int]:
    rows = ("created", "updated", "unchanged", "skipped", "failed")
    return {name: answer[name] for name in rows if answer[name]}


async def course_called(firm: Firm, key: str) -> dict[str, Any]:
    [found] = made(await firm.learner.get("/v1/courses", key=key), 200)["items"]
    course: dict[str, Any] = found
    return course


async def version_of(firm: Firm, course: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return made(await firm.learner.get(f"/v1/courses/{course['id']}/versions/{number}"), 200)


def details(row: dict[str, Any]) -> list[tuple[int | None, str]]:
    return [(one["column"], one["detail"]) for one in row["errors"]]


async def test_courses_land_published_with_their_units_and_what_they_give(firm: Firm):
    answer = made(await send(firm.trainer, FILE), 200)
    assert CourseImport.model_validate(answer)
    assert counts(answer) == {"created": 2}
    assert answer["ignored_columns"] == ["Underviser"]
    course = await course_called(firm, "kunden")
    assert course["id"] == answer["rows"][0]["course_id"]
    assert (course["title"], course["language"], course["current_version"]) == (
        *("Kunden i skranken", "da"),
        1,
    )
    assert course["owner_id"] == str(firm.trainer.id)
    version = await version_of(firm, course)
    assert version["grants"] == {"competence": "kundeservice", "level": 2}
    assert version["minutes"] == 90
    other = await version_of(firm, await course_called(firm, "kassen"))
    [only] = other["units"]
    assert (only["kind"], only["link"], only["title"], only["minutes"]) == (
        *("external_link", "https://lms.example/kassen", "Kassen"),
        20,
    )


async def test_the_same_file_twice_changes_nothing(firm: Firm):
    made(await send(firm.trainer, FILE), 200)
    before = await course_called(firm, "kunden")
    answer = made(await send(firm.trainer, FILE), 200)
    assert counts(answer) == {"unchanged": 2}
    assert await course_called(firm, "kunden") == before


async def test_a_dry_run_tells_the_same_and_writes_nothing(firm: Firm):
    answer = made(await send(firm.trainer, FILE, dry_run=True), 200)
    assert answer["dry_run"]
    assert counts(answer) == {"created": 2}
    assert [row["course_id"] for row in answer["rows"]] == [None, None]
    assert made(await firm.trainer.get("/v1/courses"), 200)["items"] == []
    made(await send(firm.trainer, FILE), 200)
    changed = FILE.replace("Kassen;20", "Kassen;25").replace("Kunden i", "Kunderne i")
    answer = made(await send(firm.trainer, changed, dry_run=True), 200)
    assert counts(answer) == {"updated": 2}
    course = await course_called(firm, "kunden")
    assert (course["title"], course["newest_version"]) == ("Kunden i skranken", 1)


async def test_rows_of_a_course_are_its_units_in_their_order(firm: Firm):
    content = """\
key,title,unit,kind,minutes,competence,level,text
till,The till,Open it,video,5,tills,1,Look twice
till,,Open it,exercise,10,,,
till,The till,Close it,,15,tills,1,
till,The till,,,,,,
"""
    answer = made(await send(firm.trainer, content), 200)
    assert counts(answer) == {"created": 3, "skipped": 1}
    # Rows are counted, and the courses beside them.
    assert (answer["courses_created"], answer["courses_updated"]) == (1, 0)
    assert "line 2" in answer["rows"][3]["remarks"][0]["detail"]
    version = await version_of(firm, await course_called(firm, "till"))
    assert [(u["key"], u["kind"], u["minutes"]) for u in version["units"]] == [
        ("open-it", "video", 5),
        ("open-it-2", "exercise", 10),
        ("close-it", "reading", 15),
    ]
    assert version["minutes"] == 30


async def test_drafts_are_kept_as_drafts_and_follow_the_file(firm: Firm):
    content = "title,minutes\nThe till,10\n"
    made(await send(firm.trainer, content, default_state="draft"), 200)
    course = await course_called(firm, "the-till")
    assert course["current_version"] is None
    answer = made(await send(firm.trainer, content.replace("10", "12"), default_state="draft"), 200)
    assert counts(answer) == {"updated": 1}
    assert (await version_of(firm, course))["minutes"] == 12
    # Asked for as published, the draft is.
    answer = made(await send(firm.trainer, content.replace("10", "12")), 200)
    assert counts(answer) == {"updated": 1}
    assert (await course_called(firm, "the-till"))["current_version"] == 1


async def test_of_what_is_published_only_a_draft_is_made(firm: Firm):
    made(await send(firm.trainer, FILE), 200)
    changed = FILE.replace("Kassen;20", "Kassen;25")
    answer = made(await send(firm.trainer, changed), 200)
    assert counts(answer) == {"updated": 1, "unchanged": 1}
    assert "version 2 is a draft" in answer["rows"][1]["remarks"][0]["detail"]
    course = await course_called(firm, "kassen")
    assert (course["current_version"], course["newest_version"]) == (1, 2)
    answer = made(await send(firm.trainer, changed), 200)
    assert counts(answer) == {"unchanged": 2}
    assert "publish it" in answer["rows"][1]["remarks"][0]["detail"]


async def test_a_course_is_found_by_its_title_where_the_file_has_no_keys(firm: Firm):
    there = await published_course(firm, title="Kassen og kunden")
    content = "title,minutes\nkassen OG kunden,45\n"
    answer = made(await send(firm.trainer, content), 200)
    assert answer["rows"][0]["course_id"] == there["id"]
    assert counts(answer) == {"updated": 1}
    await published_course(firm, title="Kassen OG kunden")
    answer = made(await send(firm.trainer, content), 200)
    assert details(answer["rows"][0]) == [
        (1, "2 courses are called kassen OG kunden: name the key")
    ]


async def test_a_course_without_a_version_gets_its_first_one(firm: Firm):
    key = a_key("empty")
    made(await firm.trainer.post("/v1/courses", {"key": key, "title": "Nothing yet"}))
    answer = made(await send(firm.trainer, f"key,title,minutes\n{key},Nothing yet,5\n"), 200)
    assert counts(answer) == {"updated": 1}
    assert (await course_called(firm, key))["current_version"] == 1


async def test_tools_and_owners_are_found_by_key_and_address(firm: Firm):
    till = await tool(firm, name="Till")
    content = (
        "key,title,tool,owner,minutes\n"
        f"a,First one,{till['key']},{firm.seller.email.upper()},5\n"
        "b,Second one,nothing,,5\n"
        "c,Third one,,nobody@firm.example,5\n"
    )
    answer = made(await send(firm.trainer, content), 200)
    first = await course_called(firm, "a")
    assert (first["tool_id"], first["owner_id"]) == (till["id"], str(firm.seller.id))
    assert [details(row) for row in answer["rows"][1:]] == [
        [(3, "No tool has the key nothing")],
        [(4, "No active person has the address nobody@firm.example")],
    ]


@pytest.mark.parametrize(
    ("row", "column", "detail"),
    [
        ("a,Till,6,tills,,10,", 3, "level is 6; levels go from 1 to 5"),
        ("a,Till,2.0,tills,,10,", 3, "level is 2.0; levels go from 1 to 5"),
        ("a,Till,,tills,,10,", 4, "competence stands there without a level"),
        ("a,Till,2,,,10,", 3, "level stands there without a competence"),
        ("a,Till,,,,0,", 6, "minutes is 0; minutes go from 1 to 10000"),
        ("a,Till,,,,45:00,", 6, "minutes is 45:00, not minutes as 90 or 1:30"),
        ("a,Till,,,,soon,", 6, "minutes is soon, not minutes as 90 or 1:30"),
        ("a,Till,,,,,", 6, "minutes is empty, and nothing was said of rows without minutes"),
        ("a,,,,,10,", None, "The course a has no title"),
        (",,,,,10,", 2, "title is empty"),
        (",***,,,,10,", 2, "title has no letters to make a key of; name it in a column key"),
        ("a,Till,,,,10,javascript:alert(1)", 7, "link is javascript:alert(1), no address"),
        ("a,Till,,,quizzes,10,", 5, "kind is quizzes, none of reading, video"),
        ("a,Till,,,external link,10,", 7, "link is empty, and the unit is a link"),
        ("a,=HYPERLINK(1),,,,10,", 2, "A formula in a cell"),
        ("a,Till", 3, "Too few cells: 2 where the header has 7"),
        ("***,Till,,,,10,", 1, "key is ***, which has no letters"),
    ],
)
async def test_what_is_wrong_is_told_with_line_and_column(
    firm: Firm, row: str, column: int | None, detail: str
):
    content = f"key,title,level,competence,kind,minutes,link\ngood,Good one,,,,5,\n{row}\n"
    answer = made(await send(firm.trainer, content), 200)
    assert counts(answer) == {"created": 1, "failed": 1}
    failed = answer["rows"][1]
    assert failed["line"] == 3
    [(where, why)] = details(failed)
    assert (where, why[: len(detail)]) == (column, detail)


async def test_what_is_wrong_with_one_row_takes_the_course_along(firm: Firm):
    content = """\
key,title,unit,minutes,language,state
a,Till,One,5,nb,draft
a,Till,Two,much,,
a,Tull,Three,5,,
b,Other,One,5,norsk,0
c,Third,One,5,nb_no,hidden
c,Third,Two,5,,retired
"""
    answer = made(await send(firm.trainer, content), 200)
    assert counts(answer) == {"failed": 6}
    told = [details(row)[0] for row in answer["rows"]]
    assert told == [
        (None, "Another row of the course a is wrong"),
        (4, "minutes is much, not minutes as 90 or 1:30"),
        (2, "title is Tull, but Till in line 2"),
        (5, "norsk is no language tag as nb or nb-NO"),
        (None, "Another row of the course c is wrong"),
        (6, "state is retired, neither draft nor published"),
    ]
    assert made(await firm.trainer.get("/v1/courses"), 200)["items"] == []


async def test_too_many_units_and_two_rows_of_the_same_course_by_title_are_refused(firm: Firm):
    rows = "".join(f"a,Till,Unit {n},5\n" for n in range(201))
    answer = made(await send(firm.trainer, "key,title,unit,minutes\n" + rows), 200)
    assert details(answer["rows"][200]) == [(3, "The course has more than 200 units")]
    there = await published_course(firm, title="Kassen")
    both = f"title,minutes,key\nKassen,5,\nKassen,5,{there['key']}\n"
    answer = made(await send(firm.trainer, both), 200)
    assert counts(answer) == {"updated": 1, "failed": 1}


@pytest.mark.parametrize(
    ("content", "column", "detail"),
    [
        ("", None, "The file is empty"),
        ("name\nTill\n", None, None),
        ("minutes,key\n5,a\n", None, "There is no column for title; name it one of: title,"),
        ("title,title,minutes\nA,B,5\n", 2, "Column title stands twice"),
        ("title,Course name,minutes\nA,B,5\n", 2, "Columns title and Course name both say title"),
        ("kode/navn\nTill\n", None, "Only one column was found"),
        ("title,minutes\nKundebehøv,5\n".encode("cp1252"), 1, "Not UTF-8 at character"),
        (b"PK\x03\x04rest", None, "This is a workbook or archive"),
        ("title,minutes\n\x00,5\n", 1, "A NUL byte"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    firm: Firm, content: str | bytes, column: int | None, detail: str | None
):
    answer = await send(firm.trainer, content, default_minutes="5")
    if detail is None:
        # A single column of titles is a file of courses, too.
        assert counts(made(answer, 200)) == {"created": 1}
        return
    problem = made(answer, 422)
    [error] = problem["errors"]
    assert error["detail"].startswith(detail)


async def test_byte_order_mark_and_other_delimiters_are_understood(firm: Firm):
    content = "\ufefftitle\tminutes\nOpplæring på gulvet\t5\n".encode()
    assert counts(made(await send(firm.trainer, content), 200)) == {"created": 1}
    assert (await course_called(firm, "opplaering-paa-gulvet"))["title"] == "Opplæring på gulvet"
    utf_16 = "title|minutes\nØkonomi|5\n".encode("utf-16")
    assert counts(made(await send(firm.trainer, utf_16), 200)) == {"created": 1}


async def test_a_map_says_which_column_is_which(firm: Firm):
    content = "Bezeichnung,Kürzel,Dauer\nTill,T-1,10\n"
    mapping = {"title": "Bezeichnung", "key": "kürzel", "minutes": "Dauer"}
    assert counts(made(await send(firm.trainer, content, mapping), 200)) == {"created": 1}
    assert (await course_called(firm, "t-1"))["title"] == "Till"
    wrong = made(await send(firm.trainer, content, {"title": "Titel"}), 422)
    assert wrong["errors"][0]["detail"].startswith("Column Titel, named for title, is not in")
    for mapping in ("not json", {"titles": "A"}, {"key": "Kürzel"}):
        refused = made(await send(firm.trainer, content, mapping), 422)
        assert refused["detail"] == "The mapping is not valid."


async def test_only_trainers_import_courses(firm: Firm):
    for person in (firm.learner, firm.manager, firm.admin, firm.seller):
        assert (await send(person, FILE)).status_code == 403
    refused = await send(firm.trainer, FILE, default_state="retired")
    assert made(refused, 422)["errors"][0]["pointer"] == "/default_state"


async def test_two_imports_at_once_make_each_course_once(firm: Firm):
    answers = await asyncio.gather(*(send(firm.trainer, FILE) for _ in range(3)))
    results = sorted(str(counts(made(answer, 200))) for answer in answers)
    assert results == ["{'created': 2}", "{'unchanged': 2}", "{'unchanged': 2}"]


async def test_a_file_says_nothing_of_what_it_leaves_out(firm: Firm):
    there = await published_course(firm, competence="tills", level=3, title="Kassen", language="nb")
    await course_draft(firm.trainer, there, units=[unit("kassen", 5)])
    answer = made(await send(firm.trainer, "title,minutes\nKassen,5\n"), 200)
    assert counts(answer) == {"updated": 1}
    version = await version_of(firm, there, 2)
    assert version["grants"] == {"competence": "tills", "level": 3}
    assert (await course_called(firm, there["key"]))["language"] == "nb"
