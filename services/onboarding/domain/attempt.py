"""An attempt at an assessment: open → submitted → passed · failed; expired, voided.

An open one whose time is over counts as expired whenever it is read or acted upon; the stored state follows. What needs a
person to read it stays submitted until it is graded.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Index,
    Numeric,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, FieldError, Forbidden, IllegalMove, Invalid
from services.chassis.tables import refers_to, text_enum
from services.onboarding.domain.assessment import Assessment, require_granter
from services.onboarding.domain.base import SCHEMA, Row
from services.onboarding.domain.drawing import draw
from services.onboarding.domain.question import Question
from services.onboarding.domain.scoring import check_answer, scaled, score_of


class AttemptState(StrEnum):
    """Where an attempt stands."""

    open = "open"
    submitted = "submitted"
    passed = "passed"
    failed = "failed"
    expired = "expired"
    voided = "voided"


class AttemptMove(StrEnum):
    """What can happen to an attempt."""

    submit = "submit"
    grade = "grade"
    expire = "expire"
    void = "void"


_S = AttemptState
MOVES: Mapping[AttemptMove, tuple[frozenset[AttemptState], frozenset[AttemptState]]] = {
    AttemptMove.submit: (frozenset({_S.open}), frozenset({_S.submitted, _S.passed, _S.failed})),
    AttemptMove.grade: (frozenset({_S.submitted}), frozenset({_S.passed, _S.failed})),
    AttemptMove.expire: (frozenset({_S.open}), frozenset({_S.expired})),
    AttemptMove.void: (frozenset(AttemptState) - {_S.voided}, frozenset({_S.voided})),
}
# Whose answers were handed in: only now may what is right be seen.
HANDED_IN = frozenset({_S.submitted, _S.passed, _S.failed})


def moves_from(state: AttemptState) -> list[AttemptMove]:
    """The moves that exist in `state`."""
    return [move for move, (origins, _) in MOVES.items() if state in origins]


class Attempt(Row, table=True):
    """Somebody's attempt. `questions` is a copy with what is right, which never leaves before it was handed in."""

    __tablename__: ClassVar[str] = "attempt"
    __table_args__ = (
        refers_to(SCHEMA, "assessment", "assessment_id"),
        # The cycle is the assignment's: the next one counts anew.
        UniqueConstraint(
            "organization_id",
            "assessment_id",
            "person_id",
            "assignment_id",
            "number",
            name="uq_attempt_number",
            postgresql_nulls_not_distinct=True,
        ),
        Index(
            "uq_attempt_open",
            "organization_id",
            "assessment_id",
            "person_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_attempt_person", "organization_id", "person_id", "id"),
        Index("ix_attempt_assignment", "organization_id", "assignment_id", "assessment_id"),
        Index(
            "ix_attempt_ends",
            "organization_id",
            "ends_at",
            postgresql_where=text("state = 'open'"),
        ),
        CheckConstraint("number >= 1", name="number_from_one"),
        CheckConstraint("score BETWEEN 0 AND 1", name="score"),
        CheckConstraint("ends_at > started_at", name="ends_after_start"),
        CheckConstraint(
            "state NOT IN ('passed', 'failed') OR (score IS NOT NULL AND submitted_at IS NOT NULL)",
            name="result_with_score",
        ),
        CheckConstraint("state <> 'passed' OR score >= pass_mark", name="passed_by_score"),
        CheckConstraint("state <> 'failed' OR score < pass_mark", name="failed_by_score"),
        CheckConstraint(
            "state NOT IN ('open', 'expired') OR submitted_at IS NULL", name="not_handed_in"
        ),
        CheckConstraint(
            "(state = 'voided') = (void_reason IS NOT NULL)", name="voided_for_a_reason"
        ),
    )

    assessment_id: UUID
    person_id: UUID
    assignment_id: UUID | None = None
    number: int = Field(sa_type=SmallInteger)
    state: AttemptState = Field(default=AttemptState.open, sa_type=text_enum(AttemptState, "state"))
    seed: int = Field(sa_type=BigInteger)
    questions: list[dict[str, Any]] = Field(sa_type=JSONB)
    answers: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    scores: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    pass_mark: Decimal = Field(sa_type=Numeric(6, 5))
    score: Decimal | None = Field(default=None, sa_type=Numeric(6, 5))
    started_at: datetime = Field(sa_type=DateTime(timezone=True))
    ends_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    submitted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    graded_by: UUID | None = None
    void_reason: str | None = None
    voided_by: UUID | None = None

    # --- questions

    def state_at(self, now: datetime) -> AttemptState:
        """The state at a moment: what is open after its time is expired."""
        over = self.ends_at is not None and self.ends_at <= now
        return AttemptState.expired if self.state is AttemptState.open and over else self.state

    def over_at(self, now: datetime) -> datetime | None:
        """When it was handed in or its time was over; None while it is open."""
        if self.submitted_at is not None:
            return self.submitted_at
        return self.ends_at if self.state_at(now) is AttemptState.expired else None

    # --- verbs

    def save(self, caller: Caller, answers: Mapping[str, Any], now: datetime) -> None:
        """Keep answers while it is open; null takes one back. Only the learner."""
        self._require_learner(caller)
        self._require_open(caller, now)
        self._take(answers)

    def submit(self, caller: Caller, answers: Mapping[str, Any], now: datetime) -> None:
        """Hand it in, once, with the last answers; what needs no reader is scored at once. Only the learner."""
        self._require_learner(caller)
        self._require_open(caller, now)
        self._take(answers)
        self.submitted_at = now
        scores = {drawn["key"]: self._score(drawn) for drawn in self.questions}
        self.scores = {key: _plain(score) for key, score in scores.items()}
        given = [score for score in scores.values() if score is not None]
        if len(given) < len(scores):
            self._move(AttemptMove.submit, AttemptState.submitted)
        else:
            self._finish(AttemptMove.submit, given)

    def grade(self, caller: Caller, scores: Mapping[str, Decimal]) -> None:
        """Give what had to be read its scores, all of them at once. A trainer, never for themselves."""
        require_granter(caller, self.person_id)
        self._require(AttemptMove.grade, caller)
        open_keys = {key for key, score in self.scores.items() if score is None}
        errors = [
            FieldError(f"/scores/{key}", "This is required.")
            for key in sorted(open_keys - set(scores))
        ] + [
            FieldError(f"/scores/{key}", "It is not to be graded.")
            for key in sorted(set(scores) - open_keys)
        ]
        if errors:
            raise Invalid("The scores do not fit the attempt.", errors=errors)
        self.scores = {**self.scores, **{key: _plain(score) for key, score in scores.items()}}
        self.graded_by = caller.person_id
        self._finish(AttemptMove.grade, [Decimal(str(score)) for score in self.scores.values()])

    def expire(self, now: datetime) -> None:
        """Its time is over."""
        assert self.state_at(now) is AttemptState.expired
        self._move(AttemptMove.expire, AttemptState.expired)

    def void(self, caller: Caller, reason: str, now: datetime) -> None:
        """It does not count. A trainer, never for themselves."""
        require_granter(caller, self.person_id)
        if self.state_at(now) is not self.state:
            self.expire(now)
        self._require(AttemptMove.void, caller)
        self._move(AttemptMove.void, AttemptState.voided)
        self.void_reason, self.voided_by = reason, caller.person_id

    def _require_learner(self, caller: Caller) -> None:
        if caller.person_id != self.person_id:
            raise Forbidden("This is for the learner.")

    def _require_open(self, caller: Caller, now: datetime) -> None:
        if self.state_at(now) is AttemptState.expired:
            raise IllegalMove(
                "The time of the attempt is over since {moment}.",
                moment=self.ends_at,
                allowed=self._moves_of(caller, AttemptState.expired),
            )
        self._require(AttemptMove.submit, caller)

    def _take(self, answers: Mapping[str, Any]) -> None:
        drawn = {one["key"]: one for one in self.questions}
        errors = []
        for key, answer in answers.items():
            if key not in drawn:
                errors.append(FieldError("/answers", "There is no question with such a key."))
            elif answer is not None:
                errors += check_answer(drawn[key], answer, f"/answers/{key}")
        if errors:
            raise Invalid("The answers do not fit the questions.", errors=errors)
        merged = {**self.answers, **answers}
        self.answers = {key: answer for key, answer in merged.items() if answer is not None}

    def _score(self, drawn: dict[str, Any]) -> Decimal | None:
        return score_of(drawn, self.answers.get(drawn["key"]))

    def _finish(self, move: AttemptMove, scores: Sequence[Decimal]) -> None:
        self.score = scaled(scores)
        passed = self.score >= self.pass_mark
        self._move(move, AttemptState.passed if passed else AttemptState.failed)

    def _moves_of(self, caller: Caller, state: AttemptState) -> list[AttemptMove]:
        """What `caller` can ask for in `state`: the learner hands in, a trainer grades and voids, never for themselves."""
        if caller.person_id == self.person_id:
            own = {AttemptMove.submit}
        else:
            own = {AttemptMove.grade, AttemptMove.void} if caller.has(Role.trainer) else set()
        return [move for move in moves_from(state) if move in own]

    def _require(self, move: AttemptMove, caller: Caller) -> None:
        if self.state not in MOVES[move][0]:
            raise IllegalMove(
                "“{move}” is not possible for an attempt in the state “{state}”.",
                state=self.state,
                move=move,
                allowed=self._moves_of(caller, self.state),
            )

    def _move(self, move: AttemptMove, to: AttemptState) -> None:
        origins, targets = MOVES[move]
        assert self.state in origins
        assert to in targets
        self.state = to


