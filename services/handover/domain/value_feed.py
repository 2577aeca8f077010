"""What customers got out of it: what they said and let us share, promises kept, and values observed; and figures of a period.

A voice that may not be shared is in nothing of this, not even in a mean: of one rating, the mean is the rating.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from services.chassis.database import Reader, Viewer
from services.chassis.pages import Place
from services.chassis.statement import Statement


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, the last one included, as they begin and end in a time zone."""

    name: str
    first: date
    last: date

    def starts_at(self, zone: ZoneInfo) -> datetime:
        return datetime.combine(self.first, time(), zone)

    def ends_at(self, zone: ZoneInfo) -> datetime:
        """The first moment that is not in it any more."""
        return datetime.combine(self.last + timedelta(days=1), time(), zone)


def standard_periods(today: date) -> list[Period]:
    """Yesterday, the last whole weekend that is over, and this month until today."""
    yesterday = today - timedelta(days=1)
    sunday = today - timedelta(days=today.isoweekday())
    return [
        Period("yesterday", yesterday, yesterday),
        Period("last_weekend", sunday - timedelta(days=1), sunday),
        Period("this_month", today.replace(day=1), today),
    ]


# One branch a kind of thing, each read from an index by (organization, moment, id) no further than a page goes.
_ITEMS = """
WITH voice AS (
  SELECT 'voice' AS kind, v.said_at AS at, v.id, v.handover_id,
    json_build_object('phase', v.phase, 'channel', v.channel, 'csat', v.csat, 'nps', v.nps,
      'quote', v.quote, 'said_by', v.said_by) AS voice,
    CAST(NULL AS json) AS promise, CAST(NULL AS json) AS observation
  FROM customer_voice v
  WHERE v.organization_id = CAST(:organization_id AS uuid) AND v.may_share
    AND v.said_at >= CAST(:starts_at AS timestamptz)
    AND (v.said_at, v.id) < (CAST(:before AS timestamptz), CAST(:before_id AS uuid))
  ORDER BY v.said_at DESC, v.id DESC LIMIT CAST(:most AS bigint)
), kept AS (
  SELECT 'promise_kept', p.outcome_at, p.id, p.handover_id, CAST(NULL AS json),
    json_build_object('statement', p.statement, 'kind', p.kind, 'due_on', p.due_on, 'note', p.outcome_note),
    CAST(NULL AS json)
  FROM promise p
  WHERE p.organization_id = CAST(:organization_id AS uuid) AND p.state = 'kept'
    AND p.outcome_at >= CAST(:starts_at AS timestamptz)
    AND (p.outcome_at, p.id) < (CAST(:before AS timestamptz), CAST(:before_id AS uuid))
  ORDER BY p.outcome_at DESC, p.id DESC LIMIT CAST(:most AS bigint)
), observed AS (
  SELECT 'observation', o.at, o.id, o.handover_id, CAST(NULL AS json), CAST(NULL AS json),
    json_build_object('value_measure_id', m.id, 'name', m.name, 'unit', m.unit, 'value', o.value,
      'baseline', m.baseline, 'target', m.target, 'people_reached', m.people_reached,
      'progress', round((o.value - m.baseline) / (m.target - m.baseline), 4))
  FROM value_observation o
  JOIN value_measure m ON m.organization_id = o.organization_id AND m.id = o.value_measure_id
  WHERE o.organization_id = CAST(:organization_id AS uuid)
    AND o.at >= CAST(:starts_at AS timestamptz)
    AND (o.at, o.id) < (CAST(:before AS timestamptz), CAST(:before_id AS uuid))
    AND NOT EXISTS (
      SELECT 1 FROM value_observation later
      WHERE later.organization_id = o.organization_id AND later.corrects = o.id
    )
  ORDER BY o.at DESC, o.id DESC LIMIT CAST(:most AS bigint)
), page AS (
  SELECT * FROM (
    SELECT * FROM voice UNION ALL SELECT * FROM kept UNION ALL SELECT * FROM observed
  ) AS item
  ORDER BY at DESC, id DESC LIMIT CAST(:most AS bigint)
)
SELECT CAST(json_build_object(
    'kind', page.kind, 'id', page.id, 'at', page.at, 'customer_id', c.id, 'customer_name', c.name,
    'handover_id', h.id, 'handover_title', h.title,
    'voice', page.voice, 'promise', page.promise, 'observation', page.observation
  ) AS text) AS told, page.at, page.id
FROM page
JOIN handover h ON h.organization_id = CAST(:organization_id AS uuid) AND h.id = page.handover_id
JOIN customer c ON c.organization_id = h.organization_id AND c.id = h.customer_id
ORDER BY page.at DESC, page.id DESC
"""

