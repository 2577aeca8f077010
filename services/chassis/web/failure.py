"""Whatever goes wrong, as a problem: our errors, FastAPI's, the database's, and our own mistakes."""

import re
from collections.abc import Callable, Coroutine
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
from services.chassis.errors import DomainError, FieldError, Invalid
from services.chassis.telemetry import ERRORS
from services.chassis.validation import field_error
from services.chassis.web.pointer import path_in, pointer_of
from services.chassis.web.request import language_of

log = structlog.get_logger(__name__)
M = TypeVar("M", bound=BaseModel)

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
        found_errors.append(field_error(error, pointer_of(path), str(where)))
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
                field_error(error, pointer_of(["mapping", *path_in(adapter, error["loc"])]), "body")
                for error in caught.errors()
            ],
        ) from caught


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
