"""Assigning a curriculum to any number of people in one statement, with a result for each row that was asked for.

Ten thousand people cost little more than the bare INSERT: the rows, their events and the answer are made by PostgreSQL in
one go. Somebody who holds a certificate of the curriculum is left out, as by a rule, unless it is to be renewed: that takes
one look at the index of certificates before. Somebody who has the curriculum open keeps it: the assigner becomes a further
source, and the earliest due date and the earliest start win. Written as ON CONFLICT DO UPDATE, so that two who assign at once
do not pass one another by; many to whom it is new, while nobody else assigns it, are inserted without, which PostgreSQL does
in a tenth less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.chassis.caller import Caller
from services.chassis.database import Reader
from services.chassis.errors import FieldError, Invalid
from services.chassis.statement import Statement
from services.chassis.tables import new_id
from services.onboarding.domain.assignment import DueKind


@dataclass(frozen=True, slots=True)
class Due:
    """How the due date is worked out: `on` a day, or `days` after the assignment starts or the person was hired.

    Before go-live, `on` is the day already counted back by `days` working days; None where nobody ever works.
    """

    kind: DueKind
    on: date | None = None
    days: int | None = None

    def common_date(self, starts: date) -> date | None:
        """The date, where it is the same for everybody; None where it hangs on the person."""
        match self.kind:
            case DueKind.fixed | DueKind.before_go_live:
                return self.on
            case DueKind.after_assignment:
                return starts + timedelta(days=self.days or 0)
            case DueKind.after_hire:
                return None


def told_due(due: Due | None, on: date | None) -> dict[str, Any] | None:
    """What a source asks for, as it keeps it: when another source's date moves, it is known what the others want.

    `on` is the date where it is the same for everybody.
    """
    return None if due is None else {"kind": due.kind.value, "days": due.days, "on": on}


@dataclass(frozen=True, slots=True)
class Assigning:
    """What is assigned, from when, by when, and by whom."""

    curriculum_id: UUID
    curriculum_version_id: UUID
    due: Due | None
    starts_on: date | None

    def check_sound(self, today: date) -> None:
        """Refuse a start in the past, and a due date that lies before the start; raises `Invalid`.

        A day in the past that somebody names is taken: what should have been learnt by then is overdue at once. One that is
        worked out and lies in the past is too little time, for rules as for people who assign.
        """
        if self.starts_on is not None and self.starts_on < today:
            raise Invalid(
                "The start has passed.",
                errors=[FieldError("/starts_on", "It must not lie in the past.")],
            )
        if self.due is None or self.starts_on is None or self.starts_on <= today:
            return
        on = self.due.common_date(self.starts_on)
        if on is not None and on < self.starts_on:
            raise Invalid(
                "It would be due before it starts.",
                errors=[FieldError("/due/on", "It must not lie before starts_on.")],
            )

    def is_scheduled(self, today: date) -> bool:
        """Whether it starts later."""
        return self.starts_on is not None and self.starts_on > today


@dataclass(slots=True)
class Wanted:
    """The rows that were asked for, each a person or a reason why there is none."""

    lines: list[int | None] = field(default_factory=list)
    emails: list[str | None] = field(default_factory=list)
    people: list[UUID | None] = field(default_factory=list)
    results: list[str | None] = field(default_factory=list)
    details: list[str | None] = field(default_factory=list)

    def add(
        self,
        person_id: UUID | None,
        *,
        email: str | None = None,
        line: int | None = None,
        result: str | None = None,
        detail: str | None = None,
    ) -> None:
        """A further row; one with a `result` is only reported."""
        self.lines.append(line)
        self.emails.append(email)
        self.people.append(person_id)
        self.results.append(result)
        self.details.append(detail)


# Reasons that only the database finds, by what a statement calls them; {day} is filled in after they were translated.
REASONS: Mapping[str, FieldError] = {
    "open_already": FieldError("", "Has it already."),
    "joined": FieldError("", "Has it already: you are a further source."),
    "moved": FieldError("", "Has it already: its dates are earlier now."),
    "not_active": FieldError("", "This person is not active."),
    "certified": FieldError(
        "", "Holds a certificate until {day}. With “renew” it is assigned all the same."
    ),
    "certified_for_good": FieldError(
        "", "Holds a certificate that does not expire. With “renew” it is assigned all the same."
    ),
    "no_hire_date": FieldError("", "No hire date is known, so no due date can be worked out."),
    "no_working_days": FieldError("", "The organization has no working days to count back by."),
    "too_little_time": FieldError("", "Too little time: it would have been due already."),
    "due_before_start": FieldError("", "It would be due before it starts."),
    # As of every day that is sent (chassis/fields.py).
    "out_of_range": FieldError("", "The year must lie between 1900 and 2200."),
}

_WORKED_OUT = """
WITH wanted AS (
    SELECT *
    FROM unnest(
        CAST(:lines AS int[]), CAST(:emails AS text[]), CAST(:people AS uuid[]),
        CAST(:results AS text[]), CAST(:details AS text[]), CAST(:ids AS uuid[])
    ) WITH ORDINALITY AS w(line, email, person_id, result, detail, id, place)
), dated AS (
    SELECT w.place, w.line, coalesce(w.email, p.email) AS email, w.person_id, p.name,
        p.active, w.result, w.detail, w.id,
        CASE
            WHEN CAST(:due_kind AS text) = 'after_hire' THEN p.hire_date + CAST(:due_days AS int)
            ELSE CAST(:due_on AS date)
        END AS due_on
    FROM wanted AS w
    LEFT JOIN person AS p
        ON p.organization_id = CAST(:organization_id AS uuid) AND p.id = w.person_id
), judged AS (
    SELECT d.*, CASE
        WHEN d.result IS NOT NULL THEN 'reported'
        WHEN NOT d.active THEN 'not_active'
        WHEN d.due_on IS NULL AND CAST(:due_kind AS text) = 'before_go_live' THEN 'no_working_days'
        WHEN d.due_on IS NULL AND CAST(:due_kind AS text) IS NOT NULL THEN 'no_hire_date'
        WHEN d.due_on < CAST(:today AS date)
            AND CAST(:due_kind AS text) IN ('after_hire', 'before_go_live') THEN 'too_little_time'
        WHEN d.due_on < CAST(:starts_on AS date) THEN 'due_before_start'
        WHEN d.due_on > CAST('2200-12-31' AS date) THEN 'out_of_range'
    END AS reason
    FROM dated AS d
)"""

# Where an assignment that rested goes on (Assignment.resume).
RESUMED_STATE = """CASE
    WHEN a.items_done > 0 THEN 'in_progress'
    WHEN a.starts_on > CAST(:today AS date) THEN 'scheduled'
    ELSE 'assigned'
