"""Whom a question goes to: the people whose answers on its topic were accepted, most and latest first.

Two at least where a topic is named, and one of them from outside the asker's team: what a team does not know, it does not
know together. Where fewer are known, the seller, the delivery lead, leads of other teams and colleagues fill up. A question
without a topic goes to its owner, the seller and the lead. Never to the asker, never to somebody who left. An answer that its
author accepted themselves makes nobody an expert.
"""

from datetime import UTC
from enum import StrEnum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import reader_of
from services.handover.domain.handover import Handover
from services.handover.domain.question import Question


class RoutingReason(StrEnum):
    """Why somebody is asked; the first ones weigh most."""

    owner = "owner"
    accepted_answers = "accepted_answers"
    seller = "seller"
    delivery_lead = "delivery_lead"
    team_lead = "team_lead"
    colleague = "colleague"


# The places of RoutingReason are the ranks; at most three by their answers, two at least, and one of another team.
_ROUTE = """
WITH asker AS MATERIALIZED (
  SELECT (SELECT team_id FROM person WHERE organization_id = $1 AND id = $2) AS team_id
), candidate (id, rank, answers, last_at) AS (
  SELECT $4::uuid, 1, NULL::bigint, NULL::timestamptz
  UNION ALL (
    SELECT a.author_id, 2, count(*), max(a.accepted_at)
    FROM question q
    JOIN answer a ON a.organization_id = q.organization_id AND a.question_id = q.id
    WHERE q.organization_id = $1 AND q.topic_key = $3::text
      AND a.accepted_at IS NOT NULL AND a.accepted_by <> a.author_id
    GROUP BY a.author_id
  )
  UNION ALL SELECT $5::uuid, 3, NULL, NULL
  UNION ALL SELECT $6::uuid, 4, NULL, NULL
  UNION ALL (
    SELECT t.lead_id, 5, NULL, NULL
    FROM team t
    JOIN person p ON p.organization_id = t.organization_id AND p.id = t.lead_id AND p.active
    WHERE t.organization_id = $1 AND $3::text IS NOT NULL AND t.lead_id <> $2
      AND t.id IS DISTINCT FROM (SELECT team_id FROM asker)
      AND p.team_id IS DISTINCT FROM (SELECT team_id FROM asker)
    ORDER BY t.name, t.id
    LIMIT 5
  )
  UNION ALL (
    SELECT id, 6, NULL, NULL FROM person
    WHERE organization_id = $1 AND $3::text IS NOT NULL AND active AND id <> $2
      AND team_id IS DISTINCT FROM (SELECT team_id FROM asker)
    ORDER BY id
    LIMIT 5
  )
  UNION ALL (
    SELECT id, 7, NULL, NULL FROM person
    WHERE organization_id = $1 AND $3::text IS NOT NULL AND active AND id <> $2
      AND team_id = (SELECT team_id FROM asker)
    ORDER BY id
    LIMIT 5
  )
), once AS (
  SELECT c.id, min(c.rank) AS rank, max(c.answers) AS answers, max(c.last_at) AS last_at,
    coalesce(p.team_id = (SELECT team_id FROM asker), false) AS same_team
  FROM candidate c
  JOIN person p ON p.organization_id = $1 AND p.id = c.id
  WHERE p.active AND c.id <> $2
  GROUP BY c.id, p.team_id
), placed AS (
  SELECT *, row_number() OVER best AS place,
    greatest(2, least(3, count(*) FILTER (WHERE rank <= 2) OVER ())) AS wanted
  FROM once
  WINDOW best AS (ORDER BY rank, answers DESC NULLS LAST, last_at DESC NULLS LAST, id)
), outside AS (
  SELECT *, min(place) FILTER (WHERE NOT same_team) OVER () AS first_outside FROM placed
)
SELECT id, rank, answers, last_at FROM outside
WHERE place <= wanted OR place = first_outside
ORDER BY place
"""
_REASONS = [*RoutingReason, RoutingReason.colleague]


async def route(
    session: AsyncSession, question: Question, handover: Handover
) -> list[dict[str, Any]]:
    """Whom the question goes to and why, the best first, as the directory and the answers stand in this transaction."""
    reader = reader_of(session)
    rows = await reader.connection.fetch(
        _ROUTE,
        reader.organization_id,
        question.asked_by,
        question.topic_key,
        question.owner_id,
        handover.seller_id,
        handover.delivery_lead_id,
    )
    return [
        {
            "person_id": str(row["id"]),
            "reason": _REASONS[row["rank"] - 1],
            "accepted_answers": row["answers"] or 0,
            "last_accepted_at": _written(row["last_at"]),
        }
        for row in rows
    ]


def _written(moment: Any) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
