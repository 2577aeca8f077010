"""Certificates to take along: an Open Badge, a PDF, and the public address at which anybody can verify them."""

import html
from dataclasses import asdict
from datetime import date
from pathlib import Path as FilePath
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
import orjson
from fastapi import Path, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.chassis.errors import Conflict, NotFound
from services.chassis.forms import disposition
from services.chassis.language import Language, translate
from services.chassis.printing import pdf_of, print_in_turn
from services.chassis.runtime import Runtime
from services.chassis.web import (
    IN_FORMS,
    CallerDep,
    NowDep,
    ReaderDep,
    RuntimeDep,
    concept,
    form_of,
    language_of,
)
from services.onboarding.api.certificates import certificate_seen
from services.onboarding.domain.badge import (
    Shown,
    issuer_profile,
    open_badge,
    read_certificate,
    read_code,
    show,
    sign_badge,
)
from services.onboarding.domain.certificate import CertificateState

router = concept("certificates")
_TEMPLATES = FilePath(__file__).parent.parent / "templates"

JSON, HTML, PDF, JWT = "application/json", "text/html", "application/pdf", "application/vc+jwt"
# Nobody says who they are there, and the document says so.
_PUBLIC: dict[str, Any] = {"security": []}
_DOWNLOAD: dict[str, Any] = {
    "responses": {"409": {"$ref": "#/components/responses/Conflict"}, **IN_FORMS["responses"]}
}
Code = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9_-]{43}$",
        examples=["AZor1N7xcAGJ30VniavN7wGaK9Te8XABid9FZ4mrze8"],
        description="Stands in the address that is on the certificate.",
    ),
]


class PublicCertificate(BaseModel):
    """What stands on a certificate, and whether it holds today (UTC). `expires_on` is its last day; null for good."""

    valid: bool
    state: CertificateState
    title: str
    holder: str
    issuer: str
    competence: str | None
    level: int | None
    issued_on: date
    expires_on: date | None


class IssuerProfile(BaseModel):
    """Who issues, as the Profile of Open Badges 3.0."""

    id: str
    type: list[str]
    name: str
    url: str


class PublicKey(BaseModel):
    """An RSA key as a JWK (RFC 7517)."""

    kty: str
    n: str
    e: str
    kid: str
    alg: str
    use: str


class PublicKeys(BaseModel):
    """The key that signs, and earlier ones (JWK Set, RFC 7517)."""

    keys: list[PublicKey]


@router.get(
    "/certificates/{certificate_id}/badge",
    summary="A certificate as an Open Badge",
    response_class=Response,
    responses={
        200: {
            "description": "Open Badges 3.0 as a JWT (VC-JWT), signed with RS256.",
            "content": {
                JWT: {
                    "schema": {"type": "string"},
                    "example": "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJAY29udGV4dCI6W119.c2ln",
                }
            },
        }
    },
    openapi_extra=_DOWNLOAD,
)
async def get_badge(
    certificate_id: UUID,
    request: Request,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    reader: ReaderDep,
) -> Response:
    """Whoever may see the certificate. A revoked one has no badge (409)."""
    await certificate_seen(reader, caller, certificate_id, now.date())
    certificate, holder, issuer = await read_certificate(reader, certificate_id)
    if certificate.revoked_at is not None:
        raise Conflict("The certificate is revoked.")
    form_of(request, [JWT])
    address = runtime.settings.public_address
    badge = open_badge(certificate, holder, issuer, address)
    # The first one may have to make the key, which takes a second.
    token = await anyio.to_thread.run_sync(sign_badge, badge, certificate, runtime.seal, address)
    headers = {"Cache-Control": "private, no-cache", "Vary": "Accept"}
    return Response(token, media_type=JWT, headers=headers)


@router.get(
    "/certificates/{certificate_id}/print",
    summary="A certificate to print",
    response_class=Response,
    responses={
        200: {
            "description": "A4, in the language of `Accept-Language`.",
            "content": {
                PDF: {
                    "schema": {"type": "string", "contentMediaType": PDF},
                    "example": "%PDF-1.7 …",
                }
            },
        }
    },
    openapi_extra=_DOWNLOAD,
)
async def print_certificate(
    certificate_id: UUID,
    request: Request,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    reader: ReaderDep,
) -> Response:
    """Whoever may see the certificate, as a PDF with the address at which it is verified. Not of a revoked one (409)."""
    await certificate_seen(reader, caller, certificate_id, now.date())
    found = await read_certificate(reader, certificate_id)
    if found[0].revoked_at is not None:
        raise Conflict("The certificate is revoked.")
    form_of(request, [PDF])
    shown = show(*found, now.date())
    language = language_of(request)
    data = _printed(shown, language, runtime.settings.public_address)
    content = await print_in_turn(
        "Printing takes too long at the moment.",
        lambda: pdf_of(_TEMPLATES / "certificate_page.typ", "certificate", data, shown.issued_on),
    )
    headers = {
        "Content-Disposition": disposition(f"{shown.title} {shown.holder}", "pdf", "certificate"),
        "Content-Language": language,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Accept-Language",
    }
    return Response(content, headers=headers, media_type=PDF)


