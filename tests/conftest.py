"""The product under test: one embedded PostgreSQL for the run, one database a worker, one organization a test."""

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from services.all_in_one import AllInOne
from services.chassis.caller import Role
from services.chassis.database import Database
from services.chassis.embedded import EmbeddedPostgres
from services.chassis.events import record, store_recorded
from services.chassis.settings import Settings
from services.chassis.tables import new_id
from services.gateway import events
from services.gateway.domain.api_key import ApiKey, Scope
from services.gateway.domain.organization import Organization
from services.gateway.domain.person import Person as PersonRow
from services.gateway.domain.team import Team
from services.installation import Installation

# Nothing here must outlive the run, so nothing has to reach the disk.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def run_dir(request: pytest.FixtureRequest) -> Path:
    """A folder that all workers of this run share, and that every user may pass through."""
    run = getattr(request.config, "workerinput", {}).get("testrunuid", f"single-{os.getpid()}")
    folder = Path(tempfile.gettempdir()) / f"stafett-{run[:12]}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def server(run_dir: Path) -> Iterator[EmbeddedPostgres]:
    """The run's PostgreSQL."""
    server = EmbeddedPostgres.start(run_dir, FAST)
    yield server
    server.stop()
    with (run_dir / "users").open("a+") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        if not (run_dir / "postgresql-18" / "postmaster.pid").exists():
            shutil.rmtree(run_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def installation(server: EmbeddedPostgres, run_dir: Path, worker_id: str) -> Installation:
    """This worker's own database, copied from one that was migrated once."""
    main = Installation(Settings(data_dir=run_dir, follow_seconds=0.05), server)
    own = f"worker_{worker_id}"

    async def prepare() -> None:
        admin = main.admin_url().set(drivername="postgresql", database="postgres")
        connection = await asyncpg.connect(admin.render_as_string(hide_password=False))
        try:
            if not await connection.fetchval(
                "SELECT 1 FROM pg_database WHERE datname = 'migrated'"
            ):
                await main.migrate()
                await connection.execute("ALTER DATABASE stafett RENAME TO migrated")
                await connection.execute("CREATE DATABASE stafett")
            await connection.execute(f"CREATE DATABASE {own} TEMPLATE migrated")
        finally:
            await connection.close()

    with (run_dir / "preparing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asyncio.run(prepare())
    settings = main.settings.model_copy(
        update={"database_url": _secret(main.admin_url().set(database=own).render_as_string(False))}
    )
    return Installation(settings, None)


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)


@dataclass
class Product:
    """Everything, running in this process."""

    app: AllInOne
    installation: Installation
    client: httpx.AsyncClient
    gateway: Database

    async def catch_up(self) -> None:
        """Let every service hear what the others have told."""
        for service in (self.app.onboarding, self.app.handover):
            for follower in service.state.runtime.followers.values():
                await follower.catch_up()

    def database(self, service: str) -> Database:
        """The database as one service sees it, with its own role."""
        runtime = self.app.neighbours[service].state.runtime
        database: Database = runtime.database
        return database


@pytest.fixture(scope="session")
async def product(installation: Installation) -> AsyncIterator[Product]:
    """The product, started once a worker."""
    app = AllInOne(installation.settings, installation)
    async with app.running():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://stafett") as client:
            yield Product(app, installation, client, app.front.own.state.runtime.database)


@dataclass
class Person:
    """Somebody with a key, who talks to the gateway."""

    id: UUID
    name: str
    email: str
    team_id: UUID | None
    organization_id: UUID
    key: str
    client: httpx.AsyncClient

    async def request(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return await self.client.request(method, path, headers=sent, **rest)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.request("GET", path, params=params or None)

    async def post(
        self, path: str, json: Any = None, key: str | None = None, **params: Any
    ) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.request("POST", path, json=json, headers=headers, params=params or None)

    async def upload(
        self, path: str, files: Any, data: Any = None, **params: Any
    ) -> httpx.Response:
        return await self.request("POST", path, files=files, data=data, params=params or None)

    async def patch(self, path: str, json: Any, etag: str | None = None) -> httpx.Response:
        """With the current ETag unless one is given; `etag=""` sends none."""
        if etag is None:
            etag = (await self.get(path)).headers.get("ETag", "*")
        return await self.request(
            "PATCH", path, json=json, headers={"If-Match": etag} if etag else {}
        )

    async def delete(self, path: str, etag: str | None = None) -> httpx.Response:
        """With the current ETag unless one is given; `etag=""` sends none."""
        if etag is None:
            etag = (await self.get(path)).headers.get("ETag", "*")
        return await self.request("DELETE", path, headers={"If-Match": etag} if etag else {})


@dataclass
class Firm:
    """An organization of its own, with somebody for each role."""

    product: Product
    organization_id: UUID
    team_id: UUID
    seller: Person
    lead: Person
    trainer: Person
    manager: Person
    admin: Person
    learner: Person

    async def hire(
        self, name: str, *roles: Role, email: str | None = None, **fields: Any
    ) -> Person:
        """One more person, known to every service."""
        async with self.product.gateway.transaction(self.organization_id) as session:
            person = await _join(
                session, self.product, self.organization_id, name, roles, email, **fields
            )
            await session.flush()
            await store_recorded(session, None, None)
        await self.product.catch_up()
        return person


async def _join(
    session: Any,
    product: Product,
    organization_id: UUID,
    name: str,
    roles: Any,
    email: str | None = None,
    **fields: Any,
) -> Person:
    row = PersonRow(
        organization_id=organization_id,
        name=name,
        email=email or f"{new_id().hex}@firm.example",
        roles=[role.value for role in roles],
        **fields,
    )
    session.add(row)
    await session.flush()
    key, text = ApiKey.issue(organization_id, row.id, "test", list(Scope), None)
    session.add(key)
    record(session, events.person_created(row))
    return Person(row.id, name, row.email, row.team_id, organization_id, text, product.client)


async def found_firm(product: Product, name: str) -> Firm:
    """A new organization with a team and somebody for each role."""
    organization = Organization.found(name)
    async with product.gateway.transaction(organization.id) as session:
        team = Team(organization_id=organization.id, name="Levering")
        session.add_all([organization, team])
        record(session, events.organization_created(organization), events.team_created(team))
        await session.flush()

        async def join(name: str, *roles: Role) -> Person:
            return await _join(session, product, organization.id, name, roles, team_id=team.id)

        firm = Firm(
            product,
            organization.id,
            team.id,
            seller=await join("Signe Selger", Role.seller),
            lead=await join("Ludvig Leder", Role.delivery),
            trainer=await join("Tora Trener", Role.trainer),
            manager=await join("Mads Manager", Role.manager),
            admin=await join("Åse Admin", Role.admin),
            learner=await join("Lærke Lærling"),
        )
        await session.flush()
        await store_recorded(session, None, None)
    await product.catch_up()
    return firm


@pytest.fixture
async def firm(product: Product) -> Firm:
    """A fresh organization."""
    return await found_firm(product, "Nordlys")


@pytest.fixture
async def stranger(product: Product) -> Person:
    """Somebody with every role in another organization."""
    other = await found_firm(product, "Sydpol")
    return await other.hire("Frank Fremmed", *Role)
