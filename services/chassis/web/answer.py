"""What goes back: a resource with its ETag, a page with its link."""

import os
import tempfile
from typing import IO
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.chassis.pages import Page
from services.chassis.preconditions import etag
from services.chassis.reads import Found

_CHUNK = 262_144
_IN_MEMORY = 1_048_576


def found(resource: Found, *, status: int = 200, location: str | None = None) -> Response:
    """A single resource with its ETag, and its address when it is new."""
    headers = {} if resource.version is None else {"ETag": etag(resource.version)}
    if location is not None:
        headers["Location"] = location
    return Response(
        resource.content, status_code=status, headers=headers, media_type="application/json"
    )


def listed(page: Page, request: Request) -> Response:
    """A page, with a `Link` to the next one."""
    headers = {}
    if page.next is not None:
        kept = [(k, v) for k, v in parse_qsl(request.url.query) if k != "after"]
        query = urlencode([*kept, ("after", page.next)])
        headers["Link"] = f'<{request.scope["path"]}?{query}>; rel="next"'
    return Response(page.content(), headers=headers, media_type="application/json")


class Spooled(Response):
    """A long answer that was written to a file before it is sent, so that its length is known and what breaks off is seen.

    Takes the file over and closes it.
    """

    def __init__(self, file: IO[bytes], media_type: str) -> None:
        length = file.seek(0, os.SEEK_END)
        super().__init__(headers={"Content-Length": str(length)}, media_type=media_type)
        self._file = file

    def content(self) -> bytes:
        """All of it, to be kept."""
        self._file.seek(0)
        return self._file.read()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file as file:
            file.seek(0)
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            while chunk := file.read(_CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def spool() -> IO[bytes]:
    """A file for a `Spooled` answer: in memory while it is short, nameless on the disk when it is not."""
    return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)


def keep_instead(request: Request, body: bytes) -> None:
    """Keep this body for the Idempotency-Key rather than the one that is sent: a secret is shown once."""
    request.scope["stafett.kept_body"] = body
