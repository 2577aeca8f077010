"""The promise record: what became of promises, counted by kind, by customer and by month. Never by person.

Months are those of the outcome, in UTC. The share kept is of the promises that were kept or broken: whoever was released from one
neither kept nor broke it.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from uuid import UUID

import asyncpg
from sqlalchemy import (
    DateTime,
    Integer,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from services.chassis.database import Reader, Viewer
from services.chassis.statement import Statement
from services.handover.domain.customer import Customer
from services.handover.domain.handover import Handover
from services.handover.domain.promise import Promise, PromiseKind


class By(IntEnum):
    """What a row counts: PostgreSQL's GROUPING of kind, customer and month, a bit for each that is left out."""

    month = 0b110
    customer = 0b101
    kind = 0b011
    all = 0b111


@dataclass(frozen=True, slots=True)
class Asked:
    """Which outcomes: of which days (UTC, both included), kind and customer; and how many customers are shown."""

    first: date
    last: date
    kind: PromiseKind | None
    customer_id: UUID | None
    customers: int


_p = Promise.__table__.c  # type: ignore[attr-defined]
_h = Handover.__table__.c  # type: ignore[attr-defined]
_c = Customer.__table__.c  # type: ignore[attr-defined]


def _statement() -> Statement:
    organization = bindparam("organization_id", type_=Uuid)
    kind, customer = bindparam("kind", type_=Text), bindparam("customer_id", type_=Uuid)
    ended = (
        select(
            cast(_p.kind, Text).label("kind"),
            _h.customer_id,
            func.to_char(func.timezone("UTC", _p.outcome_at), "YYYY-MM").label("month"),
            cast(_p.state, Text).label("state"),
        )
        .join(
            Handover.__table__,  # type: ignore[attr-defined]
            and_(_h.organization_id == _p.organization_id, _h.id == _p.handover_id),
        )
        .where(
            _p.organization_id == organization,
            _p.outcome_at >= bindparam("since", type_=DateTime(timezone=True)),
            _p.outcome_at < bindparam("until", type_=DateTime(timezone=True)),
            or_(kind.is_(None), cast(_p.kind, Text) == kind),
            or_(customer.is_(None), _h.customer_id == customer),
        )
        .cte("ended")
    )
    by = cast(func.grouping(ended.c.kind, ended.c.customer_id, ended.c.month), Integer)
    counts = {
        state: func.count().filter(ended.c.state == state).label(state)
        for state in ("kept", "broken", "released")
    }
    counted = (
        select(by.label("by"), ended.c.kind, ended.c.customer_id, ended.c.month, *counts.values())
        .group_by(
            func.grouping_sets(
                tuple_(), tuple_(ended.c.kind), tuple_(ended.c.customer_id), tuple_(ended.c.month)
            )
        )
        .cte("counted")
    )
    judged = counted.c.kept + counted.c.broken
    ranked = select(
        counted,
        func.row_number()
        .over(partition_by=counted.c.by, order_by=(judged.desc(), counted.c.customer_id))
        .label("place"),
        func.count().over(partition_by=counted.c.by).label("of"),
    ).cte("ranked")
    shown = (
        select(ranked, _c.name.label("customer_name"))
        .outerjoin(
            Customer.__table__,  # type: ignore[attr-defined]
            and_(_c.organization_id == organization, _c.id == ranked.c.customer_id),
        )
        .where(
            or_(
                ranked.c.by != int(By.customer),
                ranked.c.place <= bindparam("customers", type_=Integer),
            )
        )
        .order_by(
            ranked.c.by,
            case((ranked.c.by == int(By.customer), ranked.c.place), else_=literal(0)),
            ranked.c.kind,
            ranked.c.month,
        )
    )
    return Statement(shown)


_RECORD = _statement()


async def promise_record(reader: Reader | Viewer, asked: Asked) -> list[asyncpg.Record]:
    """A row for everything that is counted: `by` says what it is, customers with the most kept and broken promises first.

    `of` is how many rows there are of its kind, shown or not.
    """
    return await reader.fetch(
        _RECORD,
        {
            "organization_id": reader.organization_id,
            "since": datetime.combine(asked.first, time(), UTC),
            "until": datetime.combine(asked.last + timedelta(days=1), time(), UTC),
            "kind": asked.kind,
            "customer_id": asked.customer_id,
            "customers": asked.customers,
        },
    )
