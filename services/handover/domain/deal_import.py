"""Bringing deals in: a handover for every deal, found again by its id in the CRM.

What the CRM said last is kept beside the handover (`imported`), so that the same file twice changes nothing, and a later
one changes what changed there, never what a seller has written here since. A change is taken from the handover's
seller, a manager, or an admin, who looks after the CRM; to an admin the handover is closed otherwise.

New rows go in as plain values, thousands in one statement: as objects they would take a millisecond of CPU each.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Table, Text, Uuid, any_, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller, Role
from services.chassis.database import organization_of
from services.chassis.errors import FieldError
from services.chassis.events import changes
from services.chassis.tables import new_id
from services.handover.domain.customer import Customer, Source
from services.handover.domain.deal_file import Deal, DealRow
from services.handover.domain.handover import (
    ENDED,
    WRITABLE,
    EngagementType,
    Handover,
    Risk,
    State,
)

_CUSTOMER: Table = Customer.__table__  # type: ignore[attr-defined]
_HANDOVER: Table = Handover.__table__  # type: ignore[attr-defined]

# What the CRM says of a handover (`_said`).
_SAID = frozenset({"title", "customer", "amount", "stage_raw", "is_won", "background"})
# What goes on following the CRM when the handover is frozen.
_FOLLOWED = frozenset({"is_won", "stage_raw"})


class RowResult(StrEnum):
    """What became of a row."""

    created = "created"
    unchanged = "unchanged"
    updated = "updated"
    failed = "failed"
    skipped = "skipped"


@dataclass(slots=True)
class ImportedRow:
    """A row of the file, what became of it, and what there is to say of it."""

    row: DealRow
    result: RowResult
    handover_id: UUID | None = None
    errors: Sequence[FieldError] = ()
    remarks: Sequence[FieldError] = ()


@dataclass(frozen=True, slots=True)
class DealCustomer:
    """A customer, as far as an import looks at it."""

    id: UUID
    name: str
    source: Source
    external_id: str | None


@dataclass(frozen=True, slots=True)
class OpenedHandover:
    """A handover that an import opens."""

    id: UUID
    customer_id: UUID
    seller_id: UUID
    engagement_type: EngagementType
    deal: Deal

    @property
    def title(self) -> str:
        return self.deal.title

    @property
    def state(self) -> State:
        return State.draft

    def columns(self, organization_id: UUID) -> dict[str, Any]:
        """As the table keeps it."""
        deal = self.deal
        return {
            "organization_id": organization_id,
            "id": self.id,
            "customer_id": self.customer_id,
            "seller_id": self.seller_id,
            "engagement_type": self.engagement_type,
            "title": deal.title,
            "source": deal.source,
            "external_id": deal.external_id,
            "stage_raw": deal.stage_raw,
            "is_won": bool(deal.is_won),
            "amount": deal.amount,
            "currency": deal.currency,
            "background": deal.description,
            "risk": Risk.green,
            "state": self.state,
            "gaps": [],
            "imported": _said(deal),
        }


@dataclass(slots=True)
class Imported:
    """What an import did, or would do: a result for every row, and what is new or changed."""

    rows: list[ImportedRow] = field(default_factory=list)
    customers: list[DealCustomer] = field(default_factory=list)
    created: list[OpenedHandover] = field(default_factory=list)
    updated: list[tuple[Handover, dict[str, Any], dict[str, Any]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Into:
    """What the file does not say: who brings it, and what the handovers are that it opens."""

    caller: Caller
    seller_id: UUID
    engagement_type: EngagementType


async def take_turns(session: AsyncSession) -> None:
    """Two files at once would both find a deal missing: imports of an organization wait for one another."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"deals {organization_of(session)}"},
    )


async def import_deals(
    session: AsyncSession, rows: Sequence[DealRow], into: Into, *, dry_run: bool
) -> Imported:
    """Open a handover for each new deal and follow the known ones; with `dry_run` only say what would happen.

    A long file is brought in by so many rows at a time, each deal once, in one transaction that has taken its turn.
    """
    deals = [row.deal for row in rows if row.deal is not None]
    known = await _known_handovers(session, deals)
    changed = {
        deal.external_id
        for deal in deals
        if deal.external_id in known and _difference(deal, known[deal.external_id].imported)
    }
    handovers = await _load(session, [known[one].id for one in changed], lock=not dry_run)
    customers = await _Customers.of(session, deals)
    done = Imported()
    for row in rows:
        done.rows.append(_import(row, known, handovers, customers, into, done, dry_run=dry_run))
    done.customers = customers.new
    if not dry_run:
        await _store(session, done)
        await session.flush()
    return done


