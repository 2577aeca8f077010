"""Search: everything that was written down, in Danish, Norwegian, Swedish and English."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Double, Integer, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from starlette.responses import Response

from services.chassis.database import Viewer
from services.chassis.errors import FieldError, Invalid
from services.chassis.pages import Page
from services.chassis.statement import Statement
from services.chassis.web import ViewerDep, concept, listed
from services.handover.domain.base import SCHEMA
from services.handover.domain.search import (
    CLOSING,
    OPENING,
    SOURCES,
    SearchKind,
    Source,
    excerpt,
    spellings,
    split,
)

router = concept("search")

# So many of the newest matches are held against one another; the next ones are ranked among themselves, on later pages.
_RANKED_TOGETHER = 100
_LAST_ID = UUID(int=2**128 - 1)


class ExcerptPart(BaseModel):
    """A piece of text as it was written, not HTML; `match` where it is what was looked for."""

    text: str
    match: bool


class SearchHit(BaseModel):
    """Something that was found."""

    kind: SearchKind
    id: UUID
    path: str = Field(examples=["/v1/customers/019aa9c1-7c1e-7cc3-98c5-3f7b1c1a2b3c"])
    title: str | None
    handover_id: UUID | None
    handover_title: str | None
    languages: list[str] = Field(description="The languages in which its words were understood.")
    rank: float
    excerpt: list[ExcerptPart]


class SearchPage(BaseModel):
    items: list[SearchHit]
    next: str | None


class SearchQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    q: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"
        ),
    ] = Field(
        description='Words, all of which must occur; "in quotes" next to one another, `or` between '
        "alternatives, `-` before what must not occur.",
        examples=["kasser påske"],
    )
    kind: SearchKind | None = None
    language: Literal["da", "nb", "sv", "en"] | None = Field(
        None, description="Only what is written in this language."
    )
    limit: int = Field(20, ge=1, le=50, description="Items at most.")
    after: str | None = Field(
        None,
        max_length=500,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="Where to go on: `next` of the page before.",
    )

    def digest(self) -> str:
        """What was asked for, in a few letters: a page belongs to one question."""
        asked = orjson.dumps([self.q, self.kind, self.language])
        return hashlib.sha256(asked).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: matches older than `before` are ranked together, and of them those after `rank` and `id`."""

    before: UUID = _LAST_ID
    rank: float | None = None
    id: UUID | None = None

    @classmethod
    def read(cls, query: SearchQuery) -> "Place":
        """Raises `Invalid` for rubbish and for a page of another question."""
        if not query.after:
            return cls()
        try:
            padded = query.after + "=" * (-len(query.after) % 4)
            digest, before, rank, id = orjson.loads(base64.urlsafe_b64decode(padded))
            place = cls(
                UUID(before),
                None if rank is None else float(rank),
                None if id is None else UUID(id),
            )
        except (binascii.Error, ValueError, TypeError, AttributeError) as error:
            raise Invalid(
                "The page is not known.",
                errors=[
                    FieldError("/after", "Take it from `next` of the page before.", where="query")
                ],
            ) from error
        if digest != query.digest() or (place.rank is None) != (place.id is None):
            raise Invalid(
                "The page belongs to another search.",
                errors=[
                    FieldError(
                        "/after", "Keep the search the same from page to page.", where="query"
                    )
                ],
            )
        return place

    def write(self, query: SearchQuery) -> str:
        """As opaque text."""
        written = [query.digest(), str(self.before), self.rank, self.id and str(self.id)]
        return base64.urlsafe_b64encode(orjson.dumps(written)).rstrip(b"=").decode()


def _texts(source: Source) -> str:
    """A found row's heading and body, from its own table; nothing when it is of another kind."""
    table = f"{SCHEMA}.{source.kind}"
    heading = f"{table}.{source.heading}::text" if source.heading else "NULL"
    body = ", ".join(f"{table}.{column}" for column in source.body) or "NULL"
    parent = f"{table}.{source.parent}" if source.parent else "NULL::uuid"
    # Put together from names of the schema; values are parameters.
    return (
        f"SELECT {heading} AS heading, concat_ws(chr(10), {body}) AS body, {parent} AS parent "  # nosec B608
        f"FROM {table} WHERE page.kind = '{source.kind}' "
        f"AND {table}.organization_id = :organization_id AND {table}.id = page.id"
    )


