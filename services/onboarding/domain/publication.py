"""Publishing: draft → published → retired. What was published never changes; a new version takes its place.

The newest published version is the current one. Older ones stay published for the learners who are on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field

from services.chassis.database import Reader, load, organization_of, reader_of
from services.chassis.errors import Frozen, IllegalMove, NotFound
from services.chassis.tables import text_enum
from services.onboarding.domain.base import Row


class VersionState(StrEnum):
    """Where a version stands."""

    draft = "draft"
    published = "published"
    retired = "retired"


class VersionMove(StrEnum):
    """What can happen to a version."""

    publish = "publish"
    retire = "retire"


MOVES: Mapping[VersionMove, tuple[frozenset[VersionState], VersionState]] = {
    VersionMove.publish: (frozenset({VersionState.draft}), VersionState.published),
    VersionMove.retire: (frozenset({VersionState.published}), VersionState.retired),
}


def moves_from(state: VersionState) -> list[VersionMove]:
    """The moves that exist in `state`."""
    return [move for move, (origins, _) in MOVES.items() if state in origins]


class Published(Row):
    """Something that is drafted, published and retired."""

    state: VersionState = Field(
        default=VersionState.draft,
        sa_type=text_enum(VersionState, "state"),
    )
    published_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    retired_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    def retire(self, now: datetime) -> None:
        """It is over for whoever is new. Whoever is at it finishes it."""
        self._move(VersionMove.retire)
        self.retired_at = now

    def require_move(self, move: VersionMove) -> None:
        """Refuse with `IllegalMove` unless `move` exists from here."""
        origins, _ = MOVES[move]
        if self.state not in origins:
            raise IllegalMove(
                "“{move}” is not possible in the state “{state}”.",
                state=self.state,
                move=move,
                allowed=moves_from(self.state),
            )

    def _publish(self, now: datetime) -> None:
        self._move(VersionMove.publish)
        self.published_at = now

    def _move(self, move: VersionMove) -> None:
        self.require_move(move)
        self.state = MOVES[move][1]


def published_checks() -> tuple[CheckConstraint, ...]:
    """That the moments of a table of `Published` fit its states."""
    return (
        CheckConstraint(
            "(state = 'draft') = (published_at IS NULL)", name="published_from_a_moment_on"
        ),
        CheckConstraint("(state = 'retired') = (retired_at IS NOT NULL)", name="retired_at_moment"),
    )


class Version(Published):
    """A numbered version of something that is taught. A trigger in the database freezes what was published."""

    number: int

    def require_draft(self) -> None:
        """Refuse changes to what was published."""
        if self.state is not VersionState.draft:
            raise Frozen(
                "Version {number} is {state} and never changes: draft a new version.",
                number=self.number,
                state=self.state,
            )


Taught = TypeVar("Taught", bound=Row)
V = TypeVar("V", bound=Version)


@dataclass(frozen=True, slots=True)
class Versions(Generic[Taught, V]):
    """The versions of courses, or of curricula, as they are stored: numbered from 1, changed one at a time."""

    taught: type[Taught]
    table: type[V]

    async def id(self, reader: Reader, taught_id: UUID, number: int) -> UUID:
        """The id of a version; raises `NotFound`."""
        # Both are names of our own.
        found: UUID | None = await reader.connection.fetchval(
            f"SELECT id FROM {self.table.__tablename__} "  # nosec B608
            f"WHERE organization_id = $1 AND {self._parent} = $2 AND number = $3",
            reader.organization_id,
            taught_id,
            number,
        )
        if found is None:
            thing = str(self.table.__tablename__).replace("_", " ")
            raise NotFound("There is no such {thing}.", thing=thing)
        return found

    async def load(self, session: AsyncSession, taught_id: UUID, number: int) -> tuple[Taught, V]:
        """What is taught, and one of its versions, both locked."""
        taught = await load(session, self.taught, taught_id)
        version_id = await self.id(reader_of(session), taught_id, number)
        return taught, await load(session, self.table, version_id)

    async def newest(self, session: AsyncSession, taught_id: UUID) -> V | None:
        """The version that was drafted last. Lock what is taught before, and the next number is yours."""
        columns = self.table.__table__.c  # type: ignore[attr-defined]
        found: V | None = await session.scalar(
            select(self.table)
            .where(
                columns.organization_id == organization_of(session),
                columns[self._parent] == taught_id,
            )
            .order_by(columns.number.desc())
            .limit(1)
        )
        return found

    @property
    def _parent(self) -> str:
        return f"{self.taught.__tablename__}_id"
