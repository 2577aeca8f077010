"""The SQL of a request: overheard while the product carries it out, and repeated by pgbench without the product."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from typing import Any

from sqlalchemy import event

from services.chassis.database import Database
from services.chassis.idempotency import as_text

# pgbench takes `:name` for a variable also inside quotes, so a colon is written as its code.
_COLON = r"\x3a"
# asyncpg looks a type up once a connection, within the query that needs it, whose time holds this one's already.
_INTROSPECTION = "typeinfo_tree"
# A read that is its own transaction brings its organization along.
_ALONE = "set_config('stafett.organization_id'"
_PARAMETER = re.compile(r"\$(\d+)")


@dataclass(frozen=True)
class Query:
    """A statement with its parameters, and how long the caller waited for it, in seconds."""

    sql: str
    arguments: Sequence[Any]
    took: float


Transaction = list[Query]


@dataclass
class Overheard:
    """The transactions of organizations, in order; what followers of feeds do is left out."""

    transactions: list[Transaction] = field(default_factory=list)
    _open: dict[int, Transaction] = field(default_factory=dict)

    def hear(self, connection: int, query: Query) -> None:
        """Add a query of a connection; a COMMIT ends its transaction."""
        if _INTROSPECTION in query.sql:
            return
        if query.sql.startswith("BEGIN"):
            self._open[connection] = []
        queries = self._open.get(connection)
        if queries is None:
            if _ALONE in query.sql:
                self.transactions.append([query])
            return
        queries.append(query)
        if query.sql in ("COMMIT", "ROLLBACK"):
            ended = self._open.pop(connection)
            if "organization_id" in ended[0].sql:
                self.transactions.append(ended)


@contextmanager
def overhearing(database: Database) -> Iterator[Overheard]:
    """Hear every query that goes through SQLAlchemy or straight to asyncpg, for as long as the block lasts."""
    overheard = Overheard()
    loggers: dict[Any, Any] = {}

    def on_connect(dbapi_connection: Any, *_: Any) -> None:
        listen_to(dbapi_connection.driver_connection)

    def listen_to(driver: Any) -> None:
        def on_query(logged: Any) -> None:
            overheard.hear(id(driver), Query(logged.query, logged.args, logged.elapsed))

        loggers[driver] = on_query
        driver.add_query_logger(on_query)

    def before(connection: Any, *_: Any) -> None:
        connection.info["asked_at"] = perf_counter()

    # asyncpg tells of a query one turn of the loop after its end; this comes a round trip later, so all is in order.
    def after(connection: Any, _: Any, sql: str, arguments: Any, *__: Any) -> None:
        driver = connection.connection.driver_connection
        took = perf_counter() - connection.info["asked_at"]
        overheard.hear(id(driver), Query(sql, arguments or (), took))

    engine = database.engine.sync_engine
    hooks = [
        (engine, "connect", on_connect),
        (engine, "before_cursor_execute", before),
        (engine, "after_cursor_execute", after),
    ]
    for target, name, function in hooks:
        event.listen(target, name, function)
    for held in database.connections.idle:
        listen_to(held.driver)
    try:
        yield overheard
    finally:
        for driver, on_query in loggers.items():
            driver.remove_query_logger(on_query)
        for target, name, function in hooks:
            event.remove(target, name, function)


# --- as a script of pgbench -----------------------------------------------------------------------


def literal(value: object) -> str:
    """A parameter as PostgreSQL writes it, safe from pgbench's variables."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"({value})" if value < 0 else str(value)
        case bytes():
            return rf"E'\\x{value.hex()}'"
        case timedelta():
            return f"'{value.total_seconds()} seconds'"
        case list() | tuple():
            return f"ARRAY[{', '.join(literal(item) for item in value)}]"
        case _:
            text = str(value).replace("\\", "\\\\").replace("'", "''").replace(":", _COLON)
            return f"E'{text}'"


def script(transaction: Transaction, instead: Mapping[object, str] | None = None) -> str:
    """The transaction as pgbench repeats it; `instead` gives SQL for values that must differ each time."""
    lines: list[str] = []
    known = instead or {}
    queries = list(transaction)
    if queries[0].sql.startswith("BEGIN"):
        together = [part.strip() for part in queries.pop(0).sql.split(";")]
        # One round trip, as in the product: a pipeline is what pgbench's prepared protocol has for it.
        lines += [
            r"\startpipeline",
            *(f"{_said(part, known)};" for part in together),
            r"\endpipeline",
        ]
    for query in queries:
        values = [_value(argument, known) for argument in query.arguments]
        sql = _PARAMETER.sub(lambda match, v=values: v[int(match[1]) - 1], query.sql)  # type: ignore[misc]
        lines.append(f"{sql.strip()};")
    return "\n".join(lines) + "\n"


def _said(sql: str, instead: Mapping[object, str]) -> str:
    for value, other in instead.items():
        sql = sql.replace(as_text(str(value)), other)
    return sql


def _value(argument: object, instead: Mapping[object, str]) -> str:
    try:
        return instead[argument] if argument in instead else literal(argument)
    except TypeError:  # a list: it cannot be looked up, and is none of them
        return literal(argument)
