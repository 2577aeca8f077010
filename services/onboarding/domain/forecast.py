"""When each team will be ready: the p50 and the p80 day.

The method, worked out rather than drawn by chance, so the same facts give the same days:

1. What is left is the least number of minutes that still leads each missing person through the required curricula; what is
   waived takes none.
2. The pace is what the team's people who count completed in the last ten working days, today included, or since the first of
   them was assigned what is required, where that is less long ago: mean μ and variance σ² of the minutes of a person on a
   working day, days without any among them.
3. A person with R minutes left has completed them within n working days with probability Φ((n·μ - R) / (σ·√n)): the sum of n
   such days, taken as normal. People are taken as independent.
4. The team is ready when as many of them as it still needs are through. That probability is worked out exactly for up to 60
   missing people, above that from mean and variance of the sum of their chances, with correction for continuity.
5. p50 and p80 are the first working days on which it is at least 50 and 80 %.

Where a course that they lack takes place in sessions, the days are moved to when there are seats for everybody in the rollout
who still needs one. A team that has completed nothing in those days has no pace: its days are unknown.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import NormalDist
from typing import Any

import orjson

from services.chassis.database import Reader
from services.onboarding.domain.course_set import minutes_left
from services.onboarding.domain.curriculum import course_sets
from services.onboarding.domain.readiness import POPULATION, Asked, Gate, fetch_at_once
from services.onboarding.domain.working_days import WorkingDays, working_days_of

PACE_DAYS = 10
# Five years of working days: what takes longer is not foreseen.
FURTHEST = 1300
_EXACTLY = 60
_OF_TEAM = ("team_id", "team_name", "of", "have", "need", "empty")
_NORMAL = NormalDist()


class Standing(StrEnum):
    """What can be said of a team."""

    ready = "ready"
    forecast = "forecast"
    unknown = "unknown"
    empty = "empty"


@dataclass(frozen=True, slots=True)
class Pace:
    """Minutes that a person completes on a working day: mean and standard deviation."""

    mean: float
    deviation: float

    @classmethod
    def observed(
        cls, minutes: int, squares: int, people: int, working_days: int = PACE_DAYS
    ) -> "Pace | None":
        """From sums over the person-days of so many working days; None where nothing was completed."""
        days = people * working_days
        if not minutes or not days:
            return None
        mean = minutes / days
        return cls(mean, math.sqrt(max(0.0, squares / days - mean * mean)))

    def chance(self, minutes: int, days: int) -> float:
        """How likely a person completes so many minutes within so many working days."""
        if minutes <= 0:
            return 1.0
        if days <= 0:
            return 0.0
        ahead = days * self.mean - minutes
        if self.deviation == 0:
            return float(ahead >= 0)
        return _NORMAL.cdf(ahead / (self.deviation * math.sqrt(days)))


def chance_of(needed: int, chances: Mapping[float, int]) -> float:
    """How likely at least `needed` succeed, when so many people (values) have each chance (keys)."""
    people = sum(chances.values())
    if needed <= 0:
        return 1.0
    if needed > people:
        return 0.0
    if people <= _EXACTLY:
        return _exactly(needed, chances)
    mean = sum(p * n for p, n in chances.items())
    variance = sum(p * (1 - p) * n for p, n in chances.items())
    if variance <= 1e-12:
        return float(round(mean, 6) >= needed)
    return 1 - _NORMAL.cdf((needed - 0.5 - mean) / math.sqrt(variance))


def _exactly(needed: int, chances: Mapping[float, int]) -> float:
    # How likely each number of successes is, one person after the other; from `needed` on they are one.
    likely = [1.0] + [0.0] * needed
    for p, people in chances.items():
        for _ in range(people):
            likely[needed] += likely[needed - 1] * p
            for number in range(needed - 1, 0, -1):
                likely[number] = likely[number] * (1 - p) + likely[number - 1] * p
            likely[0] *= 1 - p
    return likely[needed]


@dataclass(frozen=True, slots=True)
class Team:
    """How many a team still needs, the minutes that its missing people have left (minutes → people), and its pace."""

    needed: int
    left: Mapping[int, int]
    pace: Pace | None

    def chance_within(self, days: int) -> float:
        """How likely the team is ready within so many working days."""
        if self.needed <= 0:
            return 1.0
        if self.pace is None:
            return 0.0
        chances: dict[float, int] = {}
        for minutes, people in self.left.items():
            chance = self.pace.chance(minutes, days)
            chances[chance] = chances.get(chance, 0) + people
        return chance_of(self.needed, chances)

    def days_until(self, chance: float) -> int | None:
        """The number of working days until it is at least as likely; None where that is not foreseen."""
        if self.chance_within(FURTHEST) < chance:
            return None
        few, many = 0, FURTHEST
        while few < many:
            middle = (few + many) // 2
            if self.chance_within(middle) >= chance:
                many = middle
            else:
                few = middle + 1
        return few


@dataclass(frozen=True, slots=True)
class Seats:
    """A course in sessions: how many in the rollout need a seat, and the free ones by the day of the session."""

    needed: int
    free: Sequence[tuple[date, int]]

    def day(self) -> date | None:
        """The day by which there was a seat for each of them; None where there are too few."""
        left = self.needed
        for day, seats in self.free:
            left -= seats
            if left <= 0:
                return day
        return None


_FORECAST = (
    POPULATION
    + """
