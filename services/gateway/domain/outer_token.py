"""A token that an issuer outside gave out: read without believing it, then held against that issuer's keys."""

import binascii
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry, extract_compact

from services.chassis.errors import Unauthenticated

# RFC 8725, 3.1: what the token says of its algorithm is never believed. No "none", and no HMAC: its key is no secret here.
ALGORITHMS = frozenset(
    f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)
) | {"EdDSA", "Ed25519"}
# What OpenID Connect Discovery asks every provider to have.
_USUAL_ALGORITHM = "RS256"
_KEY_TYPES = frozenset({"RSA", "EC", "OKP"})
_LONGEST = 16_384
_LONGEST_NAME = 500
# 2048 bits in base64url.
_SHORTEST_MODULUS = 340


class Reason(StrEnum):
    """Why a token does not let anybody in: told to who asks, to the log and to the metrics."""

    unreadable = "unreadable"
    algorithm = "algorithm"
    no_key_id = "no_key_id"
    issuer = "issuer"
    audience = "audience"
    type = "type"
    client = "client"
    claims = "claims"
    ambiguous = "ambiguous"
    unknown_key = "unknown_key"
    signature = "signature"
    expired = "expired"
    not_yet_valid = "not_yet_valid"
    nobody = "nobody"
    tied_to_another = "tied_to_another"


class TokenRefused(Unauthenticated):
    """A token that does not let anybody in. `note` is for the log alone."""

    def __init__(self, template: str, reason: Reason, note: str | None = None) -> None:
        super().__init__(template)
        self.reason = reason
        self.note = note

    def members(self) -> dict[str, object]:
        return {"reason": self.reason.value}


def not_taken(reason: Reason, note: str | None = None) -> TokenRefused:
    """The refusal of a token that is of the wrong kind, or meant for others."""
    return TokenRefused("The token is not one that is taken here.", reason, note)


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """An issuer's public keys by their ids, and the algorithms with which it signs."""

    keys: Mapping[str, Key]
    algorithms: frozenset[str]

    @classmethod
    def read(cls, metadata: Mapping[str, Any], key_set: Mapping[str, Any]) -> "IssuerKeys":
        """Out of the discovery document and the key set; keys that are not for us are passed over."""
        told = metadata.get("id_token_signing_alg_values_supported")
        named = {a for a in told if isinstance(a, str)} if isinstance(told, list) else set()
        listed = key_set.get("keys")
        keys: dict[str, Key] = {}
        for entry in listed if isinstance(listed, list) else []:
            key = _public_key(entry)
            if key is not None:
                keys[entry["kid"]] = key
        return cls(keys, ALGORITHMS & (named or {_USUAL_ALGORITHM}))


def _public_key(entry: object) -> Key | None:
    """A key that may have signed a token; None for any other."""
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        return None
    if entry.get("use", "sig") != "sig":
        return None
    try:
        if entry.get("kty") not in _KEY_TYPES or "verify" not in entry.get("key_ops", ["verify"]):
            return None
        if entry["kty"] == "RSA" and len(entry["n"]) < _SHORTEST_MODULUS:
            return None
        return JWKRegistry.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A token as somebody sent it. Nothing that it says is believed before `verified`."""

    text: str
    issuer: str
    audiences: frozenset[str]
    key_id: str
    algorithm: str
    type: str | None

    @classmethod
    def parse(cls, text: str) -> "PresentedToken":
        """Raises `TokenRefused` for what is no signed JWT, or is signed in no way that is taken from anybody."""
        if len(text) > _LONGEST:
            raise not_taken(Reason.unreadable)
        try:
            presented = extract_compact(text.encode("ascii"))
            header, claims = presented.headers(), json.loads(presented.payload)
        except (JoseError, ValueError, TypeError, binascii.Error, RecursionError) as error:
            raise not_taken(Reason.unreadable) from error
        if not isinstance(claims, dict) or not _is_name(claims.get("iss")) or "crit" in header:
            raise not_taken(Reason.unreadable)
        algorithm, key_id, type_ = header.get("alg"), header.get("kid"), header.get("typ")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise not_taken(Reason.algorithm)
        if not _is_name(key_id):
            raise not_taken(Reason.no_key_id)
        return cls(
            text=text,
            issuer=claims["iss"],
            audiences=audiences_of(claims),
            key_id=key_id,
            algorithm=algorithm,
            type=type_.lower() if isinstance(type_, str) else None,
        )

    def verified(self, trusted: IssuerKeys) -> dict[str, Any]:
        """The claims, signed by the issuer's key of that id; raises `TokenRefused` where they are not."""
        key = trusted.keys.get(self.key_id)
        if key is None:
            raise TokenRefused("The token is not genuine.", Reason.unknown_key)
        if self.algorithm not in trusted.algorithms:
            raise not_taken(Reason.algorithm)
        # Entra ID and others put members of their own into the header; those that matter are named by "crit".
        registry = JWSRegistry(algorithms=[self.algorithm], strict_check_header=False)
        try:
            with warnings.catch_warnings():
                # RFC 9864 names it after its curve; providers still say "EdDSA".
                warnings.simplefilter("ignore", SecurityWarning)
                return dict(jwt.decode(self.text, key, registry=registry).claims)
        except (JoseError, ValueError, TypeError) as error:
            raise TokenRefused("The token is not genuine.", Reason.signature) from error


def audiences_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """For whom the token is."""
    named = claims.get("aud")
    return frozenset(a for a in (named if isinstance(named, list) else [named]) if _is_name(a))


def _is_name(value: object) -> TypeGuard[str]:
    """Whether it is text that can be stored and compared: no control character, no half of a surrogate pair."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()
