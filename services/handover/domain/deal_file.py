"""What a file of deals says: a deal for every row, or what is wrong with it."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Literal, TypeVar

from services.chassis.csv_table import Cell, CsvError, CsvRow, CsvTable, csv_problem
from services.chassis.currency import in_smallest_unit, is_currency
from services.chassis.errors import FieldError, Invalid
from services.handover.domain.deal_cell import (
    NAME_CHARACTERS,
    DateFormat,
    DecimalMark,
    Refused,
    amount_in,
    date_in,
    line_in,
    name_in,
    salesforce_amount,
    salesforce_boolean,
    salesforce_date,
    text_in,
    title_in,
)

T = TypeVar("T")
SALESFORCE_DEAL_COLUMNS = ("Id", "Name")
SALESFORCE_ACCOUNT_COLUMNS = ("Id", "Name")
SALESFORCE_DELETED = "Deleted in Salesforce"
WON_VALUES = frozenset(
    ("1", "true", "yes", "ja", "won", "closed won", "vundet", "vunnet", "vunne", "vunnen")
)
_SHORT_ID = re.compile(r"[0-9A-Za-z]{15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal as the CRM knows it. `close_date` is the expected day, or the actual one once closed.

    What the file does not say is None; amount and currency come together or not at all.
    """

    source: Literal["salesforce", "csv"]
    external_id: str
    title: str
    customer_external_id: str | None
    customer_name: str
    amount: Decimal | None
    currency: str | None
    stage_raw: str | None
    is_won: bool | None
    is_closed: bool | None
    close_date: date | None
    created_on: date | None
    description: str | None
    owner_external_id: str | None
    line: int


@dataclass(frozen=True, slots=True)
class DealRow:
    """What became of a row: a deal, or problems, or the line it repeats, or why it is left out.

    Remarks tell what a deal had to do without.
    """

    line: int
    external_id: str | None
    deal: Deal | None = None
    problems: tuple[FieldError, ...] = ()
    duplicate_of: int | None = None
    left_out: FieldError | None = None
    remarks: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class DealColumns:
    """Which column of the file holds which field of a deal, by the name in its header."""

    external_id: str
    title: str
    customer_name: str
    customer_external_id: str | None = None
    amount: str | None = None
    currency: str | None = None
    stage_raw: str | None = None
    is_won: str | None = None
    close_date: str | None = None
    created_on: str | None = None
    description: str | None = None
    owner_external_id: str | None = None

    def require_in(self, table: CsvTable) -> None:
        """Raises CsvError that names each column the file does not have."""
        named = [(field.name, getattr(self, field.name)) for field in fields(self)]
        unknown = [
            csv_problem(
                table.header_line,
                None,
                "Column {name}, named for {field}, is not in the file; it has {columns}",
                name=name,
                field=field,
                columns=", ".join(table.header),
            )
            for field, name in named
            if name is not None and table.column(name) is None
        ]
        if unknown:
            raise CsvError(unknown)


def salesforce_deals(
    opportunities: CsvTable, accounts: CsvTable | None, default_currency: str | None
) -> list[DealRow]:
    """The deals of a Salesforce export of Opportunity, customers named by its export of Account.

    `default_currency` is that of amounts without one, in an org with a single currency.
    Raises CsvError without an Id and a Name column, Invalid for a currency that is none.
    """
    opportunities.require(SALESFORCE_DEAL_COLUMNS)
    _check_default(default_currency)
    names = _account_names(accounts)

    def read(row: CsvRow) -> DealRow:
        if row.problems:
            return DealRow(row.line, None, problems=row.problems)
        cells = _Cells(opportunities, row)
        external_id = salesforce_id(cells.take(name_in, "Id") or "") or None
        if cells.take(salesforce_boolean, "IsDeleted"):
            reason = csv_problem(row.line, None, SALESFORCE_DELETED)
            return DealRow(row.line, external_id, left_out=reason)
        account = salesforce_id(cells.take(line_in, "AccountId") or "")
        amount, currency = cells.money(
            "Amount", "CurrencyIsoCode", default_currency, salesforce_amount
        )
        deal = Deal(
            source="salesforce",
            external_id=external_id or "",
            title=cells.take(title_in, "Name") or "",
            customer_external_id=account or None,
            customer_name=_customer_name(cells, account, names),
            amount=amount,
            currency=currency,
            stage_raw=cells.take(line_in, "StageName"),
            is_won=cells.take(salesforce_boolean, "IsWon"),
            is_closed=cells.take(salesforce_boolean, "IsClosed"),
            close_date=cells.take(salesforce_date, "CloseDate"),
            created_on=cells.take(salesforce_date, "CreatedDate"),
            description=cells.take(text_in, "Description"),
            owner_external_id=salesforce_id(cells.take(line_in, "OwnerId") or "") or None,
            line=row.line,
        )
        return cells.outcome(external_id, deal)

    return _each_once(map(read, opportunities.rows))


