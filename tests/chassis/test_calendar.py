"""Appointments are written as iCalendar, and read again by somebody else's reader."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from services.chassis.calendar import Appointment, Guest, invitation, time_zone
from services.chassis.errors import Unfit

NOW = datetime(2026, 10, 1, 8, tzinfo=UTC)
ORGANIZER = Guest("Åse Bjørnstad", "ase@nordlys.example")
MEETING = Appointment(
    uid="0199a1b2-0000-7000-8000-000000000001",
    sequence=0,
    created_at=NOW - timedelta(days=1),
    changed_at=NOW,
    starts_at=datetime(2026, 10, 5, 8, tzinfo=UTC),
    ends_at=datetime(2026, 10, 5, 9, 30, tzinfo=UTC),
    time_zone="Europe/Oslo",
    summary="Tills",
    location="Storgata 1, Oslo",
    link="https://meet.example/a?b=c,d;e",
    organizer=ORGANIZER,
    guests=[Guest("Randi Fjellheim", "randi@kunde.example")],
)


def written(**fields: Any) -> tuple[Calendar, Any]:
    """The calendar and its one event, as a reader of iCalendar finds them."""
    calendar = Calendar.from_ical(invitation(replace(MEETING, **fields), NOW))
    assert isinstance(calendar, Calendar)
    [event] = calendar.events
    return calendar, event


def addresses(event: Any) -> list[str]:
    found = event["attendee"]
    return [str(one) for one in (found if isinstance(found, list) else [found])]


def test_an_invitation_holds_what_a_calendar_needs():
    calendar, event = written()
    assert (calendar["method"], calendar["version"]) == ("REQUEST", "2.0")
    assert (event["uid"], event["sequence"], event["status"]) == (MEETING.uid, 0, "CONFIRMED")
    assert event["dtstamp"].dt == NOW
    assert (event.start, event.end) == (MEETING.starts_at, MEETING.ends_at)
    assert (event["summary"], event["location"]) == ("Tills", "Storgata 1, Oslo")
    assert event["url"] == MEETING.link
    assert event["organizer"] == "mailto:ase@nordlys.example"
    assert event["organizer"].params["CN"] == "Åse Bjørnstad"
    assert addresses(event) == ["mailto:ase@nordlys.example", "mailto:randi@kunde.example"]
    assert event["attendee"][1].params["RSVP"] == "TRUE"


def test_a_cancelled_one_takes_itself_out_of_calendars():
    calendar, event = written(is_cancelled=True, sequence=3)
    assert calendar["method"] == "CANCEL"
    assert (event["status"], event["sequence"], event["uid"]) == ("CANCELLED", 3, MEETING.uid)


@pytest.mark.parametrize(
    ("starts_at", "local"),
    [
        (datetime(2026, 10, 23, 8, tzinfo=UTC), "20261023T100000"),
        # The clocks go back on 25 October: ten o'clock is an hour later in the world.
        (datetime(2026, 10, 26, 9, tzinfo=UTC), "20261026T100000"),
        (datetime(2060, 7, 1, 8, tzinfo=UTC), "20600701T100000"),
    ],
)
def test_it_keeps_the_local_time_of_its_zone(starts_at: datetime, local: str):
    calendar, event = written(starts_at=starts_at, ends_at=starts_at + timedelta(hours=1))
    assert f"DTSTART;TZID=Europe/Oslo:{local}" in calendar.to_ical().decode()
    assert event.start == starts_at
    assert [zone.tz_name for zone in calendar.timezones] == ["Europe/Oslo"]


def test_one_across_a_clock_change_ends_when_it_ends():
    night = datetime(2026, 10, 24, 23, tzinfo=UTC)
    _, event = written(starts_at=night, ends_at=night + timedelta(hours=4))
    assert event.end - event.start.astimezone(UTC) == timedelta(hours=4)


def test_without_a_zone_it_stands_in_utc():
    calendar, event = written(time_zone=None)
    assert calendar.timezones == []
    assert b"DTSTART:20261005T080000Z" in calendar.to_ical()
    assert event.start == MEETING.starts_at


def test_no_text_becomes_a_line_of_its_own():
    evil = 'Tills\r\nATTENDEE:mailto:evil@x.example\nX: "a"; b, c \\n'
    guest = Guest(evil, "tor@kunde.example")
    content = invitation(replace(MEETING, summary=evil, location=evil, guests=[guest]), NOW)
    lines = content.decode().split("\r\n")
    assert not any(line.startswith(("ATTENDEE:", "X:")) for line in lines)
    assert [line for line in lines if "\n" in line] == []
    calendar = Calendar.from_ical(content)
    assert isinstance(calendar, Calendar)
    [event] = calendar.events
    assert str(event["summary"]).replace("\r\n", "\n") == evil.replace("\r\n", "\n")
    assert addresses(event) == ["mailto:ase@nordlys.example", "mailto:tor@kunde.example"]


def test_long_texts_are_folded_and_keep_their_letters():
    summary = "Blåbærsyltetøy og rømmegrøt på Ås, ”åäö” " * 20
    content = invitation(replace(MEETING, summary=summary.strip()), NOW)
    assert max(len(line) for line in content.split(b"\r\n")) <= 75
    assert written(summary=summary.strip())[1]["summary"] == summary.strip()


def test_each_address_is_invited_once_and_the_organizer_anyway():
    twice = [Guest("Randi", "randi@kunde.example"), Guest("R. F.", "Randi@kunde.example")]
    _, event = written(guests=[*twice, Guest("Me", "ASE@nordlys.example")])
    assert addresses(event) == ["mailto:ase@nordlys.example", "mailto:randi@kunde.example"]
    assert event["attendee"][1].params["CN"] == "Randi"


def test_an_organizer_nobody_knows_any_more_is_left_out():
    _, event = written(organizer=None)
    assert "organizer" not in event
    assert addresses(event) == ["mailto:randi@kunde.example"]


def test_a_place_or_a_link_may_be_missing():
    _, event = written(location=None, link=None)
    assert "location" not in event
    assert "url" not in event


@pytest.mark.parametrize("name", ["", "Oslo", "europe/oslo", "../etc/passwd", "localtime", "CEST"])
def test_what_is_no_time_zone_is_refused(name: str):
    with pytest.raises(Unfit):
        time_zone(name)


@pytest.mark.parametrize("name", ["Europe/Oslo", "Europe/Stockholm", "Atlantic/Faroe", "UTC"])
def test_a_time_zone_is_taken(name: str):
    assert time_zone(name) == name


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x00", "\r"])
def test_what_some_take_for_the_end_of_a_line_is_a_blank(end: str):
    _, event = written(
        summary=f"Tills{end}X", location=f"Oslo{end}X", organizer=Guest(f"Åse{end}X", "a@b.example")
    )
    assert (event["summary"], event["location"]) == ("Tills X", "Oslo X")
    assert event["organizer"].params["CN"] == "Åse X"
