"""The command `stafett`."""

import asyncio
from typing import Annotated

import typer

from services.chassis.settings import SERVICES, Settings
from services.installation import Installation

app = typer.Typer(help="Stafett: what was promised is handed over.", no_args_is_help=True)


@app.command()
def migrate() -> None:
    """Bring the database up to date."""
    installation = Installation.open(Settings())
    asyncio.run(installation.migrate())
    installation.close()


@app.command()
def serve(service: Annotated[str | None, typer.Argument()] = None) -> None:
    """Serve everything, or one service."""
    from services.serving import serve_all, serve_one

    settings = Settings()
    if service is not None:
        if service not in SERVICES:
            raise typer.BadParameter(f"one of {', '.join(SERVICES)}")
        serve_one(service, settings)
        return
    installation = Installation.open(settings)
    asyncio.run(installation.migrate())
    serve_all(settings, installation)
