"""The answer to a file: what became of each row, written while the rows are worked through, so that none is kept."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio.to_thread
import orjson
from starlette.responses import Response

from services.chassis.web.answer import Spooled, spool

T = TypeVar("T")


async def in_parts(rows: Iterator[T], most: int) -> AsyncIterator[list[T]]:
    """The rows, `most` at a time. They are read in a thread: others are served meanwhile."""
    while part := await anyio.to_thread.run_sync(lambda: list(islice(rows, most))):
        yield part


class RowsAnswer:
    """`{"rows": […], …}`. Closes what it has written unless it is sent."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._file = self._stack.enter_context(spool())
        self._before = b'{"rows":['

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """What became of further rows."""
        for row in rows:
            self._file.write(self._before + orjson.dumps(row, default=str))
            self._before = b","

    def ended(self, summary: Mapping[str, Any]) -> Response:
        """The answer, with the members of `summary` beside the rows."""
        opening = b"" if self._before == b"," else self._before
        self._file.write(opening + b"]," + orjson.dumps(summary)[1:])
        self._stack.pop_all()
        return Spooled(self._file, "application/json")
