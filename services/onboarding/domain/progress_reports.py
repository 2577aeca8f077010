"""What is overdue, how each curriculum goes, and what each trainer does: figures of assignments and of sessions.

Every figure stands beside its denominator `of`, and who is left out of it is counted by reason. A completion that rests on a
waiver is counted apart. Days to complete count from the day on which learning could begin; past completions and waivers have
none.
"""

from services.onboarding.domain.report import Report

_IN_TEAMS = "(CAST(:teams AS uuid[]) IS NULL OR p.team_id = ANY(CAST(:teams AS uuid[])))"

# Completions rest on a waiver where one stands for an item that was not completed. There are few, so they are found first.
WAIVED = """waived AS MATERIALIZED (
    SELECT w.assignment_id
    FROM waiver AS w
    WHERE w.organization_id = CAST(:organization_id AS uuid) AND NOT EXISTS (
        SELECT FROM item_completion AS i
        WHERE i.organization_id = w.organization_id AND i.assignment_id = w.assignment_id
            AND i.item_key = w.item_key
    )
)"""
IS_WAIVED = "(a.waived OR a.id IN (SELECT assignment_id FROM waived))"


def _with_parts(sql: str) -> str:
    """A statement with the parts that several have in common."""
    return (
        sql.replace("WAIVED_ONES", WAIVED)
        .replace("IS_WAIVED", IS_WAIVED)
        .replace("IN_TEAMS", _IN_TEAMS)
    )


OVERDUE = Report(
    "overdue",
    _with_parts("""
WITH chosen AS MATERIALIZED (
    SELECT a.*
    FROM assignment AS a
    JOIN person AS p
        ON p.organization_id = CAST(:organization_id AS uuid) AND p.id = a.person_id AND p.active
    WHERE a.organization_id = CAST(:organization_id AS uuid)
        AND a.due_on < CAST(:today AS date)
        AND (
            a.state IN ('assigned', 'in_progress')
            OR (a.state = 'scheduled' AND a.starts_on <= CAST(:today AS date))
        )
        AND (CAST(:curriculum_id AS uuid) IS NULL OR a.curriculum_id = CAST(:curriculum_id AS uuid))
        AND IN_TEAMS
        AND (
            CAST(:after_id AS uuid) IS NULL
            OR (a.due_on, a.id) > (CAST(:after_place AS date), CAST(:after_id AS uuid))
        )
    ORDER BY a.due_on, a.id
    LIMIT CAST(:limit AS bigint)
)
SELECT CAST(row_to_json(shown) AS text) AS item, a.due_on AS place, a.id
FROM chosen AS a
JOIN person AS p ON p.organization_id = CAST(:organization_id AS uuid) AND p.id = a.person_id
JOIN curriculum AS c
    ON c.organization_id = CAST(:organization_id AS uuid) AND c.id = a.curriculum_id
LEFT JOIN team AS t ON t.organization_id = CAST(:organization_id AS uuid) AND t.id = p.team_id
LEFT JOIN person AS m ON m.organization_id = CAST(:organization_id AS uuid) AND m.id = p.manager_id
CROSS JOIN LATERAL (
    SELECT a.id AS assignment_id, p.id AS person_id, p.name AS person_name, p.email AS person_email,
        p.team_id, t.name AS team_name, m.name AS manager_name, c.id AS curriculum_id, c.key AS curriculum_key,
        c.title AS curriculum_title, a.cycle,
        CASE WHEN a.state = 'scheduled' THEN 'assigned' ELSE a.state END AS state,
        a.due_on, CAST(:today AS date) - a.due_on AS days_overdue, a.items_done, a.extended
) AS shown
ORDER BY a.due_on, a.id
"""),
)

