"""One service cannot read another's rows, and a forgotten filter leaks nothing: asked with raw SQL as each service's role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.chassis.settings import SERVICES
from services.chassis.tables import new_id
from tests.conftest import Firm, Person, Product

Connection = Any
# Of the house, not of an organization.
WITHOUT_ORGANIZATION = {"alembic_version", "followed_feed", "pgqueuer_log", "pgqueuer_schedules"}
# Whose a token is has to be found before an organization is known.
SEEN_BY_THE_HOUSE = {"event", "idempotency_key", "identity_provider"}


async def connect(product: Product, service: str | None) -> Connection:
    """As a service's role; as the user that migrates for None."""
    installation = product.installation
    url = installation.admin_url() if service is None else installation.url_of(service)
    url = url.set(drivername="postgresql")
    return await asyncpg.connect(url.render_as_string(hide_password=False))


@asynccontextmanager
async def role_of(
    product: Product, service: str, organization_id: UUID | None = None
) -> AsyncIterator[Connection]:
    """A service's connection in a transaction that is rolled back; with an organization, if one is given."""
    connection = await connect(product, service)
    transaction = connection.transaction()
    await transaction.start()
    try:
        if organization_id is not None:
            await connection.execute(
                "SELECT set_config('stafett.organization_id', $1, true)", str(organization_id)
            )
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


@pytest.fixture
async def tables(product: Product) -> dict[str, list[str]]:
    """Every table of every service, as the database tells them."""
    admin = await connect(product, None)
    try:
        rows = await admin.fetch(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname = ANY($1) ORDER BY 1, 2",
            list(SERVICES),
        )
    finally:
        await admin.close()
    found: dict[str, list[str]] = {service: [] for service in SERVICES}
    for schema, table in rows:
        found[schema].append(table)
    return found


async def filled(firm: Firm) -> None:
    """Something in the tables of every service."""
    await firm.seller.post("/v1/customers", {"name": "Fjordkraft"}, key="k")
    await firm.admin.post("/v1/teams", {"name": "Drift"}, key="k")
    await firm.trainer.post("/v1/tools", {"key": "kundeglimt", "name": "Kundeglimt"}, key="k")


async def test_every_table_has_an_organization_and_holds_to_it(product: Product) -> None:
    admin = await connect(product, None)
    try:
        rows = await admin.fetch(
            """
            SELECT n.nspname || '.' || c.relname AS name, c.relname, c.relkind,
              c.relrowsecurity, c.relforcerowsecurity,
              EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid
                AND a.attname = 'organization_id' AND a.attnotnull) AS has_organization,
              (SELECT a.attname FROM pg_index i JOIN pg_attribute a
                ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                WHERE i.indrelid = c.oid AND i.indisprimary) AS first_key
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname = ANY($1)
            """,
            list(SERVICES),
        )
    finally:
        await admin.close()
    assert len(rows) > 20
    for row in rows:
        assert row["relkind"] == b"r", f"{row['name']} is no plain table: who sees its rows?"
        if row["relname"] in WITHOUT_ORGANIZATION:
            assert not row["has_organization"]
            continue
        assert row["has_organization"], row["name"]
        assert row["relrowsecurity"], f"{row['name']} has no row-level security"
        assert row["relforcerowsecurity"], f"{row['name']} does not force it"
        assert row["first_key"] == "organization_id", row["name"]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_services_role_is_nothing_special_and_owns_nothing(
    product: Product, service: str
) -> None:
    async with role_of(product, service) as connection:
        role = await connection.fetchrow("SELECT * FROM pg_roles WHERE rolname = current_user")
        assert role["rolname"] == f"stafett_{service}"
        for power in ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls"):
            assert not role[power], power
        assert not await connection.fetch(
            "SELECT 1 FROM pg_class WHERE relowner = current_user::regrole"
        )
        assert not await connection.fetch(
            "SELECT 1 FROM pg_namespace WHERE nspowner = current_user::regrole"
        )
        assert not await connection.fetch(
            "SELECT 1 FROM pg_auth_members WHERE member = current_user::regrole"
        )
    for statement in (
        f"CREATE TABLE {service}.mine (id int)",
        f"DROP TABLE {service}.event",
        f"ALTER TABLE {service}.event DISABLE ROW LEVEL SECURITY",
        f"TRUNCATE {service}.event",
        "SET ROLE postgres",
        "CREATE ROLE another",
    ):
        async with role_of(product, service) as connection:
            with pytest.raises(asyncpg.PostgresError):
                await connection.execute(statement)


