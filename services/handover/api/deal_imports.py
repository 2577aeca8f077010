"""Import of deals: a file from the CRM becomes handovers, with a result for every row."""

from collections import Counter
from typing import Annotated, Any, Literal
from uuid import UUID

import anyio.to_thread
import orjson
from fastapi import File, Form, Query, Request, UploadFile
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.csv_table import read_csv
from services.chassis.errors import FieldError, Invalid
from services.chassis.events import record
from services.chassis.fields import Body, Name
from services.chassis.language import Language, translate
from services.chassis.web import CallerDep, RuntimeDep, SessionDep, concept, language_of
from services.handover import events
from services.handover.domain.base import directory
from services.handover.domain.deal_cell import DateFormat, DecimalMark
from services.handover.domain.deal_file import DealColumns, DealRow, mapped_deals, salesforce_deals
from services.handover.domain.deal_import import ImportedRow, Into, RowResult, import_deals
from services.handover.domain.handover import EngagementType

router = concept("imports", files=True)


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


class CellRemark(BaseModel):
    """Something to say of a cell, or of the whole row when there is no column."""

    column: int | None = Field(examples=[8])
    detail: str


class DealRowOut(BaseModel):
    """What became of a row. `errors` says why it failed, `remarks` what else there is to know."""

    line: int = Field(examples=[2])
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
        UploadFile, File(description="CSV: Salesforce's Opportunity, or any with a mapping.")
    ],
    source: Annotated[Literal["salesforce", "csv"], Form()],
    accounts: Annotated[
        UploadFile | None, File(description="CSV: Salesforce's Account, for the customers' names.")
    ] = None,
    mapping: Annotated[
        str | None,
        Form(
            max_length=10_000,
            description="For `csv`: which column holds what, as JSON.",
            examples=['{"external_id": "No", "title": "Deal", "customer_name": "Customer"}'],
        ),
    ] = None,
    default_currency: Annotated[
        str | None,
        Form(pattern=r"^[A-Z]{3}$", description="Of amounts without one (ISO 4217)."),
    ] = None,
    engagement_type: Annotated[EngagementType, Form()] = EngagementType.fixed_price,
    seller_id: Annotated[UUID | None, Form(description="Default: the caller.")] = None,
    decimal_mark: Annotated[DecimalMark, Form(description="For `csv`.")] = ".",
    date_format: Annotated[DateFormat, Form(description="For `csv`.")] = DateFormat.ISO,
    dry_run: Annotated[bool, Query(description="Say what would happen, change nothing.")] = False,
) -> Response:
    """Sellers (of their own handovers), managers and admins. Good rows land, bad ones are told; twice the same changes nothing."""
    caller.require(Role.seller, Role.manager, Role.admin)
    seller = caller.person_id if seller_id is None else seller_id
    if seller != caller.person_id:
        caller.require(Role.manager, Role.admin)
    await directory.require_people(session, runtime.followers["gateway"], {"/seller_id": seller})
    columns = _columns(source, mapping)
    content = await file.read()
    accounts_content = None if accounts is None else await accounts.read()

    def read() -> list[DealRow]:
        table = read_csv(content)
        if columns is not None:
            return mapped_deals(
                table,
                columns,
                default_currency=default_currency,
                decimal_mark=decimal_mark,
                date_format=date_format,
            )
        known = None if accounts_content is None else read_csv(accounts_content)
        return salesforce_deals(table, known, default_currency)

    # Thousands of rows take a second of CPU: others are served meanwhile.
    rows = await anyio.to_thread.run_sync(read)
    done = await import_deals(session, rows, Into(caller, seller, engagement_type), dry_run=dry_run)
    if not dry_run:
        record(session, *(events.customer_created(customer) for customer in done.customers))
        record(session, *(events.handover_created(handover) for handover in done.created))
        record(session, *(events.handover_changed(*changed) for changed in done.updated))
        await session.flush()
    counts = Counter(row.result for row in done.rows)
    language = language_of(request)
    body: dict[str, Any] = {"dry_run": dry_run}
    body |= {result.value: counts[result] for result in RowResult}
    body["rows"] = [_shown(row, language) for row in done.rows]
    return Response(orjson.dumps(body, default=str), media_type="application/json")


def _columns(source: str, mapping: str | None) -> DealColumns | None:
    if source == "salesforce":
        if mapping is not None:
            raise Invalid(
                "The form is not valid.",
                errors=[FieldError("/mapping", "Only a file of the source csv takes a mapping.")],
            )
        return None
    if mapping is None:
        raise Invalid(
            "The form is not valid.",
            errors=[FieldError("/mapping", "Say which column holds what, as JSON.")],
        )
    try:
        return DealColumns(**DealMapping.model_validate_json(mapping).model_dump())
    except ValidationError as error:
        raise Invalid(
            "The mapping is not valid.",
            errors=[
                FieldError(
                    "/".join(("/mapping", *map(str, one["loc"]))),
                    "{reason}",
                    {"reason": one["msg"]},
                )
                for one in error.errors()
            ],
        ) from error


def _shown(imported: ImportedRow, language: Language) -> dict[str, Any]:
    def told(found: FieldError) -> dict[str, Any]:
        return {
            "column": found.column,
            "detail": translate(language, found.template, found.params),
        }

    row = imported.row
    return {
        "line": row.line,
        "external_id": row.external_id,
        "title": row.deal.title if row.deal else None,
        "customer": row.deal.customer_name if row.deal else None,
        "result": imported.result,
        "handover_id": imported.handover_id,
        "errors": [told(error) for error in imported.errors],
        "remarks": [told(remark) for remark in imported.remarks],
    }