async def _store(session: AsyncSession, done: Imported) -> None:
    organization_id = organization_of(session)
    if done.customers:
        rows = [
            {"organization_id": organization_id, "phones": [], "emails": [], **asdict(customer)}
            for customer in done.customers
        ]
        await session.execute(_CUSTOMER.insert(), rows)
    if done.created:
        await session.execute(
            _HANDOVER.insert(), [handover.columns(organization_id) for handover in done.created]
        )


def _import(
    row: DealRow,
    known: Mapping[str, "_KnownHandover"],
    handovers: Mapping[UUID, Handover],
    customers: "_Customers",
    into: Into,
    done: Imported,
    *,
    dry_run: bool,
) -> ImportedRow:
    deal = row.deal
    if deal is None:
        return _not_a_deal(row)
    before = known.get(deal.external_id)
    if before is None:
        handover = _opened(deal, customers, into)
        done.created.append(handover)
        id = None if dry_run else handover.id
        return ImportedRow(row, RowResult.created, id, remarks=row.remarks)
    handover_or_none = handovers.get(before.id)
    if handover_or_none is None:
        return ImportedRow(row, RowResult.unchanged, before.id, remarks=row.remarks)
    return _followed(row, deal, handover_or_none, customers, into, done, dry_run=dry_run)


def _not_a_deal(row: DealRow) -> ImportedRow:
    if row.duplicate_of is not None:
        at_pointer = isinstance(row.duplicate_of, str)
        remark = FieldError(
            row.pointer,
            "The same deal stands at {pointer}."
            if at_pointer
            else "The same deal stands in line {line}.",
            {"pointer" if at_pointer else "line": row.duplicate_of},
            line=row.line,
        )
        return ImportedRow(row, RowResult.skipped, remarks=[remark])
    if row.left_out is not None:
        return ImportedRow(row, RowResult.skipped, remarks=[row.left_out])
    return ImportedRow(row, RowResult.failed, errors=row.problems)


def _opened(deal: Deal, customers: "_Customers", into: Into) -> OpenedHandover:
    return OpenedHandover(
        id=new_id(),
        customer_id=customers.of_deal(deal).id,
        seller_id=into.seller_id,
        engagement_type=into.engagement_type,
        deal=deal,
    )


def _followed(
    row: DealRow,
    deal: Deal,
    handover: Handover,
    customers: "_Customers",
    into: Into,
    done: Imported,
    *,
    dry_run: bool,
) -> ImportedRow:
    """Take over what changed in the CRM: all of it while the seller still writes, later only how the deal stands.

    Nothing once it has ended, and nothing from somebody else's hands.
    """
    different = _difference(deal, handover.imported)
    taken = different & _taken_in(handover.state)
    remarks = list(row.remarks)
    if different - taken:
        remarks.append(
            FieldError(
                "",
                "The handover is {state} and frozen, so these stay as they are: {fields}.",
                {"state": handover.state, "fields": ", ".join(sorted(different - taken))},
                line=row.line,
            )
        )
    if not taken:
        return ImportedRow(row, RowResult.unchanged, handover.id, remarks=remarks)
    if not _may_follow(handover, into.caller):
        error = FieldError(
            "",
            "The handover belongs to another seller: this change is for its seller, a manager or an admin to import.",
            line=row.line,
        )
        return ImportedRow(row, RowResult.failed, handover.id, errors=[error])
    if not dry_run:
        said = _said(deal)
        for name, value in _columns(deal, taken, customers).items():
            setattr(handover, name, value)
        handover.imported = {**(handover.imported or {}), **{name: said[name] for name in taken}}
        before, after = changes(handover)
        before.pop("imported", None)
        after.pop("imported", None)
        done.updated.append((handover, before, after))
    return ImportedRow(row, RowResult.updated, handover.id, remarks=remarks)


def _taken_in(state: State) -> frozenset[str]:
    if state in WRITABLE:
        return _SAID
    return frozenset() if state in ENDED else _FOLLOWED


def _may_follow(handover: Handover, caller: Caller) -> bool:
    return handover.is_sold_by(caller) or caller.has(Role.manager, Role.admin)


