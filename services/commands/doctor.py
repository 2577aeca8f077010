"""`stafett doctor`: what is wrong with this installation, in plain words."""

import asyncio
from dataclasses import asdict

import typer

from services.commands.plain_words import AsJson, put_json, say, screen

_MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "wrong": "[red bold]wrong[/]"}


def doctor(
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with this installation, and what to do. Ends with 1 when something is."""
    from services.commands.checkup import Verdict, examine

    checks = asyncio.run(examine())
    wrong = sum(check.verdict is Verdict.wrong for check in checks)
    if as_json:
        put_json({"healthy": not wrong, "checks": [asdict(check) for check in checks]})
    else:
        from rich.table import Table

        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for check in checks:
            words = check.found if check.remedy is None else f"{check.found}\n→ {check.remedy}"
            table.add_row(_MARKS[check.verdict], check.name, _plain(words))
        screen().print(table)
        say("Nothing is wrong." if not wrong else f"{wrong} of {len(checks)} checks went wrong.")
    if wrong:
        raise typer.Exit(1)


def _plain(words: str) -> str:
    from rich.markup import escape

    return escape(words)
