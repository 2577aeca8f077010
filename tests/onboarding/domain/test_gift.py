"""GIFT is read as Moodle documents it, and what is wrong is told with its place.

The files in gift/ are others' (see their LICENSE): each has beside it what it is to be read as.
"""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from services.chassis.file_problem import FileError
from services.onboarding.domain.gift import MAX_QUESTIONS, read_gift
from services.onboarding.domain.number_text import number_in
from services.onboarding.domain.question import MOST_ANSWERS, MOST_TAGS

FILES = sorted((Path(__file__).parent.parent / "gift").glob("*.gift"))
KINDS = {
    "MC": "multiple_choice",
    "TF": "true_false",
    "Short": "short_answer",
    "Numerical": "numerical",
    "Matching": "matching",
    "Essay": "essay",
    "Description": "description",
}


def weight(choice) -> float:
    if choice["weight"] is not None:
        return float(choice["weight"])
    return 100.0 if choice["isCorrect"] else 0.0


def ends(number) -> tuple[Decimal, Decimal]:
    if number["type"] == "high-low":
        return Decimal(str(number["numberLow"])), Decimal(str(number["numberHigh"]))
    middle, margin = Decimal(str(number["number"])), Decimal(str(number.get("range", 0)))
    return middle - margin, middle + margin


def expected_answers(expected):
    """What is right by the expectation, in the order of the file."""
    match expected["type"]:
        case "MC":
            return [(c["text"], weight(c), c["feedback"]) for c in expected["choices"]]
        case "Short":
            return [(c["text"]["text"], weight(c), c["feedback"]) for c in expected["choices"]]
        case "TF":
            return expected["isTrue"], expected["trueFeedback"], expected["falseFeedback"]
        case "Numerical" if isinstance(expected["choices"], dict):
            return [(*ends(expected["choices"]), 100.0, None)]
        case "Numerical":
            return [(*ends(c["text"]), weight(c), c["feedback"]) for c in expected["choices"]]
        case "Matching":
            return [(p["subquestion"]["text"], p["subanswer"]) for p in expected["matchPairs"]]
    return None


def answers(question):
    """What is right by what was read, in the order of the file."""
    content = question.content
    match question.kind:
        case "multiple_choice":
            return [(c["text"], c["weight"], c["feedback"]) for c in content["choices"]]
        case "short_answer":
            return [(a["text"], a["weight"], a["feedback"]) for a in content["answers"]]
        case "true_false":
            return content["answer"], content["feedback_true"], content["feedback_false"]
        case "numerical":
            return [
                (Decimal(a["low"]), Decimal(a["high"]), a["weight"], a["feedback"])
                for a in content["answers"]
            ]
        case "matching":
            pairs = [(pair["text"]["text"], pair["answer"]) for pair in content["pairs"]]
            return pairs + [("", answer) for answer in content["more_answers"]]
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_gives_the_questions_that_it_is_known_to_hold(path: Path):
    expected = json.loads(path.with_suffix(".json").read_text())
    file = read_gift(path.read_bytes())
    assert file.problems == []
    assert file.categories == [e["title"] for e in expected if e["type"] == "Category"]
    expected = [e for e in expected if e["type"] != "Category"]
    assert len(file.questions) == len(expected)
    for question, one in zip(file.questions, expected, strict=True):
        assert question.kind == KINDS[one["type"]]
        assert question.text == one["stem"]
        assert answers(question) == expected_answers(one)
        assert question.general_feedback == one.get("globalFeedback")
        assert question.title == one["title"]
        assert question.external_id == one["id"]
        assert question.tags == (one["tags"] or [])


def test_there_are_files_of_every_kind():
    kinds = {question.kind for path in FILES for question in read_gift(path.read_bytes()).questions}
    assert kinds == set(KINDS.values())


def only(text: str):
    [question] = read_gift(text).questions
    return question


def test_a_question_is_of_the_category_above_it():
    file = read_gift(
        "One{T}\n$CATEGORY: till/returns\nTwo{F}\n\nThree{T}\n\n$CATEGORY: x\n\nFour{T}"
    )
    assert [q.category for q in file.questions] == [None, "till/returns", "till/returns", "x"]
    assert [q.line for q in file.questions] == [1, 3, 5, 9]


def test_lines_may_end_as_on_any_machine_and_the_file_may_have_a_mark():
    expected = read_gift("[plain]a\nb{=c}\n\nd{T}")
    for text in ("[plain]a\r\nb{=c}\r\n\r\nd{T}", "\ufeff[plain]a\rb{=c}\r\rd{T}"):
        assert read_gift(text) == expected
        assert read_gift(text.encode()) == expected
    assert read_gift("[plain]a\nb{=c}\n\nd{T}".encode("utf-16")) == expected


