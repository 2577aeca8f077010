"""A certificate: that a person can do something at a level, or has completed a curriculum, and until when.

valid → in_window → expired · renewed; revoked. What hangs on the day is worked out whenever it is read, so it is right without
anything having run at midnight (UTC). `expires_on` is the last day on which it holds.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, SmallInteger, text
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import IllegalMove
from services.chassis.tables import refers_to
from services.onboarding.domain.base import SCHEMA, Row
from services.onboarding.domain.certification_policy import Basis, CertificationPolicy


class CertificateState(StrEnum):
    """Where a certificate stands on a day."""

    valid = "valid"
    in_window = "in_window"
    expired = "expired"
    renewed = "renewed"
    revoked = "revoked"


class Certificate(Row, table=True):
    """Of a competence at a level, which a course granted, or of a curriculum. It is renewed by another, or revoked."""

    __tablename__: ClassVar[str] = "certificate"
    __table_args__ = (
        refers_to(SCHEMA, "assignment", "assignment_id"),
        refers_to(SCHEMA, "curriculum", "curriculum_id"),
        refers_to(SCHEMA, "course", "course_id"),
        Index("ix_certificate_person", "organization_id", "person_id", "id"),
        Index("ix_certificate_competence", "organization_id", "competence", "person_id"),
        Index("ix_certificate_curriculum", "organization_id", "curriculum_id", "person_id"),
        Index(
            "ix_certificate_window",
            "organization_id",
            "window_from",
            postgresql_where=text("renewed_by IS NULL AND revoked_at IS NULL"),
        ),
        Index(
            "uq_certificate_of_curriculum_standing",
            "organization_id",
            "assignment_id",
            unique=True,
            postgresql_where=text("curriculum_id IS NOT NULL AND revoked_at IS NULL"),
        ),
        Index(
            "uq_certificate_of_course_standing",
            "organization_id",
            "assignment_id",
            "course_id",
            unique=True,
            postgresql_where=text("course_id IS NOT NULL AND revoked_at IS NULL"),
        ),
        CheckConstraint("num_nonnulls(competence, curriculum_id) = 1", name="one_subject"),
        CheckConstraint("(competence IS NULL) = (level IS NULL)", name="competence_with_level"),
        CheckConstraint("(competence IS NULL) = (course_id IS NULL)", name="competence_by_course"),
        CheckConstraint("(course_id IS NULL) = (course_version IS NULL)", name="course_at_version"),
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
        CheckConstraint("expires_on >= issued_on", name="expires_after_issue"),
        CheckConstraint("(expires_on IS NULL) = (window_from IS NULL)", name="window_with_end"),
        CheckConstraint("window_from <= expires_on", name="window_before_end"),
        CheckConstraint(
            "num_nonnulls(revoked_at, revoked_by, revocation_reason) IN (0, 3)",
            name="revoked_by_somebody",
        ),
    )

    person_id: UUID
    assignment_id: UUID | None = None
    curriculum_id: UUID | None = None
    course_id: UUID | None = None
    course_version: int | None = None
    competence: str | None = None
    level: int | None = Field(default=None, sa_type=SmallInteger)
    title: str
    issued_on: date
    expires_on: date | None = None
    window_from: date | None = None
    renewed_by: UUID | None = None
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_by: UUID | None = None
    revocation_reason: str | None = None
    # What was told of it as time went by, so that it is told once.
    window_told_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    expiry_told_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    renewal_opened_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    # --- questions

    def state_on(self, today: date) -> CertificateState:
        """The state on a day."""
        if self.revoked_at is not None:
            return CertificateState.revoked
        if self.renewed_by is not None:
            return CertificateState.renewed
        if self.expires_on is not None and self.expires_on < today:
            return CertificateState.expired
        if self.window_from is not None and self.window_from <= today:
            return CertificateState.in_window
        return CertificateState.valid

    def holds_on(self, day: date) -> bool:
        """Whether it proves something on a day. One that was renewed early holds as long as it was issued for."""
        return (
            self.revoked_at is None
            and self.issued_on <= day
            and (self.expires_on is None or day <= self.expires_on)
        )

    def renews(self, other: "Certificate") -> bool:
        """Whether it takes the other one's place: of the same person and subject, at the same level or above."""
        return (
            self.person_id == other.person_id
            and (self.competence, self.curriculum_id) == (other.competence, other.curriculum_id)
            and (self.level or 0) >= (other.level or 0)
        )

    def follows(self, other: "Certificate") -> bool:
        """Whether it takes the other one's place by its day: on the same day, whichever is issued second."""
        if self.issued_on == other.issued_on:
            return self.renews(other) and self.id > other.id
        return self.renews(other) and self.issued_on > other.issued_on

    def anew(self) -> "Certificate":
        """Another one of the same, not yet issued: how long it holds is still to be said."""
        return Certificate(
            organization_id=self.organization_id,
            person_id=self.person_id,
            assignment_id=self.assignment_id,
            curriculum_id=self.curriculum_id,
            course_id=self.course_id,
            course_version=self.course_version,
            competence=self.competence,
            level=self.level,
            title=self.title,
            issued_on=self.issued_on,
        )

    # --- verbs

    def run(self, policy: CertificationPolicy | None, before: Iterable["Certificate"]) -> None:
        """Set how long it holds. By the basis `expiry` a renewal in the window loses nothing of the period before."""
        if policy is None:
            return
        first = self.issued_on
        if policy.basis is Basis.expiry:
            ends = [
                one.expires_on
                for one in before
                if one.state_on(self.issued_on) is CertificateState.in_window
                and one.expires_on is not None
            ]
            first = max([first, *ends])
        self.expires_on = policy.last_day(first)
        if self.expires_on is not None:
            window = timedelta(days=policy.renewal_window_days)
            self.window_from = max(self.issued_on, self.expires_on - window)

    def end_by(self, last: date) -> None:
        """Let it hold no longer than what it rests on."""
        if self.expires_on is None or self.expires_on > last:
            self.expires_on = last
            self.window_from = min(self.window_from or last, last)

    def hold_until(self, last: date, policy: CertificationPolicy | None) -> None:
        """Let it hold until a day that somebody else has set, with the window of the policy."""
        window = timedelta(days=policy.renewal_window_days if policy is not None else 0)
        self.expires_on, self.window_from = last, max(self.issued_on, last - window)

    def revoke(self, caller: Caller, reason: str, now: datetime) -> None:
        """It never counted: for a trainer, with a reason."""
        caller.require(Role.trainer)
        if self.revoked_at is not None:
            raise IllegalMove("The certificate is revoked already.")
        self.revoked_at, self.revoked_by, self.revocation_reason = now, caller.person_id, reason
