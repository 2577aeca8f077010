"""What a brief tells of, as it stands in the database."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from services.chassis.database import Reader
from services.chassis.errors import NotFound
from services.handover.domain.correcting import corrections_in_handover

# Of each kind of entry; what is left out is counted.
_MOST = 1000
_MOST_LOGGED = 100
_TOLD = frozenset({"decision", "change"})

# One statement: PostgreSQL builds the whole. Of the customer's voices only those that may be shared.
_BRIEF = """
SELECT json_build_object(
  'handover', to_jsonb(h) || jsonb_build_object('amount', h.amount::text),
  'customer', c.name,
  'seller', (SELECT to_jsonb(p) FROM person p WHERE p.organization_id = $1 AND p.id = h.seller_id),
  'lead', (SELECT to_jsonb(p) FROM person p WHERE p.organization_id = $1 AND p.id = h.delivery_lead_id),
  'staffed', (
    SELECT json_agg(x) FROM (
      SELECT p.name, p.email, s.starts_on, s.ends_on, s.allocation, n.competence
      FROM staffing s
      JOIN person p ON p.organization_id = s.organization_id AND p.id = s.person_id
      LEFT JOIN competence_need n ON n.organization_id = s.organization_id AND n.id = s.competence_need_id
      WHERE s.organization_id = $1 AND s.handover_id = $2 ORDER BY s.starts_on, s.id LIMIT $3
    ) x),
  'stakeholders', (
    SELECT json_agg(x) FROM (
      SELECT name, role, email, phone, preferences FROM stakeholder
      WHERE organization_id = $1 AND handover_id = $2 ORDER BY id LIMIT $3
    ) x),
  'promises', (
    SELECT json_agg(x) FROM (
      SELECT p.statement, p.kind, p.state, p.due_on, p.done_when, p.said_to, p.said_on,
        r.restated, r.stance, r.condition, count(*) OVER () AS total
      FROM promise p
      LEFT JOIN read_back r ON r.organization_id = p.organization_id AND r.promise_id = p.id AND r.voided_at IS NULL
      WHERE p.organization_id = $1 AND p.handover_id = $2 AND p.state <> 'superseded'
      ORDER BY p.due_on NULLS LAST, p.id LIMIT $3
    ) x),
  'estimates', (
    SELECT json_agg(x) FROM (
      SELECT item, kind, optimistic_hours, likely_hours, pessimistic_hours, basis, basis_text, assumptions, exclusions,
        count(*) OVER () AS total
      FROM estimate
      WHERE organization_id = $1 AND handover_id = $2 AND superseded_at IS NULL ORDER BY id LIMIT $3
    ) x),
  'questions', (
    SELECT json_agg(x) FROM (
      SELECT q.text, q.topic, q.blocking, q.due_on, a.name AS asked_by, o.name AS owner, count(*) OVER () AS total
      FROM question q
      LEFT JOIN person a ON a.organization_id = q.organization_id AND a.id = q.asked_by
      LEFT JOIN person o ON o.organization_id = q.organization_id AND o.id = q.owner_id
      WHERE q.organization_id = $1 AND q.handover_id = $2 AND q.state = 'open' AND q.unknown_id IS NULL
      ORDER BY q.blocking DESC, q.due_on NULLS LAST, q.id LIMIT $3
    ) x),
  'unknowns', (
    SELECT json_agg(x) FROM (
      SELECT u.what, u.reason, u.due_on, o.name AS owner
      FROM unknown u
      LEFT JOIN person o ON o.organization_id = u.organization_id AND o.id = u.owner_id
      WHERE u.organization_id = $1 AND u.handover_id = $2 AND u.resolved_at IS NULL
      ORDER BY u.due_on, u.id LIMIT $3
    ) x),
  'found_out', (
    SELECT json_agg(x) FROM (
      SELECT q.text, q.topic, u.what, a.text AS answer, p.name AS answered_by, a.accepted_at,
        count(*) OVER () AS total
      FROM question q
      JOIN answer a ON a.organization_id = q.organization_id AND a.question_id = q.id AND a.accepted_at IS NOT NULL
      LEFT JOIN unknown u ON u.organization_id = q.organization_id AND u.id = q.unknown_id
      LEFT JOIN person p ON p.organization_id = a.organization_id AND p.id = a.author_id
      WHERE q.organization_id = $1 AND q.handover_id = $2 AND q.state = 'resolved'
      ORDER BY a.accepted_at DESC, q.id LIMIT $3
    ) x),
  'log', (
    SELECT json_agg(x) FROM (
      SELECT l.at, coalesce(stand_in.kind, l.kind::text) AS kind, l.text, a.name AS author, count(*) OVER () AS total
      FROM log_entry l
      LEFT JOIN unnest($6::uuid[], $7::text[]) AS stand_in (id, kind) ON stand_in.id = l.id
      LEFT JOIN person a ON a.organization_id = l.organization_id AND a.id = l.author_id
      WHERE l.organization_id = $1 AND l.handover_id = $2 AND l.id <> ALL ($5::uuid[])
        AND (l.kind IN ('decision', 'change') OR stand_in.id IS NOT NULL)
      ORDER BY l.at DESC, l.id DESC LIMIT $4
    ) x),
  'walkthroughs', (
    SELECT json_agg(x) FROM (
      SELECT starts_at, held_at, tz, place, link, state, notes FROM walkthrough
      WHERE organization_id = $1 AND handover_id = $2 AND state <> 'cancelled' ORDER BY starts_at DESC, id LIMIT $4
    ) x),
  'measures', (
    SELECT json_agg(x) FROM (
      SELECT m.name, m.unit, m.baseline::text, m.target::text, o.value::text, o.at
      FROM value_measure m
      LEFT JOIN LATERAL (
        SELECT o.value, o.at FROM value_observation o
        WHERE o.organization_id = $1 AND o.value_measure_id = m.id
          AND NOT EXISTS (
            SELECT 1 FROM value_observation later WHERE later.organization_id = $1 AND later.corrects = o.id
          )
        ORDER BY o.at DESC, o.id DESC LIMIT 1
      ) o ON true
      WHERE m.organization_id = $1 AND m.handover_id = $2 ORDER BY m.id LIMIT $4
    ) x),
  'outcome', (
    SELECT to_jsonb(x) FROM (
      SELECT result, ended_on, lessons FROM outcome WHERE organization_id = $1 AND id = $2
    ) x),
  'voices', (
    SELECT json_agg(x) FROM (
      SELECT quote, csat, nps, said_by, said_at FROM customer_voice
      WHERE organization_id = $1 AND handover_id = $2 AND may_share ORDER BY said_at DESC, id LIMIT $4
    ) x)
)::text
FROM handover h
JOIN customer c ON c.organization_id = h.organization_id AND c.id = h.customer_id
WHERE h.organization_id = $1 AND h.id = $2
"""


async def read_brief(reader: Reader, handover_id: UUID) -> Mapping[str, Any]:
    """What the brief of a handover tells of; raises `NotFound`."""
    corrections = await corrections_in_handover(reader, handover_id, _TOLD)
    told = await reader.connection.fetchval(
        _BRIEF,
        reader.organization_id,
        handover_id,
        _MOST,
        _MOST_LOGGED,
        list(corrections.overruled),
        list(corrections.stand_ins),
        list(corrections.stand_ins.values()),
    )
    if told is None:
        raise NotFound("There is no such {thing}.", thing="handover")
    found: dict[str, Any] = orjson.loads(told)
    return found
