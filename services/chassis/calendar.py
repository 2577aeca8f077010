"""Appointments as other people's calendars take them: an invitation or its withdrawal in iCalendar (RFC 5545, RFC 5546).

A calendar knows an appointment by its uid, which therefore never changes, and believes the highest sequence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Protocol
from unicodedata import category
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from icalendar import Calendar, Event, vCalAddress, vUri
from pydantic import AfterValidator, Field

from services.chassis.errors import Unfit
from services.chassis.fields import Line

MEDIA_TYPE = "text/calendar"

# How much of a time zone's history goes along: its rules around the appointment, not those since 1970.
_AROUND = timedelta(days=366)
# Control characters, and what separates lines and paragraphs.
_NO_TEXT = frozenset({"Cc", "Zl", "Zp"})
# Names that depend on the machine or stand for no place.
_NO_PLACE = frozenset({"localtime", "Factory"})


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who takes part: the name that is shown, and the address at which their calendar knows them."""

    name: str
    email: str


class Planned(Protocol):
    """What is planned and stands in calendars: a row, whose id they know it by."""

    id: UUID
    sequence: int
    created_at: datetime
    updated_at: datetime
    starts_at: datetime
    ends_at: datetime
    tz: str | None
    place: str | None
    link: str | None


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment. With `time_zone` (an IANA name) it keeps the local time there, without it stands in UTC."""

    uid: str
    sequence: int
    created_at: datetime
    changed_at: datetime
    starts_at: datetime
    ends_at: datetime
    time_zone: str | None
    summary: str
    location: str | None
    link: str | None
    organizer: Guest | None
    guests: Sequence[Guest] = ()
    is_cancelled: bool = False
    names_guests: bool = True

    @property
    def method(self) -> str:
        """What calendars are to do (RFC 5546): invite, take it out, or, where nobody is named, only show it."""
        if self.is_cancelled:
            return "CANCEL"
        return "REQUEST" if self.names_guests else "PUBLISH"

    @classmethod
    def of(
        cls,
        planned: Planned,
        summary: str,
        organizer: Guest | None,
        guests: Iterable[Guest] | None,
        *,
        is_cancelled: bool,
    ) -> "Appointment":
        """What is planned, under the words that calendars show and with the people who come; None names nobody."""
        return cls(
            uid=str(planned.id),
            sequence=planned.sequence,
            created_at=planned.created_at,
            changed_at=planned.updated_at,
            starts_at=planned.starts_at,
            ends_at=planned.ends_at,
            time_zone=planned.tz,
            summary=summary,
            location=planned.place,
            link=planned.link,
            organizer=organizer,
            guests=list(guests or ()),
            is_cancelled=is_cancelled,
            names_guests=guests is not None,
        )


@cache
def time_zones() -> frozenset[str]:
    """The IANA names that are known here."""
    return frozenset(available_timezones()) - _NO_PLACE


def time_zone(name: str) -> str:
    """The name, if it is one; raises `Unfit`."""
    if name not in time_zones():
        raise Unfit("This is not a time zone of the IANA list, such as Europe/Oslo.")
    return name


# Where something is planned, and by whose clock.
Place = Annotated[Line, Field(min_length=1)]
TimeZone = Annotated[str, Field(max_length=100), AfterValidator(time_zone)]


def invitation(appointment: Appointment, now: datetime) -> bytes:
    """The appointment as an .ics file, with its method. `now` is its DTSTAMP."""
    event = Event()
    event.add("uid", appointment.uid)
    event.add("sequence", appointment.sequence)
    event.add("dtstamp", now.astimezone(UTC))
    event.add("created", appointment.created_at.astimezone(UTC))
    event.add("last-modified", appointment.changed_at.astimezone(UTC))
    zone = UTC if appointment.time_zone is None else ZoneInfo(appointment.time_zone)
    event.add("dtstart", appointment.starts_at.astimezone(zone))
    event.add("dtend", appointment.ends_at.astimezone(zone))
    event.add("summary", _line(appointment.summary))
    event.add("status", "CANCELLED" if appointment.is_cancelled else "CONFIRMED")
    if appointment.location is not None:
        event.add("location", _line(appointment.location))
    if appointment.link is not None:
        event.add("url", vUri(appointment.link))
    _invite(event, appointment)
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Stafett//Stafett//EN")
    calendar.add("method", appointment.method)
    calendar.add_component(event)
    calendar.add_missing_timezones(
        (appointment.starts_at - _AROUND).date(), (appointment.ends_at + _AROUND).date()
    )
    return bytes(calendar.to_ical())


def _invite(event: Event, appointment: Appointment) -> None:
    """Name each address once; whoever invites takes part."""
    organizer = appointment.organizer
    if not appointment.names_guests:
        if organizer is not None:
            event.add("organizer", _address(organizer), encode=False)
        return
    invited = {guest.email.lower(): guest for guest in reversed(appointment.guests)}
    if organizer is not None:
        event.add("organizer", _address(organizer), encode=False)
        invited.pop(organizer.email.lower(), None)
        chair = _address(organizer)
        chair.params.update({"ROLE": "CHAIR", "PARTSTAT": "ACCEPTED"})
        event.add("attendee", chair, encode=False)
    for guest in reversed(invited.values()):
        address = _address(guest)
        address.params.update(
            {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"}
        )
        event.add("attendee", address, encode=False)


def _address(guest: Guest) -> vCalAddress:
    address = vCalAddress(f"mailto:{guest.email}")
    address.params["CN"] = _line(guest.name)
    return address


def _line(text: str) -> str:
    """The text, with a blank for what some readers take for the end of a line; \\n is written as iCalendar writes it."""
    return "".join(
        " " if char != "\n" and category(char) in _NO_TEXT else char
        for char in text.replace("\r\n", "\n")
    )
