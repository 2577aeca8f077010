"""This installation: where its database is, and bringing it up to date."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy import URL

from services.chassis.embedded import EmbeddedPostgres
from services.chassis.keyring import make_pair
from services.chassis.seal import Seal
from services.chassis.settings import SERVICES, Settings, asyncpg_url


class NoDatabase(LookupError):
    """No address is named, or nobody answers there; the message says which."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What bringing up to date has done: each service's revision before and after, keys made."""

    before: Mapping[str, str | None]
    after: Mapping[str, str | None]
    keys_made: tuple[str, ...]


@dataclass
class Installation:
    """The database that the settings name, or the embedded one, started."""

    settings: Settings
    embedded: EmbeddedPostgres | None

    @classmethod
    def open(cls, settings: Settings, services: Collection[str] = SERVICES) -> "Installation":
        """Start the embedded PostgreSQL if no address is given for one of `services`."""
        given = settings.database_url is not None or all(
            getattr(settings, f"{service}_database_url") is not None for service in services
        )
        return cls(settings, None if given else EmbeddedPostgres.start(settings.data_dir))

    def admin_url(self) -> URL:
        """The address of the user that may migrate; NoDatabase when nobody named one."""
        if self.settings.database_url is not None:
            return asyncpg_url(self.settings.database_url.get_secret_value())
        if self.embedded is None:
            raise NoDatabase(
                "STAFETT_DATABASE_URL is not set, so there is no user that may migrate."
            )
        return asyncpg_url(self.embedded.url())

    def url_of(self, service: str) -> URL:
        """The address with which a service connects, as its own role."""
        own = getattr(self.settings, f"{service}_database_url")
        if own is not None:
            return asyncpg_url(own.get_secret_value())
        return self.admin_url().set(username=f"stafett_{service}")

    async def migrate(self) -> Migrated:
        """Bring roles, schemas, tables and internal keys up to date."""
        from migrations.upgrade import upgrade

        before = await self._revisions()
        passwords = {service: self.url_of(service).password for service in SERVICES}
        await upgrade(
            self.admin_url(), {k: None if v is None else str(v) for k, v in passwords.items()}
        )
        made = [service for service in SERVICES if not self._key_of(service).exists()]
        for service in SERVICES:
            make_pair(self.settings.keys_folder, service)
        Seal(self.settings.keys_folder).make()
        return Migrated(before, await self._revisions(), tuple(made))

    async def is_current(self) -> bool:
        """Whether every service can connect, as itself, to tables at the newest revision.

        Asking takes milliseconds, where going through the revisions takes a second.
        """
        heads = newest_revisions()
        for service in SERVICES:
            try:
                found = await revision_of(self.url_of(service), service)
            except (asyncpg.PostgresError, NoDatabase):
                return False
            if found != heads[service]:
                return False
        return True

    async def make_current(self) -> Migrated | None:
        """Migrate where that is needed; None where it was not."""
        return None if await self.is_current() else await self.migrate()

    def close(self) -> None:
        """Let go of the embedded PostgreSQL; it stops when nobody else uses it."""
        if self.embedded is not None:
            self.embedded.stop()

    def _key_of(self, service: str) -> Path:
        return self.settings.keys_folder / f"{service}.key"

    async def _revisions(self) -> dict[str, str | None]:
        return {service: await revision_of(self.admin_url(), service) for service in SERVICES}


async def revision_of(url: URL, service: str) -> str | None:
    """The revision at which a service's tables stand, as the user of `url` sees it; None before the first.

    Raises NoDatabase where nobody answers, and what asyncpg raises for one who may not look.
    """
    try:
        connection = await asyncpg.connect(plain_address(url), timeout=10)
    except OSError as error:
        where = url.set(drivername="postgresql").render_as_string(hide_password=True)
        reason = error.strerror or str(error) or "no answer in time"
        raise NoDatabase(f"PostgreSQL at {where} cannot be reached: {reason}.") from error
    try:
        found: str | None = await connection.fetchval(
            f"SELECT version_num FROM {service}.alembic_version"  # nosec B608: a name of ours
        )
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return None
    finally:
        await connection.close()
    return found


def newest_revisions() -> dict[str, str | None]:
    """The newest revision of each service in this version of Stafett."""
    from alembic.script import ScriptDirectory

    from migrations.upgrade import config_of

    return {
        service: ScriptDirectory.from_config(config_of(service)).get_current_head()
        for service in SERVICES
    }


def plain_address(url: URL) -> str:
    """The address as asyncpg itself wants it, with its password: not for showing."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
