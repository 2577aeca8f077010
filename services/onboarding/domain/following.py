"""Assignments follow the audiences: a rule assigns who is in, lets rest who left, goes on with who is back; set by set.

Each step is one statement, whether it is about one person or a hundred thousand, and may be repeated: it does what is left
to do. A rule's source on an assignment says whether it still holds (`held`); only where no source holds any more does the
assignment rest or end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.chassis.caller import Caller
from services.chassis.database import Reader
from services.chassis.errors import Message
from services.chassis.statement import Statement
from services.chassis.tables import new_id
from services.onboarding.domain.assigning import (
    ASSIGNED,
    EVENTS,
    MERGED,
    NEW,
    RESUMED_STATE,
    lock,
    told_due,
)
from services.onboarding.domain.assignment_rule import AssignmentRule
from services.onboarding.domain.moved_assignments import (
    MARKED,
    OF_SOURCE,
    OPEN,
    OTHERS_HOLD,
    RETURNING,
    TOLD,
)
from services.onboarding.domain.working_days import working_days_of

# Kept in English, and told in the reader's language.
LEFT = Message("Left the audience.")
INACTIVE = Message("Not active any more.")


@dataclass(frozen=True, slots=True)
class Applied:
    """What a rule came to: newly assigned, had it open already, could not be assigned, back, and gone."""

    created: int = 0
    joined: int = 0
    excepted: int = 0
    resumed: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Doing:
    """Who does it, in which request and when; nobody, where it follows from what another service told."""

    now: datetime
    caller: Caller | None = None
    request_id: str | None = None

    def values(self) -> dict[str, Any]:
        """As parameters of a statement."""
        return {
            "actor_id": self.caller.person_id if self.caller else None,
            "actor_name": self.caller.name if self.caller else None,
            "request_id": self.request_id,
            "today": self.now.date(),
        }


# --- assigning --------------------------------------------------------------------------------------

# Whoever completed it, has it by this rule, or was taken out of it by hand, is not given it by the rule again.
_MISSING = """
SELECT coalesce(array_agg(m.person_id ORDER BY m.person_id), '{}') AS people,
    coalesce(bool_or(o.id IS NOT NULL), false) AS open
FROM audience_member AS m
JOIN person AS p ON p.organization_id = m.organization_id AND p.id = m.person_id AND p.active
LEFT JOIN assignment AS o
    ON o.organization_id = $1 AND o.person_id = m.person_id AND o.curriculum_id = $3
    AND o.state IN ('scheduled', 'assigned', 'in_progress', 'suspended')
WHERE m.organization_id = $1 AND m.audience_id = $2
    AND ($5::uuid[] IS NULL OR m.person_id = ANY($5))
    AND NOT EXISTS (
        SELECT FROM assignment AS a
        WHERE a.organization_id = $1 AND a.person_id = m.person_id AND a.curriculum_id = $3
            AND (a.state = 'completed' OR a.sources @> $4::jsonb)
    )
