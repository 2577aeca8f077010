"""What a command says: results on standard output, everything else on standard error, errors in plain words."""

import json
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from rich.console import Console

    from services.chassis.errors import FieldError
    from services.chassis.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def say(text: str = "") -> None:
    """A line of the result."""
    typer.echo(text)
    sys.stdout.flush()


def note(text: str) -> None:
    """A line beside the result, for the person who waits."""
    typer.echo(text, err=True)


def put_json(value: Any) -> None:
    """The result for a program."""
    say(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def screen(*, stderr: bool = False) -> "Console":
    """Where tables and progress bars are drawn."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


class Told(Exception):
    """An expected error; its text is for whoever typed the command."""


class PlainGroup(TyperGroup):
    """Tells expected errors in plain words and ends with 1; a traceback is for our own mistakes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            words = in_plain_words(error)
            if words is None:
                raise
            note(words)
            raise typer.Exit(1) from None


def in_plain_words(error: Exception) -> str | None:
    """What an expected error says to whoever typed the command; None for an unexpected one."""
    for words_of in (_of_ours, _of_settings, _of_network, _of_database):
        words = words_of(error)
        if words is not None:
            return words
    return _of_system(error) if isinstance(error, OSError) else None


def _of_ours(error: Exception) -> str | None:
    from services.chassis.embedded_account import EmbeddedPostgresError
    from services.chassis.errors import DomainError
    from services.installation import NoDatabase

    if isinstance(error, DomainError):
        return "\n".join([error.detail, *map(_place, getattr(error, "errors", ()))])
    if isinstance(error, Told | EmbeddedPostgresError | NoDatabase):
        return str(error)
    return None


def _of_settings(error: Exception) -> str | None:
    from pydantic import ValidationError
    from pydantic_settings import SettingsError
    from sqlalchemy.exc import ArgumentError

    if isinstance(error, ValidationError) and error.title == "Settings":
        return "\n".join(["A setting cannot be used:", *settings_problems(error)])
    if isinstance(error, SettingsError):
        return f"A setting cannot be used: {error}"
    if isinstance(error, ArgumentError):
        return (
            "A database address cannot be read. "
            "Write it as postgresql://user:password@host/database."
        )
    return None


def _of_network(error: Exception) -> str | None:
    import httpx

    match error:
        case httpx.TimeoutException():
            return f"{_asked(error)} did not answer in time."
        case httpx.HTTPError():
            return f"{_asked(error)} cannot be reached: {error}. Is Stafett running there?"
        case httpx.InvalidURL():
            return f"This is no address: {error}"
        case _:
            return None


def _of_database(error: Exception) -> str | None:
    import asyncpg
    from sqlalchemy.exc import DBAPIError

    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        return f"PostgreSQL says: {error}"
    if isinstance(error, DBAPIError):
        return f"PostgreSQL says: {error.orig}"
    return None


def _of_system(error: OSError) -> str:
    if error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    return str(error)


def _asked(error: Any) -> str:
    try:
        return f"{error.request.url.scheme}://{error.request.url.netloc.decode()}"
    except RuntimeError:  # raised before there was a request
        return "The server"


def _place(error: "FieldError") -> str:
    where = [f"line {error.line}"] if error.line is not None else []
    if error.column is not None:
        where.append(f"column {error.column}")
    return f"  {', '.join(where) or error.pointer or error.where}: {error.detail}"


def settings_problems(error: Any) -> list[str]:
    """What is wrong with each setting; values are not repeated, since some are secret."""
    told = []
    for problem in error.errors(include_input=False, include_url=False):
        name = "STAFETT_" + "_".join(str(part) for part in problem["loc"]).upper()
        words = re.sub(r"^(Input should|Value error,)", "", problem["msg"]).strip()
        told.append(f"  {name} must {words}." if words.startswith("be") else f"  {name}: {words}.")
    return told


def settings_with(**given: Any) -> "Settings":
    """The settings of the environment, overridden by the options that were given."""
    from services.chassis.settings import Settings

    return Settings(**{name: value for name, value in given.items() if value is not None})
