"""How long a certificate holds, and where it stands on which day."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from services.chassis.caller import Caller, Role
from services.chassis.errors import Forbidden, IllegalMove, Invalid
from services.chassis.tables import new_id
from services.onboarding.domain.certificate import Certificate, CertificateState
from services.onboarding.domain.certification_policy import Basis, CertificationPolicy

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
FIRM, LEARNER = new_id(), new_id()
TRAINER = Caller(FIRM, new_id(), "Tora", frozenset({Role.trainer}))


def a_policy(**fields) -> CertificationPolicy:
    return CertificationPolicy(organization_id=FIRM, competence="selling", **fields)


def a_certificate(issued_on: date = TODAY, **fields) -> Certificate:
    given = {"person_id": LEARNER, "competence": "selling", "level": 2, "title": "Selling"}
    return Certificate(organization_id=FIRM, issued_on=issued_on, **{**given, **fields})


def test_without_a_policy_it_holds_for_good():
    certificate = a_certificate()
    certificate.run(None, [])
    assert certificate.expires_on is None
    assert certificate.state_on(date(2099, 1, 1)) is CertificateState.valid
    assert certificate.holds_on(date(2099, 1, 1))
    assert not certificate.holds_on(TODAY - timedelta(days=1))


def test_it_is_valid_then_in_its_window_then_expired_by_the_day_alone():
    certificate = a_certificate(date(2026, 1, 31))
    certificate.run(a_policy(valid_months=13, renewal_window_days=30), [])
    assert (certificate.window_from, certificate.expires_on) == (
        date(2027, 1, 29),
        date(2027, 2, 28),
    )
    states = [
        certificate.state_on(day)
        for day in (date(2027, 1, 28), date(2027, 1, 29), date(2027, 2, 28), date(2027, 3, 1))
    ]
    assert states == ["valid", "in_window", "in_window", "expired"]
    assert certificate.holds_on(date(2027, 2, 28))
    assert not certificate.holds_on(date(2027, 3, 1))


@pytest.mark.parametrize(
    ("basis", "ends"), [(Basis.completion, date(2027, 11, 22)), (Basis.expiry, date(2027, 12, 2))]
)
def test_the_basis_says_from_when_a_renewal_in_the_window_counts(basis, ends):
    before = a_certificate(
        date(2025, 12, 2), expires_on=date(2026, 12, 2), window_from=date(2026, 11, 2)
    )
    renewed = a_certificate()
    renewed.run(a_policy(valid_months=12, renewal_window_days=30, basis=basis), [before])
    assert renewed.expires_on == ends


def test_a_renewal_before_the_window_or_after_the_end_counts_from_the_completion():
    policy = a_policy(valid_days=100, renewal_window_days=10, basis=Basis.expiry)
    for ended in (TODAY - timedelta(days=1), TODAY + timedelta(days=50)):
        before = a_certificate(
            date(2026, 1, 1), expires_on=ended, window_from=ended - timedelta(days=10)
        )
        renewed = a_certificate()
        renewed.run(policy, [before])
        assert renewed.expires_on == TODAY + timedelta(days=100)


def test_it_renews_what_is_of_the_same_subject_at_its_level_or_below():
    held = a_certificate(level=3)
    assert a_certificate(level=3).renews(held)
    assert a_certificate(level=4).renews(held)
    assert not a_certificate(level=2).renews(held)
    assert not a_certificate(competence="listening").renews(held)
    assert not a_certificate(person_id=new_id()).renews(held)


def test_what_was_renewed_holds_as_long_as_it_was_issued_for():
    certificate = a_certificate(expires_on=TODAY + timedelta(days=9), renewed_by=UUID(int=1))
    assert certificate.state_on(TODAY) is CertificateState.renewed
    assert certificate.holds_on(TODAY + timedelta(days=9))


def test_a_trainer_revokes_once_and_nobody_else_does():
    certificate = a_certificate()
    with pytest.raises(Forbidden):
        certificate.revoke(Caller(FIRM, LEARNER, "Lærke"), "No", NOW)
    certificate.revoke(TRAINER, "Not their answers", NOW)
    assert certificate.state_on(TODAY) is CertificateState.revoked
    assert not certificate.holds_on(TODAY)
    with pytest.raises(IllegalMove):
        certificate.revoke(TRAINER, "Again", NOW)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"valid_months": 1, "valid_days": 1}, "/valid_days"),
        ({"renewal_window_days": 5}, "/renewal_window_days"),
        ({"valid_days": 5, "renewal_window_days": 6}, "/renewal_window_days"),
        ({"valid_months": 1, "renewal_window_days": 29}, "/renewal_window_days"),
    ],
)
def test_a_policy_that_does_not_fit_together_is_refused(fields, pointer):
    with pytest.raises(Invalid) as refused:
        a_policy(**fields).check_sound()
    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_a_policy_that_fits_together_is_taken():
    for fields in ({}, {"valid_days": 5, "renewal_window_days": 5}, {"valid_months": 1200}):
        a_policy(**fields).check_sound()
