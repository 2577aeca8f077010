"""One OpenAPI 3.1 document out of the services' own."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from services.chassis.caller import Follower
from services.chassis.errors import Unavailable
from services.chassis.internal_token import issue_for
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
            token = issue_for(runtime.keyring, Follower("gateway"), service, runtime.clock())
            try:
                response = await runtime.client(service).get(
                    "/internal/openapi.json", headers={"Authorization": f"Bearer {token}"}
                )
                response.raise_for_status()
            except httpx.HTTPError as error:
                raise Unavailable("A part of the document is not to be had right now.") from error
            documents[service] = response.json()
    return merge(documents)


def merge(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Paths side by side; components too, and two that differ under one name are told apart by their service."""
    first = documents["gateway"]
    components: dict[str, dict[str, Any]] = {}
    paths: dict[str, Any] = {}
    tags: list[str] = []
    for service, document in documents.items():
        told_apart = _told_apart(service, document, components)
        for kind, named in told_apart.get("components", {}).items():
            components.setdefault(kind, {}).update(named)
        for path, operations in told_apart.get("paths", {}).items():
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


def _told_apart(
    service: str, document: Mapping[str, Any], held: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The document, with every component renamed that means something else in `held` under its name."""
    components = document.get("components", {})
    own = {
        (kind, name): value for kind, named in components.items() for name, value in named.items()
    }
    differing = {
        (kind, name)
        for (kind, name), value in own.items()
        if held.get(kind, {}).get(name, value) != value
    }
    # What refers to something renamed means something else, too, though it reads the same.
    grown = True
    while grown:
        marks = [f'"{_reference(kind, name)}"' for kind, name in differing]
        referring = {
            key
            for key, value in own.items()
            if key[1] in held.get(key[0], {}) and any(mark in json.dumps(value) for mark in marks)
        }
        grown = not referring <= differing
        differing |= referring
    text = json.dumps(document)
    for kind, name in differing:
        renamed = _reference(kind, service.capitalize() + name)
        text = text.replace(f'"{_reference(kind, name)}"', f'"{renamed}"')
    result: dict[str, Any] = json.loads(text)
    for kind, name in differing:
        named = result["components"][kind]
        named[service.capitalize() + name] = named.pop(name)
    return result


def _reference(kind: str, name: str) -> str:
    return f"#/components/{kind}/{name}"
