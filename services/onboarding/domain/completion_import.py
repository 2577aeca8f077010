"""Taking in what people completed before Stafett: as of its day it gives what the course gives, and counts where it is open.

A completion is found again by person, course or curriculum, and day, so the same file twice changes nothing; what a later file
says otherwise of it takes the place of the certificate that it led to. Certificates run as the policies say, or up to the day
that the file names. In an assignment under way the course counts as completed, whatever the order of its set, unless the
completion holds no more or belongs to a cycle before.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import load, organization_of, reader_of
from services.chassis.events import Event, changes, record
from services.chassis.tables import Row
from services.onboarding import events
from services.onboarding.domain.assignment import UNDER_WAY, Assignment, ItemCompletion, State
from services.onboarding.domain.certificate import Certificate
from services.onboarding.domain.certifying import certify_whole, revoke
from services.onboarding.domain.completion_file import CompletionRow
from services.onboarding.domain.completion_judging import Wanted, is_to_do, judged
from services.onboarding.domain.completion_record import Learner, Learning, learning_of
from services.onboarding.domain.completion_subjects import subjects_of
from services.onboarding.domain.course_set import CourseSet, Item, Rule, is_complete
from services.onboarding.domain.past_certificates import Issuing, issued_with
from services.onboarding.domain.past_completion import PastCompletion
from services.onboarding.domain.row_outcome import RowOutcome

ANEW = "It was imported anew, with other details."


async def import_completions(
    session: AsyncSession,
    caller: Caller,
    rows: Sequence[CompletionRow],
    now: datetime,
    *,
    dry_run: bool,
) -> list[RowOutcome]:
    """Take the completions in, or only tell what would become of them: a result for each row. For trainers."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"completion import {organization_of(session)}"},
    )
    subjects = await subjects_of(reader_of(session), rows)
    outcomes, wanted = judged(rows, subjects, caller)
    learning = await learning_of(
        session,
        {one.person_id for one in wanted},
        {one.subject.id for one in wanted},
        now.date(),
    )
    to_do = [one for one in wanted if is_to_do(one, learning)]
    taken_back = {} if dry_run else await _take_back(session, caller, learning, to_do, now)
    importing = _Importing(caller, learning, taken_back, now)
    for one in sorted(to_do, key=lambda one: one.told.completed_on):
        importing.take(one)
    if dry_run:
        # What was decided was decided on the rows themselves, which are not to be stored.
        session.expunge_all()
        for one in to_do:
            one.outcome.id = None if one.before is None else one.outcome.id
    else:
        await importing.store(session)
    return outcomes


async def _take_back(
    session: AsyncSession,
    caller: Caller,
    learning: Learning,
    to_do: Sequence[Wanted],
    now: datetime,
) -> dict[UUID, list[Certificate]]:
    """Revoke the certificates that are issued anew with other details: of each completion its own, then its courses'."""
    taken_back: dict[UUID, list[Certificate]] = {}
    for one in to_do:
        before = one.before
        if before is None or before.certificate_id is None or not _certifies_anew(one, before):
            continue
        certificate = await load(session, Certificate, before.certificate_id)
        taken_back[before.id] = [
            certificate,
            *(await issued_with(session, certificate) if before.curriculum_id is not None else ()),
        ]
        for each in taken_back[before.id]:
            if each.revoked_at is None:
                await revoke(session, each, caller, ANEW, now)
    await session.flush()
    await learning.read_certificates(session)
    return taken_back


def _certifies_anew(one: Wanted, before: PastCompletion) -> bool:
    return (before.expires_on, before.level) != (one.told.expires_on, one.told.level)


