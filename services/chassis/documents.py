"""The OpenAPI 3.1 document of a service: FastAPI's, with our errors for each operation."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

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
                "required": ["in", "pointer", "detail"],
                "properties": {
                    "in": {"type": "string", "examples": ["body"]},
                    "pointer": {"type": "string", "examples": ["/title"]},
                    "detail": {"type": "string"},
                    "line": {"type": "integer"},
                    "column": {"type": "integer"},
                },
            },
        },
        "allowed": {"type": "array", "items": {"type": "string"}},
        "missing": {"type": "array", "items": {"type": "object"}},
        "request_id": {"type": "string"},
    },
}

_RESPONSES = {
    "400": ("Malformed", "Not readable."),
    "401": ("Unauthenticated", "Nobody knows who asks."),
    "403": ("Forbidden", "Known, but not allowed."),
    "404": ("NotFound", "Not there, or not yours."),
    "409": ("Conflict", "The state forbids it; `allowed` lists the moves that exist."),
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
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        schemas["Problem"] = PROBLEM_SCHEMA
        components["responses"] = {
            name: {
                "description": text,
                "content": {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            }
            for name, text in _RESPONSES.values()
        }
        components["securitySchemes"] = {
            "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: `stf_…`."}
        }
        document["security"] = [{"apiKey": []}]
        for path, operations in document.get("paths", {}).items():
            for method, operation in operations.items():
                _complete(path, method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add the headers that the house takes, and every error that the operation can answer."""
    expected = {"400", "401", "403", "422", "500", "503"}
    if "{" in path:
        expected.add("404")
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
