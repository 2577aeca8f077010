"""The key with which this installation signs what outsiders verify, such as certificates: RSA, since every verifier knows RS256.

`seal.key` (private) and `seal.pub` lie beside the services' keys; the pair is made when it is first used. Every `seal*.pub` is
published: to change keys, put `seal.pub` aside as `seal-2026.pub` and remove `seal.key`, and what was signed stays verifiable.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from joserfc import jws
from joserfc.jwk import RSAKey

from services.chassis.keyring import make_pair

_ALGORITHM = "RS256"
_BITS = 3072
_NAME = "seal"


class Seal:
    """Signs for the installation, and knows the public keys by their thumbprint (RFC 7638)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self) -> None:
        """Make the pair unless it is there; takes a second."""
        make_pair(self._folder, _NAME, lambda: RSAKey.generate_key(_BITS))

    @cached_property
    def _private(self) -> RSAKey:
        self.make()
        return RSAKey.import_key((self._folder / f"{_NAME}.key").read_bytes())

    @cached_property
    def key_id(self) -> str:
        """The thumbprint of the key that signs."""
        return self._private.thumbprint()

    def sign(self, header: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
        """A compact JWS over `payload` (RFC 7515)."""
        return jws.serialize_compact(
            {"alg": _ALGORITHM, **header},
            orjson.dumps(payload),
            self._private,
            algorithms=[_ALGORITHM],
        )

    def public_keys(self) -> dict[str, dict[str, Any]]:
        """The public keys as JWK (RFC 7517) by their thumbprint: the one that signs, and earlier ones."""
        made = self.key_id
        keys = [
            RSAKey.import_key(file.read_bytes())
            for file in sorted(self._folder.glob(f"{_NAME}*.pub"))
        ]
        known = {key.thumbprint(): key.as_dict(private=False) for key in [self._private, *keys]}
        return {
            id: {**known[id], "kid": id, "alg": _ALGORITHM, "use": "sig"}
            for id in [made, *(id for id in known if id != made)]
        }
