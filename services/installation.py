"""This installation: where its database is, and bringing it up to date."""

from dataclasses import dataclass

from sqlalchemy import URL

from migrations.upgrade import upgrade
from services.chassis.embedded import EmbeddedPostgres
from services.chassis.keyring import make_pair
from services.chassis.settings import SERVICES, Settings, asyncpg_url


@dataclass
class Installation:
    """The database that the settings name, or the embedded one, started."""

    settings: Settings
    embedded: EmbeddedPostgres | None

    @classmethod
    def open(cls, settings: Settings) -> "Installation":
        """Start the embedded PostgreSQL if no address is given for a service that needs one."""
        given = settings.database_url is not None or all(
            getattr(settings, f"{service}_database_url") is not None for service in SERVICES
        )
        return cls(settings, None if given else EmbeddedPostgres.start(settings.data_dir))

    def admin_url(self) -> URL:
        """The address of the user that may migrate."""
        if self.settings.database_url is not None:
            return asyncpg_url(self.settings.database_url.get_secret_value())
        if self.embedded is None:
            raise LookupError(
                "STAFETT_DATABASE_URL is not set, so there is no user that may migrate."
            )
        return asyncpg_url(self.embedded.url())

    def url_of(self, service: str) -> URL:
        """The address with which a service connects, as its own role."""
        own = getattr(self.settings, f"{service}_database_url")
        if own is not None:
            return asyncpg_url(own.get_secret_value())
        return self.admin_url().set(username=f"stafett_{service}")

    async def migrate(self) -> None:
        """Bring roles, schemas, tables and internal keys up to date."""
        passwords = {service: self.url_of(service).password for service in SERVICES}
        await upgrade(
            self.admin_url(), {k: None if v is None else str(v) for k, v in passwords.items()}
        )
        for service in SERVICES:
            make_pair(self.settings.keys_folder, service)

    def close(self) -> None:
        """Let go of the embedded PostgreSQL; it stops when nobody else uses it."""
        if self.embedded is not None:
            self.embedded.stop()