def mapped_deals(
    table: CsvTable,
    columns: DealColumns,
    *,
    default_currency: str | None = None,
    won_values: Collection[str] = WON_VALUES,
    decimal_mark: DecimalMark = ".",
    date_format: DateFormat = DateFormat.ISO,
) -> list[DealRow]:
    """The deals of any CSV, by a map of its columns.

    A deal is won where the cell under `is_won` is one of `won_values`, without regard to case.
    Raises CsvError for columns that the file does not have, Invalid for a currency that is none.
    """
    columns.require_in(table)
    _check_default(default_currency)
    won = {value.strip().casefold() for value in won_values}

    def amount_of(cell: Cell) -> Decimal | None:
        return amount_in(cell, decimal_mark)

    def date_of(cell: Cell) -> date | None:
        return date_in(cell, date_format)

    def read(row: CsvRow) -> DealRow:
        if row.problems:
            return DealRow(row.line, None, problems=row.problems)
        cells = _Cells(table, row)
        external_id = cells.take(name_in, columns.external_id)
        is_won = None if columns.is_won is None else cells.of(columns.is_won).text.casefold() in won
        amount, currency = cells.money(
            columns.amount, columns.currency, default_currency, amount_of
        )
        deal = Deal(
            source="csv",
            external_id=external_id or "",
            title=cells.take(title_in, columns.title) or "",
            customer_external_id=cells.take(line_in, columns.customer_external_id),
            customer_name=cells.take(name_in, columns.customer_name) or "",
            amount=amount,
            currency=currency,
            stage_raw=cells.take(line_in, columns.stage_raw),
            is_won=is_won,
            # A won deal is closed; one that is not won may be lost or still open.
            is_closed=is_won or None,
            close_date=cells.take(date_of, columns.close_date),
            created_on=cells.take(date_of, columns.created_on),
            description=cells.take(text_in, columns.description),
            owner_external_id=cells.take(line_in, columns.owner_external_id),
            line=row.line,
        )
        return cells.outcome(external_id, deal)

    return _each_once(map(read, table.rows))


def salesforce_id(text: str) -> str:
    """The id in its form of 18 characters: one of 15 differs by case alone, and exports mix both.

    The last three spell which of the others are capitals, five at a time.
    """
    if _SHORT_ID.fullmatch(text) is None:
        return text
    groups = (text[start : start + 5] for start in (0, 5, 10))
    return text + "".join(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[
            sum(1 << place for place, char in enumerate(group) if "A" <= char <= "Z")
        ]
        for group in groups
    )


class _Cells:
    """A row while it is read: what its cells say, and what is wrong with them so far."""

    def __init__(self, table: CsvTable, row: CsvRow) -> None:
        self._table = table
        self._row = row
        self.problems: list[FieldError] = []
        self.remarks: list[FieldError] = []

    def of(self, name: str | None) -> Cell:
        if name is None:
            return Cell("", "", self._row.line, None)
        return self._table.cell(self._row, name)

    def text(self, name: str | None) -> str | None:
        return self.of(name).text or None

    def take(self, meaning: Callable[[Cell], T | None], name: str | None) -> T | None:
        """What the cell means; None where it is refused, which the outcome then tells."""
        if name is None:
            return None
        try:
            return meaning(self.of(name))
        except Refused as refused:
            self.problems.append(refused.problem)
            return None

    def money(
        self,
        amount_name: str | None,
        currency_name: str | None,
        default_currency: str | None,
        meaning: Callable[[Cell], Decimal | None],
    ) -> tuple[Decimal | None, str | None]:
        """Amount and currency, both or neither, in the currency's smallest unit.

        An amount without a currency says nothing, but the deal is real: the missing list asks for it.
        """
        amount = self.take(meaning, amount_name)
        if amount is None:
            return None, None
        cell = self.of(currency_name)
        currency = cell.text.upper() or default_currency
        if currency is None:
            self.remarks.append(
                self.of(amount_name).problem(
                    "{name} is left out: it has no currency, and none was given for all"
                )
            )
            return None, None
        if not is_currency(currency):
            self.problems.append(
                cell.problem("{currency} is no ISO 4217 currency code", currency=cell.text)
            )
            return None, None
        return in_smallest_unit(amount, currency), currency

    def outcome(self, external_id: str | None, deal: Deal) -> DealRow:
        if self.problems:
            return DealRow(self._row.line, external_id, problems=tuple(self.problems))
        return DealRow(self._row.line, external_id, deal, remarks=tuple(self.remarks))


def _each_once(rows: Iterable[DealRow]) -> list[DealRow]:
    """The rows, where one whose id stands further up is a duplicate, whatever else it says."""
    first: dict[str, int] = {}
    unique: list[DealRow] = []
    for row in rows:
        if row.external_id is None or row.left_out:
            unique.append(row)
            continue
        line = first.setdefault(row.external_id, row.line)
        if line == row.line:
            unique.append(row)
        else:
            unique.append(DealRow(row.line, row.external_id, duplicate_of=line))
    return unique


def _account_names(accounts: CsvTable | None) -> Mapping[str, str]:
    if accounts is None:
        return {}
    accounts.require(SALESFORCE_ACCOUNT_COLUMNS)
    return {
        salesforce_id(accounts.cell(row, "Id").text): accounts.cell(row, "Name").text
        for row in accounts.rows
        if not row.problems
    }


def _customer_name(cells: _Cells, account: str, names: Mapping[str, str]) -> str:
    """The account's name, from its own export or from the columns a report may carry along."""
    given = (cells.text(name) for name in ("Account.Name", "AccountName", "Account Name"))
    name = " ".join((names.get(account) or next(filter(None, given), "")).split())
    if not name:
        cell = cells.of("AccountId")
        cells.problems.append(
            cell.problem(
                "No account {account} with a name, so the customer is not known", account=account
            )
            if account
            else cell.problem("No account, so the customer is not known")
        )
    elif len(name) > NAME_CHARACTERS:
        cells.problems.append(
            cells.of("AccountId").problem(
                "The account's name has more than {limit} characters", limit=NAME_CHARACTERS
            )
        )
    return name


def _check_default(currency: str | None) -> None:
    if currency is not None and not is_currency(currency):
        template = "{currency} is no ISO 4217 currency code"
        error = FieldError("/default_currency", template, {"currency": currency})
        raise Invalid(template, [error], currency=currency)
