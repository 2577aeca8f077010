"""API keys: shown once, kept as a hash, with scopes, an end and revocation.

`stf_` + base64url(organization, key id, 24 random bytes). The organization is in the key, so that looking it up needs no
way around row-level security; the random part has 192 bits, so a plain SHA-256 is enough (nothing to guess from).
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.chassis.caller import Caller, Scope
from services.chassis.errors import Forbidden, Unauthenticated
from services.chassis.tables import new_id, refers_to
from services.gateway.domain.base import SCHEMA, Row

PREFIX = "stf_"
_LENGTH = 16 + 16 + 24


_SCOPES = ", ".join(f"'{scope}'" for scope in Scope)


def _spell(raw: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A key as somebody sent it."""

    organization_id: UUID
    id: UUID
    secret_hash: bytes

    @classmethod
    def parse(cls, key: str) -> "PresentedKey":
        """Raises `Unauthenticated` for anything that cannot be a key of ours."""
        text = key.removeprefix(PREFIX)
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unauthenticated("The API key is not known.") from error
        # The last character has bits to spare: other characters there would be other spellings of the same key.
        if len(raw) != _LENGTH or key != _spell(raw):
            raise Unauthenticated("The API key is not known.")
        return cls(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), hashlib.sha256(raw[32:]).digest())


class ApiKey(Row, table=True):
    """A key with which a program speaks for a person."""

    __tablename__: ClassVar[str] = "api_key"
    __table_args__ = (
        refers_to(SCHEMA, "person", "person_id"),
        Index("ix_api_key_person", "organization_id", "person_id"),
        CheckConstraint(
            f"scopes <@ ARRAY[{_SCOPES}]::text[] AND cardinality(scopes) > 0", name="scopes"
        ),
        CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash"),
    )

    name: str
    person_id: UUID
    secret_hash: bytes = Field(sa_type=LargeBinary)
    scopes: list[str] = Field(sa_type=ARRAY(Text))
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    last_used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    @classmethod
    def issue(
        cls,
        organization_id: UUID,
        person_id: UUID,
        name: str,
        scopes: Sequence[Scope],
        expires_at: datetime | None,
    ) -> tuple["ApiKey", str]:
        """A new key, and its text, which is shown this once."""
        id, secret = new_id(), secrets.token_bytes(24)
        row = cls(
            organization_id=organization_id,
            id=id,
            name=name,
            person_id=person_id,
            secret_hash=hashlib.sha256(secret).digest(),
            scopes=[scope.value for scope in scopes],
            expires_at=expires_at,
        )
        return row, _spell(organization_id.bytes + id.bytes + secret)

    @staticmethod
    def within(
        caller: Caller, scopes: Sequence[Scope] | None, expires_at: datetime | None
    ) -> tuple[list[Scope], datetime | None]:
        """Scopes and end of a key that `caller` makes: those of the credential used, or less; `Forbidden` for more."""
        wanted = list(Scope) if scopes is None else scopes
        granted = [scope for scope in wanted if scope in caller.scopes]
        if scopes is not None and granted != list(scopes):
            raise Forbidden(
                "A key may do no more than the one it is made with: {scopes}.",
                scopes=", ".join(sorted(caller.scopes)),
            )
        if caller.ends_at is None:
            return granted, expires_at
        if expires_at is not None and expires_at > caller.ends_at:
            raise Forbidden(
                "A key ends no later than the one it is made with: {moment}.",
                moment=caller.ends_at.isoformat(),
            )
        return granted, expires_at or caller.ends_at

    def revoke(self, now: datetime) -> None:
        """End it; a key that was revoked before stays revoked since then."""
        self.revoked_at = self.revoked_at or now
