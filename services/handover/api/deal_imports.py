"""Import of deals: a file from the CRM becomes handovers, with a result for every row."""

from collections import Counter
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
from fastapi import File, Form, Query, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.csv_cell import DateFormat
from services.chassis.errors import FieldError, Invalid
from services.chassis.events import record, store_recorded
from services.chassis.fields import Body, Name
from services.chassis.language import Language, translate
from services.chassis.telemetry import REQUEST_ID
from services.chassis.web import (
    CallerDep,
    RowsAnswer,
    RuntimeDep,
    SessionDep,
    concept,
    in_parts,
    language_of,
    mapping_as,
)
from services.handover import events
from services.handover.domain.base import directory
from services.handover.domain.customer import Source
from services.handover.domain.deal_cell import DecimalMark
from services.handover.domain.deal_import import (
    ImportedRow,
    Into,
    RowResult,
    import_deals,
    take_turns,
)
from services.handover.domain.deal_sources import (
    DealFiles,
    DealSource,
    Reading,
    read_deals,
    source_of,
)
from services.handover.domain.deals_of_csv import DealColumns
from services.handover.domain.handover import EngagementType

router = concept("imports", files=True)
_AT_ONCE = 1_000
"""Rows that are in memory at a time."""


class DealMapping(Body):
    """Which column of a CSV holds what, by the name in its header."""

    external_id: Name
    title: Name
    customer_name: Name
    customer_external_id: Name | None = None
    amount: Name | None = None
    currency: Name | None = None
    stage_raw: Name | None = None
    is_won: Name | None = None
    close_date: Name | None = None
    created_on: Name | None = None
    description: Name | None = None
    owner_external_id: Name | None = None


class CustomFields(Body):
    """Which key of Pipedrive's (40 hexadecimal digits for a field that somebody added) holds what."""

    title: Name | None = None
    customer_name: Name | None = None
    customer_external_id: Name | None = None
    amount: Name | None = None
    currency: Name | None = None
    stage_raw: Name | None = None
    close_date: Name | None = None
    description: Name | None = None
    owner_external_id: Name | None = None


class CellRemark(BaseModel):
    """Something to say of a cell, or of the whole row when there is neither column nor pointer."""

    column: int | None = Field(description="Of a CSV, counted from 1.", examples=[8])
    pointer: str | None = Field(
        description="Into a document of a JSON file.", examples=["/results/3/properties/amount"]
    )
    detail: str


class DealRowOut(BaseModel):
    """What became of a row. `errors` says why it failed, `remarks` what else there is to know."""

    line: int = Field(description="Where it begins in the file, counted from 1.", examples=[2])
    pointer: str | None = Field(
        description="To the record in its document, of a JSON file.", examples=["/results/3"]
    )
    external_id: str | None
    title: str | None
    customer: str | None
    result: RowResult
    handover_id: UUID | None
    errors: list[CellRemark]
    remarks: list[CellRemark]


class DealImport(BaseModel):
    """What an import did, or would do."""

    dry_run: bool
    source: DealSource = Field(description="As told, or as the file shows.")
    created: int
    unchanged: int
    updated: int
    failed: int
    skipped: int
    rows: list[DealRowOut]