"""
_CURRENT_VERSION = """
SELECT id FROM curriculum_version
WHERE organization_id = $1 AND curriculum_id = $2 AND state = 'published'
ORDER BY number DESC LIMIT 1
"""
# Whoever has it open already keeps it, also where this rule's date cannot be worked out or has passed.
_WORKED_OUT = """
WITH dated AS (
    SELECT w.person_id, w.id, o.id IS NOT NULL AS open,
        CASE
            WHEN CAST(:due_kind AS text) = 'after_hire' THEN p.hire_date + CAST(:due_days AS int)
            ELSE CAST(:due_on AS date)
        END AS due_on
    FROM unnest(CAST(:people AS uuid[]), CAST(:ids AS uuid[])) AS w(person_id, id)
    JOIN person AS p
        ON p.organization_id = CAST(:organization_id AS uuid) AND p.id = w.person_id
    LEFT JOIN assignment AS o
        ON o.organization_id = CAST(:organization_id AS uuid) AND o.person_id = w.person_id
        AND o.curriculum_id = CAST(:curriculum_id AS uuid)
        AND o.state IN ('scheduled', 'assigned', 'in_progress', 'suspended')
), judged AS (
    SELECT person_id, id, CASE WHEN due_on >= CAST(:today AS date) THEN due_on END AS due_on,
        CASE
            WHEN CAST(:curriculum_version_id AS uuid) IS NULL THEN 'nothing_published'
            WHEN open OR CAST(:due_kind AS text) IS NULL THEN NULL
            WHEN due_on IS NULL AND CAST(:due_kind AS text) = 'after_hire' THEN 'no_hire_date'
            WHEN due_on IS NULL THEN 'no_working_days'
            WHEN due_on < CAST(:today AS date) THEN 'too_little_time'
        END AS reason
    FROM dated
)"""
_EXCEPTED = """
, excepted AS (
    INSERT INTO assignment_exception AS x (organization_id, id, rule_id, person_id, reason)
    SELECT CAST(:organization_id AS uuid), id, CAST(:rule_id AS uuid), person_id, reason
    FROM judged
    WHERE reason IS NOT NULL
    ORDER BY person_id
    ON CONFLICT (organization_id, rule_id, person_id) WHERE resolved_at IS NULL
    DO UPDATE SET reason = excluded.reason, version = x.version + 1, updated_at = now()
    WHERE x.reason <> excluded.reason
    RETURNING x.person_id, x.reason
), told_of_them AS (
    INSERT INTO event (
        organization_id, event_id, type, subject, actor_id, actor_name, request_id, data
    )
    SELECT
        CAST(:organization_id AS uuid), uuidv7(), 'assignment.excepted',
        'assignment-rules/' || CAST(:rule_id AS uuid), CAST(:actor_id AS uuid),
        CAST(:actor_name AS text), CAST(:request_id AS text),
        jsonb_object(
            ARRAY[
                'rule_id', 'handover_id', 'competence', 'person_id', 'curriculum_id', 'reason'
            ],
            ARRAY[
                CAST(CAST(:rule_id AS uuid) AS text), NULL, NULL, CAST(person_id AS text),
                CAST(CAST(:curriculum_id AS uuid) AS text), reason
            ]
        )
    FROM excepted
)
SELECT
    (SELECT count(*) FROM touched WHERE created),
    (SELECT count(*) FROM touched WHERE NOT created),
    (SELECT count(*) FROM judged WHERE reason IS NOT NULL)"""
_ASSIGN = Statement(text(_WORKED_OUT + ASSIGNED + MERGED + EVENTS + _EXCEPTED))
_ASSIGN_NEW = Statement(text(_WORKED_OUT + ASSIGNED + NEW + EVENTS + _EXCEPTED))
_TRY = Statement(
    text(f"""{_WORKED_OUT}
SELECT
    count(*) FILTER (WHERE d.reason IS NULL AND NOT w.open),
    count(*) FILTER (WHERE d.reason IS NULL AND w.open),
    count(*) FILTER (WHERE d.reason IS NOT NULL)
FROM judged AS d JOIN dated AS w ON w.id = d.id""")  # nosec B608  # ours, written above
)


async def assign_missing(
    reader: Reader,
    rule: AssignmentRule,
    doing: Doing,
    people: Sequence[UUID] | None = None,
    *,
    dry_run: bool = False,
) -> Applied:
    """Assign the members who lack it, of `people` alone where they are given; an exception for whoever cannot be."""
    run, organization_id = reader.connection, reader.organization_id
    # Before looking: for as long as it is held, nobody else assigns the curriculum, and who has it is known.
    alone = not dry_run and await lock(reader, rule.curriculum_id, alone=people is None)
    found = await run.fetchrow(
        _MISSING,
        organization_id,
        rule.audience_id,
        rule.curriculum_id,
        source_of(rule, True),
        people,
    )
    assert found is not None
    missing: list[UUID] = found["people"]
    if not missing:
        return Applied()
    due = rule.due(await working_days_of(reader))
    version_id = await run.fetchval(_CURRENT_VERSION, organization_id, rule.curriculum_id)
    if dry_run:
        statement = _TRY
    else:
        statement = _ASSIGN_NEW if alone and not found["open"] else _ASSIGN
    source = {"kind": "rule", "rule_id": str(rule.id), "held": True}
    on = None if due is None else due.common_date(doing.now.date())
    values = {
        **doing.values(),
        "people": missing,
        "ids": [new_id() for _ in missing],
        "organization_id": organization_id,
        "rule_id": rule.id,
        "curriculum_id": rule.curriculum_id,
        "curriculum_version_id": version_id,
        "state": "assigned",
        "starts_on": None,
        "due_kind": None if due is None else due.kind.value,
        "due_days": None if due is None else due.days,
        "due_on": on,
        "sources": orjson.dumps([{**source, "at": doing.now, "due": told_due(due, on)}]).decode(),
        "source_key": orjson.dumps([source]).decode(),
    }
    row = await reader.fetchrow(statement, values)
    assert row is not None
    created, joined, excepted = row
    return Applied(created, joined, excepted)


def source_of(rule: AssignmentRule, held: bool | None) -> str:
    """A rule's source as it is looked for in a list of them; that it holds, that it does not, or either."""
    source: dict[str, Any] = {"kind": "rule", "rule_id": str(rule.id)}
    return orjson.dumps([source if held is None else {**source, "held": held}]).decode()


