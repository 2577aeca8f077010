"""A rollout over many people: how long its readiness takes, and an audience of them that is assigned a curriculum at once.

People, assignments and certificates are put into the tables as they would be after years; whoever asks goes through the
onboarding service's app in this process.
"""

import os
import time
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg
import httpx
import psutil
from fastapi import FastAPI

from benchmarks.assigning import (
    Meter,
    Rounds,
    client_of,
    measure_rounds,
    post,
    published_course,
    published_curriculum,
)
from benchmarks.report import Figure, Line, Ratio
from services.chassis.caller import Caller, Role
from services.chassis.internal_token import issue_for, utc_now
from services.chassis.keyring import Keyring
from services.chassis.tables import new_id
from services.installation import Installation, plain_address
from services.onboarding import app as onboarding

SMALL = 1_000
LARGE = 100_000
_IN_A_TEAM = 500


def readiness_ratio(people: int) -> Ratio:
    """How readiness grows from a thousand people."""
    return Ratio(
        f"readiness of a rollout: {people:,} ÷ {SMALL:,} people (time)",
        f"learning/readiness/{people}",
        f"learning/readiness/{SMALL}",
        Figure.p50,
    )


LARGE_RATIOS = [
    readiness_ratio(LARGE),
    Ratio(
        f"assigning to an audience of {LARGE:,}: the whole request ÷ bare INSERT … SELECT (time)",
        "learning/assign/request",
        "learning/assign/bare",
        Figure.p50,
        at_most=2.0,
    ),
]


async def measure_learning(
    installation: Installation,
    postgres: psutil.Process,
    rounds: int,
    sizes: Sequence[int],
    tell: Callable[[str], None],
    *,
    assigning: bool = False,
) -> list[Line]:
    """Readiness in firms of these sizes, in turn; with `assigning`, in the last one also an audience of everybody."""
    settings = installation.settings.model_copy(update={"scheduler": False})
    # Without neighbours nobody follows what it tells: a hundred thousand events would be heard in between.
    app = onboarding.create(settings, installation.url_of("onboarding"), neighbours={})
    keyring = Keyring.open(settings.keys_folder, "gateway")
    admin = await asyncpg.connect(plain_address(installation.admin_url()))
    try:
        async with app.router.lifespan_context(app):
            firms = []
            for people in sizes:
                tell(f"filling a firm of {people:,}")
                firms.append(await _filled(app, keyring, admin, people))
            lines = await _readiness_in_rounds(firms, postgres, rounds, tell)
            if assigning:
                last = firms[-1]
                audience = await _audience(last)

                async def nothing() -> None:
                    """Nobody hears of it."""

                at = Rounds(app, last.client, admin, postgres, rounds, tell, nothing)
                lines += await measure_rounds(
                    at,
                    "learning/assign",
                    " by an audience",
                    {"audience_id": audience},
                    last.people,
                )
            for firm in firms:
                await firm.client.aclose()
            return lines
    finally:
        await admin.close()


class _Firm:
    """An organization of so many people, and a rollout to all of them."""

    def __init__(self, people: int, client: httpx.AsyncClient) -> None:
        self.people = people
        self.client = client
        self.rollout_id = ""


async def _audience(firm: _Firm) -> str:
    made = await post(
        firm.client, "/v1/audiences", {"name": "Everybody", "rule": {"job_role": ["advisor"]}}
    )
    return str(made["id"])


async def _readiness_in_rounds(
    firms: Sequence[_Firm], postgres: psutil.Process, rounds: int, tell: Callable[[str], None]
) -> list[Line]:
    """Small, large, small, large …: what else the machine does hits both. The first round is not counted."""
    lines = {
        firm: Line(
            f"learning/readiness/{firm.people}",
            f"GET /v1/rollouts/{{id}}/readiness, {firm.people:,} people, without HTTP",
        )
        for firm in firms
    }
    us = psutil.Process(os.getpid())
    for number in range(rounds + 1):
        for firm, line in lines.items():
            tell(f"readiness of {firm.people:,}, round {number} of {rounds}")
            meter = Meter(us, postgres)
            answer = await firm.client.get(f"/v1/rollouts/{firm.rollout_id}/readiness")
            taken = meter.round()
            told = answer.raise_for_status().json()
            counted = told["of"] + told["left_out"]
            if counted != firm.people:
                raise RuntimeError(f"{counted} of {firm.people} people were judged")
            if number:
                line.rounds.append(taken)
    return list(lines.values())


