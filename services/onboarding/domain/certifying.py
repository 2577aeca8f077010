"""What completing leads to: certificates are issued, renewed, revoked, and in time call for a new cycle."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, any_, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import load, organization_of, reader_of
from services.chassis.events import changes, record
from services.chassis.statement import Statement
from services.onboarding import events
from services.onboarding.domain.assignment import Assignment, ItemCompletion, State
from services.onboarding.domain.certificate import Certificate
from services.onboarding.domain.certification_policy import CertificationPolicy
from services.onboarding.domain.course import Course
from services.onboarding.domain.course_set import CourseSet, find_item
from services.onboarding.domain.curriculum import Curriculum
from services.onboarding.domain.progress import completed_in, sets_of, waivers_of
from services.onboarding.domain.waiver import Waiver, basis_of

_c = Certificate.__table__.c  # type: ignore[attr-defined]
_policy = CertificationPolicy.__table__.c  # type: ignore[attr-defined]


async def settle_completion(
    session: AsyncSession, assignment: Assignment, completion: ItemCompletion, now: datetime
) -> None:
    """Store a completion, tell of it, and certify what it gives; of the curriculum too where it was the last one.

    Whoever lets an item be completed, by whatever way, calls this once.
    """
    session.add(completion)
    record(session, events.item_completed(completion))
    moved = changes(assignment)
    # The completion and the assignment come first: certificates refer to them.
    await session.flush()
    if completion.competence is not None:
        await _certify_course(session, completion, now)
    if assignment.state is State.completed:
        record(session, events.assignment_moved("completed", assignment, *moved))
        await certify_whole(session, assignment, now)


async def settle_waivers(
    session: AsyncSession,
    assignment: Assignment,
    sets: Sequence[CourseSet],
    waivers: Sequence[Waiver],
    now: datetime,
) -> None:
    """Store waivers, tell of them, and certify what they say that somebody is able to do.

    Tested out and equivalent give the competence of the course as completing it does, for as long as the waiver holds; an
    administrative waiver gives none.
    """
    session.add_all(waivers)
    moved = changes(assignment)
    record(session, *(events.item_waived(waiver) for waiver in waivers))
    await session.flush()
    for waiver in waivers:
        found = find_item(sets, waiver.item_key)
        assert found is not None  # it was found when it was waived
        item = found[1]
        if item.competence is not None and waiver.reason.certifies:
            certificate = Certificate(
                organization_id=assignment.organization_id,
                person_id=assignment.person_id,
                assignment_id=assignment.id,
                course_id=item.course_id,
                course_version=item.course_version,
                competence=item.competence,
                level=item.level,
                title=item.title,
                issued_on=now.date(),
            )
            await _issue(session, [certificate], [waiver.valid_until])
    if assignment.state is State.completed:
        record(session, events.assignment_moved("completed", assignment, *moved))
        await certify_whole(session, assignment, now)


async def certify_whole(session: AsyncSession, assignment: Assignment, now: datetime) -> None:
    """Certify the curriculum, unless it is complete by administrative waivers alone."""
    basis = basis_of(
        await sets_of(session, assignment),
        await completed_in(session, assignment),
        await waivers_of(session, assignment),
        now.date(),
    )
    assignment.waived, assignment.waived_until = basis.waived, basis.until
    await session.flush()
    if basis.certifies:
        await certify_curriculum(
            session,
            assignment.curriculum_id,
            [(assignment.id, assignment.person_id, basis.until)],
            now,
        )


async def _certify_course(session: AsyncSession, completion: ItemCompletion, now: datetime) -> None:
    course = await load(session, Course, completion.course_id, lock=False)
    certificate = Certificate(
        organization_id=completion.organization_id,
        person_id=completion.person_id,
        assignment_id=completion.assignment_id,
        course_id=completion.course_id,
        course_version=completion.course_version,
        competence=completion.competence,
        level=completion.level,
        title=course.title,
        issued_on=now.date(),
    )
    await _issue(session, [certificate], [None])


async def certify_curriculum(
    session: AsyncSession,
    curriculum_id: UUID,
    completed: Sequence[tuple[UUID, UUID, date | None]],
    now: datetime,
) -> None:
    """Certify that a curriculum was completed: in which assignments, by whom, and to what last day of a waiver."""
    curriculum = await load(session, Curriculum, curriculum_id, lock=False)
    certificates = [
        Certificate(
            organization_id=curriculum.organization_id,
            person_id=person_id,
            assignment_id=assignment_id,
            curriculum_id=curriculum.id,
            title=curriculum.title,
            issued_on=now.date(),
        )
        for assignment_id, person_id, _ in completed
    ]
    await _issue(session, certificates, [until for *_, until in completed])


async def _issue(
    session: AsyncSession, certificates: Sequence[Certificate], until: Sequence[date | None]
) -> None:
    """Issue certificates of one subject, each to somebody else, and none for longer than `until`."""
    policy = await _policy_for(session, certificates[0])
    standing = await _standing_beside(session, certificates)
    for certificate, last in zip(certificates, until, strict=True):
        before = [one for one in standing[certificate.person_id] if certificate.renews(one)]
        certificate.run(policy, before)
        if last is not None:
            certificate.end_by(last)
        session.add(certificate)
        record(session, events.certificate_issued(certificate))
        for one in before:
            one.renewed_by = certificate.id
            record(session, events.certificate_renewed(one))
        if certificate.competence is not None:
            record(session, events.competence_granted(certificate))
    await session.flush()


# Two who certify a person at once would not see each other's certificates: there is no row yet that either could lock. A batch
# takes no more locks than this, and all in one order.
_ALONE = """
SELECT pg_advisory_xact_lock(hashtext('certificates ' || $1::uuid::text), place)
FROM (
    SELECT DISTINCT hashtext(id::text) & 255 AS place FROM unnest($2::uuid[]) AS id ORDER BY place
) AS places
"""


async def certify_alone(session: AsyncSession, people: Collection[UUID]) -> None:
    """Let nobody else issue or revoke certificates of these people until the transaction ends.

    After the locks of assignments, before those of certificates; whoever takes several calls once, with all of them.
    """
    await reader_of(session).connection.execute(_ALONE, organization_of(session), list(people))


def _subject(certificate: Certificate, table: Any) -> ColumnElement[bool]:
    """That a row of `table` is about the same as the certificate."""
    if certificate.competence is not None:
        same: ColumnElement[bool] = table.competence == certificate.competence
    else:
        same = table.curriculum_id == certificate.curriculum_id
    return same


async def _standing_beside(
    session: AsyncSession, certificates: Sequence[Certificate]
) -> Mapping[UUID, Sequence[Certificate]]:
    """What each of these people has of the same subject, locked: neither renewed nor revoked."""
    await certify_alone(session, [one.person_id for one in certificates])
    people = literal([one.person_id for one in certificates], ARRAY(Uuid))
    found = await session.scalars(
        select(Certificate)
        .where(
            _c.organization_id == organization_of(session),
            _c.person_id == any_(people),
            _subject(certificates[0], _c),
            _c.renewed_by.is_(None),
            _c.revoked_at.is_(None),
        )
        .order_by(_c.id)
        .with_for_update()
    )
    standing: dict[UUID, list[Certificate]] = defaultdict(list)
    for one in found:
        standing[one.person_id].append(one)
    return standing


async def _policy_for(
    session: AsyncSession, certificate: Certificate
) -> CertificationPolicy | None:
    found: CertificationPolicy | None = await session.scalar(
        select(CertificationPolicy).where(
            _policy.organization_id == organization_of(session), _subject(certificate, _policy)
        )
    )
    return found


async def revoke(
    session: AsyncSession, certificate: Certificate, caller: Caller, reason: str, now: datetime
) -> None:
    """Take a certificate back. What it had renewed stands again, unless a later one covers it; others forget it, and are
    told what is left.

    `certify_alone` comes before the certificate is read.
    """
    certificate.revoke(caller, reason, now)
    record(session, events.certificate_revoked(certificate))
    await session.flush()
    await _let_go(session, certificate)
    if certificate.competence is None:
        return
    record(session, events.competence_revoked(certificate))
    # Copies keep one entry for a person, competence and course: what still holds of it is told again.
    left = await session.scalars(
        select(Certificate)
        .where(
            _c.organization_id == organization_of(session),
            _c.person_id == certificate.person_id,
            _c.competence == certificate.competence,
            _c.course_id == certificate.course_id,
            _c.id != certificate.id,
            _c.revoked_at.is_(None),
        )
        .order_by(_c.expires_on.nulls_last(), _c.level, _c.id)
    )
    still = [one for one in left if one.holds_on(now.date())]
    if still:
        record(session, events.competence_granted(still[-1]))


async def _let_go(session: AsyncSession, revoked: Certificate) -> None:
    """What a revoked certificate had renewed is renewed by the next later one that covers it, or stands again."""
    found = await session.scalars(
        select(Certificate)
        .where(
            _c.organization_id == organization_of(session),
            _c.person_id == revoked.person_id,
            _subject(revoked, _c),
            _c.revoked_at.is_(None),
            _c.renewed_by.is_(None) | (_c.renewed_by == revoked.id),
        )
        .order_by(_c.id)
        .with_for_update()
    )
    left = list(found)
    for one in [one for one in left if one.renewed_by == revoked.id]:
        later = [other for other in left if other.follows(one)]
        one.renewed_by = (
            min(later, key=lambda other: (other.issued_on, other.id)).id if later else None
        )
        tell = events.certificate_renewed if later else events.certificate_restored
        record(session, tell(one))


# --- as time goes by ------------------------------------------------------------------------------

_TOLD = """
UPDATE certificate SET {column} = $2, updated_at = now(), version = version + 1
WHERE organization_id = $1 AND {column} IS NULL AND renewed_by IS NULL AND revoked_at IS NULL
    AND {condition}
