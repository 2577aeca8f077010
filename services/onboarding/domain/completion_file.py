"""What a file of completions says: who completed which course or curriculum on which day, or what is wrong with it."""

from dataclasses import dataclass, field
from datetime import date

from services.chassis.csv_cell import DateFormat, Refused, date_in, name_in, text_in
from services.chassis.csv_table import Cell, CsvTable
from services.chassis.errors import FieldError
from services.onboarding.domain.course_file import address_in, level_in
from services.onboarding.domain.file_columns import FileKind, RowCells
from services.onboarding.domain.past_completion import CompletionBasis

COMPLETION_FILE = FileKind(
    {
        "email": "email address, mail, mail address, epost, epostadresse, epostadress, mailadresse, mailadress, "
        "user email, learner email, work email, arbeidsepost",
        "employee_number": "employee id, external id, personnel number, medarbejdernummer, medarbejdernr, "
        "medarbejder id, ansattnummer, ansattnr, ansatt id, tilsettnummer, anställningsnummer, anställningsnr, "
        "anställnings id",
        "course": "course key, course code, course name, course title, shortname, short name, kursus, kurs, "
        "kursusnavn, kursnavn, kursnamn, kurskode",
        "curriculum": "curriculum key, curriculum title, learning path, program, programme, læringsforløb, "
        "læringsløp, læringssti, utbildningsväg, utbildningsplan, læreplan",
        "completed_on": "completed, completion date, date completed, completed at, completed date, finished on, "
        "gennemført, gennemført den, gjennomført, gjennomført dato, fullført, fullført dato, genomförd, "
        "genomförd den, slutförd",
        "expires_on": "expires, expiry date, expiration date, valid until, valid to, udløber, gyldig til, "
        "utløper, utløpsdato, giltig till, går ut",
        "level": "competence level, niveau, nivå",
        "basis": "grundlag, grunnlag, grund",
        "evidence": "certificate number, certificate no, proof, note, comment, bevis, dokumentation, "
        "dokumentasjon, merknad",
    },
    [["email", "employee_number"], ["course", "curriculum"], ["completed_on"]],
)


@dataclass(frozen=True, slots=True)
class ToldCompletion:
    """What a row says. Who and what are texts still; their cells are kept for what there is to say of them."""

    email: str | None
    number: str | None
    who: Cell
    course: str | None
    curriculum: str | None
    what: Cell
    completed_on: date
    expires_on: date | None
    level: int | None
    level_cell: Cell
    basis: CompletionBasis
    evidence: str | None


@dataclass(slots=True)
class CompletionRow:
    """A row: a completion, or what is wrong with it."""

    line: int
    told: ToldCompletion | None = None
    problems: list[FieldError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CompletionFile:
    """The rows, and the columns that mean nothing here."""

    rows: list[CompletionRow]
    ignored_columns: list[str]


def completions_in(
    table: CsvTable,
    mapping: dict[str, str | None] | None,
    date_format: DateFormat,
    today: date,
) -> CompletionFile:
    """The completions of a file; raises FileError for columns that it does not have."""
    columns = COMPLETION_FILE.columns_of(table, mapping)
    return CompletionFile(
        [_read(cells, date_format, today) for cells in columns.rows()], columns.ignored
    )


def _read(cells: RowCells, date_format: DateFormat, today: date) -> CompletionRow:
    row = CompletionRow(cells.line, problems=cells.problems)
    if cells.problems:
        return row

    def day_in(cell: Cell) -> date:
        # Exports often say the time, too, which a record of a day has no use for.
        text = cell.text.partition("T")[0] if cell.text[:4].isdigit() else cell.text
        text = text.partition(" ")[0] if ":" in text else text
        day = date_in(Cell(cell.name, text, cell.line, cell.column), date_format)
        assert day is not None
        if not 1900 <= day.year <= 2200:
            raise Refused(cell, "{name} is {text}; years go from 1900 to 2200", text=cell.text)
        return day

    email = cells.take(address_in, "email")
    number = cells.take(name_in, "employee_number")
    course = cells.take(name_in, "course")
    curriculum = cells.take(name_in, "curriculum")
    completed_on = cells.take(day_in, "completed_on")
    expires_on = cells.take(day_in, "expires_on")
    level = cells.take(level_in, "level")
    basis = cells.take(basis_in, "basis") or CompletionBasis.completed
    evidence = cells.take(text_in, "evidence")
    if cells.problems:
        return row
    _check(cells, today, completed_on, expires_on)
    if email is None and number is None:
        cells.refuse(_there(cells, "email", "employee_number"), "{name} is empty")
    if course is None and curriculum is None:
        cells.refuse(_there(cells, "course", "curriculum"), "{name} is empty")
    if course is not None and curriculum is not None:
        cells.refuse("curriculum", "A row is about a course or a curriculum, not about both")
    if curriculum is not None and level is not None:
        cells.refuse("level", "A curriculum has no level")
    if cells.problems:
        return row
    assert completed_on is not None
    row.told = ToldCompletion(
        email=email,
        number=number,
        who=cells.cell("email" if email is not None else "employee_number"),
        course=course,
        curriculum=curriculum,
        what=cells.cell("course" if course is not None else "curriculum"),
        completed_on=completed_on,
        expires_on=expires_on,
        level=level,
        level_cell=cells.cell("level"),
        basis=basis,
        evidence=evidence,
    )
    return row


def _check(
    cells: RowCells, today: date, completed_on: date | None, expires_on: date | None
) -> None:
    if completed_on is None:
        cells.refuse("completed_on", "{name} is empty")
        return
    if completed_on > today:
        cells.refuse(
            "completed_on", "{name} is {text}, which is to come", text=completed_on.isoformat()
        )
    if expires_on is not None and expires_on < completed_on:
        cells.refuse(
            "expires_on", "{name} is {text}, before it was completed", text=expires_on.isoformat()
        )


def _there(cells: RowCells, *fields: str) -> str:
    """The first of the fields that the file has a column for."""
    return next((name for name in fields if cells.cell(name).is_there), fields[0])


def basis_in(cell: Cell) -> CompletionBasis:
    """A basis by its name."""
    try:
        return CompletionBasis(cell.text.casefold())
    except ValueError as error:
        raise Refused(
            cell,
            "{name} is {text}, none of {known}",
            text=cell.text,
            known=", ".join(CompletionBasis),
        ) from error
