"""The short-lived token with which the gateway says who asks, and services read feeds.

EdDSA over Ed25519, 60 s, for one service (`aud`). A checked token is remembered until it expires: checking costs as much
as a whole simple request.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import orjson
from joserfc.errors import JoseError
from joserfc.jws import extract_compact

from services.chassis.caller import Caller, Follower, Role, Scope
from services.chassis.errors import Unauthenticated
from services.chassis.keyring import Keyring

LIFETIME_SECONDS = 60
_REMEMBERED = 10_000

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment, with its offset."""
    return datetime.now(UTC)


def issue_for(keyring: Keyring, who: Caller | Follower, audience: str, now: datetime) -> str:
    """A token for `audience` that says who asks. Persons are vouched for by the gateway alone."""
    issued = int(now.timestamp())
    claims: dict[str, object] = {"aud": audience, "iat": issued, "exp": issued + LIFETIME_SECONDS}
    if isinstance(who, Follower):
        claims["sub"] = f"service:{who.service}"
    else:
        claims |= {
            "sub": str(who.person_id),
            "org": str(who.organization_id),
            "name": who.name,
            "roles": sorted(who.roles),
            "team": None if who.team_id is None else str(who.team_id),
            "scopes": sorted(who.scopes),
            "ends": None if who.ends_at is None else who.ends_at.isoformat(),
        }
    return keyring.sign(claims)


class TokenVerifier:
    """Tells who stands behind an internal token for one service."""

    def __init__(self, keyring: Keyring, audience: str, clock: Clock) -> None:
        self._keyring = keyring
        self._audience = audience
        self._clock = clock
        self._known: dict[str, tuple[float, Caller | Follower]] = {}

    def verify(self, token: str) -> Caller | Follower:
        """Who asks; raises `Unauthenticated` for anything forged, expired or meant for another service."""
        now = self._clock().timestamp()
        known = self._known.get(token)
        if known is not None and now < known[0]:
            return known[1]
        expires, who = self._check(token, now)
        if len(self._known) >= _REMEMBERED:
            self._known = {t: entry for t, entry in self._known.items() if now < entry[0]}
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
        self._known[token] = (expires, who)
        return who

    def _check(self, token: str, now: float) -> tuple[float, Caller | Follower]:
        issuer = _issuer_of(token)
        claims = self._keyring.verify(token, issuer)
        expires = claims.get("exp")
        if not isinstance(expires, int) or now >= expires or claims.get("aud") != self._audience:
            raise Unauthenticated("The internal token has expired or is meant for another service.")
        subject = str(claims.get("sub", ""))
        if subject == f"service:{issuer}":
            return expires, Follower(issuer)
        if issuer != "gateway":
            raise Unauthenticated("Only the gateway may speak for a person.")
        try:
            return expires, Caller(
                organization_id=UUID(claims["org"]),
                person_id=UUID(subject),
                name=claims["name"],
                roles=frozenset(Role(role) for role in claims["roles"]),
                team_id=None if claims["team"] is None else UUID(claims["team"]),
                scopes=frozenset(Scope(scope) for scope in claims["scopes"]),
                ends_at=None if claims["ends"] is None else datetime.fromisoformat(claims["ends"]),
            )
        except (AttributeError, KeyError, ValueError, TypeError) as error:
            raise Unauthenticated("The internal token is not genuine.") from error


def _issuer_of(token: str) -> str:
    """The issuer that an unchecked token names; its signature is checked with that issuer's key next."""
    try:
        issuer = orjson.loads(extract_compact(token.encode("ascii")).payload)["iss"]
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Unauthenticated("The internal token is not genuine.") from error
    if issuer not in ("gateway", "handover", "onboarding"):
        raise Unauthenticated("The internal token is not genuine.")
    return str(issuer)
