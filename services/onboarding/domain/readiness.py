"""The gate of a rollout: who of each team counts, who has what it requires, and who is missing. One statement.

Who counts: the active people of the audience, but for those who rest from a required curriculum (leave, or another reason
that somebody gave); everyone left out is told with the reason. A person has a curriculum when an assignment of it is
completed. A team meets the gate when as many have everything as it takes: need = ⌈min_pct × those who count ÷ 100⌉.
It may go live, too, with an override that a second person approved and that has not run out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson

from services.chassis.database import Reader
from services.chassis.errors import Conflict, FieldError, NotFound
from services.onboarding.domain.rollout import Rollout

# People that are named of each team, and teams, unless somebody asks for fewer or more.
NAMED = 50
TEAMS = 200
# What is kept of a gate that was met.
_FIGURES = ("on", "min_pct", "of", "trained", "missing", "left_out", "override_ids")

_READINESS = """
WITH evidence AS MATERIALIZED (
    SELECT a.person_id, a.curriculum_id, a.state
    FROM assignment AS a
    WHERE a.organization_id = $1 AND a.curriculum_id = ANY($4)
        AND a.state IN ('completed', 'suspended')
    HOLD
), by_curriculum AS (
    SELECT person_id, curriculum_id, bool_or(state = 'completed') AS has,
        bool_or(state = 'suspended') AS rests
    FROM evidence
    GROUP BY person_id, curriculum_id
), standing AS (
    SELECT person_id, array_agg(curriculum_id) FILTER (WHERE has) AS has,
        bool_or(rests AND NOT has) AS rests
    FROM by_curriculum
    GROUP BY person_id
), member AS (
    SELECT p.id, p.name, p.team_id, p.manager_id, s.has,
        CASE WHEN NOT p.active THEN 'inactive' WHEN s.rests THEN 'suspended' END AS left_out,
        coalesce(cardinality(s.has), 0) >= cardinality($4) AS ready
    FROM person AS p
    LEFT JOIN standing AS s ON s.person_id = p.id
    WHERE p.organization_id = $1 AND p.team_id = ANY($3)
), counted AS (
    SELECT team_id, count(*) FILTER (WHERE left_out IS NULL) AS of,
        count(*) FILTER (WHERE left_out IS NULL AND ready) AS trained,
        count(*) FILTER (WHERE left_out = 'inactive') AS inactive,
        count(*) FILTER (WHERE left_out = 'suspended') AS suspended,
        bool_or(manager_id = $7) AS manages
    FROM member
    GROUP BY team_id
), judged AS (
    SELECT c.*, t.name AS team_name, n.need, c.trained >= n.need AS met, o.id AS override_id,
        $7::uuid IS NULL OR t.lead_id IS NOT DISTINCT FROM $7 OR coalesce(c.manages, false)
            AS named
    FROM counted AS c
    LEFT JOIN team AS t ON t.organization_id = $1 AND t.id = c.team_id
    CROSS JOIN LATERAL (SELECT (c.of * $5::int + 99) / 100 AS need) AS n
    LEFT JOIN LATERAL (
        SELECT o.id FROM override AS o
        WHERE o.organization_id = $1 AND o.rollout_id = $2 AND o.team_id = c.team_id
            AND o.state = 'approved' AND o.expires_on >= $6
        ORDER BY o.expires_on DESC, o.id
        LIMIT 1
    ) AS o ON true
), shown AS (
    SELECT * FROM judged
    WHERE NOT ($9::bool AND (met OR override_id IS NOT NULL))
    ORDER BY met OR override_id IS NOT NULL, team_name, team_id
    LIMIT $10
), ranked AS (
    SELECT m.*, row_number() OVER (
        PARTITION BY m.team_id, m.left_out IS NULL ORDER BY m.name, m.id
    ) AS place
    FROM member AS m
    JOIN shown AS s ON s.team_id = m.team_id AND s.named
    WHERE m.left_out IS NOT NULL OR NOT m.ready
), people AS (
    SELECT team_id,
        json_agg(json_build_object('person_id', id, 'name', name, 'lacks', (
            SELECT json_agg(asked ORDER BY asked) FROM unnest($4::uuid[]) AS asked
            WHERE has IS NULL OR asked <> ALL(has)
        )) ORDER BY place) FILTER (WHERE left_out IS NULL) AS missing,
        json_agg(json_build_object('person_id', id, 'name', name, 'reason', left_out)
            ORDER BY place) FILTER (WHERE left_out IS NOT NULL) AS left_out
    FROM ranked
    WHERE place <= $8
    GROUP BY team_id
)
SELECT json_build_object(
    'rollout_id', $2::uuid,
    'on', $6::date,
    'min_pct', $5::int,
    'may_go_live', coalesce(sum(of), 0) > 0
        AND coalesce(bool_and(met OR override_id IS NOT NULL), false),
    'of', coalesce(sum(of), 0),
    'trained', coalesce(sum(trained), 0),
    'missing', coalesce(sum(of - trained), 0),
    'left_out', coalesce(sum(inactive + suspended), 0),
    'teams_total', count(*),
    'override_ids', coalesce(
        json_agg(override_id) FILTER (WHERE NOT met AND override_id IS NOT NULL), '[]'
    ),
    'sees', coalesce(bool_or(named), $7::uuid IS NULL),
    'teams', coalesce((
        SELECT json_agg(json_build_object(
            'team_id', s.team_id, 'team_name', s.team_name,
            'of', s.of, 'trained', s.trained, 'have', s.trained, 'need', s.need,
            'met', s.met, 'override_id', s.override_id,
            'missing', json_build_object(
                'total', s.of - s.trained, 'people', coalesce(p.missing, '[]')
            ),
            'left_out', json_build_object(
                'total', s.inactive + s.suspended,
                'by_reason', json_build_object(
                    'inactive', s.inactive, 'suspended', s.suspended
                ),
                'people', coalesce(p.left_out, '[]')
            )
        ) ORDER BY s.met OR s.override_id IS NOT NULL, s.team_name, s.team_id)
        FROM shown AS s LEFT JOIN people AS p ON p.team_id = s.team_id
    ), '[]')
)::text
FROM judged
"""
_READ = _READINESS.replace("HOLD", "")
# Whoever would take away what was counted waits until the tool is live, or comes first and is seen.
_HELD = _READINESS.replace("HOLD", "FOR SHARE")


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
    error = FieldError(
        "",
        "{team}: {have} of {of} are trained, {need} are needed. Missing: {people}.",
        {
            "team": team["team_name"] or "–",
            **{name: team[name] for name in ("have", "of", "need")},
            "people": ", ".join(person["name"] for person in people)
            + (" …" if team["missing"]["total"] > len(people) else ""),
        },
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
    team_ids: Sequence[UUID]
    required_curricula: Sequence[UUID]
    min_pct: int


_GATE = """
SELECT r.team_ids, r.required_curricula, r.min_pct, t.owner_id
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
    return await _judge(reader, _READ, gate, asked, failing_only=False)


async def require_gate(reader: Reader, rollout: Rollout, today: date) -> dict[str, Any]:
    """Judge the gate within the transaction, holding what it rests on until that ends; raises `GateNotMet`.

    Returns the figures that were judged.
    """
    gate = Gate(rollout.id, rollout.team_ids, rollout.required_curricula, rollout.min_pct)
    told = await _judge(reader, _HELD, gate, Asked(today), failing_only=True)
    if told["of"] == 0:
        raise GateNotMet("Nobody counts, so nobody is trained: look at who is left out.")
    if not told["may_go_live"]:
        raise GateNotMet("Too few are trained to go live.", teams=told["teams"])
    return {name: told[name] for name in _FIGURES}


async def _judge(
    reader: Reader, statement: str, gate: Gate, asked: Asked, *, failing_only: bool
) -> dict[str, Any]:
    text = await reader.connection.fetchval(
        statement,
        reader.organization_id,
        gate.rollout_id,
        gate.team_ids,
        gate.required_curricula,
        gate.min_pct,
        asked.on,
        asked.viewer_id,
        asked.people,
        failing_only,
        asked.teams,
    )
    told: dict[str, Any] = orjson.loads(text)
    return told
