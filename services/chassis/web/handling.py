"""Handling a request: what FastAPI has found out about an endpoint, gone through without its detours.

FastAPI describes and checks, as ever: the endpoint's signature, its parameters and its body are FastAPI's. But for each
request it walks the tree of dependencies as if they could be anything, which takes longer than everything else about a
GET. Ours take the request and one another, and endpoints answer with a `Response`; where that is so, this goes through them
in a row. Where it is not, FastAPI's own handler stays.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi._compat import ModelField, Undefined
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Dependency:
    """What is asked with the request and with what was asked before. A generator is left when the stack of that name is."""

    call: Callable[..., Any]
    ask: Callable[..., Any]
    request_name: str | None
    needs: tuple[tuple[str, Callable[..., Any]], ...]
    stack: str | None


def direct_handler(route: APIRoute) -> Handler | None:
    """A handler that does what FastAPI's would; None where the endpoint takes or gives what only FastAPI's knows."""
    dependant = route.dependant
    endpoint = dependant.call
    asked = _in_order(dependant)
    body_field = route.body_field
    if (
        endpoint is None
        or asked is None
        or not _is_plain(dependant)
        or not inspect.iscoroutinefunction(endpoint)
        or not _gives_response(endpoint)
        or (body_field is not None and isinstance(body_field.field_info, Form))
    ):
        return None
    needs = _needs(dependant)
    params = _params(dependant)
    request_name = dependant.request_param_name
    takes_body, embedded = body_field is not None, route._embed_body_fields

    async def handle(request: Request) -> Response:
        body = await _json_of(request) if takes_body else Undefined
        known: dict[Callable[..., Any], Any] = {}
        for dependency in asked:
            known[dependency.call] = await _asked(dependency, request, known)
        values = {name: known[call] for name, call in needs}
        errors: list[Any] = []
        for fields, received in params:
            found, wrong = request_params_to_args(fields, received(request))
            values.update(found)
            errors += wrong
        if takes_body:
            found, wrong = await request_body_to_args(dependant.body_params, body, embedded)
            values.update(found)
            errors += wrong
        if errors:
            raise RequestValidationError(errors)
        if request_name is not None:
            values[request_name] = request
        response: Response = await endpoint(**values)
        return response

    return handle


async def _asked(
    dependency: _Dependency, request: Request, known: Mapping[Callable[..., Any], Any]
) -> Any:
    given = {name: known[call] for name, call in dependency.needs}
    if dependency.request_name is not None:
        given[dependency.request_name] = request
    if dependency.stack is None:
        return await dependency.ask(**given)
    # Begun here, left by FastAPI: before the response starts, or after it.
    stack: AsyncExitStack = request.scope[dependency.stack]
    return await stack.enter_async_context(dependency.ask(**given))


def _in_order(dependant: Dependant) -> list[_Dependency] | None:
    """All that has to be asked, each once, what it needs before it; None where one takes parameters or needs a thread."""
    found: dict[Callable[..., Any], _Dependency] = {}
    for inner in dependant.dependencies:
        before = _in_order(inner)
        dependency = _dependency(inner)
        if before is None or dependency is None:
            return None
        for one in (*before, dependency):
            found.setdefault(one.call, one)
    return list(found.values())


def _needs(dependant: Dependant) -> tuple[tuple[str, Callable[..., Any]], ...]:
    return tuple(
        (inner.name, inner.call)
        for inner in dependant.dependencies
        if inner.name is not None and inner.call is not None
    )


def _dependency(dependant: Dependant) -> _Dependency | None:
    """None for one that takes parameters, or would need a thread."""
    call = dependant.call
    if call is None or dependant.body_params or _params(dependant):
        return None
    if not dependant.use_cache or not _is_plain(dependant):
        return None
    request_name, needs = dependant.request_param_name, _needs(dependant)
    if inspect.isasyncgenfunction(call):
        of_function = dependant.scope == "function"
        stack = "fastapi_function_astack" if of_function else "fastapi_inner_astack"
        return _Dependency(call, asynccontextmanager(call), request_name, needs, stack)
    if inspect.iscoroutinefunction(call):
        return _Dependency(call, call, request_name, needs, None)
    return None


def _is_plain(dependant: Dependant) -> bool:
    """Whether it takes none of the things that FastAPI makes for it, but for the request."""
    return dependant.concurrency is None and not (
        dependant.http_connection_param_name
        or dependant.websocket_param_name
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.security_scopes_param_name
    )


def _gives_response(endpoint: Callable[..., Any]) -> bool:
    given = inspect.signature(endpoint).return_annotation
    return isinstance(given, type) and issubclass(given, Response)


def _params(
    dependant: Dependant,
) -> list[tuple[list[ModelField], Callable[[Request], Mapping[str, Any]]]]:
    """The parameters of each kind, with where a request has them."""
    kinds: list[tuple[list[ModelField], Callable[[Request], Mapping[str, Any]]]] = [
        (dependant.path_params, lambda request: request.path_params),
        (dependant.query_params, lambda request: request.query_params),
        (dependant.header_params, lambda request: request.headers),
        (dependant.cookie_params, lambda request: request.cookies),
    ]
    return [kind for kind in kinds if kind[0]]


async def _json_of(request: Request) -> Any:
    """The body as FastAPI takes it: JSON where it says so, else the bytes, which no model accepts."""
    try:
        body = await request.body()
        if not body:
            return Undefined
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json" or (
            kind.startswith("application/") and kind.endswith("+json")
        ):
            return json.loads(body)
    except json.JSONDecodeError as error:
        # Only that it is none is told, so only that is passed on.
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body",)}]) from error
    except HTTPException:
        raise
    except Exception as error:
        # Not UTF-8, nested too deeply, or broken off.
        raise HTTPException(400) from error
    return body
