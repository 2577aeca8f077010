"""`stafett import deals`, `people`, `courses` …: a file, sent part by part, and what became of each row."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.commands.plain_words import AsJson, note, put_json, say, screen, settings_with

if TYPE_CHECKING:
    from services.commands.sending import Imported

imports = typer.Typer(help="Send a file to Stafett, row by row.", no_args_is_help=True)

File = Annotated[
    Path,
    typer.Argument(
        exists=True, dir_okay=False, readable=True, help="A CSV file; deals as JSON, too."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]
Organization = Annotated[
    str | None,
    typer.Option(help="Without an API key: whose data it is, by id or name, in this installation."),
]
_TOLD = 50


@imports.command("deals")
def import_deals(
    file: File,
    accounts: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="The customers' names: Salesforce's accounts (without it, Account.csv beside the file), HubSpot's "
            "companies or Pipedrive's organizations, as JSON.",
        ),
    ] = None,
    pipelines: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="What the stages mean: HubSpot's pipelines or Pipedrive's stages, as JSON.",
        ),
    ] = None,
    customer: Annotated[
        str | None, typer.Option(help="The customer of deals that name none.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="salesforce, hubspot, pipedrive or csv; without it, the file tells."),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            help="Of a csv: which field is in which column (of Pipedrive: under which key), as JSON or a file that holds it: "
            '\'{"external_id": "No", "title": "Deal", "customer_name": "Customer"}\'.'
        ),
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option(
            help="Of amounts without one. Without it: that of the organization's country."
        ),
    ] = None,
    engagement_type: Annotated[
        str | None,
        typer.Option(
            help="How these customers buy: fixed_price (the default), time_and_material, retainer, "
            "secondment or product."
        ),
    ] = None,
    decimal_mark: Annotated[
        str | None, typer.Option(help="In amounts of a csv: . (the default) or ,")
    ] = None,
    date_format: Annotated[
        str | None, typer.Option(help="Of dates in a csv; without it, as 2026-11-22.")
    ] = None,
    organization: Organization = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import won and open deals from Salesforce, HubSpot, Pipedrive or any CSV: a handover for each, customers named.

    Asks STAFETT_URL with STAFETT_API_KEY. Without a key: in this process, for --organization or the demo company.
    """
    from services.commands.sending import run
    from services.commands.wanted import Deals

    wanted = Deals(
        file=file,
        accounts=accounts,
        pipelines=pipelines,
        customer=customer,
        source=source,
        mapping=None if mapping is None else _mapping(mapping),
        currency=currency,
        engagement_type=engagement_type,
        decimal_mark=decimal_mark,
        date_format=date_format,
    )
    _finish(asyncio.run(run(settings_with(), wanted, organization, dry_run=dry_run)), as_json)