END"""

_CHANGES = """
    NOT a.sources @> CAST(:source_key AS jsonb)
    OR (excluded.due_on < a.due_on AND NOT a.extended)
    OR (a.due_on IS NULL AND excluded.due_on IS NOT NULL)
    OR excluded.starts_on < a.starts_on
    OR (a.starts_on IS NOT NULL AND excluded.starts_on IS NULL)
    OR a.suspension = 'left_audience'"""

# In the order of the people, so that two who assign to the same ones at once wait for one another and do not lock up.
# uuidv7() of PostgreSQL costs 11 µs a piece, a fifth of the whole: ids are made in Python, and the event of a creation, of
# which there is one for each assignment, bears the assignment's own.
ASSIGNED = """
, touched AS (
    INSERT INTO assignment AS a (
        organization_id, id, person_id, curriculum_id, curriculum_version_id, state, starts_on,
        due_on, due_kind, due_days, sources, cycle
    )
    SELECT
        CAST(:organization_id AS uuid), id, person_id, CAST(:curriculum_id AS uuid),
        CAST(:curriculum_version_id AS uuid), CAST(:state AS text), CAST(:starts_on AS date),
        due_on, CASE WHEN due_on IS NOT NULL THEN CAST(:due_kind AS text) END,
        CASE WHEN due_on IS NOT NULL THEN CAST(:due_days AS int) END, CAST(:sources AS jsonb),
        coalesce(completed.cycle, 0) + 1
    FROM judged
    LEFT JOIN (
        SELECT person_id, max(cycle) AS cycle FROM assignment
        WHERE organization_id = CAST(:organization_id AS uuid)
            AND curriculum_id = CAST(:curriculum_id AS uuid) AND state = 'completed'
        GROUP BY person_id
    ) AS completed USING (person_id)
    WHERE reason IS NULL
    ORDER BY person_id
"""

MERGED = """
    ON CONFLICT (organization_id, person_id, curriculum_id)
        WHERE state IN ('scheduled', 'assigned', 'in_progress', 'suspended')
    DO UPDATE SET
        sources = CASE
            WHEN a.sources @> CAST(:source_key AS jsonb) THEN a.sources
            ELSE a.sources || excluded.sources
        END,
        due_on = CASE WHEN a.extended THEN a.due_on ELSE least(a.due_on, excluded.due_on) END,
        due_kind = CASE
            WHEN a.extended OR a.due_on <= excluded.due_on OR excluded.due_on IS NULL THEN a.due_kind
            ELSE excluded.due_kind
        END,
        due_days = CASE
            WHEN a.extended OR a.due_on <= excluded.due_on OR excluded.due_on IS NULL THEN a.due_days
            ELSE excluded.due_days
        END,
        starts_on = CASE
            WHEN a.starts_on IS NOT NULL AND excluded.starts_on IS NOT NULL
            THEN least(a.starts_on, excluded.starts_on)
        END,
        state = CASE
            WHEN a.state = 'scheduled' AND excluded.state = 'assigned' THEN 'assigned'
            WHEN a.suspension = 'left_audience' THEN RESUMED
            ELSE a.state
        END,
        suspension = CASE WHEN a.suspension <> 'left_audience' THEN a.suspension END,
        reason = CASE WHEN a.suspension = 'left_audience' THEN NULL ELSE a.reason END,
        version = a.version + CASE WHEN CHANGED THEN 1 ELSE 0 END,
        updated_at = CASE WHEN CHANGED THEN now() ELSE a.updated_at END
    RETURNING
        new.id, new.person_id, new.due_on, old.id IS NULL AS created,
        old.version IS DISTINCT FROM new.version AS changed,
        old.sources IS DISTINCT FROM new.sources AS joined,
        coalesce(old.suspension = 'left_audience', false) AS resumed
""".replace("CHANGED", _CHANGES).replace("RESUMED", RESUMED_STATE)  # nosec B608  # ours, all three

NEW = """
    RETURNING id, person_id, due_on, true AS created, true AS changed, false AS joined,
        false AS resumed
"""

EVENTS = """
), told AS (
    INSERT INTO event (
        organization_id, event_id, type, subject, actor_id, actor_name, request_id, data
    )
    SELECT
        CAST(:organization_id AS uuid), CASE WHEN created THEN id ELSE uuidv7() END,
        CASE
            WHEN created THEN 'assignment.created'
            WHEN resumed THEN 'assignment.resumed'
            ELSE 'assignment.changed'
        END,
        'assignments/' || id, CAST(:actor_id AS uuid), CAST(:actor_name AS text),
        CAST(:request_id AS text),
        jsonb_object(
            ARRAY['assignment_id', 'person_id', 'curriculum_id', 'due_on'],
            ARRAY[
                CAST(id AS text), CAST(person_id AS text),
                CAST(CAST(:curriculum_id AS uuid) AS text), CAST(due_on AS text)
            ]
        )
    FROM touched
    WHERE changed
)"""

# What it would come to, with nothing written.
_TRIED = """
, touched AS (
    SELECT a.id, excluded.person_id, CASE WHEN a.extended THEN a.due_on ELSE least(a.due_on, excluded.due_on) END AS due_on,
        a.id IS NULL AS created, CHANGED AS changed,
        NOT a.sources @> CAST(:source_key AS jsonb) AS joined
    FROM (SELECT *, CAST(:starts_on AS date) AS starts_on FROM judged) AS excluded
    LEFT JOIN assignment AS a
        ON a.organization_id = CAST(:organization_id AS uuid) AND a.person_id = excluded.person_id
        AND a.curriculum_id = CAST(:curriculum_id AS uuid)
        AND a.state IN ('scheduled', 'assigned', 'in_progress', 'suspended')
    WHERE excluded.reason IS NULL
)""".replace("CHANGED", _CHANGES)  # nosec B608  # both are ours, written above

_TOLD = """
, answer AS (
    SELECT j.place, j.line, j.email, j.person_id, j.name, t.id AS assignment_id, t.due_on,
        CASE
            WHEN j.reason = 'reported' THEN j.result
            WHEN j.reason IS NOT NULL THEN 'failed'
            WHEN t.created THEN 'created'
            ELSE 'unchanged'
        END AS result,
        CASE
            WHEN j.reason = 'reported' THEN j.detail
            WHEN NOT t.created AND t.joined THEN CAST(:joined AS text)
            WHEN NOT t.created AND t.changed THEN CAST(:moved AS text)
            WHEN NOT t.created THEN CAST(:open_already AS text)
            WHEN j.reason = 'not_active' THEN CAST(:not_active AS text)
            WHEN j.reason = 'no_hire_date' THEN CAST(:no_hire_date AS text)
            WHEN j.reason = 'no_working_days' THEN CAST(:no_working_days AS text)
            WHEN j.reason = 'too_little_time' THEN CAST(:too_little_time AS text)
            WHEN j.reason = 'due_before_start' THEN CAST(:due_before_start AS text)
            WHEN j.reason = 'out_of_range' THEN CAST(:out_of_range AS text)
        END AS detail
    FROM judged AS j
    LEFT JOIN touched AS t ON j.reason IS NULL AND t.person_id = j.person_id
)
SELECT
    count(*) FILTER (WHERE a.result = 'created'),
    count(*) FILTER (WHERE a.result = 'unchanged'),
    count(*) FILTER (WHERE a.result = 'failed'),
    ROWS
