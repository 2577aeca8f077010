"""Errors as RFC 9457 problems, in the reader's language."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from starlette.responses import Response

from services.chassis import errors
from services.chassis.errors import DomainError, FieldError
from services.chassis.language import Language, translate
from services.chassis.telemetry import REQUEST_ID

MEDIA_TYPE = "application/problem+json"

# The nearest listed ancestor decides.
_OF_THE_DOMAIN: Mapping[type[DomainError], int] = {
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Invalid: 422,
    errors.Malformed: 400,
    errors.PreconditionMissing: 428,
    errors.PreconditionFailed: 412,
    errors.NotAcceptable: 406,
    errors.TooLarge: 413,
    errors.Unavailable: 503,
}


class MethodNotAllowed(DomainError):
    slug = "method-not-allowed"
    title = "Not a method of this address"
    explanation = "The address exists, but not with this method; `Allow` lists the methods."


class Unexpected(DomainError):
    slug = "unexpected"
    title = "Our mistake"
    explanation = (
        "Something failed on our side and was logged under the request id. Nothing was changed."
    )


STATUS: Mapping[type[DomainError], int] = {
    MethodNotAllowed: 405,
    Unexpected: 500,
    **_OF_THE_DOMAIN,
}


def status_of(error: DomainError) -> int:
    """The HTTP status of a domain error."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    raise LookupError(f"{type(error).__name__} has no status")


def field_errors(
    language: Language, found: Iterable[FieldError], *, has_body: bool = True
) -> list[dict[str, object]]:
    """The `errors` member. What would be wrong in a body is wrong in the thing itself where none was sent."""
    listed: list[dict[str, object]] = []
    for error in found:
        where = None if error.where == "body" and not has_body else error.where
        entry: dict[str, object] = {} if where is None else {"in": where}
        entry["pointer"] = error.pointer
        entry["detail"] = translate(language, error.template, error.params)
        if error.line is not None:
            entry["line"] = error.line
        if error.column is not None:
            entry["column"] = error.column
        listed.append(entry)
    return listed


def problem_body(
    language: Language, status: int, error: DomainError, *, has_body: bool = True
) -> dict[str, object]:
    """The members of a problem."""
    body: dict[str, object] = {
        "type": f"/problems/{error.slug}",
        "title": translate(language, error.title),
        "status": status,
        "detail": translate(language, error.template, error.params),
    }
    found: Iterable[FieldError] = getattr(error, "errors", ())
    if found:
        body["errors"] = field_errors(language, found, has_body=has_body)
    for name, value in error.members().items():
        body[name] = _translated(language, value)
    request_id = REQUEST_ID.get()
    if request_id is not None:
        body["request_id"] = request_id
    return body


def _translated(language: Language, value: Any) -> Any:
    """Message templates inside further members (`{"template": …, "params": …}`) become texts."""
    if isinstance(value, list):
        return [_translated(language, entry) for entry in value]
    if isinstance(value, Mapping) and "template" in value:
        rest = {k: v for k, v in value.items() if k not in ("template", "params")}
        return {**rest, "detail": translate(language, value["template"], value.get("params"))}
    return value


def problem(
    language: Language,
    error: DomainError,
    *,
    headers: Mapping[str, str] | None = None,
    has_body: bool = True,
) -> Response:
    """The response for a domain error; `has_body`: whether the request had one."""
    code = status_of(error)
    sent = dict(headers or {})
    sent["Content-Language"] = language
    if code == 401:
        sent["WWW-Authenticate"] = 'Bearer realm="stafett"'
    if isinstance(error, errors.Unavailable | errors.InProgress):
        sent["Retry-After"] = str(error.retry_after)
    return Response(
        orjson.dumps(problem_body(language, code, error, has_body=has_body), default=str),
        status_code=code,
        headers=sent,
        media_type=MEDIA_TYPE,
    )


def documented() -> dict[str, type[DomainError]]:
    """Every problem type by slug: what `/problems/{slug}` explains."""
    found: dict[str, type[DomainError]] = {}

    def walk(kind: type[DomainError]) -> None:
        for child in kind.__subclasses__():
            found.setdefault(child.slug, child)
            walk(child)

    walk(DomainError)
    return found
