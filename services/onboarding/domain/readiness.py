"""The gate of a rollout: who of each team counts, who has what it requires, and who is missing. One statement.

Who counts: the active people of the audience, but for those who rest from a required curriculum since they left the audience
of its rule; everyone left out is told with the reason, also those of the same teams whom the rollout's audience does not hold.
Whoever rests because somebody asked for it counts, and is missing: else one person could suspend a team through its gate, and
what stands in for training takes two. A person has a curriculum when an assignment of it is completed, unless a certificate
that came of it has run out on the day, or was revoked, and no other stands in its place. Whoever has one only by a waiver that
still holds on the day counts for the gate, but is told apart from those who are trained. A team meets the gate when as many
have everything as it takes: need = ⌈min_pct × those who count ÷ 100⌉; one that has people of whom nobody counts does not, one
without people does. It may go live, too, with an override that a second person approved and that has not run out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson

from services.chassis.database import Reader
from services.chassis.errors import Conflict, FieldError, Forbidden, Frozen, NotFound
from services.onboarding.domain.rollout import Rollout

# People that are named of each team, and teams, unless somebody asks for fewer or more.
NAMED = 50
TEAMS = 200
# What is kept of a gate that was met.
_FIGURES = ("on", "min_pct", "of", "trained", "waived", "missing", "left_out", "override_ids")

# Who is asked about, what they have, and each team's figures: what readiness and forecast have in common.
# Whoever has no team is put under the id of none, because only what is equal is joined by hashing. What somebody has of the
# required curricula is a number, a bit for each in their order: one pass over the assignments, and rows that are narrow.
# $1 organization, $2 audience, $3 teams, $4 required curricula, $5 the day, $6 percent, $7 for whose eyes (null: all).
POPULATION = """
WITH chosen AS MATERIALIZED (
    SELECT person_id FROM audience_member WHERE organization_id = $1 AND audience_id = $2
    UNION
    SELECT id FROM person WHERE organization_id = $1 AND team_id = ANY($3)
), touched AS (
    SELECT DISTINCT p.team_id
    FROM chosen AS c JOIN person AS p ON p.organization_id = $1 AND p.id = c.person_id
), lapsed AS (
    SELECT DISTINCT c.assignment_id
    FROM certificate AS c
    WHERE c.organization_id = $1 AND (c.revoked_at IS NOT NULL OR c.expires_on < $5)
        AND NOT EXISTS (
            SELECT FROM certificate AS n
            WHERE n.organization_id = $1 AND n.person_id = c.person_id
                AND n.curriculum_id IS NOT DISTINCT FROM c.curriculum_id
                AND n.competence IS NOT DISTINCT FROM c.competence
                AND coalesce(n.level, 0) >= coalesce(c.level, 0)
                AND n.revoked_at IS NULL AND n.issued_on <= $5
                AND coalesce(n.expires_on >= $5, true)
        )
), evidence AS (
    SELECT a.person_id, 1 << (array_position($4, a.curriculum_id) - 1) AS bit, a.waived,
        a.state = 'suspended' AND a.suspension = 'asked' AS is_suspended,
        a.state = 'suspended' AND a.suspension <> 'asked' AS rests,
        a.state = 'completed' AND l.assignment_id IS NULL
            AND (a.waived_until IS NULL OR a.waived_until >= $5) AS has
    FROM assignment AS a
    LEFT JOIN lapsed AS l ON l.assignment_id = a.id
    WHERE a.organization_id = $1 AND a.curriculum_id = ANY($4)
        AND a.state IN ('completed', 'suspended')
), standing AS (
    SELECT person_id,
        coalesce(bit_or(bit) FILTER (WHERE has), 0) AS has,
        coalesce(bit_or(bit) FILTER (WHERE has AND NOT waived), 0) AS earned,
        coalesce(bit_or(bit) FILTER (WHERE rests), 0) AS rests,
        coalesce(bit_or(bit) FILTER (WHERE is_suspended), 0) AS suspended
    FROM evidence
    GROUP BY person_id
), member AS MATERIALIZED (
    SELECT p.id, p.name, p.manager_id,
        coalesce(p.team_id, '00000000-0000-0000-0000-000000000000') AS team_id,
        coalesce(s.has, 0) AS has,
        CASE
            WHEN c.person_id IS NULL THEN 'not_in_audience'
            WHEN NOT p.active THEN 'inactive'
            WHEN s.rests & ~s.has <> 0 THEN 'suspended'
        END AS left_out,
        coalesce(s.has, 0) = (1 << cardinality($4)) - 1 AS ready,
        coalesce(s.has <> s.earned, false) AS waived,
        coalesce(s.suspended & ~s.has <> 0, false) AS is_suspended
    FROM person AS p
    LEFT JOIN chosen AS c ON c.person_id = p.id
    LEFT JOIN standing AS s ON s.person_id = p.id
    WHERE p.organization_id = $1 AND (
        c.person_id IS NOT NULL OR (p.active AND p.team_id IN (SELECT team_id FROM touched))
    )
), by_team AS (
    SELECT team_id,
        count(*) FILTER (WHERE left_out IS NULL) AS of,
        count(*) FILTER (WHERE left_out IS NULL AND ready AND NOT waived) AS trained,
        count(*) FILTER (WHERE left_out IS NULL AND ready AND waived) AS waived,
        count(*) FILTER (WHERE left_out = 'inactive') AS inactive,
        count(*) FILTER (WHERE left_out = 'suspended') AS suspended,
        count(*) FILTER (WHERE left_out = 'not_in_audience') AS not_in_audience,
        coalesce(bool_or(manager_id = $7), false) AS managed
    FROM member
    GROUP BY team_id
    UNION ALL
    SELECT id, 0, 0, 0, 0, 0, 0, false
    FROM team
    WHERE organization_id = $1 AND id = ANY($3) AND id NOT IN (SELECT team_id FROM member)
), needed AS (
    SELECT m.*, t.name AS team_name, trained + waived AS have, (of * $6::int + 99) / 100 AS need,
        inactive + suspended + not_in_audience AS left_out,
        CASE
            WHEN of > 0 THEN NULL
            WHEN inactive + suspended + not_in_audience > 0 THEN 'all_left_out'
            ELSE 'no_people'
        END AS empty,
        $7::uuid IS NULL OR t.lead_id IS NOT DISTINCT FROM $7 AS led,
        $7::uuid IS NULL OR t.lead_id IS NOT DISTINCT FROM $7 OR managed AS sees
    FROM by_team AS m
    LEFT JOIN team AS t ON t.organization_id = $1 AND t.id = m.team_id
)"""
_READINESS = (
    POPULATION
    + """
