"""The rule of an audience: a small typed tree over the directory, compiled to one SQL condition, and the reasons it gives.

A node is a JSON object with exactly one member: `and`, `or` and `not` over further nodes, or a question about the person. A
question that the directory has no answer to (no team, no hire date) is answered no, also under `not`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, StrictInt, model_validator
from sqlalchemy import Column, Date, Table, Text, Uuid, and_, any_, false, literal, or_, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

from services.chassis.errors import Unfit
from services.chassis.fields import Body, Day, Name, Tag

DEEPEST = 8
MOST_NODES = 100

Ids = Annotated[list[UUID], Field(min_length=1, max_length=1000)]
Words = Annotated[list[Name], Field(min_length=1, max_length=200)]
Tags = Annotated[list[Tag], Field(min_length=1, max_length=200)]


class HireDate(Body):
    """When somebody was hired; what is given must all hold."""

    before: Day | None = None
    after: Day | None = None
    within_days: Annotated[StrictInt, Field(ge=0, le=3650)] | None = Field(
        None, description="Hired so many days ago at most, today included."
    )

    @model_validator(mode="after")
    def _asks_something(self) -> "HireDate":
        if self.before is None and self.after is None and self.within_days is None:
            raise Unfit("Give before, after or within_days.")
        return self


class RuleNode(Body):
    """A node of an audience's rule: exactly one of its members is given."""

    model_config = ConfigDict(populate_by_name=True)

    all_of: Annotated[list["RuleNode"], Field(min_length=1, max_length=MOST_NODES)] | None = Field(
        None, alias="and", description="Every one of these holds."
    )
    any_of: Annotated[list["RuleNode"], Field(min_length=1, max_length=MOST_NODES)] | None = Field(
        None, alias="or", description="One of these holds."
    )
    none_of: "RuleNode | None" = Field(None, alias="not", description="This does not hold.")
    team: Ids | None = Field(None, description="Is in one of these teams.")
    job_role: Words | None = Field(None, description="Has one of these job roles, as written.")
    location: Words | None = Field(None, description="Works at one of these places, as written.")
    hire_date: HireDate | None = None
    manager: Ids | None = Field(None, description="One of these is their direct manager.")
    tag: Tags | None = Field(None, description="Bears one of these tags.")
    person: Ids | None = Field(None, description="Is one of these.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "RuleNode":
        if len(self._given()) != 1:
            raise Unfit(
                "Give exactly one of {members}.",
                members=", ".join(f.alias or n for n, f in type(self).model_fields.items()),
            )
        return self

    def _given(self) -> list[str]:
        return [name for name in type(self).model_fields if getattr(self, name) is not None]

    @property
    def kind(self) -> str:
        """The name of its one member, as it is written."""
        (name,) = self._given()
        return type(self).model_fields[name].alias or name

    def parts(self) -> Sequence["RuleNode"]:
        """The nodes right below."""
        if self.none_of is not None:
            return [self.none_of]
        return self.all_of or self.any_of or []

    def written(self) -> dict[str, Any]:
        """The node as it is stored and shown."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def bounded(rule: RuleNode) -> RuleNode:
    """The rule itself; raises `Unfit` where it is too deep or has too many nodes."""
    level: Sequence[RuleNode] = [rule]
    depth = count = 0
    while level:
        depth += 1
        count += len(level)
        if depth > DEEPEST or count > MOST_NODES:
            raise Unfit("At most {nodes} nodes, {levels} deep.", nodes=MOST_NODES, levels=DEEPEST)
        level = [part for node in level for part in node.parts()]
    return rule


def moves_with_time(rule: RuleNode) -> bool:
    """Whether somebody joins or leaves by the passing of days alone."""
    asked = rule.hire_date is not None and rule.hire_date.within_days is not None
    return asked or any(map(moves_with_time, rule.parts()))


def questions(rule: RuleNode, pointer: str = "") -> Iterator[tuple[str, RuleNode]]:
    """The nodes that ask about the person, each with the JSON Pointer to it, in their order."""
    parts = rule.parts()
    if not parts:
        yield pointer, rule
    for place, part in enumerate(parts):
        yield from questions(part, _below(pointer, rule, place))


def _below(pointer: str, node: RuleNode, place: int) -> str:
    return f"{pointer}/not" if node.none_of is not None else f"{pointer}/{node.kind}/{place}"


# --- as SQL ---------------------------------------------------------------------------------------


def condition(rule: RuleNode, person: Table, today: date) -> ColumnElement[bool]:
    """The rule as a condition on a person's row; every value is a parameter. Unknown counts as no."""
    if rule.all_of is not None:
        return and_(true(), *(condition(part, person, today) for part in rule.all_of))
    if rule.any_of is not None:
        return or_(false(), *(condition(part, person, today) for part in rule.any_of))
    if rule.none_of is not None:
        return condition(rule.none_of, person, today).is_not(true())
    return question(rule, person, today)


def question(node: RuleNode, person: Table, today: date) -> ColumnElement[bool]:
    """What one node asks, as a condition that may be unknown."""
    c = person.c
    if node.hire_date is not None:
        return _hired(node.hire_date, c.hire_date, today)
    if node.tag is not None:
        overlaps: ColumnElement[bool] = c.tags.overlap(literal(node.tag, ARRAY(Text)))
        return overlaps
    ids = {"team": c.team_id, "manager": c.manager_id, "person": c.id}
    if node.kind in ids:
        given = getattr(node, node.kind)
        return ids[node.kind] == any_(literal(given, ARRAY(Uuid)))
    words = {"job_role": c.job_role, "location": c.location}
    return words[node.kind] == any_(literal(getattr(node, node.kind), ARRAY(Text)))


def _hired(asked: HireDate, column: Column[Any], today: date) -> ColumnElement[bool]:
    held: list[ColumnElement[bool]] = []
    if asked.before is not None:
        held.append(column < literal(asked.before, Date))
    if asked.after is not None:
        held.append(column > literal(asked.after, Date))
    if asked.within_days is not None:
        first = today - timedelta(days=asked.within_days)
        held.append(column.between(literal(first, Date), literal(today, Date)))
    return and_(*held)


# --- why ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Because:
    """A node that decided, and what it says of the person."""

    pointer: str
    kind: str
    holds: bool


def reasons(rule: RuleNode, answers: Mapping[str, bool]) -> list[Because]:
    """The nodes that decide whether the rule holds, by the answers to its questions: no more than it takes to see why."""
    return _decided(rule, "", answers)[1]


def _decided(
    node: RuleNode, pointer: str, answers: Mapping[str, bool]
) -> tuple[bool, list[Because]]:
    if not node.parts():
        holds = answers[pointer]
        return holds, [Because(pointer, node.kind, holds)]
    below = [
        _decided(part, _below(pointer, node, place), answers)
        for place, part in enumerate(node.parts())
    ]
    if node.none_of is not None:
        holds, because = below[0]
        return not holds, because
    holds = all(h for h, _ in below) if node.all_of is not None else any(h for h, _ in below)
    return holds, [why for h, because in below if h is holds for why in because]
