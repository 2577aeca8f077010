"""One OpenAPI 3.1 document out of the services' own."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

from services.chassis.errors import Unavailable
from services.chassis.runtime import Runtime
from services.chassis.settings import SERVICES
from services.gateway.routes import service_for

DESCRIPTION = (
    "What was promised is handed over, and people are able to keep it. "
    "handover is the log from the first customer meeting to the outcome; onboarding is how people become able to."
)


async def merged(runtime: Runtime, own: Mapping[str, Any]) -> dict[str, Any]:
    """The gateway's document with those of the services behind it; raises `Unavailable` when one does not answer."""
    documents = {"gateway": own}
    for service in SERVICES:
        if service != "gateway":
            try:
                response = await runtime.client(service).get("/internal/openapi.json")
                response.raise_for_status()
            except httpx.HTTPError as error:
                raise Unavailable("A part of the document is not to be had right now.") from error
            documents[service] = response.json()
    return merge(documents)


def merge(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Paths side by side; schemas too, and two that differ under one name are told apart by their service."""
    first = documents["gateway"]
    components: dict[str, dict[str, Any]] = {}
    paths: dict[str, Any] = {}
    tags: list[str] = []
    for service, document in documents.items():
        text = json.dumps(document)
        for kind, named in document.get("components", {}).items():
            for name, value in named.items():
                known = components.get(kind, {}).get(name)
                if known is not None and known != value:
                    other = f"{service.capitalize()}{name}"
                    text = re.sub(
                        rf'"#/components/{kind}/{re.escape(name)}"',
                        f'"#/components/{kind}/{other}"',
                        text,
                    )
        renamed = json.loads(text)
        for kind, named in renamed.get("components", {}).items():
            held = components.setdefault(kind, {})
            for name, value in named.items():
                before = document["components"][kind][name]
                differs = name in held and held[name] != before
                held[f"{service.capitalize()}{name}" if differs else name] = value
        for path, operations in renamed.get("paths", {}).items():
            if service_for(path) == service:
                paths[path] = operations
                for operation in operations.values():
                    tags += [tag for tag in operation.get("tags", []) if tag not in tags]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stafett",
            "version": first["info"]["version"],
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": first.get("security", []),
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": components,
    }