FROM answer AS a"""
_SHOWN = """
    SELECT a.line, a.email, a.person_id, a.name, a.result, a.assignment_id, a.due_on, a.detail"""
_TOLD_ALL = (
    _TOLD.replace("ROWS", "CAST(coalesce(json_agg(shown ORDER BY place), '[]') AS text)")
    + f", LATERAL ({_SHOWN}) AS shown"
)
# Of a hundred thousand, those that want attention; the others are counted, and neither sorted nor shown.
_TOLD_FAILED = _TOLD.replace(
    "ROWS",
    """(
        SELECT CAST(coalesce(json_agg(shown ORDER BY place), '[]') AS text)
        FROM (SELECT * FROM answer WHERE result = 'failed' ORDER BY place LIMIT 1000) AS a,
            LATERAL (SHOWN) AS shown
    )""".replace("SHOWN", _SHOWN),  # nosec B608  # both are ours
)


def _statements(told: str) -> dict[str, Statement]:
    return {
        "merge": Statement(text(_WORKED_OUT + ASSIGNED + MERGED + EVENTS + told)),
        "add": Statement(text(_WORKED_OUT + ASSIGNED + NEW + EVENTS + told)),
        "try": Statement(text(_WORKED_OUT + _TRIED + told)),
    }


_STATEMENTS = {False: _statements(_TOLD_ALL), True: _statements(_TOLD_FAILED)}


# Whoever merges may do so beside others; whoever inserts without looking is alone. Both until their transaction ends.
_BESIDE_OTHERS = "SELECT pg_advisory_xact_lock_shared(hashtextextended($1::text, 0))"
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtextextended($1::text, 0))"
_SOMEBODY_HAS_IT = """
SELECT EXISTS (
    SELECT FROM assignment
    WHERE organization_id = $1 AND curriculum_id = $2 AND person_id = ANY($3)
        AND state IN ('scheduled', 'assigned', 'in_progress', 'suspended')
)
"""
# For fewer people, finding out takes longer than merging.
_MANY = 100


async def lock(reader: Reader, curriculum_id: UUID, *, alone: bool) -> bool:
    """Take the lock that assigning needs until the end of the transaction; whether it is held alone, where that was wanted."""
    run = reader.connection
    if alone and await run.fetchval(_ALONE, str(curriculum_id)):
        return True
    await run.fetchval(_BESIDE_OTHERS, str(curriculum_id))
    return False


async def _are_new_to(reader: Reader, curriculum_id: UUID, people: Sequence[UUID | None]) -> bool:
    """Whether many are assigned what none of them has, with nobody beside; takes the lock that assigning needs."""
    if not await lock(reader, curriculum_id, alone=len(people) >= _MANY):
        return False
    given = reader.organization_id, curriculum_id, people
    return not await reader.connection.fetchval(_SOMEBODY_HAS_IT, *given)


# Once its window has come, or that of a competence which was earned with it, the next cycle is there to be learnt. Who has one
# open is no matter of certificates.
_CERTIFIED = """
SELECT c.person_id, c.expires_on
FROM certificate AS c
WHERE c.organization_id = $1 AND c.curriculum_id = $2 AND c.person_id = ANY($3)
    AND c.renewed_by IS NULL AND c.revoked_at IS NULL
    AND (c.window_from IS NULL OR c.window_from > $4)
    AND NOT EXISTS (
        SELECT FROM certificate AS k
        JOIN assignment AS a ON a.organization_id = $1 AND a.id = k.assignment_id
        WHERE k.organization_id = $1 AND k.person_id = c.person_id AND a.curriculum_id = $2
            AND k.renewed_by IS NULL AND k.revoked_at IS NULL AND k.window_from <= $4
    )
    AND NOT EXISTS (
        SELECT FROM assignment AS a
        WHERE a.organization_id = $1 AND a.person_id = c.person_id AND a.curriculum_id = $2
            AND a.state IN ('scheduled', 'assigned', 'in_progress', 'suspended')
    )
