"""An audience: people whom a rule over the directory finds, and who joins and leaves when the directory changes.

Members are stored: who joined stays where nobody leaves (enrol_only) or where the members are frozen (fixed), and what
changes is told by comparing. Inactive people neither join nor leave: they are members again where they still belong when
they come back, and are counted nowhere until then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Table,
    Uuid,
    any_,
    delete,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array, insert
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Field

from services.chassis.database import Reader
from services.chassis.errors import Conflict, FieldError, Message
from services.chassis.statement import Statement
from services.chassis.tables import text_enum
from services.onboarding.domain.audience_rule import (
    Because,
    RuleNode,
    condition,
    question,
    questions,
    reasons,
)
from services.onboarding.domain.base import Row, directory, metadata


class Mode(StrEnum):
    """Whether members follow the rule: both ways, into it only, or not until it is refreshed."""

    dynamic = "dynamic"
    enrol_only = "enrol_only"
    fixed = "fixed"


class Audience(Row, table=True):
    """People by a rule. `moves_with_time` says that days alone change who they are."""

    __tablename__: ClassVar[str] = "audience"
    __table_args__ = (
        Index("ix_audience_name", "organization_id", "name", "id"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
    )

    name: str
    description: str | None = None
    mode: Mode = Field(default=Mode.dynamic, sa_type=text_enum(Mode, "mode"))
    rule: dict[str, Any] = Field(sa_type=JSONB)
    moves_with_time: bool = False

    def node(self) -> RuleNode:
        """The rule as a tree."""
        return RuleNode.model_validate(self.rule)


# No rows with an id and a version: a hundred thousand are written at once, and only come and go. No foreign key either,
# which would be checked a hundred thousand times: members are only written with the audience locked.
member = Table(
    "audience_member",
    metadata,
    Column("organization_id", Uuid, primary_key=True),
    Column("audience_id", Uuid, primary_key=True),
    Column("person_id", Uuid, primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
_p = directory.person


@dataclass(frozen=True, slots=True)
class Flow:
    """How many joined and left."""

    joined: int
    left: int

    def __bool__(self) -> bool:
        return bool(self.joined or self.left)


async def refresh(
    reader: Reader,
    audience: Audience,
    today: date,
    people: Sequence[UUID] | None = None,
    *,
    anew: bool = False,
) -> Flow:
    """Let members join and leave as the rule and the mode say, in one statement; of `people` alone where they are given.

    `anew` takes the members of a fixed audience anew, too. Who leaves is only shown where the mode lets them.
    """
    if audience.mode is Mode.fixed and not anew:
        return Flow(0, 0)
    organization_id = literal(reader.organization_id, Uuid)
    audience_id = literal(audience.id, Uuid)
    holds = condition(audience.node(), _p, today)
    about = [_p.c.organization_id == organization_id, _p.c.active, *_among(people)]
    joining = select(organization_id, audience_id, _p.c.id).where(
        *about, holds, ~_is_member(audience.id)
    )
    joined = (
        insert(member)
        .from_select(["organization_id", "audience_id", "person_id"], joining)
        .on_conflict_do_nothing()
        .returning(member.c.person_id)
        .cte("joined")
    )
    leaving = delete(member).where(
        member.c.organization_id == organization_id,
        member.c.audience_id == audience_id,
        member.c.person_id == _p.c.id,
        *about,
        holds.is_not(true()),
        literal(audience.mode is not Mode.enrol_only),
    )
    left = leaving.returning(member.c.person_id).cte("left_it")
    counts = select(
        select(func.count()).select_from(joined).scalar_subquery(),
        select(func.count()).select_from(left).scalar_subquery(),
    )
    row = await reader.fetchrow(Statement(counts), {})
    assert row is not None
    return Flow(*row)


def _among(people: Sequence[UUID] | None) -> list[ColumnElement[bool]]:
    if people is None:
        return []
    return [_p.c.id == any_(literal(list(people), ARRAY(Uuid)))]


def _is_member(audience_id: UUID) -> ColumnElement[bool]:
    return (
        select(literal(1))
        .where(
            member.c.organization_id == _p.c.organization_id,
            member.c.audience_id == literal(audience_id, Uuid),
            member.c.person_id == _p.c.id,
        )
        .exists()
    )


_USES = """
SELECT 'assignment-rules' AS kind, id, name, NULL AS on FROM assignment_rule
WHERE organization_id = $1 AND audience_id = $2
UNION ALL
SELECT 'rollouts', r.id, t.name, r.go_live_on::text FROM rollout AS r
JOIN tool AS t ON t.organization_id = r.organization_id AND t.id = r.tool_id
WHERE r.organization_id = $1 AND r.audience_id = $2
ORDER BY kind, id
"""


async def require_unused(reader: Reader, audience_id: UUID) -> None:
    """Refuse with `Conflict` that names every rule and every rollout that is for the audience."""
    uses = await reader.connection.fetch(_USES, reader.organization_id, audience_id)
    errors = [
        FieldError(
            f"/{use['kind']}/{use['id']}",
            "The rollout of {tool} on {day} is for it.",
            {"tool": use["name"], "day": use["on"]},
            where=None,
        )
        if use["on"] is not None
        else FieldError(
            f"/{use['kind']}/{use['id']}",
            "The assignment rule “{name}” is for it.",
            {"name": use["name"]},
            where=None,
        )
        for use in uses
    ]
    if errors:
        raise Conflict(
            "The audience is in use: {first}",
            errors,
            first=Message(errors[0].template, errors[0].params),
        )


async def delete_members(reader: Reader, audience_id: UUID) -> None:
    """Let everybody go, of an audience that is to be removed."""
    await reader.connection.execute(
        "DELETE FROM audience_member WHERE organization_id = $1 AND audience_id = $2",
        reader.organization_id,
        audience_id,
    )


# --- what would change ----------------------------------------------------------------------------

NOBODYS = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Mover:
    """Somebody who would join or leave, and the nodes that say so."""

    person_id: UUID
    name: str
    joins: bool
    because: list[Because]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would come to. Counts are of active people; `movers` is a page, by id."""

    matching: int
    members: int
    joins: int
    leaves: int
    movers: list[Mover]
    more: bool


