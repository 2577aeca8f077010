"""What a file of courses says: a unit in each row, and of which course; or what is wrong with it.

Rows of the same course stand for its units, in their order. A file that has a row for each course, as most learning
systems write it, makes courses of one unit.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.chassis.csv_cell import Refused, name_in, text_in, title_in
from services.chassis.csv_table import Cell, CsvTable
from services.chassis.email_address import email_address
from services.chassis.errors import FieldError
from services.chassis.file_problem import file_problem
from services.onboarding.domain.course import UnitKind
from services.onboarding.domain.file_columns import FileKind, RowCells
from services.onboarding.domain.publication import VersionState

MOST_UNITS = 200
MOST_MINUTES = 10_000
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_LINK = re.compile(r"https?://[^\s\x00-\x1f\x7f]+")
_LANGUAGE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")
_MINUTES = re.compile(r"(?:(?P<hours>\d{1,2}):)?(?P<minutes>\d{1,5})(?::\d\d)?", re.ASCII)
# As in the machine-readable zone of a passport (ICAO Doc 9303).
_LATIN = str.maketrans({"æ": "ae", "ä": "ae", "ø": "oe", "ö": "oe", "å": "aa", "é": "e", "ü": "ue"})
_NOT_IN_KEYS = re.compile(r"[^a-z0-9]+")

COURSE_FILE = FileKind(
    {
        "key": "course key, course code, course id, short name, shortname, kode, kursuskode, kurskode, "
        "kort navn, kortnavn, kortnamn",
        "title": "course title, course, course name, name, full name, fullname, titel, tittel, kursus, "
        "kurs, kursusnavn, kursnavn, kursnamn, navn, namn",
        "language": "sprog, språk",
        "tool": "tool key, system, værktøj, verktøy, verktyg",
        "owner": "owner email, author, ansvarlig, ansvarlig epost, ejer, eier, ägare",
        "competence": "skill, kompetence, kompetanse, kompetens",
        "level": "competence level, niveau, nivå",
        "state": "status, visible, tilstand",
        "unit": "unit title, module, lesson, section, enhed, modul, lektion, leksjon, enhet",
        "kind": "unit kind, type, content type, format, slags, typ",
        "minutes": "duration, length, duration minutes, estimated minutes, varighed, varighet, minutter, "
        "minuter, længde, lengde, längd",
        "link": "url, address, website, adresse, adress, lenke, länk",
        "text": "description, summary, body, beskrivelse, beskrivning, tekst",
    },
    [["title"]],
)
_STATES = {
    "": None,
    **dict.fromkeys(("draft", "hidden", "0", "kladde", "utkast", "udkast"), VersionState.draft),
    **dict.fromkeys(
        ("published", "active", "visible", "1", "publiceret", "publisert", "publicerad"),
        VersionState.published,
    ),
}


@dataclass(frozen=True, slots=True)
class Usual:
    """What holds for rows that do not say it."""

    state: VersionState = VersionState.published
    minutes: int | None = None


# What rows say of their course as a whole, the same in each of them.
_WHOLE = ("title", "language", "tool", "owner", "competence", "level", "state")


@dataclass(slots=True)
class ListedCourse:
    """A course of the file, with the rows that it stands in. `is_named` says that the file gives its key."""

    key: str
    is_named: bool
    lines: list[int] = field(default_factory=list)
    title: str = ""
    language: str | None = None
    tool: str | None = None
    owner: str | None = None
    competence: str | None = None
    level: int | None = None
    state: VersionState | None = None
    units: list[dict[str, Any]] = field(default_factory=list)
    said_on: dict[str, int] = field(default_factory=dict)
    cells: dict[str, Cell] = field(default_factory=dict)
    is_broken: bool = False

    @property
    def grants(self) -> dict[str, Any] | None:
        """The competence that it gives, and its level."""
        if self.competence is None:
            return None
        return {"competence": self.competence, "level": self.level}


@dataclass(slots=True)
class CourseRow:
    """A row: the course that it belongs to, what is wrong with it, or the line that it repeats."""

    line: int
    course: ListedCourse | None = None
    problems: list[FieldError] = field(default_factory=list)
    duplicate_of: int | None = None


@dataclass(frozen=True, slots=True)
class CourseFile:
    """The rows, their courses by key, and the columns that mean nothing here."""

    rows: list[CourseRow]
    courses: dict[str, ListedCourse]
    ignored_columns: list[str]


def courses_in(table: CsvTable, mapping: dict[str, str | None] | None, usual: Usual) -> CourseFile:
    """The courses of a file; raises FileError where it has no column of titles.

    What is wrong with one row of a course takes its other rows along: half a course is none.
    """
    columns = COURSE_FILE.columns_of(table, mapping)
    courses: dict[str, ListedCourse] = {}
    rows = [_read(cells, courses, usual) for cells in columns.rows()]
    for row in rows:
        if row.problems and row.course is not None:
            row.course.is_broken = True
    for course in courses.values():
        _finish(course, rows, usual)
    for row in rows:
        if row.course is not None and row.course.is_broken and not row.problems:
            row.problems.append(
                file_problem(
                    row.line, None, "Another row of the course {key} is wrong", key=row.course.key
                )
            )
    return CourseFile(rows, courses, columns.ignored)


def _read(cells: RowCells, courses: dict[str, ListedCourse], usual: Usual) -> CourseRow:
    row = CourseRow(cells.line, problems=cells.problems)
    if cells.problems:
        return row
    key, title = cells.take(key_in, "key"), cells.take(title_in, "title")
    if key is None and title is None:
        if not cells.problems:
            cells.refuse("title", "{name} is empty")
        return row
    found = key or key_of(title or "")
    if not found:
        cells.refuse("title", "{name} has no letters to make a key of; name it in a column key")
        return row
    course = courses.setdefault(found, ListedCourse(found, key is not None))
    row.course = course
    _say(course, cells, title)
    unit = cells.take(name_in, "unit")
    if course.lines and unit is None:
        row.duplicate_of = course.lines[0]
        return row
    course.lines.append(row.line)
    course.units.append(_unit(cells, unit, usual))
    if len(course.units) > MOST_UNITS:
        cells.refuse("unit", "The course has more than {limit} units", limit=MOST_UNITS)
    return row


def _say(course: ListedCourse, cells: RowCells, title: str | None) -> None:
    """Take what a row says of the course as a whole; another row must not say otherwise."""
    said: dict[str, Any] = {
        "title": title,
        "language": cells.take(language_in, "language"),
        "tool": cells.take(key_in, "tool"),
        "owner": cells.take(address_in, "owner"),
        "competence": cells.take(key_in, "competence"),
        "level": cells.take(level_in, "level"),
        "state": cells.take(state_in, "state"),
    }
    for name in _WHOLE:
        value = said[name]
        if value is None:
            continue
        before = getattr(course, name) if name in course.said_on else None
        if before is not None and before != value:
            cells.refuse(
                name,
                "{name} is {text}, but {before} in line {line}",
                text=cells.cell(name).text,
                before=str(before),
                line=course.said_on[name],
            )
        elif before is None:
            setattr(course, name, value)
            course.said_on[name] = cells.line
            course.cells[name] = cells.cell(name)


def _unit(cells: RowCells, title: str | None, usual: Usual) -> dict[str, Any]:
    link = cells.take(link_in, "link")
    kind = cells.take(unit_kind_in, "kind")
    minutes = cells.take(minutes_in, "minutes") or usual.minutes
    if minutes is None and not cells.problems:
        cells.refuse("minutes", "{name} is empty, and nothing was said of rows without minutes")
    if kind is UnitKind.external_link and link is None:
        cells.refuse("link", "{name} is empty, and the unit is a link")
    if kind is None:
        kind = UnitKind.reading if link is None else UnitKind.external_link
    return {
        "key": "",
        "kind": kind.value,
        "title": title,
        "minutes": minutes,
        "body": cells.take(text_in, "text"),
        "link": link,
    }


def _finish(course: ListedCourse, rows: Iterable[CourseRow], usual: Usual) -> None:
    """What can only be said of the whole: a title, a competence with its level, and each unit's key."""
    if course.is_broken:
        return
    first = next(row for row in rows if row.course is course)
    lacking = _lacking(course, first.line)
    if lacking is not None:
        first.problems.append(lacking)
        course.is_broken = True
        return
    course.state = course.state or usual.state
    taken: set[str] = set()
    for unit in course.units:
        unit["title"] = unit["title"] or course.title
        base = key_of(unit["title"]) or "unit"
        key, count = base, 1
        while key in taken:
            count += 1
            key = f"{base[:75]}-{count}"
        taken.add(key)
        unit["key"] = key


