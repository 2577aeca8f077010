"""Who is asking: a person of an organization with roles, or one of our own services."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.chassis.errors import Forbidden


class Role(StrEnum):
    """What somebody is trusted with. Everybody known is an employee, which needs no role."""

    seller = "seller"
    delivery = "delivery"
    trainer = "trainer"
    manager = "manager"
    admin = "admin"


class Scope(StrEnum):
    """What a credential may do, within what its person may do."""

    read = "read"
    write = "write"


@dataclass(frozen=True, slots=True)
class Caller:
    """A person in an organization, as the gateway vouched for them, and what the credential that they used is good for."""

    organization_id: UUID
    person_id: UUID
    name: str
    roles: frozenset[Role] = frozenset()
    team_id: UUID | None = None
    scopes: frozenset[Scope] = frozenset(Scope)
    ends_at: datetime | None = None

    def has(self, *roles: Role) -> bool:
        """Whether the caller has one of `roles`."""
        return not self.roles.isdisjoint(roles)

    def require(self, *roles: Role) -> None:
        """Refuse with `Forbidden` unless the caller has one of `roles`."""
        if not self.has(*roles):
            raise Forbidden("This takes the role {roles}.", roles=roles)


@dataclass(frozen=True, slots=True)
class Follower:
    """One of our own services, which reads another one's feed."""

    service: str
