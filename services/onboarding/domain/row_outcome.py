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

    def fail(self, error: FieldError) -> None:
        """It cannot be taken in."""
        self.result = RowResult.failed
        self.errors.append(error)


def counted(rows: Sequence[RowOutcome]) -> dict[str, int]:
    """How many of each result."""
    found = Counter(row.result for row in rows)
    return {result.value: found[result] for result in RowResult}
