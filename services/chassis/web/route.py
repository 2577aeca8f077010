"""The route: strict about queries and bodies, and a repeated POST is carried out once."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import anyio.to_thread
import orjson
from fastapi import APIRouter, Request
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.errors import FieldError, Invalid
from services.chassis.idempotency import Answer, KeyedRequest
from services.chassis.web.answer import Spooled
from services.chassis.web.handling import direct_handler
from services.chassis.web.pointer import pointer_part
from services.chassis.web.request import Replayed


class Route(APIRoute):
    """Refuses unknown query parameters and too large bodies, and answers repeated POSTs once (`Idempotency-Key`)."""

    takes_files: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not (self.methods or set()) <= {"GET"}:
            self.app = _within_limit(self.app, takes_files=self.takes_files)

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = direct_handler(self) or super().get_route_handler()
        known = frozenset(_query_names(self.dependant))
        form_fields = frozenset(_names(self.dependant.body_params))
        is_post = "POST" in (self.methods or ())

        async def strict(request: Request) -> Response:
            if request.scope["query_string"]:
                _refuse_unknown(request, known)
            if self.takes_files:
                await _refuse_unknown_parts(request, form_fields)
            if not is_post:
                return await handle(request)
            key = request.headers.get("idempotency-key")
            if key is None:
                return await handle(request)
            request.scope["stafett.keyed"] = KeyedRequest.of(
                key,
                request.method,
                request.scope["path"],
                request.scope["query_string"],
                await (_form_digest(request) if self.takes_files else _body_of(request)),
            )
            try:
                response = await handle(request)
            except Replayed as replayed:
                answer = replayed.answer
                return Response(
                    answer.body,
                    status_code=answer.status,
                    headers={**answer.headers, "Idempotency-Replayed": "true"},
                )
            request.scope["stafett.answer"] = Answer(
                response.status_code,
                {k: v for k, v in response.headers.items() if k != "content-length"},
                request.scope.get("stafett.kept_body") or _content_of(response),
            )
            return response

        return strict


class FileRoute(Route):
    """Takes files in a form (multipart/form-data), which may be larger than other bodies."""

    takes_files = True


def _within_limit(app: ASGIApp, *, takes_files: bool) -> ASGIApp:
    """`app`, which is not given more of a body than the settings let in."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        settings = scope["app"].state.runtime.settings
        limit = settings.max_import_bytes if takes_files else settings.max_body_bytes
        announced = next((v for n, v in scope["headers"] if n == b"content-length"), b"0")
        # Refused before it is read, where it says its length; otherwise as soon as it is too much.
        if announced.isdigit() and int(announced) > limit:
            raise HTTPException(413)
        read = 0

        async def receive_some() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise HTTPException(413)
            return message

        await app(scope, receive_some, send)

    return limited


async def _body_of(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect as error:
        # Nobody reads the answer; it only has to be no mistake of ours.
        raise HTTPException(400) from error


def _content_of(response: Response) -> bytes:
    return response.content() if isinstance(response, Spooled) else bytes(response.body)


async def _form_digest(request: Request) -> bytes:
    """What the form says, in short: the same with another boundary, which is made up anew each time."""
    form = await request.form()

    def digest() -> bytes:
        whole = hashlib.sha256()
        for name, value in form.multi_items():
            file = None if isinstance(value, str) else value.file
            described = [name, value if isinstance(value, str) else value.filename]
            whole.update(orjson.dumps(described, option=orjson.OPT_APPEND_NEWLINE))
            if file is not None:
                file.seek(0)
                whole.update(hashlib.file_digest(file, "sha256").digest())  # type: ignore[arg-type]
                file.seek(0)
        return whole.digest()

    return await anyio.to_thread.run_sync(digest)


async def _refuse_unknown_parts(request: Request, known: frozenset[str]) -> None:
    try:
        # What is larger goes to the disk as it comes.
        form = await request.form()
    except ClientDisconnect as error:
        raise HTTPException(400) from error
    wrong = [
        FieldError("/" + pointer_part(name), "This field does not exist.")
        for name in dict.fromkeys(form)
        if name not in known
    ]
    if wrong:
        await form.close()
        raise Invalid("The request is not valid.", errors=wrong)


def _query_names(dependant: Dependant) -> set[str]:
    names = _names(dependant.query_params)
    for inner in dependant.dependencies:
        names |= _query_names(inner)
    return names


def _names(parameters: Sequence[ModelField]) -> set[str]:
    """What the parameters are called in a request; a model stands for its fields."""
    names: set[str] = set()
    for parameter in parameters:
        annotation = parameter.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names |= {f.alias or name for name, f in annotation.model_fields.items()}
        else:
            names.add(parameter.alias)
    return names


def _refuse_unknown(request: Request, known: frozenset[str]) -> None:
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    wrong = [
        FieldError("/" + pointer_part(name), "This query parameter does not exist.", where="query")
        for name in dict.fromkeys(name for name, _ in pairs)
        if name not in known
    ]
    if wrong:
        raise Invalid("The query is not valid.", errors=wrong)


def concept(tag: str, *, files: bool = False) -> APIRouter:
    """The router of one concept, under `/v1`; with `files`, of uploads."""
    return APIRouter(
        prefix="/v1",
        tags=[tag],
        route_class=FileRoute if files else Route,
        generate_unique_id_function=operation_id,
    )


def pages() -> APIRouter:
    """The router of pages that need no credential and stand outside the API."""
    return APIRouter(route_class=Route)


def operation_id(route: APIRoute) -> str:
    """The stable name of an operation: the function's, in camelCase."""
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)
