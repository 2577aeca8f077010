"""Whether a need is covered on its dates: by people who hold the competence at the level on every day of them.

The seats of a need are filled by whoever is staffed on it; seats that nobody fills yet count as covered where others in the
firm hold it for all of its time. What cannot be known is `unknown`, never `covered`: no course is known that grants the
competence at the level, the copy has never caught up, or the need has no last day and what is held runs out some day.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from services.handover.domain.competence import CompetenceNeed
from services.handover.domain.handover import Handover
from services.handover.domain.staffing import Staffing
from services.handover.domain.training_copy import Known, Trained
from services.handover.domain.waiver import CoverageWaiver, parties_to


class CoverageState(StrEnum):
    """Whether enough people can do it, or a manager answers for going ahead without."""

    covered = "covered"
    waived = "waived"
    gap = "gap"
    unknown = "unknown"


@dataclass(frozen=True, slots=True)
class Period:
    """The days that are judged, both included; `last` is None while nobody knows the end."""

    first: date
    last: date | None

    def holds(self, day: date) -> bool:
        """Whether it has this day."""
        return self.first <= day and (self.last is None or day <= self.last)

    def within(self, other: "Period") -> "Period | None":
        """The days that both have; None when there are none."""
        first = max(self.first, other.first)
        last = min((day for day in (self.last, other.last) if day is not None), default=None)
        return None if last is not None and last < first else Period(first, last)


@dataclass(frozen=True, slots=True)
class StaffedPerson:
    """Somebody staffed on the need, and whether they hold it while they are; `days` is None when that is on none of its dates."""

    staffing: Staffing
    days: Period | None
    state: CoverageState
    held: Trained | None


@dataclass(frozen=True, slots=True)
class NeedCoverage:
    """What is known of one need. `have` counts the people on the day that has fewest."""

    need: CompetenceNeed
    period: Period
    state: CoverageState
    have: int
    trainable: bool
    staffed: Sequence[StaffedPerson]
    people: Sequence[Trained]
    waiver: CoverageWaiver | None


def dates_of(need: CompetenceNeed, handover: Handover, today: date) -> Period:
    """From today on, when the need is: by its own dates, by the handover's plan where it has none.

    A planned day that contradicts the need's own says nothing. Without any first day it is judged from today on.
    """
    first, last = need.starts_on, need.ends_on
    planned_start, planned_end = handover.planned_start, handover.planned_end
    if first is None and planned_start is not None and (last is None or planned_start <= last):
        first = planned_start
    if last is None and planned_end is not None and (first is None or planned_end >= first):
        last = planned_end
    first = max(first or today, today)
    return Period(first, None if last is None else max(last, first))


def cover(
    need: CompetenceNeed,
    handover: Handover,
    known: Known | None,
    today: date,
    *,
    staffing: Iterable[Staffing] = (),
    waivers: Iterable[CoverageWaiver] = (),
) -> NeedCoverage:
    """Whether the need is covered; a copy that never caught up is None. Other needs' staffing and waivers are left out."""
    period = dates_of(need, handover, today)
    on_it = [one for one in staffing if one.competence_need_id == need.id]
    parties = parties_to(handover, (one.person_id for one in on_it))
    waiver = next(
        (
            one
            for one in waivers
            if one.competence_need_id == need.id
            and one.stands(parties, today)
            and one.covers(period.last or period.first)
        ),
        None,
    )
    certificates = _by_person(need, known)
    staffed = [_judged(one, period, certificates.get(one.person_id, [])) for one in on_it]
    people = {
        person: (held, state)
        for person, rows in certificates.items()
        for held, state in [_held(rows, period)]
        if held is not None and state is not CoverageState.gap
    }
    counted = list(_days(need, period, staffed, {p: state for p, (_, state) in people.items()}))
    state = _state(need, known, period, counted)
    if state is not CoverageState.covered and waiver is not None:
        state = CoverageState.waived
    return NeedCoverage(
        need,
        period,
        state,
        min(day.sure for day in counted),
        known is not None and known.trainable.get(need.competence, 0) >= need.level,
        staffed,
        sorted(
            (held for held, _ in people.values()),
            key=lambda held: (-held.level, held.since, held.name),
        ),
        waiver,
    )