# --- leaving and coming back ------------------------------------------------------------------------

_IS_MEMBER = """EXISTS (
    SELECT FROM audience_member AS m
    WHERE m.organization_id = a.organization_id
        AND m.audience_id = CAST(:audience_id AS uuid) AND m.person_id = a.person_id
)"""


_BACK = Statement(
    text(f"""
WITH moved AS (
    UPDATE assignment AS a SET
        sources = {MARKED},
        state = CASE WHEN a.suspension = 'left_audience' THEN {RESUMED_STATE} ELSE a.state END,
        suspension = CASE WHEN a.suspension <> 'left_audience' THEN a.suspension END,
        reason = CASE WHEN a.suspension = 'left_audience' THEN NULL ELSE a.reason END,
        version = a.version + 1, updated_at = now()
    {OF_SOURCE} AND {_IS_MEMBER}
    {RETURNING}
), told AS ({TOLD})
SELECT count(*) FROM told""")  # nosec B608  # put together from what is written here
)
_GONE = Statement(
    text(f"""
WITH moved AS (
    UPDATE assignment AS a SET
        sources = {MARKED},
        state = CASE
            WHEN {OTHERS_HOLD} THEN a.state
            WHEN CAST(:on_leave AS text) = 'withdraw' THEN 'withdrawn'
            ELSE 'suspended'
        END,
        suspension = CASE
            WHEN a.suspension IS NOT NULL
                AND ({OTHERS_HOLD} OR CAST(:on_leave AS text) = 'suspend') THEN a.suspension
            WHEN {OTHERS_HOLD} OR CAST(:on_leave AS text) = 'withdraw' THEN NULL
            ELSE 'left_audience'
        END,
        reason = CASE
            WHEN {OTHERS_HOLD} OR (a.state = 'suspended' AND CAST(:on_leave AS text) = 'suspend')
            THEN a.reason
            ELSE CAST(:reason AS text)
        END,
        version = a.version + 1, updated_at = now()
    {OF_SOURCE} AND NOT {_IS_MEMBER}
    {RETURNING}
), told AS ({TOLD})
SELECT count(*) FROM told""")  # nosec B608  # put together from what is written here
)
_RESOLVED = Statement(
    text("""
WITH resolved AS (
    UPDATE assignment_exception AS x SET
        resolved_at = CAST(:now AS timestamptz), version = x.version + 1, updated_at = now()
    WHERE x.organization_id = CAST(:organization_id AS uuid)
        AND x.rule_id = CAST(:rule_id AS uuid) AND x.resolved_at IS NULL
        AND (CAST(:people AS uuid[]) IS NULL OR x.person_id = ANY(CAST(:people AS uuid[])))
        AND (
            NOT CAST(:active AS boolean)
            OR NOT EXISTS (
                SELECT FROM audience_member AS m
                WHERE m.organization_id = x.organization_id
                    AND m.audience_id = CAST(:audience_id AS uuid) AND m.person_id = x.person_id
            )
            OR (x.assignment_id IS NULL AND EXISTS (
                SELECT FROM assignment AS a
                WHERE a.organization_id = x.organization_id AND a.person_id = x.person_id
                    AND a.curriculum_id = CAST(:curriculum_id AS uuid) AND a.state <> 'withdrawn'
            ))
            OR (x.assignment_id IS NOT NULL AND (
                CAST(:dates_follow AS boolean)
                OR NOT EXISTS (
                    SELECT FROM assignment AS a
                    WHERE a.organization_id = x.organization_id AND a.id = x.assignment_id
                        AND a.state IN ('scheduled', 'assigned', 'in_progress', 'suspended')
                        AND NOT a.extended
                )
            ))
        )
    RETURNING x.rule_id, x.person_id, x.reason
), told AS (
    INSERT INTO event (
        organization_id, event_id, type, subject, actor_id, actor_name, request_id, data
    )
    SELECT
        CAST(:organization_id AS uuid), uuidv7(), 'assignment.cleared',
        'assignment-rules/' || rule_id, CAST(:actor_id AS uuid), CAST(:actor_name AS text),
        CAST(:request_id AS text),
        jsonb_build_object(
            'rule_id', rule_id, 'handover_id', NULL, 'competence', NULL, 'person_id', person_id,
            'curriculum_id', CAST(:curriculum_id AS uuid), 'reason', reason
        )
    FROM resolved
    RETURNING 1
)
SELECT count(*) FROM told""")
)


