"""Reminding: who has to be told of a day that concerns them, found and told for an organization in a statement a kind.

Right however late or often it is done. Of several reminders that would have been due meanwhile the latest is sent, so a
scheduler that was away for a week sends nobody two at once. Only what is still open is reminded of: the row is locked while
its reminder is written, and what somebody changes at that moment waits for the next time. Nobody is told of anything outside
of their working hours, nor of an assignment on the day on which they got it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import flush, reader_of
from services.chassis.statement import Statement
from services.onboarding.domain.reminder import (
    DUE_SOON_DAYS,
    EXPIRY_DAYS,
    OFFER_HOURS,
    OVERDUE_TIMES,
    SHORT_WINDOW_DAYS,
)
from services.onboarding.domain.working_days import WorkingDays, working_days_of
from services.onboarding.domain.working_hours import (
    AtWork,
    at_work,
    home_zone,
    zones_of_people,
)

# Longer ago nothing was due for the first time in five weeks, whatever the holidays.
_FURTHEST_BACK = timedelta(days=7 * OVERDUE_TIMES + 30)


def _reminding(
    subject: str,
    *,
    person: str = "person_id",
    due_on: str,
    title: str,
    further: str,
    joins: str = "",
    told: str,
    where: str,
    cycle: str = "CAST(NULL AS smallint)",
) -> Statement:
    """Send the reminders of one subject, `x`: whatever `where` finds and `told` has a kind and a step for.

    `c` is the time zone of somebody at work, `further` what the event tells beside what every reminder's does.
    """
    # Names and SQL of ours alone; values are parameters.
    return Statement(
        text(f"""
