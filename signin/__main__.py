"""Holds the gateway to the tokens of a real OpenID provider: oidc-provider of npm, on loopback.

    python -m signin

Somebody signs in there as in a browser (authorization code, PKCE); both tokens let them in. Then the tokens are spoiled, one
thing at a time, where need be with the provider's own key, and let nobody in. In the end the provider gets a new key.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from services.all_in_one import AllInOne
from services.chassis.embedded import EmbeddedPostgres
from services.chassis.settings import Settings
from services.chassis.telemetry import configure_logging
from services.gateway.issuers import PAUSE_SECONDS
from services.installation import Installation
from tests.conftest import FAST, Firm, Product, found_firm

FOLDER = Path(__file__).parent / "provider"
AUDIENCE = "https://stafett.example"
CLIENT, SECRET = "stafett-web", secrets.token_urlsafe(24)
CALLBACK = "https://app.example/callback"
LOGIN = "inga"

Spoil = Callable[[dict[str, Any], dict[str, Any]], None]


def main() -> int:
    """0 when every token was judged rightly."""
    if shutil.which("npm") is None:
        sys.stderr.write("make signin needs Node.js 20 or newer with npm.\n")
        return 2
    return asyncio.run(_hold())


def say(text: str) -> None:
    """For whoever waits."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass
class Key:
    """A signing key of the provider, which we know too: some tokens are spoiled and signed anew."""

    id: str
    private: rsa.RSAPrivateKey

    @classmethod
    def make(cls, id: str) -> "Key":
        return cls(id, rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def jwk(self) -> dict[str, Any]:
        told = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private))
        # The provider would show it with the public key, which does not sign.
        del told["key_ops"]
        return {**told, "kid": self.id, "use": "sig", "alg": "RS256"}


@dataclass
class Tokens:
    """What the provider gave to the application."""

    access: str
    id: str


async def _hold() -> int:
    first, second = Key.make("first"), Key.make("second")
    with tempfile.TemporaryDirectory(prefix="stafett-signin-") as name:
        folder = Path(name)
        await asyncio.to_thread(folder.chmod, 0o755)
        say("Installing oidc-provider into a folder of its own")
        await _install(folder)
        port = _free_port()
        issuer = f"http://127.0.0.1:{port}"
        async with _served(folder / "data") as firm:
            wrong = 0
            async with _provider(folder, issuer, port, [first]):
                await _configure(firm, issuer)
                tokens = await _sign_in(issuer)
                wrong += await _judge(firm, "an access token", tokens.access, 200)
                wrong += await _judge(firm, "an ID token", tokens.id, 200)
                for what, token in _spoiled(tokens, first):
                    wrong += await _judge(firm, what, token, 401)
            async with _provider(folder, issuer, port, [second, first]):
                await asyncio.sleep(PAUSE_SECONDS)
                tokens = await _sign_in(issuer)
                key_id = jwt.get_unverified_header(tokens.access)["kid"]
                wrong += await _judge(
                    firm, f"a token signed with the new key ({key_id})", tokens.access, 200
                )
                wrong += int(key_id != "second")
        say("Every token was judged rightly." if not wrong else f"{wrong} were judged wrongly.")
        return int(wrong > 0)


async def _install(folder: Path) -> None:
    for file in ("package.json", "package-lock.json", "provider.mjs"):
        shutil.copy(FOLDER / file, folder / file)
    npm = await asyncio.create_subprocess_exec(
        "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", cwd=folder
    )
    if await npm.wait():
        raise SystemExit("npm ci did not succeed: see above")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@asynccontextmanager
async def _served(data_dir: Path) -> AsyncIterator[Firm]:
    """The product in this process, on a PostgreSQL of its own, with a firm in which the provider's person works."""
    await asyncio.to_thread(data_dir.mkdir, 0o755)
    settings = Settings(
        data_dir=data_dir, database_url=None, insecure_issuers=True, log_level="ERROR"
    )
    configure_logging(settings)
    postgres = await asyncio.to_thread(EmbeddedPostgres.start, data_dir, FAST)
    try:
        installation = Installation(settings, postgres)
        await installation.migrate()
        app = AllInOne(settings, installation)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.running(),
            httpx.AsyncClient(transport=transport, base_url="http://stafett") as client,
        ):
            gateway = app.front.own.state.runtime.database
            firm = await found_firm(Product(app, installation, client, gateway), "Nordlys")
            await firm.hire("Inga", email=f"{LOGIN}@firm.example", external_id=LOGIN)
            yield firm
    finally:
        await asyncio.to_thread(postgres.stop)


@asynccontextmanager
async def _provider(folder: Path, issuer: str, port: int, keys: list[Key]) -> AsyncIterator[None]:
    told = folder / "settings.json"
    settings = {
        "issuer": issuer,
        "port": port,
        "jwks": {"keys": [key.jwk() for key in keys]},
        "cookieKey": secrets.token_urlsafe(16),
        "client": {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "redirect_uris": [CALLBACK],
        },
    }
    told.write_text(json.dumps(settings))
    process = await asyncio.create_subprocess_exec(
        "node",
        "provider.mjs",
        told.name,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_ENV": "development"},
    )
    assert process.stdout is not None
    try:
        if not await asyncio.wait_for(process.stdout.readline(), 20):
            assert process.stderr is not None
            raise SystemExit((await process.stderr.read()).decode())
        yield
    finally:
        process.terminate()
        await process.communicate()


