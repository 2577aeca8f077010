"""Taking in a file of courses: each is found again by its key, or by its title where the file has no keys.

The same file twice changes nothing. What is new is published, where the file asks for it; of a course that was published
already only a draft is made, so that no file takes the place of what trainers have made of it since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, any_, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import organization_of
from services.chassis.errors import FieldError
from services.chassis.events import Event, changes, record
from services.chassis.file_problem import file_problem
from services.onboarding import events
from services.onboarding.domain.base import directory
from services.onboarding.domain.course import Course, CourseVersion
from services.onboarding.domain.course_file import CourseFile, CourseRow, ListedCourse
from services.onboarding.domain.publication import VersionState
from services.onboarding.domain.row_outcome import RowOutcome, RowResult
from services.onboarding.domain.tool import Tool

_c = Course.__table__.c  # type: ignore[attr-defined]
_v = CourseVersion.__table__.c  # type: ignore[attr-defined]
_t = Tool.__table__.c  # type: ignore[attr-defined]
_p = directory.person.c


@dataclass(frozen=True, slots=True)
class _There:
    """What there is already of what the file names."""

    tools: Mapping[str, UUID]
    owners: Mapping[str, UUID]
    by_key: Mapping[str, Course]
    by_title: Mapping[str, Sequence[Course]]
    newest: Mapping[UUID, CourseVersion]
    published: frozenset[UUID]


@dataclass(slots=True)
class _Done:
    """What became of a course of the file."""

    result: RowResult
    id: UUID | None = None
    error: FieldError | None = None
    remark: FieldError | None = None


async def import_courses(
    session: AsyncSession, caller: Caller, file: CourseFile, now: datetime, *, dry_run: bool
) -> list[RowOutcome]:
    """Take the courses in, or only tell what would become of them: a result for each row. For trainers."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"course import {organization_of(session)}"},
    )
    listed = [course for course in file.courses.values() if not course.is_broken]
    there = await _there(session, listed)
    importing = _Importing(session, caller, there, now)
    done = {course.key: importing.take(course) for course in listed}
    if dry_run:
        # What was decided was decided on the rows themselves, which are not to be stored.
        session.expunge_all()
    else:
        await importing.store()
    return [_outcome(row, done, dry_run=dry_run) for row in file.rows]


def _outcome(row: CourseRow, done: Mapping[str, _Done], *, dry_run: bool) -> RowOutcome:
    if row.problems or row.course is None:
        return RowOutcome(row.line, RowResult.failed, errors=row.problems)
    became = done[row.course.key]
    outcome = RowOutcome(row.line, became.result, became.id, key=row.course.key)
    if became.error is not None:
        outcome.errors.append(became.error)
        return outcome
    if dry_run and became.result is RowResult.created:
        outcome.id = None
    if row.duplicate_of is not None:
        outcome.result = RowResult.skipped
        outcome.remarks.append(
            file_problem(
                row.line,
                None,
                "The same course stands in line {line}; units are told apart by a column unit",
                line=row.duplicate_of,
            )
        )
    if became.remark is not None:
        outcome.remarks.append(became.remark)
    return outcome