def _plain(score: Decimal | None) -> float | None:
    return None if score is None else float(score)


def require_may_begin(
    assessment: Assessment,
    before: Sequence[Attempt],
    granted: int,
    now: datetime,
    elsewhere: Sequence[Attempt] = (),
) -> None:
    """Refuse with `Conflict` unless another attempt may begin, after those of the cycle so far, and with none open elsewhere."""
    assessment.require_published()
    counted = [attempt for attempt in before if attempt.state is not AttemptState.voided]
    states = {attempt.state_at(now) for attempt in counted}
    if AttemptState.passed in states:
        raise Conflict("It is passed already.")
    still_open = [one for one in [*counted, *elsewhere] if one.state_at(now) is AttemptState.open]
    if still_open:
        raise _open_already(still_open[0])
    if AttemptState.submitted in states:
        raise Conflict("The last attempt is not graded yet.")
    if assessment.max_attempts is not None and len(counted) >= assessment.max_attempts + granted:
        raise Conflict(
            "All {number} attempts are used. A trainer can grant another one.",
            number=assessment.max_attempts + granted,
        )
    over = [ended for attempt in counted if (ended := attempt.over_at(now)) is not None]
    if over and (free := max(over) + timedelta(minutes=assessment.cooldown_minutes)) > now:
        raise Conflict("The next attempt can begin at {moment}.", moment=free)


def _open_already(attempt: Attempt) -> Conflict:
    if attempt.assignment_id is None:
        return Conflict("An attempt is open already: {attempt_id}.", attempt_id=attempt.id)
    return Conflict(
        "An attempt is open already: {attempt_id}, in the assignment {assignment_id}.",
        attempt_id=attempt.id,
        assignment_id=attempt.assignment_id,
    )


def begin(
    assessment: Assessment,
    questions: Sequence[Question],
    person_id: UUID,
    assignment_id: UUID | None,
    number: int,
    now: datetime,
) -> Attempt:
    """A new attempt, with its questions drawn."""
    seed = secrets.randbits(63)
    drawn = draw(questions, seed, assessment.questions_drawn)
    if not drawn:
        raise Conflict("The bank has no question that asks something.")
    minutes = assessment.time_limit_minutes
    return Attempt(
        organization_id=assessment.organization_id,
        assessment_id=assessment.id,
        person_id=person_id,
        assignment_id=assignment_id,
        number=number,
        seed=seed,
        questions=drawn,
        pass_mark=assessment.pass_mark,
        started_at=now,
        ends_at=None if minutes is None else now + timedelta(minutes=minutes),
    )
