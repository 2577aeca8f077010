"""The demo company's sessions, quizzes and rollouts: what leads up to the day on which a tool goes live."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from services.demo.content import Data, content

if TYPE_CHECKING:
    from services.demo.loader import Sender

# From a draft to where it shall be brought.
_MOVES = {"draft": (), "planned": ("planning",), "training": ("planning", "training")}


async def send(sender: "Sender", trainer: str) -> None:
    """After tools, courses and assignments: a quiz that stood before a course would stop who has done it already."""
    courses = await _ids(sender, trainer, "courses")
    await asyncio.gather(
        *(_session(sender, session, courses) for session in content().sessions),
        *(_quiz(sender, trainer, quiz, courses) for quiz in content().quizzes),
    )
    tools = await _ids(sender, trainer, "tools")
    curricula = await _ids(sender, trainer, "curricula")
    await asyncio.gather(
        *(_rollout(sender, rollout, tools, curricula) for rollout in content().rollouts)
    )


async def _ids(sender: "Sender", trainer: str, what: str) -> dict[str, str]:
    found = await sender.get(trainer, f"/v1/{what}", limit=200)
    return {one["key"]: one["id"] for one in found["items"]}


async def _session(sender: "Sender", told: Data, courses: dict[str, str]) -> None:
    starts_at = datetime.combine(
        sender.today + timedelta(days=told["in_days"]),
        time.fromisoformat(told["at"]),
        ZoneInfo(told["tz"]),
    )
    given = ("title", "description", "tz", "place", "link", "capacity")
    body = {name: told[name] for name in given if name in told} | {
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(minutes=told["minutes"])).isoformat(),
        "trainer_id": str(sender.who(told["trainer"]).id),
        "course_id": courses[told["course"]],
    }
    # Trainers plan sessions, also those that somebody else holds.
    made = await sender.post(next(_trainers()), "/v1/sessions", body)
    path = f"/v1/sessions/{made['id']}"
    bookings = {}
    # One after the other: the order decides who waits.
    for email in told["booked"]:
        bookings[email] = (await sender.post(email, f"{path}/bookings", {}))["id"]
    for email in told.get("cancelled", []):
        await sender.post(email, f"{path}/bookings/{bookings[email]}/cancellation", {})
    for post in told["post"]:
        await sender.post(post["author"], f"{path}/posts", {"text": post["text"]})
    sender.done("sessions", len(content().sessions))


def _trainers() -> Iterator[str]:
    return (p["email"] for p in content().company["person"] if "trainer" in p.get("roles", []))


async def _quiz(sender: "Sender", trainer: str, told: Data, courses: dict[str, str]) -> None:
    named = {name: told[name] for name in ("key", "title")}
    bank = await sender.post(trainer, "/v1/question-banks", named)
    for question in told["question"]:
        body = {
            "kind": "true_false",
            "text": {"text": question["text"]},
            "content": {"answer": question["answer"]},
            "general_feedback": {"text": question["why"]},
        }
        await sender.post(trainer, f"/v1/question-banks/{bank['id']}/questions", body)
    rules = {name: told[name] for name in ("pass_mark", "max_attempts")}
    where = {"course_id": courses[told["course"]], "unit_key": told["unit"]}
    body = {**named, **rules, **where, "question_bank_id": bank["id"]}
    made = await sender.post(trainer, "/v1/assessments", body)
    await sender.post(trainer, f"/v1/assessments/{made['id']}/publication")
    right = {question["text"]: question["answer"] for question in told["question"]}
    for attempt in told["attempt"]:
        await _attempt(sender, made["id"], attempt, right)
    sender.done("quizzes", len(content().quizzes))


async def _attempt(
    sender: "Sender", assessment_id: str, told: Data, right: dict[str, bool]
) -> None:
    begun = await sender.post(told["person"], f"/v1/assessments/{assessment_id}/attempts", {})
    if not told["submitted"]:
        return
    answers = {
        question["key"]: right[question["text"]["text"]] is (number >= told["wrong"])
        for number, question in enumerate(begun["questions"])
    }
    await sender.post(
        told["person"], f"/v1/attempts/{begun['id']}/submission", {"answers": answers}
    )


async def _rollout(
    sender: "Sender", told: Data, tools: dict[str, str], curricula: dict[str, str]
) -> None:
    teams = sender.company.teams
    body = {
        "tool_id": tools[told["tool"]],
        "team_ids": [str(teams[key]) for key in told["teams"]],
        "go_live_on": sender.day(told["go_live_in_days"]),
        "gate": {
            "min_pct": told["min_pct"],
            "requires": {"curricula": [curricula[key] for key in told["curricula"]]},
        },
    }
    made = await sender.post(told["by"], "/v1/rollouts", body)
    path = f"/v1/rollouts/{made['id']}"
    for move in _MOVES[told["state"]]:
        await sender.post(told["by"], f"{path}/{move}")
    for override in told.get("override", []):
        asked = {name: override[name] for name in ("reason", "mitigation")} | {
            "team_id": str(teams[override["team"]]),
            "expires_on": sender.day(override["expires_in_days"]),
        }
        given = await sender.post(override["requested_by"], f"{path}/overrides", asked)
        await sender.post(override["approved_by"], f"{path}/overrides/{given['id']}/approval", {})
    sender.done("rollouts", len(content().rollouts))
