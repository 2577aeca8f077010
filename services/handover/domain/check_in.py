"""Check-ins: how a consultant gets into it and whether they feel at home, asked while they are staffed.

Asked 1, 7 and 30 days after a staffing starts and then monthly, from the second month on. What is asked is derived from the
staffing each time somebody looks, so it is right without a scheduler and follows the staffing when that changes; only an
answer is stored. Its id is made of the handover, the consultant and the day: there is never one twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.database import Reader
from services.chassis.errors import Conflict, Forbidden, NotFound
from services.chassis.pages import Place
from services.chassis.tables import refers_to
from services.handover.domain.base import SCHEMA, Row
from services.handover.domain.handover import Handover

LOWEST, HIGHEST = 1, 5


class CheckIn(Row, table=True):
    """What a consultant answered on a day (1–5, higher is better), and what the lead replied."""

    __tablename__: ClassVar[str] = "delivery_check_in"
    __table_args__ = (
        refers_to(SCHEMA, "handover", "handover_id"),
        UniqueConstraint(
            "organization_id",
            "handover_id",
            "consultant_id",
            "due_on",
            name="uq_delivery_check_in_day",
        ),
        Index("ix_delivery_check_in_consultant", "organization_id", "consultant_id", "due_on"),
        CheckConstraint("ramp_up BETWEEN 1 AND 5", name="ramp_up_range"),
        CheckConstraint("belonging BETWEEN 1 AND 5", name="belonging_range"),
        CheckConstraint(
            "(reply IS NULL) = (replied_at IS NULL) AND (reply IS NULL) = (replied_by IS NULL)",
            name="reply_of_somebody",
        ),
    )

    handover_id: UUID
    consultant_id: UUID
    due_on: date
    ramp_up: int
    belonging: int
    help_needed: str | None = None
    answered_at: datetime = Field(sa_type=DateTime(timezone=True))
    reply: str | None = None
    replied_by: UUID | None = None
    replied_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    def take_reply(self, handover: Handover, caller: Caller, reply: str, now: datetime) -> None:
        """The lead replies, once."""
        handover.require_lead(caller)
        if self.replied_at is not None:
            raise Conflict("The lead has replied already.")
        self.reply, self.replied_by, self.replied_at = reply, caller.person_id, now


@dataclass(frozen=True, slots=True)
class Asked:
    """A check-in that is due; `answered` once the consultant has."""

    consultant_id: UUID
    due_on: date
    answered: bool

    def require_answerer(self, caller: Caller) -> None:
        """Refuse anyone but the consultant, and a second answer."""
        if caller.person_id != self.consultant_id:
            raise Forbidden("This is for the consultant who was asked.")
        if self.answered:
            raise Conflict("It is answered already.")


# $1 organization, $2 today, $3 handover or null, $4 consultant or null.
_ALL = """
WITH asked AS (
  SELECT DISTINCT s.handover_id, s.person_id AS consultant_id, day.due_on,
    overlay(overlay(md5(s.handover_id::text || s.person_id::text || day.due_on::text)
      placing '8' from 13) placing '8' from 17)::uuid AS id
  FROM staffing AS s
  JOIN handover AS h ON h.organization_id = s.organization_id AND h.id = s.handover_id
  CROSS JOIN LATERAL (
    SELECT s.starts_on + days FROM unnest(ARRAY[1, 7, 30]) AS days
    UNION ALL
    SELECT (s.starts_on + make_interval(months => months))::date
    FROM generate_series(2, 12 * (extract(year FROM $2::date) - extract(year FROM s.starts_on))::int + 12) AS months
  ) AS day(due_on)
  WHERE s.organization_id = $1
    AND ($3::uuid IS NULL OR s.handover_id = $3) AND ($4::uuid IS NULL OR s.person_id = $4)
    AND h.state NOT IN ('completed', 'cancelled')
    AND day.due_on <= $2::date AND (s.ends_on IS NULL OR day.due_on <= s.ends_on)
), answered AS (
  SELECT * FROM delivery_check_in
  WHERE organization_id = $1
    AND ($3::uuid IS NULL OR handover_id = $3) AND ($4::uuid IS NULL OR consultant_id = $4)
), every AS (
  SELECT coalesce(answered.id, asked.id) AS id, $1::uuid AS organization_id,
    coalesce(answered.version, 0) AS version,
    coalesce(answered.handover_id, asked.handover_id) AS handover_id,
    coalesce(answered.consultant_id, asked.consultant_id) AS consultant_id,
    coalesce(answered.due_on, asked.due_on) AS due_on,
    ramp_up, belonging, help_needed, answered_at, reply, replied_by, replied_at
  FROM asked FULL JOIN answered ON answered.id = asked.id
)
"""
# Nothing but these constants is put together; values are parameters.
_ONE_ASKED = (
    f"{_ALL} SELECT consultant_id, due_on, answered_at IS NOT NULL FROM every WHERE id = $5"  # nosec B608
)
# $5 the reader, $6 whether they see everybody's.
_SEEN = f"""{_ALL}
SELECT row_to_json(every)::text, every.version, every.due_on, every.id
FROM every
JOIN handover AS h ON h.organization_id = every.organization_id AND h.id = every.handover_id
WHERE (every.consultant_id = $5 OR h.delivery_lead_id = $5 OR $6::boolean)
"""  # nosec B608
_ONE_SEEN = f"{_SEEN} AND every.id = $7"  # nosec B608
_PAGE = f"""{_SEEN}
  AND ($7::date IS NULL OR every.due_on < $7)
  AND ($8::boolean IS NULL OR (every.answered_at IS NOT NULL) = $8)
