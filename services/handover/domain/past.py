"""What has happened lies in the past."""

from datetime import datetime, timedelta

from services.chassis.errors import FieldError, Invalid

# Clocks differ; nobody reports the future by five minutes.
_LEEWAY = timedelta(minutes=5)


def require_past(pointer: str, at: datetime, now: datetime) -> None:
    """Refuse with `Invalid` at `pointer` what is yet to come."""
    if at > now + _LEEWAY:
        raise Invalid(
            "It cannot have happened yet.",
            errors=[FieldError(pointer, "It must not lie in the future.")],
        )
