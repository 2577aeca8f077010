"""Every message is there in Danish, Norwegian and Swedish, and says the same."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from services.locales.__main__ import main
from services.locales.catalogs import FOLDER, LANGUAGES, Entry, entries, renew
from services.locales.templates import SERVICES, Place, placeholders, templates

HEAD = '# Ordliste\nmsgid ""\nmsgstr ""\n"Language: da\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'


@pytest.fixture(scope="module")
def used() -> set[str]:
    return set(templates())


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def catalog(language: str) -> list[Entry]:
    return entries(FOLDER / f"{language}.po", language)


def test_every_message_is_translated(catalog: list[Entry], used: set[str]):
    assert used - {entry.message for entry in catalog if entry.translation} == set()


def test_no_entry_is_left_over_from_messages_that_are_gone(catalog: list[Entry], used: set[str]):
    assert {entry.message for entry in catalog} - used == set()


def test_no_translation_is_marked_as_a_guess(catalog: list[Entry]):
    assert [entry.message for entry in catalog if entry.fuzzy] == []


def test_a_translation_has_the_parameters_of_its_message(catalog: list[Entry]):
    assert [e for e in catalog if placeholders(e.message) != placeholders(e.translation)] == []


def test_a_translation_ends_as_its_message_does(catalog: list[Entry]):
    assert [e for e in catalog if e.message[-1:] == "." != e.translation[-1:]] == []
    assert [e for e in catalog if e.message[-1:] != "." == e.translation[-1:]] == []


def test_a_translation_keeps_what_stands_in_backticks(catalog: list[Entry]):
    def names(text: str) -> set[str]:
        return set(text.split("`")[1::2])

    assert [e for e in catalog if not names(e.message) <= names(e.translation)] == []


def test_the_head_of_a_catalog_holds_its_glossary(language: str):
    head = (FOLDER / f"{language}.po").read_text(encoding="utf-8").partition("msgid")[0]
    for term in ("handover", "promise", "read back", "course", "curriculum"):
        assert f"#   {term}" in head


def test_a_validator_refuses_with_words_that_can_be_translated():
    raised = Counter(
        path.relative_to(SERVICES).as_posix()
        for path in SERVICES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id == "ValueError"
    )
    assert raised == {}, "raise services.chassis.errors.Unfit instead"


# --- writing them anew ----------------------------------------------------------------------------


def test_the_command_finds_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for language in LANGUAGES:
        (tmp_path / f"{language}.po").write_bytes((FOLDER / f"{language}.po").read_bytes())
    monkeypatch.setattr("services.locales.__main__.FOLDER", tmp_path)
    assert main() == 0
    assert capsys.readouterr().out.count("0 new, 0 dropped, 0 to translate") == len(LANGUAGES)


def test_the_command_says_what_is_left_to_translate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for language in LANGUAGES:
        (tmp_path / f"{language}.po").write_text(HEAD, encoding="utf-8")
    monkeypatch.setattr("services.locales.__main__.FOLDER", tmp_path)
    assert main() == 1
    assert "  The file is empty\n" in capsys.readouterr().out


def test_a_catalog_that_is_up_to_date_stays_as_it_is(tmp_path: Path):
    path = tmp_path / "da.po"
    path.write_text(HEAD, encoding="utf-8")
    used = {"One {line}.": [Place("services/b.py", 1)], "Two.": [Place("services/a.py", 9)]}
    renew(path, "da", used)
    before = path.read_text(encoding="utf-8")
    assert renew(path, "da", used).added == ()
    assert path.read_text(encoding="utf-8") == before


def test_a_new_message_comes_in_untranslated_and_an_old_one_goes(tmp_path: Path):
    path = tmp_path / "da.po"
    path.write_text(
        HEAD + '\nmsgid "Kept."\nmsgstr "Holdt."\n\nmsgid "Gone."\nmsgstr "Væk."\n',
        encoding="utf-8",
    )
    place = [Place("services/a.py", 1)]
    changed = renew(path, "da", {"Kept.": place, "{count} new": place})
    assert (changed.added, changed.dropped) == (("{count} new",), ("Gone.",))
    assert changed.untranslated == ("{count} new",)
    assert entries(path, "da") == [Entry("Kept.", "Holdt."), Entry("{count} new", "")]
    assert path.read_text(encoding="utf-8").startswith(HEAD)