, shown AS (
    SELECT * FROM needed ORDER BY have >= need, team_name, team_id LIMIT $10
), lacking AS (
    SELECT m.id AS person_id, m.team_id, asked AS curriculum_id
    FROM member AS m
    JOIN needed AS s ON s.team_id = m.team_id AND s.have < s.need
    CROSS JOIN unnest($4::uuid[]) WITH ORDINALITY AS a(asked, place)
    WHERE m.left_out IS NULL AND m.has & (1 << (a.place::int - 1)) = 0
), taught AS (
    SELECT DISTINCT ON (curriculum_id) curriculum_id, id
    FROM curriculum_version
    WHERE organization_id = $1 AND curriculum_id = ANY($4) AND state = 'published'
    ORDER BY curriculum_id, number DESC
), under_way AS (
    SELECT l.person_id, l.team_id, a.id AS assignment_id, a.items_done,
        coalesce(a.curriculum_version_id, t.id) AS version_id
    FROM lacking AS l
    LEFT JOIN assignment AS a
        ON a.organization_id = $1 AND a.person_id = l.person_id
        AND a.curriculum_id = l.curriculum_id AND a.state IN ('scheduled', 'assigned', 'in_progress')
    LEFT JOIN taught AS t ON t.curriculum_id = l.curriculum_id
), work AS (
    SELECT u.person_id, u.team_id, jsonb_agg(
        jsonb_build_array(u.version_id, coalesce(d.keys, '[]')) ORDER BY u.version_id
    ) AS work
    FROM under_way AS u
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(k.item_key ORDER BY k.item_key) AS keys
        FROM (
            SELECT i.item_key FROM item_completion AS i
            WHERE u.items_done > 0 AND i.organization_id = $1 AND i.assignment_id = u.assignment_id
            UNION
            SELECT w.item_key FROM waiver AS w
            WHERE u.items_done > 0 AND w.organization_id = $1 AND w.assignment_id = u.assignment_id
                AND (w.valid_until IS NULL OR w.valid_until >= $5)
        ) AS k
    ) AS d ON true
    GROUP BY u.person_id, u.team_id
), alike AS (
    SELECT team_id, work, count(*) AS people FROM work GROUP BY team_id, work
), pace AS (
    SELECT team_id, sum(minutes) AS minutes, sum(minutes * minutes) AS squares, min(day) AS day
    FROM (
        SELECT m.team_id, m.id, i.completed_at::date AS day, sum(v.minutes) AS minutes
        FROM item_completion AS i
        JOIN member AS m ON m.id = i.person_id AND m.left_out IS NULL
        JOIN course_version AS v
            ON v.organization_id = $1 AND v.course_id = i.course_id
            AND v.number = i.course_version
        WHERE i.organization_id = $1 AND i.completed_at >= $8::date
        GROUP BY m.team_id, m.id, i.completed_at::date
    ) AS days
    GROUP BY team_id
), begun AS (
    SELECT m.team_id, min(coalesce(a.starts_on, a.created_at::date)) AS day
    FROM assignment AS a
    JOIN member AS m ON m.id = a.person_id AND m.left_out IS NULL
    WHERE a.organization_id = $1 AND a.curriculum_id = ANY($4)
    GROUP BY m.team_id
)
SELECT json_build_object(
    'teams_total', (SELECT count(*) FROM needed),
    'sees', coalesce((SELECT bool_or(sees) FROM needed), $7::uuid IS NULL),
    'teams', coalesce((
        SELECT json_agg(json_build_object(
            'team_id', nullif(s.team_id, '00000000-0000-0000-0000-000000000000'),
            'team_name', s.team_name, 'of', s.of, 'have', s.have,
            'need', s.need, 'minutes', coalesce(p.minutes, 0), 'squares', coalesce(p.squares, 0),
            'begun', least(p.day, b.day), 'empty', s.empty,
            'shown', EXISTS (SELECT FROM shown AS h WHERE h.team_id = s.team_id),
            'work', coalesce((
                SELECT json_agg(json_build_array(a.work, a.people)) FROM alike AS a
                WHERE a.team_id = s.team_id
            ), '[]')
        ) ORDER BY s.have >= s.need, s.team_name, s.team_id)
        FROM needed AS s
        LEFT JOIN pace AS p ON p.team_id = s.team_id
        LEFT JOIN begun AS b ON b.team_id = s.team_id
    ), '[]'),
    'versions', coalesce((
        SELECT json_object_agg(v.id, v.sets) FROM curriculum_version AS v
        WHERE v.organization_id = $1 AND v.id IN (SELECT version_id FROM under_way)
    ), '{}'),
    'sessions', coalesce((
        SELECT json_agg(json_build_array(c.course_id, c.number, (
            SELECT json_agg(json_build_array(f.day, f.seats) ORDER BY f.day)
            FROM (
                SELECT s.starts_at::date AS day, sum(s.capacity - s.seats_taken + (
                    SELECT count(*) FROM booking AS b
                    WHERE b.organization_id = $1 AND b.session_id = s.id
                        AND b.state IN ('booked', 'offered')
                        AND b.person_id IN (SELECT person_id FROM lacking)
                )) AS seats
                FROM topic_session AS s
                WHERE s.organization_id = $1 AND s.course_id = c.course_id
                    AND s.state = 'planned' AND s.starts_at > $9
                GROUP BY s.starts_at::date
            ) AS f
        )))
        FROM course_version AS c
        WHERE c.organization_id = $1 AND c.units @> '[{"kind": "topic_session"}]'
            AND c.course_id IN (
                SELECT (course ->> 'course_id')::uuid
                FROM curriculum_version AS v,
                    jsonb_array_elements(v.sets) AS one, jsonb_array_elements(one -> 'courses') AS course
                WHERE v.organization_id = $1 AND v.id IN (SELECT version_id FROM under_way)
            )
    ), '[]')
)::text
"""  # nosec B608  # both are ours; values are parameters
)


async def forecast(reader: Reader, gate: Gate, asked: Asked, now: datetime) -> dict[str, Any]:
    """The p50 and p80 day of each team, as the module says; first the teams that are not ready."""
    calendar = await working_days_of(reader)
    since = calendar.before(asked.on + timedelta(days=1), PACE_DAYS)
    text = await fetch_at_once(
        reader,
        _FORECAST,
        reader.organization_id,
        gate.audience_id,
        gate.team_ids,
        gate.required_curricula,
        asked.on,
        gate.min_pct,
        asked.viewer_id,
        since or asked.on,
        now,
        asked.teams,
    )
    return _Outlook(orjson.loads(text), gate, asked.on, calendar, since or asked.on).told()


class _Outlook:
    """What the statement found, on its way to days."""

    def __init__(
        self, facts: Mapping[str, Any], gate: Gate, on: date, calendar: WorkingDays, since: date
    ) -> None:
        self._facts = facts
        self._gate = gate
        self._on = on
        self._calendar = calendar
        self._since = since
        self._sets = {id: course_sets(sets) for id, sets in facts["versions"].items()}
        self._minutes: dict[tuple[str, tuple[str, ...]], int] = {}
        # Which courses take place in sessions, at which versions, and the seats of those to come.
        self._in_sessions = {
            (course_id, number): [(date.fromisoformat(day), seats) for day, seats in free or ()]
            for course_id, number, free in facts["sessions"]
        }
        self._lacks = {id: self._lacks_of(team) for id, team in enumerate(facts["teams"])}

    def told(self) -> dict[str, Any]:
        """As it is answered."""
        seats = self._seats()
        teams = [
            self._team(team, self._lacks[id], seats)
            for id, team in enumerate(self._facts["teams"])
            if team["shown"]
        ]
        return {
            "rollout_id": self._gate.rollout_id,
            "on": self._on,
            "go_live_on": self._gate.go_live_on,
            "teams_total": self._facts["teams_total"],
            "sees": self._facts["sees"],
            "teams": teams,
        }

    def _team(
        self, team: Mapping[str, Any], lacks: Mapping[str, int], seats: Mapping[str, Seats]
    ) -> dict[str, Any]:
        left: dict[int, int] = {}
        for work, people in team["work"]:
            minutes = sum(self._minutes_of(id, tuple(done)) for id, done in work if id is not None)
            left[minutes] = left.get(minutes, 0) + people
        pace = self._pace(team)
        outlook = Team(max(0, team["need"] - team["have"]), left, pace)
        if team["empty"]:
            standing = Standing.empty
        elif outlook.needed == 0:
            standing = Standing.ready
        elif pace is None or any(id is None for work, _ in team["work"] for id, _ in work):
            standing = Standing.unknown
        else:
            standing = Standing.forecast
        known = standing in (Standing.ready, Standing.forecast)
        waiting = [seats[course] for course in lacks] if outlook.needed else []
        seat_days = [one.day() for one in waiting]
        p50, p80 = (
            self._day(outlook.days_until(chance), seat_days) if known else None
            for chance in (0.5, 0.8)
        )
        return {
            **{name: team[name] for name in _OF_TEAM},
            "state": standing,
            "minutes_left": sum(minutes * people for minutes, people in left.items()),
            "pace": None if pace is None else round(pace.mean, 2),
            "seats_on": max((day for day in seat_days if day), default=None),
            "too_few_seats": None in seat_days,
            "p50": p50,
            "p80": p80,
            "chance_pct": self._chance_in_time(outlook, seat_days) if known else None,
        }

    def _pace(self, team: Mapping[str, Any]) -> Pace | None:
        """By the working days since anybody of the team could learn it, ten at most; what is learnt on the first day counts."""
        days = PACE_DAYS
        if team["begun"] is not None:
            first = max(date.fromisoformat(team["begun"]), self._since)
            days = min(days, max(1, self._calendar.between(first, self._on)))
        return Pace.observed(team["minutes"], team["squares"], team["of"], days)

    def _day(self, days: int | None, seat_days: Sequence[date | None]) -> date | None:
        """The working day that lies so many ahead, or when the last seat is, if later."""
        if days is None or None in seat_days:
            return None
        trained = self._calendar.after(self._on, days)
        if trained is None:
            return None
        return max([trained, *(day for day in seat_days if day is not None)])

    def _chance_in_time(self, outlook: Team, seat_days: Sequence[date | None]) -> int:
        last = self._gate.go_live_on
        if any(day is None or day > last for day in seat_days):
            return 0
        tomorrow = self._on + timedelta(days=1)
        days = self._calendar.between(tomorrow, min(last, self._on + timedelta(days=2 * FURTHEST)))
        return math.floor(100 * outlook.chance_within(days))

    def _minutes_of(self, version_id: str, done: tuple[str, ...]) -> int:
        known = self._minutes.get((version_id, done))
        if known is None:
            known = self._minutes[version_id, done] = minutes_left(self._sets[version_id], done)
        return known

    def _lacks_of(self, team: Mapping[str, Any]) -> dict[str, int]:
        """How many of a team lack each course that takes place in sessions."""
        lacks: dict[str, int] = {}
        for work, people in team["work"]:
            for version_id, done in work:
                for one in self._sets.get(version_id, ()):
                    if one.is_satisfied(done):
                        continue
                    for item in one.items:
                        key = str(item.course_id), item.course_version
                        if key in self._in_sessions and item.key not in done:
                            lacks[key[0]] = lacks.get(key[0], 0) + people
        return lacks

    def _seats(self) -> dict[str, Seats]:
        """By course: a team asks for no more seats than people whom it still needs."""
        needed: dict[str, int] = {}
        for id, team in enumerate(self._facts["teams"]):
            for course_id, people in self._lacks[id].items():
                still = min(people, max(0, team["need"] - team["have"]))
                needed[course_id] = needed.get(course_id, 0) + still
        free = {course_id: days for (course_id, _), days in self._in_sessions.items()}
        return {course_id: Seats(people, free[course_id]) for course_id, people in needed.items()}
