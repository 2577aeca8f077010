"""What a file of deals says, whichever CRM wrote it: a deal for every row, or what is wrong with it.

Each source is a file of its own (`deals_of_….py`), which yields a DealRow for every row or record.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from services.chassis.csv_cell import NAME_CHARACTERS, Refused
from services.chassis.csv_records import CsvRow
from services.chassis.csv_table import Cell, CsvHeader
from services.chassis.currency import in_smallest_unit, is_currency
from services.chassis.errors import FieldError, Invalid
from services.chassis.file_problem import FileError, file_problem, pointed_problem
from services.chassis.json_records import JsonRecord
from services.handover.domain.customer import Source

T = TypeVar("T")
# Of a file that is read as it is imported.
MAX_DEALS = 50_000
_NOT_STORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal as the CRM knows it. `close_date` is the expected day, or the actual one once closed.

    What the file does not say is None; amount and currency come together or not at all.
    """

    source: Source
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
    """What became of a row: a deal, or problems, or the place that it repeats, or why it is left out.

    Remarks tell what a deal had to do without. A record of a JSON file has a pointer beside its line.
    """

    line: int
    external_id: str | None
    deal: Deal | None = None
    problems: tuple[FieldError, ...] = ()
    duplicate_of: int | str | None = None
    left_out: FieldError | None = None
    remarks: tuple[FieldError, ...] = ()
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class ForAll:
    """What is said of every deal of a file that does not say it by itself."""

    currency: str | None = None
    customer: str | None = None
    # The customers' names by their ids in the CRM.
    customers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises Invalid for a currency that is none."""
        if self.currency is not None and not is_currency(self.currency):
            template = "{currency} is no ISO 4217 currency code"
            error = FieldError("/default_currency", template, {"currency": self.currency})
            raise Invalid(template, [error], currency=self.currency)


class DealCells(ABC):
    """A row while it is read: what its cells say, and what is wrong with them so far."""

    def __init__(self, line: int, pointer: str = "") -> None:
        self.line = line
        self.pointer = pointer
        self.problems: list[FieldError] = []
        self.remarks: list[FieldError] = []

    @abstractmethod
    def cell(self, name: str) -> Cell:
        """The cell of this name, empty where there is none; raises Refused for what is no text."""

    @abstractmethod
    def place(self, name: str) -> Cell:
        """Where the cell of this name is or would be, to speak of."""

    def of(self, name: str | None) -> Cell:
        """The cell of this name; empty where it is refused, which the outcome then tells."""
        if name is not None:
            try:
                return self.cell(name)
            except Refused as refused:
                self.problems.append(refused.problem)
        return Cell(name or "", "", self.line, None)

    def text(self, name: str | None) -> str | None:
        """What stands in the cell, if anything does."""
        return self.of(name).text or None

    def take(self, meaning: Callable[[Cell], T | None], name: str | None) -> T | None:
        """What the cell means; None where it is refused, which the outcome then tells."""
        if name is None:
            return None
        try:
            return meaning(self.cell(name))
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

    def customer(self, account: str, id_name: str, given: Iterable[str], for_all: ForAll) -> str:
        """The customer's name: of the account with this id, as the row says by itself, or the one for all."""
        names = (for_all.customers.get(account), *map(self.text, given), for_all.customer)
        name = " ".join(next(filter(None, names), "").split())
        cell = self.place(id_name)
        if not name:
            self.problems.append(
                cell.problem(
                    "No account {account} with a name, so the customer is not known",
                    account=account,
                )
                if account
                else cell.problem("No account, so the customer is not known")
            )
        elif len(name) > NAME_CHARACTERS:
            self.problems.append(
                cell.problem(
                    "The account's name has more than {limit} characters", limit=NAME_CHARACTERS
                )
            )
        return name

    def outcome(self, external_id: str | None, deal: Deal) -> DealRow:
        """The deal, unless something is wrong with it."""
        if self.problems:
            return DealRow(
                self.line, external_id, problems=tuple(self.problems), pointer=self.pointer
            )
        return DealRow(
            self.line, external_id, deal, remarks=tuple(self.remarks), pointer=self.pointer
        )

    def left_out(self, external_id: str | None, template: str) -> DealRow:
        """Nothing, and why."""
        problem = pointed_problem(self.pointer, self.line, template)
        return DealRow(self.line, external_id, left_out=problem, pointer=self.pointer)


class CsvCells(DealCells):
    """The cells of a row by the names of their columns."""

    def __init__(self, table: CsvHeader, row: CsvRow) -> None:
        super().__init__(row.line)
        self._table = table
        self._row = row

    def cell(self, name: str) -> Cell:
        return self._table.cell(self._row, name)

    def place(self, name: str) -> Cell:
        return self.cell(name)


class JsonCells(DealCells):
    """The members of a record by their path in it (`properties/amount`), as the text that a cell would hold."""

    def __init__(self, record: JsonRecord) -> None:
        super().__init__(record.line, record.pointer)
        self.value: dict[str, Any] = record.value

    def cell(self, name: str) -> Cell:
        value: Any = self.value
        for part in name.split("/"):
            if not isinstance(value, dict) or part not in value:
                return Cell(name.rpartition("/")[2], "", self.line, None)
            value = value[part]
        return self.as_cell(name, value)

    def place(self, name: str) -> Cell:
        return Cell(name.rpartition("/")[2], "", self.line, None, f"{self.pointer}/{name}")

    def as_cell(self, name: str, value: Any) -> Cell:
        """A value at this path as a cell."""
        if isinstance(value, bool):
            value = "true" if value else "false"
        text = value.strip() if isinstance(value, str) else ""
        cell = Cell(name.rpartition("/")[2], text, self.line, None, f"{self.pointer}/{name}")
        if isinstance(value, dict | list):
            raise Refused(cell, "{name} is neither a text nor a number")
        if _NOT_STORABLE.search(text):
            raise Refused(cell, "{name} has a character that cannot be stored")
        return cell

    def take_value(self, meaning: Callable[[Cell], T | None], name: str, value: Any) -> T | None:
        """What a value that stands at this path means; None where it is refused, which the outcome then tells."""
        try:
            return meaning(self.as_cell(name, value))
        except Refused as refused:
            self.problems.append(refused.problem)
            return None


def json_rows(
    records: Iterable[JsonRecord], read: Callable[[JsonRecord], DealRow]
) -> Iterator[DealRow]:
    """What each record says, each deal once; what is no object is told as such."""

    def row(record: JsonRecord) -> DealRow:
        if isinstance(record.value, dict):
            return read(record)
        problem = pointed_problem(record.pointer, record.line, "A deal is a JSON object")
        return DealRow(record.line, None, problems=(problem,), pointer=record.pointer)

    return each_once(map(row, records))


def each_once(rows: Iterable[DealRow]) -> Iterator[DealRow]:
    """The rows, where one whose id stands further up is a duplicate, whatever else it says."""
    # Of pages that stand one after the other, each has a first record: the count alone tells them apart.
    first: dict[str, tuple[int, int | str]] = {}
    for count, row in enumerate(rows):
        if count == MAX_DEALS:
            raise FileError(
                [file_problem(row.line, None, "More than {limit} rows", limit=MAX_DEALS)]
            )
        if row.external_id is None or row.left_out:
            yield row
            continue
        number, place = first.setdefault(row.external_id, (count, row.pointer or row.line))
        if number == count:
            yield row
        else:
            yield DealRow(row.line, row.external_id, duplicate_of=place, pointer=row.pointer)
