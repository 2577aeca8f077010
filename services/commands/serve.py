"""`stafett serve` and `stafett migrate`."""

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from services.commands.plain_words import note, put_json, say, screen, settings_with

if TYPE_CHECKING:
    from collections.abc import Collection
    from socket import socket

    from services.chassis.settings import Settings
    from services.installation import Installation

# Whose feeds each service follows, or to whom it passes requests on.
NEIGHBOURS = {
    "gateway": ("handover", "onboarding"),
    "handover": ("gateway", "onboarding"),
    "onboarding": ("gateway", "handover"),
}

Host = Annotated[str | None, typer.Option(help="Address to listen on, instead of STAFETT_HOST.")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Port, instead of STAFETT_PORT; 0: any free.")
]


def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="Tell it as JSON.")] = False,
) -> None:
    """Bring roles, schemas, tables and internal keys up to date."""
    from services.commands.running import opened

    with opened(settings_with()) as installation:
        done = asyncio.run(installation.migrate())
        where = installation.admin_url().set(drivername="postgresql").render_as_string()
    if as_json:
        put_json(
            {
                "database": where,
                "services": {
                    service: {"before": done.before[service], "after": after}
                    for service, after in done.after.items()
                },
                "keys_made": done.keys_made,
            }
        )
        return
    from rich.table import Table

    table = Table("service", "before", "now", "", box=None, pad_edge=False)
    for service, after in done.after.items():
        before = done.before[service]
        what = "up to date already" if before == after else "brought up to date"
        table.add_row(service, before or "-", after or "-", what)
    screen().print(table)
    if done.keys_made:
        say(f"Internal keys were made for {', '.join(done.keys_made)}.")


def serve(
    service: Annotated[
        str | None, typer.Argument(help="gateway, handover or onboarding; all in one without it.")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="With the demo company; prints its keys and how to try.")
    ] = False,
    host: Host = None,
    port: Port = None,
) -> None:
    """Serve everything in one process, or one service. SIGTERM or Ctrl-C stops it."""
    settings = settings_with(host=host, port=port)
    from services.chassis.settings import SERVICES

    if service is not None and service not in SERVICES:
        raise typer.BadParameter(f"one of {', '.join(SERVICES)}", param_hint="SERVICE")
    if service is not None and demo:
        raise typer.BadParameter("only without the name of a service", param_hint="--demo")
    # Nothing that is imported is garbage, and looking for some takes a fifth of the start. The
    # server enables it again.
    gc.disable()
    from services.chassis.address import address_of
    from services.serving import end_on_signals, listen, serve_one

    end_on_signals()
    if service is not None:
        _warn_of_unknown_neighbours(service, settings)
    with listen(settings) as bound:
        address = address_of(*bound.getsockname()[:2])
        if service is None:
            _serve_all(settings, bound, address, demo=demo)
            return
        installation = _opened(settings, [service], f"services.{service}.app")
        try:
            if installation.embedded is not None:
                asyncio.run(installation.make_current())
            serve_one(
                service,
                settings,
                installation,
                bound,
                lambda: say(f"{service} listens on {address}"),
            )
        finally:
            installation.close()


def _warn_of_unknown_neighbours(service: str, settings: "Settings") -> None:
    unknown = [other for other in NEIGHBOURS[service] if not settings.urls_of(other)]
    if not unknown:
        return
    names = " and ".join(f"STAFETT_{other.upper()}_URLS" for other in unknown)
    those = "their addresses" if len(unknown) > 1 else "its addresses"
    note(
        f"Warning: {service} needs {' and '.join(unknown)}, and nobody said where: set {names} to "
        f"{those} (comma separated). What needs them fails until then. Without the name of a "
        "service, `stafett serve` runs all of them in one process."
    )


def _serve_all(settings: "Settings", bound: "socket", address: str, *, demo: bool) -> None:
    from services.chassis.settings import SERVICES

    installation = _opened(settings, SERVICES, "services.all_in_one")
    try:
        if asyncio.run(installation.make_current()) is not None:
            note("The database was brought up to date.")
        keys = None
        if demo:
            from services.commands.demo import filled

            keys = filled(installation)

        def ready() -> None:
            if keys is not None:
                from services.demo.invitation import invitation

                say(invitation(address, keys))
            say(f"Stafett listens on {address} (its documentation: {address}/docs)")

        from services.serving import serve_all

        serve_all(settings, installation, bound, ready)
    finally:
        installation.close()


def _opened(settings: "Settings", services: "Collection[str]", module: str) -> "Installation":
    """The installation. What is served is imported while PostgreSQL starts: both take a second."""
    from importlib import import_module

    from services.installation import Installation

    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Installation.open, settings, services)
        import_module(module)
        return opening.result()