CURRICULA = Report(
    "curricula",
    _with_parts("""
WITH chosen AS MATERIALIZED (
    SELECT c.id, c.key, c.title
    FROM curriculum AS c
    WHERE c.organization_id = CAST(:organization_id AS uuid)
        AND (CAST(:curriculum_id AS uuid) IS NULL OR c.id = CAST(:curriculum_id AS uuid))
        AND (CAST(:after_id AS uuid) IS NULL OR c.id > CAST(:after_id AS uuid))
    ORDER BY c.id
    LIMIT CAST(:limit AS bigint)
), WAIVED_ONES
, judged AS (
    SELECT a.curriculum_id, a.due_on, a.completed_at, a.created_at, a.starts_on,
        CASE
            WHEN a.state = 'withdrawn' THEN 'withdrawn'
            WHEN NOT p.active THEN 'inactive'
            WHEN a.state = 'scheduled' AND a.starts_on <= CAST(:today AS date) THEN 'assigned'
            WHEN a.state = 'completed' AND IS_WAIVED THEN 'waived'
            ELSE a.state
        END AS state,
        a.completed_at >= a.created_at AND NOT a.sources @> '[{"kind": "import"}]' AS is_timed
    FROM assignment AS a
    JOIN person AS p ON p.organization_id = CAST(:organization_id AS uuid) AND p.id = a.person_id
    WHERE a.organization_id = CAST(:organization_id AS uuid)
        AND a.curriculum_id IN (SELECT id FROM chosen)
        AND IN_TEAMS
), timed AS (
    SELECT curriculum_id, state, due_on, completed_at::date > due_on AS late,
        CASE
            WHEN state = 'completed' AND is_timed
            THEN extract(epoch FROM completed_at - greatest(created_at, starts_on)) / 86400
        END AS days
    FROM judged
), counted AS (
    SELECT curriculum_id,
        count(*) FILTER (WHERE state NOT IN ('withdrawn', 'inactive', 'suspended')) AS of,
        count(*) FILTER (WHERE state = 'scheduled') AS scheduled,
        count(*) FILTER (WHERE state = 'assigned') AS assigned,
        count(*) FILTER (WHERE state = 'in_progress') AS in_progress,
        count(*) FILTER (WHERE state = 'completed') AS completed,
        count(*) FILTER (WHERE state = 'waived') AS waived,
        count(*) FILTER (
            WHERE state IN ('assigned', 'in_progress') AND due_on < CAST(:today AS date)
        ) AS overdue,
        count(*) FILTER (WHERE state = 'completed' AND late) AS completed_late,
        count(days) AS timed,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days,
        percentile_cont(0.9) WITHIN GROUP (ORDER BY days) AS p90_days,
        count(*) FILTER (WHERE state = 'suspended') AS left_out_suspended,
        count(*) FILTER (WHERE state = 'inactive') AS left_out_inactive,
        count(*) FILTER (WHERE state = 'withdrawn') AS left_out_withdrawn
    FROM timed
    GROUP BY curriculum_id
)
SELECT CAST(row_to_json(shown) AS text) AS item, c.id AS place, c.id
FROM chosen AS c
LEFT JOIN counted AS n ON n.curriculum_id = c.id
CROSS JOIN LATERAL (
    SELECT c.id AS curriculum_id, c.key AS curriculum_key, c.title AS curriculum_title,
        coalesce(n.of, 0) AS of, coalesce(n.scheduled, 0) AS scheduled,
        coalesce(n.assigned, 0) AS assigned, coalesce(n.in_progress, 0) AS in_progress,
        coalesce(n.completed, 0) AS completed, coalesce(n.waived, 0) AS waived,
        coalesce(n.overdue, 0) AS overdue, coalesce(n.completed_late, 0) AS completed_late,
        coalesce(n.timed, 0) AS timed, round(n.median_days::numeric, 1) AS median_days_to_complete,
        round(n.p90_days::numeric, 1) AS p90_days_to_complete,
        coalesce(n.left_out_suspended, 0) AS left_out_suspended,
        coalesce(n.left_out_inactive, 0) AS left_out_inactive,
        coalesce(n.left_out_withdrawn, 0) AS left_out_withdrawn
) AS shown
ORDER BY c.id
"""),
)