def _facts(shown: Shown, language: Language) -> list[tuple[str, str]]:
    facts = [(translate(language, "Issued on"), shown.issued_on.isoformat())]
    if shown.competence is not None:
        level = translate(language, "{level} of 5", {"level": shown.level})
        facts = [
            (translate(language, "Competence"), shown.competence),
            (translate(language, "Level"), level),
            *facts,
        ]
    until = (
        translate(language, "for good")
        if shown.expires_on is None
        else shown.expires_on.isoformat()
    )
    return [*facts, (translate(language, "Holds until"), until)]


def _printed(shown: Shown, language: Language, address: str) -> dict[str, object]:
    return {
        "language": language,
        "heading": translate(language, "Certificate"),
        "issuer": shown.issuer,
        "holder": shown.holder,
        "title": shown.title,
        "facts": [{"label": label, "value": value} for label, value in _facts(shown, language)],
        "verify": translate(language, "Whether it holds today is said at this address:"),
        "address": f"{address}/v1/public/certificates/{shown.code}",
    }


# --- for everybody --------------------------------------------------------------------------------


async def _public(runtime: Runtime, code: str, today: date) -> Shown:
    organization_id, certificate_id = read_code(code)
    async with runtime.database.reading(organization_id) as reader:
        return show(*await read_certificate(reader, certificate_id), today)


def _page(shown: Shown, language: Language) -> str:
    heading = (
        translate(language, "This certificate holds.")
        if shown.valid
        else translate(language, "This certificate does not hold.")
    )
    rows = "".join(
        f"<dt>{html.escape(label)}<dd>{html.escape(value)}"
        for label, value in [
            (translate(language, "Issuer"), shown.issuer),
            (translate(language, "Holder"), shown.holder),
            *_facts(shown, language),
        ]
    )
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(shown.title)}</title>"
        f"<h1>{html.escape(shown.title)}</h1><p><strong>{html.escape(heading)}</strong></p>"
        f"<dl>{rows}</dl></html>"
    )


@router.get(
    "/public/certificates/{code}",
    response_model=PublicCertificate,
    summary="Verify a certificate",
    responses={
        200: {
            "content": {
                HTML: {"schema": {"type": "string"}, "example": "<!doctype html><title>…</title>"}
            }
        }
    },
    openapi_extra={
        **_PUBLIC,
        **IN_FORMS,
    },
)
async def verify_certificate(
    code: Code, request: Request, now: NowDep, runtime: RuntimeDep
) -> Response:
    """Anybody who has its address: what stands on the certificate, and whether it holds today. A page for browsers."""
    form = form_of(request, (JSON, HTML))
    shown = await _public(runtime, code, now.date())
    headers = {"Cache-Control": "no-cache", "Vary": "Accept, Accept-Language"}
    if form == HTML:
        headers["Content-Security-Policy"] = "default-src 'none'"
        page = _page(shown, language_of(request))
        return Response(page, headers=headers, media_type=HTML)
    told = {name: value for name, value in asdict(shown).items() if name != "code"}
    return Response(orjson.dumps(told), headers=headers, media_type=JSON)


_ISSUER = "SELECT name FROM organization WHERE organization_id = $1 AND id = $1"


@router.get(
    "/public/issuers/{issuer_id}",
    response_model=IssuerProfile,
    summary="Who issues certificates",
    openapi_extra=_PUBLIC,
)
async def get_issuer(issuer_id: UUID, runtime: RuntimeDep) -> Response:
    """Anybody: the name behind the issuer of a badge."""
    async with runtime.database.reading(issuer_id) as reader:
        name = await reader.connection.fetchval(_ISSUER, issuer_id)
    if name is None:
        raise NotFound("There is nothing at this address.")
    profile = issuer_profile(runtime.settings.public_address, issuer_id, name)
    return Response(orjson.dumps(profile), media_type=JSON)


@router.get(
    "/public/keys",
    response_model=PublicKeys,
    summary="The keys that verify badges",
    openapi_extra=_PUBLIC,
)
async def list_public_keys(runtime: RuntimeDep) -> Response:
    """Anybody: a JWK Set, first the key that signs."""
    keys = await anyio.to_thread.run_sync(runtime.seal.public_keys)
    return Response(orjson.dumps({"keys": list(keys.values())}), media_type=JSON)


@router.get(
    "/public/keys/{key_id}",
    response_model=PublicKey,
    summary="A key that verifies badges",
    openapi_extra=_PUBLIC,
)
async def get_public_key(
    key_id: Annotated[
        str,
        Path(
            pattern=r"^[A-Za-z0-9_-]{43}$", examples=["NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"]
        ),
    ],
    runtime: RuntimeDep,
) -> Response:
    """Anybody: the key to which the `kid` of a badge refers, as a JWK."""
    keys = await anyio.to_thread.run_sync(runtime.seal.public_keys)
    if key_id not in keys:
        raise NotFound("There is nothing at this address.")
    return Response(orjson.dumps(keys[key_id]), media_type=JSON)
