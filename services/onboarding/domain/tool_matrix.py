"""Who in each team can use which tool: a figure for each team and tool, and the people behind it. Each is one statement.

A tool is measured by the gate of its last rollout that was planned, or, where it has none, by the competence that it calls
for: then a certificate that holds on the day counts. Who counts are the active people of the team whom the rollout is for, but
for those who rest from a required curriculum since they left the audience of its rule; everyone left out is counted by reason.
Who is able because of a waiver is counted apart from who was trained, and both count for the gate. A tool that nothing is asked
for says so in `why`.
"""

from services.onboarding.domain.progress_reports import IS_WAIVED, WAIVED
from services.onboarding.domain.report import NO_TEAM, Report

# Whoever would have to be counted for a page of pairs of team and tool, or for a page of people of one tool.
_TOOLS = """
WITH asked_tool AS MATERIALIZED (
    SELECT t.id, t.key, t.name, t.competence, r.id AS rollout_id, r.audience_id, r.team_ids,
        r.required_curricula, r.min_pct
    FROM tool AS t
    LEFT JOIN LATERAL (
        SELECT * FROM rollout AS r
        WHERE r.organization_id = t.organization_id AND r.tool_id = t.id
            AND r.state NOT IN ('draft', 'cancelled')
        ORDER BY r.go_live_on DESC, r.id DESC
        LIMIT 1
    ) AS r ON true
    WHERE t.organization_id = CAST(:organization_id AS uuid)
        AND (CAST(:tool_id AS uuid) IS NULL OR t.id = CAST(:tool_id AS uuid))
), asked_team AS (
    SELECT t.id, t.name
    FROM team AS t
    WHERE t.organization_id = CAST(:organization_id AS uuid)
        AND (CAST(:teams AS uuid[]) IS NULL OR t.id = ANY(CAST(:teams AS uuid[])))
    UNION ALL
    SELECT CAST('NO_TEAM' AS uuid), NULL
    WHERE CAST(:teams AS uuid[]) IS NULL AND EXISTS (
        SELECT FROM person AS p
        WHERE p.organization_id = CAST(:organization_id AS uuid) AND p.team_id IS NULL AND p.active
    )
), pair AS MATERIALIZED (
    SELECT g.id AS team_id, g.name AS team_name, t.id AS tool_id, t.key AS tool_key,
        t.name AS tool_name, t.competence, t.rollout_id, t.audience_id, t.team_ids,
        t.required_curricula, t.min_pct,
        CASE
            WHEN t.rollout_id IS NOT NULL THEN 'rollout'
            WHEN t.competence IS NOT NULL THEN 'competence'
        END AS measured_by
    FROM asked_team AS g CROSS JOIN asked_tool AS t
    PAIRS
), member AS MATERIALIZED (
    SELECT x.team_id, x.tool_id, p.id, p.name, p.email, p.active, x.measured_by, x.competence,
        x.required_curricula,
        x.rollout_id IS NULL OR p.team_id = ANY(x.team_ids) OR EXISTS (
            SELECT FROM audience_member AS m
            WHERE m.organization_id = CAST(:organization_id AS uuid)
                AND m.audience_id = x.audience_id AND m.person_id = p.id
        ) AS is_asked
    FROM pair AS x
    JOIN person AS p
        ON p.organization_id = CAST(:organization_id AS uuid)
        AND coalesce(p.team_id, CAST('NO_TEAM' AS uuid)) = x.team_id
    WHERE x.measured_by IS NOT NULL
    MEMBERS
), who AS MATERIALIZED (
    SELECT DISTINCT id FROM member
), required AS MATERIALIZED (
    SELECT DISTINCT curriculum_id FROM pair, unnest(required_curricula) AS curriculum_id
), WAIVED_ONES
, completed AS MATERIALIZED (
    SELECT a.id, a.person_id, a.curriculum_id, IS_WAIVED AS is_waived
    FROM assignment AS a
    WHERE a.organization_id = CAST(:organization_id AS uuid) AND a.state = 'completed'
        AND a.curriculum_id IN (SELECT curriculum_id FROM required)
        AND a.person_id IN (SELECT id FROM who)
        AND (a.waived_until IS NULL OR a.waived_until >= CAST(:today AS date))
), lapsed AS (
    SELECT c.assignment_id
    FROM certificate AS c
    WHERE c.organization_id = CAST(:organization_id AS uuid)
        AND (c.revoked_at IS NOT NULL OR c.expires_on < CAST(:today AS date))
        AND c.assignment_id IN (SELECT id FROM completed)
        AND NOT EXISTS (
            SELECT FROM certificate AS n
            WHERE n.organization_id = c.organization_id AND n.person_id = c.person_id
                AND n.curriculum_id IS NOT DISTINCT FROM c.curriculum_id
                AND n.competence IS NOT DISTINCT FROM c.competence
                AND coalesce(n.level, 0) >= coalesce(c.level, 0)
                AND n.revoked_at IS NULL AND n.issued_on <= CAST(:today AS date)
                AND coalesce(n.expires_on >= CAST(:today AS date), true)
        )
), has AS (
    SELECT person_id, curriculum_id, bool_and(is_waived) AS is_waived
    FROM completed
    WHERE id NOT IN (SELECT assignment_id FROM lapsed)
    GROUP BY person_id, curriculum_id
), rests AS (
    SELECT a.person_id, a.curriculum_id, a.suspension = 'asked' AS is_asked
    FROM assignment AS a
    WHERE a.organization_id = CAST(:organization_id AS uuid) AND a.state = 'suspended'
        AND a.curriculum_id IN (SELECT curriculum_id FROM required)
        AND a.person_id IN (SELECT id FROM who)
), by_rollout AS (
    SELECT m.team_id, m.tool_id, m.id,
        count(h.curriculum_id) = cardinality(m.required_curricula) AS is_able,
        coalesce(bool_or(h.is_waived), false) AS is_waived,
        coalesce(bool_or(NOT r.is_asked AND h.person_id IS NULL), false) AS rests,
        coalesce(bool_or(r.is_asked AND h.person_id IS NULL), false) AS is_suspended,
        coalesce(
            string_agg(c.key, ' ' ORDER BY c.key) FILTER (WHERE h.curriculum_id IS NULL), ''
        ) AS lacks
    FROM member AS m
    CROSS JOIN LATERAL unnest(m.required_curricula) AS asked
    LEFT JOIN has AS h ON h.person_id = m.id AND h.curriculum_id = asked
    LEFT JOIN rests AS r ON r.person_id = m.id AND r.curriculum_id = asked
    LEFT JOIN curriculum AS c
        ON c.organization_id = CAST(:organization_id AS uuid) AND c.id = asked
    WHERE m.measured_by = 'rollout'
    GROUP BY m.team_id, m.tool_id, m.id, m.required_curricula
), certified AS (
    SELECT c.person_id, c.competence, bool_and(
        c.assignment_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM item_completion AS i
            WHERE i.organization_id = c.organization_id AND i.assignment_id = c.assignment_id
                AND i.course_id = c.course_id
        )
    ) AS is_waived
    FROM certificate AS c
    WHERE c.organization_id = CAST(:organization_id AS uuid) AND c.revoked_at IS NULL
        AND c.issued_on <= CAST(:today AS date)
        AND (c.expires_on IS NULL OR c.expires_on >= CAST(:today AS date))
        AND c.competence IN (SELECT competence FROM pair WHERE measured_by = 'competence')
        AND c.person_id IN (SELECT id FROM who)
    GROUP BY c.person_id, c.competence
), standing AS (
    SELECT m.team_id, m.tool_id, m.id, m.name, m.email,
        CASE
            WHEN NOT m.active THEN 'left_out'
            WHEN NOT m.is_asked THEN 'left_out'
            WHEN b.rests THEN 'left_out'
            WHEN coalesce(b.is_able, c.person_id IS NOT NULL)
            THEN CASE WHEN coalesce(b.is_waived, c.is_waived) THEN 'waived' ELSE 'trained' END
            ELSE 'missing'
        END AS standing,
        CASE
            WHEN NOT m.active THEN 'inactive'
            WHEN NOT m.is_asked THEN 'not_in_audience'
            WHEN b.rests OR b.is_suspended THEN 'suspended'
        END AS reason,
        CASE
            WHEN m.measured_by = 'rollout' THEN nullif(b.lacks, '')
            WHEN c.person_id IS NULL THEN m.competence
        END AS lacks
    FROM member AS m
    LEFT JOIN by_rollout AS b
        ON b.team_id = m.team_id AND b.tool_id = m.tool_id AND b.id = m.id
    LEFT JOIN certified AS c
        ON m.measured_by = 'competence' AND c.person_id = m.id AND c.competence = m.competence
    WHERE m.active OR m.is_asked
)"""
_AFTER = """CAST(:after_id AS uuid) IS NULL
    OR (PLACE, ID) > (CAST(:after_place AS uuid), CAST(:after_id AS uuid))"""


