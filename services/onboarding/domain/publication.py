"""Publishing: draft → published → retired. What was published never changes; a new version takes its place.

The newest published version is the current one. Older ones stay published for the learners who are on them.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import DateTime
from sqlmodel import Field

from services.chassis.errors import Frozen, IllegalMove
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


class Version(Row):
    """A numbered version of something that is taught. A trigger in the database freezes what was published."""

    number: int
    state: VersionState = Field(
        default=VersionState.draft,
        sa_type=text_enum(VersionState, "state"),
    )
    published_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    retired_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    def require_draft(self) -> None:
        """Refuse changes to what was published."""
        if self.state is not VersionState.draft:
            raise Frozen(
                "Version {number} is {state} and never changes: draft a new version.",
                number=self.number,
                state=self.state,
            )

    def retire(self, now: datetime) -> None:
        """Teach it no more. Learners who are on it finish it."""
        self._move(VersionMove.retire)
        self.retired_at = now

    def require_move(self, move: VersionMove) -> None:
        """Refuse with `IllegalMove` unless `move` exists from here."""
        origins, _ = MOVES[move]
        if self.state not in origins:
            raise IllegalMove(
                "A version that is {state} cannot {move}.",
                state=self.state,
                move=move,
                allowed=moves_from(self.state),
            )

    def _move(self, move: VersionMove) -> None:
        self.require_move(move)
        self.state = MOVES[move][1]
