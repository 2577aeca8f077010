"""Certificates as of past days: each takes its place among those that there are, whatever the order in which they come."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import organization_of
from services.chassis.events import Event
from services.chassis.tables import Row
from services.onboarding import events
from services.onboarding.domain.certificate import Certificate
from services.onboarding.domain.certification_policy import CertificationPolicy
from services.onboarding.domain.completion_record import Learner
from services.onboarding.domain.past_completion import PastCompletion

_c = Certificate.__table__.c  # type: ignore[attr-defined]
_past = PastCompletion.__table__.c  # type: ignore[attr-defined]


async def issued_with(session: AsyncSession, whole: Certificate) -> Sequence[Certificate]:
    """The certificates of courses that came with a curriculum's and still stand, locked.

    Those of one assignment that were stored at the same moment: what the same file said of a course by itself is not one.
    """
    found = await session.scalars(
        select(Certificate)
        .where(
            _c.organization_id == organization_of(session),
            _c.person_id == whole.person_id,
            _c.assignment_id == whole.assignment_id,
            # The moment of their transaction.
            _c.created_at == whole.created_at,
            _c.course_id.is_not(None),
            _c.revoked_at.is_(None),
            ~select(_past.id)
            .where(_past.organization_id == _c.organization_id, _past.certificate_id == _c.id)
            .exists(),
        )
        .order_by(_c.id)
        .with_for_update(of=Certificate)
    )
    return found.all()


class Issuing:
    """Issues certificates in memory: what is new and what is told are added to the lists that were given."""

    def __init__(
        self,
        policies: Mapping[str | UUID, CertificationPolicy],
        now: datetime,
        new: list[Row],
        told: list[Event],
    ) -> None:
        self._policies, self._new, self._told = policies, new, told
        self._now, self._today = now, now.date()

    def certify(
        self,
        learner: Learner,
        certificate: Certificate,
        until: date | None,
        *,
        at_most: date | None = None,
    ) -> None:
        """Issue it, with the last day that the file names, and no longer than what it is a part of."""
        self.date(learner, certificate, until)
        if at_most is not None:
            certificate.end_by(at_most)
        self.issue(learner, certificate)

    def date(self, learner: Learner, certificate: Certificate, until: date | None) -> None:
        """Say how long it holds: up to the day that the file names, else as the policy says."""
        current, subject = self._current(learner, certificate)
        policy = self._policies.get(subject)
        if until is not None:
            certificate.hold_until(until, policy)
        else:
            certificate.run(policy, [one for one in current if certificate.follows(one)])

    def issue(self, learner: Learner, certificate: Certificate) -> None:
        """Give it its place among those of the same subject: one from a later day keeps standing."""
        current, _ = self._current(learner, certificate)
        after = [one for one in current if one.follows(certificate)]
        self._told.append(events.certificate_issued(certificate))
        for one in [one for one in current if certificate.follows(one)]:
            one.renewed_by = certificate.id
            current.remove(one)
            self._told.append(events.certificate_renewed(one))
        if after:
            certificate.renewed_by = min(after, key=lambda one: (one.issued_on, one.id)).id
        else:
            current.append(certificate)
            if certificate.competence is not None and certificate.holds_on(self._today):
                self._told.append(events.competence_granted(certificate))
        if certificate.expires_on is not None and certificate.expires_on < self._today:
            # What ran out before it came here is history: nobody is told of it, and no new cycle opens.
            certificate.window_told_at = self._now
            certificate.expiry_told_at = self._now
            certificate.renewal_opened_at = self._now
        self._new.append(certificate)

    def _current(
        self, learner: Learner, certificate: Certificate
    ) -> tuple[list[Certificate], str | UUID]:
        """What the person has of the same subject, and the subject."""
        subject = certificate.competence or certificate.curriculum_id
        assert subject is not None  # a certificate is always of something
        return learner.certificates.setdefault(subject, []), subject
