"""The demo company's tools, courses, curricula and assignments: written by trainers, worked through by learners."""

import asyncio
from typing import TYPE_CHECKING, Any

from services.demo.content import Data, content

if TYPE_CHECKING:
    from services.demo.loader import Sender


async def send(sender: "Sender") -> None:
    """Tools and courses, then the curricula of them, then who is assigned what."""
    trainer = _trainer()
    await asyncio.gather(*(_tool(sender, trainer, tool) for tool in content().tools))
    courses = dict(
        await asyncio.gather(*(_course(sender, trainer, course) for course in content().courses))
    )
    curricula = dict(
        await asyncio.gather(
            *(_curriculum(sender, trainer, told, courses) for told in content().curricula)
        )
    )
    await asyncio.gather(
        *(_assign(sender, assignment, curricula) for assignment in content().assignments)
    )


def _trainer() -> str:
    return str(next(p["email"] for p in content().company["person"] if p.get("demo") == "trainer"))


async def _tool(sender: "Sender", trainer: str, tool: Data) -> None:
    owner = sender.who(tool["owner"]).id
    body = {name: value for name, value in tool.items() if name != "owner"}
    await sender.post(trainer, "/v1/tools", {**body, "owner_id": str(owner)})
    sender.done("tools", len(content().tools))


async def _course(sender: "Sender", trainer: str, course: Data) -> tuple[str, str]:
    body = {name: course[name] for name in ("key", "title", "language")}
    made = await sender.post(trainer, "/v1/courses", body)
    path = f"/v1/courses/{made['id']}/versions"
    units = [
        # A link says where; the content's are on the company's own pages.
        {**unit, "link": f"https://learn.stenvarde.example/{course['key']}/{unit['key']}"}
        if unit["kind"] == "external_link"
        else unit
        for unit in course["units"]
    ]
    version = {"units": units, "grants": course.get("grants")}
    await sender.post(trainer, path, version)
    await sender.post(trainer, f"{path}/1/publication")
    sender.done("courses", len(content().courses))
    return course["key"], made["id"]


async def _curriculum(
    sender: "Sender", trainer: str, told: Data, courses: dict[str, str]
) -> tuple[str, str]:
    body = {name: told[name] for name in ("key", "title", "language")}
    made = await sender.post(trainer, "/v1/curricula", body)
    path = f"/v1/curricula/{made['id']}/versions"
    sets = [_set(part, number, courses) for number, part in enumerate(told["set"], 1)]
    await sender.post(trainer, path, {"sets": sets})
    if told["state"] == "published":
        await sender.post(trainer, f"{path}/1/publication")
    sender.done("curricula", len(content().curricula))
    return told["key"], made["id"]


def _set(part: Data, number: int, courses: dict[str, str]) -> Data:
    points: dict[str, Any] = part.get("points", {})
    listed = [
        {"course_id": courses[key], **({"points": points[key]} if key in points else {})}
        for key in part["courses"]
    ]
    counted: Data = {name: part[name] for name in ("n", "min_points") if name in part}
    return {
        "key": f"part-{number}",
        "title": part["title"],
        "rule": part["rule"],
        "courses": listed,
        **counted,
    }


async def _assign(sender: "Sender", told: Data, curricula: dict[str, str]) -> None:
    """Assign it, then let each person come as far as it is told of them.

    The content tells of single units that were looked at, too; progress counts courses.
    """
    trainer = told["assigned_by"]
    due = {"kind": told["due"]["policy"]}
    if "due_in_days" in told["due"]:
        due["on"] = sender.day(told["due"]["due_in_days"])
    else:
        due["days"] = told["due"]["days"]
    body: Data = {"curriculum_id": curricula[told["curriculum"]], "due": due}
    if "starts_in_days" in told:
        body["starts_on"] = sender.day(told["starts_in_days"])
    if "team" in told:
        body["team_id"] = str(sender.company.teams[told["team"]])
    else:
        body["person_ids"] = [str(sender.who(email).id) for email in told["people"]]
    answer = await sender.post(trainer, "/v1/assignments/bulk", body)
    ids = {row["person_id"]: row["assignment_id"] for row in answer["rows"]}
    progress = Progress(sender, trainer, ids)
    curriculum = next(row for row in content().curricula if row["key"] == told["curriculum"])
    courses = [key for part in curriculum["set"] for key in part["courses"]]
    await asyncio.gather(
        *(progress.complete(email, courses) for email in told.get("completed", [])),
        *(progress.complete(row["person"], row["courses"]) for row in told.get("enough", [])),
        *(progress.complete(row["person"], row["courses"]) for row in told.get("partly", [])),
        *(progress.stop(row, "suspension") for row in told.get("suspended", [])),
        *(progress.stop(row, "withdrawal") for row in told.get("withdrawn", [])),
    )
    sender.done("assignments", len(content().assignments))


class Progress:
    """What learners and their trainer do with assignments, by the learner's address."""

    def __init__(self, sender: "Sender", trainer: str, assignments: dict[str, str]) -> None:
        self._sender, self._trainer, self._assignments = sender, trainer, assignments

    def _path(self, email: str) -> str:
        return f"/v1/assignments/{self._assignments[str(self._sender.who(email).id)]}"

    async def complete(self, email: str, courses: list[str]) -> None:
        """These courses are completed, one after the other, until no more is asked for: by the learner, or by the trainer
        where a course is a matter of having been there."""
        together = {
            course["key"]
            for course in content().courses
            if any(unit["kind"] == "topic_session" for unit in course["units"])
        }
        for key in courses:
            path = f"{self._path(email)}/items/{key}/completion"
            by = _trainer() if key in together else email
            if (await self._sender.post(by, path))["state"] == "completed":
                return

    async def stop(self, row: Data, how: str) -> None:
        """The trainer lets it rest, or takes it back."""
        body = {"reason": row["reason"]}
        await self._sender.post(self._trainer, f"{self._path(row['person'])}/{how}", body)
