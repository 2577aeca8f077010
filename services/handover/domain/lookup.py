"""Finding a customer at the front desk: by telephone, e-mail or registration number, theirs or of somebody there."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from services.chassis.database import Reader, Viewer
from services.chassis.statement import Statement
from services.handover.domain.customer import Contact, Customer, KeyKind, customer_key
from services.handover.domain.handover import Handover
from services.handover.domain.stakeholder import Stakeholder

# A number of a switchboard may belong to many; more than these nobody reads while somebody waits.
MOST = 20

_customer = Customer.__table__  # type: ignore[attr-defined]
_contact = Contact.__table__.c  # type: ignore[attr-defined]
_stakeholder = Stakeholder.__table__  # type: ignore[attr-defined]
_handover = Handover.__table__  # type: ignore[attr-defined]
_here = bindparam("organization_id", type_=Uuid)
_value = bindparam("value", type_=Text)


def _matched(kind: KeyKind) -> CompoundSelect[Any]:
    """Whose it is: the customer's own, a contact's or a stakeholder's."""
    nobody = cast(null(), Uuid)
    parts = [
        select(
            customer_key.c.customer_id,
            literal("customer").label("by"),
            customer_key.c.customer_id.label("id"),
            cast(null(), Text).label("name"),
            nobody.label("handover_id"),
        ).where(
            customer_key.c.organization_id == _here,
            cast(customer_key.c.kind, Text) == literal(kind.value, Text),
            customer_key.c.value == _value,
        )
    ]
    if kind is not KeyKind.registration_number:
        parts += [
            select(
                _contact.customer_id, literal("contact"), _contact.id, _contact.name, nobody
            ).where(_contact.organization_id == _here, _contact[kind.value] == _value),
            select(
                _handover.c.customer_id,
                literal("stakeholder"),
                _stakeholder.c.id,
                _stakeholder.c.name,
                _stakeholder.c.handover_id,
            )
            .select_from(_stakeholder)
            .join(
                _handover,
                (_handover.c.organization_id == _stakeholder.c.organization_id)
                & (_handover.c.id == _stakeholder.c.handover_id),
            )
            .where(_stakeholder.c.organization_id == _here, _stakeholder.c[kind.value] == _value),
        ]
    return union_all(*parts)


def _object(**fields: ColumnElement[Any]) -> ColumnElement[Any]:
    pairs: list[ColumnElement[Any]] = []
    for name, value in fields.items():
        pairs += [literal_column(f"'{name}'"), value]
    return func.json_build_object(*pairs)


def _statement(kind: KeyKind) -> Statement:
    matched = _matched(kind).subquery("matched")
    one = _object(
        by=matched.c.by, id=matched.c.id, name=matched.c.name, handover_id=matched.c.handover_id
    )
    found = (
        select(
            matched.c.customer_id,
            func.json_agg(aggregate_order_by(one, matched.c.by, matched.c.id)).label("matched"),
            func.count().over().label("total"),
        )
        .group_by(matched.c.customer_id)
        .subquery("found")
    )
    c = _customer.c
    shown = _object(
        customer=_object(
            id=c.id,
            name=c.name,
            country=c.country,
            registration_number=c.registration_number,
            website=c.website,
            phones=c.phones,
            emails=c.emails,
        ),
        matched=found.c.matched,
    )
    return Statement(
        select(cast(shown, Text), found.c.total)
        .select_from(found)
        .join(_customer, (c.organization_id == _here) & (c.id == found.c.customer_id))
        .order_by(c.id.desc())
        .limit(MOST)
    )


_STATEMENTS = {kind: _statement(kind) for kind in KeyKind}


async def find_customers(
    reader: Reader | Viewer, kind: KeyKind, value: str
) -> tuple[list[str], int]:
    """The customers that `value`, in the spelling of reach.py, leads to, each as JSON with why; and how many there are."""
    rows = await reader.fetch(
        _STATEMENTS[kind], {"organization_id": reader.organization_id, "value": value}
    )
    return [row[0] for row in rows], rows[0][1] if rows else 0
