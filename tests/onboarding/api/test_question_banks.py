"""Question banks: kept by trainers, hidden from everybody else, filled by hand and from GIFT."""

import asyncio
import json
from pathlib import Path

import pytest

from services.onboarding.api.bank_questions import QuestionOut, QuestionPage
from services.onboarding.api.gift_imports import GiftImport
from services.onboarding.api.question_banks import QuestionBankOut, QuestionBankPage
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    a_key,
    bank_question,
    gift,
    made,
    published_course,
    question_bank,
    told,
    true_or_false,
)

GIFT = Path(__file__).parent.parent / "gift"
SECRET = "Bykassen"
QUESTIONS = {
    "multiple_choice": {
        "single": False,
        "choices": [
            {"text": {"text": SECRET}, "weight": 50, "feedback": {"text": "Yes"}},
            {"text": {"format": "html", "text": "<b>b</b>"}, "weight": 50},
            {"text": {"text": "c"}, "weight": -100},
        ],
    },
    "true_false": {"answer": True, "feedback_true": {"text": SECRET}},
    "short_answer": {"answers": [{"text": SECRET}]},
    "numerical": {"answers": [{"low": "1,5", "high": "2"}], "other_feedback": {"text": SECRET}},
    "matching": {
        "pairs": [
            {"text": {"text": "a"}, "answer": SECRET},
            {"text": {"text": "b"}, "answer": "B"},
        ]
    },
    "essay": {},
    "description": {},
}


def of_kind(kind: str, **fields) -> dict:
    return {"kind": kind, "text": {"text": f"About {kind}"}, "content": QUESTIONS[kind], **fields}


def questions_path(bank: dict) -> str:
    return f"/v1/question-banks/{bank['id']}/questions"


async def test_a_bank_holds_questions_of_every_kind(firm: Firm):
    bank = await question_bank(firm, *map(of_kind, QUESTIONS))
    kept = made(await firm.trainer.get(questions_path(bank)), 200)
    assert QuestionPage.model_validate(kept)
    assert [q["kind"] for q in reversed(kept["items"])] == list(QUESTIONS)
    number = next(q for q in kept["items"] if q["kind"] == "numerical")
    assert number["content"]["answers"] == [
        {"low": "1.5", "high": "2", "weight": 100.0, "feedback": None}
    ]
    [essay] = made(await firm.trainer.get(questions_path(bank), kind="essay"), 200)["items"]
    one = await firm.trainer.get(f"{questions_path(bank)}/{essay['id']}")
    assert QuestionOut.model_validate(one.json())
    assert one.headers["ETag"] == '"1"'
    known = made(await firm.trainer.get(f"/v1/question-banks/{bank['id']}"), 200)
    assert QuestionBankOut.model_validate(known).questions == len(QUESTIONS)


async def test_banks_are_listed_and_changed(firm: Firm):
    course = await published_course(firm)
    bank = await question_bank(firm, course_id=course["id"])
    other = await question_bank(firm, title="Zebras")
    page = made(await firm.trainer.get("/v1/question-banks", sort="title"), 200)
    assert QuestionBankPage.model_validate(page)
    assert [b["id"] for b in page["items"]] == [bank["id"], other["id"]]
    by_course = await firm.trainer.get("/v1/question-banks", course_id=course["id"])
    assert [b["id"] for b in made(by_course, 200)["items"]] == [bank["id"]]
    path = f"/v1/question-banks/{bank['id']}"
    changed = made(await firm.trainer.patch(path, {"title": "The counter"}), 200)
    assert (changed["title"], changed["version"]) == ("The counter", 2)
    assert (await firm.trainer.patch(path, {"title": "Late"}, etag='"1"')).status_code == 412
    assert (await firm.trainer.patch(path, {"title": "Late"}, etag="")).status_code == 428
    assert (await firm.trainer.patch(path, {"key": "other"})).status_code == 422
    [event] = await told(firm, "question-bank.changed")
    assert event["data"]["after"] == {"title": "The counter"}
    key = {"key": bank["key"], "title": "Again"}
    assert (await firm.trainer.post("/v1/question-banks", key)).status_code == 409
    nowhere = {"key": a_key("bank"), "title": "Nowhere", "tool_id": bank["id"]}
    assert (await firm.trainer.post("/v1/question-banks", nowhere)).status_code == 422