# For every period at once. What counts as serving a customer: talking with them, keeping a promise, seeing what came of it.
_FIGURES = """
SELECT period.name, CAST(json_build_object(
  'customers', json_build_object('served', customer.served, 'of', customer.known),
  'people_reached', json_build_object('people', reached.people, 'measures', reached.measures),
  'csat', json_build_object('mean', voice.csat_mean, 'n', voice.csat_n, 'distribution',
    json_build_object('1', voice.csat_1, '2', voice.csat_2, '3', voice.csat_3, '4', voice.csat_4, '5', voice.csat_5)),
  'nps', json_build_object('score', round(100.0 * (voice.promoters - voice.detractors) / nullif(voice.nps_n, 0), 1),
    'n', voice.nps_n, 'promoters', voice.promoters,
    'passives', voice.nps_n - voice.promoters - voice.detractors, 'detractors', voice.detractors),
  'words', json_build_object('n', voice.words, 'latest', coalesce(words.latest, CAST('[]' AS json))),
  'promises', json_build_object('kept', promise.kept, 'broken', promise.broken,
    'kept_share', round(CAST(promise.kept AS numeric) / nullif(promise.kept + promise.broken, 0), 4)),
  'outcomes', json_build_object('succeeded', outcome.succeeded, 'partly', outcome.partly, 'failed', outcome.failed)
) AS text) AS told
FROM unnest(CAST(:names AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
    CAST(:firsts AS date[]), CAST(:lasts AS date[]))
  AS period(name, starts_at, ends_at, first, last)
CROSS JOIN LATERAL (
  SELECT count(v.csat) AS csat_n, round(avg(v.csat), 2) AS csat_mean,
    count(*) FILTER (WHERE v.csat = 1) AS csat_1, count(*) FILTER (WHERE v.csat = 2) AS csat_2,
    count(*) FILTER (WHERE v.csat = 3) AS csat_3, count(*) FILTER (WHERE v.csat = 4) AS csat_4,
    count(*) FILTER (WHERE v.csat = 5) AS csat_5, count(v.nps) AS nps_n,
    count(*) FILTER (WHERE v.nps >= 9) AS promoters, count(*) FILTER (WHERE v.nps <= 6) AS detractors,
    count(v.quote) AS words
  FROM customer_voice v
  WHERE v.organization_id = CAST(:organization_id AS uuid) AND v.may_share
    AND v.said_at >= period.starts_at AND v.said_at < period.ends_at
) AS voice
CROSS JOIN LATERAL (
  SELECT json_agg(json_build_object('voice_id', w.id, 'at', w.said_at, 'quote', w.quote, 'said_by', w.said_by,
    'customer_id', w.customer_id, 'customer_name', w.customer_name, 'handover_id', w.handover_id)
    ORDER BY w.said_at DESC, w.id DESC) AS latest
  FROM (
    SELECT v.id, v.said_at, v.quote, v.said_by, v.handover_id, c.id AS customer_id, c.name AS customer_name
    FROM customer_voice v
    JOIN handover h ON h.organization_id = v.organization_id AND h.id = v.handover_id
    JOIN customer c ON c.organization_id = h.organization_id AND c.id = h.customer_id
    WHERE v.organization_id = CAST(:organization_id AS uuid) AND v.may_share AND v.quote IS NOT NULL
      AND v.said_at >= period.starts_at AND v.said_at < period.ends_at
    ORDER BY v.said_at DESC, v.id DESC LIMIT 3
  ) AS w
) AS words
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE p.state = 'kept') AS kept, count(*) FILTER (WHERE p.state = 'broken') AS broken
  FROM promise p
  WHERE p.organization_id = CAST(:organization_id AS uuid)
    AND p.outcome_at >= period.starts_at AND p.outcome_at < period.ends_at
) AS promise
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE u.result = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE u.result = 'partly') AS partly, count(*) FILTER (WHERE u.result = 'failed') AS failed
  FROM outcome u
  WHERE u.organization_id = CAST(:organization_id AS uuid) AND u.ended_on BETWEEN period.first AND period.last
) AS outcome
CROSS JOIN LATERAL (
  SELECT coalesce(sum(m.people_reached), 0) AS people, count(m.people_reached) AS measures
  FROM (
    SELECT DISTINCT o.value_measure_id
    FROM value_observation o
    WHERE o.organization_id = CAST(:organization_id AS uuid)
      AND o.at >= period.starts_at AND o.at < period.ends_at
      AND NOT EXISTS (
        SELECT 1 FROM value_observation later
        WHERE later.organization_id = o.organization_id AND later.corrects = o.id
      )
  ) AS seen
  JOIN value_measure m ON m.organization_id = CAST(:organization_id AS uuid) AND m.id = seen.value_measure_id
) AS reached
CROSS JOIN LATERAL (
  SELECT count(DISTINCT h.customer_id) FILTER (WHERE touched.served) AS served, count(DISTINCT h.customer_id) AS known
  FROM (
    SELECT l.handover_id, true AS served FROM log_entry l
    WHERE l.organization_id = CAST(:organization_id AS uuid) AND l.kind IN ('meeting', 'call', 'email')
      AND l.at >= period.starts_at AND l.at < period.ends_at
    UNION
    SELECT v.handover_id, true FROM customer_voice v
    WHERE v.organization_id = CAST(:organization_id AS uuid) AND v.may_share
      AND v.said_at >= period.starts_at AND v.said_at < period.ends_at
    UNION
    SELECT p.handover_id, true FROM promise p
    WHERE p.organization_id = CAST(:organization_id AS uuid) AND p.state = 'kept'
      AND p.outcome_at >= period.starts_at AND p.outcome_at < period.ends_at
    UNION
    SELECT o.handover_id, true FROM value_observation o
    WHERE o.organization_id = CAST(:organization_id AS uuid)
      AND o.at >= period.starts_at AND o.at < period.ends_at
    UNION
    SELECT d.id, false FROM handover d
    WHERE d.organization_id = CAST(:organization_id AS uuid) AND d.state IN ('accepted', 'in_delivery')
      AND d.accepted_at < period.ends_at
    UNION
    SELECT d.id, false FROM handover d
    WHERE d.organization_id = CAST(:organization_id AS uuid)
      AND d.completed_at >= period.starts_at AND d.accepted_at < period.ends_at
  ) AS touched
  JOIN handover h ON h.organization_id = CAST(:organization_id AS uuid) AND h.id = touched.handover_id
) AS customer
"""

