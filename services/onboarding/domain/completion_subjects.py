"""What the rows of a file of completions are about: people, and courses and curricula by key or title."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.chassis.database import Reader
from services.chassis.errors import FieldError
from services.onboarding.domain.completion_file import CompletionRow, ToldCompletion
from services.onboarding.domain.course_file import key_of
from services.onboarding.domain.named_people import people_by_email, people_by_number

_COURSES = """
SELECT c.id, c.key, c.title, v.number, v.published_at::date AS published_on, v.competence, v.level
FROM course AS c
LEFT JOIN course_version AS v
    ON v.organization_id = c.organization_id AND v.course_id = c.id AND v.state <> 'draft'
WHERE c.organization_id = $1 AND (c.key = ANY($2) OR lower(c.title) = ANY($3))
ORDER BY c.id, v.number
"""
_CURRICULA = """
SELECT DISTINCT ON (c.id) c.id, c.key, c.title, v.id AS version_id
FROM curriculum AS c
LEFT JOIN curriculum_version AS v
    ON v.organization_id = c.organization_id AND v.curriculum_id = c.id AND v.state <> 'draft'
WHERE c.organization_id = $1 AND (c.key = ANY($2) OR lower(c.title) = ANY($3))
ORDER BY c.id, v.state = 'published' DESC NULLS LAST, v.number DESC
"""


@dataclass(frozen=True, slots=True)
class Taught:
    """A version of a course: from when on it was taught, and what it grants."""

    number: int
    published_on: date
    competence: str | None
    level: int | None


@dataclass(frozen=True, slots=True)
class Subject:
    """A course with the versions that were published, or a curriculum with the version that is."""

    id: UUID
    key: str
    title: str
    taught: tuple[Taught, ...] = ()
    curriculum_version_id: UUID | None = None

    def taught_on(self, day: date) -> Taught | None:
        """The version that was current on a day; on a day before all of them the first one."""
        before = [version for version in self.taught if version.published_on <= day]
        return before[-1] if before else next(iter(self.taught), None)


@dataclass(frozen=True, slots=True)
class Subjects:
    """Who and what there is of what a file names."""

    by_email: Mapping[str, UUID | None]
    by_number: Mapping[str, UUID | None]
    courses: Mapping[str, Sequence[Subject]]
    curricula: Mapping[str, Sequence[Subject]]

    def person(self, told: ToldCompletion) -> UUID | FieldError:
        """Who is meant, by number first; or why nobody is."""
        by_number = self.by_number.get(told.number) if told.number is not None else None
        by_email = self.by_email.get(told.email) if told.email is not None else None
        if by_number is not None and by_email is not None and by_number != by_email:
            return told.who.problem(
                "{text} belongs to somebody else than the number {number}",
                text=told.who.text,
                number=told.number,
            )
        found = by_number or by_email
        if found is not None:
            return found
        if told.email is not None:
            return told.who.problem("Nobody has the address {email}", email=told.email)
        return told.who.problem("Nobody has the employee number {text}", text=told.who.text)

    def subject(self, told: ToldCompletion) -> Subject | FieldError:
        """The course or curriculum, by its key and else by its title; or why there is none."""
        of_course = told.course is not None
        called = (told.course or told.curriculum or "").casefold()
        known = self.courses if of_course else self.curricula
        found = (
            known.get(f"key {called}")
            or known.get(f"title {called}")
            or known.get(f"key {key_of(called)}")
        )
        text = told.what.text
        if not found:
            if of_course:
                return told.what.problem("No course has the key or title {text}", text=text)
            return told.what.problem("No curriculum has the key or title {text}", text=text)
        if len(found) > 1:
            if of_course:
                return told.what.problem(
                    "{count} courses are called {text}: name the key", count=len(found), text=text
                )
            return told.what.problem(
                "{count} curricula are called {text}: name the key", count=len(found), text=text
            )
        [subject] = found
        if of_course and not subject.taught:
            return told.what.problem("The course {text} has no published version", text=text)
        if not of_course and subject.curriculum_version_id is None:
            return told.what.problem("The curriculum {text} has no published version", text=text)
        return subject


async def subjects_of(reader: Reader, rows: Sequence[CompletionRow]) -> Subjects:
    """Who and what the rows name: four looks, however many rows there are."""
    told = [row.told for row in rows if row.told is not None]
    emails = sorted({one.email for one in told if one.email is not None})
    numbers = sorted({one.number for one in told if one.number is not None})
    return Subjects(
        dict(zip(emails, await people_by_email(reader, emails), strict=True)),
        dict(zip(numbers, await people_by_number(reader, numbers), strict=True)),
        await _called(reader, _COURSES, {one.course for one in told if one.course}),
        await _called(reader, _CURRICULA, {one.curriculum for one in told if one.curriculum}),
    )


async def _called(reader: Reader, statement: str, names: set[str]) -> dict[str, list[Subject]]:
    if not names:
        return {}
    keys = {name.casefold() for name in names} | {key_of(name) for name in names}
    titles = {name.lower() for name in names}
    rows = await reader.connection.fetch(
        statement, reader.organization_id, sorted(keys), sorted(titles)
    )
    subjects: dict[UUID, Subject] = {}
    for row in rows:
        versions: tuple[Taught, ...] = ()
        if "number" in row and row["number"] is not None:
            before = subjects.get(row["id"])
            version = Taught(row["number"], row["published_on"], row["competence"], row["level"])
            versions = (*(before.taught if before is not None else ()), version)
        version_id = row.get("version_id")
        subjects[row["id"]] = Subject(row["id"], row["key"], row["title"], versions, version_id)
    called: dict[str, list[Subject]] = {}
    for subject in subjects.values():
        called.setdefault(f"key {subject.key}", []).append(subject)
        called.setdefault(f"title {subject.title.casefold()}", []).append(subject)
    return called