async def test_nobody_but_trainers_sees_or_changes_a_bank(firm: Firm, stranger: Person):
    bank = await question_bank(firm)
    question = await bank_question(firm, bank)
    path = f"/v1/question-banks/{bank['id']}"
    one = f"{path}/questions/{question['id']}"
    for person in (firm.learner, firm.manager, firm.admin, firm.seller):
        answers = [
            await person.get("/v1/question-banks"),
            await person.get(path),
            await person.get(f"{path}/questions"),
            await person.get(one),
            await person.post("/v1/question-banks", {"key": a_key("bank"), "title": "Mine"}),
            await person.post(f"{path}/questions", true_or_false("Mine")),
            await person.patch(path, {"title": "Mine"}, etag="*"),
            await person.patch(one, {"title": "Mine"}, etag="*"),
            await person.delete(one, etag="*"),
            await gift(person, bank, "q{T}"),
        ]
        assert {answer.status_code for answer in answers} == {403}
    elsewhere = [
        await stranger.get(path),
        await stranger.get(f"{path}/questions"),
        await stranger.get(one),
        await stranger.post(f"{path}/questions", true_or_false("Mine")),
        await stranger.patch(one, {"title": "Mine"}, etag="*"),
        await gift(stranger, bank, "q{T}"),
    ]
    assert {answer.status_code for answer in elsewhere} == {404}


async def test_a_question_is_changed_and_removed(firm: Firm):
    bank, other = await question_bank(firm), await question_bank(firm)
    question = await bank_question(firm, bank)
    path = f"{questions_path(bank)}/{question['id']}"
    changed = made(
        await firm.trainer.patch(path, {"content": {"answer": False}, "tags": ["Till"]}), 200
    )
    assert (changed["content"]["answer"], changed["tags"]) == (False, ["till"])
    assert made(await firm.trainer.patch(path, {"tags": ["till"]}), 200)["version"] == 2
    [event] = await told(firm, "question.changed")
    assert event["data"]["fields"] == ["content", "tags"]
    assert (await firm.trainer.patch(path, {"title": "Late"}, etag='"1"')).status_code == 412
    wrong = f"{questions_path(other)}/{question['id']}"
    assert (await firm.trainer.get(wrong)).status_code == 404
    assert (await firm.trainer.patch(wrong, {"title": "x"}, etag="*")).status_code == 404
    assert (await firm.trainer.delete(wrong, etag="*")).status_code == 404
    assert (await firm.trainer.delete(path, etag='"1"')).status_code == 412
    assert (await firm.trainer.delete(path)).status_code == 204
    assert (await firm.trainer.get(path)).status_code == 404
    assert len(await told(firm, "question.removed")) == 1


async def test_a_text_that_is_changed_keeps_how_it_is_written(firm: Firm):
    bank = await question_bank(firm)
    html = {"format": "html", "text": "<b>What</b> comes first?"}
    question = await bank_question(firm, bank, true_or_false() | {"text": html})
    path = f"{questions_path(bank)}/{question['id']}"
    given = {"text": {"text": "<i>Who</i> comes first?"}, "general_feedback": {"text": "See 4.2"}}
    changed = made(await firm.trainer.patch(path, given), 200)
    assert changed["text"] == {"format": "html", "text": "<i>Who</i> comes first?"}
    assert changed["general_feedback"] == {"format": "plain", "text": "See 4.2"}
    assert (
        made(await firm.trainer.patch(path, {"general_feedback": None}), 200)["general_feedback"]
        is None
    )