def _after(place: str, id: str) -> str:
    return _AFTER.replace("PLACE", place).replace("ID", id)


def _statement(pairs: str, members: str, told: str) -> str:
    return (
        _TOOLS.replace("PAIRS", pairs)
        .replace("MEMBERS", members)
        .replace("WAIVED_ONES", WAIVED)
        .replace("IS_WAIVED", IS_WAIVED)
        .replace("NO_TEAM", str(NO_TEAM))
        + told
    )


TOOL_MATRIX = Report(
    "tool_matrix",
    _statement(
        """WHERE AFTER
    ORDER BY g.id, t.id
    LIMIT CAST(:limit AS bigint)""".replace("AFTER", _after("g.id", "t.id")),
        "",
        """
, counted AS (
    SELECT team_id, tool_id,
        count(*) FILTER (WHERE standing <> 'left_out') AS of,
        count(*) FILTER (WHERE standing = 'trained') AS trained,
        count(*) FILTER (WHERE standing = 'waived') AS waived,
        count(*) FILTER (WHERE standing = 'missing') AS missing,
        count(*) FILTER (WHERE reason = 'inactive') AS inactive,
        count(*) FILTER (WHERE standing = 'left_out' AND reason = 'suspended') AS suspended,
        count(*) FILTER (WHERE reason = 'not_in_audience') AS not_in_audience
    FROM standing
    GROUP BY team_id, tool_id
)
SELECT CAST(row_to_json(shown) AS text) AS item, x.team_id AS place, x.tool_id AS id
FROM pair AS x
LEFT JOIN counted AS n ON n.team_id = x.team_id AND n.tool_id = x.tool_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN x.measured_by IS NOT NULL THEN coalesce(n.of, 0) END AS of
) AS d
CROSS JOIN LATERAL (
    SELECT CASE WHEN x.min_pct IS NOT NULL THEN (d.of * x.min_pct + 99) / 100 END AS need,
        CASE WHEN d.of IS NOT NULL THEN coalesce(n.trained + n.waived, 0) END AS have
) AS gate
CROSS JOIN LATERAL (
    SELECT nullif(x.team_id, CAST('00000000-0000-0000-0000-000000000000' AS uuid)) AS team_id,
        x.team_name, x.tool_id, x.tool_key, x.tool_name, x.measured_by, x.rollout_id,
        CASE WHEN x.measured_by = 'competence' THEN x.competence END AS competence,
        d.of, gate.have, gate.need,
        gate.have >= gate.need AND (
            gate.need IS NULL OR d.of > 0 OR coalesce(n.inactive + n.suspended, 0) = 0
        ) AS met,
        CASE WHEN d.of IS NOT NULL THEN coalesce(n.trained, 0) END AS trained,
        CASE WHEN d.of IS NOT NULL THEN coalesce(n.waived, 0) END AS waived,
        CASE WHEN d.of IS NOT NULL THEN coalesce(n.missing, 0) END AS missing,
        CASE WHEN d.of IS NOT NULL THEN coalesce(n.inactive, 0) END AS left_out_inactive,
        CASE WHEN d.of IS NOT NULL THEN coalesce(n.suspended, 0) END AS left_out_suspended,
        CASE WHEN d.of IS NOT NULL THEN coalesce(n.not_in_audience, 0) END
            AS left_out_not_in_audience,
        CASE
            WHEN d.of IS NULL THEN 'nothing_asked'
            WHEN d.of = 0 THEN 'nobody_counts'
            WHEN gate.need IS NULL THEN 'no_gate'
        END AS why
) AS shown
ORDER BY x.team_id, x.tool_id
""",
    ),
)

TOOL_PEOPLE = Report(
    "tool_people",
    _statement(
        "",
        """AND (AFTER)
        AND (p.active OR x.rollout_id IS NULL OR p.team_id = ANY(x.team_ids) OR EXISTS (
            SELECT FROM audience_member AS m
            WHERE m.organization_id = CAST(:organization_id AS uuid)
                AND m.audience_id = x.audience_id AND m.person_id = p.id
        ))
    ORDER BY x.team_id, p.id
    LIMIT CAST(:limit AS bigint)""".replace("AFTER", _after("x.team_id", "p.id")),  # nosec B608  # ours
        """
SELECT CAST(row_to_json(shown) AS text) AS item, s.team_id AS place, s.id
FROM standing AS s
JOIN pair AS x ON x.team_id = s.team_id AND x.tool_id = s.tool_id
CROSS JOIN LATERAL (
    SELECT nullif(s.team_id, CAST('00000000-0000-0000-0000-000000000000' AS uuid)) AS team_id,
        x.team_name, s.tool_id, x.tool_key, s.id AS person_id, s.name AS person_name,
        s.email AS person_email, s.standing, s.reason, s.lacks
) AS shown
ORDER BY s.team_id, s.id
""",
    ),
)
