"""`If-Match`: nobody overwrites a change that they have not seen (RFC 9110, 13.1.1)."""

import re
from dataclasses import dataclass

from services.chassis.errors import Malformed, PreconditionFailed, PreconditionMissing

# Any entity tag (RFC 9110, 8.8.3); in a list, with commas between them.
_ETAG = re.compile(r'[ \t]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,|\Z)')
_OURS = re.compile(r"[1-9]\d{0,9}\Z", re.ASCII)


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
        end = 0
        while end < len(if_match) or not end:
            found = _ETAG.match(if_match, end)
            if found is None:
                raise Malformed("If-Match holds something that is no ETag.")
            weak, tag = found.groups()
            # A weak one never matches here (RFC 9110, 13.1.1), and neither does one that is not ours.
            if not weak and _OURS.match(tag):
                versions.add(int(tag))
            end = found.end()
        return cls(frozenset(versions))

    def check(self, version: int) -> None:
        """Refuse with `PreconditionFailed` unless `version` is one that the caller has seen."""
        if self.versions is not None and version not in self.versions:
            raise PreconditionFailed(
                "It is at version {version} by now. Read it again, then send your change.",
                version=version,
            )