async def apply(
    reader: Reader, rule: AssignmentRule, doing: Doing, people: Sequence[UUID] | None = None
) -> Applied:
    """Bring the assignments of an active rule in line with its audience, for `people` alone where they are given.

    Call it with the audience's row locked: whoever joins meanwhile would be passed by.
    """
    values = _values(reader, rule, doing, people)
    resumed = await count(reader, _BACK, {**values, "sought": source_of(rule, False), "held": True})
    left = 0
    if rule.on_leave != "keep":
        left = await count(
            reader, _GONE, {**values, "sought": source_of(rule, True), "held": False}
        )
    assigned = await assign_missing(reader, rule, doing, people)
    await count(reader, _RESOLVED, values)
    return Applied(assigned.created, assigned.joined, assigned.excepted, resumed, left)


async def resolve_exceptions(
    reader: Reader, rule: AssignmentRule, doing: Doing, *, dates_follow: bool = False
) -> int:
    """Close the exceptions of a rule that are none any more: all of them, where it is not active.

    With `dates_follow`, also those of assignments whose due date could not follow a go-live.
    """
    values = {**_values(reader, rule, doing, None), "dates_follow": dates_follow}
    return await count(reader, _RESOLVED, values)


def _values(
    reader: Reader, rule: AssignmentRule, doing: Doing, people: Sequence[UUID] | None
) -> dict[str, Any]:
    return {
        **doing.values(),
        "now": doing.now,
        "organization_id": reader.organization_id,
        "rule_id": rule.id,
        "source_id": rule.id,
        "audience_id": rule.audience_id,
        "curriculum_id": rule.curriculum_id,
        "active": rule.active,
        "dates_follow": False,
        "on_leave": rule.on_leave.value,
        "reason": LEFT.template,
        "key": source_of(rule, None),
        "people": people,
    }


async def count(reader: Reader, statement: Statement, values: Mapping[str, Any]) -> int:
    """The one number that a statement answers."""
    row = await reader.fetchrow(statement, values)
    assert row is not None
    counted: int = row[0]
    return counted


# --- people who change ------------------------------------------------------------------------------

