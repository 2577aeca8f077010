"""The checks of `stafett doctor`. Each finds something, and where it is not as it should be, says what to do."""

import os
import shutil
import socket
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

import asyncpg
import httpx
from pydantic import ValidationError
from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError

from services.chassis.address import address_of, is_of_this_machine
from services.chassis.database import Database
from services.chassis.embedded_account import EmbeddedPostgresError
from services.chassis.errors import Unavailable
from services.chassis.settings import SERVICES, Settings
from services.commands.plain_words import settings_problems
from services.gateway.issuers import Issuers, IssuerSilent
from services.installation import Installation, newest_revisions, plain_address, revision_of

PYTHON = (3, 11)
POSTGRESQL = 18
LITTLE_SPACE = 1_000_000_000  # bytes
NO_SPACE = 100_000_000  # bytes
CLOCK_APART = 2.0  # seconds; internal tokens live for 60
# Set by ourselves for worker processes, and by compose.yaml for itself.
_NOT_SETTINGS = frozenset({"STAFETT_SERVED_SERVICE", "STAFETT_PUBLISHED_PORT"})

_UNFORCED = """
SELECT format('%I.%I', n.nspname, c.relname) AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
ORDER BY 1
"""
_ABOUT_ROLE = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


class Verdict(StrEnum):
    """How it stands with what was checked."""

    ok = "ok"
    warning = "warning"
    wrong = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found, and what to do about it."""

    name: str
    verdict: Verdict
    found: str
    remedy: str | None = None


def _ok(name: str, found: str) -> Check:
    return Check(name, Verdict.ok, found)


def _warning(name: str, found: str, remedy: str) -> Check:
    return Check(name, Verdict.warning, found, remedy)


def _wrong(name: str, found: str, remedy: str) -> Check:
    return Check(name, Verdict.wrong, found, remedy)


async def examine() -> list[Check]:
    """All checks; where the settings cannot be read, those that need none."""
    checks = [python(), *unknown_variables(os.environ)]
    try:
        settings = Settings()
    except ValidationError as error:
        found = "\n".join(line.strip() for line in settings_problems(error))
        return [*checks, _wrong("settings", found, "Correct the variables.")]
    checks += [_ok("settings", "every setting can be read"), public_address(settings)]
    checks += [data_dir(settings.data_dir), space(settings.data_dir)]
    checks += keys(settings.keys_folder)
    checks += [check async for check in database(settings)]
    checks += [check async for check in issuers(settings)]
    checks += [check async for check in neighbours(settings)]
    checks.append(await port(settings))
    return checks


def python() -> Check:
    """Whether this Python is new enough."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        return _wrong("python", f"Python {version}", "Use Python 3.11 or newer.")
    return _ok("python", f"Python {version}")