def _lacking(course: ListedCourse, line: int) -> FieldError | None:
    if not course.title:
        return file_problem(line, None, "The course {key} has no title", key=course.key)
    if course.competence is not None and course.level is None:
        return course.cells["competence"].problem("{name} stands there without a level")
    if course.level is not None and course.competence is None:
        return course.cells["level"].problem("{name} stands there without a competence")
    return None


# --- what cells mean ------------------------------------------------------------------------------


def key_of(text: str) -> str:
    """A text as a key: `Kunden i skranken` is kunden-i-skranken; empty where it has no letters of ours."""
    return _NOT_IN_KEYS.sub("-", text.casefold().translate(_LATIN)).strip("-")[:80].strip("-")


def key_in(cell: Cell) -> str:
    """A key, or a text that becomes one."""
    text = cell.text.casefold()
    key = text if _KEY.fullmatch(text) else key_of(text)
    if not key:
        raise Refused(cell, "{name} is {text}, which has no letters", text=cell.text)
    return key


def level_in(cell: Cell) -> int:
    """A level from 1 to 5."""
    if cell.text not in ("1", "2", "3", "4", "5"):
        raise Refused(cell, "{name} is {text}; levels go from 1 to 5", text=cell.text)
    return int(cell.text)


def minutes_in(cell: Cell) -> int:
    """Minutes, as 90 or 1:30 (hours and minutes; seconds are left out)."""
    match = _MINUTES.fullmatch(cell.text)
    # 45:00 may be minutes and seconds: nobody takes a course of two days for one unit.
    if match is None or (
        match["hours"] and (int(match["minutes"]) > 59 or int(match["hours"]) > 23)
    ):
        raise Refused(cell, "{name} is {text}, not minutes as 90 or 1:30", text=cell.text)
    minutes = int(match["hours"] or 0) * 60 + int(match["minutes"])
    if not 1 <= minutes <= MOST_MINUTES:
        raise Refused(
            cell, "{name} is {text}; minutes go from 1 to {most}", text=cell.text, most=MOST_MINUTES
        )
    return minutes


