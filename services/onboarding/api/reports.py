"""Reports, as JSON by pages or as CSV all at once: who can use which tool, what is overdue, how training goes and what it came to.

Trainers and admins see everybody; managers and leads their own teams. A figure stands beside its denominator `of`.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.chassis.csv_writing import BYTE_ORDER_MARK, csv_lines_of
from services.chassis.database import Viewer
from services.chassis.errors import FieldError, Invalid
from services.chassis.fields import Day
from services.chassis.forms import preferred
from services.chassis.language import translate
from services.chassis.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from services.chassis.runtime import Runtime
from services.chassis.web import (
    CSV,
    LINES,
    CallerDep,
    NowDep,
    RuntimeDep,
    ViewerDep,
    concept,
    exported,
    language_of,
    listed,
)
from services.onboarding.api.curricula import CURRICULA as CURRICULUM_READ
from services.onboarding.api.tools import TOOLS as TOOL_READ
from services.onboarding.domain.kirkpatrick import kirkpatrick
from services.onboarding.domain.progress_reports import CURRICULA, OVERDUE, TRAINERS
from services.onboarding.domain.report import Report, teams_seen
from services.onboarding.domain.tool_matrix import TOOL_MATRIX, TOOL_PEOPLE

router = concept("reports")

JSON = "application/json"
_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "By `Accept`: JSON by pages; or all of it at once as CSV, or as a JSON object a line. In a CSV, a text "
        "that a spreadsheet would take for a formula has an apostrophe before it.",
        "content": {
            LINES: {"schema": {"type": "string"}, "example": '{"of":5,"trained":4}\n'},
            CSV: {"schema": {"type": "string"}, "example": "of,trained\r\n5,4\r\n"},
        },
    }
}
_NOT_THERE = {"404": {"$ref": "#/components/responses/NotFound"}}
_EXTRA = {
    "responses": {**_NOT_THERE, "406": {"$ref": "#/components/responses/NotAcceptable"}},
}


class ReportQuery(BaseModel):
    """What every report takes."""

    model_config = ConfigDict(extra="forbid")

    team_id: UUID | None = Field(None, description="The team that the people are in now.")
    bom: bool = Field(False, description="A byte order mark before a CSV, for Excel.")


class PagedReportQuery(ReportQuery):
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=LARGEST_LIMIT, description="Rows at most.")
    after: str | None = Field(
        None,
        max_length=500,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="Where to go on: `next` of the page before.",
    )


class ToolMatrixQuery(PagedReportQuery):
    tool_id: UUID | None = None


class ToolPeopleQuery(PagedReportQuery):
    tool_id: UUID = Field(examples=["019a2b3c-4d5e-7f60-8123-456789abcdef"])


class CurriculumReportQuery(PagedReportQuery):
    curriculum_id: UUID | None = None


class Period(BaseModel):
    since: Day | None = Field(None, description="The first day; null: from the beginning.")
    until: Day | None = Field(None, description="The last day; null: up to now.")

    def bounds(self, now: datetime) -> dict[str, datetime]:
        """The period as moments (UTC), the last one excluded; raises `Invalid` for one that ends before it begins."""
        if self.since is not None and self.until is not None and self.until < self.since:
            raise Invalid(
                "The period ends before it begins.",
                errors=[FieldError("/until", "It must not lie before since.", where="query")],
            )
        since = self.since or date(1900, 1, 1)
        until = (self.until or now.date()) + timedelta(days=1)
        midnight = datetime.min.time()
        return {
            "since": datetime.combine(since, midnight, UTC),
            "until": datetime.combine(until, midnight, UTC),
        }


class TrainerReportQuery(PagedReportQuery, Period):
    pass


class KirkpatrickQuery(ReportQuery, Period):
    curriculum_id: UUID | None = None


class ToolMatrixRow(BaseModel):
    """Who in a team can use a tool: `have` of `of` who count, where `need` are needed; of those who have, `waived` by a waiver.

    Measured by the gate of its last rollout, or by a certificate of its competence. Figures are null where nothing is asked for.
    """

    team_id: UUID | None
    team_name: str | None = Field(description="Null: those who have no team.")
    tool_id: UUID
    tool_key: str
    tool_name: str
    measured_by: Literal["rollout", "competence"] | None
    rollout_id: UUID | None
    competence: str | None
    of: int | None
    have: int | None
    need: int | None
    met: bool | None
    trained: int | None
    waived: int | None
    missing: int | None
    left_out_inactive: int | None
    left_out_suspended: int | None
    left_out_not_in_audience: int | None
    why: Literal["nothing_asked", "nobody_counts", "no_gate"] | None = Field(
        description="Why a figure is null, or says nothing."
    )


class ToolMatrixPage(BaseModel):
    items: list[ToolMatrixRow]
    next: str | None


class ToolPersonRow(BaseModel):
    """How a person stands to a tool. `lacks` names the curricula by key, or the competence."""

    team_id: UUID | None
    team_name: str | None
    tool_id: UUID
    tool_key: str
    person_id: UUID
    person_name: str
    person_email: str
    standing: Literal["trained", "waived", "missing", "left_out"]
    reason: Literal["inactive", "suspended", "not_in_audience"] | None
    lacks: str | None


class ToolPeoplePage(BaseModel):
    items: list[ToolPersonRow]
    next: str | None


class OverdueRow(BaseModel):
    """An assignment whose day has passed (UTC) while it is under way."""

    assignment_id: UUID
    person_id: UUID
    person_name: str
    person_email: str
    team_id: UUID | None
    team_name: str | None
    manager_name: str | None
    curriculum_id: UUID
    curriculum_key: str
    curriculum_title: str
    cycle: int
    state: Literal["assigned", "in_progress"]
    due_on: date
    days_overdue: int
    items_done: int
    extended: bool


class OverduePage(BaseModel):
    items: list[OverdueRow]
    next: str | None


class CurriculumReportRow(BaseModel):
    """How a curriculum goes. `of` are the assignments that count; those left out are told by reason.

    `waived` are completed by way of a waiver, and not among `completed`. Days to complete are those of `timed` assignments:
    from the day on which learning could begin, without waivers and imports; null where there are none.
    """

    curriculum_id: UUID
    curriculum_key: str
    curriculum_title: str
    of: int
    scheduled: int
    assigned: int
    in_progress: int
    completed: int
    waived: int
    overdue: int
    completed_late: int
    timed: int
    median_days_to_complete: float | None
    p90_days_to_complete: float | None
    left_out_suspended: int
    left_out_inactive: int
    left_out_withdrawn: int


class CurriculumReportPage(BaseModel):
    items: list[CurriculumReportRow]
    next: str | None


class TrainerRow(BaseModel):
    """What somebody did for the learning of others. `show_rate` is null where nobody's attendance was taken."""

    person_id: UUID
    person_name: str
    active: bool
    sessions_held: int
    minutes_held: int
    seats: int
    attended: int
    no_shows: int
    show_rate: float | None
    people_reached: int
    assigned: int
    completed_for_others: int
    graded: int
    waived: int
    imported: int


