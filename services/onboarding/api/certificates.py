"""Certificates. One's own, one's people's as their manager or lead, everybody's as a trainer or admin; trainers revoke."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Date, Text, Uuid, bindparam, case, exists, select
from starlette.responses import Response

from services.chassis.caller import Caller, Role
from services.chassis.database import load, organization_of, reader_of
from services.chassis.fields import Body, Key, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Found, Read
from services.chassis.web import (
    CallerDep,
    NowDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.onboarding.domain.base import directory
from services.onboarding.domain.certificate import Certificate, CertificateState
from services.onboarding.domain.certifying import certify_alone, revoke

router = concept("certificates")


class CertificateOut(BaseModel):
    """A certificate. `state` is as of today (UTC), `expires_on` the last day on which it holds; null for good.

    `title` is that of the course or curriculum when it was issued.
    """

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    person_id: UUID
    person_name: str | None
    title: str
    competence: str | None
    level: int | None
    curriculum_id: UUID | None
    course_id: UUID | None
    course_version: int | None
    assignment_id: UUID | None
    issued_on: date
    window_from: date | None
    expires_on: date | None
    state: CertificateState
    renewed_by: UUID | None
    revoked_at: Moment | None
    revoked_by: UUID | None
    revocation_reason: str | None


class CertificatePage(BaseModel):
    items: list[CertificateOut]
    next: str | None


class CertificateQuery(PageQuery):
    person_id: UUID | None = None
    competence: Key | None = None
    curriculum_id: UUID | None = None
    team_id: UUID | None = Field(None, description="The team that the people are in now.")
    state: CertificateState | None = None


class Revocation(Body):
    """Why it never counted."""

    reason: Prose = Field(examples=["The test was taken by somebody else."])


_c = Certificate.__table__.c  # type: ignore[attr-defined]
_p, _t = directory.person.c, directory.team.c
_today = bindparam("today", type_=Date)
_state = case(
    (_c.revoked_at.is_not(None), "revoked"),
    (_c.renewed_by.is_not(None), "renewed"),
    (_c.expires_on < _today, "expired"),
    (_c.window_from <= _today, "in_window"),
    else_="valid",
)
_who = bindparam("seen_by", type_=Uuid)
_their_people = (
    (_c.person_id == _who)
    | (_p.manager_id == _who)
    | exists(
        select(_t.id).where(
            _t.organization_id == _p.organization_id, _t.id == _p.team_id, _t.lead_id == _who
        )
    )
)
CERTIFICATES = Read(
    CertificateOut,
    Certificate,
    columns={"person_name": _p.name, "state": _state},
    source=Certificate.__table__.outerjoin(  # type: ignore[attr-defined]
        directory.person, (_p.organization_id == _c.organization_id) & (_p.id == _c.person_id)
    ),
    filters=["person_id", "competence", "curriculum_id"],
    # The day is a parameter of every read; as a condition that always holds it may be handed in as one.
    conditions={
        "today": _today.is_not(None),
        "state": _state == bindparam("state", type_=Text),
        "team_id": _p.team_id == bindparam("team_id", type_=_p.team_id.type),
        "seen_by": _their_people,
    },
    sorts=["issued_on"],
)


def _what(caller: Caller, today: date) -> dict[str, Any]:
    """What bounds the reads of a caller: trainers and admins see all, others themselves and their people."""
    seen = {} if caller.has(Role.trainer, Role.admin) else {"seen_by": caller.person_id}
    return {"today": today, **seen}


async def certificate_seen(reader: Any, caller: Caller, certificate_id: UUID, today: date) -> Found:
    """One certificate that the caller may see; raises `NotFound` for any other."""
    return await CERTIFICATES.one(reader, certificate_id, **_what(caller, today))


@router.get("/certificates", response_model=CertificatePage, summary="List certificates")
async def list_certificates(
    query: Annotated[CertificateQuery, Query()],
    request: Request,
    caller: CallerDep,
    now: NowDep,
    reader: ViewerDep,
) -> Response:
    """Newest first. One's own; managers and leads see their people's, trainers and admins everybody's."""
    page = await CERTIFICATES.page(reader, query, **_what(caller, now.date()))
    return listed(page, request)


@router.get(
    "/certificates/{certificate_id}", response_model=CertificateOut, summary="Get a certificate"
)
async def get_certificate(
    certificate_id: UUID, caller: CallerDep, now: NowDep, reader: ViewerDep
) -> Response:
    """One certificate with its ETag: one's own, one's people's, or any as a trainer or admin."""
    return found(await certificate_seen(reader, caller, certificate_id, now.date()))


@router.post(
    "/certificates/{certificate_id}/revocation",
    response_model=CertificateOut,
    summary="Revoke a certificate",
)
async def revoke_certificate(
    certificate_id: UUID, body: Revocation, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """Trainers, with a reason. It counts no more from now on; what it had renewed stands again, unless a later one covers it."""
    person_id = await session.scalar(
        select(_c.person_id).where(
            _c.organization_id == organization_of(session), _c.id == certificate_id
        )
    )
    if person_id is not None:
        await certify_alone(session, [person_id])
    certificate = await load(session, Certificate, certificate_id)
    await revoke(session, certificate, caller, body.reason, now)
    await session.flush()
    return found(await CERTIFICATES.one(reader_of(session), certificate.id, today=now.date()))
