"""Courses, curricula and assignments, made through the API as people make them."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from services.chassis.database import reader_of
from services.chassis.tables import new_id
from services.onboarding.domain.reminding import remind_due
from tests.conftest import Firm, Person


def made(response: httpx.Response, status: int = 201) -> dict[str, Any]:
    """The body of an answer that had to succeed."""
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    return body


def a_key(word: str) -> str:
    return f"{word}-{new_id().hex[-8:]}"


def unit(key: str = "read", minutes: int = 20, **fields: Any) -> dict[str, Any]:
    return {"key": key, "kind": "reading", "title": "Read it", "minutes": minutes, **fields}


async def course(person: Person, **fields: Any) -> dict[str, Any]:
    """A course without a version."""
    given = {"key": a_key("course"), "title": "The customer at the counter", **fields}
    return made(await person.post("/v1/courses", given))


async def course_draft(person: Person, course: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A draft version of a course."""
    given = {"units": [unit()], **fields}
    return made(await person.post(f"/v1/courses/{course['id']}/versions", given))


async def published_course(
    firm: Firm, *, competence: str | None = None, level: int = 2, minutes: int = 20, **fields: Any
) -> dict[str, Any]:
    """A course whose first version is published."""
    new = await course(firm.trainer, **fields)
    grants = None if competence is None else {"competence": competence, "level": level}
    await course_draft(firm.trainer, new, units=[unit(minutes=minutes)], grants=grants)
    made(await firm.trainer.post(f"/v1/courses/{new['id']}/versions/1/publication"), 200)
    return new


def course_set(*courses: dict[str, Any], rule: str = "all", **fields: Any) -> dict[str, Any]:
    return {
        "key": a_key("set"),
        "title": "Before the start",
        "rule": rule,
        "courses": [{"course_id": c["id"], "points": c.get("points")} for c in courses],
        **fields,
    }


async def curriculum(firm: Firm, **fields: Any) -> dict[str, Any]:
    """A curriculum without a version."""
    given = {"key": a_key("curriculum"), "title": "At the front desk", **fields}
    return made(await firm.trainer.post("/v1/curricula", given))


async def published_curriculum(firm: Firm, *sets: dict[str, Any]) -> dict[str, Any]:
    """A curriculum whose first version is published; with one course unless sets are given."""
    tree = list(sets) or [course_set(await published_course(firm))]
    new = await curriculum(firm)
    path = f"/v1/curricula/{new['id']}/versions"
    made(await firm.trainer.post(path, {"sets": tree}))
    made(await firm.trainer.post(f"{path}/1/publication"), 200)
    return new


async def assignment(
    firm: Firm, curriculum: dict[str, Any], person: Person | None = None, **fields: Any
) -> dict[str, Any]:
    """The curriculum assigned to a person: the learner, unless another one is given."""
    given = {
        "curriculum_id": curriculum["id"],
        "person_id": str((person or firm.learner).id),
        **fields,
    }
    return made(await firm.trainer.post("/v1/assignments", given))