def test_a_gap_stands_where_the_answers_stood():
    assert only("{=Oslo ~Bergen} is the capital.").text["text"] == "_____ is the capital."
    assert only("Oslo is {=in the east ~elsewhere}, said he").text["text"] == (
        "Oslo is _____ , said he"
    )


@pytest.mark.parametrize(
    ("text", "single"),
    [("q{=a ~b}", True), ("q{~%50%a ~%50%b ~c}", False), ("q{=%50%a ~%50%b}", False)],
)
def test_one_is_chosen_where_one_is_right_by_itself(text: str, single: bool):
    assert only(text).content["single"] is single


def test_a_number_may_be_anything_else_with_feedback():
    question = only("q{#=5:0.5#near ~#far}")
    assert question.content == {
        "answers": [
            {
                "low": "4.5",
                "high": "5.5",
                "weight": 100.0,
                "feedback": {"format": "moodle", "text": "near"},
            }
        ],
        "other_feedback": {"format": "moodle", "text": "far"},
    }
    assert only("q{#=5 =*#far}").content["other_feedback"]["text"] == "far"


def test_comments_inside_of_a_question_are_left_out_and_their_brackets_read():
    question = only("// [id:a\\]b]\nq\n// [tag:x] [tag:x][tag:y]\n{=a\n// = c\n~b}")
    assert (question.external_id, question.tags) == ("a]b", ["x", "y"])
    assert [c["text"]["text"] for c in question.content["choices"]] == ["a", "b"]
    assert question.line == 2


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("q{=a", 1, 2, "not closed"),
        ("x\n\nq{=a\n\n=b}", 3, 2, "not closed"),
        ("q{T}\n\n  a}", 3, 4, "Nothing was opened"),
        ("q{=a {b}}", 1, 6, "in a text, write \\{"),
        ("q{=a}\nr{=b}", 2, 2, "an empty line between questions"),
        ("::title{=a}", 1, 1, "title is not closed"),
        ("{=a ~b}", 1, 1, "no question before the answers"),
        ("q{abc}", 1, 3, "begin with ="),
        ("q{~a}", 1, 3, "two choices"),
        ("q{~a ~b}", 1, 3, "No answer is right"),
        ("q{=%0%a}", 1, 3, "No answer is right"),
        ("q{=a ~}", 1, 6, "without text"),
        ("q{=%101%a}", 1, 4, "between -100 and 100"),
        ('q{=<a href="x">b</a> ~c}', 1, 11, "write \\="),
        ("q{=a->b =c}", 1, 9, "= statement -> answer"),
        ("q{=a->b =c-> }", 1, 11, "stands no answer"),
        ("q{=a->b =c->b}", 1, 3, "two different answers"),
        ("q{T#a#b#c}", 1, 3, "two feedbacks"),
        ("q{#}", 1, 4, "no number"),
        ("q{#five}", 1, 4, "five is no number"),
        ("q{#5:}", 1, 4, "is no number"),
        ("q{#6..5}", 1, 3, "not be less than 6"),
        ("q{#5:-1}", 1, 4, "not less than 0"),
        ("q{=a#" + "a" * 10_001 + "}", 1, 6, "at most 10000 characters"),
        ("q{=" + "a" * 10_001 + " ~b}", 1, 4, "at most 10000 characters"),
        ("a" * 10_001 + "{T}", 1, 1, "at most 10000 characters"),
        ("::" + "a" * 501 + "::q{T}", 1, 1, "at most 500 characters"),
        ("// [id:" + "a" * 501 + "]\nq{T}", 1, 1, "at most 500 characters"),
        ("q{=" + "a" * 501 + "}", 1, 3, "at most 500 characters"),
        ("q{=a->b =c->" + "a" * 501 + "}", 1, 11, "at most 500 characters"),
        ("// [tag:" + "a" * 41 + "]\nq{T}", 1, 1, "the form that is asked for"),
        (
            "// " + "".join(f"[tag:t{n}]" for n in range(MOST_TAGS + 1)) + "\nq{T}",
            1,
            1,
            "More than 50 tags",
        ),
        ("::a\u202eb::q{T}", 1, 1, "turn its direction"),
        ("q{=a\u202eb}", 1, 3, "turn its direction"),
        ("q{=a ~\u200b}", 1, 7, "characters that can be seen"),
        ("q{~%1e9%a =b}", 1, 4, "%1e9% is no weight"),
        ("q{~%33,3%a =b}", 1, 4, "%33,3% is no weight"),
        ("q{#=%1e9%5}", 1, 5, "%1e9% is no weight"),
        ("q{=a\n" + "~b\n" * MOST_ANSWERS + "}", MOST_ANSWERS + 1, 1, "More than 200 answers"),
        ("q{" + "=a\n" * (MOST_ANSWERS + 1) + "}", MOST_ANSWERS + 1, 1, "More than 200 answers"),
        ("q{#" + "=5\n" * (MOST_ANSWERS + 1) + "}", MOST_ANSWERS + 1, 1, "More than 200 answers"),
        (
            "q{=a->c\n" + "=a->b\n" * MOST_ANSWERS + "}",
            MOST_ANSWERS + 1,
            1,
            "More than 200 answers",
        ),
        (
            "q{=a->c\n" + "=->b\n" * (MOST_ANSWERS + 1) + "}",
            MOST_ANSWERS + 2,
            1,
            "More than 200 answers",
        ),
    ],
)
def test_what_is_wrong_with_a_question_is_told_with_its_place(text, line, column, words):
    file = read_gift(f"{text}\n\nFine?{{T}}")
    assert len(file.questions) >= 1
    problem = file.problems[0]
    assert (problem.line, problem.column) == (line, column)
    assert words in problem.detail


