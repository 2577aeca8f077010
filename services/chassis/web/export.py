"""An export: everything that there is, sent as it is read, in bounded memory and as one moment sees it.

The read's transaction is open until the last row is sent. What fails midway breaks the connection off, so that a short
file is never taken for a whole one.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import orjson
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.chassis.caller import Caller
from services.chassis.csv_writing import BYTE_ORDER_MARK, csv_lines_of
from services.chassis.database import Reader
from services.chassis.errors import Unavailable
from services.chassis.fields import Money
from services.chassis.runtime import Runtime
from services.chassis.web.forms import form_of

Batches = AsyncIterator[list[bytes]]
JSON, LINES, CSV = "application/json", "application/x-ndjson", "text/csv"
# What they are asked for as; the first one is sent to whom all are alike.
_FORMS = {JSON: JSON, LINES: LINES, "application/jsonl": LINES, CSV: CSV}
_RETRY_SECONDS = 5


async def exported(
    request: Request,
    runtime: Runtime,
    caller: Caller,
    model: type[BaseModel],
    read: Callable[[Reader], Batches],
    *,
    name: str,
    mark: bool,
) -> Response:
    """Every item that `read` gives, in the form that `Accept` asks for; raises Unavailable when too many run, and
    NotAcceptable.

    `mark` puts a byte order mark before a CSV, without which some spreadsheets take it for another encoding.
    """
    media_type = _FORMS[form_of(request, _FORMS)]
    chunks = _chunks(runtime, caller, model, read, media_type, mark=mark)
    # What goes wrong before the first row is still told as a problem.
    first = await anext(chunks)
    extension = {CSV: "csv", LINES: "ndjson", JSON: "json"}[media_type]
    return _Export(
        first,
        chunks,
        "text/csv; charset=utf-8; header=present" if media_type == CSV else media_type,
        f"{name}.{extension}",
    )


class _Export(StreamingResponse):
    def __init__(
        self, first: bytes, rest: AsyncGenerator[bytes], media_type: str, file_name: str
    ) -> None:
        async def content() -> AsyncIterator[bytes]:
            yield first
            async for chunk in rest:
                yield chunk

        super().__init__(
            content(),
            headers={
                "Content-Type": media_type,
                "Content-Disposition": f'attachment; filename="{file_name}"',
                "Vary": "Accept",
            },
        )
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # However it ends, the connection to the database goes back.
        async with aclosing(self._rest):
            await super().__call__(scope, receive, send)


async def _chunks(
    runtime: Runtime,
    caller: Caller,
    model: type[BaseModel],
    read: Callable[[Reader], Batches],
    media_type: str,
    *,
    mark: bool,
) -> AsyncGenerator[bytes]:
    if runtime.exports.locked():
        raise Unavailable("Too many exports run at the moment.", retry_after=_RETRY_SECONDS)
    async with runtime.exports, runtime.database.reading(caller.organization_id) as reader:
        batches = read(reader)
        if media_type == CSV:
            written = _as_csv(batches, model, mark=mark)
        else:
            written = _as_json(batches) if media_type == JSON else _as_lines(batches)
        async for chunk in written:
            yield chunk


async def _as_json(batches: Batches) -> AsyncIterator[bytes]:
    begin = b'{"items":['
    async for batch in batches:
        yield begin + b",".join(batch)
        begin = b","
    yield b"]}" if begin == b"," else b'{"items":[]}'


async def _as_lines(batches: Batches) -> AsyncIterator[bytes]:
    anything = False
    async for batch in batches:
        anything = True
        yield b"\n".join(batch) + b"\n"
    if not anything:
        yield b""


async def _as_csv(batches: Batches, model: type[BaseModel], *, mark: bool) -> AsyncIterator[bytes]:
    names = _columns(model)
    head = (BYTE_ORDER_MARK if mark else b"") + csv_lines_of([names])
    async for batch in batches:
        rows = [_flat(orjson.loads(item)) for item in batch]
        yield head + csv_lines_of([row.get(name) for name in names] for row in rows)
        head = b""
    if head:
        yield head


def _columns(model: type[BaseModel]) -> Sequence[str]:
    """The fields by name; money takes two columns."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        names.append(name)
        if field.annotation in (Money, Money | None):
            names.append("currency")
    return names


def _flat(item: dict[str, Any]) -> dict[str, Any]:
    flat = dict(item)
    for name, value in item.items():
        if isinstance(value, dict) and value.keys() == {"amount", "currency"}:
            flat |= {name: value["amount"], "currency": value["currency"]}
    return flat
