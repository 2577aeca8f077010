"""Bring a database up to date: roles, schemas, then every service's revisions."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from services.chassis.settings import SERVICES

ROOT = Path(__file__).parent.parent
# Any number, the same in every version: one migration at a time.
_LOCK = 7_823_355


def config_of(service: str) -> Config:
    """Alembic's configuration for one service."""
    return Config(ROOT / "alembic.ini", ini_section=service)


async def upgrade(admin: URL, passwords: dict[str, str | None]) -> None:
    """Upgrade everything. `passwords` holds the password of each service's role, None to leave it alone."""
    engine = create_async_engine(admin, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))
            await connection.commit()
            for service in SERVICES:
                await _provision(connection, service, passwords.get(service))
            for service in SERVICES:
                await connection.run_sync(_upgrade_one, service)
                await connection.commit()
            await connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK})"))
            await connection.commit()
    finally:
        await engine.dispose()


def _upgrade_one(connection: Connection, service: str) -> None:
    config = config_of(service)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _provision(connection: AsyncConnection, service: str, password: str | None) -> None:
    """The service's role, which owns nothing, and its schema, which nobody else sees."""
    role = f"stafett_{service}"
    exists = await connection.scalar(
        text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}
    )
    if not exists:
        await connection.execute(
            text(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS")
        )
    if password:
        quoted = await connection.scalar(
            text("SELECT quote_literal(:password)"), {"password": password}
        )
        await connection.execute(text(f"ALTER ROLE {role} PASSWORD {quoted}"))
    await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {service}"))
    await connection.execute(text(f"GRANT USAGE ON SCHEMA {service} TO {role}"))
    # Reading which revision it stands at lets a service wait for its tables.
    await connection.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {service}.alembic_version "
            "(version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)"
        )
    )
    await connection.execute(text(f"GRANT SELECT ON {service}.alembic_version TO {role}"))
    await connection.commit()
