"""The demo company's data files agree with one another and are complete where they must be."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import services.demo
from services.chassis.csv_table import read_csv
from services.demo.promised import PAST_COLUMNS
from services.handover.domain.calibration import SUFFICIENT
from services.handover.domain.estimate import Basis
from services.handover.domain.past_estimate_file import PastColumns, Usual, past_estimates

Data = dict[str, Any]

CONTENT = Path(services.demo.__file__).parent / "content"

HANDOVER_STATES = {
    "draft", "submitted", "in_review", "returned", "accepted", "in_delivery", "completed",
    "closed", "cancelled",
}  # fmt: skip
ACCEPTED_ONCE = {"accepted", "in_delivery", "completed", "closed"}
DELIVERED = {"completed", "closed"}
ENGAGEMENT_TYPES = {"fixed_price", "time_and_material", "retainer", "secondment", "product"}
STAKEHOLDER_ROLES = {"economic_buyer", "champion", "decision_maker", "user", "blocker"}
PROMISE_KINDS = {
    "feature", "timeline", "price", "staffing", "support", "security", "quality",
}  # fmt: skip
CHANNELS = {"contract", "email", "meeting", "verbal"}
LOG_KINDS = {"meeting", "call", "email", "decision", "change", "risk", "note"}
UNIT_KINDS = {
    "reading", "video", "exercise", "setup_guide", "quiz", "field_visit", "topic_session",
    "external_link",
}  # fmt: skip
ROLES = {"seller", "delivery", "trainer", "manager", "admin"}
SBAR = ("situation", "background", "assessment", "recommendation")
# The field of the service that an unknown names, and where these files keep it.
MAY_BE_UNKNOWN = {"amount": "amount", "planned_end": "planned_end_in_days"}
PLACEHOLDER = re.compile(
    r"\b(tbd|tba|todo|n/a|xxx+|lorem|ipsum|ukjent|ukendt|okänt)\b", re.IGNORECASE
)
WEEKDAY = re.compile(
    r"\b(mandag|tirsdag|onsdag|torsdag|fredag|lørdag|søndag|måndag|tisdag|torsdag|lördag|söndag"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b",
    re.IGNORECASE,
)


def read(name: str) -> Data:
    return tomllib.loads((CONTENT / name).read_text(encoding="utf-8"))


COMPANY = read("people.toml")
PEOPLE: dict[str, Data] = {person["email"]: person for person in COMPANY["person"]}
TEAMS: dict[str, Data] = {team["key"]: team for team in COMPANY["team"]}
TOOLS: list[Data] = read("tools.toml")["tool"]
COURSES: dict[str, Data] = {course["key"]: course for course in read("courses.toml")["course"]}
CURRICULA: dict[str, Data] = {item["key"]: item for item in read("curricula.toml")["curriculum"]}
ASSIGNMENTS: list[Data] = read("assignments.toml")["assignment"]
SESSIONS: list[Data] = read("sessions.toml")["session"]
QUIZZES: list[Data] = read("quizzes.toml")["quiz"]
ROLLOUTS: list[Data] = read("rollouts.toml")["rollout"]
CUSTOMERS: dict[str, Data] = {item["key"]: item for item in read("customers.toml")["customer"]}
HANDOVERS: list[Data] = [
    read(f"handovers/{path.name}") for path in sorted((CONTENT / "handovers").glob("*.toml"))
]
COMPETENCES = {course["grants"]["competence"] for course in COURSES.values() if "grants" in course}

each_handover = pytest.mark.parametrize("handover", HANDOVERS, ids=lambda item: item["key"])


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def assigned(assignment: Data) -> list[str]:
    if "team" in assignment:
        return [email for email, person in PEOPLE.items() if person["team"] == assignment["team"]]
    return list(assignment["people"])


def satisfies(curriculum: Data, done: list[str]) -> bool:
    def one(part: Data) -> bool:
        taken = [course for course in part["courses"] if course in done]
        if part["rule"] == "at_least_n":
            return len(taken) >= int(part["n"])
        if part["rule"] == "min_points":
            return sum(int(part["points"][course]) for course in taken) >= int(part["min_points"])
        return len(taken) == len(part["courses"])

    return all(one(part) for part in curriculum["set"])


def courses_of(curriculum: Data) -> list[str]:
    return [course for part in curriculum["set"] for course in part["courses"]]


def competences_held() -> dict[str, dict[str, int]]:
    held: dict[str, dict[str, int]] = {email: {} for email in PEOPLE}
    for assignment in ASSIGNMENTS:
        everything = courses_of(CURRICULA[assignment["curriculum"]])
        done = [(email, everything) for email in assignment.get("completed", [])]
        done += [
            (row["person"], row["courses"])
            for row in [*assignment.get("enough", []), *assignment.get("partly", [])]
        ]
        for email, courses in done:
            for course in courses:
                if grants := COURSES[course].get("grants"):
                    best = held[email].get(grants["competence"], 0)
                    held[email][grants["competence"]] = max(best, grants["level"])
    return held


def test_sixty_people_work_in_six_teams() -> None:
    assert len(COMPANY["person"]) == len(PEOPLE) == 60
    assert len(COMPANY["team"]) == len(TEAMS) == 6
    assert {person["team"] for person in PEOPLE.values()} == set(TEAMS)
    assert all(PEOPLE[team["lead"]]["team"] == key for key, team in TEAMS.items())


def test_every_manager_is_a_colleague_and_the_line_ends_at_the_top() -> None:
    for email in PEOPLE:
        line = [email]
        while manager := PEOPLE[line[-1]].get("manager"):
            assert manager not in line, f"{email} reports to themselves"
            line.append(manager)
    assert sum("manager" not in person for person in PEOPLE.values()) == 1


def test_every_person_has_a_reserved_address_a_language_and_known_roles() -> None:
    for email, person in PEOPLE.items():
        assert re.fullmatch(r"[a-z.-]+@stenvarde\.example", email)
        assert person["locale"] in {"da", "nb", "sv", "en"}
        assert person["time_zone"].startswith("Europe/")
        assert person["hired_days_ago"] >= 0
        assert set(person.get("roles", [])) <= ROLES
    assert sum(person["hired_days_ago"] <= 31 for person in PEOPLE.values()) >= 5


def test_one_person_stands_for_each_key_that_the_demo_prints() -> None:
    marked = {person["demo"]: person for person in PEOPLE.values() if "demo" in person}
    assert set(marked) == ROLES | {"learner"}
    assert all(role in marked[role]["roles"] for role in ROLES)
    assert "roles" not in marked["learner"]
    [stranger] = COMPANY["other_organization"]["person"]
    assert stranger["demo"] == "stranger"
    assert set(stranger["roles"]) == ROLES
    assert stranger["email"] not in PEOPLE


def test_four_tools_have_an_owner_and_a_competence_that_can_be_learned() -> None:
    assert len(TOOLS) == 4
    for tool in TOOLS:
        assert tool["owner"] in PEOPLE
        assert tool["competence"] in COMPETENCES
        assert re.fullmatch(r"https://[a-z.]+\.example", tool["link"])


def test_courses_use_every_kind_of_unit_and_add_up_to_their_minutes() -> None:
    for course in COURSES.values():
        assert course["minutes"] == sum(unit["minutes"] for unit in course["units"])
        keys = [unit["key"] for unit in course["units"]]
        assert len(keys) == len(set(keys))
        assert 1 <= course.get("grants", {"level": 1})["level"] <= 5
    assert {unit["kind"] for course in COURSES.values() for unit in course["units"]} == UNIT_KINDS
    assert any("grants" not in course for course in COURSES.values())


def test_six_curricula_use_every_rule_and_one_is_still_a_draft() -> None:
    assert len(CURRICULA) == 6
    states = Counter(curriculum["state"] for curriculum in CURRICULA.values())
    assert states == {"published": 5, "draft": 1}
    sets = [part for curriculum in CURRICULA.values() for part in curriculum["set"]]
    assert {part["rule"] for part in sets} == {"all_in_order", "all", "at_least_n", "min_points"}
    for part in sets:
        assert set(part["courses"]) <= set(COURSES)
        if part["rule"] == "at_least_n":
            assert 1 <= part["n"] <= len(part["courses"])
        if part["rule"] == "min_points":
            assert set(part["points"]) == set(part["courses"])
            assert part["min_points"] <= sum(part["points"].values())


def test_rollouts_name_tools_teams_and_curricula_and_two_people_answer_for_an_override() -> None:
    for rollout in ROLLOUTS:
        assert rollout["tool"] in {tool["key"] for tool in TOOLS}
        assert set(rollout["teams"]) <= set(TEAMS)
        assert {CURRICULA[key]["state"] for key in rollout["curricula"]} == {"published"}
        assert rollout["go_live_in_days"] > 0
        for override in rollout.get("override", []):
            assert override["team"] in rollout["teams"]
            two = {override["requested_by"], override["approved_by"]}
            assert len(two) == 2
            assert all("manager" in PEOPLE[email]["roles"] for email in two)
            assert override["expires_in_days"] > rollout["go_live_in_days"]


def test_sessions_are_held_by_colleagues_who_learn_what_they_are_about() -> None:
    for session in SESSIONS:
        assert session["in_days"] > 0
        assert session["trainer"] in PEOPLE
        assert session["course"] in COURSES
        assert set(session.get("cancelled", [])) <= set(session["booked"]) <= set(PEOPLE)
        assert {post["author"] for post in session["post"]} <= {
            session["trainer"],
            *session["booked"],
        }
    assert any(len(session["booked"]) > session["capacity"] for session in SESSIONS)


def test_a_quiz_stands_before_a_course_that_those_who_try_it_still_learn() -> None:
    for quiz in QUIZZES:
        units = {unit["key"]: unit["kind"] for unit in COURSES[quiz["course"]]["units"]}
        assert units[quiz["unit"]] == "quiz"
        assert len({question["text"] for question in quiz["question"]}) == len(quiz["question"])
        for attempt in quiz["attempt"]:
            assert attempt["wrong"] <= len(quiz["question"])
            assert any(
                attempt["person"] in assigned(assignment)
                and quiz["course"] in courses_of(CURRICULA[assignment["curriculum"]])
                for assignment in ASSIGNMENTS
            )


def test_nobody_is_assigned_the_same_curriculum_twice() -> None:
    pairs = Counter(
        (assignment["curriculum"], email)
        for assignment in ASSIGNMENTS
        for email in assigned(assignment)
    )
    assert [pair for pair, times in pairs.items() if times > 1] == []
    assert {email for _, email in pairs} <= set(PEOPLE)


def test_progress_is_told_of_assigned_people_and_agrees_with_the_rules() -> None:
    for assignment in ASSIGNMENTS:
        curriculum = CURRICULA[assignment["curriculum"]]
        assert curriculum["state"] == "published"
        assert "trainer" in PEOPLE[assignment["assigned_by"]]["roles"]
        named = list(assignment.get("completed", []))
        for row in assignment.get("enough", []):
            named.append(row["person"])
            assert set(row["courses"]) <= set(courses_of(curriculum))
            assert satisfies(curriculum, row["courses"]), row
        for row in assignment.get("partly", []):
            named.append(row["person"])
            assert row["courses"]
            assert set(row["courses"]) <= set(courses_of(curriculum))
            assert not satisfies(curriculum, row["courses"]), row
            for unit in row.get("units", []):
                course, key = unit.split("/")
                assert course in courses_of(curriculum)
                assert course not in row["courses"]
                assert key in {item["key"] for item in COURSES[course]["units"]}
        for row in [*assignment.get("suspended", []), *assignment.get("withdrawn", [])]:
            named.append(row["person"])
            assert row["reason"]
        assert len(named) == len(set(named))
        assert set(named) <= set(assigned(assignment))


def test_assignments_come_in_every_state_and_with_every_due_policy() -> None:
    for told in ("completed", "enough", "partly", "suspended", "withdrawn"):
        assert any(assignment.get(told) for assignment in ASSIGNMENTS), told
    assert any(assignment.get("starts_in_days", 0) > 0 for assignment in ASSIGNMENTS)
    due = [assignment["due"] for assignment in ASSIGNMENTS]
    assert {item["policy"] for item in due} == {"fixed", "after_assignment", "after_hire"}
    assert any(item.get("due_in_days", 0) < 0 for item in due)
    assert all(
        ("due_in_days" in item) == (item["policy"] == "fixed") != ("days" in item) for item in due
    )


def test_customers_are_invented_and_say_so() -> None:
    for customer in CUSTOMERS.values():
        assert customer["fictitious"] is True
        assert all(email.endswith(".example") for email in customer["emails"])
    used = Counter(handover["customer"] for handover in HANDOVERS)
    assert set(used) == set(CUSTOMERS)
    assert max(used.values()) >= 2


def test_twenty_five_handovers_come_in_every_state_and_four_languages() -> None:
    assert len(HANDOVERS) == 25
    assert {handover["state"] for handover in HANDOVERS} == HANDOVER_STATES
    assert {handover["engagement_type"] for handover in HANDOVERS} == ENGAGEMENT_TYPES
    languages = Counter(handover["language"] for handover in HANDOVERS)
    assert set(languages) == {"da", "nb", "sv", "en"}
    assert max(languages.values()) - min(languages.values()) <= 1
    currencies = {handover["currency"] for handover in HANDOVERS if "currency" in handover}
    assert currencies == {"NOK", "SEK", "DKK", "EUR"}


def test_promises_are_kept_broken_released_declined_and_made_under_conditions() -> None:
    promises = [promise for handover in HANDOVERS for promise in handover["promise"]]
    stances = {promise["read_back"]["stance"] for promise in promises if "read_back" in promise}
    outcomes = {promise["outcome"]["state"] for promise in promises if "outcome" in promise}
    assert stances == {"promise", "conditional", "decline"}
    assert outcomes == {"kept", "broken", "released"}
    assert {promise["kind"] for promise in promises} == PROMISE_KINDS
    assert {promise["channel"] for promise in promises} == CHANNELS


@each_handover
def test_a_handover_refers_only_to_what_exists(handover: Data) -> None:
    assert (CONTENT / "handovers" / f"{handover['key']}.toml").exists()
    assert handover["key"].startswith(handover["language"] + "-")
    assert handover["customer"] in CUSTOMERS
    assert "seller" in PEOPLE[handover["seller"]]["roles"]
    if lead := handover.get("delivery_lead"):
        assert "delivery" in PEOPLE[lead]["roles"]
        assert lead != handover["seller"]
    names = {person["name"] for person in handover["stakeholder"]}
    keys = [promise["key"] for promise in handover["promise"]]
    assert len(keys) == len(set(keys))
    for promise in handover["promise"]:
        assert promise["said_by"] in PEOPLE
        assert promise["said_to"] in names
    for entry in handover["log"]:
        assert entry["author"] in {"seller", "lead"} | set(PEOPLE)
        assert set(entry.get("affects", [])) <= set(keys)
    for unknown in handover.get("unknown", []):
        assert unknown["owner"] in PEOPLE
    for need in handover.get("competence_need", []):
        assert need["competence"] in COMPETENCES
        for staffing in need.get("staffing", []):
            assert staffing["person"] in PEOPLE
        if waiver := need.get("waiver"):
            assert "manager" in PEOPLE[waiver["by"]]["roles"]
            assert waiver["by"] not in (handover["seller"], handover["delivery_lead"])


@each_handover
def test_a_handover_keeps_to_the_values_that_the_service_knows(handover: Data) -> None:
    assert 3 <= len(handover["title"]) <= 200
    assert handover.get("risk", "green") in {"green", "watch", "red"}
    assert ("amount" in handover) == ("currency" in handover)
    assert handover.get("planned_end_in_days", 10_000) >= handover["planned_start_in_days"]
    assert 2 <= len(handover["stakeholder"]) <= 4
    assert 2 <= len(handover["promise"]) <= 5
    assert 3 <= len(handover["log"]) <= 8
    for person in handover["stakeholder"]:
        assert person["role"] in STAKEHOLDER_ROLES
        assert person["email"].endswith(".example")
        assert person["phone"].startswith("+")
        assert person["preferences"]
    for promise in handover["promise"]:
        assert promise["kind"] in PROMISE_KINDS
        assert promise["channel"] in CHANNELS
        assert promise["said_days_ago"] > 0
        assert promise["due_in_days"] > -promise["said_days_ago"]
        assert promise["statement"]
        assert promise["done_when"]
    for entry in handover["log"]:
        assert entry["kind"] in LOG_KINDS
        assert entry["phase"] in {"before", "during", "after"}
        assert entry["days_ago"] >= 0
    days = [entry["days_ago"] for entry in handover["log"]]
    assert days == sorted(days, reverse=True)
    for need in handover.get("competence_need", []):
        assert 1 <= need["level"] <= 5
        assert need["headcount"] >= 1
        assert need["from_in_days"] <= need["to_in_days"]
        assert need["why"]


@each_handover
def test_what_was_submitted_is_filled_in_or_declared_unknown(handover: Data) -> None:
    if handover["state"] == "draft" or handover.get("cancelled_from") == "draft":
        return
    unknown = {item["what"] for item in handover.get("unknown", [])}
    assert unknown <= set(MAY_BE_UNKNOWN)
    assert unknown == {what for what, key in MAY_BE_UNKNOWN.items() if key not in handover}
    for field in (*SBAR, "out_of_scope", "risk", "delivery_lead", "competence_need"):
        assert handover[field]
    assert any(person["role"] == "economic_buyer" for person in handover["stakeholder"])
    for item in handover.get("unknown", []):
        assert item["reason"]
        assert item["due_in_days"] > 0


@each_handover
def test_the_state_of_a_handover_is_borne_out_by_what_it_holds(handover: Data) -> None:
    state = handover["state"]
    assert ("gaps" in handover) == (state == "returned")
    assert ("cancelled_from" in handover) == (state == "cancelled")
    assert ("cancellation_reason" in handover) == (state == "cancelled")
    walkthrough = handover.get("walkthrough", {})
    assert ("notes" in walkthrough) == (walkthrough.get("in_days", 0) < 0)
    if state in ACCEPTED_ONCE:
        assert walkthrough["notes"]
        assert walkthrough["in_days"] < handover["planned_start_in_days"]
    assert ("closed_by" in handover) == (state == "closed")
    if state == "closed":
        assert "manager" in PEOPLE[handover["closed_by"]]["roles"]
        assert handover["outcome"]
    if outcome := handover.get("outcome"):
        assert state in DELIVERED
        assert outcome["lessons"]
        assert 0 < outcome["ended_days_ago"] < -handover["planned_start_in_days"]
    phases = {entry["phase"] for entry in handover["log"]}
    if state not in {"in_delivery", *DELIVERED}:
        assert phases == {"before"}
    if state in DELIVERED:
        assert phases == {"before", "during", "after"}
        assert handover["planned_end_in_days"] < 0
    if state in {"in_delivery", *DELIVERED}:
        assert handover["is_won"] is True
        assert handover["planned_start_in_days"] < 0
    else:
        assert handover["planned_start_in_days"] > 0


@each_handover
def test_promises_are_read_back_and_looked_back_on_as_far_as_the_handover_came(
    handover: Data,
) -> None:
    state = handover["state"]
    for promise in handover["promise"]:
        read_back = promise.get("read_back")
        if state in ACCEPTED_ONCE:
            assert read_back
            assert read_back["stance"] != "decline"
        elif state != "in_review":
            assert not read_back
        if read_back:
            assert read_back["restated"] != promise["statement"]
            assert ("condition" in read_back) == (read_back["stance"] == "conditional")
        if state in DELIVERED:
            assert promise["outcome"]["note"]
        elif state != "in_delivery":
            assert "outcome" not in promise


@each_handover
def test_estimates_are_in_order_and_say_what_it_took_as_far_as_the_handover_came(
    handover: Data,
) -> None:
    estimates = handover.get("estimate", [])
    if handover["engagement_type"] == "fixed_price" and handover["state"] != "draft":
        assert len(estimates) >= 2
    for estimate in estimates:
        assert estimate["estimated_by"] in PEOPLE
        points = [estimate[f"{point}_hours"] for point in ("optimistic", "likely", "pessimistic")]
        assert 0 < points[0] <= points[1] <= points[2]
        if handover["state"] in DELIVERED:
            assert estimate["actual_hours"] > 0
        elif handover["state"] != "in_delivery":
            assert "actual_hours" not in estimate


def test_customers_are_heard_of_what_is_delivered_and_not_all_of_it_may_be_shared() -> None:
    voices = [(handover, voice) for handover in HANDOVERS for voice in handover.get("voice", [])]
    assert {voice["may_share"] for _, voice in voices} == {True, False}
    for handover, voice in voices:
        assert handover["state"] in {"in_delivery", "completed", "closed"}
        assert voice["said_by"] in {one["name"] for one in handover["stakeholder"]}
    measures = [measure for handover in HANDOVERS for measure in handover.get("measure", [])]
    assert {measure["target"] > measure["baseline"] for measure in measures} == {True, False}


def test_past_estimates_are_enough_to_calibrate_by_and_made_by_colleagues() -> None:
    columns = PastColumns(**PAST_COLUMNS)
    table = read_csv((CONTENT / "past-estimates.csv").read_bytes())
    rows = list(past_estimates(table, columns, Usual(decimal_mark=",")))
    assert [row.problems for row in rows if row.told is None] == []
    told = [row.told for row in rows if row.told is not None]
    assert {one.estimator for one in told} <= PEOPLE.keys()
    assert {one.basis for one in told} == set(Basis)
    kinds = {e["kind"] for handover in HANDOVERS for e in handover.get("estimate", [])}
    of_a_kind = Counter(one.kind for one in told)
    assert min(of_a_kind.values()) >= SUFFICIENT
    assert of_a_kind.keys() <= kinds


@each_handover
def test_a_promise_is_released_only_with_the_customers_consent_in_the_log(handover: Data) -> None:
    for promise in handover["promise"]:
        if promise.get("outcome", {}).get("state") == "released":
            consent = [log for log in handover["log"] if promise["key"] in log.get("affects", [])]
            assert [log["kind"] for log in consent] == ["decision"]


@each_handover
def test_no_text_is_a_placeholder_or_names_a_day_that_will_pass(handover: Data) -> None:
    for text in texts(handover):
        assert len(text.strip()) > 1
        assert not PLACEHOLDER.search(text)
        assert not WEEKDAY.search(text)


def test_some_competence_needs_are_covered_and_some_are_not() -> None:
    held = competences_held()

    def covered(need: Data) -> bool:
        able = [email for email in held if held[email].get(need["competence"], 0) >= need["level"]]
        return len(able) >= int(need["headcount"])

    needs = [need for handover in HANDOVERS for need in handover.get("competence_need", [])]
    answers = Counter(covered(need) for need in needs)
    assert answers[True] >= 5
    assert answers[False] >= 5
