"""Waivers and extensions: somebody answers for it that an item need not be worked through, or that there is more time.

A waived item counts as done, for as long as the waiver holds, and is told apart from what was completed. Nobody waives or
extends for themselves. Both are kept as they were given; a waiver that has run out is followed by a new one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, FieldError, Forbidden, IllegalMove, Invalid, NotFound
from services.chassis.tables import refers_to, text_enum
from services.onboarding.domain.assignment import ENDED, UNDER_WAY, Assignment, moves_from
from services.onboarding.domain.base import SCHEMA, Row
from services.onboarding.domain.course_set import CourseSet, Item, find_item, is_complete


class WaiverReason(StrEnum):
    """Why: the reasons of cmi5 (its `waived` statement)."""

    tested_out = "tested_out"
    equivalent_au = "equivalent_au"
    equivalent_outside_activity = "equivalent_outside_activity"
    administrative = "administrative"

    @property
    def certifies(self) -> bool:
        """Whether it means that the person is able to do it; administrative only means that nobody asks for it."""
        return self is not WaiverReason.administrative


class Waiver(Row, table=True):
    """That one item of an assignment need not be worked through, for good or up to and including a day."""

    __tablename__: ClassVar[str] = "waiver"
    __table_args__ = (
        refers_to(SCHEMA, "assignment", "assignment_id"),
        Index("ix_waiver_assignment", "organization_id", "assignment_id", "item_key"),
        CheckConstraint("waived_by <> person_id", name="not_for_oneself"),
    )

    assignment_id: UUID
    item_key: str
    person_id: UUID
    reason: WaiverReason = Field(sa_type=text_enum(WaiverReason, "reason"))
    evidence: str | None = None
    valid_until: date | None = None
    waived_by: UUID
    waived_at: datetime = Field(sa_type=DateTime(timezone=True))

    def stands_on(self, day: date) -> bool:
        """Whether it counts on a day."""
        return self.valid_until is None or day <= self.valid_until


class Extension(Row, table=True):
    """That an assignment may take longer: `due_on` before and after, why, and by whose hand."""

    __tablename__: ClassVar[str] = "extension"
    __table_args__ = (
        refers_to(SCHEMA, "assignment", "assignment_id"),
        Index("ix_extension_assignment", "organization_id", "assignment_id", "id"),
        CheckConstraint("due_on > due_before", name="later"),
        CheckConstraint("char_length(reason) >= 1", name="reason_given"),
    )

    assignment_id: UUID
    due_before: date
    due_on: date
    reason: str
    extended_by: UUID


def waive(
    assignment: Assignment,
    caller: Caller,
    sets: Sequence[CourseSet],
    done: Collection[str],
    keys: Collection[str] | None,
    *,
    reason: WaiverReason,
    evidence: str | None,
    valid_until: date | None,
    now: datetime,
) -> list[Waiver]:
    """Waive items, or all that are left where `keys` is None: for a trainer, and not for themselves.

    What completes the curriculum completes the assignment.
    """
    caller.require(Role.trainer)
    if caller.person_id == assignment.person_id:
        raise Forbidden("Nobody waives for themselves: ask another trainer.")
    if valid_until is not None and valid_until < now.date():
        raise Invalid(
            "The waiver would have run out already.",
            errors=[FieldError("/valid_until", "It must not lie in the past.")],
        )
    if assignment.state_on(now.date()) not in UNDER_WAY:
        raise IllegalMove(
            "In an assignment that is {state} nothing is waived.",
            state=assignment.state,
            allowed=moves_from(assignment.state),
        )
    items = _items(sets, done, keys)
    waived = {*done, *(item.key for item in items)}
    assignment.count_as_done(len(items), complete=is_complete(sets, waived), now=now)
    return [
        Waiver(
            organization_id=assignment.organization_id,
            assignment_id=assignment.id,
            item_key=item.key,
            person_id=assignment.person_id,
            reason=reason,
            evidence=evidence,
            valid_until=valid_until,
            waived_by=caller.person_id,
            waived_at=now,
        )
        for item in items
    ]


def _items(
    sets: Sequence[CourseSet], done: Collection[str], keys: Collection[str] | None
) -> list[Item]:
    if keys is None:
        return [item for one in sets for item in one.items if item.key not in done]
    items = []
    for key in keys:
        found = find_item(sets, key)
        if found is None:
            raise NotFound("The curriculum has no item {key}.", key=key)
        if key in done:
            raise Conflict("The item {key} is completed already.", key=key)
        items.append(found[1])
    return items


@dataclass(frozen=True, slots=True)
class Basis:
    """What something complete rests on.

    `waived`: it would not be complete without waivers. `certifies`: it would be so without administrative ones. `until`: the
    last day on which its waivers hold.
    """

    waived: bool
    certifies: bool
    until: date | None


def basis_of(
    sets: Sequence[CourseSet], done: Collection[str], waivers: Iterable[Waiver], today: date
) -> Basis:
    """What an assignment that is complete today rests on."""
    standing = [one for one in waivers if one.stands_on(today) and one.item_key not in done]
    able = {*done, *(one.item_key for one in standing if one.reason.certifies)}
    waived = not is_complete(sets, done)
    days = [one.valid_until for one in standing if one.valid_until is not None] if waived else []
    return Basis(waived, is_complete(sets, able), min(days, default=None))


def extend(
    assignment: Assignment, caller: Caller, due_on: date, reason: str, today: date
) -> Extension:
    """Give more time: a trainer or a manager, and not to themselves. From now on no rule makes it shorter."""
    caller.require(Role.trainer, Role.manager)
    if caller.person_id == assignment.person_id:
        raise Forbidden("Nobody gives themselves more time: ask a trainer or a manager.")
    if assignment.state in ENDED:
        raise IllegalMove(
            "An assignment that is {state} needs no more time.",
            state=assignment.state,
            allowed=moves_from(assignment.state),
        )
    if assignment.due_on is None:
        raise Conflict("It has no due date that could be later.")
    if due_on <= assignment.due_on or due_on < today:
        raise Invalid(
            "It would not be more time.",
            errors=[FieldError("/due_on", "It must lie after the due date, and not in the past.")],
        )
    given = Extension(
        organization_id=assignment.organization_id,
        assignment_id=assignment.id,
        due_before=assignment.due_on,
        due_on=due_on,
        reason=reason,
        extended_by=caller.person_id,
    )
    assignment.give_until(due_on)
    return given
