"""Identity providers and the subjects that are tied to people. For admins alone."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import AfterValidator, BaseModel, Field, StrictBool, StringConstraints
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, reader_of
from services.chassis.errors import FieldError, Invalid, NotFound, Unfit
from services.chassis.events import changes, record
from services.chassis.fields import Body, Moment, Name
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.settings import Settings
from services.chassis.web import (
    CallerDep,
    MatchDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    listed,
)
from services.gateway import events
from services.gateway.domain.identity_provider import (
    LONGEST_SUBJECT,
    IdentityProvider,
    PersonBy,
    TiedSubject,
    TokenKind,
)
from services.gateway.domain.person import Person

router = concept("identity-providers")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise Unfit("It must have no control characters.")
    return text


Text = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_printable)]
Issuer = Annotated[
    str,
    StringConstraints(
        max_length=500, pattern=r"^https?://[^\s\x00-\x1f\x7f?#@/\[\]]+(/[^\s\x00-\x1f\x7f?#]*)?$"
    ),
    AfterValidator(_printable),
]
Subject = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_SUBJECT), AfterValidator(_printable)
]


class IdentityProviderOut(BaseModel):
    """Whose tokens are taken."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    name: str
    issuer: str
    audience: str
    kind: TokenKind
    client_ids: list[str]
    person_by: PersonBy
    person_claim: str | None
    roles_claim: str | None
    role_names: dict[str, Role]
    active: bool


class IdentityProviderPage(BaseModel):
    items: list[IdentityProviderOut]
    next: str | None


class IdentityProviderFields(Body):
    kind: TokenKind = Field(
        TokenKind.access_token,
        description="access_token: as RFC 9068 says (`typ` is at+jwt). untyped_access_token: access tokens without that `typ`, "
        "as Entra ID and Keycloak give by default; the clients must be named. id_token: ID tokens of OpenID Connect.",
    )
    client_ids: list[Text] = Field(
        default_factory=list,
        max_length=50,
        description="Applications whose tokens are taken (`client_id` or `azp`); none: all that get this audience from the issuer.",
        examples=[["stafett-web"]],
    )
    person_by: PersonBy = Field(
        PersonBy.email,
        description="How a subject that comes for the first time is tied to a person: by e-mail address, where the token says "
        "`email_verified`; by external_id; or by an admin alone (subject).",
    )
    person_claim: Text | None = Field(
        None,
        description="The claim that holds the address or the external id, by name or JSON Pointer. Default: email or sub.",
    )
    roles_claim: Text | None = Field(
        None,
        description="The claim that holds the roles, by name or JSON Pointer. Default: the roles stand with the person.",
        examples=["/realm_access/roles"],
    )
    role_names: dict[Text, Role] = Field(
        default_factory=dict,
        max_length=50,
        description="What the claim says → role. Default: roles go by their own names.",
        examples=[{"stafett-sales": "seller"}],
    )
    active: StrictBool = True


class NewIdentityProvider(IdentityProviderFields):
    """Whose tokens are to be taken. Issuer and audience belong to one organization in the installation."""

    name: Name = Field(examples=["Entra ID"])
    issuer: Issuer = Field(
        description="Exactly as the tokens say it (`iss`).",
        examples=["https://login.nordlys.example"],
    )
    audience: Text = Field(
        description="Exactly as the tokens say it (`aud`): for ID tokens the client id.",
        examples=["https://stafett.nordlys.example"],
    )


class IdentityProviderPatch(IdentityProviderFields):
    """JSON Merge Patch. The issuer stays: its subjects are somebody's."""

    name: Name = Field(default="")
    audience: Text = Field(default="")


class TiedSubjectOut(BaseModel):
    """Whom an issuer means by a subject."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    identity_provider_id: UUID
    subject: str
    person_id: UUID


class TiedSubjectPage(BaseModel):
    items: list[TiedSubjectOut]
    next: str | None


class NewTiedSubject(Body):
    """Whom the issuer means by a subject."""

    subject: Subject = Field(description="The `sub` of the tokens.", examples=["248289761001"])
    person_id: UUID


class TiedSubjectQuery(PageQuery):
    person_id: UUID | None = None


PROVIDERS = Read(IdentityProviderOut, IdentityProvider)
SUBJECTS = Read(TiedSubjectOut, TiedSubject, filters=["identity_provider_id", "person_id"])


def _require_reachable(settings: Settings, issuer: str) -> None:
    if not issuer.startswith("https://") and not settings.insecure_issuers:
        raise Invalid(
            "The issuer cannot be used.",
            errors=[FieldError("/issuer", "It must be an https:// address.")],
        )


def _require_clients(kind: TokenKind, client_ids: list[str]) -> None:
    if kind is TokenKind.untyped_access_token and not client_ids:
        raise Invalid(
            "The clients must be named.",
            errors=[
                FieldError(
                    "/client_ids", "Such tokens are told from others by the client that got them."
                )
            ],
        )


@router.post(
    "/identity-providers",
    status_code=201,
    response_model=IdentityProviderOut,
    summary="Take the tokens of an identity provider",
)
async def create_identity_provider(
    body: NewIdentityProvider, caller: CallerDep, runtime: RuntimeDep, session: SessionDep
) -> Response:
    """Admins. The issuer's keys are found by OpenID Connect Discovery when its first token comes; `stafett doctor` tries it."""
    caller.require(Role.admin)
    _require_reachable(runtime.settings, body.issuer)
    _require_clients(body.kind, body.client_ids)
    provider = IdentityProvider(organization_id=caller.organization_id, **body.model_dump())
    session.add(provider)
    record(session, events.identity_provider_created(provider))
    await session.flush()
    return found(
        await PROVIDERS.one(reader_of(session), provider.id),
        status=201,
        location=f"/v1/identity-providers/{provider.id}",
    )