def link_in(cell: Cell) -> str:
    """An address on the web."""
    if _LINK.fullmatch(cell.text) is None or len(cell.text) > 1000:
        raise Refused(
            cell, "{name} is {text}, no address as https://learn.example/1", text=cell.text[:100]
        )
    return cell.text


def unit_kind_in(cell: Cell) -> UnitKind:
    """A kind of unit by its name, as external_link or External link."""
    word = "_".join(cell.text.casefold().replace("-", " ").split())
    try:
        return UnitKind(word)
    except ValueError as error:
        raise Refused(
            cell, "{name} is {text}, none of {known}", text=cell.text, known=", ".join(UnitKind)
        ) from error


def language_in(cell: Cell) -> str:
    """A language as nb or nb-NO."""
    text = cell.text.replace("_", "-")
    language, dash, region = text.partition("-")
    text = language.lower() + dash + region.upper()
    if _LANGUAGE.fullmatch(text) is None:
        raise Refused(cell, "{text} is no language tag as nb or nb-NO", text=cell.text)
    return text


def state_in(cell: Cell) -> VersionState | None:
    """Draft or published, by its name or by 0 and 1."""
    word = cell.text.casefold()
    if word not in _STATES:
        raise Refused(cell, "{name} is {text}, neither draft nor published", text=cell.text)
    return _STATES[word]


def address_in(cell: Cell) -> str:
    """An e-mail address, in lower case."""
    address = email_address(cell.text)
    if address is None:
        raise Refused(cell, "{text} is no e-mail address", text=cell.text)
    return address.lower()