async def audience(firm: Firm, rule: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An audience by a rule."""
    return made(await firm.trainer.post("/v1/audiences", {"name": "Those", "rule": rule, **fields}))


async def assignment_rule(
    firm: Firm, audience: dict[str, Any], curriculum: dict[str, Any], **fields: Any
) -> dict[str, Any]:
    """A rule that assigns the curriculum to the audience, active unless it is said otherwise."""
    given = {
        "name": "They learn it",
        "audience_id": audience["id"],
        "curriculum_id": curriculum["id"],
        **fields,
    }
    return made(await firm.trainer.post("/v1/assignment-rules", given))


def completion_path(assignment: dict[str, Any], item: dict[str, Any] | str) -> str:
    key = item if isinstance(item, str) else item["key"]
    return f"/v1/assignments/{assignment['id']}/items/{key}/completion"


async def policy(firm: Firm, **fields: Any) -> dict[str, Any]:
    """A certification policy: two years unless it says otherwise."""
    given = {"valid_months": None if "valid_days" in fields else 24, **fields}
    return made(await firm.trainer.post("/v1/certification-policies", given))


async def certified(
    firm: Firm, competence: str, person: Person | None = None, **fields: Any
) -> dict[str, Any]:
    """The certificate of a competence that the person, the learner by default, has just earned."""
    taught = await published_course(firm, competence=competence, **fields)
    who = person or firm.learner
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)), who)
    made(await who.post(completion_path(given, taught)), 200)
    asked = await who.get("/v1/certificates", competence=competence)
    certificate: dict[str, Any] = made(asked, 200)["items"][0]
    return certificate


async def managed(firm: Firm, *people: Person, by: Person | None = None) -> None:
    """Make people the manager's own, or another one's."""
    for person in people:
        given = {"manager_id": str((by or firm.manager).id)}
        made(await firm.admin.patch(f"/v1/people/{person.id}", given), 200)
    await firm.product.catch_up()


async def told(firm: Firm, type: str) -> list[dict[str, Any]]:
    """What onboarding has told of one kind, oldest first."""
    found = made(await firm.admin.get("/v1/events", type=type, limit=200), 200)
    events: list[dict[str, Any]] = found["items"]
    return events


async def as_the_service(firm: Firm, statement: str) -> None:
    """Run a statement with the service's own role, as a faulty program could."""
    async with firm.product.database("onboarding").transaction(firm.organization_id) as session:
        await reader_of(session).connection.execute(statement)


async def aged(firm: Firm, certificate: dict[str, Any], days: int) -> None:
    """Let a certificate be as if it had been issued so many days earlier."""
    await as_the_service(
        firm,
        f"UPDATE certificate SET issued_on = issued_on - {days}, window_from = window_from - {days},"
        f" expires_on = expires_on - {days} WHERE id = '{certificate['id']}'",
    )


async def training_session(person: Person, **fields: Any) -> dict[str, Any]:
    """A session to come, with one seat unless `capacity` says otherwise."""
    given = {
        "title": "Returns without a receipt",
        "starts_at": "2199-03-25T09:00:00+01:00",
        "ends_at": "2199-03-25T10:30:00+01:00",
        "tz": "Europe/Oslo",
        "place": "Shop 12, back room",
        "capacity": 1,
        **fields,
    }
    return made(await person.post("/v1/sessions", given))


async def booking(
    person: Person, session: dict[str, Any], of: Person | None = None
) -> dict[str, Any]:
    """A booking of the person, or of somebody else by them."""
    given = {} if of is None else {"person_id": str(of.id)}
    return made(await person.post(f"/v1/sessions/{session['id']}/bookings", given))


def booking_path(booking: dict[str, Any], verb: str = "") -> str:
    path = f"/v1/sessions/{booking['session_id']}/bookings/{booking['id']}"
    return f"{path}/{verb}" if verb else path


async def tool(firm: Firm, **fields: Any) -> dict[str, Any]:
    """A tool of the trainer's, unless another owner is given."""
    return made(await firm.trainer.post("/v1/tools", {"key": a_key("tool"), "name": "T", **fields}))


async def rollout(
    firm: Firm, *curricula: dict[str, Any], min_pct: int = 90, **fields: Any
) -> dict[str, Any]:
    """A draft of a rollout to the firm's team, whose gate asks for the curricula."""
    given = {
        "tool_id": fields.pop("tool_id", None) or (await tool(firm))["id"],
        "team_ids": [str(firm.team_id)],
        "go_live_on": "2190-01-07",
        "gate": {"min_pct": min_pct, "requires": {"curricula": [c["id"] for c in curricula]}},
        **fields,
    }
    return made(await firm.trainer.post("/v1/rollouts", given))


async def in_training(firm: Firm, *curricula: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A rollout for which training has begun."""
    new = await rollout(firm, *curricula, **fields)
    made(await firm.trainer.post(f"/v1/rollouts/{new['id']}/planning"), 200)
    return made(await firm.trainer.post(f"/v1/rollouts/{new['id']}/training"), 200)


async def override(person: Person, rollout: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An override that a person asks for, of the rollout's first team."""
    given = {
        "team_id": rollout["team_ids"][0],
        "reason": "The fair opens on Monday.",
        "mitigation": "Ola stands beside her.",
        "expires_on": "2190-02-01",
        **fields,
    }
    return made(await person.post(f"/v1/rollouts/{rollout['id']}/overrides", given))


async def completed(firm: Firm, curriculum: dict[str, Any], *people: Person) -> None:
    """The curriculum assigned to people, and completed by each of them."""
    for person in people:
        given = await assignment(firm, curriculum, person)
        for course_set_ in given["sets"]:
            for item in course_set_["items"]:
                made(await person.post(completion_path(given, item)), 200)


async def question_bank(firm: Firm, *questions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A question bank, with the questions that are given."""
    given = {"key": a_key("bank"), "title": "The till and the customer", **fields}
    bank = made(await firm.trainer.post("/v1/question-banks", given))
    for one in questions:
        await bank_question(firm, bank, one)
    return bank


async def bank_question(
    firm: Firm, bank: dict[str, Any], given: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A question in a bank: the one that is given, or whether something is true."""
    path = f"/v1/question-banks/{bank['id']}/questions"
    return made(await firm.trainer.post(path, given or true_or_false()))


def true_or_false(text: str = "The customer comes first.", answer: bool = True) -> dict[str, Any]:
    return {"kind": "true_false", "text": {"text": text}, "content": {"answer": answer}}


async def assessment(firm: Firm, bank: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A published assessment of a bank."""
    given = {
        "key": a_key("assessment"),
        "title": "Do you know the till?",
        "question_bank_id": bank["id"],
        "pass_mark": 0.5,
        **fields,
    }
    new = made(await firm.trainer.post("/v1/assessments", given))
    return made(await firm.trainer.post(f"/v1/assessments/{new['id']}/publication"), 200)


async def attempt(person: Person, assessment: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An attempt that a person begins."""
    return made(await person.post(f"/v1/assessments/{assessment['id']}/attempts", fields))


async def handed_in(
    person: Person, attempt: dict[str, Any], answers: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An attempt, handed in with these answers."""
    path = f"/v1/attempts/{attempt['id']}/submission"
    return made(await person.post(path, {"answers": answers or {}}), 200)


async def gift(person: Person, bank: dict[str, Any], text: str | bytes, **params: Any) -> Any:
    """The answer to a GIFT file that is imported into a bank."""
    content = text.encode() if isinstance(text, str) else text
    return await person.upload(
        "/v1/imports/gift",
        {"file": ("questions.gift", content, "text/plain")},
        question_bank_id=bank["id"],
        **params,
    )


async def past_completion(
    firm: Firm, course: dict[str, Any], person: Person | None = None, day: str = "2024-03-17"
) -> dict[str, Any]:
    """A completion of the course from before Stafett: the learner's, unless another one is given."""
    row = f"email,course,completed_on\n{(person or firm.learner).email},{course['key']},{day}\n"
    files = {"file": ("completions.csv", row, "text/csv")}
    answer = made(await firm.trainer.upload("/v1/imports/completions", files), 200)
    [imported] = answer["rows"]
    assert imported["result"] == "created", imported
    result: dict[str, Any] = imported
    return result


async def course_of(
    firm: Firm, *kinds: str, competence: str | None = None, **fields: Any
) -> dict[str, Any]:
    """A published course with a unit of each kind."""
    new = await course(firm.trainer, **fields)
    units = [unit(f"unit-{n}", kind=kind) for n, kind in enumerate(kinds)]
    grants = None if competence is None else {"competence": competence, "level": 2}
    await course_draft(firm.trainer, new, units=units, grants=grants)
    made(await firm.trainer.post(f"/v1/courses/{new['id']}/versions/1/publication"), 200)
    return new


async def next_version(firm: Firm, curriculum: dict[str, Any], *sets: dict[str, Any]) -> int:
    """The number of a further published version of a curriculum, with these sets."""
    path = f"/v1/curricula/{curriculum['id']}/versions"
    number: int = made(await firm.trainer.post(path, {"sets": list(sets)}))["number"]
    made(await firm.trainer.post(f"{path}/{number}/publication"), 200)
    return number


async def migration(
    firm: Firm, curriculum: dict[str, Any], origin: int = 1, target: int = 2, **params: Any
) -> dict[str, Any]:
    """What it comes to that learners go on from one version to another."""
    given = {"from_version": origin, "to_version": target, **params.pop("body", {})}
    path = f"/v1/curricula/{curriculum['id']}/migrations"
    return made(await firm.trainer.post(path, given, **params), 200)


async def reminded(firm: Firm, moment: str) -> int:
    """Remind whoever has to be at a moment, in the firm's time; how many reminders that were."""
    now = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("Europe/Oslo"))
    async with firm.product.database("onboarding").transaction(firm.organization_id) as session:
        return await remind_due(session, now)
