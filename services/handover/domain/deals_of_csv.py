"""Deals of any CSV, by a map of its columns."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from services.chassis.csv_cell import (
    DateFormat,
    Refused,
    date_in,
    line_in,
    name_in,
    text_in,
    title_in,
)
from services.chassis.csv_records import CsvRow
from services.chassis.csv_table import Cell, CsvStream, CsvTable
from services.handover.domain.customer import Source
from services.handover.domain.deal_cell import DecimalMark, amount_in
from services.handover.domain.deal_file import CsvCells, Deal, DealRow, ForAll, each_once

WON_VALUES = frozenset(
    (
        *("1", "true", "yes", "ja", "won", "closed won", "vundet", "vunnet", "vunne", "vunnen"),
        # As spreadsheets write it.
        *("sand", "sann", "sant"),
    )
)
NOT_WON_VALUES = frozenset(
    (
        *("", "0", "false", "no", "nej", "nei", "not won", "lost", "closed lost", "open"),
        *("tabt", "tapt", "förlorad", "åben", "åpen", "öppen", "falsk", "usann", "falskt"),
    )
)


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


def mapped_deals(
    table: CsvTable | CsvStream,
    columns: DealColumns,
    for_all: ForAll,
    *,
    won_values: Collection[str] = WON_VALUES,
    decimal_mark: DecimalMark = ".",
    date_format: DateFormat = DateFormat.ISO,
) -> Iterator[DealRow]:
    """The deals of any CSV, by a map of its columns.

    A deal is won where the cell under `is_won` is one of `won_values`, without regard to case, and not won where it is
    another word that is known; what says neither is refused with its line and column.
    Raises FileError for columns that the file does not have.
    """
    table.require_named(asdict(columns))
    won = {value.strip().casefold() for value in won_values}

    def amount_of(cell: Cell) -> Decimal | None:
        return amount_in(cell, decimal_mark)

    def won_in(cell: Cell) -> bool:
        word = cell.text.casefold()
        if word not in won | WON_VALUES | NOT_WON_VALUES:
            raise Refused(cell, "{name} is {text}, neither won nor not won", text=cell.text)
        return word in won

    def date_of(cell: Cell) -> date | None:
        return date_in(cell, date_format)

    def read(row: CsvRow) -> DealRow:
        if row.problems:
            return DealRow(row.line, None, problems=row.problems)
        cells = CsvCells(table, row)
        external_id = cells.take(name_in, columns.external_id)
        is_won = cells.take(won_in, columns.is_won)
        amount, currency = cells.money(
            columns.amount, columns.currency, for_all.currency, amount_of
        )
        deal = Deal(
            source=Source.csv,
            external_id=external_id or "",
            title=cells.take(title_in, columns.title) or "",
            customer_external_id=cells.take(line_in, columns.customer_external_id),
            customer_name=cells.take(line_in, columns.customer_name)
            or for_all.customer
            or cells.take(name_in, columns.customer_name)
            or "",
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

    return each_once(map(read, table.rows))
