"""Identity providers: whose tokens let people of an organization in, and who stands behind a subject.

One row stands for an issuer and an audience, since that is all by which a token tells where it belongs.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from services.chassis.caller import Role
from services.chassis.tables import empty_list, refers_to, text_enum
from services.gateway.domain.base import SCHEMA, Row
from services.gateway.domain.outer_token import Reason, TokenRefused, audiences_of, not_taken

# How far an issuer's clock may be from ours, in seconds.
CLOCK_SKEW = 60
# OpenID Connect Core, 2: at most 255 characters.
LONGEST_SUBJECT = 255


class TokenKind(StrEnum):
    """What kind of token is taken: one that RFC 9068 describes, an access token without its `typ`, or an ID token."""

    access_token = "access_token"  # nosec B105  # the name of a kind
    untyped_access_token = "untyped_access_token"  # nosec B105  # the name of a kind
    id_token = "id_token"  # nosec B105  # the name of a kind


class PersonBy(StrEnum):
    """How a person is found when a subject comes for the first time."""

    email = "email"
    external_id = "external_id"
    subject = "subject"


_TYPES: Mapping[TokenKind, frozenset[str | None]] = {
    TokenKind.access_token: frozenset({"at+jwt", "application/at+jwt"}),
    TokenKind.untyped_access_token: frozenset({None, "jwt"}),
    TokenKind.id_token: frozenset({None, "jwt"}),
}
_DEFAULT_CLAIM = {PersonBy.email: "email", PersonBy.external_id: "sub"}


class IdentityProvider(Row, table=True):
    """Whose tokens are taken, which of them, and what they say about a person.

    `client_ids` are the applications whose tokens are taken; none named: all that the issuer lets have this audience.
    `roles_claim` is a claim's name, or a JSON Pointer into the claims; none: the roles stand in the directory.
    """

    __tablename__: ClassVar[str] = "identity_provider"
    __table_args__ = (
        # In the whole installation: a token does not say which organization it is for.
        UniqueConstraint("issuer", "audience"),
        CheckConstraint(
            "char_length(issuer) <= 500 AND char_length(audience) <= 500", name="length"
        ),
        CheckConstraint(
            "kind <> 'untyped_access_token' OR cardinality(client_ids) > 0", name="clients_named"
        ),
    )

    name: str
    issuer: str
    audience: str
    kind: TokenKind = Field(
        default=TokenKind.access_token,
        sa_type=text_enum(TokenKind, "kind"),
    )
    client_ids: list[str] = Field(default_factory=empty_list, sa_type=ARRAY(Text))
    person_by: PersonBy = Field(
        default=PersonBy.email,
        sa_type=text_enum(PersonBy, "person_by"),
    )
    person_claim: str | None = None
    roles_claim: str | None = None
    role_names: dict[str, str] = Field(default_factory=dict, sa_type=JSONB)
    active: bool = True

    def card(self) -> dict[str, Any]:
        """All that it says, for the audit trail; nothing of it is secret."""
        return self.model_dump(
            mode="json",
            exclude={"organization_id", "id", "created_at", "updated_at", "version"},
        )

    def takes(self, type_: str | None) -> bool:
        """Whether tokens of this `typ` are taken."""
        return type_ in _TYPES[self.kind]

    def judge(self, claims: Mapping[str, Any], now: datetime) -> datetime:
        """When the token ends; raises `TokenRefused` unless it is ours, is valid now, and comes from a client that may."""
        if claims.get("iss") != self.issuer:
            raise not_taken(Reason.issuer)
        if self.audience not in audiences_of(claims):
            raise not_taken(Reason.audience)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            raise not_taken(Reason.claims, "sub")
        if not subject.isprintable():
            raise not_taken(Reason.claims, "sub")
        self._judge_client(claims)
        return _judge_time(claims, now)

    def _judge_client(self, claims: Mapping[str, Any]) -> None:
        if self.kind is TokenKind.id_token:
            # Of two audiences, azp is who got the token; and a logout token is an ID token in all but its events.
            if "events" in claims:
                raise not_taken(Reason.type)
            several = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
            client = claims.get("azp", None if several else self.audience)
            allowed = {self.audience, *self.client_ids}
        elif self.kind is TokenKind.access_token:
            if not isinstance(claims.get("jti"), str):
                raise not_taken(Reason.claims, "jti")
            client, allowed = claims.get("client_id"), set(self.client_ids)
        else:
            client = claims.get("azp") or claims.get("appid") or claims.get("client_id")
            allowed = set(self.client_ids)
        if not isinstance(client, str) or (allowed and client not in allowed):
            raise not_taken(Reason.client, str(client)[:200])

    def sought(self, claims: Mapping[str, Any]) -> str | None:
        """By what e-mail address or external id the person is to be found; None where the token vouches for none."""
        if self.person_by is PersonBy.subject:
            return None
        value = _claim(claims, self.person_claim or _DEFAULT_CLAIM[self.person_by])
        if self.person_by is PersonBy.email:
            verified = claims.get("email_verified")
            # Amazon Cognito and others write it as text.
            if verified is not True and verified != "true":
                return None
        if not isinstance(value, str) or not value.isprintable() or not value.strip():
            return None
        return value.strip()

    def roles_of(self, claims: Mapping[str, Any], in_directory: frozenset[Role]) -> frozenset[Role]:
        """What the person is trusted with: by the claim where one is named, else by the directory."""
        if self.roles_claim is None:
            return in_directory
        value = _claim(claims, self.roles_claim)
        names = value if isinstance(value, list) else [value]
        known = (
            {**self.role_names} if self.role_names else {role.value: role.value for role in Role}
        )
        return frozenset(
            Role(known[name]) for name in names if isinstance(name, str) and name in known
        )


class TiedSubject(Row, table=True):
    """Whom an issuer means by a subject. A person has one subject with each provider: who gets the address of somebody
    who left does not get in as them.
    """

    __tablename__: ClassVar[str] = "tied_subject"
    __table_args__ = (
        refers_to(SCHEMA, "identity_provider", "identity_provider_id"),
        refers_to(SCHEMA, "person", "person_id"),
        UniqueConstraint("organization_id", "identity_provider_id", "subject"),
        UniqueConstraint("organization_id", "identity_provider_id", "person_id"),
        CheckConstraint(f"char_length(subject) BETWEEN 1 AND {LONGEST_SUBJECT}", name="length"),
    )

    identity_provider_id: UUID
    subject: str
    person_id: UUID


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a JSON Pointer such as /realm_access/roles."""
    if not name.startswith("/"):
        return claims.get(name)
    found: Any = claims
    for part in name[1:].split("/"):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part.replace("~1", "/").replace("~0", "~"))
    return found


def _judge_time(claims: Mapping[str, Any], now: datetime) -> datetime:
    moment = now.timestamp()
    ends, begins, issued = (_seconds(claims, name) for name in ("exp", "nbf", "iat"))
    if ends is None or issued is None:
        raise not_taken(Reason.claims, "exp, iat")
    if moment >= ends + CLOCK_SKEW:
        raise TokenRefused("The token has expired.", Reason.expired)
    if max(issued, begins or 0) > moment + CLOCK_SKEW:
        raise TokenRefused("The token is not valid yet.", Reason.not_yet_valid)
    try:
        return datetime.fromtimestamp(ends, now.tzinfo)
    except (OverflowError, ValueError, OSError) as error:
        raise not_taken(Reason.claims, "exp") from error


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """A moment in seconds since 1970; raises `TokenRefused` for what is none."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise not_taken(Reason.claims, name)
    try:
        seconds = float(value)
    except OverflowError as error:
        raise not_taken(Reason.claims, name) from error
    if not math.isfinite(seconds):
        raise not_taken(Reason.claims, name)
    return seconds
