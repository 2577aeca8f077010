"""Audiences: people by a rule. Trainers describe them; managers and admins see them, too."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Query, Request
from pydantic import AfterValidator, BaseModel, Field
from starlette.responses import Response

from services.chassis.caller import Caller, Role
from services.chassis.database import Reader, load, reader_of
from services.chassis.errors import FieldError, Invalid
from services.chassis.events import changes, record
from services.chassis.fields import Body, Moment, Name, Prose
from services.chassis.pages import LARGEST_LIMIT, PageQuery, read_cursor, write_cursor
from services.chassis.reads import Found, Read
from services.chassis.runtime import Runtime
from services.chassis.telemetry import REQUEST_ID
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    ReaderDep,
    RuntimeDep,
    SessionDep,
    concept,
    found,
    listed,
)
from services.onboarding import events
from services.onboarding.domain.assignment import STEERING
from services.onboarding.domain.audience import (
    NOBODYS,
    Audience,
    Mode,
    delete_members,
    preview,
    refresh,
    require_unused,
)
from services.onboarding.domain.audience_rule import (
    RuleNode,
    bounded,
    moves_with_time,
    questions,
)
from services.onboarding.domain.audience_upkeep import take_anew
from services.onboarding.domain.following import Doing
from services.onboarding.domain.named_people import people_by_id, unknown_teams
from services.onboarding.domain.readiness import require_no_gate_over

router = concept("audiences")

Rule = Annotated[
    RuleNode,
    AfterValidator(bounded),
    Field(
        description="A tree: and, or, not over team, job_role, location, hire_date, manager, tag, person.",
        examples=[{"and": [{"job_role": ["advisor"]}, {"not": {"location": ["Bergen"]}}]}],
    ),
]


class AudienceOut(BaseModel):
    """People by a rule. `moves_with_time`: days alone change who they are."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    name: str
    description: str | None
    mode: Mode
    rule: dict[str, Any]
    moves_with_time: bool


class AudienceDetail(AudienceOut):
    """An audience with the number of its active members; `empty` where there is none."""

    members: int
    empty: bool


class AudiencePage(BaseModel):
    items: list[AudienceOut]
    next: str | None


class NewAudience(Body):
    """An audience to be."""

    name: Name = Field(examples=["Advisors outside Bergen"])
    description: Prose | None = None
    mode: Mode = Field(
        Mode.dynamic,
        description="dynamic: joins and leaves follow the directory; enrol_only: nobody leaves; "
        "fixed: who is in it now, until it is refreshed.",
    )
    rule: Rule


class AudiencePatch(Body):
    """JSON Merge Patch of an audience. A new rule takes the place of the old one as a whole, and holds at once."""

    name: Name = Field(default="")
    description: Prose | None = None
    mode: Mode = Field(default=Mode.dynamic)
    rule: Rule = Field(default_factory=lambda: RuleNode(person=[NOBODYS]))


class AudienceQuery(PageQuery):
    mode: Mode | None = None


class AudienceMember(BaseModel):
    """Somebody in the audience, and since when."""

    person_id: UUID
    name: str
    since: Moment


class AudienceMemberPage(BaseModel):
    items: list[AudienceMember]
    next: str | None


class BecauseOut(BaseModel):
    """A node of the rule that decided: where it is (JSON Pointer into the rule), and whether it holds."""

    pointer: str = Field(examples=["/and/0"])
    kind: str = Field(examples=["job_role"])
    holds: bool


class MoverOut(BaseModel):
    """Somebody who would join or leave, and why."""

    person_id: UUID
    name: str
    change: Literal["joins", "leaves"]
    because: list[BecauseOut]


class AudiencePreview(BaseModel):
    """What a rule would come to; counts are of active people. `empty`: it finds nobody."""

    matching: int
    members: int
    joins: int
    leaves: int
    empty: bool
    items: list[MoverOut]
    next: str | None


class PreviewedRule(Body):
    """A rule to try, against the members of an audience or against nobody."""

    rule: Rule
    audience_id: UUID | None = None
    mode: Mode = Mode.dynamic


class Refreshed(BaseModel):
    """How many joined and left."""

    joined: int
    left: int


class PeopleQuery(BaseModel):
    limit: int = Field(50, ge=1, le=LARGEST_LIMIT, description="Items at most.")
    after: str | None = Field(
        None,
        max_length=500,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="Where to go on: `next` of the page before.",
    )

    def place(self) -> UUID:
        """The last person of the page before."""
        place = read_cursor(self.after, "id", False)
        return NOBODYS if place is None else place.id


AUDIENCES = Read(AudienceOut, Audience, filters=["mode"], sorts=["name"])

