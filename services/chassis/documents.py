"""The OpenAPI 3.1 document of a service: FastAPI's, with our errors for each operation."""

import json
from contextlib import suppress
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.chassis import errors, problems
from services.chassis.errors import DomainError
from services.chassis.examples import NoExample, example_of

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "in": {
                        "enum": ["body", "query", "path", "header", "file"],
                        "description": "What of the request `pointer` points into. Not there where nothing that was sent is "
                        "wrong: it points into the thing itself then, as `/promises/{id}` of a handover that cannot move on.",
                    },
                    "pointer": {
                        "type": "string",
                        "format": "json-pointer",
                        "description": "JSON Pointer (RFC 6901).",
                        "examples": ["/title"],
                    },
                    "detail": {"type": "string"},
                    "line": {"type": "integer", "description": "Of a file, from 1."},
                    "column": {"type": "integer", "description": "Of a file, from 1."},
                },
            },
        },
        "allowed": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The moves that the caller can make instead.",
        },
        "missing": {"type": "array", "items": {"type": "object"}},
        "reason": {"type": "string"},
        "request_id": {"type": "string"},
    },
}

_RESPONSES = {
    "400": ("Malformed", "Not readable."),
    "401": ("Unauthenticated", "Nobody knows who asks."),
    "403": ("Forbidden", "Known, but not allowed."),
    "404": ("NotFound", "Not there, or not yours."),
    "406": ("NotAcceptable", "None of its forms is asked for."),
    "409": (
        "Conflict",
        "The state forbids it; `allowed` lists the moves that the caller can make instead.",
    ),
    "412": ("PreconditionFailed", "Changed in the meantime."),
    "413": ("TooLarge", "The body is too large."),
    "422": ("Invalid", "The content is not valid; `errors` says where, `missing` what is left."),
    "428": ("PreconditionMissing", "If-Match is needed."),
    "500": ("Unexpected", "Our mistake; it is logged."),
    "503": ("Unavailable", "Something that is needed does not answer; see Retry-After."),
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that you have read.",
    "schema": {"type": "string"},
    "example": '"3"',
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes a repeated request be carried out once; its answer is kept for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[\x21-\x7e]+$"},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            openapi_version="3.1.0",
        )
        document = _name_forms(document)
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        schemas["Problem"] = PROBLEM_SCHEMA
        components["responses"] = {
            name: {
                "description": text,
                "content": {
                    "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "example": _problem_example(name, int(status), text),
                    }
                },
            }
            for status, (name, text) in _RESPONSES.items()
        }
        components["securitySchemes"] = {
            "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: `stf_…`."},
            "signIn": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token of an identity provider of the organization "
                "(`/v1/identity-providers`): an access token (RFC 9068) or an ID token.",
            },
        }
        document["security"] = [{"apiKey": []}, {"signIn": []}]
        for path, operations in document.get("paths", {}).items():
            for method, operation in operations.items():
                _complete(path, method, operation)
        for operations in document.get("paths", {}).values():
            for method, operation in operations.items():
                _show(method, operation, schemas)
        app.openapi_schema = document
    return app.openapi_schema


def _name_forms(document: dict[str, Any]) -> dict[str, Any]:
    """FastAPI names a form after its path; ours is named after its operation."""
    text = json.dumps(document)
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
                if name.startswith("Body_"):
                    own = operation["operationId"]
                    text = text.replace(f'"{name}"', f'"{own[0].upper()}{own[1:]}Form"')
                    text = text.replace(f'/{name}"', f'/{own[0].upper()}{own[1:]}Form"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add the headers that the house takes, and every error that the operation can answer."""
    expected = {"400", "401", "403", "422", "500", "503"}
    if "{" in path:
        expected.add("404")
    if operation.get("security") == []:
        expected -= {"401", "403"}
    if method in ("post", "patch", "delete", "put"):
        expected |= {"404", "409", "413"}
    if method in ("patch", "delete"):
        expected |= {"412", "428"}
        operation.setdefault("parameters", []).append(_IF_MATCH)
    if method == "post":
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    responses = operation["responses"]
    for status in sorted(expected):
        responses[status] = {"$ref": f"#/components/responses/{_RESPONSES[status][0]}"}


def _problem_example(name: str, status: int, text: str) -> dict[str, Any]:
    kind: type[DomainError] = getattr(problems, name, None) or getattr(errors, name)
    return {
        "type": f"/problems/{kind.slug}",
        "title": kind.title,
        "status": status,
        "detail": text,
        "request_id": "019a2b3c-4d5e-7f60-8123-456789abcdef",
    }


def _show(method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give every body, asked for or answered, an example."""
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for media in body.get("content", {}).values():
            schema = media.get("schema", {})
            if method == "patch" and body is bodies[0] and "$ref" in schema:
                # What a merge patch leaves out stays as it is: nothing has a default.
                for field in schemas[schema["$ref"].rpartition("/")[2]]["properties"].values():
                    field.pop("default", None)
            if schema and "example" not in media and "examples" not in media:
                with suppress(NoExample):
                    media["example"] = example_of(schema, schemas)