WITH clock AS (
    SELECT * FROM unnest(
        CAST(:zones AS text[]), CAST(:days AS date[]), CAST(:begun AS timestamptz[]),
        CAST(:reaches AS date[])
    ) AS c(zone, today, began, reach)
), due AS (
    SELECT uuidv7() AS id, x.id AS subject_id, x.{person} AS person_id, {cycle} AS cycle, told.kind, told.step,
        {due_on} AS due_on, {title} AS title, jsonb_build_object({further}) AS further
    FROM {subject} AS x
    JOIN person AS p
        ON p.organization_id = x.organization_id AND p.id = x.{person} AND p.active
    JOIN clock AS c ON c.zone = coalesce(p.time_zone, CAST(:home AS text))
    {joins}
    CROSS JOIN LATERAL ({told}) AS told
    WHERE x.organization_id = CAST(:organization_id AS uuid)
        AND {where}
        AND told.kind IS NOT NULL AND told.step IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM reminder AS r
            WHERE r.organization_id = CAST(:organization_id AS uuid) AND r.{subject}_id = x.id
                AND r.due_on >= CAST(:from_day AS date)
                AND r.cycle IS NOT DISTINCT FROM {cycle}
                AND r.kind = told.kind AND r.due_on = {due_on} AND r.step = told.step
        )
    FOR SHARE OF x SKIP LOCKED
), sent AS (
    INSERT INTO reminder (
        organization_id, id, person_id, kind, step, title, due_on, {subject}_id, cycle, sent_at
    )
    SELECT CAST(:organization_id AS uuid), id, person_id, kind, step, title, due_on, subject_id,
        cycle, CAST(:now AS timestamptz)
    FROM due
    ON CONFLICT DO NOTHING
    RETURNING id
), event_told AS (
    INSERT INTO event (organization_id, event_id, type, subject, data)
    SELECT CAST(:organization_id AS uuid), id, 'reminder.due', 'reminders/' || id,
        jsonb_build_object(
            'reminder_id', id, 'person_id', person_id, 'kind', kind, 'step', step,
            'title', title, 'due_on', due_on, '{subject}_id', subject_id
        ) || further
    FROM due WHERE id IN (SELECT id FROM sent)
)
SELECT count(*) FROM sent""")  # nosec B608  # see above
    )


_ASSIGNMENTS = _reminding(
    "assignment",
    cycle="x.cycle",
    due_on="x.due_on",
    title="k.title",
    further="'cycle', x.cycle, 'curriculum_id', x.curriculum_id",
    joins="""
    JOIN curriculum AS k ON k.organization_id = x.organization_id AND k.id = x.curriculum_id
    JOIN curriculum_version AS v
        ON v.organization_id = x.organization_id AND v.id = x.curriculum_version_id
        AND v.state = 'published'
    LEFT JOIN unnest(CAST(:passed AS date[]), CAST(:firsts AS date[])) AS l(due_on, first)
        ON l.due_on = x.due_on""",
    told="""
        SELECT 'due_soon' AS kind, min(s.days) AS step
        FROM unnest(CAST(:soon AS int[])) AS s(days)
        WHERE x.due_on >= c.today AND x.due_on - s.days <= c.reach
        UNION ALL
        SELECT 'overdue', 1 + (c.today - l.first) / 7
        WHERE x.due_on < c.today AND c.today - l.first < 7 * CAST(:times AS int)""",
    where="""x.due_on BETWEEN CAST(:from_day AS date) AND CAST(:to_day AS date)
        AND (
            x.state IN ('assigned', 'in_progress')
            OR (x.state = 'scheduled' AND x.starts_on <= c.today)
        )
        AND x.created_at < c.began""",
)

_CERTIFICATES = _reminding(
    "certificate",
    due_on="x.expires_on",
    title="x.title",
    further="'competence', x.competence, 'level', x.level, 'curriculum_id', x.curriculum_id",
    joins="""
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN x.window_from < x.expires_on - CAST(:expiry AS int) THEN CAST(:expiry AS int)
            WHEN x.window_from > x.expires_on - CAST(:short AS int) THEN CAST(:short AS int)
        END AS days
    ) AS before""",
    told="""
        SELECT 'certificate_expires' AS kind, before.days AS step
        WHERE x.expires_on - before.days <= c.reach
        UNION ALL
        SELECT 'renewal_opens', 0
        WHERE x.window_from <= c.today
            AND (before.days IS NULL OR x.expires_on - before.days > c.reach)""",
    where="""x.renewed_by IS NULL AND x.revoked_at IS NULL
        AND x.window_from <= CAST(:to_day AS date) AND x.expires_on >= c.today""",
)

_OFFERS = _reminding(
    "booking",
    due_on="CAST(x.expires_at AT TIME ZONE 'UTC' AS date)",
    title="s.title",
    further="'session_id', x.session_id, 'expires_at', x.expires_at",
    joins="""
    JOIN topic_session AS s
        ON s.organization_id = x.organization_id AND s.id = x.session_id AND s.state = 'planned'""",
    told="SELECT 'offer_lapses' AS kind, 0 AS step",
    where="""x.state = 'offered' AND x.expires_at > CAST(:now AS timestamptz)
        AND CAST(:now AS timestamptz) >= greatest(
            x.offered_at + (x.expires_at - x.offered_at) / 2,
            x.expires_at - make_interval(hours => CAST(:hours AS int))
        )""",
)

_OVERRIDES = _reminding(
    "override",
    person="requested_by",
    due_on="x.expires_on",
    title="t.name",
    further="'rollout_id', x.rollout_id, 'team_id', x.team_id",
    joins="""
    JOIN rollout AS o
        ON o.organization_id = x.organization_id AND o.id = x.rollout_id
        AND o.state NOT IN ('adopted', 'cancelled')
    JOIN tool AS t ON t.organization_id = x.organization_id AND t.id = o.tool_id""",
    told="""
        SELECT 'override_ends' AS kind, min(s.days) AS step
        FROM unnest(CAST(:soon AS int[])) AS s(days)
        WHERE x.expires_on - s.days <= c.reach""",
    where="x.state = 'approved' AND x.expires_on >= c.today",
)


async def remind_due(session: AsyncSession, now: datetime) -> int:
    """Remind everybody in the organization who is at work now of what is due; how many reminders that were."""
    await flush(session)
    reader = reader_of(session)
    home = await home_zone(reader)
    working_days = await working_days_of(reader)
    here = at_work(await zones_of_people(reader, home), working_days, now)
    if not here:
        return 0
    values = _values(here, working_days) | {
        "organization_id": reader.organization_id,
        "home": home,
        "now": now,
    }
    run = reader.connection
    sent = 0
    # How many are due today PostgreSQL cannot guess; taking them for few, it would look each of ten thousand up.
    await run.execute("SET LOCAL enable_nestloop = off")
    for statement in (_ASSIGNMENTS, _CERTIFICATES, _OFFERS, _OVERRIDES):
        sent += await run.fetchval(statement.sql, *statement.arguments(values))
    await run.execute("SET LOCAL enable_nestloop = on")
    return sent


def _values(here: Sequence[AtWork], working_days: WorkingDays) -> dict[str, Any]:
    """The parameters that say where it is which day, and which days count."""
    first, last = min(one.today for one in here), max(one.today for one in here)
    passed = [first - _FURTHEST_BACK + timedelta(days=n) for n in range(_FURTHEST_BACK.days)]
    passed += [first + timedelta(days=n) for n in range((last - first).days)]
    return {
        "zones": [one.zone for one in here],
        "days": [one.today for one in here],
        "begun": [one.began for one in here],
        "reaches": [one.reach for one in here],
        "passed": passed,
        "firsts": [working_days.after(day, 1) for day in passed],
        "from_day": passed[0],
        "to_day": max(one.reach for one in here) + timedelta(days=EXPIRY_DAYS),
        "soon": list(DUE_SOON_DAYS),
        "times": OVERDUE_TIMES,
        "expiry": EXPIRY_DAYS,
        "short": SHORT_WINDOW_DAYS,
        "hours": OFFER_HOURS,
    }