, judged AS (
    SELECT c.*, c.have >= c.need AND c.empty IS DISTINCT FROM 'all_left_out' AS met,
        o.id AS override_id
    FROM needed AS c
    LEFT JOIN LATERAL (
        SELECT o.id FROM override AS o
        WHERE o.organization_id = $1 AND o.rollout_id = $8 AND o.team_id = c.team_id
            AND o.state = 'approved' AND o.expires_on >= $5
        ORDER BY o.expires_on DESC, o.id
        LIMIT 1
    ) AS o ON true
), shown AS (
    SELECT * FROM judged
    WHERE NOT ($10::bool AND (met OR override_id IS NOT NULL))
    ORDER BY met OR override_id IS NOT NULL, team_name, team_id
    LIMIT $11
), ranked AS (
    SELECT m.*, row_number() OVER (
        PARTITION BY m.team_id, m.left_out IS NULL, m.left_out IS NULL AND m.ready
        ORDER BY m.name, m.id
    ) AS place
    FROM member AS m
    JOIN shown AS s ON s.team_id = m.team_id AND (s.led OR m.manager_id = $7)
    WHERE m.left_out IS NOT NULL OR NOT m.ready OR m.waived
), people AS (
    SELECT team_id,
        json_agg(json_build_object('person_id', id, 'name', name, 'lacks', (
            SELECT json_agg(asked ORDER BY asked)
            FROM unnest($4::uuid[]) WITH ORDINALITY AS a(asked, place)
            WHERE has & (1 << (a.place::int - 1)) = 0
        ), 'lacks_titles', (
            SELECT json_agg(c.title ORDER BY asked)
            FROM unnest($4::uuid[]) WITH ORDINALITY AS a(asked, place)
            JOIN curriculum AS c ON c.organization_id = $1 AND c.id = asked
            WHERE has & (1 << (a.place::int - 1)) = 0
        ), 'reason', CASE WHEN is_suspended THEN 'suspended' END) ORDER BY place)
            FILTER (WHERE left_out IS NULL AND NOT ready) AS missing,
        json_agg(json_build_object('person_id', id, 'name', name) ORDER BY place)
            FILTER (WHERE left_out IS NULL AND ready) AS waived,
        json_agg(json_build_object('person_id', id, 'name', name, 'reason', left_out)
            ORDER BY place) FILTER (WHERE left_out IS NOT NULL) AS left_out
    FROM ranked
    WHERE place <= $9
    GROUP BY team_id
)
SELECT json_build_object(
    'rollout_id', $8::uuid,
    'on', $5::date,
    'min_pct', $6::int,
    'may_go_live', coalesce(sum(of), 0) > 0
        AND coalesce(bool_and(met OR override_id IS NOT NULL), false),
    'of', coalesce(sum(of), 0),
    'trained', coalesce(sum(trained), 0),
    'waived', coalesce(sum(waived), 0),
    'missing', coalesce(sum(of - have), 0),
    'left_out', coalesce(sum(left_out), 0),
    'teams_total', count(*),
    'override_ids', coalesce(
        json_agg(override_id) FILTER (WHERE NOT met AND override_id IS NOT NULL), '[]'
    ),
    'sees', coalesce(bool_or(sees), $7::uuid IS NULL),
    'teams', coalesce((
        SELECT json_agg(json_build_object(
            'team_id', nullif(s.team_id, '00000000-0000-0000-0000-000000000000'), 'team_name', s.team_name,
            'of', s.of, 'trained', s.trained, 'have', s.have, 'need', s.need,
            'met', s.met, 'empty', s.empty, 'override_id', s.override_id,
            'missing', json_build_object(
                'total', s.of - s.have, 'people', coalesce(p.missing, '[]')
            ),
            'waived', json_build_object(
                'total', s.waived, 'people', coalesce(p.waived, '[]')
            ),
            'left_out', json_build_object(
                'total', s.left_out,
                'by_reason', json_build_object(
                    'inactive', s.inactive, 'suspended', s.suspended,
                    'not_in_audience', s.not_in_audience
                ),
                'people', coalesce(p.left_out, '[]')
            )
        ) ORDER BY s.met OR s.override_id IS NOT NULL, s.team_name, s.team_id)
        FROM shown AS s LEFT JOIN people AS p ON p.team_id = s.team_id
    ), '[]')
)::text
FROM judged
"""  # nosec B608  # both are ours; values are parameters
)
# Whoever would take away what is counted waits until the tool is live, or comes first and is seen.
_HOLD = (
    """