@router.post("/imports/deals", response_model=DealImport, summary="Import deals")
async def import_deals_from_file(
    request: Request,
    caller: CallerDep,
    runtime: RuntimeDep,
    session: SessionDep,
    file: Annotated[
        UploadFile,
        File(
            description="Salesforce's Opportunity as CSV, as a tree of sObjects or as a query answers; HubSpot's deals "
            "(`GET /crm/v3/objects/deals`) or Pipedrive's (`GET /v1/deals`, `GET /api/v2/deals`), a page, several one "
            "after the other, or a deal a line; or any CSV with a mapping."
        ),
    ],
    source: Annotated[
        DealSource | None, Form(description="Default: what the file shows, and the answer says.")
    ] = None,
    accounts: Annotated[
        UploadFile | None,
        File(
            description="For the customers' names: Salesforce's Account (CSV or JSON), HubSpot's companies, "
            "Pipedrive's organizations."
        ),
    ] = None,
    pipelines: Annotated[
        UploadFile | None,
        File(
            description="What the stages are called and which mean won: HubSpot's `GET /crm/v3/pipelines/deals`, "
            "Pipedrive's `GET /v1/stages`."
        ),
    ] = None,
    mapping: Annotated[
        str | None,
        Form(
            max_length=10_000,
            description="As JSON: for `csv`, which column holds what; for `pipedrive`, which key holds a field that "
            "somebody added.",
            examples=['{"external_id": "No", "title": "Deal", "customer_name": "Customer"}'],
        ),
    ] = None,
    default_currency: Annotated[
        str | None,
        Form(pattern=r"^[A-Z]{3}$", description="Of amounts without one (ISO 4217)."),
    ] = None,
    default_customer: Annotated[
        Name | None,
        Form(description="The customer of deals that name none, as in many trees of Salesforce."),
    ] = None,
    engagement_type: Annotated[EngagementType, Form()] = EngagementType.fixed_price,
    seller_id: Annotated[UUID | None, Form(description="Default: the caller.")] = None,
    decimal_mark: Annotated[DecimalMark, Form(description="For `csv`.")] = ".",
    date_format: Annotated[DateFormat, Form(description="For `csv`.")] = DateFormat.ISO,
    dry_run: Annotated[bool, Query(description="Say what would happen, change nothing.")] = False,
) -> Response:
    """Sellers (of their own handovers), managers and admins. Good rows land, bad ones are told; twice the same changes nothing.

    All the good rows land at once, and the answer begins when they have.
    """
    caller.require(Role.seller, Role.manager, Role.admin)
    seller = caller.person_id if seller_id is None else seller_id
    if seller != caller.person_id:
        caller.require(Role.manager, Role.admin)
    await directory.require_people(session, runtime.followers["gateway"], {"/seller_id": seller})
    files = DealFiles(
        file.file, accounts.file if accounts else None, pipelines.file if pipelines else None
    )
    known_source = source or await anyio.to_thread.run_sync(source_of, file.file)
    if known_source is None and mapping is not None:
        known_source = Source.csv
    if known_source is None:
        raise _form_error("/source", "The file does not show where it comes from: say it.")
    _refuse_unused(known_source, files)
    columns, keys = _mapped(known_source, mapping)
    reading = Reading(default_currency, default_customer, columns, keys, decimal_mark, date_format)
    # Thousands of rows take a second of CPU: others are served meanwhile.
    rows = await anyio.to_thread.run_sync(read_deals, known_source, files, reading)
    await take_turns(session)
    into = Into(caller, seller, engagement_type)
    counts: Counter[RowResult] = Counter()
    language = language_of(request)
    with RowsAnswer() as answer:
        async for part in in_parts(rows, _AT_ONCE):
            done = await import_deals(session, part, into, dry_run=dry_run)
            if not dry_run:
                record(session, *(events.customer_created(customer) for customer in done.customers))
                record(session, *(events.handover_created(handover) for handover in done.created))
                record(session, *(events.handover_changed(*changed) for changed in done.updated))
                await store_recorded(session, caller, REQUEST_ID.get())
            answer.add(_shown(row, language) for row in done.rows)
            counts.update(row.result for row in done.rows)
        summary = {result.value: counts[result] for result in RowResult}
        return answer.ended({"dry_run": dry_run, "source": known_source} | summary)


def _refuse_unused(source: Source, files: DealFiles) -> None:
    """A file that nobody would read was sent in error."""
    if files.accounts is not None and source is Source.csv:
        raise _form_error("/accounts", "A file of the source csv names its customers itself.")
    if files.pipelines is not None and source not in (Source.hubspot, Source.pipedrive):
        raise _form_error("/pipelines", "Only deals of HubSpot and Pipedrive take pipelines.")


def _mapped(source: Source, mapping: str | None) -> tuple[DealColumns | None, dict[str, str]]:
    """Columns of a CSV, or keys of Pipedrive."""
    if source is Source.csv:
        if mapping is None:
            raise _form_error("/mapping", "Say which column holds what, as JSON.")
        return DealColumns(**mapping_as(DealMapping, mapping).model_dump()), {}
    if mapping is None:
        return None, {}
    if source is not Source.pipedrive:
        raise _form_error("/mapping", "Only files of the sources csv and pipedrive take a mapping.")
    return None, mapping_as(CustomFields, mapping).model_dump(exclude_none=True)


def _form_error(pointer: str, template: str) -> Invalid:
    return Invalid("The form is not valid.", errors=[FieldError(pointer, template)])


def _shown(imported: ImportedRow, language: Language) -> dict[str, Any]:
    def told(found: FieldError) -> dict[str, Any]:
        return {
            "column": found.column,
            "pointer": found.pointer or None,
            "detail": translate(language, found.template, found.params),
        }

    row = imported.row
    return {
        "line": row.line,
        "pointer": row.pointer or None,
        "external_id": row.external_id,
        "title": row.deal.title if row.deal else None,
        "customer": row.deal.customer_name if row.deal else None,
        "result": imported.result,
        "handover_id": imported.handover_id,
        "errors": [told(error) for error in imported.errors],
        "remarks": [told(remark) for remark in imported.remarks],
    }
