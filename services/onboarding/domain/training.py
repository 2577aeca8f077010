"""Who is trained in what: a team's matrix, and the people who cover a competence. Each is one statement.

What counts is a certificate that holds on the day. Every figure stands beside its denominator: the active people. Who is left
out is named with the reason.
"""

from datetime import date
from enum import StrEnum
from uuid import UUID

from services.chassis.database import Reader
from services.chassis.errors import NotFound


class MatrixBy(StrEnum):
    """What the columns of a training matrix are."""

    curriculum = "curriculum"
    course = "course"
    competence = "competence"


# What is taught now; a column each.
_TOPICS = {
    MatrixBy.curriculum: """
    SELECT c.id, c.key, c.title FROM curriculum AS c
    WHERE c.organization_id = $1 AND EXISTS (
        SELECT FROM curriculum_version AS v
        WHERE v.organization_id = $1 AND v.curriculum_id = c.id AND v.state = 'published')""",
    MatrixBy.course: """
    SELECT c.id, c.key, c.title FROM course AS c
    WHERE c.organization_id = $1 AND EXISTS (
        SELECT FROM course_version AS v
        WHERE v.organization_id = $1 AND v.course_id = c.id AND v.state = 'published')""",
    MatrixBy.competence: """
    SELECT DISTINCT NULL::uuid AS id, competence AS key, competence AS title FROM course_version
    WHERE organization_id = $1 AND state = 'published' AND competence IS NOT NULL""",
}
# How each person stands to each of them.
_STANDINGS = {
    # A certificate that holds counts; else what is open now; else that one has run out.
    MatrixBy.curriculum: """
    SELECT DISTINCT ON (s.person_id, s.key) s.* FROM (
        SELECT c.person_id, t.key,
            CASE WHEN c.expires_on < $3 THEN 'expired' ELSE 'completed' END AS state,
            NULL::int AS level, c.issued_on AS since, c.expires_on, NULL::date AS due_on,
            false AS overdue, CASE WHEN c.expires_on < $3 THEN 2 ELSE 0 END AS rank, c.id
        FROM member AS m
        JOIN certificate AS c ON c.organization_id = $1 AND c.person_id = m.id
        JOIN topic AS t ON t.id = c.curriculum_id
        WHERE c.revoked_at IS NULL AND c.issued_on <= $3
        UNION ALL
        SELECT a.person_id, t.key,
            CASE WHEN a.state = 'scheduled' AND a.starts_on <= $3 THEN 'assigned' ELSE a.state END,
            NULL, NULL, NULL, a.due_on,
            a.due_on < $3 AND (
                a.state IN ('assigned', 'in_progress')
                OR (a.state = 'scheduled' AND a.starts_on <= $3)
            ), 1, a.id
        FROM member AS m
        JOIN assignment AS a ON a.organization_id = $1 AND a.person_id = m.id
        JOIN topic AS t ON t.id = a.curriculum_id
        WHERE a.state NOT IN ('completed', 'withdrawn')
    ) AS s
    ORDER BY s.person_id, s.key, s.rank, s.expires_on DESC NULLS FIRST, s.id DESC""",
    MatrixBy.course: """
    SELECT i.person_id, t.key, 'completed' AS state, NULL::int AS level,
        min(i.completed_at)::date AS since, NULL::date AS expires_on, NULL::date AS due_on,
        false AS overdue
    FROM member AS m
    JOIN item_completion AS i ON i.organization_id = $1 AND i.person_id = m.id
    JOIN topic AS t ON t.id = i.course_id
    WHERE i.completed_at::date <= $3
    GROUP BY i.person_id, t.key""",
    MatrixBy.competence: """
    SELECT DISTINCT ON (c.person_id, c.competence) c.person_id, c.competence AS key,
        CASE WHEN c.expires_on < $3 THEN 'expired' ELSE 'completed' END AS state, c.level,
        c.issued_on AS since, c.expires_on, NULL::date AS due_on, false AS overdue
    FROM member AS m
    JOIN certificate AS c ON c.organization_id = $1 AND c.person_id = m.id
    WHERE c.competence IS NOT NULL AND c.revoked_at IS NULL AND c.issued_on <= $3
    ORDER BY c.person_id, c.competence, coalesce(c.expires_on < $3, false), c.level DESC,
        c.expires_on DESC NULLS FIRST, c.id""",
}
_MATRIX = """
WITH member AS (
    SELECT id, name, active FROM person
    WHERE organization_id = $1 AND team_id = $2 AND ($5::uuid IS NULL OR manager_id = $5)
), topic AS (%(topics)s
), standing AS (%(standings)s
)
SELECT json_build_object(
    'team_id', team.id,
    'team_name', team.name,
    'by', $4::text,
    'on', $3::date,
    'columns', coalesce((
        SELECT json_agg(json_build_object(
            'key', t.key, 'id', t.id, 'title', t.title,
            'trained', (
                SELECT count(*) FROM standing AS s JOIN member AS m ON m.id = s.person_id
                WHERE m.active AND s.key = t.key AND s.state = 'completed'
            ),
            'of', (SELECT count(*) FROM member WHERE active)
        ) ORDER BY t.key) FROM topic AS t
    ), '[]'),
    'people', coalesce((
        SELECT json_agg(json_build_object(
            'person_id', m.id, 'name', m.name,
            'cells', coalesce((
                SELECT json_agg(json_build_object(
                    'key', t.key, 'state', s.state, 'level', s.level, 'since', s.since,
                    'expires_on', s.expires_on, 'due_on', s.due_on, 'overdue', coalesce(s.overdue, false)
                ) ORDER BY t.key)
                FROM topic AS t
                LEFT JOIN standing AS s ON s.person_id = m.id AND s.key = t.key
            ), '[]')
        ) ORDER BY m.name, m.id) FROM member AS m WHERE m.active
    ), '[]'),
    'left_out', coalesce((
        SELECT json_agg(json_build_object(
            'person_id', m.id, 'name', m.name, 'reason', 'inactive'
        ) ORDER BY m.name, m.id) FROM member AS m WHERE NOT m.active
    ), '[]')
)::text
FROM team WHERE team.organization_id = $1 AND team.id = $2
"""
_MATRICES = {by: _MATRIX % {"topics": _TOPICS[by], "standings": _STANDINGS[by]} for by in MatrixBy}