SELECT count(*) FROM (
    SELECT FROM assignment
    WHERE organization_id = $1 AND curriculum_id = ANY($2) AND state IN ('completed', 'suspended')
    ORDER BY id FOR SHARE
) AS held
""",
    """
SELECT count(*) FROM (
    SELECT FROM certificate
    WHERE organization_id = $1 AND revoked_at IS NULL AND assignment_id IN (
        SELECT id FROM assignment
        WHERE organization_id = $1 AND curriculum_id = ANY($2) AND state = 'completed'
    )
    ORDER BY id FOR SHARE
) AS held
""",
)


class GateNotMet(Conflict):
    slug = "gate-not-met"
    title = "The gate is not met"
    explanation = (
        "Too few are trained. `teams` lists each team that lacks people with what it has, what it needs and who is "
        "missing; an approved override lets a team through."
    )

    def __init__(self, template: str, /, *, teams: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(template)
        self.teams = teams

    def members(self) -> dict[str, object]:
        return {"teams": [_told(team) for team in self.teams]}


def _told(team: Mapping[str, Any]) -> dict[str, object]:
    """A team as a member of the problem, with a text for people."""
    people = team["missing"]["people"]
    params = {
        "team": team["team_name"] or "–",
        **{name: team[name] for name in ("have", "of", "need")},
        "waived": team["waived"]["total"],
        "people": ", ".join(person["name"] for person in people)
        + (" …" if team["missing"]["total"] > len(people) else ""),
    }
    if team["of"] == 0:
        error = FieldError("", "{team}: nobody counts, so nobody is trained.", params)
    elif team["waived"]["total"]:
        error = FieldError(
            "",
            "{team}: {have} of {of} are trained or waived ({waived} waived), {need} are needed. "
            "Missing: {people}.",
            params,
        )
    else:
        error = FieldError(
            "", "{team}: {have} of {of} are trained, {need} are needed. Missing: {people}.", params
        )
    return {**team, "template": error.template, "params": error.params}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: on which day, how much of it, and for whose eyes (None: names of every team)."""

    on: date
    viewer_id: UUID | None = None
    people: int = NAMED
    teams: int = TEAMS


@dataclass(frozen=True, slots=True)
class Gate:
    """What is judged: whom the rollout is for, and what they must have."""

    rollout_id: UUID
    audience_id: UUID | None
    team_ids: Sequence[UUID]
    required_curricula: Sequence[UUID]
    min_pct: int
    go_live_on: date


