"""The Ed25519 keys with which the services prove themselves to one another.

One pair a service, as files: `<service>.key` (private, readable by its owner only) and `<service>.pub`. A service needs its
own private key and everybody's public ones. Missing pairs are made on first use, also by several processes at once.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey, RSAKey

from services.chassis.errors import Unauthenticated

# RFC 9864 names the algorithm after its curve; "EdDSA" is deprecated there.
_ALGORITHM = "Ed25519"


class Keyring:
    """Signs as one service, and checks what any of them signed."""

    def __init__(
        self, service: str, private: OKPKey, folder: Path | None, public: Mapping[str, OKPKey]
    ) -> None:
        self.service = service
        self._private = private
        self._folder = folder
        self._public = dict(public)

    @classmethod
    def open(cls, folder: Path, service: str) -> "Keyring":
        """The keys in `folder`; the pair of `service` is made if it is missing."""
        make_pair(folder, service)
        private = OKPKey.import_key((folder / f"{service}.key").read_bytes())
        return cls(service, private, folder, {})

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A compact JWS over `claims`, issued by this service."""
        header = {"alg": _ALGORITHM, "typ": "at+jwt"}
        return jwt.encode(
            header, {**claims, "iss": self.service}, self._private, algorithms=[_ALGORITHM]
        )

    def verify(self, token: str, issuer: str) -> dict[str, Any]:
        """The claims of a token that `issuer` signed; raises `Unauthenticated` for any other."""
        key = self._key_of(issuer)
        try:
            decoded = jwt.decode(token, key, algorithms=[_ALGORITHM])
        except (JoseError, ValueError, TypeError) as error:
            raise Unauthenticated("The internal token is not genuine.") from error
        if decoded.claims.get("iss") != issuer:
            raise Unauthenticated("The internal token is not genuine.")
        return dict(decoded.claims)

    def _key_of(self, issuer: str) -> OKPKey:
        key = self._public.get(issuer)
        if key is None:
            file = None if self._folder is None else self._folder / f"{issuer}.pub"
            if file is None or not file.exists():
                raise Unauthenticated("The internal token is not genuine.")
            key = self._public[issuer] = OKPKey.import_key(file.read_bytes())
        return key


def _ed25519() -> OKPKey:
    return OKPKey.generate_key("Ed25519")


def make_pair(
    folder: Path, service: str, generate: Callable[[], OKPKey | RSAKey] = _ed25519
) -> None:
    """Make the key pair of `service` in `folder` unless it is there."""
    private_file, public_file = folder / f"{service}.key", folder / f"{service}.pub"
    if private_file.exists() and public_file.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    key = generate()
    # Written aside and put into place whole: whoever is first wins, and nobody reads half a key.
    draft = _draft(folder, key.as_pem(private=True))
    try:
        os.link(draft, private_file)
    except FileExistsError:
        key = type(key).import_key(private_file.read_bytes())
    finally:
        draft.unlink()
    public_draft = _draft(folder, key.as_pem(private=False))
    public_draft.chmod(0o644)
    public_draft.replace(public_file)


def _draft(folder: Path, content: bytes) -> Path:
    """A file of a name that nobody else has, readable by its owner only."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return Path(name)
