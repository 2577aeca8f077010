"""Deals of HubSpot, as its API answers them: `GET /crm/v3/objects/deals`, a page or many.

The id of a stage says nothing: `GET /crm/v3/pipelines/deals` says what it is called and whether it means won. Companies
are named by `GET /crm/v3/objects/companies`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from services.chassis.csv_cell import line_in, name_in, text_in, title_in
from services.chassis.json_records import JsonRecord, json_records
from services.handover.domain.customer import Source
from services.handover.domain.deal_cell import boolean_in, day_in, plain_amount
from services.handover.domain.deal_file import Deal, DealRow, ForAll, JsonCells, json_rows

HUBSPOT_ARCHIVED = "Archived in HubSpot"
# A deal may be associated with several companies; this type marks the primary one.
_PRIMARY = "deal_to_company"


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage is called, and whether a deal in it is won or closed."""

    label: str | None
    is_won: bool
    is_closed: bool


# By the ids of pipeline and stage.
Stages = Mapping[tuple[str, str], Stage]


def hubspot_deals(file: BinaryIO, stages: Stages | None, for_all: ForAll) -> Iterator[DealRow]:
    """The deals of pages or of lines. Without `stages`, the deal's own `hs_is_closed_won` says whether it is won."""

    def read(record: JsonRecord) -> DealRow:
        cells = JsonCells(record)
        external_id = cells.take(name_in, "id")
        if cells.take(boolean_in, "archived"):
            return cells.left_out(external_id, HUBSPOT_ARCHIVED)
        company = cells.take_value(line_in, "associations/companies", _company(record.value))
        amount, currency = cells.money(
            "properties/amount", "properties/deal_currency_code", for_all.currency, plain_amount
        )
        stage_id = cells.take(line_in, "properties/dealstage")
        stage = _stage(cells, stages, stage_id)
        is_won = cells.take(boolean_in, "properties/hs_is_closed_won")
        is_closed = cells.take(boolean_in, "properties/hs_is_closed")
        if is_won is None and stage is None:
            cells.remarks.append(
                cells.of("properties/dealstage").problem(
                    "Whether it is won is not known: send the pipelines along, or hs_is_closed_won"
                )
            )
        deal = Deal(
            source=Source.hubspot,
            external_id=external_id or "",
            title=cells.take(title_in, "properties/dealname") or "",
            customer_external_id=company,
            customer_name=cells.customer(company or "", "associations", (), for_all),
            amount=amount,
            currency=currency,
            stage_raw=(stage and stage.label) or stage_id,
            is_won=is_won if stage is None or is_won is not None else stage.is_won,
            is_closed=is_closed if stage is None or is_closed is not None else stage.is_closed,
            close_date=cells.take(day_in, "properties/closedate"),
            created_on=cells.take(day_in, "properties/createdate"),
            description=cells.take(text_in, "properties/description"),
            owner_external_id=cells.take(line_in, "properties/hubspot_owner_id"),
            line=cells.line,
        )
        return cells.outcome(external_id, deal)

    return json_rows(json_records(file, "results", _has_properties), read)


def hubspot_companies(file: BinaryIO) -> dict[str, str]:
    """The companies' names by id; raises FileError."""
    names: dict[str, str] = {}
    for record in json_records(file, "results", _has_properties):
        if isinstance(record.value, dict):
            cells = JsonCells(record)
            id, name = cells.text("id"), cells.text("properties/name")
            if id and name:
                names[id] = name
    return names


def hubspot_stages(file: BinaryIO) -> Stages:
    """What each stage means; raises FileError."""
    stages: dict[tuple[str, str], Stage] = {}
    for pipeline in json_records(file, "results", lambda value: "stages" in value):
        for stage in _objects(pipeline.value, "stages"):
            metadata = stage.get("metadata")
            said = metadata if isinstance(metadata, dict) else {}
            is_closed = str(said.get("isClosed", "")).casefold() == "true"
            # HubSpot's own rule: a closed stage with the probability 1 is won.
            is_won = is_closed and str(said.get("probability", "")) in ("1", "1.0")
            label = JsonCells(JsonRecord(stage, pipeline.line, pipeline.pointer)).text("label")
            stages[str(pipeline.value.get("id")), str(stage.get("id"))] = Stage(
                label, is_won, is_closed
            )
    return stages


def _stage(cells: JsonCells, stages: Stages | None, stage_id: str | None) -> Stage | None:
    if stages is None or stage_id is None:
        return None
    stage = stages.get((cells.text("properties/pipeline") or "default", stage_id))
    if stage is None:
        cells.remarks.append(
            cells.of("properties/dealstage").problem(
                "The stage {stage} is in none of the pipelines that were sent along", stage=stage_id
            )
        )
    return stage


def _company(deal: Mapping[str, Any]) -> str | None:
    """The id of the primary company, or of the first."""
    associations = deal.get("associations")
    companies = associations.get("companies") if isinstance(associations, dict) else None
    found = _objects(companies, "results")
    primary = [one for one in found if one.get("type") == _PRIMARY]
    ids = [one["id"] for one in (*primary, *found) if isinstance(one.get("id"), str)]
    return ids[0] if ids else None


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    listed = value.get(name) if isinstance(value, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _has_properties(value: Mapping[str, Any]) -> bool:
    return "properties" in value
