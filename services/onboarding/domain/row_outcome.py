"""What became of a row of a file that was imported."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from services.chassis.errors import FieldError


class RowResult(StrEnum):
    """What became of a row. A skipped one repeats another row of the file."""

    created = "created"
    updated = "updated"
    unchanged = "unchanged"
    skipped = "skipped"
    failed = "failed"


@dataclass(slots=True)
class RowOutcome:
    """A row of the file, by the line on which it begins. `errors` say why it failed, `remarks` what else there is to know."""

    line: int
    result: RowResult
    id: UUID | None = None
    errors: list[FieldError] = field(default_factory=list)
    remarks: list[FieldError] = field(default_factory=list)
    # What the row is of, where several rows may be of one thing.
    key: str | None = None

    def fail(self, error: FieldError) -> None:
        """It cannot be taken in."""
        self.result = RowResult.failed
        self.errors.append(error)


def counted_once(rows: Sequence[RowOutcome], result: RowResult) -> int:
    """How many things, of which there may be several rows, came to this result."""
    return len({row.key for row in rows if row.result is result})


def counted(rows: Sequence[RowOutcome]) -> dict[str, int]:
    """How many of each result."""
    found = Counter(row.result for row in rows)
    return {result.value: found[result] for result in RowResult}