class TrainerPage(BaseModel):
    items: list[TrainerRow]
    next: str | None


class KirkpatrickLevel(BaseModel):
    """A level of Kirkpatrick's. Figures are null where nothing is known or too few are in it: `why` says it, `detail` in words."""

    level: int = Field(ge=1, le=4)
    name: Literal["reaction", "learning", "behaviour", "results"]
    people: int | None = Field(description="Who is in the figures.")
    figures: dict[str, float | None] | None = Field(examples=[{"attempts": 12, "mean_score": 0.75}])
    why: Literal["not_collected", "no_data", "fewer_than_five", "not_by_team", "elsewhere"] | None
    detail: str | None


class Kirkpatrick(BaseModel):
    """What training came to, level by level."""

    since: date | None
    until: date | None
    team_id: UUID | None
    curriculum_id: UUID | None
    levels: list[KirkpatrickLevel]


async def _reported(
    request: Request,
    runtime: Runtime,
    caller: CallerDep,
    reader: Viewer,
    report: Report,
    model: type[BaseModel],
    query: PagedReportQuery,
    values: Mapping[str, Any],
) -> Response:
    """A page as JSON, or all of it as CSV or lines, as `Accept` asks."""
    if preferred(request.headers.get("accept"), (JSON, LINES, CSV)) != JSON:
        return await exported(
            request,
            runtime,
            caller,
            model,
            lambda whole: report.every(whole, values),
            name=report.name.replace("_", "-"),
            mark=query.bom,
        )
    page = await report.page(reader, values, limit=query.limit, after=query.after)
    response = listed(page, request)
    response.headers["Vary"] = "Accept"
    return response