_RESTING = Statement(
    text(f"""
WITH moved AS (
    UPDATE assignment AS a SET
        state = 'suspended', suspension = 'inactive', reason = CAST(:reason AS text),
        version = a.version + 1, updated_at = now()
    FROM person AS p
    WHERE a.organization_id = CAST(:organization_id AS uuid)
        AND a.person_id = ANY(CAST(:people AS uuid[]))
        AND a.state IN ('scheduled', 'assigned', 'in_progress')
        AND p.organization_id = a.organization_id AND p.id = a.person_id AND NOT p.active
    {RETURNING}
), told AS ({TOLD})
SELECT count(*) FROM told""")  # nosec B608  # put together from what is written here
)
_GOING_ON = Statement(
    text(f"""
WITH moved AS (
    UPDATE assignment AS a SET
        state = {RESUMED_STATE}, suspension = NULL, reason = NULL,
        version = a.version + 1, updated_at = now()
    FROM person AS p
    WHERE a.organization_id = CAST(:organization_id AS uuid)
        AND a.person_id = ANY(CAST(:people AS uuid[]))
        AND a.state = 'suspended' AND a.suspension = 'inactive'
        AND p.organization_id = a.organization_id AND p.id = a.person_id AND p.active
    {RETURNING}
), told AS ({TOLD})
SELECT count(*) FROM told""")  # nosec B608  # put together from what is written here
)
# A date counted from the hire date moves with it, but never before the start.
_REDATED = Statement(
    text(f"""
WITH moved AS (
    UPDATE assignment AS a SET
        due_on = p.hire_date + a.due_days, version = a.version + 1, updated_at = now()
    FROM person AS p
    WHERE a.organization_id = CAST(:organization_id AS uuid)
        AND a.person_id = ANY(CAST(:people AS uuid[]))
        AND a.state IN {OPEN} AND a.due_kind = 'after_hire'
        AND p.organization_id = a.organization_id AND p.id = a.person_id
        AND p.hire_date + a.due_days <> a.due_on
        AND (a.starts_on IS NULL OR p.hire_date + a.due_days >= a.starts_on)
    {RETURNING}
), told AS ({TOLD})
SELECT count(*) FROM told""")  # nosec B608  # put together from what is written here
)
# The rules for which something is left to do about these people.
_CONCERNED = """
SELECT r.id
FROM assignment_rule AS r
WHERE r.organization_id = $1 AND r.active AND (
    EXISTS (
        SELECT FROM audience_member AS m
        WHERE m.organization_id = $1 AND m.audience_id = r.audience_id AND m.person_id = ANY($2)
            AND NOT EXISTS (
                SELECT FROM assignment AS a
                WHERE a.organization_id = $1 AND a.person_id = m.person_id
                    AND a.curriculum_id = r.curriculum_id AND (
                        a.state = 'completed'
                        OR a.sources @> jsonb_build_array(
                            jsonb_build_object('kind', 'rule', 'rule_id', r.id, 'held', true)
                        )
                    )
            )
    ) OR EXISTS (
        SELECT FROM assignment AS a
        WHERE a.organization_id = $1 AND a.person_id = ANY($2)
            AND a.curriculum_id = r.curriculum_id
            AND a.state IN ('scheduled', 'assigned', 'in_progress', 'suspended')
            AND a.sources @> jsonb_build_array(
                jsonb_build_object('kind', 'rule', 'rule_id', r.id, 'held', true)
            )
            AND NOT EXISTS (
                SELECT FROM audience_member AS m
                WHERE m.organization_id = $1 AND m.audience_id = r.audience_id
                    AND m.person_id = a.person_id
            )
    ) OR EXISTS (
        SELECT FROM assignment_exception AS x
        WHERE x.organization_id = $1 AND x.rule_id = r.id AND x.person_id = ANY($2)
            AND x.resolved_at IS NULL
    )
)
ORDER BY r.id
"""


async def rest_or_go_on(reader: Reader, doing: Doing, people: Sequence[UUID]) -> None:
    """Let rest what inactive people learn, go on with that of those who are back, and move what counts from the hire date."""
    values = {
        **doing.values(),
        "organization_id": reader.organization_id,
        "people": people,
        "reason": INACTIVE.template,
    }
    for statement in (_RESTING, _GOING_ON, _REDATED):
        await count(reader, statement, values)


async def rules_concerned(reader: Reader, people: Sequence[UUID]) -> list[UUID]:
    """The active rules that have something to do about these people."""
    rows = await reader.connection.fetch(_CONCERNED, reader.organization_id, people)
    return [row[0] for row in rows]
