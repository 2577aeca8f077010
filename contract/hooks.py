"""What schemathesis must know of this API beyond its document."""

from typing import Any

import schemathesis

# A feed is waited for up to 30 s, which is no fault, and here nobody has the time.
LONGEST_WAIT_SECONDS = 0.05


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Let no valid request wait for long."""
    if case.operation.path != "/v1/events" or not case.query:
        return
    try:
        wait = float(case.query["timeout"])
    except (KeyError, TypeError, ValueError):
        return
    if LONGEST_WAIT_SECONDS < wait <= 30:
        case.query["timeout"] = LONGEST_WAIT_SECONDS
