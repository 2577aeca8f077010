"""A customer at a glance: what we promised, what is open, what they last told us, and who is responsible now."""

from datetime import date
from uuid import UUID

from sqlalchemy import text

from services.chassis.database import Reader, Viewer
from services.chassis.errors import NotFound
from services.chassis.statement import Statement
from services.handover.domain.correcting import corrections_with_customer

# More than these nobody reads while somebody stands there; the totals say what was left out.
MOST = 10
_TALK = frozenset({"meeting", "call", "email"})

# What may not be shared is not looked at: it is read at its handover.
_GLANCE = """
WITH of_customer AS MATERIALIZED (
  SELECT h.id, h.title, h.state, h.risk, h.planned_end, h.seller_id, h.delivery_lead_id,
    h.state NOT IN ('completed', 'closed', 'cancelled') AS is_open
  FROM handover h
  WHERE h.organization_id = CAST(:organization_id AS uuid) AND h.customer_id = CAST(:customer_id AS uuid)
), open_one AS MATERIALIZED (
  SELECT of_customer.*, p.id AS responsible_id, p.name AS responsible_name, p.email AS responsible_email,
    CASE WHEN delivery_lead_id IS NULL THEN 'seller' ELSE 'delivery_lead' END AS responsible_as
  FROM of_customer
  LEFT JOIN person p ON p.organization_id = CAST(:organization_id AS uuid)
    AND p.id = coalesce(delivery_lead_id, seller_id)
  WHERE is_open
), promised AS (
  SELECT p.id, p.handover_id, p.statement, p.kind, p.state, p.due_on, p.due_on < CAST(:today AS date) AS overdue
  FROM promise p JOIN open_one ON open_one.id = p.handover_id
  WHERE p.organization_id = CAST(:organization_id AS uuid)
    AND p.state IN ('offered', 'accepted', 'conditional', 'declined')
), asked AS (
  SELECT q.id, q.handover_id, q.text, q.due_on
  FROM question q JOIN open_one ON open_one.id = q.handover_id
  WHERE q.organization_id = CAST(:organization_id AS uuid) AND q.state = 'open' AND q.blocking
), told AS (
  (SELECT 'log' AS kind, l.id, l.handover_id, l.at, l.kind AS how, l.text, CAST(NULL AS text) AS said_by
   FROM of_customer CROSS JOIN LATERAL (
     SELECT e.id, e.handover_id, e.at, CAST(e.kind AS text) AS kind, e.text FROM log_entry e
     WHERE e.organization_id = CAST(:organization_id AS uuid) AND e.handover_id = of_customer.id
       AND e.kind IN ('meeting', 'call', 'email') AND e.id <> ALL (CAST(:overruled AS uuid[]))
     ORDER BY e.at DESC, e.id DESC LIMIT CAST(:most AS bigint)
   ) AS l
   ORDER BY l.at DESC, l.id DESC LIMIT CAST(:most AS bigint))
  UNION ALL
  (SELECT 'log', e.id, e.handover_id, e.at, stand_in.kind, e.text, NULL
   FROM unnest(CAST(:stand_ins AS uuid[]), CAST(:stand_in_kinds AS text[])) AS stand_in (id, kind)
   JOIN log_entry e ON e.organization_id = CAST(:organization_id AS uuid) AND e.id = stand_in.id
   ORDER BY e.at DESC, e.id DESC LIMIT CAST(:most AS bigint))
  UNION ALL
  (SELECT 'voice', v.id, v.handover_id, v.said_at, CAST(v.channel AS text), v.quote, v.said_by
   FROM of_customer JOIN customer_voice v ON v.organization_id = CAST(:organization_id AS uuid)
     AND v.handover_id = of_customer.id
   WHERE v.may_share AND v.quote IS NOT NULL
   ORDER BY v.said_at DESC, v.id DESC LIMIT CAST(:most AS bigint))
)
SELECT CAST(json_build_object(
  'customer', json_build_object('id', c.id, 'name', c.name, 'country', c.country,
    'registration_number', c.registration_number, 'website', c.website, 'phones', c.phones, 'emails', c.emails),
  'promises', json_build_object(
    'total', (SELECT count(*) FROM promised),
    'overdue', (SELECT count(*) FROM promised WHERE overdue),
    'items', (SELECT coalesce(json_agg(json_build_object('id', i.id, 'handover_id', i.handover_id,
        'statement', i.statement, 'kind', i.kind, 'state', i.state, 'due_on', i.due_on,
        'overdue', coalesce(i.overdue, false)) ORDER BY i.due_on NULLS LAST, i.id), CAST('[]' AS json))
      FROM (SELECT * FROM promised ORDER BY due_on NULLS LAST, id LIMIT CAST(:most AS bigint)) AS i)),
  'handovers', json_build_object(
    'total', (SELECT count(*) FROM open_one),
    'items', (SELECT coalesce(json_agg(json_build_object('id', i.id, 'title', i.title, 'state', i.state,
        'risk', i.risk, 'planned_end', i.planned_end, 'responsible', CASE WHEN i.responsible_id IS NOT NULL THEN
          json_build_object('person_id', i.responsible_id, 'name', i.responsible_name,
            'email', i.responsible_email, 'as', i.responsible_as) END) ORDER BY i.id DESC), CAST('[]' AS json))
      FROM (SELECT * FROM open_one ORDER BY id DESC LIMIT CAST(:most AS bigint)) AS i)),
  'blocking_questions', json_build_object(
    'total', (SELECT count(*) FROM asked),
    'items', (SELECT coalesce(json_agg(json_build_object('id', i.id, 'handover_id', i.handover_id, 'text', i.text,
        'due_on', i.due_on) ORDER BY i.due_on NULLS LAST, i.id), CAST('[]' AS json))
      FROM (SELECT * FROM asked ORDER BY due_on NULLS LAST, id LIMIT CAST(:most AS bigint)) AS i)),
  'last_told', (SELECT coalesce(json_agg(json_build_object('kind', i.kind, 'id', i.id, 'handover_id', i.handover_id,
      'at', i.at, 'how', i.how, 'text', i.text, 'said_by', i.said_by) ORDER BY i.at DESC, i.id DESC), CAST('[]' AS json))
    FROM (SELECT * FROM told ORDER BY at DESC, id DESC LIMIT CAST(:most AS bigint)) AS i)
) AS text) AS glance
FROM customer c
WHERE c.organization_id = CAST(:organization_id AS uuid) AND c.id = CAST(:customer_id AS uuid)
"""
_STATEMENT = Statement(text(_GLANCE))


async def glance_at(reader: Reader | Viewer, customer_id: UUID, today: date) -> str:
    """What to know of a customer who just walked in, as JSON; raises `NotFound`."""
    corrections = await corrections_with_customer(reader, customer_id, _TALK)
    values = {
        "organization_id": reader.organization_id,
        "customer_id": customer_id,
        "today": today,
        "most": MOST,
        "overruled": list(corrections.overruled),
        "stand_ins": list(corrections.stand_ins),
        "stand_in_kinds": list(corrections.stand_ins.values()),
    }
    row = await reader.fetchrow(_STATEMENT, values)
    if row is None:
        raise NotFound("There is no such {thing}.", thing="customer")
    glance: str = row[0]
    return glance
