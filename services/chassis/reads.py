"""Reading: a statement written with SQLAlchemy once, whose JSON PostgreSQL builds after the response model.

Rows never become objects here, and nothing is turned into JSON in Python: measured at a page of 50, that costs a ninth of
reading through objects (docs/architecture.md). `Read(Model, Table)` refuses to exist unless every field of the model has its
column, and a test holds every read's JSON against its model.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Enum,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    insert,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import NamedFromClause
from sqlalchemy.sql.util import ClauseAdapter

from services.chassis.database import Reader, Viewer, flush, reader_of
from services.chassis.errors import NotFound
from services.chassis.pages import DEFAULT_LIMIT, Page, PageQuery, read_cursor, write_cursor
from services.chassis.statement import Statement
from services.chassis.tables import Row

M = TypeVar("M", bound=BaseModel)

_ONE: ColumnElement[int] = literal_column("1", Integer)
# What `row_to_json` is given must be no column's name, and fields of models do not begin so.
_ITEM, _SHOWN = "_item", "_shown"


_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Found:
    """One resource as it is sent: its JSON and its version (the ETag)."""

    content: bytes
    version: int | None


class Read(Generic[M]):
    """How one kind of thing is read: the columns of a table that the model names, as JSON of the model's shape.

    `columns` gives the fields that are not plain columns, `source` what to select from when that takes a join. A list is
    filtered by equality with the columns in `filters`, and by `conditions`, which hold a bind parameter of their name; it is
    sorted by the columns in `sorts`, newest first by default. Sorted by a column that may be null, it shows those that have it:
    a page could not go on from nothing.
    """

    all: ClassVar[list["Read[Any]"]] = []

    def __init__(
        self,
        model: type[M],
        of: type[Row],
        *,
        columns: Mapping[str, ColumnElement[Any]] | None = None,
        source: FromClause | None = None,
        filters: Iterable[str] = (),
        conditions: Mapping[str, ColumnElement[bool]] | None = None,
        sorts: Iterable[str] = (),
    ) -> None:
        table: Table = of.__table__  # type: ignore[attr-defined]
        given = columns or {}
        self.model = model
        self.table = table
        self.thing = table.name.replace("_", " ")
        self._fields = {
            name: (given[name] if name in given else table.c[name]).label(name)
            for name in model.model_fields
        }
        self._source = source
        self._organization = table.c.organization_id
        self._key = table.c.id
        self._has_version = "version" in model.model_fields
        self.sorts = {name: table.c[name] for name in ("id", *sorts)}
        self._conditions = {name: equals(table.c[name]) for name in filters} | dict(
            conditions or {}
        )
        self._statements: dict[tuple[Any, ...], Statement] = {}
        self._exists = Statement(
            select(literal_column("1").label("one")).where(
                self._organization == bindparam("organization_id"), self._key == bindparam("id")
            )
        )
        Read.all.append(self)

    async def one(self, reader: Reader | Viewer, id: UUID, **where: Any) -> Found:
        """One of them by id; raises `NotFound` when it is not there, not yours, or not as `where` says."""
        shape = ("one", *sorted(where))
        statement = self._statements.get(shape)
        if statement is None:
            inner = self._select(where).where(self._key == bindparam("id"))
            statement = self._statements[shape] = self._one_statement(inner)
        values = {**where, "organization_id": reader.organization_id, "id": id}
        row = await reader.fetchrow(statement, values)
        if row is None:
            raise self._not_found()
        return Found(row[0], row[1] if self._has_version else None)

    async def add(self, session: AsyncSession, row: Row) -> Found:
        """Store a new row and show it, in one statement.

        A session's unit of work, and reading back after it, cost five times as much; what they are good for, changes to
        rows that were loaded, a new row does not need.
        """
        await flush(session)
        statement = self._statements.get(("add",))
        if statement is None:
            statement = self._statements["add",] = self._insert_statement()
        values = {name: value for name, value in row.__dict__.items() if name in self.table.c}
        stored = await reader_of(session).fetchrow(statement, values)
        assert stored is not None  # an insert that does not fail returns its row
        return Found(stored[0], stored[1] if self._has_version else None)

    async def require(self, reader: Reader | Viewer, id: UUID) -> None:
        """Refuse with `NotFound` unless there is one with this id."""
        values = {"organization_id": reader.organization_id, "id": id}
        if await reader.fetchrow(self._exists, values) is None:
            raise self._not_found()

    async def page(self, reader: Reader | Viewer, query: PageQuery, **where: Any) -> Page:
        """A page of them, as `query` asks and `where` further says."""
        asked = {name: getattr(query, name, None) for name in self._conditions} | where
        given = {name: value for name, value in asked.items() if value is not None}
        field, descending = query.order(self.sorts)
        place = read_cursor(query.after, field, descending)
        usual = query.limit == DEFAULT_LIMIT
        shape = (field, descending, place is not None, usual, *sorted(given))
        statement = self._statements.get(shape)
        if statement is None:
            ordered = self._ordered(self._select(given), field, descending, place is not None)
            # PostgreSQL plans anew each time for a limit that it does not know: a third of a page.
            limit = (
                literal_column(str(DEFAULT_LIMIT))
                if usual
                else bindparam("limit", type_=BigInteger)
            )
            statement = self._page_statement(ordered, self.sorts[field], limit)
            self._statements[shape] = statement
        values = {**given, "organization_id": reader.organization_id, "limit": query.limit}
        if place is not None:
            values |= {"cursor_value": place.value, "cursor_id": place.id}
        row = await reader.fetchrow(statement, values)
        assert row is not None  # an aggregate always has its row
        items, found, last_value, last_id = row
        following = None
        if found > query.limit:
            following = write_cursor(field, descending, last_value, last_id)
        return Page(items, following)

    async def every(
        self, reader: Reader, query: BaseModel, **where: Any
    ) -> AsyncIterator[list[bytes]]:
        """All of them as one moment sees them, oldest first, some at a time: never more in memory than those."""
        asked = {name: getattr(query, name, None) for name in self._conditions} | where
        given = {name: value for name, value in asked.items() if value is not None}
        shape = ("every", *sorted(given))
        statement = self._statements.get(shape)
        if statement is None:
            inner = self._select(given).order_by(self._key)
            statement = self._statements[shape] = self._one_statement(inner)
        values = {**given, "organization_id": reader.organization_id}
        cursor = await reader.connection.cursor(statement.sql, *statement.arguments(values))
        while rows := await cursor.fetch(_AT_ONCE):
            yield [row[0] for row in rows]

    def _select(self, where: Iterable[str]) -> Select[Any]:
        statement = select(*self._fields.values())
        if self._source is not None:
            statement = statement.select_from(self._source)
        # Row-level security holds the same condition; named here, it also picks the index.
        statement = statement.where(self._organization == bindparam("organization_id"))
        return statement.where(*(self._conditions[name] for name in sorted(where)))

    def _ordered(
        self, inner: Select[Any], field: str, descending: bool, continued: bool
    ) -> Select[Any]:
        column, key = self.sorts[field], self._key
        if column.nullable:
            inner = inner.where(column.is_not(None))
        order = [key] if column is key else [column, key]
        if continued:
            place = [bindparam("cursor_id", type_=key.type)]
            if column is not key:
                place.insert(0, bindparam("cursor_value", type_=column.type))
            here, there = tuple_(*order), tuple_(*place)
            inner = inner.where(here < there if descending else here > there)
        return inner.order_by(*(c.desc() if descending else c.asc() for c in order))

    def _one_statement(self, inner: Select[Any]) -> Statement:
        item = inner.subquery(_ITEM)
        shown = [_json_of(item)]
        if self._has_version:
            shown.append(item.c.version)
        return Statement(select(*shown))

    def _page_statement(
        self, ordered: Select[Any], sort: ColumnElement[Any], limit: ColumnElement[int]
    ) -> Statement:
        """The items in one piece, how many were found (one more than asked for says that there are more), and the last
        one's place: fetched row by row, a page takes twice the CPU here."""
        item = (
            ordered.add_columns(sort.label("sort_value"), self._key.label("sort_id"))
            .limit(limit + _ONE)
            .subquery(_ITEM)
        )
        told = select(*(item.c[name] for name in self._fields)).correlate(item).lateral(_SHOWN)
        number = func.row_number().over().label("number")
        row = (
            select(_json_of(told).label("json"), item.c.sort_value, item.c.sort_id, number)
            .select_from(item.join(told, true()))
            .subquery("row")
        )
        is_last = row.c.number == limit
        items = func.string_agg(row.c.json, literal_column("','::bytea")).filter(
            row.c.number <= limit
        )
        return Statement(
            select(
                items,
                func.count(),
                func.array_agg(row.c.sort_value).filter(is_last)[_ONE],
                func.array_agg(row.c.sort_id).filter(is_last)[_ONE],
            )
        )

    def _insert_statement(self) -> Statement:
        table = self.table
        if self._source is not None:
            raise TypeError(f"{self.model.__name__} shows more than its own table")
        # What PostgreSQL fills in is left to it: the moments, from its clock.
        given = [c for c in table.c if c.name not in ("created_at", "updated_at")]
        inserted = (
            insert(table)
            .values({c.name: bindparam(c.name, type_=c.type) for c in given})
            .returning(*table.c)
            .cte(table.name)
        )
        in_inserted = ClauseAdapter(inserted)
        fields = [in_inserted.traverse(field) for field in self._fields.values()]
        return self._one_statement(select(*fields).select_from(inserted))

    def _not_found(self) -> NotFound:
        return NotFound("There is no such {thing}.", thing=self.thing)


def _json_of(row: NamedFromClause[Any]) -> ColumnElement[Any]:
    """A row as JSON in UTF-8, ready to be sent. Measured: three quarters of `json_build_object` with its names."""
    return func.convert_to(
        cast(func.row_to_json(row.table_valued()), Text), literal_column("'UTF8'")
    )


def equals(column: ColumnElement[Any], name: str | None = None) -> ColumnElement[bool]:
    """`column` has the value of the parameter `name` (its own name by default); enums are compared as text."""
    parameter = name or str(column.key)
    if isinstance(column.type, Enum):
        return cast(column, Text) == bindparam(parameter, type_=Text)
    return column == bindparam(parameter, type_=column.type)
