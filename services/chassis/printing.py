"""Printing: a typst template and data make a PDF, a few at a time, beside the requests of others."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path

import orjson
import typst

from services.chassis.errors import Unavailable

# Two at once in a process, the others wait their turn. Threads will do: typst works outside of Python's lock (measured:
# while 1,000 entries are printed, 0.7 s, another thread waits 16 ms at most).
_PRINTERS = ThreadPoolExecutor(2, thread_name_prefix="print")
_PATIENCE_SECONDS = 30.0


@cache
def _fonts() -> typst.Fonts:
    # Those that come along, so that a page looks the same wherever it is made.
    return typst.Fonts(include_system_fonts=False)


def pdf_of(page: Path, name: str, data: Mapping[str, object], day: date) -> bytes:
    """A PDF of a typst template. The data goes in as the JSON input `name` beside it, never inside it."""
    printed = typst.compile(
        page.read_bytes(),
        sys_inputs={name: orjson.dumps(data).decode()},
        font_paths=_fonts(),
        ignore_system_fonts=True,
        format="pdf",
        timestamp=datetime.combine(day, time(), UTC),
    )
    assert isinstance(printed, bytes)  # one document, and nowhere to store it
    return printed


async def print_in_turn(template: str, make: Callable[[], bytes]) -> bytes:
    """What `make` prints; raises `Unavailable`, saying `template`, when others print for too long."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await asyncio.get_running_loop().run_in_executor(_PRINTERS, make)
    except TimeoutError as error:
        raise Unavailable(template, retry_after=10) from error
