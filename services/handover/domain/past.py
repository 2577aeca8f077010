"""What has happened lies in the past, and what is to be done does not."""

from datetime import date, datetime, timedelta

from services.chassis.errors import FieldError, Invalid

# Clocks differ; nobody reports the future by five minutes.
_LEEWAY = timedelta(minutes=5)
# East of here it is tomorrow already.
_TOMORROW = timedelta(days=1)


def require_past(pointer: str, at: datetime, now: datetime, leeway: timedelta = _LEEWAY) -> None:
    """Refuse with `Invalid` at `pointer` what is yet to come."""
    if at > now + leeway:
        raise _to_come(pointer)


def require_past_day(pointer: str, day: date, now: datetime) -> None:
    """Refuse with `Invalid` at `pointer` a day later than tomorrow."""
    if day > now.date() + _TOMORROW:
        raise _to_come(pointer)


def require_day_ahead(pointer: str, day: date | None, now: datetime) -> None:
    """Refuse with `Invalid` at `pointer` a day that is over, for what is to be done by it."""
    if day is not None and day < now.date():
        raise Invalid(
            "Nobody can do it by then.",
            errors=[FieldError(pointer, "It must not lie in the past.")],
        )


def _to_come(pointer: str) -> Invalid:
    return Invalid(
        "It cannot have happened yet.",
        errors=[FieldError(pointer, "It must not lie in the future.")],
    )
