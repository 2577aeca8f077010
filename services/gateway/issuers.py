"""The issuers of tokens on the network: where their keys are (OpenID Connect Discovery), and the keys, kept for a while.

Nobody but configured issuers is ever asked, and none of them more than once in ten seconds, whatever tokens come in.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
import orjson
import structlog
from prometheus_client import Counter

from services.chassis.errors import Unavailable
from services.gateway.domain.outer_token import IssuerKeys

log = structlog.get_logger(__name__)

FETCHES = Counter("stafett_issuer_fetches_total", "Looks at an issuer's keys", ["outcome"])

# Between two looks at an issuer, whatever the reason, in seconds.
PAUSE_SECONDS = 10.0
# How long keys are taken for the newest, and how long they stand in while the issuer does not answer, in seconds.
FRESH_SECONDS = 300.0
KEPT_SECONDS = 3600.0
_TIMEOUT = aiohttp.ClientTimeout(total=3.0, connect=2.0)
_LARGEST_BYTES = 1_000_000
_REMEMBERED = 10_000
_DISCOVERY = "/.well-known/openid-configuration"


class IssuerSilent(Exception):
    """The issuer does not answer, or not as a provider does; says how."""


@dataclass
class _Known:
    """What is known of one issuer. Moments in seconds since 1970."""

    keys: IssuerKeys | None = None
    fetched_at: float = -KEPT_SECONDS
    asked_at: float = -PAUSE_SECONDS
    is_silent: bool = False
    asking: asyncio.Task[None] | None = None


class Issuers:
    """Every issuer's keys. `insecure` also lets http:// be: anybody on the way may change what is said there."""

    def __init__(self, *, insecure: bool = False) -> None:
        self._insecure = insecure
        self._known: dict[str, _Known] = {}
        self._session: aiohttp.ClientSession | None = None

    async def keys(self, issuer: str, key_id: str, now: datetime) -> IssuerKeys:
        """The keys of a configured issuer, asked for anew when they are old or `key_id` is not among them.

        Raises `Unavailable` where nobody can tell whether the key is good, since the issuer does not answer.
        """
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        known = self._known.setdefault(issuer, _Known())
        moment = now.timestamp()
        if known.keys is not None and key_id in known.keys.keys:
            if moment >= known.fetched_at + FRESH_SECONDS:
                # Meanwhile the old ones do: an issuer that does not answer makes nobody wait.
                self._ask(issuer, known, moment)
            if moment < known.fetched_at + KEPT_SECONDS:
                return known.keys
        asking = self._ask(issuer, known, moment)
        if asking is not None:
            await asyncio.shield(asking)
        if known.keys is None or (known.is_silent and key_id not in known.keys.keys):
            raise self._unavailable(known, moment)
        if moment >= known.fetched_at + KEPT_SECONDS:
            raise self._unavailable(known, moment)
        return known.keys

    async def fetch(self, issuer: str) -> IssuerKeys:
        """What the issuer says right now; raises `IssuerSilent`."""
        metadata = await self._document(issuer.rstrip("/") + _DISCOVERY)
        if metadata.get("issuer") != issuer:
            raise IssuerSilent(f"it calls itself {str(metadata.get('issuer'))[:200]!r}")
        address = metadata.get("jwks_uri")
        if not isinstance(address, str) or not self.may_be_asked(address):
            raise IssuerSilent("it names no https address of its keys")
        keys = IssuerKeys.read(metadata, await self._document(address))
        if not keys.keys or not keys.algorithms:
            raise IssuerSilent("it has no key, or no algorithm, that is taken here")
        return keys

    def may_be_asked(self, address: str) -> bool:
        """Whether an address is one of which what comes back can be believed."""
        return address.startswith("https://") or (self._insecure and address.startswith("http://"))

    async def close(self) -> None:
        """Let go of the connections."""
        tasks = [known.asking for known in self._known.values() if known.asking is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _ask(self, issuer: str, known: _Known, moment: float) -> asyncio.Task[None] | None:
        """The look that is being taken at the issuer; a new one, unless the last was just now."""
        if known.asking is not None and not known.asking.done():
            return known.asking
        if moment < known.asked_at + PAUSE_SECONDS:
            return None
        known.asked_at = moment
        known.asking = asyncio.create_task(self._renew(issuer, known, moment))
        return known.asking

    async def _renew(self, issuer: str, known: _Known, moment: float) -> None:
        try:
            known.keys = await self.fetch(issuer)
        except IssuerSilent as error:
            known.is_silent = True
            FETCHES.labels("silent").inc()
            log.warning("issuer_silent", issuer=issuer, reason=str(error))
        else:
            known.fetched_at, known.is_silent = moment, False
            FETCHES.labels("answered").inc()

    def _unavailable(self, known: _Known, moment: float) -> Unavailable:
        wait = known.asked_at + PAUSE_SECONDS - moment
        return Unavailable(
            "The issuer of the token does not answer.", retry_after=max(1, round(wait + 0.5))
        )

    async def _document(self, address: str) -> dict[str, Any]:
        if not self.may_be_asked(address):
            raise IssuerSilent("it is at no https address")
        if self._session is None:
            # Proxies of the environment are heeded: many a network lets nobody out without one.
            self._session = aiohttp.ClientSession(
                timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
            )
        try:
            async with self._session.get(
                address, allow_redirects=False, headers={"Accept": "application/json"}
            ) as response:
                if response.status != 200:
                    raise IssuerSilent(f"{address} answers {response.status}")
                content = b""
                async for chunk in response.content.iter_chunked(65_536):
                    content += chunk
                    if len(content) > _LARGEST_BYTES:
                        raise IssuerSilent(f"{address} says too much")
            document = orjson.loads(content)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise IssuerSilent(f"{address}: {str(error) or type(error).__name__}") from error
        if not isinstance(document, dict):
            raise IssuerSilent(f"{address} is no JSON object")
        return document
