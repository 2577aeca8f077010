"""Which rows of a file of completions are to be taken in, and what becomes of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.chassis.caller import Caller
from services.chassis.errors import FieldError
from services.chassis.file_problem import file_problem
from services.onboarding.domain.completion_file import CompletionRow, ToldCompletion
from services.onboarding.domain.completion_record import Learning
from services.onboarding.domain.completion_subjects import Subject, Subjects
from services.onboarding.domain.past_completion import PastCompletion
from services.onboarding.domain.row_outcome import RowOutcome, RowResult


@dataclass(slots=True)
class Wanted:
    """A row that is to be taken in; `before` is what was imported of it earlier."""

    told: ToldCompletion
    outcome: RowOutcome
    person_id: UUID
    subject: Subject
    before: PastCompletion | None = None


def judged(
    rows: Sequence[CompletionRow], subjects: Subjects, caller: Caller
) -> tuple[list[RowOutcome], list[Wanted]]:
    """The outcome of every row so far, and the rows that say who completed what."""
    outcomes: list[RowOutcome] = []
    wanted: list[Wanted] = []
    first: dict[tuple[UUID, UUID, date], int] = {}
    for row in rows:
        outcome = RowOutcome(row.line, RowResult.failed, errors=row.problems)
        outcomes.append(outcome)
        if row.told is None:
            continue
        person, subject = subjects.person(row.told), subjects.subject(row.told)
        problems = [one for one in (person, subject) if isinstance(one, FieldError)]
        if not problems and person == caller.person_id:
            problems = [
                row.told.who.problem(
                    "Nobody records a completion of their own: another trainer does"
                )
            ]
        outcome.errors = problems
        if isinstance(person, FieldError) or isinstance(subject, FieldError) or problems:
            continue
        problem = _unfit_level(row.told, subject)
        if problem is not None:
            outcome.fail(problem)
            continue
        line = first.setdefault((person, subject.id, row.told.completed_on), row.line)
        if line != row.line:
            outcome.result = RowResult.skipped
            template = "The same completion stands in line {line}."
            outcome.remarks.append(file_problem(row.line, None, template, line=line))
            continue
        outcome.result = RowResult.created
        wanted.append(Wanted(row.told, outcome, person, subject))
    return outcomes, wanted


def _unfit_level(told: ToldCompletion, subject: Subject) -> FieldError | None:
    if told.level is None or told.course is None:
        return None
    taught = subject.taught_on(told.completed_on)
    if taught is not None and taught.competence is not None:
        return None
    return told.level_cell.problem("The course gives no competence, so there is no level in it")


def is_to_do(one: Wanted, learning: Learning) -> bool:
    """Whether it is new, or says otherwise than what was imported before."""
    key = (one.person_id, one.subject.id, one.told.completed_on)
    one.before = learning.imported.get(key)
    if one.before is not None:
        one.outcome.id = one.before.id
        same = _said(one.before) == _said(one.told)
        one.outcome.result = RowResult.unchanged if same else RowResult.updated
        return not same
    if key in learning.days:
        one.outcome.result = RowResult.unchanged
        remark = "It is on record already, from the same day."
        one.outcome.remarks.append(file_problem(one.outcome.line, None, remark))
        return False
    return True


def _said(of: PastCompletion | ToldCompletion) -> tuple[object, ...]:
    return (of.expires_on, of.level, of.basis, of.evidence)