_MEMBERS = """
SELECT m.person_id, p.name, m.since
FROM audience_member AS m
JOIN person AS p ON p.organization_id = m.organization_id AND p.id = m.person_id AND p.active
WHERE m.organization_id = $1 AND m.audience_id = $2 AND m.person_id > $3
ORDER BY m.person_id
LIMIT $4
"""
_COUNT = """
SELECT count(*)
FROM audience_member AS m
JOIN person AS p ON p.organization_id = m.organization_id AND p.id = m.person_id AND p.active
WHERE m.organization_id = $1 AND m.audience_id = $2
"""


async def _detail(reader: Reader, audience_id: UUID) -> Found:
    stored = await AUDIENCES.one(reader, audience_id)
    members = await reader.connection.fetchval(_COUNT, reader.organization_id, audience_id)
    shown = {**orjson.loads(stored.content), "members": members, "empty": members == 0}
    return Found(orjson.dumps(shown), stored.version)


async def _require_known(reader: Reader, runtime: Runtime, rule: RuleNode) -> None:
    """Refuse a rule over teams or people that are not there, with the place of each."""
    errors = await _unknown(reader, rule)
    if errors:
        await runtime.followers["gateway"].catch_up()
        errors = await _unknown(reader, rule)
    if errors:
        raise Invalid("The rule names what is not there.", errors=errors)


async def _unknown(reader: Reader, rule: RuleNode) -> list[FieldError]:
    teams: list[tuple[str, UUID]] = []
    people: list[tuple[str, UUID]] = []
    for pointer, node in questions(rule):
        for kind, named in (("team", teams), ("manager", people), ("person", people)):
            given: list[UUID] = getattr(node, kind) or []
            named += [(f"/rule{pointer}/{kind}/{n}", id) for n, id in enumerate(given)]
    no_teams = await unknown_teams(reader, [id for _, id in teams]) if teams else set()
    known = await people_by_id(reader, [id for _, id in people]) if people else []
    return [
        FieldError(pointer, "There is no such team.") for pointer, id in teams if id in no_teams
    ] + [
        FieldError(pointer, "There is no such person.")
        for (pointer, _), id in zip(people, known, strict=True)
        if id is None
    ]


def _doing(caller: Caller, now: datetime) -> Doing:
    return Doing(now, caller, REQUEST_ID.get())


@router.post(
    "/audiences", status_code=201, response_model=AudienceDetail, summary="Describe an audience"
)
async def create_audience(
    body: NewAudience, caller: CallerDep, now: NowDep, runtime: RuntimeDep, session: SessionDep
) -> Response:
    """Trainers. Who is in it is found at once; it may be nobody, which `empty` says."""
    caller.require(Role.trainer)
    reader = reader_of(session)
    await _require_known(reader, runtime, body.rule)
    audience = Audience(
        organization_id=caller.organization_id,
        name=body.name,
        description=body.description,
        mode=body.mode,
        rule=body.rule.written(),
        moves_with_time=moves_with_time(body.rule),
    )
    session.add(audience)
    await session.flush()
    flow = await refresh(reader, audience, now.date(), anew=True)
    record(session, events.audience_created(audience, flow))
    return found(
        await _detail(reader, audience.id), status=201, location=f"/v1/audiences/{audience.id}"
    )


@router.get("/audiences", response_model=AudiencePage, summary="List audiences")
async def list_audiences(
    query: Annotated[AudienceQuery, Query()], request: Request, caller: CallerDep, reader: ReaderDep
) -> Response:
    """Trainers, managers and admins; newest first, or by name."""
    caller.require(*STEERING)
    return listed(await AUDIENCES.page(reader, query), request)


