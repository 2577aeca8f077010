"""`stafett openapi`: the document of the whole API, without a database."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.commands.plain_words import note, say


def openapi(
    output: Annotated[
        Path | None, typer.Option(help="Write it there instead of on standard output.")
    ] = None,
) -> None:
    """Write the OpenAPI 3.1 document of the whole API."""
    text = json.dumps(merged_document(), indent=2, ensure_ascii=False)
    if output is None:
        say(text)
        return
    output.write_text(text + "\n", encoding="utf-8")
    note(f"Written to {output}.")


def merged_document() -> dict[str, Any]:
    """The services' documents as one; their apps are made, and nothing is started."""
    from sqlalchemy import URL

    from services.chassis.settings import Settings
    from services.gateway import app as gateway
    from services.gateway.openapi import merge
    from services.handover import app as handover
    from services.onboarding import app as onboarding

    settings, nowhere = Settings.model_construct(), URL.create("postgresql+asyncpg")
    return merge(
        {
            "gateway": gateway.create(settings, nowhere).own.openapi(),
            "handover": handover.create(settings, nowhere).openapi(),
            "onboarding": onboarding.create(settings, nowhere).openapi(),
        }
    )