async def _configure(firm: Firm, issuer: str) -> None:
    for body in (
        {"audience": AUDIENCE, "client_ids": [CLIENT], "person_by": "external_id"},
        {"audience": CLIENT, "kind": "id_token", "person_by": "email"},
    ):
        made = await firm.admin.post(
            "/v1/identity-providers", {"name": "oidc-provider", "issuer": issuer, **body}
        )
        made.raise_for_status()


async def _sign_in(issuer: str) -> Tokens:
    """As a browser and the application do it: log in, consent, and turn the code into tokens."""
    verifier = secrets.token_urlsafe(48)
    async with httpx.AsyncClient(base_url=issuer, timeout=20, trust_env=False) as browser:
        answer = await browser.get(
            "/auth",
            params={
                "client_id": CLIENT,
                "response_type": "code",
                "redirect_uri": CALLBACK,
                "scope": "openid email stafett",
                "resource": AUDIENCE,
                "code_challenge": _part(hashlib.sha256(verifier.encode()).digest()),
                "code_challenge_method": "S256",
            },
        )
        forms = [
            {"prompt": "login", "login": LOGIN, "password": "any"},
            {"prompt": "consent"},
        ]
        while not answer.headers.get("location", "").startswith(CALLBACK):
            if answer.is_redirect:
                place = answer.headers["location"]
                if "/interaction/" in place:
                    answer = await browser.post(place, data=forms.pop(0))
                else:
                    answer = await browser.get(place)
            else:
                raise SystemExit(f"{answer.url} answers {answer.status_code}: {answer.text[:800]}")
        [code] = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
        answer = await browser.post(
            "/token",
            auth=(CLIENT, SECRET),
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": CALLBACK,
                "code_verifier": verifier,
                "resource": AUDIENCE,
            },
        )
        answer.raise_for_status()
        given = answer.json()
    return Tokens(given["access_token"], given["id_token"])


async def _judge(firm: Firm, what: str, token: str, expected: int) -> int:
    """1 when the gateway judges wrongly."""
    answer = await firm.product.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    body = answer.json()
    found = body["person"]["name"] if answer.status_code == 200 else body.get("reason")
    is_right = answer.status_code == expected and (expected != 200 or found == "Inga")
    say(f"{'ok   ' if is_right else 'WRONG'} {answer.status_code} {what}: {found}")
    return int(not is_right)


def _spoiled(tokens: Tokens, key: Key) -> list[tuple[str, str]]:
    """Each token with what is wrong about it; all but that is as the provider made it."""
    now = int(time.time())
    foreign = Key.make(key.id)

    def access(**changed: Any) -> str:
        return _signed_anew(tokens.access, key, lambda _, claims: claims.update(changed))

    def header(change: Callable[[dict[str, Any]], None], by: Key = key) -> str:
        return _signed_anew(tokens.access, by, lambda header, _: change(header))

    def without_subject(_: dict[str, Any], claims: dict[str, Any]) -> None:
        del claims["sub"]

    head, payload, signature = tokens.access.split(".")
    claims = jwt.decode(tokens.access, options={"verify_signature": False})
    forged = _part(json.dumps({**claims, "sub": "somebody-else"}).encode())
    secret = key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    shared = {"alg": "HS256", "typ": "at+jwt", "kid": key.id}
    signed = f"{_part(json.dumps(shared).encode())}.{payload}"
    mac = _part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())
    unsigned = _part(json.dumps({"alg": "none", "typ": "at+jwt", "kid": key.id}).encode())
    other_client = _signed_anew(
        tokens.id, key, lambda _, claims: claims.update(aud="another-client")
    )
    got_by_another = _signed_anew(
        tokens.id, key, lambda _, claims: claims.update(azp="another-client")
    )
    return [
        ("for another audience", access(aud="https://another.example")),
        ("of another issuer", access(iss="https://another.example")),
        ("signed with another algorithm", header(lambda h: h.update(alg="PS512"))),
        ("signed by none", f"{unsigned}.{payload}."),
        ("expired", access(exp=now - 61)),
        ("not valid yet", access(nbf=now + 120)),
        ("signed with a foreign key", header(lambda _: None, by=foreign)),
        ("without a key id", header(lambda h: h.pop("kid"))),
        ("HS256 with the public key", f"{signed}.{mac}"),
        ("of an unknown key", header(lambda h: h.update(kid="unknown"))),
        ("without a subject", _signed_anew(tokens.access, key, without_subject)),
        ("an ID token for another client", other_client),
        ("an ID token that another client got", got_by_another),
        ("an access token of another client", access(client_id="another-client")),
        ("with a changed payload", f"{head}.{forged}.{signature}"),
        ("of another type", header(lambda h: h.update(typ="JWT"))),
    ]


def _signed_anew(token: str, key: Key, spoil: Spoil) -> str:
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    spoil(header, claims)
    return jwt.encode(claims, key.private, algorithm=header["alg"], headers=header)


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main())