@router.post(
    "/audiences/preview", response_model=AudiencePreview, summary="Try the rule of an audience"
)
async def preview_rule(
    body: PreviewedRule,
    query: Annotated[PeopleQuery, Query()],
    caller: CallerDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """Trainers, managers and admins: who would join and leave, and which nodes say so. Nothing is written."""
    caller.require(*STEERING)
    reader = reader_of(session)
    if body.audience_id is not None:
        await AUDIENCES.require(reader, body.audience_id)
    await _require_known(reader, runtime, body.rule)
    return await _previewed(reader, body.rule, body.mode, now, query, body.audience_id or NOBODYS)


@router.get(
    "/audiences/{audience_id}/preview",
    response_model=AudiencePreview,
    summary="What a refresh of an audience would change",
)
async def preview_audience(
    audience_id: UUID,
    query: Annotated[PeopleQuery, Query()],
    caller: CallerDep,
    now: NowDep,
    reader: ReaderDep,
) -> Response:
    """Trainers, managers and admins: who would join and leave if it were refreshed now, and why. Nothing is written."""
    caller.require(*STEERING)
    stored = orjson.loads((await AUDIENCES.one(reader, audience_id)).content)
    rule = RuleNode.model_validate(stored["rule"])
    return await _previewed(reader, rule, Mode(stored["mode"]), now, query, audience_id)


async def _previewed(
    reader: Reader, rule: RuleNode, mode: Mode, now: datetime, query: PeopleQuery, audience_id: UUID
) -> Response:
    told = await preview(
        reader,
        rule,
        mode,
        now.date(),
        audience_id=audience_id,
        limit=query.limit,
        after=query.place(),
    )
    last = told.movers[-1].person_id if told.more else None
    content = {
        "matching": told.matching,
        "members": told.members,
        "joins": told.joins,
        "leaves": told.leaves,
        "empty": told.matching == 0,
        "items": [
            {
                "person_id": one.person_id,
                "name": one.name,
                "change": "joins" if one.joins else "leaves",
                "because": [asdict(because) for because in one.because],
            }
            for one in told.movers
        ],
        "next": None if last is None else write_cursor("id", False, last, last),
    }
    return Response(orjson.dumps(content, default=str), media_type="application/json")


@router.get("/audiences/{audience_id}", response_model=AudienceDetail, summary="Get an audience")
async def get_audience(audience_id: UUID, caller: CallerDep, reader: ReaderDep) -> Response:
    """Trainers, managers and admins: one audience with its ETag, and how many are in it."""
    caller.require(*STEERING)
    return found(await _detail(reader, audience_id))


@router.get(
    "/audiences/{audience_id}/members",
    response_model=AudienceMemberPage,
    summary="Who is in an audience",
)
async def list_audience_members(
    audience_id: UUID,
    query: Annotated[PeopleQuery, Query()],
    caller: CallerDep,
    reader: ReaderDep,
) -> Response:
    """Trainers, managers and admins: its active members, by id."""
    caller.require(*STEERING)
    await AUDIENCES.require(reader, audience_id)
    rows = await reader.connection.fetch(
        _MEMBERS, reader.organization_id, audience_id, query.place(), query.limit + 1
    )
    shown = rows[: query.limit]
    last = shown[-1]["person_id"] if len(rows) > query.limit else None
    content = {
        "items": [dict(row) for row in shown],
        "next": None if last is None else write_cursor("id", False, last, last),
    }
    return Response(orjson.dumps(content, default=str), media_type="application/json")


@router.patch(
    "/audiences/{audience_id}", response_model=AudienceDetail, summary="Change an audience"
)
async def change_audience(
    audience_id: UUID,
    body: AudiencePatch,
    caller: CallerDep,
    match: MatchDep,
    now: NowDep,
    runtime: RuntimeDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch; trainers. With a new rule or mode people join and leave at once, and what they learn follows.

    Rule and mode hold while a rollout to it is in training or ready (409).
    """
    caller.require(Role.trainer)
    audience = await load(session, Audience, audience_id)
    match.check(audience.version)
    reader = reader_of(session)
    given = body.model_dump(exclude_unset=True, exclude={"rule"})
    if "rule" in body.model_fields_set:
        await _require_known(reader, runtime, body.rule)
        given |= {"rule": body.rule.written(), "moves_with_time": moves_with_time(body.rule)}
    audience.sqlmodel_update(given)
    before, after = changes(audience)
    if {"rule", "mode"} & after.keys():
        await require_no_gate_over(reader, audience_id)
    record(session, events.audience_changed(audience, before, after))
    await session.flush()
    if {"rule", "mode"} & after.keys():
        await take_anew(session, audience, _doing(caller, now), anew="rule" in after)
    return found(await _detail(reader, audience_id))


@router.post(
    "/audiences/{audience_id}/refresh",
    response_model=Refreshed,
    summary="Take the members of an audience anew",
)
async def refresh_audience(
    audience_id: UUID, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers. Of a fixed audience, too; what people learn follows."""
    caller.require(Role.trainer)
    audience = await load(session, Audience, audience_id)
    flow = await take_anew(session, audience, _doing(caller, now), anew=True)
    return Response(
        orjson.dumps({"joined": flow.joined, "left": flow.left}), media_type="application/json"
    )


@router.delete("/audiences/{audience_id}", status_code=204, summary="Remove an audience")
async def delete_audience(
    audience_id: UUID, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """Trainers; only while no rule and no rollout is for it (409, which names them)."""
    caller.require(Role.trainer)
    audience = await load(session, Audience, audience_id)
    match.check(audience.version)
    await require_unused(reader_of(session), audience_id)
    await session.delete(audience)
    record(session, events.audience_deleted(audience))
    await session.flush()
    await delete_members(reader_of(session), audience_id)
    return Response(status_code=204)