def _columns(deal: Deal, taken: Iterable[str], customers: "_Customers") -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in taken:
        if name == "customer":
            columns["customer_id"] = customers.of_deal(deal).id
        elif name == "amount":
            columns |= {"amount": deal.amount, "currency": deal.currency}
        elif name == "background":
            columns["background"] = deal.description
        else:
            columns[name] = getattr(deal, name)
    return columns


def _said(deal: Deal) -> dict[str, Any]:
    """What the CRM says, as JSON, by what it is to a handover."""
    return {
        "title": deal.title,
        "customer": deal.customer_external_id or deal.customer_name,
        "amount": None if deal.amount is None else f"{_plain(deal.amount)} {deal.currency}",
        "stage_raw": deal.stage_raw,
        "is_won": deal.is_won,
        "background": deal.description,
    }


def _plain(amount: Decimal) -> str:
    return format(amount, "f")


def _difference(deal: Deal, imported: Mapping[str, Any] | None) -> set[str]:
    """What the CRM says now and did not say before. What it does not say changes nothing."""
    before = imported or {}
    return {
        name
        for name, value in _said(deal).items()
        if value is not None and value != before.get(name)
    }


# --- what is there already ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _KnownHandover:
    id: UUID
    imported: Mapping[str, Any] | None


async def _known_handovers(
    session: AsyncSession, deals: Sequence[Deal]
) -> dict[str, _KnownHandover]:
    if not deals:
        return {}
    columns = _HANDOVER.c
    found = await session.execute(
        select(columns.external_id, columns.id, columns.imported).where(
            columns.organization_id == organization_of(session),
            columns.source == deals[0].source,
            columns.external_id == any_(_texts(deal.external_id for deal in deals)),
        )
    )
    return {row[0]: _KnownHandover(row[1], row[2]) for row in found}


async def _load(session: AsyncSession, ids: Sequence[UUID], *, lock: bool) -> dict[UUID, Handover]:
    if not ids:
        return {}
    columns = _HANDOVER.c
    query = (
        select(Handover)
        .where(
            columns.organization_id == organization_of(session),
            columns.id == any_(literal(list(ids), ARRAY(Uuid))),
        )
        .order_by(columns.id)
    )
    found = await session.scalars(query.with_for_update() if lock else query)
    return {handover.id: handover for handover in found}


def _texts(values: Iterable[str]) -> Any:
    return literal(sorted(set(values)), ARRAY(Text))


def _joined(values: Iterable[str]) -> Any:
    """To look up in: ANY would go through all of them for each customer."""
    return select(func.unnest(_texts(values)))


class _Customers:
    """The customers of a file: known by the CRM's id, else by name, else new."""

    def __init__(self, known: Iterable[DealCustomer]) -> None:
        self.new: list[DealCustomer] = []
        self._by_id: dict[tuple[str, str], DealCustomer] = {}
        self._by_name: dict[str, list[DealCustomer]] = {}
        for customer in known:
            self._remember(customer)

    @classmethod
    async def of(cls, session: AsyncSession, deals: Sequence[Deal]) -> "_Customers":
        """With every customer that the deals could mean."""
        if not deals:
            return cls([])
        columns = _CUSTOMER.c
        ids = (deal.customer_external_id for deal in deals)
        found = await session.execute(
            select(columns.id, columns.name, columns.source, columns.external_id)
            .where(
                columns.organization_id == organization_of(session),
                or_(
                    (columns.source == deals[0].source)
                    & columns.external_id.in_(_joined(id for id in ids if id is not None)),
                    func.lower(columns.name).in_(
                        _joined(deal.customer_name.lower() for deal in deals)
                    ),
                ),
            )
            .order_by(columns.id)
        )
        return cls(DealCustomer(*row) for row in found)

    def of_deal(self, deal: Deal) -> DealCustomer:
        """The deal's customer, made when there is none yet."""
        id = deal.customer_external_id
        if id is not None and (deal.source, id) in self._by_id:
            return self._by_id[deal.source, id]
        for customer in self._by_name.get(deal.customer_name.lower(), []):
            # Two accounts of one CRM may share a name; they are two customers all the same.
            if id is None or customer.external_id is None or customer.source != deal.source:
                return customer
        customer = DealCustomer(new_id(), deal.customer_name, deal.source, id)
        self.new.append(customer)
        self._remember(customer)
        return customer

    def _remember(self, customer: DealCustomer) -> None:
        if customer.external_id is not None:
            self._by_id[customer.source, customer.external_id] = customer
        self._by_name.setdefault(customer.name.lower(), []).append(customer)