TRAINERS = Report(
    "trainers",
    _with_parts("""
WITH learner AS MATERIALIZED (
    SELECT p.id FROM person AS p
    WHERE p.organization_id = CAST(:organization_id AS uuid) AND IN_TEAMS
), held AS MATERIALIZED (
    SELECT s.id, s.trainer_id, s.capacity,
        extract(epoch FROM s.ends_at - s.starts_at) / 60 AS minutes
    FROM topic_session AS s
    WHERE s.organization_id = CAST(:organization_id AS uuid) AND s.state = 'planned'
        AND s.ends_at <= CAST(:now AS timestamptz)
        AND s.starts_at >= CAST(:since AS timestamptz)
        AND s.starts_at < CAST(:until AS timestamptz)
), seats AS (
    SELECT h.id,
        count(*) FILTER (WHERE b.state = 'attended') AS attended,
        count(*) FILTER (WHERE b.state = 'no_show') AS no_shows
    FROM held AS h
    JOIN booking AS b
        ON b.organization_id = CAST(:organization_id AS uuid) AND b.session_id = h.id
    JOIN learner AS l ON l.id = b.person_id
    WHERE b.state IN ('attended', 'no_show', 'booked')
    GROUP BY h.id
), taught AS (
    SELECT h.trainer_id AS person_id, count(*) AS sessions, sum(h.minutes) AS minutes,
        sum(h.capacity) AS seats, coalesce(sum(s.attended), 0) AS attended,
        coalesce(sum(s.no_shows), 0) AS no_shows
    FROM held AS h
    LEFT JOIN seats AS s ON s.id = h.id
    WHERE CAST(:teams AS uuid[]) IS NULL OR s.id IS NOT NULL
    GROUP BY h.trainer_id
), reached AS (
    SELECT h.trainer_id AS person_id, count(DISTINCT b.person_id) AS people
    FROM held AS h
    JOIN booking AS b
        ON b.organization_id = CAST(:organization_id AS uuid) AND b.session_id = h.id
        AND b.state = 'attended'
    JOIN learner AS l ON l.id = b.person_id
    GROUP BY h.trainer_id
), act AS (
    SELECT CAST(source->>'person_id' AS uuid) AS person_id, 'assigned' AS what, a.person_id AS learner_id
    FROM assignment AS a, jsonb_array_elements(a.sources) AS source
    WHERE a.organization_id = CAST(:organization_id AS uuid) AND source->>'kind' = 'trainer'
        AND CAST(source->>'at' AS timestamptz) >= CAST(:since AS timestamptz)
        AND CAST(source->>'at' AS timestamptz) < CAST(:until AS timestamptz)
    UNION ALL
    SELECT i.completed_by, 'completed', i.person_id
    FROM item_completion AS i
    WHERE i.organization_id = CAST(:organization_id AS uuid) AND i.completed_by <> i.person_id
        AND i.completed_at >= CAST(:since AS timestamptz)
        AND i.completed_at < CAST(:until AS timestamptz)
        AND NOT EXISTS (
            SELECT FROM past_completion AS x
            WHERE x.organization_id = i.organization_id AND x.person_id = i.person_id
                AND x.imported_by = i.completed_by AND x.completed_on = i.completed_at::date
        )
    UNION ALL
    SELECT graded_by, 'graded', person_id FROM attempt
    WHERE organization_id = CAST(:organization_id AS uuid) AND graded_by IS NOT NULL
        AND state IN ('passed', 'failed')
        AND submitted_at >= CAST(:since AS timestamptz)
        AND submitted_at < CAST(:until AS timestamptz)
    UNION ALL
    SELECT waived_by, 'waived', person_id FROM waiver
    WHERE organization_id = CAST(:organization_id AS uuid)
        AND waived_at >= CAST(:since AS timestamptz)
        AND waived_at < CAST(:until AS timestamptz)
    UNION ALL
    SELECT imported_by, 'imported', person_id FROM past_completion
    WHERE organization_id = CAST(:organization_id AS uuid)
        AND imported_at >= CAST(:since AS timestamptz)
        AND imported_at < CAST(:until AS timestamptz)
), did AS (
    SELECT a.person_id,
        count(*) FILTER (WHERE what = 'assigned') AS assigned,
        count(*) FILTER (WHERE what = 'completed') AS completed,
        count(*) FILTER (WHERE what = 'graded') AS graded,
        count(*) FILTER (WHERE what = 'waived') AS waived,
        count(*) FILTER (WHERE what = 'imported') AS imported
    FROM act AS a JOIN learner AS l ON l.id = a.learner_id
    GROUP BY a.person_id
)
SELECT CAST(row_to_json(shown) AS text) AS item, p.id AS place, p.id
FROM person AS p
LEFT JOIN taught AS t ON t.person_id = p.id
LEFT JOIN reached AS r ON r.person_id = p.id
LEFT JOIN did AS d ON d.person_id = p.id
CROSS JOIN LATERAL (
    SELECT p.id AS person_id, p.name AS person_name, p.active, coalesce(t.sessions, 0) AS sessions_held,
        round(coalesce(t.minutes, 0)) AS minutes_held, coalesce(t.seats, 0) AS seats,
        coalesce(t.attended, 0) AS attended, coalesce(t.no_shows, 0) AS no_shows,
        round(t.attended / nullif(t.attended + t.no_shows, 0), 3) AS show_rate,
        coalesce(r.people, 0) AS people_reached, coalesce(d.assigned, 0) AS assigned,
        coalesce(d.completed, 0) AS completed_for_others, coalesce(d.graded, 0) AS graded,
        coalesce(d.waived, 0) AS waived, coalesce(d.imported, 0) AS imported
) AS shown
WHERE p.organization_id = CAST(:organization_id AS uuid)
    AND (t.person_id IS NOT NULL OR d.person_id IS NOT NULL)
    AND (CAST(:after_id AS uuid) IS NULL OR p.id > CAST(:after_id AS uuid))
ORDER BY p.id
LIMIT CAST(:limit AS bigint)
"""),
)