_GATE = """
SELECT r.audience_id, r.team_ids, r.required_curricula, r.min_pct, r.go_live_on, t.owner_id
FROM rollout AS r
JOIN tool AS t ON t.organization_id = r.organization_id AND t.id = r.tool_id
WHERE r.organization_id = $1 AND r.id = $2
"""


async def gate_of(reader: Reader, rollout_id: UUID) -> tuple[Gate, UUID]:
    """The gate of a rollout, and who owns its tool; raises `NotFound`."""
    row = await reader.connection.fetchrow(_GATE, reader.organization_id, rollout_id)
    if row is None:
        raise NotFound("There is no such {thing}.", thing="rollout")
    *gate, owner_id = row
    return Gate(rollout_id, *gate), owner_id


async def readiness(reader: Reader, gate: Gate, asked: Asked) -> dict[str, Any]:
    """How each team stands to the gate; first those that do not meet it."""
    return await _judge(reader, gate, asked, failing_only=False)


def require_sees(told: Mapping[str, Any]) -> None:
    """Refuse with `Forbidden` whoever was found to lead neither a team in it nor people."""
    if not told["sees"]:
        raise Forbidden(
            "This is for trainers, managers, admins, the owner of the tool and those who lead people in it."
        )


async def require_gate(reader: Reader, rollout: Rollout, today: date) -> dict[str, Any]:
    """Judge the gate within the transaction, holding what it rests on until that ends; raises `GateNotMet`.

    Returns the figures that were judged.
    """
    gate = Gate(
        rollout.id,
        rollout.audience_id,
        rollout.team_ids,
        rollout.required_curricula,
        rollout.min_pct,
        rollout.go_live_on,
    )
    for hold in _HOLD:
        await reader.connection.fetchval(hold, reader.organization_id, gate.required_curricula)
    told = await _judge(reader, gate, Asked(today), failing_only=True)
    if told["of"] == 0:
        raise GateNotMet("Nobody counts, so nobody is trained: look at who is left out.")
    if not told["may_go_live"]:
        raise GateNotMet("Too few are trained to go live.", teams=told["teams"])
    return {name: told[name] for name in _FIGURES}


async def _judge(reader: Reader, gate: Gate, asked: Asked, *, failing_only: bool) -> dict[str, Any]:
    text = await fetch_at_once(
        reader,
        _READINESS,
        reader.organization_id,
        gate.audience_id,
        gate.team_ids,
        gate.required_curricula,
        asked.on,
        gate.min_pct,
        asked.viewer_id,
        gate.rollout_id,
        asked.people,
        failing_only,
        asked.teams,
    )
    told: dict[str, Any] = orjson.loads(text)
    return told


async def fetch_at_once(reader: Reader, statement: str, *arguments: Any) -> str:
    """The answer of a statement over POPULATION, whose parts are joined by hashing, in memory.

    PostgreSQL cannot tell how many people the audience holds, and may take them for few.
    """
    await reader.connection.execute("SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '32MB'")
    text: str = await reader.connection.fetchval(statement, *arguments)
    await reader.connection.execute("SET LOCAL enable_nestloop = on; RESET work_mem")
    return text


_IN_AUDIENCE = """
SELECT EXISTS (
    SELECT FROM person AS p
    WHERE p.organization_id = $1 AND p.team_id = $4 AND (
        p.team_id = ANY($3) OR EXISTS (
            SELECT FROM audience_member AS m
            WHERE m.organization_id = $1 AND m.audience_id = $2 AND m.person_id = p.id
        )
    )
)
"""


async def is_in_audience(reader: Reader, rollout: Rollout, team_id: UUID) -> bool:
    """Whether the rollout is for somebody in this team."""
    there: bool = await reader.connection.fetchval(
        _IN_AUDIENCE, reader.organization_id, rollout.audience_id, rollout.team_ids, team_id
    )
    return there


_GATE_OVER = """
SELECT r.id, t.name
FROM rollout AS r
JOIN tool AS t ON t.organization_id = r.organization_id AND t.id = r.tool_id
WHERE r.organization_id = $1 AND r.audience_id = $2
    AND coalesce(r.paused_in, r.state) IN ('training', 'ready')
ORDER BY r.go_live_on, r.id
LIMIT 1
"""


async def require_no_gate_over(reader: Reader, audience_id: UUID) -> None:
    """Refuse with `Frozen` while a rollout to a locked audience is in training or ready: its gate would be another one."""
    row = await reader.connection.fetchrow(_GATE_OVER, reader.organization_id, audience_id)
    if row is not None:
        raise Frozen(
            "The rollout of {tool} ({rollout_id}) is in training: whom it is for holds until it is live.",
            tool=row["name"],
            rollout_id=row["id"],
        )