def unknown_variables(environment: "os._Environ[str] | dict[str, str]") -> Iterator[Check]:
    """A warning for each variable that looks like a setting and is none."""
    known = {f"STAFETT_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(environment):
        if name.upper().startswith("STAFETT_") and name.upper() not in known | _NOT_SETTINGS:
            near = get_close_matches(name.upper(), known, n=1)
            meant = f"Did you mean {near[0]}?" if near else "Remove it."
            yield _warning("settings", f"{name} is no setting and is not heeded", meant)


def public_address(settings: Settings) -> Check:
    """Whether the address that certificates and badges carry for good leads here from elsewhere."""
    name, address = "public address", settings.public_address
    remedy = (
        "Before you issue certificates, set STAFETT_PUBLIC_URL (or STAFETT_URL) to the address at which "
        "others reach the gateway. What was issued keeps the address that it has."
    )
    if is_of_this_machine(address):
        return _warning(
            name, f"certificates carry {address}, which leads nowhere from elsewhere", remedy
        )
    if settings.public_url is None and settings.url is None:
        return _warning(name, f"certificates carry {address}: nobody chose it", remedy)
    return _ok(name, f"certificates carry {address}")


def data_dir(folder: Path) -> Check:
    """Whether the data directory can be used, and only by whom it should."""
    name = "data directory"
    if not folder.exists():
        above = _nearest(folder)
        if not os.access(above, os.W_OK | os.X_OK):
            return _wrong(
                name,
                f"{folder} is not there, and {above} is not ours to write in",
                "Make it, or set STAFETT_DATA_DIR to a folder that can be made.",
            )
        return _ok(name, f"{folder} is not there yet; the first start makes it")
    if not folder.is_dir():
        return _wrong(name, f"{folder} is no folder", "Set STAFETT_DATA_DIR to a folder.")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return _wrong(
            name, f"{folder} is not ours to write in", "Give it to this user, or choose another."
        )
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return _wrong(
            name, f"others may write in {folder} (mode {mode:04o})", f"chmod go-w {folder}"
        )
    return _ok(name, str(folder))


def space(folder: Path) -> Check:
    """Whether the disk has room."""
    free = shutil.disk_usage(_nearest(folder)).free
    found = f"{free / 1e9:.1f} GB are free on the disk of {folder}"
    if free < NO_SPACE:
        return _wrong("disk", found, "Make room: PostgreSQL stops when the disk is full.")
    if free < LITTLE_SPACE:
        return _warning("disk", found, "Make room soon.")
    return _ok("disk", found)


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def keys(folder: Path) -> Iterator[Check]:
    """Whether the internal keys are there, and private ones are closed to others."""
    name = "internal keys"
    if not folder.exists():
        yield _ok(name, f"{folder} is not there yet; the first start makes it")
        return
    open_ones = [
        file
        for file in sorted(folder.glob("*.key"))
        if stat.S_IMODE(file.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    missing = [service for service in SERVICES if not (folder / f"{service}.pub").exists()]
    for file in open_ones:
        yield _wrong(name, f"others may read {file}", f"chmod 600 {file}; then make new keys.")
    if stat.S_IMODE(folder.stat().st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        yield _wrong(name, f"others may put keys into {folder}", f"chmod go-w {folder}")
    elif missing:
        yield _warning(
            name,
            f"the public key of {', '.join(missing)} is not in {folder}",
            "Run stafett migrate, and let every service see the same public keys.",
        )
    elif not open_ones:
        yield _ok(name, f"{len(SERVICES)} pairs in {folder}")


async def database(settings: Settings) -> AsyncIterator[Check]:
    """Whether PostgreSQL answers, is new enough and holds what each service needs."""
    named = [s for s in SERVICES if getattr(settings, f"{s}_database_url") is not None]
    is_embedded = settings.database_url is None and not named
    if is_embedded and not (settings.data_dir / "postgresql-18").exists():
        yield _ok("database", "the embedded PostgreSQL is not there yet; the first start makes it")
        return
    services = SERVICES if settings.database_url is not None or is_embedded else tuple(named)
    try:
        installation = Installation.open(settings, services)
    except EmbeddedPostgresError as error:
        yield _wrong("database", str(error), "See what it says, or set STAFETT_DATABASE_URL.")
        return
    try:
        heads = newest_revisions()
        for service in services:
            async for check in _schema(service, installation.url_of(service), heads[service]):
                yield check
    except ArgumentError:
        yield _wrong(
            "database",
            "an address cannot be read",
            "Write it as postgresql://user:password@host/database.",
        )
    finally:
        installation.close()


async def _schema(service: str, url: URL, head: str | None) -> AsyncIterator[Check]:
    name = f"database of {service}"
    shown = url.set(drivername="postgresql").render_as_string(hide_password=True)
    try:
        connection = await asyncpg.connect(plain_address(url), timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield _wrong(
            name,
            f"{shown} cannot be reached: {_reason(error)}",
            "Is PostgreSQL running, and are address, role and password right? "
            "stafett migrate makes the roles.",
        )
        return
    try:
        version = connection.get_server_version()
        if version.major < POSTGRESQL:
            yield _wrong(
                name, f"PostgreSQL {version.major}", f"Use PostgreSQL {POSTGRESQL} or newer."
            )
        if await connection.fetchval(_ABOUT_ROLE):
            yield _wrong(
                name,
                f"{url.username} may bypass row-level security: it sees every organization",
                f"ALTER ROLE {url.username} NOSUPERUSER NOBYPASSRLS, "
                f"or connect as stafett_{service}.",
            )
        if unforced := [row["name"] for row in await connection.fetch(_UNFORCED, service)]:
            yield _wrong(
                name,
                f"row-level security is not forced on {', '.join(unforced)}",
                "ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, "
                "and find out who switched it off.",
            )
        apart = (
            await connection.fetchval("SELECT clock_timestamp()") - datetime.now(UTC)
        ).total_seconds()
        if abs(apart) > CLOCK_APART:
            yield _warning(
                name,
                f"its clock is {apart:+.1f} s from ours",
                "Let both machines follow a time server.",
            )
        found = await revision_of(url, service)
    except asyncpg.PostgresError as error:
        yield _wrong(name, f"{shown} says: {error}", "Run stafett migrate.")
        return
    finally:
        await connection.close()
    if found != head:
        yield _wrong(
            name, f"it stands at revision {found}, this Stafett at {head}", "Run stafett migrate."
        )
    else:
        yield _ok(name, f"PostgreSQL {version.major}, revision {found}, as {url.username}")


_ISSUERS = "SELECT DISTINCT issuer FROM identity_provider WHERE active ORDER BY issuer"


async def issuers(settings: Settings) -> AsyncIterator[Check]:
    """Whether the issuers whose tokens are taken answer, and have keys."""
    try:
        named = await _configured_issuers(settings)
    except (EmbeddedPostgresError, Unavailable, asyncpg.PostgresError, ArgumentError):
        return  # what is wrong with the database was told above
    known = Issuers(insecure=settings.insecure_issuers)
    try:
        for issuer in named:
            try:
                keys = await known.fetch(issuer)
            except IssuerSilent as error:
                yield _warning(
                    "identity provider",
                    f"{issuer} lets nobody in: {error}",
                    "Can this machine reach it? Does the issuer stand in /v1/identity-providers as it calls itself?",
                )
            else:
                signs = ", ".join(sorted(keys.algorithms))
                yield _ok(
                    "identity provider",
                    f"{issuer} answers; keys: {len(keys.keys)}, signs with {signs}",
                )
    finally:
        await known.close()


async def _configured_issuers(settings: Settings) -> list[str]:
    is_told = settings.database_url is not None or settings.gateway_database_url is not None
    if not is_told and not (settings.data_dir / "postgresql-18").exists():
        return []
    installation = Installation.open(settings, ("gateway",))
    try:
        gateway = Database(installation.url_of("gateway"), "gateway", connections=1)
        try:
            async with gateway.across_organizations() as (_, driver):
                return [row["issuer"] for row in await driver.fetch(_ISSUERS)]
        finally:
            await gateway.close()
    finally:
        installation.close()


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


async def neighbours(settings: Settings) -> AsyncIterator[Check]:
    """Whether the services at the addresses that the settings name are ready."""
    async with httpx.AsyncClient(timeout=3) as client:
        for service in SERVICES:
            for url in settings.urls_of(service):
                try:
                    answer = await client.get(f"{url}/health/ready")
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    yield _wrong(
                        service,
                        f"{url} cannot be reached: {_reason(error)}",
                        f"Is it running? STAFETT_{service.upper()}_URLS names it.",
                    )
                    continue
                if answer.status_code == 200:
                    yield _ok(service, f"{url} is ready")
                else:
                    yield _wrong(
                        service,
                        f"{url} answers {answer.status_code} to /health/ready",
                        "See its log.",
                    )


async def port(settings: Settings) -> Check:
    """Whether the port is free, or held by a Stafett that is well."""
    place = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            return _ok("port", f"{place} is free")
    address = address_of(settings.host, settings.port)
    try:
        async with httpx.AsyncClient(timeout=3) as client:
            answer = await client.get(f"{address}/health/ready")
        if answer.status_code == 200 and answer.json()["status"] == "ready":
            return _ok("port", f"a Stafett that is ready listens on {place}")
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        pass  # whoever it is, it is no healthy Stafett: told below
    return _wrong(
        "port",
        f"{place} cannot be listened on: {reason}",
        "Stop what listens there, or set STAFETT_PORT.",
    )
