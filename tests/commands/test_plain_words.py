"""Expected errors in plain words, unexpected ones with their traceback."""

import asyncpg
import httpx
import pytest
from pydantic import ValidationError

from services.chassis.errors import NotFound
from services.chassis.file_problem import FileError, file_problem
from services.chassis.settings import Settings
from services.commands.plain_words import Told, in_plain_words, settings_problems
from services.installation import NoDatabase


def test_a_setting_is_named_as_its_variable_and_its_value_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(port="stf_secret", log_format="xml")  # type: ignore[arg-type]
    told = settings_problems(caught.value)
    assert told[0].startswith("  STAFETT_PORT must be a valid integer")
    assert told[1] == "  STAFETT_LOG_FORMAT must be 'json' or 'console'."
    assert "secret" not in str(in_plain_words(caught.value))


def test_what_is_wrong_in_a_file_is_told_with_line_and_column() -> None:
    error = FileError([file_problem(7, 2, "Column {name} stands twice", name="email")])
    assert in_plain_words(error) == (
        "The file cannot be used as it is\n  line 7, column 2: Column email stands twice"
    )


def test_expected_errors_are_told_without_a_traceback() -> None:
    request = httpx.Request("GET", "http://127.0.0.1:1/v1/me?secret=1")
    told = {
        NotFound("Nobody has the address {email}.", email="a@b.example"): "Nobody has the address",
        Told("Whose data is it?"): "Whose data is it?",
        NoDatabase("PostgreSQL at … cannot be reached."): "PostgreSQL at",
        httpx.ConnectError("refused", request=request): "http://127.0.0.1:1 cannot be reached",
        httpx.ReadTimeout("late", request=request): "http://127.0.0.1:1 did not answer in time.",
        httpx.InvalidURL("no host"): "This is no address",
        asyncpg.InvalidPasswordError("wrong"): "PostgreSQL says: wrong",
        PermissionError(13, "Permission denied", "/data"): "/data: Permission denied.",
    }
    for error, words in told.items():
        assert (in_plain_words(error) or "").startswith(words)


def test_a_mistake_of_ours_is_not_hidden() -> None:
    assert in_plain_words(KeyError("x")) is None
    assert in_plain_words(AssertionError()) is None