@pytest.mark.parametrize(
    ("question", "pointer"),
    [
        ({"kind": "riddle", "text": {"text": "q"}, "content": {}}, ""),
        (of_kind("essay", content={"answer": True}), "/content/answer"),
        (of_kind("essay", text={"text": ""}), "/text/text"),
        (of_kind("essay", text={"text": "\x00"}), "/text/text"),
        (of_kind("essay", title="\ud800"), "/title"),
        (of_kind("essay", tags=["two words"]), "/tags/0"),
        (of_kind("true_false", content={}), "/content/answer"),
        (of_kind("true_false", content={"answer": "yes"}), "/content/answer"),
        (of_kind("multiple_choice", content={"choices": []}), "/choices"),
        (
            of_kind("multiple_choice", content={"choices": [{"text": {"text": "a"}}] * 2}),
            "/choices",
        ),
        (of_kind("short_answer", content={"answers": []}), "/content/answers"),
        (
            of_kind("short_answer", content={"answers": [{"text": "a", "weight": 101}]}),
            "/content/answers/0/weight",
        ),
        (
            of_kind("short_answer", content={"answers": [{"text": "a", "weight": 0}]}),
            "/answers",
        ),
        (
            of_kind("numerical", content={"answers": [{"low": "two", "high": "3"}]}),
            "/content/answers/0/low",
        ),
        (
            of_kind("numerical", content={"answers": [{"low": "4", "high": "3"}]}),
            "/answers/0/high",
        ),
        (of_kind("matching", content={"pairs": []}), "/pairs"),
    ],
)
async def test_a_question_that_cannot_do_is_refused(firm: Firm, question: dict, pointer: str):
    bank = await question_bank(firm)
    answer = await firm.trainer.request(
        "POST",
        questions_path(bank),
        content=json.dumps(question).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert any(error["pointer"].endswith(pointer) for error in answer.json()["errors"])


async def test_a_change_must_fit_the_kind(firm: Firm):
    bank = await question_bank(firm)
    question = await bank_question(firm, bank)
    path = f"{questions_path(bank)}/{question['id']}"
    answer = await firm.trainer.patch(path, {"content": {"choices": []}})
    assert answer.status_code == 422
    assert {e["pointer"] for e in answer.json()["errors"]} == {
        "/content/answer",
        "/content/choices",
    }
    assert (await firm.trainer.patch(path, {"text": None})).status_code == 422
    assert (await firm.trainer.patch(path, {"kind": "essay"})).status_code == 422


async def test_a_bank_has_the_same_question_once(firm: Firm):
    bank = await question_bank(firm)
    path = questions_path(bank)
    answers = await asyncio.gather(*(firm.trainer.post(path, true_or_false()) for _ in range(4)))
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409]
    named = {**true_or_false(), "external_id": "7"}
    made(await firm.trainer.post(path, named))
    again = {**true_or_false("Another"), "external_id": "7"}
    assert (await firm.trainer.post(path, again)).status_code == 409


async def test_no_event_tells_what_is_right(firm: Firm):
    bank = await question_bank(firm, *map(of_kind, QUESTIONS))
    made(
        await gift(firm.trainer, bank, f"// [id:1]\nWhich till?{{={SECRET} ~Other#{SECRET}}}"), 200
    )
    made(await gift(firm.trainer, bank, f"// [id:1]\nWhat till?{{={SECRET} ~Other}}"), 200)
    feed = await firm.learner.get("/v1/events", limit=200)
    assert len(await told(firm, "question.created")) == len(QUESTIONS) + 1
    [event] = await told(firm, "question.changed")
    assert event["data"]["fields"] == ["content", "text"]
    for text in (SECRET, "Which till", "About essay", "choices"):
        assert text not in feed.text


# --- GIFT -----------------------------------------------------------------------------------------


async def test_files_are_imported_and_twice_add_nothing(firm: Firm):
    bank = await question_bank(firm)
    # In one of the files the same description stands twice.
    content = b"\n\n".join(path.read_bytes() for path in sorted(GIFT.glob("*.gift")))
    tried = made(await gift(firm.trainer, bank, content, dry_run=True), 200)
    assert made(await firm.trainer.get(questions_path(bank)), 200)["items"] == []
    first = made(await gift(firm.trainer, bank, content), 200)
    assert GiftImport.model_validate(first)
    assert (first["created"], first["failed"]) == (tried["created"], 0)
    assert first["created"] > 40
    again = made(await gift(firm.trainer, bank, content), 200)
    assert (again["created"], again["updated"], again["failed"]) == (0, 0, 0)
    assert again["unchanged"] == len(first["rows"])
    kept = made(await firm.trainer.get(questions_path(bank), limit=200), 200)["items"]
    created = {row["question_id"] for row in first["rows"] if row["result"] == "created"}
    assert {q["id"] for q in kept} == created


