"""An assignment: a curriculum for a person by a day, and who may move it when.

scheduled → assigned → in_progress → completed, and open again when a pass is voided; suspended and back; withdrawn. A scheduled
assignment becomes assigned on its first day by itself: the day is compared whenever it is read or acted upon, so nothing has to
run at midnight (UTC), and the stored state follows with the next change. Overdue is derived, never stored. Items are those of the
curriculum version; a row is written when one is completed, and stays when the learner goes on to a version without it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, Forbidden, IllegalMove, NotFound
from services.chassis.tables import refers_to, text_enum
from services.onboarding.domain.base import SCHEMA, Row
from services.onboarding.domain.course_set import CourseSet, Item, find_item, is_complete


class State(StrEnum):
    """Where an assignment stands."""

    scheduled = "scheduled"
    assigned = "assigned"
    in_progress = "in_progress"
    completed = "completed"
    suspended = "suspended"
    withdrawn = "withdrawn"


class Move(StrEnum):
    """What can happen to an assignment."""

    arrive = "arrive"
    start = "start"
    complete = "complete"
    suspend = "suspend"
    resume = "resume"
    withdraw = "withdraw"
    reopen = "reopen"


# From where a move exists, and where it may lead.
MOVES: Mapping[Move, tuple[frozenset[State], frozenset[State]]] = {
    Move.arrive: (frozenset({State.scheduled}), frozenset({State.assigned})),
    Move.start: (frozenset({State.assigned}), frozenset({State.in_progress})),
    Move.complete: (frozenset({State.in_progress}), frozenset({State.completed})),
    Move.suspend: (
        frozenset({State.scheduled, State.assigned, State.in_progress}),
        frozenset({State.suspended}),
    ),
    Move.resume: (
        frozenset({State.suspended}),
        frozenset({State.scheduled, State.assigned, State.in_progress}),
    ),
    Move.withdraw: (
        frozenset({State.scheduled, State.assigned, State.in_progress, State.suspended}),
        frozenset({State.withdrawn}),
    ),
    Move.reopen: (
        frozenset({State.completed}),
        frozenset({State.assigned, State.in_progress}),
    ),
}

ENDED = frozenset({State.completed, State.withdrawn})
UNDER_WAY = frozenset({State.assigned, State.in_progress})
# Who may see and steer everybody's learning.
STEERING = (Role.trainer, Role.manager, Role.admin)
_OPEN = "state IN ('scheduled', 'assigned', 'in_progress', 'suspended')"


# Moves that trainers and managers ask for; the others follow from time, and from what is completed or voided.
_STEERED = frozenset({Move.suspend, Move.resume, Move.withdraw})


def moves_from(state: State) -> list[Move]:
    """The moves that trainers and managers can ask for in `state`."""
    return [move for move, (origins, _) in MOVES.items() if state in origins and move in _STEERED]


def moves_of(caller: Caller, state: State) -> list[Move]:
    """The moves that `caller` can ask for in `state`."""
    return moves_from(state) if caller.has(Role.trainer, Role.manager) else []


class DueKind(StrEnum):
    """How a due date is worked out."""

    fixed = "fixed"
    after_assignment = "after_assignment"
    after_hire = "after_hire"
    before_go_live = "before_go_live"


class Suspension(StrEnum):
    """Why an assignment rests: somebody asked for it, the person is not active, or left every audience that asks for it."""

    asked = "asked"
    inactive = "inactive"
    left_audience = "left_audience"


class Assignment(Row, table=True):
    """A person's way through a curriculum version. One open at a time for a person and a curriculum."""

    __tablename__: ClassVar[str] = "assignment"
    # No foreign keys to the curriculum: checked row by row they would double the cost of assigning ten thousand. A trigger
    # checks each statement as a whole, and curricula and their versions are never deleted.
    __table_args__ = (
        Index(
            "uq_assignment_open",
            "organization_id",
            "person_id",
            "curriculum_id",
            unique=True,
            postgresql_where=text(_OPEN),
        ),
        Index("ix_assignment_person", "organization_id", "person_id", "id"),
        Index("ix_assignment_curriculum", "organization_id", "curriculum_id", "id"),
        Index(
            "ix_assignment_due",
            "organization_id",
            "due_on",
            postgresql_where=text("state IN ('scheduled', 'assigned', 'in_progress')"),
        ),
        CheckConstraint("(due_on IS NULL) = (due_kind IS NULL)", name="due_with_basis"),
        CheckConstraint(
            "(due_kind <> 'fixed') = (due_days IS NOT NULL)",
            name="due_days_with_basis",
        ),
        CheckConstraint("due_on >= starts_on", name="due_after_start"),
        CheckConstraint(
            "state <> 'scheduled' OR starts_on IS NOT NULL", name="scheduled_has_start"
        ),
        CheckConstraint(
            "(state = 'suspended') = (suspension IS NOT NULL)", name="suspended_for_a_cause"
        ),
        CheckConstraint(
            "(state = 'completed') = (completed_at IS NOT NULL)", name="completed_at_moment"
        ),
        CheckConstraint(
            "state NOT IN ('suspended', 'withdrawn') OR reason IS NOT NULL", name="reason_given"
        ),
        CheckConstraint("(started_at IS NULL) = (items_done = 0)", name="started_with_an_item"),
        CheckConstraint("cycle >= 1", name="cycle_from_one"),
        CheckConstraint("NOT waived OR state = 'completed'", name="waived_when_completed"),
        CheckConstraint("waived_until IS NULL OR waived", name="waived_until_a_day"),
    )

    person_id: UUID
    curriculum_id: UUID
    curriculum_version_id: UUID
    # 1 the first time; each time that it is learned anew is a row of its own, with its attempts, grants and waivers.
    cycle: int = Field(default=1, sa_type=SmallInteger, sa_column_kwargs={"server_default": "1"})
    state: State = Field(default=State.assigned, sa_type=text_enum(State, "state"))
    starts_on: date | None = None
    due_on: date | None = None
    due_kind: DueKind | None = Field(default=None, sa_type=text_enum(DueKind, "due_kind"))
    due_days: int | None = Field(default=None, sa_type=SmallInteger)
    sources: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    items_done: int = Field(
        default=0, sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"}
    )
    started_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    completed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    suspension: Suspension | None = Field(
        default=None,
        sa_type=text_enum(Suspension, "suspension"),
    )
    reason: str | None = None
    # Somebody gave more time: no further source makes it shorter.
    extended: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    # Not complete without waivers: it counts, up to and including a day or for good, and is told apart from what was learnt.
    waived: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    waived_until: date | None = None

    # --- questions

    def state_on(self, today: date) -> State:
        """The state on a day: what is scheduled arrives by itself."""
        if self.state is State.scheduled and self.starts_on and self.starts_on <= today:
            return State.assigned
        return self.state

    # --- verbs

    def complete_item(
        self,
        caller: Caller,
        sets: Sequence[CourseSet],
        done: Collection[str],
        key: str,
        now: datetime,
    ) -> "ItemCompletion":
        """Complete a course: the learner, or a trainer for them. The last one that the rules ask for completes it all."""
        if caller.person_id != self.person_id and not caller.has(Role.trainer):
            raise Forbidden("This is for the learner, or a trainer.")
        self._arrive(now.date())
        found = find_item(sets, key)
        if found is None:
            raise NotFound("The curriculum has no item {key}.", key=key)
        course_set, item = found
        if self.state is State.scheduled:
            raise IllegalMove(
                "It starts on {day}.", day=self.starts_on, allowed=moves_of(caller, self.state)
            )
        if self.state is State.completed:
            raise IllegalMove("It is completed already.", allowed=moves_of(caller, self.state))
        if self.state not in UNDER_WAY:
            raise IllegalMove(
                "In an assignment that is {state} nothing is completed.",
                state=self.state,
                allowed=moves_of(caller, self.state),
            )
        if key in done:
            raise Conflict("The item {key} is completed already.", key=key)
        first = course_set.first_before(key, done)
        if first is not None:
            raise Conflict("The order counts here: first comes {first}.", first=first.key)
        self.count_as_done(1, complete=is_complete(sets, {*done, key}), now=now)
        return self._completion(item, caller, now)

    def count_as_done(
        self, items: int, *, complete: bool, now: datetime, at: datetime | None = None
    ) -> None:
        """So many more items are completed or waived, and with them the whole where it is `complete`; now, or in the past."""
        self._arrive(now.date())
        if self.state is State.assigned:
            self._move(Move.start)
            self.started_at = at or now
        self.items_done += items
        if complete:
            self._move(Move.complete)
            self.completed_at = at or now

    def count_anew(self, items: int) -> None:
        """So many items are done, fewer than before: with none of them left it is not begun."""
        self.items_done = items
        if not items:
            self.started_at = None
            self.state = State.assigned if self.state is State.in_progress else self.state

    def reopen(self, items: int) -> None:
        """It is not complete after all: so many items are."""
        self._move(Move.reopen, State.in_progress if items else State.assigned)
        self.completed_at, self.waived, self.waived_until = None, False, None
        self.count_anew(items)

    def give_until(self, due_on: date) -> None:
        """Make it due on a later day."""
        self.due_on, self.due_kind, self.due_days = due_on, DueKind.fixed, None
        self.extended = True

    def suspend(self, today: date, reason: str, cause: Suspension = Suspension.asked) -> None:
        """Let it rest; nothing is lost."""
        self._arrive(today)
        self._move(Move.suspend)
        self.suspension, self.reason = cause, reason

    def resume_by_hand(self, today: date, reason: str | None) -> None:
        """Go on because somebody asks for it; of somebody inactive it goes on when they are back."""
        if self.suspension is Suspension.inactive:
            raise Conflict("The person is not active; it goes on by itself when they are back.")
        self.resume(today, reason)

    def resume(self, today: date, reason: str | None) -> None:
        """Go on where it was left."""
        self.require_move(Move.resume)
        if self.items_done:
            to = State.in_progress
        elif self.starts_on is not None and self.starts_on > today:
            to = State.scheduled
        else:
            to = State.assigned
        self._move(Move.resume, to)
        self.suspension, self.reason = None, reason

    def withdraw(self, today: date, reason: str) -> None:
        """Take it back for good; what was completed stays on record."""
        self._arrive(today)
        self._move(Move.withdraw)
        self.suspension, self.reason = None, reason

    def require_move(self, move: Move) -> None:
        """Refuse with `IllegalMove` unless `move` exists from here."""
        origins, _ = MOVES[move]
        if self.state not in origins:
            raise IllegalMove(
                "“{move}” is not possible for an assignment in the state “{state}”.",
                state=self.state,
                move=move,
                allowed=moves_from(self.state),
            )

    def _arrive(self, today: date) -> None:
        if self.state_on(today) is not self.state:
            self._move(Move.arrive)

    def _move(self, move: Move, to: State | None = None) -> None:
        self.require_move(move)
        targets = MOVES[move][1]
        target = next(iter(targets)) if to is None else to
        assert target in targets
        self.state = target

    def _completion(self, item: Item, caller: Caller, now: datetime) -> "ItemCompletion":
        return ItemCompletion(
            organization_id=self.organization_id,
            assignment_id=self.id,
            item_key=item.key,
            person_id=self.person_id,
            completed_by=caller.person_id,
            completed_at=now,
            course_id=item.course_id,
            course_version=item.course_version,
            competence=item.competence,
            level=item.level,
        )


class ItemCompletion(Row, table=True):
    """A course that a learner completed within an assignment, and the competence that it gave."""

    __tablename__: ClassVar[str] = "item_completion"
    __table_args__ = (
        refers_to(SCHEMA, "assignment", "assignment_id"),
        refers_to(SCHEMA, "course", "course_id"),
        UniqueConstraint("organization_id", "assignment_id", "item_key"),
        Index("ix_item_completion_competence", "organization_id", "competence", "person_id"),
        Index("ix_item_completion_person", "organization_id", "person_id", "course_id"),
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
        CheckConstraint("(competence IS NULL) = (level IS NULL)", name="competence_with_level"),
    )

    assignment_id: UUID
    item_key: str
    person_id: UUID
    completed_by: UUID
    completed_at: datetime = Field(sa_type=DateTime(timezone=True))
    course_id: UUID
    course_version: int
    competence: str | None = None
    level: int | None = None
