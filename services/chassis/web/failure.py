"""Whatever goes wrong, as a problem: our errors, FastAPI's, the database's, and our own mistakes."""

import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import asyncpg
import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match as RouteMatch
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis import errors, problems
from services.chassis.database import UNFIT, driver_error, is_gone
from services.chassis.errors import DomainError, FieldError, Invalid, Unfit
from services.chassis.fields import ONE_LINE, PRINTABLE
from services.chassis.telemetry import ERRORS
from services.chassis.web.pointer import path_in, pointer_of
from services.chassis.web.request import language_of

log = structlog.get_logger(__name__)
M = TypeVar("M", bound=BaseModel)

# Pydantic's error types in our words, which are translated; for others its own words stand.
_WORDS = {
    "missing": "This is required.",
    "json_invalid": "It is not JSON.",
    "extra_forbidden": "This field does not exist.",
    "string_too_short": "It must have at least {min_length} characters.",
    "string_too_long": "It must have at most {max_length} characters.",
    "string_pattern_mismatch": "It does not have the form that is asked for.",
    "string_type": "It must be text.",
    "string_unicode": "It must be valid Unicode.",
    "int_parsing": "It must be a whole number.",
    "int_parsing_size": "It is too large.",
    "int_type": "It must be a whole number.",
    "int_from_float": "It must be a whole number.",
    "bool_parsing": "It must be true or false.",
    "bool_type": "It must be true or false.",
    "uuid_parsing": "It must be a UUID.",
    "uuid_type": "It must be a UUID.",
    "enum": "It must be one of {expected}.",
    "literal_error": "It must be one of {expected}.",
    "greater_than_equal": "It must be at least {ge}.",
    "less_than_equal": "It must be at most {le}.",
    "greater_than": "It must be more than {gt}.",
    "less_than": "It must be less than {lt}.",
    "float_parsing": "It must be a number.",
    "float_type": "It must be a number.",
    "decimal_parsing": "It must be a number, written as text.",
    "decimal_type": "It must be a number, written as text.",
    "finite_number": "It must be a number, not infinity.",
    "decimal_max_digits": "It must have at most {max_digits} digits.",
    "decimal_max_places": "It must have at most {decimal_places} decimals.",
    "decimal_whole_digits": "It must have at most {whole_digits} digits before the decimal mark.",
    "union_tag_not_found": "It must say its {discriminator}.",
    "union_tag_invalid": "Its {discriminator} must be one of {expected_tags}.",
    "date_from_datetime_parsing": "It must be a date such as 2026-11-22.",
    "date_from_datetime_inexact": "It must be a date such as 2026-11-22.",
    "date_parsing": "It must be a date such as 2026-11-22.",
    "date_type": "It must be a date such as 2026-11-22.",
    "timezone_aware": "It must say its offset from UTC, such as 2026-11-22T09:00:00+01:00.",
    "datetime_parsing": "It must be a moment such as 2026-11-22T09:00:00+01:00.",
    "datetime_from_date_parsing": "It must be a moment such as 2026-11-22T09:00:00+01:00.",
    "datetime_type": "It must be a moment such as 2026-11-22T09:00:00+01:00.",
    "list_type": "It must be a list.",
    "too_long": "It must have at most {max_length} entries.",
    "too_short": "It must have at least {min_length} entries.",
    "model_attributes_type": "It must be a JSON object.",
    "model_type": "It must be a JSON object.",
    "dict_type": "It must be a JSON object.",
}

# For the patterns that stand for a rule that people know.
_WORDS_OF_PATTERN = {
    PRINTABLE: "It must not hold control characters.",
    ONE_LINE: "It must be on one line, without control characters and without those that turn its direction.",
}

_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")
_AFTER_AN_ID = re.compile(r"(?<=_id)_")