class _Importing:
    """Takes completions in the order of their days; all is stored at the end, set by set."""

    def __init__(
        self,
        caller: Caller,
        learning: Learning,
        taken_back: Mapping[UUID, Sequence[Certificate]],
        now: datetime,
    ) -> None:
        self._caller, self._learning, self._now = caller, learning, now
        self._taken_back = taken_back
        self._today = now.date()
        self._new: list[Row] = []
        self._told: list[Event] = []
        self._issuing = Issuing(learning.policies, now, self._new, self._told)
        self._completed: list[Assignment] = []

    def take(self, one: Wanted) -> None:
        """Take in a completion, or what it says otherwise."""
        told = one.told
        if one.before is not None:
            self._revise(one, one.before)
            return
        learner = self._learning.learner(one.person_id)
        past = PastCompletion(
            organization_id=self._caller.organization_id,
            person_id=one.person_id,
            course_id=one.subject.id if told.course is not None else None,
            curriculum_id=one.subject.id if told.course is None else None,
            completed_on=told.completed_on,
            expires_on=told.expires_on,
            level=told.level,
            basis=told.basis,
            evidence=told.evidence,
            imported_by=self._caller.person_id,
            imported_at=self._now,
        )
        one.outcome.id = past.id
        if told.course is not None:
            self._take_course(one, learner, past)
        else:
            self._take_curriculum(one, learner, past)
        self._new.append(past)
        self._told.append(events.completion_imported(past))

    def _revise(self, one: Wanted, past: PastCompletion) -> None:
        anew = _certifies_anew(one, past)
        past.expires_on, past.level = one.told.expires_on, one.told.level
        past.basis, past.evidence = one.told.basis, one.told.evidence
        self._told.append(events.completion_corrected(past, *changes(past)))
        if anew:
            learner = self._learning.learner(past.person_id)
            own, *parts = self._taken_back.get(past.id, [None])
            certificate = self._certificate(one, None)
            if certificate is not None:
                certificate.assignment_id = None if own is None else own.assignment_id
                self._issuing.certify(learner, certificate, one.told.expires_on)
                past.certificate_id = certificate.id
            for part in parts:
                assert part is not None  # only its own may be missing
                self._issuing.certify(learner, part.anew(), None, at_most=one.told.expires_on)

    def _certificate(self, one: Wanted, assignment: Assignment | None) -> Certificate | None:
        """What a row leads to, not yet issued; None for a course that gives no competence."""
        of_course = one.told.course is not None
        taught = one.subject.taught_on(one.told.completed_on)
        if of_course and (taught is None or taught.competence is None):
            return None
        return Certificate(
            organization_id=self._caller.organization_id,
            person_id=one.person_id,
            assignment_id=None if assignment is None else assignment.id,
            curriculum_id=None if of_course else one.subject.id,
            course_id=one.subject.id if of_course else None,
            course_version=taught.number if of_course and taught else None,
            competence=taught.competence if of_course and taught else None,
            level=(one.told.level or taught.level) if of_course and taught else None,
            title=one.subject.title,
            issued_on=one.told.completed_on,
        )

    # --- a course

    def _take_course(self, one: Wanted, learner: Learner, past: PastCompletion) -> None:
        day = one.told.completed_on
        certificate = self._certificate(one, None)
        until = one.told.expires_on
        if certificate is not None:
            self._issuing.date(learner, certificate, until)
            until = certificate.expires_on
        marked = self._mark(learner, one.subject.id, day, until, one.told.level)
        past.assignment_id = marked[0].id if marked else None
        if certificate is not None:
            certificate.assignment_id = past.assignment_id
            past.certificate_id = certificate.id
            self._issuing.issue(learner, certificate)
        self._learning.days.add((learner.person_id, one.subject.id, day))

    def _mark(
        self, learner: Learner, course_id: UUID, day: date, until: date | None, level: int | None
    ) -> list[Assignment]:
        """Let a course count in the assignments under way that hold it, and where it still does."""
        if until is not None and until < self._today:
            return []
        marked = []
        for assignment in learner.open:
            sets = self._learning.sets[assignment.curriculum_version_id]
            item = next((i for s in sets for i in s.items if i.course_id == course_id), None)
            done = self._learning.done[assignment.id]
            if item is None or item.key in done or not self._counts_in(learner, assignment, day):
                continue
            self._complete_item(assignment, item, day, level)
            marked.append(assignment)
            complete = is_complete(sets, done)
            at = self._learning.last_day(assignment, day) if complete else day
            self._count(assignment, 1, complete=complete, at=self._moment(at))
            if complete:
                self._completed.append(assignment)
                learner.finish(assignment, at)
        return marked

    def _counts_in(self, learner: Learner, assignment: Assignment, day: date) -> bool:
        """Whether it is under way, and the day lies after the cycle before."""
        before = learner.completed_on.get(assignment.curriculum_id)
        under_way = assignment.state_on(self._today) in UNDER_WAY
        return under_way and (before is None or day > before)

    def _complete_item(
        self, assignment: Assignment, item: Item, day: date, level: int | None
    ) -> None:
        completion = ItemCompletion(
            organization_id=assignment.organization_id,
            assignment_id=assignment.id,
            item_key=item.key,
            person_id=assignment.person_id,
            completed_by=self._caller.person_id,
            completed_at=self._moment(day),
            course_id=item.course_id,
            course_version=item.course_version,
            competence=item.competence,
            level=(level or item.level) if item.competence is not None else None,
        )
        self._learning.done[assignment.id].add(item.key)
        self._learning.note_day(assignment, day)
        self._new.append(completion)
        self._told.append(events.item_completed(completion))

    def _count(self, assignment: Assignment, items: int, *, complete: bool, at: datetime) -> None:
        assignment.count_as_done(items, complete=complete, now=self._now, at=at)
        if complete:
            self._told.append(
                events.assignment_moved("completed", assignment, *changes(assignment))
            )

    # --- a curriculum

    def _take_curriculum(self, one: Wanted, learner: Learner, past: PastCompletion) -> None:
        day = one.told.completed_on
        assignment = self._open_for(one, learner) or self._begun(one, learner)
        certificate = self._certificate(one, assignment)
        assert certificate is not None  # a curriculum always is worth one
        self._issuing.certify(learner, certificate, one.told.expires_on)
        past.assignment_id, past.certificate_id = assignment.id, certificate.id
        items = self._items_of(assignment)
        for item in items:
            self._complete_item(assignment, item, day, None)
            self._grant_item(learner, assignment, item, day, one.told.expires_on)
        if assignment.completed_at is None:
            self._count(assignment, len(items) or 1, complete=True, at=self._moment(day))
        else:
            assignment.items_done = len(items)
            assignment.started_at = self._moment(day) if items else None
            moved = {"state": State.completed, "completed_at": assignment.completed_at}
            self._told.append(events.assignment_moved("completed", assignment, {}, moved))
        learner.finish(assignment, day)
        self._learning.days.add((learner.person_id, one.subject.id, day))

    def _open_for(self, one: Wanted, learner: Learner) -> Assignment | None:
        """The assignment under way that this completes."""
        until = one.told.expires_on
        if until is not None and until < self._today:
            return None
        return next(
            (
                assignment
                for assignment in learner.open
                if assignment.curriculum_id == one.subject.id
                and self._counts_in(learner, assignment, one.told.completed_on)
            ),
            None,
        )

    def _begun(self, one: Wanted, learner: Learner) -> Assignment:
        """An assignment that is completed from the beginning: a cycle of its own."""
        version_id = one.subject.curriculum_version_id
        assert version_id is not None
        assignment = Assignment(
            organization_id=self._caller.organization_id,
            person_id=learner.person_id,
            curriculum_id=one.subject.id,
            curriculum_version_id=version_id,
            cycle=learner.cycles.get(one.subject.id, 0) + 1,
            state=State.completed,
            completed_at=self._moment(one.told.completed_on),
            sources=[
                {
                    "kind": "import",
                    "person_id": str(self._caller.person_id),
                    "at": self._now.isoformat(),
                    "due": None,
                }
            ],
        )
        self._learning.done[assignment.id] = set()
        self._new.append(assignment)
        return assignment

    def _items_of(self, assignment: Assignment) -> list[Item]:
        """What was completed for certain and is not on record: in a set with a choice nobody can tell."""
        done = self._learning.done[assignment.id]
        sets: Sequence[CourseSet] = self._learning.sets[assignment.curriculum_version_id]
        return [
            item
            for one in sets
            if one.rule in (Rule.all, Rule.all_in_order)
            for item in one.items
            if item.key not in done
        ]

    def _grant_item(
        self, learner: Learner, assignment: Assignment, item: Item, day: date, until: date | None
    ) -> None:
        """What a course of the curriculum gives, unless it is on record from that day by itself."""
        key = (learner.person_id, item.course_id, day)
        if key in self._learning.days:
            return
        self._learning.days.add(key)
        if item.competence is None:
            return
        certificate = Certificate(
            organization_id=assignment.organization_id,
            person_id=learner.person_id,
            assignment_id=assignment.id,
            course_id=item.course_id,
            course_version=item.course_version,
            competence=item.competence,
            level=item.level,
            title=item.title,
            issued_on=day,
        )
        self._issuing.certify(learner, certificate, None, at_most=until)

    def _moment(self, day: date) -> datetime:
        """Noon (UTC), the same day from Reykjavík to Helsinki; now, where that is to come."""
        return min(datetime.combine(day, time(12), UTC), self._now)

    # --- storing

    async def store(self, session: AsyncSession) -> None:
        """Store it all, kind by kind, and certify the curricula that were completed by it."""
        for kind in (Assignment, ItemCompletion, Certificate, PastCompletion):
            rows = [_columns(row) for row in self._new if type(row) is kind]
            if rows:
                await session.execute(insert(kind.__table__), rows)  # type: ignore[union-attr]
        # Last, since what changed refers to what is new.
        await session.flush()
        for assignment in self._completed:
            at = assignment.completed_at
            assert at is not None
            await certify_whole(session, assignment, at)
        record(session, *self._told)


def _columns(row: Row) -> Mapping[str, Any]:
    """The values of a new row, but for the moments, which PostgreSQL fills in."""
    names = {column.name for column in type(row).__table__.c} - {"created_at", "updated_at"}  # type: ignore[attr-defined]
    return {name: value for name, value in row.__dict__.items() if name in names}
