"""What a file of people says: a person for every row, or what is wrong with it."""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TypeVar
from zoneinfo import available_timezones

from services.chassis.csv_records import CsvRow
from services.chassis.csv_table import Cell, CsvTable
from services.chassis.email_address import email_address
from services.chassis.errors import FieldError
from services.chassis.file_problem import FileError, file_problem
from services.chassis.invisible import shows, turns

T = TypeVar("T")
NAME_CHARACTERS = 200

# What the columns are called in English, Danish, Norwegian and Swedish; only letters count.
# A column for one role means the job: roles grant rights, so they must be named as such.
# A manager is found by address only, so a column of managers' names is none of these.
COLUMN_NAMES = {
    "name": "name, full name, display name, navn, fulde navn, fullt navn, fullstendig navn, "
    "fulle navn, visningsnavn, namn, fullt namn, fullständigt namn, visningsnamn",
    "given_name": "personal, personal name, given, given name, first name, forename, fornavn, "
    "førenamn, fornamn, förnamn, tilltalsnamn",
    "middle_name": "middle, middle name, mellemnavn, mellomnavn, mellomnamn, mellannamn",
    "family_name": "family, family name, last name, surname, efternavn, etternavn, etternamn, "
    "efternamn",
    "email": "email, email address, mail, mail address, epost, epostadresse, epostadress, "
    "mailadresse, mailadress, emailadresse, emailadress, jobmail, work email, arbeidsepost",
    "external_id": "external id, employee id, employee number, personnel number, "
    "medarbejdernummer, medarbejdernr, medarbejder id, ansattnummer, ansattnr, ansatt id, "
    "tilsettnummer, anställningsnummer, anställningsnr, anställnings id",
    "job_role": "job role, job title, position, role, stilling, stillingsbetegnelse, "
    "stillingstittel, tittel, titel, jobtitel, jobbtittel, jobbtitel, rolle, roll, befattning, "
    "yrkesroll",
    "location": "location, office, site, lokation, lokasjon, kontor, sted, arbejdssted, "
    "arbeidssted, arbeidsstad, stad, ort, arbetsort, arbetsplats, placering, plassering",
    "hire_date": "hire date, hired on, start date, employed from, employment date, ansat dato, "
    "ansættelsesdato, ansatt dato, ansettelsesdato, ansatt fra, ansat fra, "
    "tilsett dato, startdato, startdatum, anställningsdatum, anställd från",
    "team": "team, team name, group, hold, gruppe, teamnavn, lag, grupp, teamnamn, department, unit, "
    "afdeling, avdeling, avdelning, enhed, enhet, eining",
    "manager_email": "manager email, managers email, manager mail, leder epost, leders epost, "
    "lederens epost, leder email, leders email, lederens email, leder mail, leders mail, "
    "leiar epost, leiars epost, nærmeste leder epost, chef epost, chefs epost, chefens epost, "
    "chef email, chefs email, chefens email, chef mail, chefs mail, chefens mail, "
    "närmaste chef epost",
    "roles": "roles, stafett roles, roller",
    "tags": "tags, labels, mærker, etiketter, merker, merkelapper, taggar, märkningar",
    "locale": "locale, language, sprog, språk, målform",
    "time_zone": "time zone, timezone, tidszone, tidssone, tidszon",
}
_LOCALE = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{2}))?", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r"\w[\w-]{0,39}")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LANGUAGES = {
    **dict.fromkeys(("dansk", "danish", "danska"), "da"),
    **dict.fromkeys(("norsk", "norwegian", "norska", "bokmål", "no"), "nb"),
    **dict.fromkeys(("nynorsk",), "nn"),
    **dict.fromkeys(("svensk", "svenska", "swedish"), "sv"),
    **dict.fromkeys(("engelsk", "engelska", "english"), "en"),
}


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A person as the file has them; what it does not say is None, and no roles are no rights."""

    name: str
    email: str
    external_id: str | None
    job_role: str | None
    location: str | None
    hire_date: date | None
    team: str | None
    manager_email: str | None
    roles: tuple[str, ...]
    locale: str | None
    time_zone: str | None
    tags: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class PersonRow:
    """What became of a row: a person, or problems; `duplicate_of` is the line it repeats."""

    line: int
    email: str | None
    person: ListedPerson | None = None
    problems: tuple[FieldError, ...] = ()
    duplicate_of: int | None = None


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """The rows, the columns of the file that mean nothing here, and the numbers of those that do."""

    rows: tuple[PersonRow, ...]
    ignored_columns: tuple[str, ...]
    columns: Mapping[str, int] = field(default_factory=dict)


class _Refused(Exception):
    """A cell does not say what its column is for."""

    def __init__(self, problem: FieldError) -> None:
        super().__init__(problem.template)
        self.problem = problem


def people_in(table: CsvTable, known_roles: Collection[str]) -> PeopleFile:
    """The people in a file; raises FileError where it has no column of addresses or of names.

    A person without a family name or without a given name is accepted, a file without one of
    the columns is not. The second row of an address or an external id is a duplicate.
    """
    columns = _columns(table)
    emails: dict[str, int] = {}
    external_ids: dict[str, int] = {}
    rows = []
    for row in table.rows:
        result = _PersonCells(table, row, columns).read(known_roles)
        if result.email is not None:
            line = emails.setdefault(result.email.casefold(), row.line)
            if line != row.line:
                result = PersonRow(row.line, result.email, duplicate_of=line)
        if result.person is not None and result.person.external_id is not None:
            line = external_ids.setdefault(result.person.external_id, row.line)
            if line != row.line:
                result = PersonRow(row.line, result.email, duplicate_of=line)
        rows.append(result)
    known = set(columns.values())
    numbers = {name: number for number, name in enumerate(table.header, 1)}
    return PeopleFile(
        tuple(rows),
        tuple(name for name in table.header if name not in known),
        {name: numbers[column] for name, column in columns.items()},
    )


def _columns(table: CsvTable) -> dict[str, str]:
    """Which column holds which field; raises FileError where that is not clear or not enough."""
    columns: dict[str, str] = {}
    problems = []
    for column, name in enumerate(table.header, 1):
        field = _FIELDS.get(_letters(name))
        if field is None:
            continue
        if field in columns:
            problems.append(
                file_problem(
                    table.header_line,
                    column,
                    "Columns {first} and {second} both say {field}: keep one",
                    first=columns[field],
                    second=name,
                    field=field,
                )
            )
        columns.setdefault(field, name)
    needed = ["email"]
    if "name" not in columns:
        parts = [part for part in ("given_name", "family_name") if part not in columns]
        needed += ["name"] if len(parts) == 2 else parts
    missing = [field for field in needed if field not in columns]
    if missing and len(table.header) == 1:
        raise FileError([table.undivided()])
    problems += [
        file_problem(
            table.header_line,
            None,
            "There is no column for {field}; name it one of: {names}",
            field=field,
            names=COLUMN_NAMES[field],
        )
        for field in missing
    ]
    if problems:
        raise FileError(problems)
    return columns


class _PersonCells:
    """A row while it is read: what its cells say, and what is wrong with them so far."""

    def __init__(self, table: CsvTable, row: CsvRow, columns: Mapping[str, str]) -> None:
        self._table = table
        self._row = row
        self._columns = columns
        self._problems = list(row.problems)

    def read(self, known_roles: Collection[str]) -> PersonRow:
        if self._problems:
            return PersonRow(self._row.line, None, problems=tuple(self._problems))
        email = self._take(_address, "email")
        if email is None and not self._problems:
            self._problems.append(self._cell("email").problem("{name} is empty"))
        person = ListedPerson(
            name=self._name(),
            email=email or "",
            external_id=self._text("external_id"),
            job_role=self._text("job_role"),
            location=self._text("location"),
            hire_date=self._take(_hire_date, "hire_date"),
            team=self._text("team"),
            manager_email=self._take(_address, "manager_email"),
            roles=tuple(self._roles(known_roles)),
            locale=self._take(_locale, "locale"),
            time_zone=self._take(_time_zone, "time_zone"),
            tags=tuple(self._tags()),
            line=self._row.line,
        )
        if person.manager_email and person.manager_email.casefold() == person.email.casefold():
            self._problems.append(
                self._cell("manager_email").problem("Nobody is their own manager")
            )
        if self._problems:
            return PersonRow(self._row.line, email, problems=tuple(self._problems))
        return PersonRow(self._row.line, email, person)

    def _cell(self, field: str) -> Cell:
        return self._table.cell(self._row, self._columns.get(field, field))

    def _text(self, field: str) -> str | None:
        """The text on one line; a longer one than a name may be is refused."""
        if field not in self._columns:
            return None
        cell = self._cell(field)
        if turns(cell.text):
            self._problems.append(
                cell.problem("{name} holds characters that turn the direction of the text")
            )
        text = " ".join(cell.text.split())
        if len(text) > NAME_CHARACTERS:
            self._problems.append(
                cell.problem("{name} has more than {limit} characters", limit=NAME_CHARACTERS)
            )
        return text or None

    def _take(self, meaning: Callable[[Cell], T], field: str) -> T | None:
        cell = self._cell(field)
        if field not in self._columns or not cell.text:
            return None
        try:
            return meaning(cell)
        except _Refused as refused:
            self._problems.append(refused.problem)
            return None

    def _name(self) -> str:
        parts = ("given_name", "middle_name", "family_name")
        name = self._text("name") or " ".join(filter(None, map(self._text, parts)))
        cell = self._cell("name" if "name" in self._columns else "given_name")
        if not shows(name):
            self._problems.append(cell.problem("The person has no name"))
        if len(name) > NAME_CHARACTERS:
            self._problems.append(
                cell.problem("The name has more than {limit} characters", limit=NAME_CHARACTERS)
            )
        return name

    def _listed(self, field: str) -> Iterable[str]:
        """The entries of a cell that holds several, each once."""
        named = re.split(r"[;|,]", self._text(field) or "")
        return dict.fromkeys(filter(None, (name.strip().casefold() for name in named)))

    def _tags(self) -> Iterator[str]:
        for tag in self._listed("tags"):
            if _TAG.fullmatch(tag):
                yield tag
            else:
                self._problems.append(
                    self._cell("tags").problem("{text} is no tag as front-desk or søndag", text=tag)
                )

    def _roles(self, known_roles: Collection[str]) -> Iterator[str]:
        for role in self._listed("roles"):
            if role in known_roles:
                yield role
            else:
                self._problems.append(
                    self._cell("roles").problem(
                        "There is no role {role}; the roles are {known}",
                        role=role,
                        known=", ".join(known_roles),
                    )
                )


def _address(cell: Cell) -> str:
    address = email_address(cell.text)
    if address is None:
        raise _Refused(cell.problem("{text} is no e-mail address", text=cell.text))
    return address


def _hire_date(cell: Cell) -> date:
    template = "{text} is no date as 2026-11-22"
    if _ISO_DATE.fullmatch(cell.text) is None:
        raise _Refused(cell.problem(template, text=cell.text))
    try:
        return date.fromisoformat(cell.text)
    except ValueError as error:
        raise _Refused(cell.problem(template, text=cell.text)) from error


def _locale(cell: Cell) -> str:
    """A language tag, as `nb` or `nb-NO`; a language by its name is understood too."""
    if known := _LANGUAGES.get(cell.text.casefold()):
        return known
    match = _LOCALE.fullmatch(cell.text)
    if match is None:
        raise _Refused(cell.problem("{text} is no language tag as nb or nb-NO", text=cell.text))
    language, region = match.groups()
    language = _LANGUAGES.get(language.casefold(), language.casefold())
    return f"{language}-{region.upper()}" if region else language


def _time_zone(cell: Cell) -> str:
    if cell.text not in _time_zones():
        raise _Refused(cell.problem("{text} is no time zone as Europe/Oslo", text=cell.text))
    return cell.text


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFC", name).casefold()))


_FIELDS = {
    _letters(name): field for field, names in COLUMN_NAMES.items() for name in names.split(",")
}
