"""A statement compiled once, and run by asyncpg without SQLAlchemy in between."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import BindParameter, Dialect
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import ClauseElement, visitors

_DIALECT: Dialect = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]


class Statement:
    """The SQL, and the order of its parameters.

    `alone` is the same statement for a connection on which no transaction has begun: it brings the organization along as one
    more parameter, the last, so that a read takes one round trip instead of three. The organization is set in the outer row
    of a join whose inner side refers to it (LATERAL) and cannot be merged with it (OFFSET 0): PostgreSQL cannot but set it
    before it reads. Were it otherwise, row-level security would show no row.
    """

    __slots__ = ("_constants", "_processors", "alone", "names", "sql")

    def __init__(self, statement: ClauseElement) -> None:
        for part in visitors.iterate(statement):
            if isinstance(part, BindParameter):
                # Filled in at each use; compiling a list of literals (`in_`) would ask for it now.
                part.required = False
        compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        self.sql = str(compiled)
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
        self._constants = {
            name: value for name, value in compiled.params.items() if value is not None
        }
        self._processors: Mapping[str, Callable[[Any], Any]] = compiled._bind_processors  # type: ignore[attr-defined]
        scope = f"(SELECT set_config('stafett.organization_id', ${len(self.names) + 1}, true) AS id) AS scope"
        # Put together from SQL that SQLAlchemy compiled; values are parameters.
        inner = f"(SELECT * FROM ({self.sql}) AS told WHERE scope.id IS NOT NULL OFFSET 0) AS read"  # nosec B608
        self.alone = f"SELECT read.* FROM {scope} CROSS JOIN LATERAL {inner}"  # nosec B608

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The parameters in the statement's order, as the driver takes them.

        Literals of the statement fill what `values` does not name.
        """
        constants, processors = self._constants, self._processors
        given = [values[name] if name in values else constants.get(name) for name in self.names]
        if not processors:
            return given
        return [
            processors[name](value) if name in processors else value
            for name, value in zip(self.names, given, strict=True)
        ]
