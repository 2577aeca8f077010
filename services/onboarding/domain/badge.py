"""A certificate as outsiders see it: its public address, what it says, and the Open Badge (1EdTech Open Badges 3.0)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from services.chassis.database import Reader
from services.chassis.errors import NotFound
from services.chassis.seal import Seal
from services.onboarding.domain.certificate import Certificate, CertificateState

_CONTEXT = [
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
]
_READ = """
SELECT c.*, p.name AS holder, o.name AS issuer
FROM certificate AS c
LEFT JOIN person AS p ON p.organization_id = c.organization_id AND p.id = c.person_id
LEFT JOIN organization AS o ON o.organization_id = c.organization_id AND o.id = c.organization_id
WHERE c.organization_id = $1 AND c.id = $2
"""


def code_of(organization_id: UUID, certificate_id: UUID) -> str:
    """What stands for a certificate in its public address: whoever has it, has seen the certificate."""
    raw = organization_id.bytes + certificate_id.bytes
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_code(code: str) -> tuple[UUID, UUID]:
    """The organization and the certificate behind a code; raises `NotFound` for anything else."""
    try:
        raw = urlsafe_b64decode(code + "=")
        organization_id, certificate_id = UUID(bytes=raw[:16]), UUID(bytes=raw[16:])
    except ValueError as error:
        raise NotFound("There is nothing at this address.") from error
    if code_of(organization_id, certificate_id) != code:
        raise NotFound("There is nothing at this address.")
    return organization_id, certificate_id


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands on a certificate, and nothing else."""

    code: str
    state: CertificateState
    valid: bool
    title: str
    holder: str
    issuer: str
    competence: str | None
    level: int | None
    issued_on: date
    expires_on: date | None


async def read_certificate(reader: Reader, certificate_id: UUID) -> tuple[Certificate, str, str]:
    """A certificate with the names of its holder and issuer; raises `NotFound`."""
    row = await reader.connection.fetchrow(_READ, reader.organization_id, certificate_id)
    if row is None:
        raise NotFound("There is no such {thing}.", thing="certificate")
    told = dict(row)
    holder, issuer = told.pop("holder"), told.pop("issuer")
    return Certificate(**told), holder or "", issuer or ""


def show(certificate: Certificate, holder: str, issuer: str, today: date) -> Shown:
    """The certificate as it stands on a day."""
    return Shown(
        code=code_of(certificate.organization_id, certificate.id),
        state=certificate.state_on(today),
        valid=certificate.holds_on(today),
        title=certificate.title,
        holder=holder,
        issuer=issuer,
        competence=certificate.competence,
        level=certificate.level,
        issued_on=certificate.issued_on,
        expires_on=certificate.expires_on,
    )


def issuer_profile(address: str, organization_id: UUID, name: str) -> dict[str, Any]:
    """Who issues, as the standard's Profile."""
    return {
        "id": f"{address}/v1/public/issuers/{organization_id}",
        "type": ["Profile"],
        "name": name,
        "url": address,
    }


def open_badge(certificate: Certificate, holder: str, issuer: str, address: str) -> dict[str, Any]:
    """The AchievementCredential (Open Badges 3.0) in JSON-LD, not signed yet; `address` is where the public reaches us."""
    code = code_of(certificate.organization_id, certificate.id)
    of_competence = certificate.competence is not None
    what = certificate.course_id if of_competence else certificate.curriculum_id
    achievement: dict[str, Any] = {
        "id": f"urn:uuid:{what}",
        "type": ["Achievement"],
        "achievementType": "Competency" if of_competence else "CertificateOfCompletion",
        "name": certificate.title,
        "description": (
            f"Competence {certificate.competence}, level {certificate.level} of 5."
            if of_competence
            else certificate.title
        ),
        "criteria": {"narrative": f"Completed: {certificate.title}"},
    }
    subject: dict[str, Any] = {
        "id": f"urn:uuid:{certificate.person_id}",
        "type": ["AchievementSubject"],
        "identifier": [
            {
                "type": "IdentityObject",
                "identityType": "name",
                "identityHash": holder,
                "hashed": False,
            }
        ],
        "achievement": achievement,
    }
    if of_competence:
        level = f"urn:uuid:{what}#level"
        achievement["tag"] = [certificate.competence]
        achievement["resultDescription"] = [
            {
                "id": level,
                "type": ["ResultDescription"],
                "name": "Level",
                "resultType": "PerformanceLevel",
                "valueMin": "1",
                "valueMax": "5",
            }
        ]
        subject["result"] = [
            {"type": ["Result"], "resultDescription": level, "value": str(certificate.level)}
        ]
    badge: dict[str, Any] = {
        "@context": _CONTEXT,
        "id": f"{address}/v1/public/certificates/{code}",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": certificate.title,
        "issuer": issuer_profile(address, certificate.organization_id, issuer),
        "validFrom": _written(_first_moment(certificate)),
        "credentialSubject": subject,
    }
    last = _last_moment(certificate)
    if last is not None:
        badge["validUntil"] = _written(last)
    return badge


def sign_badge(badge: dict[str, Any], certificate: Certificate, seal: Seal, address: str) -> str:
    """The badge as a JWT (Open Badges 3.0, 8.2): the credential is the payload, its claims say the same once more."""
    last = _last_moment(certificate)
    claims = {
        "iss": badge["issuer"]["id"],
        "jti": badge["id"],
        "sub": badge["credentialSubject"]["id"],
        "nbf": int(_first_moment(certificate).timestamp()),
        **({} if last is None else {"exp": int(last.timestamp())}),
    }
    header = {"typ": "JWT", "kid": f"{address}/v1/public/keys/{seal.key_id}"}
    return seal.sign(header, {**badge, **claims})


def _first_moment(certificate: Certificate) -> datetime:
    return datetime.combine(certificate.issued_on, time(), UTC)


def _last_moment(certificate: Certificate) -> datetime | None:
    if certificate.expires_on is None:
        return None
    return datetime.combine(certificate.expires_on, time(23, 59, 59), UTC)


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