"""


async def _leave_out_certified(
    reader: Reader,
    curriculum_id: UUID,
    wanted: Wanted,
    reasons: Mapping[str, str],
    today: date,
) -> None:
    given = reader.organization_id, curriculum_id, wanted.people, today
    rows = await reader.connection.fetch(_CERTIFIED, *given)
    if not rows:
        return
    until: dict[UUID | None, date | None] = {row["person_id"]: row["expires_on"] for row in rows}
    for place, person_id in enumerate(wanted.people):
        if wanted.results[place] is None and person_id in until:
            day = until[person_id]
            wanted.results[place] = "unchanged"
            wanted.details[place] = (
                reasons["certified_for_good"]
                if day is None
                else reasons["certified"].format(day=day)
            )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many were assigned, and the JSON of the rows."""

    created: int
    unchanged: int
    failed: int
    rows: str


async def assign(
    reader: Reader,
    assigning: Assigning,
    wanted: Wanted,
    reasons: Mapping[str, str],
    *,
    caller: Caller,
    request_id: str | None,
    now: datetime,
    renew: bool = False,
    dry_run: bool = False,
    only_failed: bool = False,
) -> Outcome:
    """Assign in one statement; with `dry_run` tell what it would come to. `reasons` holds the texts of `REASONS`.

    Whoever holds a certificate of the curriculum, and not in its renewal window, is `unchanged` unless `renew` is said.
    With `only_failed`, the outcome's rows are those that failed, and 1,000 at most.
    """
    today = now.date()
    due = assigning.due
    scheduled = assigning.is_scheduled(today)
    source = {"kind": "trainer", "person_id": str(caller.person_id)}
    starts = assigning.starts_on if assigning.starts_on and scheduled else today
    if dry_run:
        how = "try"
    elif await _are_new_to(reader, assigning.curriculum_id, wanted.people):
        how = "add"
    else:
        how = "merge"
    if not renew:
        await _leave_out_certified(reader, assigning.curriculum_id, wanted, reasons, today)
    statement = _STATEMENTS[only_failed][how]
    on = None if due is None else due.common_date(starts)
    values: dict[str, Any] = {
        "lines": wanted.lines,
        "emails": wanted.emails,
        "people": wanted.people,
        "results": wanted.results,
        "details": wanted.details,
        "ids": [new_id() for _ in wanted.people],
        "organization_id": reader.organization_id,
        "curriculum_id": assigning.curriculum_id,
        "curriculum_version_id": assigning.curriculum_version_id,
        "today": today,
        "state": "scheduled" if scheduled else "assigned",
        "starts_on": assigning.starts_on if scheduled else None,
        "due_kind": None if due is None else due.kind.value,
        "due_days": None if due is None else due.days,
        "due_on": on,
        "sources": orjson.dumps([{**source, "at": now, "due": told_due(due, on)}]).decode(),
        "source_key": orjson.dumps([source]).decode(),
        "actor_id": caller.person_id,
        "actor_name": caller.name,
        "request_id": request_id,
        **reasons,
    }
    row = await reader.connection.fetchrow(statement.sql, *statement.arguments(values))
    assert row is not None
    return Outcome(*row)