"""  # nosec B608
_NEWEST_FIRST = f"""{_PAGE} AND ($9::date IS NULL OR (every.due_on, every.id) < ($9, $10::uuid))
ORDER BY every.due_on DESC, every.id DESC LIMIT $11"""  # nosec B608
_OLDEST_FIRST = f"""{_PAGE} AND ($9::date IS NULL OR (every.due_on, every.id) > ($9, $10::uuid))
ORDER BY every.due_on, every.id LIMIT $11"""  # nosec B608


async def asked_one(reader: Reader, handover_id: UUID, id: UUID, today: date) -> Asked:
    """What was asked or answered under this id in a handover; raises `NotFound`."""
    row = await reader.connection.fetchrow(
        _ONE_ASKED, reader.organization_id, today, handover_id, None, id
    )
    if row is None:
        raise NotFound("There is no such check-in.")
    return Asked(*row)


async def seen_one(
    reader: Reader, caller: Caller, handover_id: UUID, id: UUID, today: date
) -> tuple[str, int]:
    """A check-in as JSON, with its version; raises `NotFound` also for those who may not see it."""
    row = await reader.connection.fetchrow(
        _ONE_SEEN, *_whose(reader, caller, today, handover_id, None), id
    )
    if row is None:
        raise NotFound("There is no such check-in.")
    return row[0], row[1]


async def seen_page(
    reader: Reader,
    caller: Caller,
    today: date,
    *,
    handover_id: UUID | None = None,
    consultant_id: UUID | None = None,
    due_before: date | None = None,
    answered: bool | None = None,
    newest_first: bool = True,
    after: Place | None = None,
    limit: int,
) -> Sequence[Any]:
    """At most `limit` check-ins that the caller may see: JSON, version, day and id of each."""
    return await reader.connection.fetch(
        _NEWEST_FIRST if newest_first else _OLDEST_FIRST,
        *_whose(reader, caller, today, handover_id, consultant_id),
        due_before,
        answered,
        None if after is None else after.value,
        None if after is None else after.id,
        limit,
    )


def _whose(
    reader: Reader,
    caller: Caller,
    today: date,
    handover_id: UUID | None,
    consultant_id: UUID | None,
) -> tuple[Any, ...]:
    """What one feels is for oneself, the lead and managers, not for every colleague."""
    return (
        reader.organization_id,
        today,
        handover_id,
        consultant_id,
        caller.person_id,
        caller.has(Role.manager),
    )