def validation_error(
    caught: RequestValidationError, body: TypeAdapter[Any] | None = None
) -> DomainError:
    """FastAPI's validation errors as ours; `body` is what the request's was held against."""
    found_errors: list[FieldError] = []
    for error in caught.errors():
        if error["type"] == "json_invalid":
            return errors.Malformed("The body is not JSON.")
        where, *path = error["loc"] or ("body",)
        if where == "body" and body is not None:
            path = path_in(body, path)
        found_errors.append(_field_error(error, pointer_of(path), str(where)))
    return Invalid("The request is not valid.", errors=found_errors)


def mapping_as(model: type[M], mapping: str) -> M:
    """The JSON in the field `mapping` of a form; raises `Invalid` with pointers that begin with the field's."""
    try:
        return model.model_validate_json(mapping)
    except ValidationError as caught:
        adapter = TypeAdapter(model)
        raise Invalid(
            "The mapping is not valid.",
            errors=[
                _field_error(
                    error, pointer_of(["mapping", *path_in(adapter, error["loc"])]), "body"
                )
                for error in caught.errors()
            ],
        ) from caught


def _field_error(error: Mapping[str, Any], pointer: str, where: str) -> FieldError:
    """One of Pydantic's errors in our words: those of its type, or what our validator said."""
    context = error.get("ctx", {})
    said = context.get("error")
    if where == "body" and not pointer and isinstance(error.get("input"), bytes):
        return FieldError(pointer, "Send it as Content-Type: application/json.", where=where)
    if isinstance(said, Unfit):
        return FieldError(pointer, said.template, said.params, where=where)
    if context.get("pattern") in _WORDS_OF_PATTERN:
        return FieldError(pointer, _WORDS_OF_PATTERN[context["pattern"]], where=where)
    if error["type"] in _WORDS:
        # Its lists are English: 'a', 'b' or 'c'.
        params = {
            name: _listed(value) if isinstance(value, str) else value
            for name, value in context.items()
            if name != "error"
        }
        return FieldError(pointer, _WORDS[error["type"]], params, where=where)
    if error["type"] == "value_error" and "Expected UploadFile" in error["msg"]:
        return FieldError(pointer, "Send a file here, with its file name.", where=where)
    if error["type"] == "value_error" and "valid email" in error["msg"]:
        return FieldError(pointer, "This is not a valid e-mail address.", where=where)
    return FieldError(
        pointer, "{reason}", {"reason": error["msg"].removeprefix("Value error, ")}, where=where
    )


def _listed(expected: str) -> str:
    """Pydantic's list of values without English words, and without Python's names for what has a name."""
    return _MEMBER.sub(r"\1", expected).replace("' or '", "', '")


def database_error(caught: asyncpg.PostgresError, *, reading: bool = False) -> DomainError | None:
    """What the database refused, as a domain error; None for what should not have reached it."""
    constraint = getattr(caught, "constraint_name", None) or ""
    table = getattr(caught, "table_name", None) or ""
    match caught:
        case asyncpg.UniqueViolationError() | asyncpg.ExclusionViolationError():
            return _taken(table, constraint)
        case asyncpg.ForeignKeyViolationError():
            return _dangling(caught, constraint)
        case asyncpg.CheckViolationError():
            rule = constraint.removeprefix(f"ck_{table}_").replace("_", " ")
            return Invalid("A rule of the data forbids it: {rule}.", rule=rule)
        case asyncpg.DataError():
            return Invalid("A value is not one that can be stored or looked for.")
        case asyncpg.LockNotAvailableError() if not reading:
            return errors.InProgress("Somebody else is changing it right now.")
        case (
            asyncpg.LockNotAvailableError()
            | asyncpg.DeadlockDetectedError()
            | asyncpg.SerializationError()
            | asyncpg.QueryCanceledError()
        ):
            return errors.Unavailable("The database was too busy for this.")
        case _:
            return None


def _taken(table: str, constraint: str) -> DomainError:
    """What must be one of its kind, by the fields that our names for constraints tell; of what it is a part goes without saying."""
    named = constraint.removeprefix(f"uq_{table}_organization_id_")
    if named == constraint:
        return errors.Conflict("There is one already.")
    fields = _AFTER_AN_ID.split(named)
    own = [field for field in fields if not field.endswith("_id")] or fields
    return errors.Conflict(
        "There is one already with the same {fields}.",
        fields=", ".join(field.replace("_", " ") for field in own),
    )