async def training_matrix(
    reader: Reader, team_id: UUID, by: MatrixBy, today: date, manager_id: UUID | None = None
) -> bytes:
    """The JSON of a team's matrix, or of a manager's people in it; raises `NotFound` for a team that is not there."""
    content = await reader.connection.fetchval(
        _MATRICES[by], reader.organization_id, team_id, today, by.value, manager_id
    )
    if content is None:
        raise NotFound("There is no such {thing}.", thing="team")
    found: str = content
    return found.encode()


_COVERAGE = """
WITH trained AS (
    SELECT c.person_id, p.name, p.team_id, max(c.level) AS level, min(c.issued_on) AS since,
        CASE WHEN bool_and(c.expires_on IS NOT NULL) THEN max(c.expires_on) END AS expires_on
    FROM certificate AS c
    JOIN person AS p ON p.organization_id = c.organization_id AND p.id = c.person_id AND p.active
    WHERE c.organization_id = $1 AND c.competence = $2 AND c.level >= $3
        AND c.issued_on <= $4 AND (c.expires_on IS NULL OR c.expires_on >= $4)
        AND c.revoked_at IS NULL
    GROUP BY c.person_id, p.name, p.team_id
)
SELECT json_build_object(
    'competence', $2::text,
    'level', $3::int,
    'on', $4::date,
    'state', CASE WHEN EXISTS (
        SELECT FROM course_version
        WHERE organization_id = $1 AND competence = $2 AND state = 'published'
    ) THEN 'known' ELSE 'unknown' END,
    'trained', (SELECT count(*) FROM trained),
    'of', (SELECT count(*) FROM person WHERE organization_id = $1 AND active),
    'people', coalesce((
        SELECT json_agg(json_build_object(
            'person_id', t.person_id, 'name', t.name, 'team_id', t.team_id,
            'level', t.level, 'since', t.since, 'expires_on', t.expires_on
        ) ORDER BY t.level DESC, t.since, t.person_id)
        FROM (SELECT * FROM trained ORDER BY level DESC, since, person_id LIMIT $5) AS t
    ), '[]')
)::text
"""


async def coverage(reader: Reader, competence: str, level: int, on: date, limit: int) -> bytes:
    """The JSON of who has a competence at a level or above on a day; the most able first."""
    content: str = await reader.connection.fetchval(
        _COVERAGE, reader.organization_id, competence, level, on, limit
    )
    return content.encode()
