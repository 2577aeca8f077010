"""Where a file of deals comes from: told, or seen in the file, and then read as that source writes it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, TypeAlias

from services.chassis.csv_cell import DateFormat
from services.chassis.csv_table import open_csv
from services.handover.domain.customer import Source
from services.handover.domain.deal_cell import DecimalMark
from services.handover.domain.deal_file import MAX_DEALS, DealRow, ForAll
from services.handover.domain.deals_of_csv import DealColumns, mapped_deals
from services.handover.domain.deals_of_hubspot import (
    hubspot_companies,
    hubspot_deals,
    hubspot_stages,
)
from services.handover.domain.deals_of_pipedrive import pipedrive_deals, pipedrive_names
from services.handover.domain.deals_of_salesforce import (
    salesforce_accounts,
    salesforce_deals,
    salesforce_tree_deals,
)

DealSource: TypeAlias = Literal[Source.csv, Source.hubspot, Source.salesforce, Source.pipedrive]
_LOOKED_AT = 65_536
# The member that comes first tells whose answer it is.
_MEMBERS: Mapping[bytes, DealSource] = {
    b"records": Source.salesforce,
    b"attributes": Source.salesforce,
    b"results": Source.hubspot,
    b"properties": Source.hubspot,
    b"success": Source.pipedrive,
    b"data": Source.pipedrive,
    b"org_id": Source.pipedrive,
    b"stage_id": Source.pipedrive,
}
_MEMBER = re.compile(rb'"(' + b"|".join(_MEMBERS) + rb')"\s*:')


@dataclass(frozen=True)
class DealFiles:
    """The file of deals, and what was sent along: the customers' names, and the stages."""

    deals: BinaryIO
    accounts: BinaryIO | None = None
    pipelines: BinaryIO | None = None


@dataclass(frozen=True)
class Reading:
    """How to read a file, as far as it does not say it by itself. `keys`: those of Pipedrive's custom fields."""

    currency: str | None = None
    customer: str | None = None
    columns: DealColumns | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    decimal_mark: DecimalMark = "."
    date_format: DateFormat = DateFormat.ISO


def source_of(file: BinaryIO) -> DealSource | None:
    """The CRM whose file this is; None for what is none's, as any other CSV."""
    file.seek(0)
    start = file.read(_LOOKED_AT)
    if _is_json(start):
        member = _MEMBER.search(start)
        return _MEMBERS[member[1]] if member else None
    return Source.salesforce if b"StageName" in start.split(b"\n", 1)[0] else None


def read_deals(source: DealSource, files: DealFiles, reading: Reading) -> Iterator[DealRow]:
    """A result for each row, read as it is asked for; raises FileError where the file cannot be used as a whole."""
    match source:
        case Source.salesforce:
            return _salesforce(files, reading)
        case Source.hubspot:
            stages = None if files.pipelines is None else hubspot_stages(files.pipelines)
            for_all = _for_all(reading, files.accounts, hubspot_companies)
            return hubspot_deals(files.deals, stages, for_all)
        case Source.pipedrive:
            names = None if files.pipelines is None else pipedrive_names(files.pipelines)
            for_all = _for_all(reading, files.accounts, pipedrive_names)
            return pipedrive_deals(files.deals, reading.keys, names, for_all)
        case Source.csv:
            if reading.columns is None:
                raise TypeError("a CSV needs a map of its columns")
            return mapped_deals(
                open_csv(files.deals, MAX_DEALS),
                reading.columns,
                ForAll(reading.currency, reading.customer),
                decimal_mark=reading.decimal_mark,
                date_format=reading.date_format,
            )


def _salesforce(files: DealFiles, reading: Reading) -> Iterator[DealRow]:
    def names(file: BinaryIO) -> dict[str, str]:
        return salesforce_accounts(file, is_json=_starts_as_json(file))

    for_all = _for_all(reading, files.accounts, names)
    if _starts_as_json(files.deals):
        return salesforce_tree_deals(files.deals, for_all)
    return salesforce_deals(open_csv(files.deals, MAX_DEALS), for_all)


def _for_all(
    reading: Reading, accounts: BinaryIO | None, names: Callable[[BinaryIO], dict[str, str]]
) -> ForAll:
    customers = {} if accounts is None else names(accounts)
    return ForAll(reading.currency, reading.customer, customers)


def _starts_as_json(file: BinaryIO) -> bool:
    file.seek(0)
    return _is_json(file.read(_LOOKED_AT))


def _is_json(start: bytes) -> bool:
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