def test_as_many_answers_as_a_question_takes_come_in():
    question = only("q{=a\n" + "~b\n" * (MOST_ANSWERS - 1) + "}")
    assert len(question.content["choices"]) == MOST_ANSWERS
    pairs = only("q{" + "=a->b\n" * MOST_ANSWERS + "=->c\n" * MOST_ANSWERS + "}").content
    assert len(pairs["pairs"]) == len(pairs["more_answers"]) == MOST_ANSWERS


@pytest.mark.parametrize(
    ("category", "words"),
    [("a" * 501, "at most 500 characters"), ("a\u202eb", "turn its direction")],
)
def test_a_category_that_cannot_be_keeps_its_questions_out_and_no_others(category, words):
    file = read_gift(f"$CATEGORY: {category}\n\nOne{{T}}\n\nTwo{{T}}\n\n$CATEGORY: b\n\nThree{{T}}")
    assert [(one.line, one.column) for one in file.problems] == [(1, 11), (1, 11)]
    assert all(words in one.detail for one in file.problems)
    assert file.categories == ["b"]
    assert [(question.line, question.category) for question in file.questions] == [(9, "b")]


def test_tags_are_written_as_the_api_writes_them():
    assert only("// [tag:Two words] [tag:TILL] [tag:till]\nq{T}").tags == ["two-words", "till"]


def test_a_text_between_percent_signs_is_an_answer():
    assert only("q{=%PATH% ~b}").content["choices"][0]["text"]["text"] == "%PATH%"


def test_a_title_that_does_not_say_anything_is_none():
    assert only(":: ::q{T}").title is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not GIFT"),
        (b"Dear colleagues,\n\nthere is cake.", "not GIFT"),
        (b"// only a comment", "not GIFT"),
        (b'{"questions": [1, 2]}', "begin with ="),
        (b"<?xml version='1.0'?><quiz/>", "XML, not GIFT"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><quiz/>", "XML, not GIFT"),
        (b"<!DOCTYPE html><p>{=a ~b}", "HTML, not GIFT"),
        (b"%PDF-1.7", "PDF, not GIFT"),
        (b"PK\x03\x04\x00\x00", "ZIP, not GIFT"),
        (b"PK\x03\x04\xff\xfe", "ZIP, not GIFT"),
        ("Blå?{=ja ~nei}".encode("cp1252"), "not UTF-8"),
        (b"q{=a\x00}", "A control character"),
        (b"q{T}\n\n" * (MAX_QUESTIONS + 1), "More than 5000"),
    ],
)
def test_what_is_not_gift_is_refused_as_a_whole(content: bytes, words: str):
    with pytest.raises(FileError) as refused:
        read_gift(content)
    assert words in refused.value.errors[0].detail


def test_the_place_of_a_foreign_letter_is_told():
    with pytest.raises(FileError) as refused:
        read_gift(b"q{T}\n\nBl\xe5?{T}")
    assert (refused.value.errors[0].line, refused.value.errors[0].column) == (3, 3)


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), (" 2,5 ", "2.5"), ("−1", -1), ("1e3", 1000), (".5", "0.5"), ("5.", 5)],
)
def test_numbers_are_read_as_people_write_them(text: str, number):
    assert number_in(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "five", "1 000", "NaN", "1e1000", "٣", "1" * 41, "1,2,3"])
def test_what_is_no_number_is_none(text: str):
    assert number_in(text) is None
