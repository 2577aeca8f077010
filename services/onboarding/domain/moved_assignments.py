"""Pieces of statements that move many assignments at once: which those of a source are, and what is told of them."""

OPEN = "('scheduled', 'assigned', 'in_progress', 'suspended')"
TOLD = """
INSERT INTO event (organization_id, event_id, type, subject, actor_id, actor_name, request_id, data)
SELECT
    CAST(:organization_id AS uuid), uuidv7(), 'assignment.' || verb, 'assignments/' || id,
    CAST(:actor_id AS uuid), CAST(:actor_name AS text), CAST(:request_id AS text),
    jsonb_build_object(
        'assignment_id', id, 'person_id', person_id, 'curriculum_id', curriculum_id,
        'due_on', due_on, 'before', before, 'after', after
    )
FROM moved
RETURNING 1"""
RETURNING = """
    RETURNING new.id, new.person_id, new.curriculum_id, new.due_on,
        CASE
            WHEN new.state = old.state THEN 'changed'
            WHEN old.state = 'suspended' AND new.state <> 'withdrawn' THEN 'resumed'
            ELSE new.state
        END AS verb,
        jsonb_build_object(
            'state', old.state, 'suspension', old.suspension, 'reason', old.reason,
            'due_on', old.due_on
        ) AS before,
        jsonb_build_object(
            'state', new.state, 'suspension', new.suspension, 'reason', new.reason,
            'due_on', new.due_on
        ) AS after
"""
# The sources with this one marked as holding or not.
MARKED = """(
    SELECT jsonb_agg(
        CASE
            WHEN s.source @> (CAST(:key AS jsonb)->0)
            THEN s.source || jsonb_build_object('held', CAST(:held AS boolean))
            ELSE s.source
        END ORDER BY s.place
    )
    FROM jsonb_array_elements(a.sources) WITH ORDINALITY AS s(source, place)
)"""
# A path costs a tenth of unfolding the list, and it is asked several times of each row. A source is known by the id of the
# rule or of the handover that it is.
OTHERS_HOLD = """jsonb_path_exists(
    a.sources, '$[*] ? (!(@.rule_id == $id) && !(@.handover_id == $id) && !(@.held == false))',
    jsonb_build_object('id', CAST(:source_id AS uuid))
)"""
OF_SOURCE = f"""
    WHERE a.organization_id = CAST(:organization_id AS uuid)
        AND a.curriculum_id = CAST(:curriculum_id AS uuid)
        AND a.state IN {OPEN}
        AND a.sources @> CAST(:sought AS jsonb)
        AND (CAST(:people AS uuid[]) IS NULL OR a.person_id = ANY(CAST(:people AS uuid[])))
"""  # nosec B608  # put together from what is written here

# The day that this source asked for until now.
ASKED_BEFORE = """(
    SELECT CAST(s.source->'due'->>'on' AS date) FROM jsonb_array_elements(a.sources) AS s(source)
    WHERE s.source @> (CAST(:key AS jsonb)->0)
    LIMIT 1
)"""
# What the other sources that hold ask for, and what the assignment has by anything else but this source.
OTHER_DATES = f"""
    SELECT a.due_on, a.due_kind, CAST(a.due_days AS int), 0
    WHERE a.extended OR a.due_kind IS DISTINCT FROM CAST(:due_kind AS text)
        OR a.due_on IS DISTINCT FROM {ASKED_BEFORE}
    UNION ALL
    SELECT
        CASE
            WHEN s.source->'due'->>'kind' = 'after_hire' THEN (
                SELECT p.hire_date + CAST(s.source->'due'->>'days' AS int) FROM person AS p
                WHERE p.organization_id = a.organization_id AND p.id = a.person_id
            )
            ELSE CAST(s.source->'due'->>'on' AS date)
        END,
        s.source->'due'->>'kind', CAST(s.source->'due'->>'days' AS int), 1
    FROM jsonb_array_elements(a.sources) AS s(source)
    WHERE NOT a.extended AND NOT s.source @> (CAST(:key AS jsonb)->0)
        AND s.source->'held' IS DISTINCT FROM 'false' AND jsonb_typeof(s.source->'due') = 'object'
"""  # nosec B608  # put together from what is written here


def earliest(dates: str) -> str:
    """The earliest of `dates` with its basis, as an assignment's three columns take it."""
    return f"""SELECT d.due_on, d.due_kind, d.due_days
    FROM ({dates}) AS d(due_on, due_kind, due_days, place)
    WHERE d.due_on IS NOT NULL ORDER BY d.due_on, d.place LIMIT 1"""  # nosec B608  # of ours