_ITEMS_STATEMENT = Statement(text(_ITEMS))
_FIGURES_STATEMENT = Statement(text(_FIGURES))


async def read_items(
    reader: Reader | Viewer, period: Period, zone: ZoneInfo, after: Place | None, most: int
) -> list[tuple[str, datetime, UUID]]:
    """The items of a period, newest first: each as JSON, its moment and its id."""
    rows = await reader.fetch(
        _ITEMS_STATEMENT,
        {
            "organization_id": reader.organization_id,
            "starts_at": period.starts_at(zone),
            # The end itself belongs to the next period: before any row of that moment.
            "before": period.ends_at(zone) if after is None else after.value,
            "before_id": UUID(int=0) if after is None else after.id,
            "most": most,
        },
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def read_figures(
    reader: Reader | Viewer, periods: Sequence[Period], zone: ZoneInfo
) -> dict[str, str]:
    """The figures of each period by its name, as JSON."""
    values: dict[str, Any] = {
        "organization_id": reader.organization_id,
        "names": [period.name for period in periods],
        "starts": [period.starts_at(zone) for period in periods],
        "ends": [period.ends_at(zone) for period in periods],
        "firsts": [period.first for period in periods],
        "lasts": [period.last for period in periods],
    }
    return {row[0]: row[1] for row in await reader.fetch(_FIGURES_STATEMENT, values)}
