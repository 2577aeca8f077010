"""The brief as a page, as Markdown and in print: three ways to show the same, none of which takes a text for markup."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from uuid import UUID

import orjson
from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from services.chassis.forms import disposition
from services.chassis.printing import pdf_of, print_in_turn
from services.chassis.web import (
    IN_FORMS,
    CallerDep,
    NowDep,
    RuntimeDep,
    concept,
    form_of,
    language_of,
)
from services.handover.domain.brief import Brief, write_brief
from services.handover.domain.brief_reading import read_brief

router = concept("briefs")
_TEMPLATES = Path(__file__).parent.parent / "templates"

# What Markdown (CommonMark, and GitHub's) takes for its own wherever it stands: a letter, a number or an address is none of it.
_MARKUP = re.compile(
    r"[\\`*<\[]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|&(?=#?\w+;)"
    r"|(?<![\w.+-])@(?=\w)"
    r"|(?<=\s)#(?=#*\s*$)"
    r"|:(?=//)"
    r"|(?i:(?<=\bwww))\.",
    re.MULTILINE,
)
# What it takes where a line begins: headings, quotes, lists, rules, tables, fences.
_AT_THE_START = re.compile(
    r"^(\d{1,9}(?=[.)](?:\s|$))|(?=#{1,6}(?:\s|$)|>|\||~~~|[-+](?:\s|$)|[-=:][-=:|\s]*$|[-:][-:|\s]+\|))"
)


def _inline(text: str) -> str:
    """A text in one line of Markdown, after something else: in a heading, behind a label."""
    return _plain(" ".join(text.split()))


def _line(text: str) -> str:
    """A text as a line of Markdown of its own."""
    return _begun(_inline(text))


def _lines(text: str) -> str:
    """A text behind the label of a list item of Markdown, with its line breaks."""
    plain = _plain("\n".join(line.strip() for line in text.splitlines() if line.strip()))
    first, *others = plain.split("\n")
    return "\\\n  ".join([first, *map(_begun, others)])


def _plain(text: str) -> str:
    text = _MARKUP.sub(r"\\\g<0>", text)
    # These come in pairs alone.
    for sign in "~$":
        if text.count(sign) > 1:
            text = text.replace(sign, "\\" + sign)
    return text


def _begun(line: str) -> str:
    # A number is a list item by the point after it, which is what can be escaped.
    return _AT_THE_START.sub(r"\1\\", line)


@cache
def _pages() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )


@cache
def _plain_texts() -> Environment:
    environment = Environment(  # nosec B701
        # Not HTML: the filters inline, line and lines stand in for autoescape, and a test holds the template to them.
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = _inline
    environment.filters["line"] = _line
    environment.filters["lines"] = _lines
    return environment


def as_html(brief: Brief) -> bytes:
    """A page that prints well on A4 and loads nothing from elsewhere."""
    return _pages().get_template("brief.html").render(brief=brief).encode()


def as_markdown(brief: Brief) -> bytes:
    """CommonMark."""
    written = _plain_texts().get_template("brief.md").render(brief=brief)
    return (re.sub(r"\n{3,}", "\n\n", written).strip() + "\n").encode()


def as_pdf(brief: Brief) -> bytes:
    """A4, with bookmarks and tags. The brief goes to typst as JSON beside the template, never inside it."""
    return pdf_of(_TEMPLATES / "brief.typ", "brief", asdict(brief), brief.day)


MARKDOWN, HTML, PDF = "text/markdown", "text/html", "application/pdf"
# The first one is what is sent to whom all are alike.
FORMS: Mapping[str, tuple[str, Callable[[Brief], bytes]]] = {
    MARKDOWN: ("md", as_markdown),
    HTML: ("html", as_html),
    PDF: ("pdf", as_pdf),
}


def _tag(brief: Brief, form: str) -> str:
    return f'"{hashlib.sha256(form.encode() + orjson.dumps(asdict(brief))).hexdigest()[:32]}"'


def _is_known(tag: str, if_none_match: str) -> bool:
    """Whether `If-None-Match` names it: compared weakly (RFC 9110, 13.1.2), since proxies that compress weaken a tag."""
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in named or named == ["*"]


async def _shown(brief: Brief, form: str) -> bytes:
    show = FORMS[form][1]
    if form != PDF:
        return await asyncio.to_thread(show, brief)
    return await print_in_turn(
        "Printing takes too long at the moment. The page (text/html) is there at once.",
        lambda: show(brief),
    )


@router.get(
    "/handovers/{handover_id}/brief",
    summary="The first-week pack",
    response_class=Response,
    responses={
        200: {
            "description": "As Markdown unless `Accept` asks for another form.",
            "content": {
                MARKDOWN: {
                    "schema": {"type": "string"},
                    "example": "# Self-service tills for 42 shops\n\n- **Customer:** Brød og Hjørne\n",
                },
                HTML: {
                    "schema": {"type": "string"},
                    "example": '<!doctype html>\n<html lang="nb">…</html>\n',
                },
                PDF: {
                    "schema": {"type": "string", "contentMediaType": PDF},
                    "example": "%PDF-1.7 …",
                },
            },
        },
        304: {"description": "It is what `If-None-Match` names."},
    },
    openapi_extra=IN_FORMS,
)
async def get_brief(
    handover_id: UUID, request: Request, caller: CallerDep, now: NowDep, runtime: RuntimeDep
) -> Response:
    """Everybody, by `Accept` and `Accept-Language`. What a customer does not let us share is not in it."""
    form = form_of(request, FORMS)
    language = language_of(request)
    async with runtime.database.reading(caller.organization_id) as reader:
        told = await read_brief(reader, handover_id)
    # Hundreds of days and sums in the reader's language take a while, in which others want to be answered.
    brief = await asyncio.to_thread(write_brief, told, language, now.date())
    tag = await asyncio.to_thread(_tag, brief, form)
    headers = {
        "ETag": tag,
        "Vary": "Accept, Accept-Language",
        "Cache-Control": "private, no-cache",
        "Content-Language": language,
    }
    if _is_known(tag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    content = await _shown(brief, form)
    headers["Content-Disposition"] = disposition(brief.title, FORMS[form][0], "brief")
    if form == HTML:
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        headers["X-Content-Type-Options"] = "nosniff"
    return Response(content, headers=headers, media_type=form)
