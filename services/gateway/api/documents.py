"""The pages for those who write programs: the OpenAPI document, its browser, and what each problem means."""

import html

import orjson
from fastapi import Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from services.chassis.errors import NotFound
from services.chassis.language import translate
from services.chassis.problems import documented
from services.chassis.web import RuntimeDep, language_of, pages
from services.gateway.openapi import merged

router = pages()


@router.get("/", include_in_schema=False)
async def get_start() -> RedirectResponse:
    """Whoever comes without an address is shown the document."""
    return RedirectResponse("/docs")


@router.get("/openapi.json", include_in_schema=False)
async def get_openapi_document(request: Request, runtime: RuntimeDep) -> Response:
    """One document over all services."""
    return Response(
        orjson.dumps(await merged(runtime, request.app.openapi())), media_type="application/json"
    )


@router.get("/docs", include_in_schema=False)
async def get_docs() -> HTMLResponse:
    """The document to look at and to try."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Stafett",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/docs/assets/favicon.png",
    )


# Served from the package: no page of ours loads anything from elsewhere.
router.routes.append(
    Mount("/docs/assets", StaticFiles(packages=[("fastapi_offline", "static")]), name="docs-assets")
)


@router.get("/problems", include_in_schema=False)
async def list_problems(request: Request) -> HTMLResponse:
    """Every problem type, with a link to its page."""
    language = language_of(request)
    title = html.escape(translate(language, "What can go wrong"))
    entries = "".join(
        f'<dt><a href="/problems/{slug}">{html.escape(translate(language, kind.title))}</a>'
        f"<dd>{html.escape(translate(language, kind.explanation))}"
        for slug, kind in sorted(documented().items())
    )
    return HTMLResponse(
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>'
        f"<h1>{title}</h1><dl>{entries}</dl></html>"
    )


@router.get("/problems/{slug}", include_in_schema=False)
async def explain_problem(slug: str, request: Request) -> HTMLResponse:
    """What a problem type means, and what to do."""
    kind = documented().get(slug)
    if kind is None:
        raise NotFound("There is nothing at this address.")
    language = language_of(request)
    title = html.escape(translate(language, kind.title))
    text = html.escape(translate(language, kind.explanation))
    return HTMLResponse(
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>'
        f"<h1>{title}</h1><p>{text}</p></html>"
    )
