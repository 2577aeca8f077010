"""Every setting of Stafett, read once from the environment (`STAFETT_…`)."""

from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import AnyHttpUrl, Field, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url

from services.chassis.address import address_of
from services.chassis.embedded import default_data_dir

SERVICES = ("gateway", "handover", "onboarding")


class LogFormat(StrEnum):
    json = "json"
    console = "console"


def _addresses(value: str) -> list[str]:
    return [part.strip().rstrip("/") for part in value.split(",") if part.strip()]


class Settings(BaseSettings):
    """What an operator can decide. Every field is the variable `STAFETT_` + its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="STAFETT_", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    workers: PositiveInt = Field(1, description="Processes per service that is served apart.")
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where the embedded PostgreSQL, the internal keys and the demo keys are kept.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL for everything, as the user that may migrate. "
        "Unset: an embedded PostgreSQL 18 in the data directory.",
    )
    gateway_database_url: SecretStr | None = Field(
        None, description="PostgreSQL as the role stafett_gateway."
    )
    handover_database_url: SecretStr | None = Field(
        None, description="PostgreSQL as the role stafett_handover."
    )
    onboarding_database_url: SecretStr | None = Field(
        None, description="PostgreSQL as the role stafett_onboarding."
    )
    database_connections: PositiveInt = Field(
        20, description="Connections to PostgreSQL at most, per service and process."
    )
    database_wait_seconds: float = Field(
        60.0, ge=0, description="How long a starting service waits for PostgreSQL and its tables."
    )
    keys_dir: Path | None = Field(
        None,
        description="Folder of the Ed25519 keys with which the services prove themselves to one "
        "another. Default: keys/ in the data directory.",
    )
    gateway_urls: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses of the gateway, for services that run apart (comma separated).",
    )
    handover_urls: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Addresses of handover's replicas (comma separated)."
    )
    onboarding_urls: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Addresses of onboarding's replicas (comma separated)."
    )
    max_body_bytes: PositiveInt = Field(
        1_048_576, description="Largest request body, in bytes; imports have their own limit."
    )
    max_import_bytes: PositiveInt = Field(
        16_777_216, description="Largest uploaded file with its form, in bytes."
    )
    idempotency_hours: PositiveInt = Field(
        24, description="How long the answer to an Idempotency-Key is kept, in hours."
    )
    follow_seconds: float = Field(
        0.5, gt=0, description="Pause between two looks at another service's feed, in seconds."
    )
    scheduler: bool = Field(
        True,
        description="Do inside the services what is due as time goes by: remind, let offers lapse, open renewals. "
        "Off: have a timer call `stafett chores`.",
    )
    shutdown_seconds: PositiveInt = Field(
        20, description="How long requests in flight may take after a stop signal, in seconds."
    )
    log_format: LogFormat = Field(
        LogFormat.json, description="json for machines, console for eyes."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    url: AnyHttpUrl | None = Field(
        None,
        description="Where the command line finds the gateway (for imports). "
        "Default: the first of STAFETT_GATEWAY_URLS, else STAFETT_HOST and STAFETT_PORT of this machine.",
    )
    public_url: AnyHttpUrl | None = Field(
        None,
        description="Where outsiders reach the gateway: stands in certificates, which are verified there. "
        "Default: as STAFETT_URL.",
    )
    insecure_issuers: bool = Field(
        False,
        description="Take identity providers at http:// addresses, too. For trials: whoever is on the way signs in as anybody.",
    )
    api_key: SecretStr | None = Field(
        None, description="The API key with which the command line calls the gateway."
    )

    @field_validator("gateway_urls", "handover_urls", "onboarding_urls", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _addresses(value) if isinstance(value, str) else value

    @cached_property
    def keys_folder(self) -> Path:
        """The folder of internal keys."""
        return self.keys_dir or self.data_dir / "keys"

    @cached_property
    def gateway_address(self) -> str:
        """Where this machine finds the gateway, without a slash at the end."""
        if self.url is not None:
            return str(self.url).rstrip("/")
        return self.gateway_urls[0] if self.gateway_urls else address_of(self.host, self.port)

    @cached_property
    def public_address(self) -> str:
        """Where outsiders reach the gateway, without a slash at the end."""
        return str(self.public_url).rstrip("/") if self.public_url else self.gateway_address

    def urls_of(self, service: str) -> list[str]:
        """The addresses at which `service` runs; empty when it was not told."""
        urls: list[str] = getattr(self, f"{service}_urls")
        return urls


def asyncpg_url(address: str) -> URL:
    """`postgresql://…` in any spelling, as SQLAlchemy's asyncpg dialect wants it."""
    return make_url(address).set(drivername="postgresql+asyncpg")
