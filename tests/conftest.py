"""The product under test: one embedded PostgreSQL a worker, one organization a test."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from services.all_in_one import AllInOne
from services.chassis.caller import Role, Scope
from services.chassis.database import Database
from services.chassis.embedded import EmbeddedPostgres
from services.chassis.events import record, store_recorded
from services.chassis.settings import Settings
from services.chassis.tables import new_id
from services.gateway import events
from services.gateway.domain.api_key import ApiKey
from services.gateway.domain.organization import Organization
from services.gateway.domain.person import Person as PersonRow
from services.gateway.domain.team import Team
from services.installation import Installation

# Nothing here must outlive the run, so nothing has to reach the disk.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def run_dir() -> Iterator[Path]:
    """A folder of this worker's own, which every user may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="stafett-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(run_dir: Path) -> Iterator[EmbeddedPostgres]:
    """This worker's PostgreSQL: in a shared one, a long transaction of another worker would hold back the feeds."""
    server = EmbeddedPostgres.start(run_dir, FAST)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def installation(server: EmbeddedPostgres, run_dir: Path) -> Installation:
    """This worker's database, with every table."""
    # What is due by time is done where a test asks for it, at the time that it names.
    settings = Settings(
        data_dir=run_dir,
        database_url=SecretStr(server.url()),
        follow_seconds=0.05,
        scheduler=False,
        insecure_issuers=True,
    )
    installation = Installation(settings, None)
    asyncio.run(installation.migrate())
    return installation


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
