"""Templates are found by reading the code, wherever a message can be made."""

from pathlib import Path

import pytest

from services.locales.templates import Unreadable, placeholders, templates

ERRORS = """
class FieldError:
    def __init__(self, pointer: str, template: str, params=()): ...

class DomainError(Exception):
    title = "Something is wrong"
    slug = "error"
    def __init__(self, template: str, /, **params): ...

class Conflict(DomainError):
    explanation = "Not now."

class Whole(Conflict):
    def __init__(self, errors):
        super().__init__("Not as it is.", errors)

class Cell:
    def problem(self, template, /, **params): ...

def told(line: int, template: str): ...
"""


@pytest.fixture
def found(tmp_path: Path):
    """The templates of a piece of code, beside the errors above."""
    (tmp_path / "errors.py").write_text(ERRORS)

    def read(code: str) -> set[str]:
        (tmp_path / "code.py").write_text(code)
        return set(templates(tmp_path)) - {"Something is wrong", "Not now.", "Not as it is."}

    return read


def test_titles_and_explanations_of_problem_types_are_templates(tmp_path: Path):
    (tmp_path / "errors.py").write_text(ERRORS)
    assert list(templates(tmp_path)) == ["Not as it is.", "Not now.", "Something is wrong"]


@pytest.mark.parametrize(
    "code",
    [
        'raise Conflict("Here.")',
        'raise errors.Conflict("Here.", errors=[])',
        'FieldError("/name", "Here.")',
        'FieldError("/name", template="Here.")',
        'told(1, "Here.")',
        'cell.problem("Here.", name="x")',
        'row = {"item": 1, "template": "Here."}',
        'HERE = "Here."\ndef verb():\n    raise Conflict(HERE)',
        'def verb():\n    text = "Here."\n    told(1, text)',
        'WORDS = {"missing": "Here."}\ndef verb(kind):\n    told(1, WORDS[kind])',
        'class Refused(Conflict): ...\ndef verb():\n    raise Refused("Here.")',
    ],
)
def test_a_template_is_found_wherever_a_message_is_made(found, code: str):
    assert found("import errors\n" + code) == {"Here."}


def test_both_ends_of_a_choice_are_templates(found):
    assert found('told(1, "Few." if few else "Many.")') == {"Few.", "Many."}


def test_what_is_handed_on_was_read_where_it_was_made(found):
    assert found("def told_again(line, template):\n    told(line, template)\n") == set()
    assert found("def again(error):\n    told(1, error.template)\n") == set()


def test_a_template_of_nothing_but_a_parameter_needs_no_translation(found):
    assert found('told(1, "{reason}")') == set()


@pytest.mark.parametrize(
    "code",
    [
        'raise Conflict(f"{name} is taken")',
        'raise Conflict("It is " + state)',
        'raise Conflict("{} is taken".format(name))',
        "raise Conflict(text_of(state))",
        "def verb(text):\n    raise Conflict(text)",
    ],
)
def test_a_template_that_is_put_together_is_refused_with_its_place(found, code: str):
    with pytest.raises(Unreadable, match=r"code\.py:\d"):
        found(code)


def test_placeholders_are_the_names_between_braces():
    assert placeholders("{name} has {count} of {{these}}") == {"name", "count"}
