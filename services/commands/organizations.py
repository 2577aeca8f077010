"""`stafett organizations create` and `stafett keys create`: what an operator does before anybody can be let in."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from services.commands.plain_words import AsJson, Told, put_json, say, settings_with

if TYPE_CHECKING:
    from services.chassis.database import Database
    from services.chassis.settings import Settings
    from services.gateway.domain.founding import Issued

organizations = typer.Typer(help="Found organizations.", no_args_is_help=True)
keys = typer.Typer(help="Make API keys.", no_args_is_help=True)


@organizations.command("create")
def create_organization(
    name: Annotated[str, typer.Argument(help="The organization's name.")],
    admin_name: Annotated[str, typer.Option(help="Its first person, who is its admin.")],
    admin_email: Annotated[str, typer.Option(help="Their e-mail address.")],
    locale: Annotated[str, typer.Option(help="Language, as nb or nb-NO.")] = "en",
    time_zone: Annotated[str, typer.Option(help="As Europe/Oslo.")] = "Europe/Oslo",
    again: Annotated[
        bool, typer.Option("--again", help="Even where there is one of this name already.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Found an organization with its first person and that person's key, which is shown this once."""
    name, admin_name = _name(name, "NAME"), _name(admin_name, "--admin-name")
    email = _email(admin_email, "--admin-email")
    _check_place(locale, time_zone)
    founded = asyncio.run(
        _found(settings_with(), name, admin_name, email, locale, time_zone, again=again)
    )
    if as_json:
        put_json(founded)
        return
    say(f"{name} is founded: organization {founded['organization_id']}.")
    say(f"{admin_name} <{email}> is its admin. The key, which is shown this once:")
    say(founded["key"])


@keys.command("create")
def create_key(
    organization: Annotated[str, typer.Option(help="Its id or its name.")],
    email: Annotated[str, typer.Option(help="The address of whom the key speaks for.")],
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="read or write, may be repeated; both without it.")
    ] = None,
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Without it, it stays until revoked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key for a person of an organization; it is shown this once."""
    from services.chassis.caller import Scope

    wanted = list(dict.fromkeys(scope or Scope))
    if unknown := [text for text in wanted if text not in set(Scope)]:
        raise typer.BadParameter(f"{unknown[0]} is not one of read, write", param_hint="--scope")
    days = None if expires_in_days is None else timedelta(days=expires_in_days)
    ends = None if days is None else datetime.now(UTC) + days
    issued, organization_id = asyncio.run(
        _issue(settings_with(), organization, email, _name(name, "--name"), wanted, ends)
    )
    if as_json:
        put_json(
            {
                "id": issued.id,
                "organization_id": organization_id,
                "email": email,
                "scopes": wanted,
                "expires_at": ends,
                "key": issued.key,
            }
        )
        return
    say(issued.key)


async def _found(
    settings: "Settings",
    name: str,
    admin_name: str,
    email: str,
    locale: str,
    time_zone: str,
    *,
    again: bool,
) -> dict[str, str]:
    from services.commands.running import database_of, opened
    from services.gateway.domain.founding import found_organization, organizations_called

    with opened(settings) as installation:
        await installation.make_current()
        async with database_of(installation, "gateway") as database:
            if not again and (there := await organizations_called(database, name)):
                raise Told(
                    f"There is an organization called {name} already: {there[0]}. "
                    "--again founds a further one; `stafett keys create` makes a key for this one."
                )
            founded = await found_organization(
                database, name, admin_name, email, locale=locale, time_zone=time_zone
            )
    return {
        "organization_id": str(founded.organization_id),
        "admin_id": str(founded.admin_id),
        "key": founded.key,
    }


async def _issue(
    settings: "Settings",
    organization: str,
    email: str,
    name: str,
    scopes: list[str],
    ends: datetime | None,
) -> tuple["Issued", UUID]:
    from services.chassis.caller import Scope
    from services.commands.running import database_of, opened
    from services.gateway.domain.founding import issue_key

    with opened(settings) as installation:
        await installation.make_current()
        async with database_of(installation, "gateway") as database:
            id = await organization_called(database, organization)
            scoped = [Scope(text) for text in scopes]
            return await issue_key(database, id, email, name, scoped, ends), id


async def organization_called(database: "Database", id_or_name: str) -> UUID:
    """The id of an organization; raises Told where the name is nobody's, or of several."""
    from services.gateway.domain.founding import organizations_called

    try:
        return UUID(id_or_name)
    except ValueError:
        found = await organizations_called(database, id_or_name)
    if len(found) == 1:
        return found[0]
    if not found:
        raise Told(f"There is no organization called {id_or_name}.")
    listed = ", ".join(map(str, found))
    raise Told(f"Several organizations are called {id_or_name}: say which by id: {listed}")


def _name(text: str, option: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise typer.BadParameter("a name has 1 to 200 characters", param_hint=option)
    return name


def _email(text: str, option: str) -> str:
    from services.chassis.email_address import email_address

    address = email_address(text)
    if address is None:
        raise typer.BadParameter(f"{text} is no e-mail address", param_hint=option)
    return address


def _check_place(locale: str, time_zone: str) -> None:
    import re
    from zoneinfo import available_timezones

    if not re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", locale):
        raise typer.BadParameter("a language as nb or nb-NO", param_hint="--locale")
    if time_zone not in available_timezones():
        raise typer.BadParameter("a time zone as Europe/Oslo", param_hint="--time-zone")