async def test_good_questions_land_and_the_others_are_told_with_their_place(firm: Firm):
    bank = await question_bank(firm)
    text = "$CATEGORY: till\n\nGood?{T}\n\nBad{=a\n\nAlso good?{=yes ~no}\n\nGood?{T}"
    answer = made(await gift(firm.trainer, bank, text), 200)
    assert [row["result"] for row in answer["rows"]] == [
        "created",
        "failed",
        "created",
        "created",
    ]
    assert answer["rows"][1]["errors"] == [
        {
            "line": 5,
            "column": 4,
            "detail": "This brace is not closed before the next empty line",
        }
    ]
    assert answer["categories"] == ["till"]
    moved = made(await gift(firm.trainer, bank, "$CATEGORY: counter\n\nGood?{T}"), 200)
    assert (moved["updated"], moved["created"]) == (1, 0)


async def test_a_question_that_stands_twice_in_a_file_is_kept_twice_and_told_by_its_id(firm: Firm):
    bank = await question_bank(firm)
    content = (GIFT / "markdown.gift").read_bytes()
    expected = json.loads((GIFT / "markdown.json").read_text())
    first = made(await gift(firm.trainer, bank, content), 200)
    assert (first["created"], first["unchanged"]) == (len(expected), 0)
    kept = made(await firm.trainer.get(questions_path(bank)), 200)["items"]
    assert sorted(q["text"]["text"] for q in kept) == sorted(q["stem"]["text"] for q in expected)
    ids = [row["question_id"] for row in first["rows"]]
    assert len(set(ids)) == len(expected)
    # What it is filed under does not make it another question.
    again_path = f"{questions_path(bank)}/{ids[-1]}"
    made(await firm.trainer.patch(again_path, {"category": "lists"}), 200)
    made(await firm.trainer.patch(again_path, {"category": None}), 200)
    again = made(await gift(firm.trainer, bank, content), 200)
    assert (again["unchanged"], [row["question_id"] for row in again["rows"]]) == (4, ids)


async def test_an_id_says_which_question_it_is(firm: Firm):
    bank = await question_bank(firm)
    first = made(await gift(firm.trainer, bank, "// [id:7]\nHow many?{#5}"), 200)
    changed = made(await gift(firm.trainer, bank, "// [id:7]\nHow many?{#6}"), 200)
    assert [row["result"] for row in changed["rows"]] == ["updated"]
    assert changed["rows"][0]["question_id"] == first["rows"][0]["question_id"]
    twice = made(
        await gift(firm.trainer, bank, "// [id:7]\nHow many?{#6}\n\n// [id:7]\nOther?{T}"), 200
    )
    assert [row["result"] for row in twice["rows"]] == ["unchanged", "failed"]
    other_kind = made(await gift(firm.trainer, bank, "// [id:7]\nHow many?{T}"), 200)
    assert [row["result"] for row in other_kind["rows"]] == ["failed"]
    dry = made(await gift(firm.trainer, bank, "// [id:7]\nHow few?{#6}", dry_run=True), 200)
    assert dry["updated"] == 1
    [kept] = made(await firm.trainer.get(questions_path(bank)), 200)["items"]
    assert kept["text"]["text"] == "How many?"


async def test_what_is_not_gift_changes_nothing(firm: Firm):
    bank = await question_bank(firm)
    for content in (b"PK\x03\x04", b"\xff\xfe\x00", b"Dear all", b"", b'{"a": 1}'):
        answer = await gift(firm.trainer, bank, content)
        assert answer.status_code == 422, content
        assert answer.json()["errors"][0]["line"] == 1
    assert made(await firm.trainer.get(questions_path(bank)), 200)["items"] == []


async def test_two_imports_at_once_add_each_question_once(firm: Firm):
    bank = await question_bank(firm)
    answers = await asyncio.gather(
        *(gift(firm.trainer, bank, "One{T}\n\nTwo{F}") for _ in range(4))
    )
    assert sorted(made(a, 200)["created"] for a in answers) == [0, 0, 0, 2]