RETURNING organization_id, id, person_id, competence, level, curriculum_id, title, expires_on
"""
_IN_WINDOW = _TOLD.format(
    column="window_told_at", condition="window_from <= $3 AND expires_on >= $3"
)
_EXPIRED = _TOLD.format(column="expiry_told_at", condition="expires_on < $3")


async def tell_of_certificates(session: AsyncSession, now: datetime) -> int:
    """Tell once of each certificate that came into its window, and once of each that ran out."""
    run = reader_of(session).connection
    told = 0
    for verb, statement in (("renewable", _IN_WINDOW), ("expired", _EXPIRED)):
        rows = await run.fetch(statement, organization_of(session), now, now.date())
        for row in rows:
            record(session, events.certificate_aged(verb, Certificate(**row)))
        told += len(rows)
    return told


# A certificate of a competence is renewed by the curriculum in which it was earned.
_RENEWALS = Statement(
    text("""
WITH due AS (
    SELECT c.id, c.person_id, c.expires_on, coalesce(c.curriculum_id, a.curriculum_id) AS curriculum_id
    FROM certificate AS c
    JOIN person AS p
        ON p.organization_id = c.organization_id AND p.id = c.person_id AND p.active
    LEFT JOIN assignment AS a
        ON a.organization_id = c.organization_id AND a.id = c.assignment_id
    WHERE c.organization_id = CAST(:organization_id AS uuid) AND c.window_from <= CAST(:today AS date)
        AND c.renewed_by IS NULL AND c.revoked_at IS NULL AND c.renewal_opened_at IS NULL
), taught AS (
    SELECT curriculum_id, (array_agg(id ORDER BY number DESC))[1] AS version_id
    FROM curriculum_version
    WHERE organization_id = CAST(:organization_id AS uuid) AND state = 'published'
        AND curriculum_id IN (SELECT curriculum_id FROM due)
    GROUP BY curriculum_id
), wanted AS (
    SELECT DISTINCT ON (d.person_id, d.curriculum_id)
        d.person_id, d.curriculum_id, d.expires_on, t.version_id
    FROM due AS d JOIN taught AS t USING (curriculum_id)
    ORDER BY d.person_id, d.curriculum_id, d.expires_on
), opened AS (
    INSERT INTO assignment (
        organization_id, id, person_id, curriculum_id, curriculum_version_id, state, due_on,
        due_kind, sources, cycle
    )
    SELECT CAST(:organization_id AS uuid), uuidv7(), w.person_id, w.curriculum_id, w.version_id,
        'assigned', w.expires_on, 'fixed',
        jsonb_build_array(jsonb_build_object(
            'kind', 'renewal', 'person_id', NULL, 'at', CAST(:now AS timestamptz),
            'due', jsonb_build_object('kind', 'fixed', 'days', NULL, 'on', w.expires_on))),
        1 + coalesce((
            SELECT max(a.cycle) FROM assignment AS a
            WHERE a.organization_id = CAST(:organization_id AS uuid)
                AND a.person_id = w.person_id AND a.curriculum_id = w.curriculum_id
                AND a.state = 'completed'
        ), 0)
    FROM wanted AS w
    ORDER BY w.person_id
    ON CONFLICT (organization_id, person_id, curriculum_id)
        WHERE state IN ('scheduled', 'assigned', 'in_progress', 'suspended') DO NOTHING
    RETURNING organization_id, id, person_id, curriculum_id, due_on, cycle
), marked AS (
    UPDATE certificate AS c SET renewal_opened_at = CAST(:now AS timestamptz)
    FROM due AS d JOIN taught AS t USING (curriculum_id)
    WHERE c.organization_id = CAST(:organization_id AS uuid) AND c.id = d.id
), told AS (
    INSERT INTO event (organization_id, event_id, type, subject, data)
    SELECT CAST(:organization_id AS uuid), id, 'assignment.created', 'assignments/' || id,
        jsonb_build_object(
            'assignment_id', id, 'person_id', person_id, 'curriculum_id', curriculum_id,
            'due_on', due_on)
    FROM opened
)
SELECT count(*) FROM opened""")
)


async def open_renewals(session: AsyncSession, now: datetime) -> int:
    """Assign the next cycle to everybody whose certificate came into its window, due on its last day; each once."""
    await session.flush()
    values = {"organization_id": organization_of(session), "today": now.date(), "now": now}
    opened: int = await reader_of(session).connection.fetchval(
        _RENEWALS.sql, *_RENEWALS.arguments(values)
    )
    return opened
