"""From a token of an identity provider to whoever stands behind it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from prometheus_client import Counter
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.caller import Caller, Role
from services.chassis.database import Database
from services.chassis.events import record, store_recorded
from services.chassis.settings import Settings
from services.chassis.tables import new_id
from services.chassis.telemetry import REQUEST_ID
from services.gateway import events
from services.gateway.domain.credential import BELIEVED_SECONDS
from services.gateway.domain.identity_provider import (
    CLOCK_SKEW,
    IdentityProvider,
    PersonBy,
    TiedSubject,
    TokenKind,
)
from services.gateway.domain.outer_token import PresentedToken, Reason, TokenRefused, not_taken
from services.gateway.domain.person import Person
from services.gateway.issuers import Issuers

log = structlog.get_logger(__name__)

REFUSALS = Counter("stafett_sign_in_refusals_total", "Tokens that let nobody in", ["reason"])

_REMEMBERED = 10_000
# Those of the audience come first; another one tells that the issuer is known at all.
_PROVIDERS = """
SELECT organization_id, id, issuer, audience, kind, client_ids, person_by, person_claim, roles_claim,
  role_names::text AS role_names
FROM identity_provider WHERE issuer = $1 AND active
ORDER BY audience = ANY($2) DESC LIMIT 20
"""
_WHO = """
SELECT p.id, p.name, p.roles, p.team_id, p.active
FROM tied_subject s JOIN person p ON p.organization_id = s.organization_id AND p.id = s.person_id
WHERE s.organization_id = $1 AND s.identity_provider_id = $2 AND s.subject = $3
"""
_person = Person.__table__.c  # type: ignore[attr-defined]


class SignIns:
    """Tells who stands behind a token; remembers it for a second, and no longer than the token lives."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._issuers = Issuers(insecure=settings.insecure_issuers)
        self._known: dict[str, tuple[float, Caller]] = {}

    async def of_token(self, text: str, now: datetime) -> Caller:
        """Raises `TokenRefused` unless it is good and stands for somebody active, `Unavailable` where its issuer is silent."""
        moment = now.timestamp()
        known = self._known.get(text)
        if known is not None and moment < known[0]:
            return known[1]
        token: PresentedToken | None = None
        try:
            token = PresentedToken.parse(text)
            caller, ends_at = await self._find(token, now)
        except TokenRefused as refused:
            REFUSALS.labels(refused.reason.value).inc()
            log.warning(
                "sign_in_refused",
                reason=refused.reason.value,
                issuer=None if token is None else token.issuer,
                note=refused.note,
            )
            raise
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        believed_until = min(moment + BELIEVED_SECONDS, ends_at.timestamp() + CLOCK_SKEW)
        self._known[text] = (believed_until, caller)
        return caller

    async def close(self) -> None:
        """Let go of the connections to issuers."""
        await self._issuers.close()

    async def _find(self, token: PresentedToken, now: datetime) -> tuple[Caller, datetime]:
        provider = await self._provider(token)
        keys = await self._issuers.keys(token.issuer, token.key_id, now)
        claims = token.verified(keys)
        ends_at = provider.judge(claims, now)
        person = await self._who(provider, claims["sub"])
        if person is None:
            await self._tie(provider, claims)
            person = await self._who(provider, claims["sub"])
        if person is None or not person["active"]:
            raise _nobody(provider, Reason.nobody)
        caller = Caller(
            organization_id=provider.organization_id,
            person_id=person["id"],
            name=person["name"],
            roles=provider.roles_of(claims, frozenset(Role(role) for role in person["roles"])),
            team_id=person["team_id"],
            ends_at=ends_at,
        )
        return caller, ends_at

    async def _provider(self, token: PresentedToken) -> IdentityProvider:
        """The one row by which this token is judged."""
        async with self._database.across_organizations() as (_, driver):
            rows = await driver.fetch(_PROVIDERS, token.issuer, list(token.audiences))
        if not rows:
            raise not_taken(Reason.issuer)
        meant = [_as_provider(row) for row in rows if row["audience"] in token.audiences]
        if not meant:
            raise not_taken(Reason.audience, ", ".join(sorted(token.audiences))[:200])
        fitting = [provider for provider in meant if provider.takes(token.type)]
        if not fitting:
            raise not_taken(Reason.type, token.type and token.type[:200])
        if len(fitting) > 1:
            # For two organizations at once: nobody may choose for the person in which of them they act.
            raise not_taken(Reason.ambiguous)
        return fitting[0]

    async def _who(self, provider: IdentityProvider, subject: str) -> Any:
        async with self._database.reading(provider.organization_id) as reader:
            return await reader.connection.fetchrow(
                _WHO, provider.organization_id, provider.id, subject
            )

    async def _tie(self, provider: IdentityProvider, claims: Mapping[str, Any]) -> None:
        """Tie a subject that comes for the first time to the person whom the token vouches for."""
        sought = provider.sought(claims)
        if sought is None:
            raise _nobody(provider, Reason.nobody)
        column = (
            func.lower(_person.email) == sought.lower()
            if provider.person_by is PersonBy.email
            else _person.external_id == sought
        )
        organization_id = provider.organization_id
        async with self._database.transaction(organization_id) as session:
            person = await session.scalar(
                select(Person).where(
                    _person.organization_id == organization_id, column, _person.active
                )
            )
            if person is None:
                raise _nobody(provider, Reason.nobody)
            tied = TiedSubject(
                organization_id=organization_id,
                id=new_id(),
                identity_provider_id=provider.id,
                subject=claims["sub"],
                person_id=person.id,
            )
            # Two requests of one person may come first at once: the later one finds it done.
            added = await session.scalar(
                insert(TiedSubject)
                .values(tied.model_dump(include={*_TIED}))
                .on_conflict_do_nothing()
                .returning(TiedSubject.__table__.c.id)  # type: ignore[attr-defined]
            )
            if added is None:
                await self._require_same(session, provider, claims["sub"], person.id)
                return
            record(session, events.subject_tied(tied, provider))
            caller = Caller(organization_id, person.id, person.name)
            await store_recorded(session, caller, REQUEST_ID.get())

    async def _require_same(
        self, session: Any, provider: IdentityProvider, subject: str, person_id: UUID
    ) -> None:
        table = TiedSubject.__table__.c  # type: ignore[attr-defined]
        before = await session.scalar(
            select(table.subject).where(
                table.organization_id == provider.organization_id,
                table.identity_provider_id == provider.id,
                table.person_id == person_id,
            )
        )
        if before != subject:
            raise _nobody(provider, Reason.tied_to_another)


_TIED = ("organization_id", "id", "identity_provider_id", "subject", "person_id")


def _as_provider(row: Any) -> IdentityProvider:
    values = dict(row)
    values["kind"] = TokenKind(values["kind"])
    values["person_by"] = PersonBy(values["person_by"])
    values["role_names"] = orjson.loads(values["role_names"])
    return IdentityProvider(**values)


def _nobody(provider: IdentityProvider, reason: Reason) -> TokenRefused:
    return TokenRefused(
        "The token is good, but it stands for nobody who is known and active here.",
        reason,
        f"identity provider {provider.id}",
    )
