"""An issuer of tokens on loopback, with keys of its own: what a test lets it say is said."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUDIENCE = "https://stafett.example"
CLIENT = "stafett-web"


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(key: Any, key_id: str, **members: Any) -> dict[str, Any]:
    """A public key as a key set lists it."""
    kinds: list[tuple[type, Any]] = [
        (rsa.RSAPrivateKey, jwt.algorithms.RSAAlgorithm),
        (ec.EllipticCurvePrivateKey, jwt.algorithms.ECAlgorithm),
        (ed25519.Ed25519PrivateKey, jwt.algorithms.OKPAlgorithm),
    ]
    algorithm = next(made for kind, made in kinds if isinstance(key, kind))
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": key_id, **members}


@dataclass
class Issuer:
    """Discovery document and key set, and how often each was asked for."""

    address: str
    keys: dict[str, Any]
    algorithms: list[str] = field(
        default_factory=lambda: ["RS256", "ES256", "EdDSA", "HS256", "none"]
    )
    metadata: dict[str, Any] = field(default_factory=dict)
    key_set: Any = None
    status: int = 200
    asked: dict[str, int] = field(default_factory=lambda: {"discovery": 0, "keys": 0})

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Those of an access token for us; None takes a claim away."""
        now = int(time.time())
        claims = {
            "iss": self.address,
            "aud": AUDIENCE,
            "sub": "subject-1",
            "client_id": CLIENT,
            "jti": "token-1",
            "iat": now,
            "exp": now + 300,
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        claims: dict[str, Any],
        *,
        key_id: str | None = "first",
        key: Any = None,
        algorithm: str = "RS256",
        typ: str | None = "at+jwt",
    ) -> str:
        """The claims, signed."""
        header = {"typ": typ} | ({} if key_id is None else {"kid": key_id})
        signing = key or self.keys[key_id or "first"]
        return jwt.encode(claims, signing, algorithm=algorithm, headers=header)

    async def discovery(self, _: web.Request) -> web.Response:
        self.asked["discovery"] += 1
        told = {
            "issuer": self.address,
            "jwks_uri": f"{self.address}/keys",
            "id_token_signing_alg_values_supported": self.algorithms,
            **self.metadata,
        }
        return web.json_response(told, status=self.status)

    async def show_keys(self, _: web.Request) -> web.Response:
        self.asked["keys"] += 1
        if self.key_set is not None:
            return web.json_response(self.key_set)
        return web.json_response(
            {"keys": [public_jwk(key, key_id) for key_id, key in self.keys.items()]}
        )


@asynccontextmanager
async def running_issuer(key: Any) -> AsyncIterator[Issuer]:
    """The issuer, listening on a free port."""
    issuer = Issuer("", {"first": key})
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", issuer.discovery)
    app.router.add_get("/keys", issuer.show_keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    issuer.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield issuer
    finally:
        await runner.cleanup()
