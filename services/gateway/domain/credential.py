"""From a credential to whoever stands behind it."""

from datetime import datetime, timedelta
from hmac import compare_digest

import asyncpg
import structlog

from services.chassis.caller import Caller, Role, Scope
from services.chassis.database import Database, reader_of
from services.chassis.errors import Unauthenticated, Unavailable
from services.gateway.domain.api_key import PresentedKey

log = structlog.get_logger(__name__)

# How long a credential is believed without asking again, in seconds: as long as a revoked one may still open the door.
BELIEVED_SECONDS = 1.0
_REMEMBERED = 10_000
# How exact last_used_at is: writing it at every request would make every read a write.
_USE_NOTED_EVERY = timedelta(minutes=1)

_WHO = """
SELECT p.id, p.name, p.roles, p.team_id, k.scopes, k.expires_at, k.secret_hash, k.last_used_at
FROM api_key k JOIN person p ON p.organization_id = k.organization_id AND p.id = k.person_id
WHERE k.organization_id = $1 AND k.id = $2 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $3) AND p.active
"""
# A key that is being changed just now is passed over: nobody waits for this note.
_USED = """
UPDATE api_key SET last_used_at = $3
WHERE organization_id = $1 AND id = (
  SELECT id FROM api_key WHERE organization_id = $1 AND id = $2 FOR UPDATE SKIP LOCKED
)
"""


class Credentials:
    """Tells who stands behind an API key; remembers it for a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, Caller]] = {}

    async def of_key(self, text: str, now: datetime) -> Caller:
        """Raises `Unauthenticated` for a key that is unknown, ended or revoked, or whose person is not active."""
        moment = now.timestamp()
        known = self._known.get(text)
        if known is not None and moment < known[0]:
            return known[1]
        caller = await self._look_up(PresentedKey.parse(text), now)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[text] = (moment + BELIEVED_SECONDS, caller)
        return caller

    async def _look_up(self, key: PresentedKey, now: datetime) -> Caller:
        async with self._database.reading(key.organization_id) as reader:
            row = await reader.connection.fetchrow(_WHO, key.organization_id, key.id, now)
        if row is None or not compare_digest(row["secret_hash"], key.secret_hash):
            raise Unauthenticated("The API key is not known, has ended or was revoked.")
        if row["last_used_at"] is None or row["last_used_at"] < now - _USE_NOTED_EVERY:
            await self._note_use(key, now)
        return Caller(
            organization_id=key.organization_id,
            person_id=row["id"],
            name=row["name"],
            roles=frozenset(Role(role) for role in row["roles"]),
            team_id=row["team_id"],
            scopes=frozenset(Scope(scope) for scope in row["scopes"]),
            ends_at=row["expires_at"],
        )

    async def _note_use(self, key: PresentedKey, now: datetime) -> None:
        """Write down when the key was used. Whoever only reads is let in also where that cannot be written."""
        try:
            async with self._database.transaction(key.organization_id) as session:
                await reader_of(session).connection.execute(_USED, key.organization_id, key.id, now)
        except (Unavailable, asyncpg.PostgresError) as error:
            log.warning("use_of_key_not_noted", api_key_id=str(key.id), error=repr(error))
