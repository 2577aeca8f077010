"""What goes back: a resource with its ETag, a page with its link."""

from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from starlette.responses import Response

from services.chassis.pages import Page
from services.chassis.preconditions import etag
from services.chassis.reads import Found


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


def keep_instead(request: Request, body: bytes) -> None:
    """Keep this body for the Idempotency-Key rather than the one that is sent: a secret is shown once."""
    request.scope["stafett.kept_body"] = body
