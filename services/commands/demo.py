"""`stafett demo`: the demo company, filled once and found again."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.commands.plain_words import note, put_json, say, screen, settings_with

if TYPE_CHECKING:
    from services.demo.keys import DemoKeys
    from services.installation import Installation


def demo(
    as_json: Annotated[
        bool, typer.Option("--json", help="Answer as JSON: address, a key for each role, ids.")
    ] = False,
) -> None:
    """Fill the demo company, or find it again, and print a key for each role."""
    from services.chassis.address import address_of
    from services.commands.running import opened
    from services.demo.invitation import invitation

    settings = settings_with()
    with opened(settings) as installation:
        asyncio.run(installation.make_current())
        keys = filled(installation)
    address = address_of(settings.host, settings.port)
    if not _is_served(address):
        note(
            f"The data directory is {settings.data_dir}. Nothing answers at {address} yet: "
            "start it with `make run` or `stafett serve`."
        )
    if as_json:
        put_json({"address": address, **keys.as_json()})
    else:
        say(invitation(address, keys))


def _is_served(address: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{address}/health/live", timeout=3, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def filled(installation: "Installation") -> "DemoKeys":
    """The keys of the demo company; it is filled first where it is not there."""
    from services.demo.keys import found_again

    keys = asyncio.run(found_again(installation))
    if keys is not None:
        return keys
    note("Filling the demo company. This happens once.")
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_fill(installation))


async def _fill(installation: "Installation") -> "DemoKeys":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from services.commands.running import api_in_this_process
    from services.demo.loader import fill

    columns: list[Any] = [TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn()]
    console = screen(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def told(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of)
            progress.update(tasks[what], completed=done, total=of)

        async with api_in_this_process(installation) as client:
            return await fill(installation, client, told)
