"""How a due date is asked for: on a day, or so many days after or before something."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from services.chassis.database import Reader
from services.chassis.fields import Body, Day
from services.onboarding.domain.assigning import Due
from services.onboarding.domain.assignment import DueKind
from services.onboarding.domain.working_days import working_days_of

Days = Annotated[StrictInt, Field(ge=0, le=3650, examples=[30])]
WorkingDayCount = Annotated[StrictInt, Field(ge=0, le=260, examples=[5])]


class FixedDue(Body):
    """Due on a day."""

    kind: Literal[DueKind.fixed]
    on: Day


class DueAfterAssignment(Body):
    """Due so many days after the assignment starts."""

    kind: Literal[DueKind.after_assignment]
    days: Days


class DueAfterHire(Body):
    """Due so many days after the person was hired."""

    kind: Literal[DueKind.after_hire]
    days: Days


class DueBeforeGoLive(Body):
    """Due so many of the organization's working days before the day on which something goes live."""

    kind: Literal[DueKind.before_go_live]
    working_days: WorkingDayCount
    go_live_on: Day


DuePolicy = Annotated[
    FixedDue | DueAfterAssignment | DueAfterHire | DueBeforeGoLive, Field(discriminator="kind")
]


async def due_of(reader: Reader, policy: DuePolicy | None) -> Due | None:
    """The policy as the domain knows it, with the working days before a go-live counted back."""
    match policy:
        case None:
            return None
        case FixedDue():
            return Due(policy.kind, on=policy.on)
        case DueBeforeGoLive():
            calendar = await working_days_of(reader)
            on = calendar.before(policy.go_live_on, policy.working_days)
            return Due(policy.kind, on, policy.working_days)
        case _:
            return Due(policy.kind, days=policy.days)