def _dangling(caught: asyncpg.ForeignKeyViolationError, constraint: str) -> DomainError:
    """A reference to something that is not there, by the field that our names for constraints tell; or from what is left."""
    if "is still referenced" in (caught.detail or ""):
        return errors.Conflict("Something still refers to it.")
    field = constraint.removeprefix(f"fk_{caught.table_name}_organization_id_")
    thing = field.removesuffix("_id").replace("_", " ")
    return Invalid(
        "It refers to something that is not there.",
        errors=[FieldError(f"/{field}", "There is no such {thing}.", {"thing": thing})],
    )


async def _on_domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)  # registered for it alone
    sent = request.headers
    has_body = sent.get("content-length", "0") != "0" or "transfer-encoding" in sent
    return problems.problem(language_of(request), error, has_body=has_body)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problems.problem(language_of(request), validation_error(error, _body_of(request)))


def _body_of(request: Request) -> TypeAdapter[Any] | None:
    """What a body must be at this address; None where none is asked for."""
    field = getattr(request.scope.get("route"), "body_field", None)
    return None if field is None else field._type_adapter


async def _on_database_error(request: Request, error: Exception) -> Response:
    cause = driver_error(error)
    if isinstance(cause, asyncpg.PostgresError):
        known = database_error(cause, reading=request.method == "GET")
        if known is not None:
            return problems.problem(language_of(request), known)
    if isinstance(cause, UNFIT):
        # Mostly a parameter that passed the model and fits no column; a mistake of ours would look the same.
        log.warning("value_refused", path=request.scope["path"], error=str(cause))
        return problems.problem(
            language_of(request), Invalid("A value is not one that can be stored or looked for.")
        )
    if is_gone(cause):
        return problems.problem(
            language_of(request), errors.Unavailable("The database does not answer.")
        )
    return await _on_unexpected(request, error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    language = language_of(request)
    headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            return problems.problem(language, errors.NotFound("There is nothing at this address."))
        case 405:
            return problems.problem(
                language,
                problems.MethodNotAllowed("Not with this method."),
                headers={**headers, "Allow": ", ".join(_methods_at(request))},
            )
        case 413:
            return problems.problem(language, errors.TooLarge("The body is too large."))
        case _ if error.status_code < 500:
            return problems.problem(
                language, errors.Malformed("The request cannot be read."), headers=headers
            )
        case _:
            return await _on_unexpected(request, error)


def _methods_at(request: Request) -> list[str]:
    """Every method of the address: each has a route of its own, and the first one knows only itself."""
    methods: set[str] = set()
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is not RouteMatch.NONE:
            methods |= getattr(route, "methods", None) or set()
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


async def _on_unexpected(request: Request, error: Exception) -> Response:
    ERRORS.labels(request.app.state.service).inc()
    log.error("unexpected", path=request.scope["path"], exc_info=error)
    return problems.problem(
        language_of(request), problems.Unexpected("It is logged. Nothing was changed.")
    )


class Mistakes:
    """Answers a mistake of ours and lets it end there: Starlette answers it and raises it again.

    The server would then close the connection without having said so, and reset the next request on it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception as error:
            # What broke off midway must be seen to: a short answer is never taken for a whole one.
            if started:
                raise
            response = await _on_unexpected(Request(scope), error)
            await response(scope, receive, send)


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    DomainError: _on_domain_error,
    RequestValidationError: _on_validation_error,
    HTTPException: _on_http_exception,
    exc.SQLAlchemyError: _on_database_error,
    asyncpg.PostgresError: _on_database_error,
    asyncpg.InterfaceError: _on_database_error,
    asyncpg.InternalClientError: _on_database_error,
    Exception: _on_unexpected,
}