_SEARCH = Statement(
    text(
        f"""
WITH asked AS MATERIALIZED (
  SELECT question.*, newest.id AS newest
  FROM {SCHEMA}.search_question(:variants, :taken_out, :language) AS question
  LEFT JOIN LATERAL (
    SELECT id FROM {SCHEMA}.search_entry
    WHERE organization_id = :organization_id AND id < :before ORDER BY id DESC LIMIT 1
  ) AS newest ON true
), matches AS MATERIALIZED (
  SELECT found.* FROM asked, {SCHEMA}.search_matches(
    asked.asked, asked.wanted, asked.exact, :kind, :before, asked.newest, :most
  ) AS found
), page AS MATERIALIZED (
  SELECT * FROM matches
  WHERE CAST(:rank AS double precision) IS NULL OR (rank, id) < (:rank, :id)
  ORDER BY rank DESC, id DESC LIMIT :limit
)
SELECT page.kind, page.id, page.handover_id, page.languages, page.rank, told.heading, told.parent, handover.title,
  excerpt.shown, excerpt.marked, excerpt.skipped,
  (SELECT count(*) FROM matches) AS ranked,
  (SELECT id FROM matches ORDER BY id DESC LIMIT 1) AS newest,
  (SELECT id FROM matches ORDER BY id LIMIT 1) AS oldest
FROM asked, page
CROSS JOIN LATERAL ({" UNION ALL ".join(map(_texts, SOURCES))}) AS told
CROSS JOIN LATERAL {SCHEMA}.search_excerpt(
  concat_ws(chr(10), told.heading, nullif(told.body, '')), page.languages,
  asked.stems, asked.da, asked.nb, asked.sv, asked.en, '{OPENING}', '{CLOSING}'
) AS excerpt
LEFT JOIN {SCHEMA}.handover AS handover
  ON handover.organization_id = :organization_id AND handover.id = page.handover_id
ORDER BY page.rank DESC, page.id DESC
"""  # nosec B608
    ).bindparams(
        bindparam("variants", type_=ARRAY(Text)),
        bindparam("taken_out", type_=ARRAY(Text)),
        bindparam("language", type_=Text),
        bindparam("kind", type_=Text),
        bindparam("before", type_=Uuid),
        bindparam("most", type_=Integer),
        bindparam("rank", type_=Double),
        bindparam("id", type_=Uuid),
        bindparam("limit", type_=Integer),
        bindparam("organization_id", type_=Uuid),
    )
)
_PATHS = {source.kind.value: source.path for source in SOURCES}


async def find(reader: Viewer, query: SearchQuery) -> Page:
    """A page of what was found, best first among the newest."""
    place = Place.read(query)
    wanted, unwanted = split(query.q)
    values: dict[str, Any] = {
        "variants": spellings(wanted),
        "taken_out": [spelling for text in unwanted for spelling in spellings(text)],
        "language": query.language,
        "kind": query.kind,
        "before": place.before,
        "most": _RANKED_TOGETHER,
        "rank": place.rank,
        "id": place.id,
        "limit": query.limit + 1,
        "organization_id": reader.organization_id,
    }
    rows = await reader.fetch(_SEARCH, values)
    shown = rows[: query.limit]
    following: Place | None = None
    if len(rows) > query.limit:
        # What is written from now on must not move what the next page shows.
        newest = min(place.before.int, shown[-1]["newest"].int + 1)
        following = Place(UUID(int=newest), shown[-1]["rank"], shown[-1]["id"])
    elif shown and shown[-1]["ranked"] == _RANKED_TOGETHER:
        following = Place(shown[-1]["oldest"])
    items = b",".join(orjson.dumps(_hit(row)) for row in shown)
    return Page(items or None, None if following is None else following.write(query))


def _hit(row: Any) -> dict[str, Any]:
    path = _PATHS[row["kind"]].format(
        id=row["id"], handover_id=row["handover_id"], parent=row["parent"]
    )
    return {
        "kind": row["kind"],
        "id": str(row["id"]),
        "path": path,
        "title": row["heading"],
        "handover_id": row["handover_id"] and str(row["handover_id"]),
        "handover_title": row["title"],
        "languages": row["languages"],
        "rank": row["rank"],
        "excerpt": excerpt(row["marked"], row["shown"], skipped=row["skipped"]),
    }


@router.get("/search", response_model=SearchPage, summary="Search everything that was written down")
async def search_handovers(
    query: Annotated[SearchQuery, Query()], request: Request, reader: ViewerDep
) -> Response:
    """Everybody. The best of the newest first; what was written a moment ago is found."""
    return listed(await find(reader, query), request)
