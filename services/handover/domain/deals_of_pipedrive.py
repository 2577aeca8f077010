"""Deals of Pipedrive, as its API answers them: `GET /v1/deals` or `GET /api/v2/deals`, a page or many.

A field that somebody added has a key of 40 hexadecimal digits, which says nothing: a map says which of our fields it is.
Stages are named by `GET /v1/stages`, organizations by `GET /v1/organizations`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from services.chassis.csv_cell import Refused, line_in, name_in, text_in, title_in
from services.chassis.csv_table import Cell
from services.chassis.json_records import JsonRecord, json_records
from services.handover.domain.customer import Source
from services.handover.domain.deal_cell import boolean_in, day_in_utc, plain_amount
from services.handover.domain.deal_file import Deal, DealRow, ForAll, JsonCells, json_rows

PIPEDRIVE_DELETED = "Deleted in Pipedrive"
PIPEDRIVE_FIELDS: Mapping[str, str] = {
    "title": "title",
    "amount": "value",
    "currency": "currency",
    "description": "description",
    "customer_external_id": "org_id",
    "owner_external_id": "owner_id",
}
"""Where the fields that a map may say otherwise usually are."""
_CLOSED = {"open": False, "won": True, "lost": True}
_CLOSE_TIMES = ("won_time", "lost_time", "close_time", "expected_close_date")


class _Members(JsonCells):
    """The members of a deal; a custom one stands beside the others (v1) or by itself (v2), often with more around its value."""

    def cell(self, name: str) -> Cell:
        custom = self.value.get("custom_fields")
        if name not in self.value and isinstance(custom, dict) and name in custom:
            return self._value_of(f"custom_fields/{name}", custom[name])
        if name not in self.value:
            return Cell(name, "", self.line, None)
        return self._value_of(name, self.value[name])

    def _value_of(self, path: str, value: Any) -> Cell:
        if isinstance(value, dict):
            # A person or user of v1 has an id where an organization has a value.
            inner = next((key for key in ("value", "id") if key in value), "value")
            return self.as_cell(f"{path}/{inner}", value.get(inner))
        return self.as_cell(path, value)

    def name_in(self, name: str) -> str | None:
        """The name that v1 puts beside an id."""
        value = self.value.get(name)
        named = value.get("name") if isinstance(value, dict) else None
        return self.take_value(text_in, f"{name}/name", named)


def pipedrive_deals(
    file: BinaryIO,
    keys: Mapping[str, str],
    stages: Mapping[str, str] | None,
    for_all: ForAll,
) -> Iterator[DealRow]:
    """The deals of pages or of lines; `keys` names the keys of fields that are not where they usually are."""
    where = {**PIPEDRIVE_FIELDS, **keys}

    def read(record: JsonRecord) -> DealRow:
        cells = _Members(record)
        external_id = cells.take(name_in, "id")
        status = cells.take(_status, "status")
        if cells.take(boolean_in, "is_deleted") or cells.take(boolean_in, "deleted"):
            return cells.left_out(external_id, PIPEDRIVE_DELETED)
        if status == "deleted":
            return cells.left_out(external_id, PIPEDRIVE_DELETED)
        organization = cells.take(line_in, where["customer_external_id"])
        amount, currency = cells.money(
            where["amount"], where["currency"], for_all.currency, plain_amount
        )
        stage = cells.take(line_in, "stage_id")
        closed_on = next(filter(cells.text, (where.get("close_date"), *_CLOSE_TIMES)), None)
        deal = Deal(
            source=Source.pipedrive,
            external_id=external_id or "",
            title=cells.take(title_in, where["title"]) or "",
            customer_external_id=organization,
            customer_name=_customer_name(cells, organization, where, for_all),
            amount=amount,
            currency=currency,
            stage_raw=cells.take(line_in, where.get("stage_raw"))
            or (stages or {}).get(stage or "")
            or stage,
            is_won=None if status is None else status == "won",
            is_closed=None if status is None else _CLOSED[status],
            close_date=cells.take(day_in_utc, closed_on),
            created_on=cells.take(day_in_utc, "add_time"),
            description=cells.take(text_in, where["description"]),
            owner_external_id=cells.take(
                line_in,
                "user_id" if "user_id" in cells.value else where["owner_external_id"],
            ),
            line=cells.line,
        )
        return cells.outcome(external_id, deal)

    return json_rows(json_records(file, "data", _is_deal), read)


def pipedrive_names(file: BinaryIO) -> dict[str, str]:
    """The names of organizations or stages by id; raises FileError."""
    names: dict[str, str] = {}
    for record in json_records(file, "data", lambda value: "name" in value):
        if isinstance(record.value, dict):
            cells = JsonCells(record)
            id, name = cells.text("id"), cells.text("name")
            if id and name:
                names[id] = name
    return names


def _customer_name(
    cells: _Members, organization: str | None, where: Mapping[str, str], for_all: ForAll
) -> str:
    """As the map says, else the organization's, else the person's: people buy, too."""
    mapped = cells.text(where.get("customer_name"))
    named = mapped or for_all.customers.get(organization or "") or cells.name_in("org_id")
    named = named or cells.text("org_name")
    if named is None and organization is None:
        named = cells.name_in("person_id") or cells.text("person_name")
    known = {organization or "": named} if named else {}
    return cells.customer(
        organization or "",
        where["customer_external_id"],
        (),
        ForAll(customer=for_all.customer, customers=known),
    )


def _status(cell: Cell) -> str | None:
    if cell.text and cell.text != "deleted" and cell.text not in _CLOSED:
        raise Refused(cell, "{name} is {text}, not open, won or lost", text=cell.text)
    return cell.text or None


def _is_deal(value: Mapping[str, Any]) -> bool:
    return "title" in value