@router.get(
    "/identity-providers", response_model=IdentityProviderPage, summary="List identity providers"
)
async def list_identity_providers(
    query: Annotated[PageQuery, Query()], request: Request, caller: CallerDep, reader: ViewerDep
) -> Response:
    """Admins; newest first."""
    caller.require(Role.admin)
    return listed(await PROVIDERS.page(reader, query), request)


@router.get(
    "/identity-providers/{identity_provider_id}",
    response_model=IdentityProviderOut,
    summary="Get an identity provider",
)
async def get_identity_provider(
    identity_provider_id: UUID, caller: CallerDep, reader: ViewerDep
) -> Response:
    """Admins. One provider with its ETag."""
    caller.require(Role.admin)
    return found(await PROVIDERS.one(reader, identity_provider_id))


@router.patch(
    "/identity-providers/{identity_provider_id}",
    response_model=IdentityProviderOut,
    summary="Change an identity provider",
)
async def change_identity_provider(
    identity_provider_id: UUID,
    body: IdentityProviderPatch,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """Admins; JSON Merge Patch. `active: false` lets nobody in by its tokens any more, within a second."""
    caller.require(Role.admin)
    provider = await load(session, IdentityProvider, identity_provider_id)
    match.check(provider.version)
    provider.sqlmodel_update(body.model_dump(exclude_unset=True))
    _require_clients(provider.kind, provider.client_ids)
    record(session, events.identity_provider_changed(provider, *changes(provider)))
    await session.flush()
    return found(await PROVIDERS.one(reader_of(session), provider.id))


@router.delete(
    "/identity-providers/{identity_provider_id}",
    status_code=204,
    summary="Take no more tokens of an identity provider",
)
async def delete_identity_provider(
    identity_provider_id: UUID, caller: CallerDep, match: MatchDep, session: SessionDep
) -> Response:
    """Admins. Its subjects are nobody's afterwards."""
    caller.require(Role.admin)
    provider = await load(session, IdentityProvider, identity_provider_id)
    match.check(provider.version)
    tied = TiedSubject.__table__.c  # type: ignore[attr-defined]
    await session.execute(
        delete(TiedSubject).where(
            tied.organization_id == provider.organization_id,
            tied.identity_provider_id == provider.id,
        )
    )
    record(session, events.identity_provider_deleted(provider))
    await session.delete(provider)
    await session.flush()
    return Response(status_code=204)


@router.post(
    "/identity-providers/{identity_provider_id}/subjects",
    status_code=201,
    response_model=TiedSubjectOut,
    summary="Tie a subject to a person",
)
async def tie_subject(
    identity_provider_id: UUID, body: NewTiedSubject, caller: CallerDep, session: SessionDep
) -> Response:
    """Admins. A subject stands for one person, and a person has one subject with each provider."""
    caller.require(Role.admin)
    provider = await load(session, IdentityProvider, identity_provider_id, lock=False)
    await _require_person(session, body.person_id)
    tied = TiedSubject(
        organization_id=caller.organization_id,
        identity_provider_id=provider.id,
        **body.model_dump(),
    )
    session.add(tied)
    record(session, events.subject_tied(tied, provider))
    await session.flush()
    return found(
        await SUBJECTS.one(reader_of(session), tied.id),
        status=201,
        location=f"/v1/identity-providers/{provider.id}/subjects/{tied.id}",
    )


async def _require_person(session: AsyncSession, person_id: UUID) -> None:
    try:
        await load(session, Person, person_id, lock=False)
    except NotFound as error:
        raise Invalid(
            "The person is not known.",
            errors=[FieldError("/person_id", "There is no such person.")],
        ) from error


@router.get(
    "/identity-providers/{identity_provider_id}/subjects",
    response_model=TiedSubjectPage,
    summary="List tied subjects",
)
async def list_tied_subjects(
    identity_provider_id: UUID,
    query: Annotated[TiedSubjectQuery, Query()],
    request: Request,
    caller: CallerDep,
    reader: ViewerDep,
) -> Response:
    """Admins; newest first."""
    caller.require(Role.admin)
    await PROVIDERS.require(reader, identity_provider_id)
    return listed(
        await SUBJECTS.page(reader, query, identity_provider_id=identity_provider_id), request
    )


@router.get(
    "/identity-providers/{identity_provider_id}/subjects/{subject_id}",
    response_model=TiedSubjectOut,
    summary="Get a tied subject",
)
async def get_tied_subject(
    identity_provider_id: UUID, subject_id: UUID, caller: CallerDep, reader: ViewerDep
) -> Response:
    """Admins. One tied subject with its ETag."""
    caller.require(Role.admin)
    return found(await SUBJECTS.one(reader, subject_id, identity_provider_id=identity_provider_id))


@router.delete(
    "/identity-providers/{identity_provider_id}/subjects/{subject_id}",
    status_code=204,
    summary="Untie a subject",
)
async def untie_subject(
    identity_provider_id: UUID,
    subject_id: UUID,
    caller: CallerDep,
    match: MatchDep,
    session: SessionDep,
) -> Response:
    """Admins. It stands for nobody afterwards; by its next token it may be tied anew."""
    caller.require(Role.admin)
    provider = await load(session, IdentityProvider, identity_provider_id, lock=False)
    tied = await load(session, TiedSubject, subject_id)
    if tied.identity_provider_id != provider.id:
        raise NotFound("There is no such {thing}.", thing="tied subject")
    match.check(tied.version)
    record(session, events.subject_untied(tied, provider))
    await session.delete(tied)
    await session.flush()
    return Response(status_code=204)
