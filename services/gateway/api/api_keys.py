"""API keys: everybody makes keys for themselves, admins for anyone."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.caller import Caller, Role, Scope
from services.chassis.database import load, reader_of
from services.chassis.errors import FieldError, Invalid, NotFound
from services.chassis.events import record
from services.chassis.fields import Body, Moment, Name
from services.chassis.pages import PageQuery
from services.chassis.preconditions import etag
from services.chassis.reads import Read
from services.chassis.web import (
    CallerDep,
    MatchDep,
    NowDep,
    SessionDep,
    ViewerDep,
    concept,
    found,
    keep_instead,
    listed,
)
from services.gateway import events
from services.gateway.domain.api_key import ApiKey
from services.gateway.domain.person import Person

router = concept("api-keys")


class ApiKeyOut(BaseModel):
    """A key, without the key."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    name: str
    person_id: UUID
    scopes: list[Scope]
    expires_at: Moment | None
    last_used_at: Moment | None
    revoked_at: Moment | None


class IssuedApiKey(ApiKeyOut):
    """A new key with its text, which is shown this once."""

    key: str | None = Field(
        description="Null when the answer is repeated: it is not stored anywhere."
    )


class ApiKeyPage(BaseModel):
    items: list[ApiKeyOut]
    next: str | None


class NewApiKey(Body):
    """A key to be."""

    name: Name = Field(examples=["CRM export"])
    person_id: UUID | None = Field(None, description="Default: the caller. Others: admins only.")
    scopes: list[Scope] | None = Field(
        None,
        min_length=1,
        max_length=len(Scope),
        description="Default: those of the key used; never more.",
    )
    expires_at: Moment | None = Field(
        None, description="Default: when the key used ends; never later."
    )


class ApiKeyQuery(PageQuery):
    person_id: UUID | None = Field(None, description="Default: your own; admins see everybody's.")


API_KEYS = Read(ApiKeyOut, ApiKey, filters=["person_id"])


def _require_own(caller: Caller, person_id: UUID) -> None:
    if person_id != caller.person_id:
        caller.require(Role.admin)


@router.post("/api-keys", status_code=201, response_model=IssuedApiKey, summary="Make an API key")
async def create_api_key(
    body: NewApiKey, request: Request, caller: CallerDep, now: NowDep, session: SessionDep
) -> Response:
    """The answer shows the key, this once. Repeated with the same Idempotency-Key, `key` is null."""
    person_id = body.person_id or caller.person_id
    _require_own(caller, person_id)
    _require_future(body.expires_at, now)
    scopes, expires_at = ApiKey.within(caller, body.scopes, body.expires_at)
    try:
        await load(session, Person, person_id, lock=False)
    except NotFound as error:
        raise Invalid(
            "The person is not known.",
            errors=[FieldError("/person_id", "There is no such person.")],
        ) from error
    key, text = ApiKey.issue(caller.organization_id, person_id, body.name, scopes, expires_at)
    session.add(key)
    record(session, events.api_key_created(key))
    await session.flush()
    shown = await API_KEYS.one(reader_of(session), key.id)
    resource = orjson.loads(shown.content)
    content = orjson.dumps({**resource, "key": text})
    # The kept answer stands in the database: the key must not.
    keep_instead(request, orjson.dumps({**resource, "key": None}))
    return Response(
        content,
        status_code=201,
        headers={
            "ETag": etag(key.version),
            "Location": f"/v1/api-keys/{key.id}",
            "Cache-Control": "no-store",
        },
        media_type="application/json",
    )


def _require_future(moment: datetime | None, now: datetime) -> None:
    if moment is not None and moment <= now:
        raise Invalid(
            "The key would have ended already.",
            errors=[FieldError("/expires_at", "It must lie ahead.")],
        )


@router.get("/api-keys", response_model=ApiKeyPage, summary="List API keys")
async def list_api_keys(
    query: Annotated[ApiKeyQuery, Query()], request: Request, caller: CallerDep, reader: ViewerDep
) -> Response:
    """Your own; admins see everybody's."""
    if query.person_id is None and not caller.has(Role.admin):
        query.person_id = caller.person_id
    if query.person_id is not None:
        _require_own(caller, query.person_id)
    return listed(await API_KEYS.page(reader, query), request)


@router.get("/api-keys/{api_key_id}", response_model=ApiKeyOut, summary="Get an API key")
async def get_api_key(api_key_id: UUID, caller: CallerDep, reader: ViewerDep) -> Response:
    """One key with its ETag, without the key itself."""
    if caller.has(Role.admin):
        return found(await API_KEYS.one(reader, api_key_id))
    return found(await API_KEYS.one(reader, api_key_id, person_id=caller.person_id))


@router.delete("/api-keys/{api_key_id}", response_model=ApiKeyOut, summary="Revoke an API key")
async def revoke_api_key(
    api_key_id: UUID, caller: CallerDep, match: MatchDep, now: NowDep, session: SessionDep
) -> Response:
    """It opens nothing any more, within a second everywhere; it stays in the list."""
    key = await load(session, ApiKey, api_key_id)
    if key.person_id != caller.person_id and not caller.has(Role.admin):
        raise NotFound("There is no such {thing}.", thing="api key")
    match.check(key.version)
    key.revoke(now)
    record(session, events.api_key_revoked(key))
    await session.flush()
    return found(await API_KEYS.one(reader_of(session), key.id))
