"""The tree of a curriculum: sets of courses, each with the rule that says when it is done.

A curriculum is complete when every one of its sets is. The sets stand beside one another; an order holds inside a set.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.chassis.errors import FieldError, Invalid


class Rule(StrEnum):
    """When a set is done."""

    all_in_order = "all_in_order"
    all = "all"
    at_least_n = "at_least_n"
    min_points = "min_points"


@dataclass(frozen=True, slots=True)
class Item:
    """A course in a set, at the version that was pinned. `key` is the course's."""

    key: str
    title: str
    minutes: int
    course_id: UUID
    course_version: int
    points: int = 0
    competence: str | None = None
    level: int | None = None

    @property
    def grants(self) -> dict[str, Any] | None:
        """The competence that it gives, and its level from 1 to 5."""
        if self.competence is None:
            return None
        return {"competence": self.competence, "level": self.level}


@dataclass(frozen=True, slots=True)
class CourseSet:
    """Courses under a rule. `n` counts courses, `min_points` their points."""

    key: str
    title: str
    rule: Rule
    items: tuple[Item, ...]
    n: int | None = None
    min_points: int | None = None

    def is_satisfied(self, done: Collection[str]) -> bool:
        """Whether the items in `done` are enough."""
        reached = [item for item in self.items if item.key in done]
        match self.rule:
            case Rule.at_least_n:
                return len(reached) >= (self.n or 0)
            case Rule.min_points:
                return sum(item.points for item in reached) >= (self.min_points or 0)
            case _:
                return len(reached) == len(self.items)

    def first_before(self, key: str, done: Collection[str]) -> Item | None:
        """What must be done before `key`, where the order counts."""
        if self.rule is not Rule.all_in_order:
            return None
        for item in self.items:
            if item.key == key:
                return None
            if item.key not in done:
                return item
        return None

    def open_items(self, done: Collection[str]) -> list[Item]:
        """What can be done now; nothing when the set is done."""
        if self.is_satisfied(done):
            return []
        left = [item for item in self.items if item.key not in done]
        return left[:1] if self.rule is Rule.all_in_order else left

    def minutes_left(self, done: Collection[str]) -> int:
        """The least minutes that still lead to the end."""
        if self.is_satisfied(done):
            return 0
        left = [item for item in self.items if item.key not in done]
        reached = [item for item in self.items if item.key in done]
        match self.rule:
            case Rule.at_least_n:
                shortest = sorted(item.minutes for item in left)
                return sum(shortest[: (self.n or 0) - len(reached)])
            case Rule.min_points:
                need = (self.min_points or 0) - sum(item.points for item in reached)
                return _least_minutes(left, need)
            case _:
                return sum(item.minutes for item in left)


def _least_minutes(items: Iterable[Item], need: int) -> int:
    """The quickest choice of items worth `need` points together: best minutes for each number of points."""
    best = {0: 0}
    for item in items:
        for points, minutes in list(best.items()):
            more = min(need, points + item.points)
            best[more] = min(best.get(more, minutes + item.minutes), minutes + item.minutes)
    return best[need]


def is_complete(sets: Iterable[CourseSet], done: Collection[str]) -> bool:
    """Whether every set is done."""
    return all(course_set.is_satisfied(done) for course_set in sets)


def minutes_left(sets: Iterable[CourseSet], done: Collection[str]) -> int:
    """The least minutes until every set is done."""
    return sum(course_set.minutes_left(done) for course_set in sets)


def next_item(sets: Iterable[CourseSet], done: Collection[str]) -> Item | None:
    """What to take up next: the first open item of the first set that is not done."""
    return next((item for one in sets for item in one.open_items(done)), None)


def find_item(sets: Iterable[CourseSet], key: str) -> tuple[CourseSet, Item] | None:
    """The item of a key, with its set."""
    for course_set in sets:
        for item in course_set.items:
            if item.key == key:
                return course_set, item
    return None


def check_sound(sets: Sequence[Mapping[str, Any]]) -> None:
    """The rules of a draft: keys and courses once, and a rule that can be satisfied; raises `Invalid`."""
    errors: list[FieldError] = []
    keys: set[str] = set()
    courses: set[object] = set()
    for place, one in enumerate(sets):
        here = f"/sets/{place}"
        if one["key"] in keys:
            errors.append(FieldError(f"{here}/key", "Another set has this key."))
        keys.add(one["key"])
        for nth, entry in enumerate(one["courses"]):
            if entry["course_id"] in courses:
                errors.append(
                    FieldError(
                        f"{here}/courses/{nth}/course_id",
                        "The course stands in this curriculum already.",
                    )
                )
            courses.add(entry["course_id"])
        errors += _rule_errors(here, one)
    if errors:
        raise Invalid("The sets do not fit together.", errors=errors)


def _rule_errors(here: str, one: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with the numbers of a set's rule."""
    errors = []
    offered = {
        "n": (Rule.at_least_n, len(one["courses"])),
        "min_points": (Rule.min_points, sum(entry["points"] or 0 for entry in one["courses"])),
    }
    for name, (rule, most) in offered.items():
        given = one.get(name)
        if one["rule"] != rule:
            if given is not None:
                errors.append(
                    FieldError(f"{here}/{name}", "Only the rule {rule} has it.", {"rule": rule})
                )
        elif given is None:
            errors.append(FieldError(f"{here}/{name}", "This is required."))
        elif given > most:
            errors.append(
                FieldError(f"{here}/{name}", "The courses give {most} at most.", {"most": most})
            )
    return errors
