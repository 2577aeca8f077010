"""What is on record of the people whose completions are imported: read at once, and kept true while they are taken in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import organization_of, reader_of
from services.onboarding.domain.assignment import UNDER_WAY, Assignment, State
from services.onboarding.domain.certificate import Certificate
from services.onboarding.domain.certification_policy import CertificationPolicy
from services.onboarding.domain.certifying import certify_alone
from services.onboarding.domain.course_set import CourseSet
from services.onboarding.domain.curriculum import CurriculumVersion, course_sets
from services.onboarding.domain.past_completion import PastCompletion

_a = Assignment.__table__.c  # type: ignore[attr-defined]
_c = Certificate.__table__.c  # type: ignore[attr-defined]
_v = CurriculumVersion.__table__.c  # type: ignore[attr-defined]
_past = PastCompletion.__table__.c  # type: ignore[attr-defined]
_policy = CertificationPolicy.__table__.c  # type: ignore[attr-defined]

# The days on which somebody completed something here.
_DAYS = """
SELECT person_id, course_id AS subject_id, completed_at::date AS day FROM item_completion
WHERE organization_id = $1 AND person_id = ANY($2)
UNION
SELECT person_id, coalesce(course_id, curriculum_id), issued_on FROM certificate
WHERE organization_id = $1 AND person_id = ANY($2) AND revoked_at IS NULL
"""
_DONE = """
SELECT assignment_id, item_key, completed_at::date AS day FROM item_completion
WHERE organization_id = $1 AND assignment_id = ANY($2)
UNION ALL
SELECT assignment_id, item_key, NULL FROM waiver
WHERE organization_id = $1 AND assignment_id = ANY($2)
    AND (valid_until IS NULL OR valid_until >= $3)
"""
_CYCLES = """
SELECT person_id, curriculum_id, max(cycle) AS cycle, max(completed_at)::date AS day FROM assignment
WHERE organization_id = $1 AND person_id = ANY($2) AND state = 'completed'
GROUP BY person_id, curriculum_id
"""


@dataclass(slots=True)
class Learner:
    """What a person has: assignments under way, certificates that nothing took the place of, and completed cycles."""

    person_id: UUID
    open: list[Assignment] = field(default_factory=list)
    certificates: dict[str | UUID, list[Certificate]] = field(default_factory=dict)
    cycles: dict[UUID, int] = field(default_factory=dict)
    completed_on: dict[UUID, date] = field(default_factory=dict)

    def finish(self, assignment: Assignment, day: date) -> None:
        """An assignment is completed, and was so on a day."""
        curriculum_id = assignment.curriculum_id
        self.open = [one for one in self.open if one is not assignment]
        self.cycles[curriculum_id] = max(assignment.cycle, self.cycles.get(curriculum_id, 0))
        self.completed_on[curriculum_id] = max(day, self.completed_on.get(curriculum_id, day))


@dataclass(slots=True)
class Learning:
    """The people of a file, what was imported of them before, and the policies that decide how long things hold."""

    people: dict[UUID, Learner]
    imported: Mapping[tuple[UUID, UUID, date], PastCompletion]
    days: set[tuple[UUID, UUID, date]]
    sets: Mapping[UUID, list[CourseSet]]
    done: dict[UUID, set[str]]
    last_days: dict[UUID, date]
    policies: Mapping[str | UUID, CertificationPolicy]

    def learner(self, person_id: UUID) -> Learner:
        """What there is of a person."""
        return self.people[person_id]

    def note_day(self, assignment: Assignment, day: date) -> None:
        """Something in an assignment was completed on a day."""
        self.last_days[assignment.id] = self.last_day(assignment, day)

    def last_day(self, assignment: Assignment, day: date) -> date:
        """The last day on which something was completed in an assignment, this one among them."""
        return max(day, self.last_days.get(assignment.id, day))

    async def read_certificates(self, session: AsyncSession) -> None:
        """What the people have now, locked: neither renewed nor revoked."""
        await certify_alone(session, self.people)
        for learner in self.people.values():
            learner.certificates.clear()
        found = await session.scalars(
            select(Certificate)
            .where(
                _c.organization_id == organization_of(session),
                _c.person_id == any_(_ids(self.people)),
                _c.renewed_by.is_(None),
                _c.revoked_at.is_(None),
            )
            .order_by(_c.id)
            .with_for_update()
        )
        for certificate in found:
            subject = certificate.competence or certificate.curriculum_id
            assert subject is not None  # a constraint sees to it
            held = self.people[certificate.person_id].certificates
            held.setdefault(subject, []).append(certificate)


async def learning_of(
    session: AsyncSession, people: Collection[UUID], subjects: Collection[UUID], today: date
) -> Learning:
    """What is on record of people and of courses and curricula. What may change is locked, the assignments first."""
    run, organization_id = reader_of(session).connection, organization_of(session)
    learners = {id: Learner(id) for id in people}
    open_ones = list(
        await session.scalars(
            select(Assignment)
            .where(
                _a.organization_id == organization_id,
                _a.person_id == any_(_ids(people)),
                _a.state.in_([State.scheduled, *UNDER_WAY]),
            )
            .order_by(_a.id)
            .with_for_update()
        )
    )
    for assignment in open_ones:
        learners[assignment.person_id].open.append(assignment)
    for row in await run.fetch(_CYCLES, organization_id, list(people)):
        learner = learners[row["person_id"]]
        learner.cycles[row["curriculum_id"]] = row["cycle"]
        learner.completed_on[row["curriculum_id"]] = row["day"]
    done: dict[UUID, set[str]] = {assignment.id: set() for assignment in open_ones}
    last_days: dict[UUID, date] = {}
    for row in await run.fetch(_DONE, organization_id, list(done), today):
        id = row["assignment_id"]
        done[id].add(row["item_key"])
        if row["day"] is not None:
            last_days[id] = max(row["day"], last_days.get(id, row["day"]))
    imported = await session.scalars(
        select(PastCompletion)
        .where(
            _past.organization_id == organization_id,
            _past.person_id == any_(_ids(people)),
        )
        .with_for_update()
    )
    days = await run.fetch(_DAYS, organization_id, list(people))
    learning = Learning(
        learners,
        {(one.person_id, one.subject_id, one.completed_on): one for one in imported},
        {(row["person_id"], row["subject_id"], row["day"]) for row in days},
        await _sets_of(session, open_ones, subjects),
        done,
        last_days,
        await _policies(session),
    )
    await learning.read_certificates(session)
    return learning


async def _sets_of(
    session: AsyncSession, assignments: Collection[Assignment], curricula: Collection[UUID]
) -> dict[UUID, list[CourseSet]]:
    """The trees of the versions that are assigned, and of those that may be."""
    versions = await session.scalars(
        select(CurriculumVersion).where(
            _v.organization_id == organization_of(session),
            (_v.id == any_(_ids({one.curriculum_version_id for one in assignments})))
            | (_v.curriculum_id == any_(_ids(curricula))) & (_v.published_at.is_not(None)),
        )
    )
    return {version.id: course_sets(version.sets) for version in versions}


async def _policies(session: AsyncSession) -> dict[str | UUID, CertificationPolicy]:
    found = await session.scalars(
        select(CertificationPolicy).where(_policy.organization_id == organization_of(session))
    )
    policies: dict[str | UUID, CertificationPolicy] = {}
    for policy in found:
        subject = policy.competence or policy.curriculum_id
        assert subject is not None  # a constraint sees to it
        policies[subject] = policy
    return policies


def _ids(ids: Collection[UUID]) -> Any:
    return literal(list(ids), ARRAY(Uuid))
