"""The thread of a session: questions before it, answers after it. It stays open."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import Forbidden
from services.chassis.events import record
from services.chassis.fields import Body, Link, Moment, Prose
from services.chassis.pages import PageQuery
from services.chassis.reads import Read
from services.chassis.web import CallerDep, SessionDep, ViewerDep, concept, found, listed
from services.onboarding import events
from services.onboarding.api.sessions import SESSIONS
from services.onboarding.domain.base import directory
from services.onboarding.domain.booking import Booking
from services.onboarding.domain.topic_session import SessionPost, TopicSession

router = concept("sessions")
_LIST = "/sessions/{session_id}/posts"


class SessionPostOut(BaseModel):
    """Something that somebody wrote into the thread."""

    id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    version: int
    session_id: UUID
    author_id: UUID
    author_name: str | None
    text: str
    links: list[str]


class SessionPostPage(BaseModel):
    items: list[SessionPostOut]
    next: str | None


class NewSessionPost(Body):
    """Something to be written into the thread. The author is the caller."""

    text: Prose = Field(examples=["What if the customer has paid with two cards?"])
    links: list[Link] = Field(default_factory=list, max_length=20)


_t = SessionPost.__table__.c  # type: ignore[attr-defined]
_b = Booking.__table__.c  # type: ignore[attr-defined]
_p = directory.person.c
POSTS = Read(
    SessionPostOut,
    SessionPost,
    columns={"author_name": _p.name},
    source=SessionPost.__table__.outerjoin(  # type: ignore[attr-defined]
        directory.person, (_p.organization_id == _t.organization_id) & (_p.id == _t.author_id)
    ),
    filters=["session_id"],
)


@router.post(
    _LIST, status_code=201, response_model=SessionPostOut, summary="Write into a session's thread"
)
async def create_session_post(
    session_id: UUID, body: NewSessionPost, caller: CallerDep, session: SessionDep
) -> Response:
    """Whoever holds it, has or had a booking in it, and trainers; before and after. Nobody edits; a correction is a new one."""
    topic_session = await load(session, TopicSession, session_id, lock=False)
    if caller.person_id != topic_session.trainer_id and not caller.has(Role.trainer):
        took_part = select(_b.id).where(
            _b.organization_id == organization_of(session),
            _b.session_id == session_id,
            _b.person_id == caller.person_id,
        )
        if await session.scalar(took_part.limit(1)) is None:
            raise Forbidden("This is for those who take part in the session, and trainers.")
    post = SessionPost(
        organization_id=caller.organization_id,
        session_id=session_id,
        author_id=caller.person_id,
        **body.model_dump(),
    )
    session.add(post)
    record(session, events.session_post_created(post))
    await session.flush()
    return found(
        await POSTS.one(reader_of(session), post.id),
        status=201,
        location=f"/v1/sessions/{session_id}/posts/{post.id}",
    )


@router.get(_LIST, response_model=SessionPostPage, summary="Read a session's thread")
async def list_session_posts(
    session_id: UUID, query: Annotated[PageQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Everybody: what came up is worth knowing also for those who could not come. Last written first."""
    await SESSIONS.require(reader, session_id)
    return listed(await POSTS.page(reader, query, session_id=session_id), request)


@router.get(_LIST + "/{post_id}", response_model=SessionPostOut, summary="Get a post of a thread")
async def get_session_post(session_id: UUID, post_id: UUID, reader: ViewerDep) -> Response:
    """One post with its ETag, which never changes."""
    return found(await POSTS.one(reader, post_id, session_id=session_id))