async def preview(
    reader: Reader,
    rule: RuleNode,
    mode: Mode,
    today: date,
    *,
    audience_id: UUID = NOBODYS,
    limit: int,
    after: UUID = NOBODYS,
) -> Preview:
    """Who would join and who would leave, and why, against the members of an audience or against nobody; writes nothing."""
    holds = condition(rule, _p, today)
    here = _is_member(audience_id)
    about = [_p.c.organization_id == literal(reader.organization_id, Uuid), _p.c.active]
    joins = holds.is_(true()) & ~here
    leaves = holds.is_not(true()) & here & literal(mode is not Mode.enrol_only)
    told = select(holds.is_(true()).label("holds"), here.label("here")).where(*about).subquery()
    counts = select(
        func.count().filter(told.c.holds),
        func.count().filter(told.c.here),
        func.count().filter(told.c.holds & ~told.c.here),
        func.count().filter(~told.c.holds & told.c.here & literal(mode is not Mode.enrol_only)),
    )
    asked = list(questions(rule))
    answers = array([question(node, _p, today).is_(true()) for _, node in asked])
    page = (
        select(_p.c.id, _p.c.name, joins.label("joins"), answers.label("answers"))
        .where(*about, _p.c.id > literal(after, Uuid), joins | leaves)
        .order_by(_p.c.id)
        .limit(limit + 1)
    )
    row = await reader.fetchrow(Statement(counts), {})
    assert row is not None
    rows = await reader.fetch(Statement(page), {})
    movers = [
        Mover(
            found["id"],
            found["name"],
            found["joins"],
            reasons(
                rule,
                {pointer: a for (pointer, _), a in zip(asked, found["answers"], strict=True)},
            ),
        )
        for found in rows[:limit]
    ]
    matching, members, joining, leaving = row
    return Preview(matching, members, joining, leaving, movers, len(rows) > limit)
