"""The demo company's content, as it stands in the files beside this one (content/README.md)."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

Data = dict[str, Any]


@dataclass(frozen=True)
class Content:
    """Everything that is sent."""

    company: Data
    tools: list[Data]
    courses: list[Data]
    curricula: list[Data]
    assignments: list[Data]
    sessions: list[Data]
    quizzes: list[Data]
    rollouts: list[Data]
    customers: list[Data]
    handovers: list[Data]
    past_estimates: bytes

    @property
    def name(self) -> str:
        """The company's name."""
        name: str = self.company["organization"]["name"]
        return name

    @property
    def people(self) -> dict[str, Data]:
        """The company's people by e-mail address."""
        return {person["email"]: person for person in self.company["person"]}


@cache
def content() -> Content:
    """Read once."""
    folder = files("services.demo") / "content"

    def read(name: str) -> Data:
        return _toml(folder / f"{name}.toml")

    handovers = sorted((folder / "handovers").iterdir(), key=lambda file: file.name)
    return Content(
        company=read("people"),
        tools=read("tools")["tool"],
        courses=read("courses")["course"],
        curricula=read("curricula")["curriculum"],
        assignments=read("assignments")["assignment"],
        sessions=read("sessions")["session"],
        quizzes=read("quizzes")["quiz"],
        rollouts=read("rollouts")["rollout"],
        customers=read("customers")["customer"],
        handovers=[_toml(file) for file in handovers],
        past_estimates=(folder / "past-estimates.csv").read_bytes(),
    )


def _toml(file: Traversable) -> Data:
    return tomllib.loads(file.read_text(encoding="utf-8"))
