"""Alembic's environment: one service at a time, on asyncpg, in the service's own schema."""

import asyncio
import importlib
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel.sql.sqltypes import AutoString

from services.chassis.events import Xid8
from services.chassis.settings import Settings
from services.installation import Installation

service = context.config.config_ini_section


def metadata_of(name: str) -> MetaData:
    """Every table of a service: importing its app imports its concepts."""
    importlib.import_module(f"services.{name}.app")
    metadata: MetaData = importlib.import_module(f"services.{name}.domain.base").metadata
    return metadata


def include_name(name: str | None, kind: str, _: Any) -> bool:
    """Look at this service's schema only, and not at the tables of PgQueuer, which are as it wants them."""
    if kind == "table":
        return not str(name).startswith("pgqueuer_")
    return name == service if kind == "schema" else True


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write our own column types so that a revision reads well and imports what it needs."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, Xid8):
        autogen_context.imports.add("from services.chassis.events import Xid8")
        return "Xid8()"
    return False


def run(connection: Connection | None) -> None:
    """Configure and run the revisions."""
    context.configure(
        connection=connection,
        dialect_name=None if connection is not None else "postgresql",
        target_metadata=metadata_of(service),
        version_table_schema=service,
        include_schemas=True,
        include_name=include_name,
        render_item=render_item,
        literal_binds=connection is None,
        dialect_opts={"paramstyle": "named"},
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        if connection is not None:
            # Waiting for a lock would make every other request wait behind it.
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        context.run_migrations()


async def connect_and_run() -> None:
    installation = Installation.open(Settings())
    engine = create_async_engine(installation.admin_url(), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()
    installation.close()


given = context.config.attributes.get("connection")
if context.is_offline_mode():
    run(None)
elif given is not None:
    run(given)
else:
    asyncio.run(connect_and_run())
