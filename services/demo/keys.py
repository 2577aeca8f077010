"""The demo company's keys: kept in the data directory, readable by its owner alone, so that they stay the same.

If they are lost while the company is still in the database, new ones are made.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import func, select

from services.chassis.caller import Scope
from services.chassis.database import Database, reader_of
from services.chassis.errors import Unauthenticated
from services.chassis.events import record, store_recorded
from services.chassis.settings import Settings
from services.demo.content import content
from services.gateway import events
from services.gateway.domain.api_key import ApiKey
from services.gateway.domain.credential import Credentials
from services.gateway.domain.founding import organizations_called
from services.gateway.domain.person import Person

if TYPE_CHECKING:
    from services.installation import Installation

_person = Person.__table__.c  # type: ignore[attr-defined]

KEY_NAME = "demo"
_DRAFT = """
SELECT id, customer_id FROM handover WHERE seller_id = $1 AND state = 'draft' ORDER BY id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Keyholder:
    """Who stands for a role in the demo, and the key that speaks for them."""

    id: str
    name: str
    email: str
    organization_id: str
    key: str


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """A keyholder for each role, and what the curl lines name: a draft of the seller's, and its customer."""

    organization_id: str
    keyholders: dict[str, Keyholder]
    handover_id: str
    customer_id: str

    def as_json(self) -> dict[str, Any]:
        """What `stafett demo --json` tells."""
        holders = self.keyholders.items()
        return {
            "organization_id": self.organization_id,
            "stranger_organization_id": self.keyholders["stranger"].organization_id,
            "keys": {role: holder.key for role, holder in holders},
            "people": {
                role: {"id": holder.id, "name": holder.name, "email": holder.email}
                for role, holder in holders
            },
            "handover_id": self.handover_id,
            "customer_id": self.customer_id,
        }


def file_of(settings: Settings) -> Path:
    """Where the keys are kept."""
    return settings.data_dir / "demo-keys.json"


def kept(settings: Settings) -> DemoKeys | None:
    """The keys in the file, whether they still open anything or not."""
    try:
        told = json.loads(file_of(settings).read_text())
        holders = {role: Keyholder(**holder) for role, holder in told["keyholders"].items()}
        return DemoKeys(**{**told, "keyholders": holders})
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep(settings: Settings, keys: DemoKeys) -> None:
    """Write the file whole, readable by its owner alone."""
    file = file_of(settings)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as written:
        json.dump(asdict(keys), written, indent=2)
    draft.replace(file)


def places() -> dict[str, tuple[str, str]]:
    """For each role whose key is printed: the organization's name, and the address of its person."""
    company = content().company
    other = company["other_organization"]
    marked = {
        person["demo"]: (name, person["email"])
        for name, people in (
            (content().name, company["person"]),
            (other["name"], other["person"]),
        )
        for person in people
        if "demo" in person
    }
    order = ("seller", "delivery", "trainer", "manager", "admin", "learner", "stranger")
    return {role: marked[role] for role in order}


async def found_again(installation: "Installation") -> DemoKeys | None:
    """The keys of the company that was filled before; None where there is none in this database."""
    settings = installation.settings
    gateway = Database(installation.url_of("gateway"), "gateway", connections=2)
    try:
        keys = kept(settings)
        if keys is not None and await _all_open(gateway, keys):
            return keys
        organizations = {
            name: found[-1]
            for name in {name for name, _ in places().values()}
            if (found := await organizations_called(gateway, name))
        }
        if len(organizations) < 2:
            return None
        holders = await issue_keys(gateway, organizations)
    finally:
        await gateway.close()
    if holders is None:
        return None
    draft = await _draft_of(installation, holders["seller"])
    if draft is None:
        return None
    keys = DemoKeys(holders["seller"].organization_id, holders, *draft)
    keep(settings, keys)
    return keys


async def _all_open(gateway: Database, keys: DemoKeys) -> bool:
    credentials = Credentials(gateway)
    try:
        for holder in keys.keyholders.values():
            await credentials.of_key(holder.key, datetime.now(UTC))
    except Unauthenticated:
        return False
    return set(keys.keyholders) == set(places())


async def issue_keys(
    gateway: Database, organizations: dict[str, UUID]
) -> dict[str, Keyholder] | None:
    """A new key for the person of each role; None where one of them is not there."""
    holders: dict[str, Keyholder] = {}
    for role, (name, email) in places().items():
        id = organizations[name]
        async with gateway.transaction(id) as session:
            person = await session.scalar(
                select(Person).where(
                    _person.organization_id == id,
                    func.lower(_person.email) == email.lower(),
                    _person.active,
                )
            )
            if person is None:
                return None
            key, text = ApiKey.issue(id, person.id, KEY_NAME, list(Scope), None)
            session.add(key)
            record(session, events.api_key_created(key))
            await session.flush()
            await store_recorded(session, None, None)
        holders[role] = Keyholder(str(person.id), person.name, person.email, str(id), text)
    return holders


async def _draft_of(installation: "Installation", seller: Keyholder) -> tuple[str, str] | None:
    database = Database(installation.url_of("handover"), "handover", connections=1)
    try:
        async with database.transaction(UUID(seller.organization_id)) as session:
            row = await reader_of(session).connection.fetchrow(_DRAFT, UUID(seller.id))
    finally:
        await database.close()
    return None if row is None else (str(row["id"]), str(row["customer_id"]))