@dataclass(frozen=True, slots=True)
class _Day:
    """How many people a need has from one day on, surely and at best."""

    sure: int
    possible: int


def _state(
    need: CompetenceNeed, known: Known | None, period: Period, counted: Sequence[_Day]
) -> CoverageState:
    if known is None or known.granted.get(need.competence, 0) < need.level:
        return CoverageState.unknown
    if all(day.sure >= need.headcount for day in counted):
        return CoverageState.covered
    # Without a last day a staffing that ends leaves open who comes after it, if the need lasts as long.
    judged = counted if period.last is not None else counted[:1]
    if all(day.possible >= need.headcount for day in judged):
        return CoverageState.unknown
    return CoverageState.gap


def _by_person(need: CompetenceNeed, known: Known | None) -> Mapping[UUID, list[Trained]]:
    fit: dict[UUID, list[Trained]] = {}
    for one in () if known is None else known.trained:
        if one.competence == need.competence and one.level >= need.level:
            fit.setdefault(one.person_id, []).append(one)
    return fit


def _held(rows: Iterable[Trained], period: Period) -> tuple[Trained | None, CoverageState]:
    """What one person holds from the first day on, certificates that follow one another taken as one, and whether it lasts."""
    held: Trained | None = None
    for one in sorted(rows, key=lambda row: row.since):
        if held is None:
            if one.since <= period.first and _lasts(one, period.first):
                held = one
        elif held.until is not None and one.since <= held.until + timedelta(days=1):
            until = None if one.until is None else max(held.until, one.until)
            held = replace(held, until=until, level=max(held.level, one.level))
        elif held.until is None and one.since <= period.first:
            held = replace(held, level=max(held.level, one.level))
    if held is None:
        return None, CoverageState.gap
    if held.until is None:
        return held, CoverageState.covered
    if period.last is None:
        return held, CoverageState.unknown
    lasts = _lasts(held, period.last)
    return held, CoverageState.covered if lasts else CoverageState.gap


def _lasts(one: Trained, day: date) -> bool:
    return one.until is None or one.until >= day


def _judged(staffing: Staffing, period: Period, rows: Iterable[Trained]) -> StaffedPerson:
    days = Period(staffing.starts_on, staffing.ends_on).within(period)
    if days is None:
        return StaffedPerson(staffing, None, CoverageState.gap, None)
    held, state = _held(rows, days)
    return StaffedPerson(staffing, days, state, held)


def _days(
    need: CompetenceNeed,
    period: Period,
    staffed: Sequence[StaffedPerson],
    available: Mapping[UUID, CoverageState],
) -> Iterator[_Day]:
    """The people on each stretch of days on which the same are staffed, earliest first."""
    for first in _turns(period, [one.days for one in staffed if one.days is not None]):
        there = {
            one.staffing.person_id: one.state
            for one in staffed
            if one.days is not None and one.days.holds(first)
        }
        others = [state for person, state in available.items() if person not in there]
        seats = max(0, need.headcount - len(there))
        yield _Day(
            sure=_count(there.values(), CoverageState.covered)
            + min(seats, _count(others, CoverageState.covered)),
            possible=_count(there.values(), CoverageState.covered, CoverageState.unknown)
            + min(seats, len(others)),
        )


def _turns(period: Period, spans: Iterable[Period]) -> list[date]:
    """The days on which it may become different who is there."""
    turns = {period.first}
    for span in spans:
        turns.add(span.first)
        if span.last is not None and span.last != period.last:
            turns.add(span.last + timedelta(days=1))
    return sorted(turns)


def _count(states: Iterable[CoverageState], *counted: CoverageState) -> int:
    return sum(state in counted for state in states)


def overall(states: Iterable[CoverageState]) -> CoverageState:
    """The worst of them: a gap, then what is not known, then a waiver. Where no need is named, nothing is known."""
    found = set(states)
    for state in (CoverageState.gap, CoverageState.unknown, CoverageState.waived):
        if state in found:
            return state
    return CoverageState.covered if found else CoverageState.unknown
