"""Certification policies. Everybody reads them; trainers decide."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StrictInt
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.errors import FieldError, Invalid, NotFound
from services.chassis.events import changes, record
from services.chassis.fields import Body, Key, Moment
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.onboarding import events
from services.onboarding.domain.certification_policy import Basis, CertificationPolicy
from services.onboarding.domain.curriculum import Curriculum

router = concept("certification policies")


class CertificationPolicyOut(BaseModel):
    """How long certificates hold: for good where neither months nor days are given."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    competence: str | None
    curriculum_id: UUID | None
    valid_months: int | None
    valid_days: int | None
    renewal_window_days: int
    basis: Basis


class CertificationPolicyPage(BaseModel):
    items: list[CertificationPolicyOut]
    next: str | None


class _Terms(Body):
    valid_months: Annotated[StrictInt, Field(ge=1, le=1200)] | None = Field(None, examples=[24])
    valid_days: Annotated[StrictInt, Field(ge=1, le=36_500)] | None = None
    renewal_window_days: StrictInt = Field(
        0,
        ge=0,
        le=3650,
        examples=[60],
        description="So many days before its end it can be renewed.",
    )
    basis: Basis = Field(
        Basis.completion, description="From when the next period counts, if renewed in the window."
    )


class NewCertificationPolicy(_Terms):
    """A policy to be, for a competence or for a curriculum."""

    competence: Key | None = Field(None, examples=["customer-service"])
    curriculum_id: UUID | None = None


class CertificationPolicyPatch(_Terms):
    """JSON Merge Patch of a policy; what it is for stays."""


class CertificationPolicyQuery(PageQuery):
    competence: Key | None = None
    curriculum_id: UUID | None = None


POLICIES = Read(
    CertificationPolicyOut, CertificationPolicy, filters=["competence", "curriculum_id"]
)


@router.post(
    "/certification-policies",
    status_code=201,
    response_model=CertificationPolicyOut,
    summary="Decide how long certificates hold",
)
async def create_certification_policy(
    body: NewCertificationPolicy, caller: CallerDep, session: SessionDep
) -> Response:
    """Trainers; one for a competence or a curriculum. Certificates that are issued from now on follow it."""
    caller.require(Role.trainer)
    if (body.competence is None) == (body.curriculum_id is None):
        raise Invalid(
            "A policy is for a competence or for a curriculum.",
            errors=[FieldError("/competence", "Give either competence or curriculum_id.")],
        )
    if body.curriculum_id is not None:
        try:
            await load(session, Curriculum, body.curriculum_id, lock=False)
        except NotFound as error:
            raise Invalid(
                "The curriculum is not known.",
                errors=[FieldError("/curriculum_id", "There is no such curriculum.")],
            ) from error
    policy = CertificationPolicy(organization_id=caller.organization_id, **body.model_dump())
    policy.check_sound()
    session.add(policy)
    record(session, events.certification_policy_created(policy))
    await session.flush()
    return found(
        await POLICIES.one(reader_of(session), policy.id),
        status=201,
        location=f"/v1/certification-policies/{policy.id}",
    )


@router.get(
    "/certification-policies",
    response_model=CertificationPolicyPage,
    summary="List certification policies",
)
async def list_certification_policies(
    query: Annotated[CertificationPolicyQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Everybody; newest first."""
    return listed(await POLICIES.page(reader, query), request)


@router.get(
    "/certification-policies/{certification_policy_id}",
    response_model=CertificationPolicyOut,
    summary="Get a certification policy",
)
async def get_certification_policy(certification_policy_id: UUID, reader: ViewerDep) -> Response:
    """One policy with its ETag."""
    return found(await POLICIES.one(reader, certification_policy_id))


@router.patch(
    "/certification-policies/{certification_policy_id}",
    response_model=CertificationPolicyOut,
    summary="Change a certification policy",
)
async def change_certification_policy(
    certification_policy_id: UUID,
    body: CertificationPolicyPatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """JSON Merge Patch by trainers. What was issued keeps its dates."""
    caller.require(Role.trainer)
    policy = await load(session, CertificationPolicy, certification_policy_id)
    match.check(policy.version)
    policy.sqlmodel_update(body.model_dump(exclude_unset=True))
    policy.check_sound()
    record(session, events.certification_policy_changed(policy, *changes(policy)))
    await session.flush()
    return found(await POLICIES.one(reader_of(session), policy.id))


@router.delete(
    "/certification-policies/{certification_policy_id}",
    status_code=204,
    summary="Remove a certification policy",
)
async def delete_certification_policy(
    certification_policy_id: UUID, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """Trainers. What is issued from now on holds for good; what was issued keeps its dates."""
    caller.require(Role.trainer)
    policy = await load(session, CertificationPolicy, certification_policy_id)
    match.check(policy.version)
    await session.delete(policy)
    record(session, events.certification_policy_deleted(policy))
    await session.flush()
    return Response(status_code=204)