# --- filling ----------------------------------------------------------------------------------------

_TEAMS = """
INSERT INTO onboarding.team (organization_id, id, name)
SELECT $1, id, 'Team ' || lpad(n::text, 4, '0') FROM unnest($2::uuid[]) WITH ORDINALITY AS t(id, n)
"""
_PEOPLE = """
INSERT INTO onboarding.person (
    organization_id, id, name, email, active, job_role, team_id, hire_date, version
)
SELECT $1, uuidv7(), 'Person ' || n, n || '@bench.example', true, 'advisor',
    ($2::uuid[])[1 + n % cardinality($2)], current_date - 400, 1
FROM generate_series(1, $3::int) AS n
"""
# Of ten, eight have completed it, one is on the way and one has not begun; of some the certificate has run out.
_ASSIGNMENTS = """
INSERT INTO onboarding.assignment (
    organization_id, id, person_id, curriculum_id, curriculum_version_id, state, sources,
    items_done, started_at, completed_at
)
SELECT $1, uuidv7(), id, $2, $3, state, '[]', (state <> 'assigned')::int,
    CASE WHEN state <> 'assigned' THEN now() END, CASE WHEN state = 'completed' THEN now() END
FROM (
    SELECT id, CASE
        WHEN n % 10 < 8 THEN 'completed' WHEN n % 10 = 8 THEN 'in_progress' ELSE 'assigned'
    END AS state
    FROM (SELECT id, row_number() OVER () AS n FROM onboarding.person WHERE organization_id = $1)
) AS p
"""
_CERTIFICATES = """
INSERT INTO onboarding.certificate (
    organization_id, id, person_id, assignment_id, curriculum_id, title, issued_on, expires_on,
    window_from
)
SELECT $1, uuidv7(), person_id, id, curriculum_id, 'In the shop', current_date - 100,
    current_date + (n % 200)::int - 10, current_date - 90
FROM (
    SELECT *, row_number() OVER () AS n FROM onboarding.assignment
    WHERE organization_id = $1 AND curriculum_id = $2 AND state = 'completed'
) AS a
"""


async def _filled(
    app: FastAPI, keyring: Keyring, admin: "asyncpg.Connection[asyncpg.Record]", people: int
) -> _Firm:
    organization_id = new_id()
    teams = [new_id() for _ in range(max(2, people // _IN_A_TEAM))]
    await admin.execute(_TEAMS, organization_id, teams)
    await admin.execute(_PEOPLE, organization_id, teams, people)
    somebody: UUID = await admin.fetchval(
        "SELECT id FROM onboarding.person WHERE organization_id = $1 LIMIT 1", organization_id
    )
    caller = Caller(organization_id, somebody, "Måla Benk", frozenset(Role))
    firm = _Firm(
        people, client_of(app, lambda: issue_for(keyring, caller, "onboarding", utc_now()))
    )
    course_id = await published_course(firm.client, "till")
    required = [
        await published_curriculum(firm.client, course_id, f"required-{number}")
        for number in range(2)
    ]
    for curriculum_id in map(UUID, required):
        version_id = await admin.fetchval(
            "SELECT id FROM onboarding.curriculum_version WHERE curriculum_id = $1", curriculum_id
        )
        await admin.execute(_ASSIGNMENTS, organization_id, curriculum_id, version_id)
        await admin.execute(_CERTIFICATES, organization_id, curriculum_id)
    tool = await post(firm.client, "/v1/tools", {"key": "till", "name": "The new till"})
    rollout = await post(
        firm.client,
        "/v1/rollouts",
        {
            "tool_id": tool["id"],
            "team_ids": [str(team) for team in teams],
            "go_live_on": time.strftime("%Y-12-31"),
            "gate": {"min_pct": 90, "requires": {"curricula": required}},
        },
    )
    firm.rollout_id = rollout["id"]
    for table in ("team", "person", "assignment", "certificate"):
        await admin.execute(f"VACUUM ANALYZE onboarding.{table}")
    return firm