@imports.command("estimates")
def import_estimates(
    file: File,
    mapping: Annotated[
        str,
        typer.Option(
            help="Which field is in which column, as JSON or a file that holds it: external_id, "
            "optimistic_hours, likely_hours, pessimistic_hours, actual_hours; further kind, basis, "
            "item, estimated_by (e-mail address), completed_on."
        ),
    ],
    kind: Annotated[
        str | None, typer.Option(help="Of rows without one, such as integration or training.")
    ] = None,
    basis: Annotated[
        str | None,
        typer.Option(help="Of rows without one: expert, analogy, reference_class or guess."),
    ] = None,
    decimal_mark: Annotated[str | None, typer.Option(help="In hours: . (the default) or ,")] = None,
    date_format: Annotated[
        str | None, typer.Option(help="Of dates; without it, as 2026-11-22.")
    ] = None,
    organization: Organization = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import past estimates with what they took from a CSV, so that calibration works on the first day.

    Asks STAFETT_URL with STAFETT_API_KEY. Without a key: in this process, for --organization or the demo company.
    """
    from services.commands.sending import run
    from services.commands.wanted import PastEstimates

    wanted = PastEstimates(
        file=file,
        mapping=_mapping(mapping),
        kind=kind,
        basis=basis,
        decimal_mark=decimal_mark,
        date_format=date_format,
    )
    _finish(asyncio.run(run(settings_with(), wanted, organization, dry_run=dry_run)), as_json)


@imports.command("people")
def import_people(
    file: File,
    organization: Organization = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import colleagues from a CSV: e-mail address and name, and what else its columns say.

    Asks STAFETT_URL with STAFETT_API_KEY. Without a key: in this process, for --organization or the demo company.
    """
    from services.commands.sending import run
    from services.commands.wanted import People

    wanted = People(file=file)
    _finish(asyncio.run(run(settings_with(), wanted, organization, dry_run=dry_run)), as_json)


@imports.command("courses")
def import_courses(
    file: File,
    mapping: Annotated[
        str | None,
        typer.Option(
            help="Which field is in which column, as JSON or a file that holds it: title; further key, language, tool, "
            "owner, competence, level, state, unit, kind, minutes, link, text. Without it, by the columns' names."
        ),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(help="Of new courses without one: published (the default) or draft."),
    ] = None,
    minutes: Annotated[int | None, typer.Option(help="Of rows without minutes.")] = None,
    organization: Organization = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import courses from a CSV of another learning system: a course in each row, or a unit of one.

    Asks STAFETT_URL with STAFETT_API_KEY. Without a key: in this process, for --organization or the demo company.
    """
    from services.commands.sending import run
    from services.commands.wanted import Courses

    wanted = Courses(
        file=file,
        mapping=None if mapping is None else _mapping(mapping),
        state=state,
        minutes=minutes,
    )
    _finish(asyncio.run(run(settings_with(), wanted, organization, dry_run=dry_run)), as_json)


@imports.command("completions")
def import_completions(
    file: File,
    mapping: Annotated[
        str | None,
        typer.Option(
            help="Which field is in which column, as JSON or a file that holds it: email or employee_number, course or "
            "curriculum, completed_on; further expires_on, level, basis, evidence. Without it, by the columns' names."
        ),
    ] = None,
    date_format: Annotated[
        str | None, typer.Option(help="Of dates; without it, as 2026-11-22.")
    ] = None,
    organization: Organization = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import what people completed before Stafett: certificates as of each day, and open assignments go on.

    Asks STAFETT_URL with STAFETT_API_KEY. Without a key: in this process, for --organization or the demo company.
    """
    from services.commands.sending import run
    from services.commands.wanted import Completions

    wanted = Completions(
        file=file,
        mapping=None if mapping is None else _mapping(mapping),
        date_format=date_format,
    )
    _finish(asyncio.run(run(settings_with(), wanted, organization, dry_run=dry_run)), as_json)


@imports.command("gift")
def import_gift(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, readable=True, help="A file of Moodle's GIFT."),
    ],
    bank: Annotated[str, typer.Option(help="The key of the question bank that takes them.")],
    title: Annotated[
        str | None, typer.Option(help="Begins the bank under this title, where there is none.")
    ] = None,
    organization: Organization = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import questions from Moodle's GIFT into a question bank.

    Asks STAFETT_URL with STAFETT_API_KEY. Without a key: in this process, for --organization or the demo company.
    """
    from services.commands.sending import run
    from services.commands.wanted import Gift

    wanted = Gift(file=file, bank=bank, title=title)
    _finish(asyncio.run(run(settings_with(), wanted, organization, dry_run=dry_run)), as_json)


def _mapping(given: str) -> str:
    import json

    text = given if given.lstrip().startswith("{") else Path(given).read_text(encoding="utf-8")
    try:
        json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"is not JSON: {error}", param_hint="--mapping") from error
    return text


def _remarks(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Why a row failed, and what else there is to know of it."""
    return [*row.get("errors", ()), *row.get("remarks", ())]


def _finish(imported: "Imported", as_json: bool) -> None:
    """Tell what became of the file; 1 when a row failed."""
    if as_json:
        put_json(imported.as_json())
    else:
        _tell(imported)
    if imported.counts.get("failed"):
        raise typer.Exit(1)


def _tell(imported: "Imported") -> None:
    from rich.markup import escape
    from rich.table import Table

    counts = ", ".join(
        f"{count} {what.replace('_', ' ')}" for what, count in imported.counts.items()
    )
    say(f"{'It would be' if imported.dry_run else 'Done'}: {counts}.")
    ignored = imported.further.get("ignored_columns")
    if ignored:
        note(f"These columns mean nothing here and were left out: {', '.join(ignored)}.")
    wrong: list[dict[str, Any]] = [row for row in imported.rows if _remarks(row)]
    if not wrong:
        return
    table = Table("line", "column", "what", "why", box=None, pad_edge=False)
    for row in wrong[:_TOLD]:
        for error in _remarks(row):
            column = error.get("column")
            table.add_row(
                str(row["line"]),
                "" if column is None else str(column),
                row["result"],
                escape(str(error["detail"])),
            )
    screen().print(table)
    if len(wrong) > _TOLD:
        note(f"… and {len(wrong) - _TOLD} rows more; --json tells them all.")
