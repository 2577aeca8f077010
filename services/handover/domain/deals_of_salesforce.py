"""Deals of Salesforce: its export of Opportunity as CSV, its trees of sObjects and its answers as JSON."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from services.chassis.csv_cell import line_in, name_in, text_in, title_in
from services.chassis.csv_records import CsvRow
from services.chassis.csv_table import CsvStream, CsvTable, open_csv
from services.chassis.json_records import JsonRecord, json_records
from services.handover.domain.customer import Source
from services.handover.domain.deal_cell import boolean_in, day_in, plain_amount
from services.handover.domain.deal_file import (
    MAX_DEALS,
    CsvCells,
    Deal,
    DealCells,
    DealRow,
    ForAll,
    JsonCells,
    each_once,
    json_rows,
)

SALESFORCE_DEAL_COLUMNS = ("Id", "Name")
SALESFORCE_ACCOUNT_COLUMNS = ("Id", "Name")
SALESFORCE_DELETED = "Deleted in Salesforce"
SALESFORCE_OTHER = "No Opportunity"
_SHORT_ID = re.compile(r"[0-9A-Za-z]{15}", re.ASCII)
# A tree has no IsWon and no IsClosed, which Salesforce works out; these stages mean them in every new org.
_CLOSED_STAGES: Mapping[str, bool] = {"closed won": True, "closed lost": False}


def salesforce_deals(opportunities: CsvTable | CsvStream, for_all: ForAll) -> Iterator[DealRow]:
    """The deals of a Salesforce export of Opportunity.

    Raises FileError without an Id and a Name column.
    """
    opportunities.require(SALESFORCE_DEAL_COLUMNS)

    def read(row: CsvRow) -> DealRow:
        if row.problems:
            return DealRow(row.line, None, problems=row.problems)
        cells = CsvCells(opportunities, row)
        external_id = salesforce_id(cells.take(name_in, "Id") or "") or None
        return _deal(cells, external_id, ("Account.Name", "AccountName", "Account Name"), for_all)

    return each_once(map(read, opportunities.rows))


def salesforce_tree_deals(file: BinaryIO, for_all: ForAll) -> Iterator[DealRow]:
    """The deals of a tree of sObjects, or of the answer to a query.

    A tree has references instead of ids, and they are made anew for each tree; with its name beside it, a reference is
    at least never taken for another deal's.
    """

    def read(record: JsonRecord) -> DealRow:
        cells = JsonCells(record)
        if cells.text("attributes/type") != "Opportunity":
            return cells.left_out(None, SALESFORCE_OTHER)
        external_id = salesforce_id(cells.take(line_in, "Id") or "") or None
        if external_id is None:
            reference = cells.take(name_in, "attributes/referenceId")
            named = hashlib.sha256((cells.text("Name") or "").encode()).hexdigest()[:12]
            external_id = f"{reference}-{named}" if reference else None
        return _deal(cells, external_id, ("Account/Name",), for_all)

    return json_rows(json_records(file, "records", _is_object), read)


def salesforce_accounts(file: BinaryIO, *, is_json: bool) -> dict[str, str]:
    """The accounts' names by id, and by reference where they have none; raises FileError."""
    names: dict[str, str] = {}
    if is_json:
        for record in json_records(file, "records", _is_object):
            cells = JsonCells(record) if isinstance(record.value, dict) else None
            if cells is not None and (name := cells.text("Name")):
                reference = cells.text("attributes/referenceId")
                id = salesforce_id(cells.text("Id") or "") or (reference and f"@{reference}")
                if id:
                    names[id] = name
        return names
    accounts = open_csv(file, MAX_DEALS)
    accounts.require(SALESFORCE_ACCOUNT_COLUMNS)
    for row in accounts.rows:
        if not row.problems and (name := accounts.cell(row, "Name").text):
            names[salesforce_id(accounts.cell(row, "Id").text)] = name
    return names


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


def _deal(
    cells: DealCells, external_id: str | None, account_names: tuple[str, ...], for_all: ForAll
) -> DealRow:
    if cells.take(boolean_in, "IsDeleted"):
        return cells.left_out(external_id, SALESFORCE_DELETED)
    account = salesforce_id(cells.take(line_in, "AccountId") or "")
    amount, currency = cells.money("Amount", "CurrencyIsoCode", for_all.currency, plain_amount)
    stage = cells.take(line_in, "StageName")
    won_by_stage = _CLOSED_STAGES.get((stage or "").casefold())
    is_won, is_closed = cells.take(boolean_in, "IsWon"), cells.take(boolean_in, "IsClosed")
    deal = Deal(
        source=Source.salesforce,
        external_id=external_id or "",
        title=cells.take(title_in, "Name") or "",
        # A reference means something in its own file alone.
        customer_external_id=account if account and not account.startswith("@") else None,
        customer_name=cells.customer(account, "AccountId", account_names, for_all),
        amount=amount,
        currency=currency,
        stage_raw=stage,
        is_won=won_by_stage if is_won is None else is_won,
        is_closed=(won_by_stage is not None or None) if is_closed is None else is_closed,
        close_date=cells.take(day_in, "CloseDate"),
        created_on=cells.take(day_in, "CreatedDate"),
        description=cells.take(text_in, "Description"),
        owner_external_id=salesforce_id(cells.take(line_in, "OwnerId") or "") or None,
        line=cells.line,
    )
    return cells.outcome(external_id, deal)


def _is_object(value: Mapping[str, Any]) -> bool:
    return "attributes" in value
