"""What `make check` asks of the migrations: they build everything from empty, they match the tables, and their SQL is safe.

Runs on an embedded PostgreSQL of its own, which is thrown away.
"""

import asyncio
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.util.exc import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from migrations.upgrade import config_of
from services.chassis.embedded import EmbeddedPostgres
from services.chassis.settings import SERVICES, Settings
from services.installation import Installation

# Rules of squawk that do not fit, and why.
EXCLUDED = {
    "prefer-robust-stmts": "Alembic runs each revision in a transaction",
    "require-timeout-settings": "env.py sets lock_timeout on the connection",
    "prefer-text-field": "enums have a longest value, and Alembic's own table is as it is",
    "prefer-bigint-over-smallint": "an HTTP status and a level from 1 to 5 are small",
    "prefer-bigint-over-int": "so is a version, and minutes",
}
# Throwaway data need not reach the disk.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def main() -> int:
    """0 if all is well; says what is not."""
    folder = Path(tempfile.mkdtemp(prefix="stafett-check-"))
    folder.chmod(0o755)
    os.environ.pop("STAFETT_DATABASE_URL", None)
    try:
        with EmbeddedPostgres.start(folder, FAST) as server:
            installation = Installation(Settings(data_dir=folder), server)
            asyncio.run(installation.migrate())
            differences = asyncio.run(_differences(installation))
        return differences + _lint_sql(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _differences(installation: Installation) -> int:
    """How many services' tables differ from what the revisions built."""
    engine = create_async_engine(installation.admin_url(), poolclass=NullPool)
    wrong = 0
    for service in SERVICES:
        async with engine.connect() as connection:
            wrong += await connection.run_sync(_differs, service)
    await engine.dispose()
    return wrong


def _differs(connection: Connection, service: str) -> int:
    config = config_of(service)
    config.attributes["connection"] = connection
    config.print_stdout = lambda *_: None  # type: ignore[method-assign]
    try:
        command.check(config)
    except CommandError as error:
        print(f"{service}: the revisions do not build what the tables say: {error}")
        return 1
    return 0


def _lint_sql(folder: Path) -> int:
    """Squawk over the SQL of every revision."""
    files = []
    for service in SERVICES:
        sql = io.StringIO()
        config = config_of(service)
        config.output_buffer = sql
        with contextlib.redirect_stderr(io.StringIO()):
            command.upgrade(config, "head", sql=True)
        file = folder / f"{service}.sql"
        file.write_text(sql.getvalue())
        files.append(file)
    squawk = Path(sys.executable).with_name("squawk")
    arguments = [f"--exclude={','.join(EXCLUDED)}", "--pg-version=18.0"]
    return subprocess.run([squawk, *arguments, *files], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