class _Importing:
    """Decides course by course, on rows that are stored at the end."""

    def __init__(self, session: AsyncSession, caller: Caller, there: _There, now: datetime) -> None:
        self._session, self._caller, self._there, self._now = session, caller, there, now
        self._new: list[Course | CourseVersion] = []
        self._told: list[Event] = []
        self._seen: dict[UUID, ListedCourse] = {}

    def take(self, listed: ListedCourse) -> _Done:
        """Decide what becomes of a course."""
        head: dict[str, Any] = {"title": listed.title, "language": listed.language}
        for name, known in (("tool", self._there.tools), ("owner", self._there.owners)):
            said = getattr(listed, name)
            if said is None:
                continue
            if said not in known:
                return _Done(RowResult.failed, error=_unknown(listed, name))
            head[f"{name}_id"] = known[said]
        found = self._find(listed)
        if len(found) > 1:
            error = listed.cells["title"].problem(
                "{count} courses are called {text}: name the key",
                count=len(found),
                text=listed.title,
            )
            return _Done(RowResult.failed, error=error)
        if not found:
            return self._begin(listed, head)
        [course] = found
        other = self._seen.setdefault(course.id, listed)
        if other is not listed:
            error = listed.cells["title"].problem(
                "It is the course of line {line}, by its title", line=other.lines[0]
            )
            return _Done(RowResult.failed, error=error)
        return self._revise(course, listed, head)

    async def store(self) -> None:
        """Store what is new and tell of all."""
        for kind in (Course, CourseVersion):
            self._session.add_all([row for row in self._new if type(row) is kind])
            await self._session.flush()
        record(self._session, *self._told)

    def _find(self, listed: ListedCourse) -> Sequence[Course]:
        known = self._there.by_key.get(listed.key)
        if known is not None:
            return [known]
        return [] if listed.is_named else self._there.by_title.get(listed.title.casefold(), [])

    def _begin(self, listed: ListedCourse, head: Mapping[str, Any]) -> _Done:
        course = Course(
            organization_id=self._caller.organization_id,
            **{"key": listed.key, "owner_id": self._caller.person_id, **head},
        )
        self._new.append(course)
        self._told.append(events.course_created(course))
        self._draft(course, listed, 1)
        return _Done(RowResult.created, course.id)

    def _draft(self, course: Course, listed: ListedCourse, number: int) -> None:
        version = CourseVersion(
            organization_id=course.organization_id, course_id=course.id, number=number
        )
        version.revise({"units": listed.units, "grants": listed.grants})
        self._new.append(version)
        self._told.append(events.course_drafted(version))
        if number == 1:
            self._publish(course, version, listed)

    def _publish(self, course: Course, version: CourseVersion, listed: ListedCourse) -> None:
        if listed.state is VersionState.published:
            version.publish(self._now)
            self._told.append(events.course_published(course, version))

    def _revise(self, course: Course, listed: ListedCourse, head: Mapping[str, Any]) -> _Done:
        """Take what the file says otherwise; what it does not say stays."""
        for name, value in head.items():
            if value is not None and getattr(course, name) != value:
                setattr(course, name, value)
        before, after = changes(course)
        if after:
            self._told.append(events.course_changed(course, before, after))
        done = _Done(RowResult.updated if after else RowResult.unchanged, course.id)
        version = self._there.newest.get(course.id)
        content = {
            "units": listed.units,
            "grants": listed.grants or (version.grants if version else None),
        }
        same = version is not None and (version.units, version.grants) == (
            content["units"],
            content["grants"],
        )
        if version is None:
            done.result = RowResult.updated
            self._draft(course, listed, 1)
        elif version.state is VersionState.draft:
            self._revise_draft(course, version, listed, None if same else content, done)
        elif not same:
            self._draft(course, listed, version.number + 1)
            done.result = RowResult.updated
            done.remark = FieldError(
                "",
                "It says otherwise than what is published: version {number} is a draft now.",
                {"number": version.number + 1},
            )
        return done

    def _revise_draft(
        self,
        course: Course,
        version: CourseVersion,
        listed: ListedCourse,
        content: dict[str, Any] | None,
        done: _Done,
    ) -> None:
        if content is not None:
            version.revise(content)
            self._told.append(events.course_revised(version, *changes(version)))
            done.result = RowResult.updated
        if course.id in self._there.published:
            done.remark = FieldError(
                "",
                "Version {number} is a draft: publish it where it shall be taught.",
                {"number": version.number},
            )
        elif listed.state is VersionState.published:
            self._publish(course, version, listed)
            done.result = RowResult.updated


def _unknown(listed: ListedCourse, name: str) -> FieldError:
    cell = listed.cells[name]
    if name == "tool":
        return cell.problem("No tool has the key {text}", text=cell.text)
    return cell.problem("No active person has the address {text}", text=cell.text)


async def _there(session: AsyncSession, listed: Sequence[ListedCourse]) -> _There:
    organization_id = organization_of(session)

    async def ids(key: Any, id: Any, wanted: set[str | None], *further: Any) -> dict[str, UUID]:
        named = sorted(name for name in wanted if name is not None)
        if not named:
            return {}
        rows = await session.execute(
            select(key, id).where(
                id.table.c.organization_id == organization_id, key == any_(_texts(named)), *further
            )
        )
        return {row[0]: row[1] for row in rows}

    found = list(
        await session.scalars(
            select(Course)
            .where(
                _c.organization_id == organization_id,
                or_(
                    _c.key == any_(_texts([course.key for course in listed])),
                    func.lower(_c.title)
                    == any_(_texts([c.title.lower() for c in listed if not c.is_named])),
                ),
            )
            .order_by(_c.id)
            .with_for_update()
        )
    )
    by_title: dict[str, list[Course]] = {}
    for course in found:
        by_title.setdefault(course.title.casefold(), []).append(course)
    held = [course.id for course in found]
    newest = await session.scalars(
        select(CourseVersion)
        .ext(distinct_on(_v.course_id))
        .where(_v.organization_id == organization_id, _v.course_id.in_(held))
        .order_by(_v.course_id, _v.number.desc())
    )
    published = await session.scalars(
        select(_v.course_id).where(
            _v.organization_id == organization_id,
            _v.course_id.in_(held),
            _v.state != VersionState.draft,
        )
    )
    return _There(
        tools=await ids(_t.key, _t.id, {course.tool for course in listed}),
        owners=await ids(_p.email, _p.id, {course.owner for course in listed}, _p.active),
        by_key={course.key: course for course in found},
        by_title=by_title,
        newest={version.course_id: version for version in newest},
        published=frozenset(published),
    )


def _texts(values: Sequence[str]) -> Any:
    return literal(list(values), ARRAY(Text))