async def test_a_service_sees_no_other_services_schema(
    product: Product, tables: dict[str, list[str]]
) -> None:
    for service in SERVICES:
        for other in (o for o in SERVICES if o != service):
            async with role_of(product, service, new_id()) as connection:
                assert not await connection.fetchval(
                    "SELECT has_schema_privilege(current_user, $1, 'USAGE, CREATE')", other
                )
            for table in tables[other]:
                async with role_of(product, service, new_id()) as connection:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.fetch(f"SELECT 1 FROM {other}.{table}")


async def test_without_an_organization_nothing_is_seen(
    firm: Firm, tables: dict[str, list[str]]
) -> None:
    await filled(firm)
    for service in SERVICES:
        for organization_id in (None, new_id()):
            async with role_of(firm.product, service, organization_id) as connection:
                for table in tables[service]:
                    if table not in WITHOUT_ORGANIZATION:
                        count = await connection.fetchval(f"SELECT count(*) FROM {service}.{table}")
                        assert count == 0, f"{service}.{table}"


async def test_another_organizations_rows_are_neither_seen_nor_touched(
    firm: Firm, stranger: Person, tables: dict[str, list[str]]
) -> None:
    await filled(firm)
    admin = await connect(firm.product, None)
    full = 0
    try:
        for service in SERVICES:
            for table in (t for t in tables[service] if t not in WITHOUT_ORGANIZATION):
                name = f"{service}.{table}"
                theirs = await admin.fetchval(
                    f"SELECT count(*) FROM {name} WHERE organization_id = $1", firm.organization_id
                )
                full += theirs > 0
                async with role_of(firm.product, service, stranger.organization_id) as connection:
                    seen = await connection.fetchval(
                        f"SELECT count(*) FROM {name} WHERE organization_id = $1",
                        firm.organization_id,
                    )
                    assert seen == 0, name
                    for change in (
                        f"UPDATE {name} SET organization_id = $1 WHERE organization_id = $1",
                        f"DELETE FROM {name} WHERE organization_id = $1",
                    ):
                        assert await _touched(connection, change, firm.organization_id) == 0, name
                    # A check of the row comes before any other constraint.
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.execute(
                            f"INSERT INTO {name} (organization_id) VALUES ($1)",
                            firm.organization_id,
                        )
    finally:
        await admin.close()
    assert full >= 10


async def _touched(connection: Connection, statement: str, organization_id: UUID) -> int:
    """How many rows it changed; none where the role has no right to."""
    try:
        async with connection.transaction():
            status: str = await connection.execute(statement, organization_id)
    except asyncpg.InsufficientPrivilegeError:
        return 0
    return int(status.rpartition(" ")[2])


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "statement", ["UPDATE event SET type = 'x'", "DELETE FROM event", "TRUNCATE event"]
)
async def test_what_went_by_cannot_be_changed(firm: Firm, service: str, statement: str) -> None:
    async with role_of(firm.product, service, firm.organization_id) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.replace("event", f"{service}.event", 1))


@pytest.mark.parametrize("service", SERVICES)
async def test_following_lets_see_the_feed_and_nothing_else(
    firm: Firm, service: str, tables: dict[str, list[str]]
) -> None:
    await filled(firm)
    async with role_of(firm.product, service) as connection:
        await connection.execute("SET LOCAL stafett.follower = 'on'")
        assert await connection.fetchval(f"SELECT count(*) FROM {service}.event") > 0
        for table in tables[service]:
            if table not in WITHOUT_ORGANIZATION | SEEN_BY_THE_HOUSE:
                assert await connection.fetchval(f"SELECT count(*) FROM {service}.{table}") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                f"INSERT INTO {service}.event (organization_id) VALUES ($1)", firm.organization_id
            )
