"""What training came to, on Kirkpatrick's four levels: reaction, learning, behaviour, results. One statement.

A level of which nothing is known is null, with the reason, and never 0; so is a figure that rests on fewer than five people.
Learning is told by the attempts at assessments that were graded: `first_attempt_pass_rate` is the share of first attempts (of a
cycle) that passed, `mean_score` goes from 0 to 1. Behaviour is told by the tools that went live: how many of them people work
with every day. Voided attempts count nowhere.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import text

from services.chassis.database import Viewer
from services.chassis.errors import FieldError
from services.chassis.statement import Statement
from services.onboarding.domain.report import FEWEST_PEOPLE

_FIGURES = Statement(
    text("""
WITH tried AS (
    SELECT t.person_id, t.state, t.score, t.number
    FROM attempt AS t
    JOIN person AS p ON p.organization_id = t.organization_id AND p.id = t.person_id
    LEFT JOIN assignment AS a ON a.organization_id = t.organization_id AND a.id = t.assignment_id
    WHERE t.organization_id = CAST(:organization_id AS uuid) AND t.state IN ('passed', 'failed')
        AND t.submitted_at >= CAST(:since AS timestamptz)
        AND t.submitted_at < CAST(:until AS timestamptz)
        AND (CAST(:teams AS uuid[]) IS NULL OR p.team_id = ANY(CAST(:teams AS uuid[])))
        AND (
            CAST(:curriculum_id AS uuid) IS NULL
            OR a.curriculum_id = CAST(:curriculum_id AS uuid)
        )
), learned AS (
    SELECT count(*) AS attempts, count(DISTINCT person_id) AS people,
        count(*) FILTER (WHERE number = 1) AS first_attempts,
        avg(score) AS mean_score, avg(CAST(state = 'passed' AS int)) AS pass_rate,
        avg(CAST(state = 'passed' AS int)) FILTER (WHERE number = 1) AS first_attempt_pass_rate
    FROM tried
), used AS (
    SELECT count(*) AS live, count(*) FILTER (WHERE state = 'adopted') AS adopted
    FROM rollout
    WHERE organization_id = CAST(:organization_id AS uuid) AND state IN ('live', 'adopted')
        AND went_live_at >= CAST(:since AS timestamptz)
        AND went_live_at < CAST(:until AS timestamptz)
        AND (
            CAST(:curriculum_id AS uuid) IS NULL
            OR CAST(:curriculum_id AS uuid) = ANY(required_curricula)
        )
)
SELECT people, live, CAST(json_build_object(
    'attempts', attempts, 'first_attempts', first_attempts,
    'mean_score', round(mean_score, 3), 'pass_rate', round(pass_rate, 3),
    'first_attempt_pass_rate', round(first_attempt_pass_rate, 3)
) AS text) AS learning, CAST(json_build_object(
    'rollouts_live', live, 'rollouts_adopted', adopted,
    'adoption_rate', round(adopted / nullif(live, 0)::numeric, 3)
) AS text) AS behaviour
FROM learned, used
""")
)
_NOT_COLLECTED = FieldError("", "Nobody is asked how they liked it, so nothing is known.")
_NO_ATTEMPTS = FieldError("", "Nobody's attempt at an assessment was graded.")
_TOO_FEW = FieldError("", "Fewer than {count} people: withheld.", {"count": FEWEST_PEOPLE})
_NOT_BY_TEAM = FieldError("", "Tools are adopted by everybody, not by one team.")
_NOTHING_LIVE = FieldError("", "No tool went live.")
_ELSEWHERE = FieldError("", "Results are told by the value and the outcomes of handovers.")


def _level(
    number: int,
    name: str,
    people: int | None,
    figures: str | None,
    why: tuple[str, FieldError] | None,
) -> dict[str, Any]:
    return {
        "level": number,
        "name": name,
        "people": people,
        "figures": None if figures is None or why is not None else orjson.loads(figures),
        "why": None if why is None else why[0],
        "detail": None if why is None else why[1],
    }


async def kirkpatrick(reader: Viewer, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The four levels; `detail` of one without figures says why, to be translated."""
    asked = {**values, "organization_id": reader.organization_id}
    row = await reader.fetchrow(_FIGURES, asked)
    assert row is not None  # aggregates over nothing are a row, too
    people, live = row["people"], row["live"]
    learning = behaviour = None
    if people == 0:
        learning = ("no_data", _NO_ATTEMPTS)
    elif people < FEWEST_PEOPLE:
        learning = ("fewer_than_five", _TOO_FEW)
    if values["teams"] is not None:
        behaviour = ("not_by_team", _NOT_BY_TEAM)
    elif live == 0:
        behaviour = ("no_data", _NOTHING_LIVE)
    return [
        _level(1, "reaction", None, None, ("not_collected", _NOT_COLLECTED)),
        _level(2, "learning", people if learning is None else None, row["learning"], learning),
        _level(3, "behaviour", None, row["behaviour"], behaviour),
        _level(4, "results", None, None, ("elsewhere", _ELSEWHERE)),
    ]