@router.get(
    "/reports/tool-matrix",
    response_model=ToolMatrixPage,
    responses=_FORMS,
    openapi_extra=_EXTRA,
    summary="Report who can use which tool",
)
async def report_tool_matrix(
    query: Annotated[ToolMatrixQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    reader: ViewerDep,
) -> Response:
    """Trainers and admins; managers and leads their own teams. A row for each team and tool, as of today (UTC)."""
    teams = await teams_seen(reader, caller, query.team_id)
    if query.tool_id is not None:
        await TOOL_READ.require(reader, query.tool_id)
    values = {"teams": teams, "tool_id": query.tool_id, "today": now.date()}
    return await _reported(
        request, runtime, caller, reader, TOOL_MATRIX, ToolMatrixRow, query, values
    )


@router.get(
    "/reports/tool-matrix/people",
    response_model=ToolPeoplePage,
    responses=_FORMS,
    openapi_extra=_EXTRA,
    summary="Report the people behind the matrix",
)
async def report_tool_people(
    query: Annotated[ToolPeopleQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    reader: ViewerDep,
) -> Response:
    """Trainers and admins; managers and leads their own teams. How each person stands to a tool, by teams."""
    teams = await teams_seen(reader, caller, query.team_id)
    await TOOL_READ.require(reader, query.tool_id)
    values = {"teams": teams, "tool_id": query.tool_id, "today": now.date()}
    return await _reported(
        request, runtime, caller, reader, TOOL_PEOPLE, ToolPersonRow, query, values
    )


@router.get(
    "/reports/overdue",
    response_model=OverduePage,
    responses=_FORMS,
    openapi_extra=_EXTRA,
    summary="Report what is overdue",
)
async def report_overdue(
    query: Annotated[CurriculumReportQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    reader: ViewerDep,
) -> Response:
    """Trainers and admins; managers and leads their own teams. The longest overdue first."""
    teams = await teams_seen(reader, caller, query.team_id)
    values = {"teams": teams, "curriculum_id": query.curriculum_id, "today": now.date()}
    return await _reported(request, runtime, caller, reader, OVERDUE, OverdueRow, query, values)


@router.get(
    "/reports/curricula",
    response_model=CurriculumReportPage,
    responses=_FORMS,
    openapi_extra=_EXTRA,
    summary="Report how curricula go",
)
async def report_curricula(
    query: Annotated[CurriculumReportQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    reader: ViewerDep,
) -> Response:
    """Trainers and admins; managers and leads their own teams. A row for each curriculum, the oldest first."""
    teams = await teams_seen(reader, caller, query.team_id)
    values = {"teams": teams, "curriculum_id": query.curriculum_id, "today": now.date()}
    return await _reported(
        request, runtime, caller, reader, CURRICULA, CurriculumReportRow, query, values
    )


@router.get(
    "/reports/trainers",
    response_model=TrainerPage,
    responses=_FORMS,
    openapi_extra=_EXTRA,
    summary="Report what trainers do",
)
async def report_trainers(
    query: Annotated[TrainerReportQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    reader: ViewerDep,
) -> Response:
    """Trainers and admins; managers and leads what was done for their own teams. Whoever trained somebody in the period."""
    teams = await teams_seen(reader, caller, query.team_id)
    values = {"teams": teams, "now": now, **query.bounds(now)}
    return await _reported(request, runtime, caller, reader, TRAINERS, TrainerRow, query, values)


@router.get(
    "/reports/kirkpatrick",
    response_model=Kirkpatrick,
    responses=_FORMS,
    openapi_extra=_EXTRA,
    summary="Report what training came to",
)
async def report_kirkpatrick(
    query: Annotated[KirkpatrickQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    reader: ViewerDep,
) -> Response:
    """Trainers and admins; managers and leads their own teams. Kirkpatrick's four levels; what is not known is null, with why."""
    form = preferred(request.headers.get("accept"), (JSON, LINES, CSV))
    teams = await teams_seen(reader, caller, query.team_id)
    if query.curriculum_id is not None:
        await CURRICULUM_READ.require(reader, query.curriculum_id)
    values = {"teams": teams, "curriculum_id": query.curriculum_id, **query.bounds(now)}
    levels = await kirkpatrick(reader, values)
    language = language_of(request)
    for level in levels:
        why: FieldError | None = level["detail"]
        level["detail"] = None if why is None else translate(language, why.template, why.params)
    if form != JSON:
        return _flat(levels, form, mark=query.bom)
    asked = query.model_dump(include={"since", "until", "team_id", "curriculum_id"})
    content = orjson.dumps({**asked, "levels": levels})
    return Response(content, headers={"Vary": "Accept"}, media_type=JSON)


def _flat(levels: list[dict[str, Any]], form: str, *, mark: bool) -> Response:
    """A line for each figure, and one for each level without."""
    rows = [
        {**level, "figure": name, "value": value}
        for level in levels
        for name, value in (level.pop("figures") or {None: None}).items()
    ]
    if form == LINES:
        content = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    else:
        names = ("level", "name", "people", "figure", "value", "why", "detail")
        content = (BYTE_ORDER_MARK if mark else b"") + csv_lines_of(
            [names, *([row[name] for name in names] for row in rows)]
        )
    ending = "csv" if form == CSV else "ndjson"
    return Response(
        content,
        headers={
            "Content-Disposition": f'attachment; filename="kirkpatrick.{ending}"',
            "Content-Type": "text/csv; charset=utf-8; header=present" if form == CSV else LINES,
            "Vary": "Accept",
        },
    )
