"""`If-Match`: nobody overwrites a change that they have not seen (RFC 9110, 13.1.1)."""

import re
from dataclasses import dataclass

from services.chassis.errors import Malformed, PreconditionFailed, PreconditionMissing

_ETAGS = re.compile(r'\s*(?:W/)?"(\d{1,10})"\s*$')


def etag(version: int) -> str:
    """The strong ETag of a version."""
    return f'"{version}"'


@dataclass(frozen=True, slots=True)
class Match:
    """The versions that the caller has seen; None stands for `*`, any."""

    versions: frozenset[int] | None

    @classmethod
    def parse(cls, if_match: str | None) -> "Match":
        """From the header; raises `PreconditionMissing` without one and `Malformed` for rubbish."""
        if if_match is None:
            raise PreconditionMissing("Send the ETag that you have read as If-Match.")
        if if_match.strip() == "*":
            return cls(None)
        versions = set()
        for part in if_match.split(","):
            found = _ETAGS.match(part)
            if found is None:
                raise Malformed("If-Match holds no ETag of ours.")
            versions.add(int(found[1]))
        return cls(frozenset(versions))

    def check(self, version: int) -> None:
        """Refuse with `PreconditionFailed` unless `version` is one that the caller has seen."""
        if self.versions is not None and version not in self.versions:
            raise PreconditionFailed(
                "It is at version {version} by now. Read it again, then send your change.",
                version=version,
            )
