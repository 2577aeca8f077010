"""The documents say what the code does: tables are made from it, links lead somewhere.

`python tests/test_documents.py` writes the tables anew.
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from pydantic_core import PydanticUndefined

from services.chassis.embedded import default_data_dir
from services.chassis.events import Event
from services.chassis.problems import STATUS, MethodNotAllowed, documented
from services.chassis.settings import SERVICES, Settings
from services.chassis.tables import Row

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("migrations/*.md")],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)


def table(head: str, rows: list[tuple[str, ...]]) -> str:
    lines = [head, "|" + "---|" * (head.count("|") - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


# --- settings -------------------------------------------------------------------------------------


def settings_table() -> str:
    rows = [
        (f"`{variable(name)}`", default_of(name), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return table("| variable | default | meaning |", rows)


def variable(name: str) -> str:
    return f"{Settings.model_config['env_prefix']}{name}".upper()


def default_of(name: str) -> str:
    field = Settings.model_fields[name]
    if field.default_factory is default_data_dir:
        return "`/var/lib/stafett` for root, else in the user's data directory"
    value = [] if field.default is PydanticUndefined else field.default
    return f"`{value}`" if value not in (None, []) else ""


# --- problems -------------------------------------------------------------------------------------


def problems_table() -> str:
    for service in SERVICES:
        importlib.import_module(f"services.{service}.app")
    rows = []
    for slug, kind in documented().items():
        status = 405 if kind is MethodNotAllowed else status_of(kind)
        rows.append((str(status), f"`/problems/{slug}`", kind.title, kind.explanation))
    return table("| status | type | title | meaning |", sorted(rows))


def status_of(kind: type[Any]) -> int:
    return next((STATUS[base] for base in kind.__mro__ if base in STATUS), 500)


# --- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """An event type, when it is written, and the names of what its data holds."""

    type: str
    when: str
    data: str


class Anything:
    """Stands for what an event tells of: only the names that are told are looked at."""

    def __getattr__(self, name: str) -> "Anything":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: object) -> "Anything":
        return self


# Written by a statement of their own, not by a function of events.py.
BY_STATEMENT = {
    "onboarding": [
        Told(
            "assignment.created",
            "A curriculum was assigned to a person",
            "assignment_id, person_id, curriculum_id, due_on",
        ),
        Told(
            "assignment.changed",
            "It was assigned once more: a further source, an earlier due date or start",
            "assignment_id, person_id, curriculum_id, due_on",
        ),
        Told(
            "assignment.migrated",
            "A learner went on to a later version; `dropped` are the passed items that it does not hold",
            "assignment_id, person_id, curriculum_id, due_on, dropped, before (curriculum_version, "
            "state, items_done), after (curriculum_version, state, items_done)",
        ),
        Told(
            "reminder.due",
            "Somebody is to be told of a day that concerns them: an assignment's due date, a certificate's window or end, "
            "the end of an offer of a seat or of an override",
            "reminder_id, person_id, kind, step, title, due_on; and of what it is about: assignment_id, cycle, "
            "curriculum_id; certificate_id, competence, level, curriculum_id; booking_id, session_id, expires_at; "
            "override_id, rollout_id, team_id",
        ),
    ]
}
VERBS = re.compile(r": ([a-z-]+\.[a-z-]+(?:, \.[a-z-]+)*)\.$")


def events_of(service: str) -> list[Told]:
    module = importlib.import_module(f"services.{service}.events")
    told = list(BY_STATEMENT.get(service, []))
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            told += told_by(function)
    return sorted(told, key=lambda event: event.type)


def told_by(function: Callable[..., Event]) -> Iterator[Told]:
    event = example_of(function)
    text = inspect.getdoc(function) or ""
    data = ", ".join(names_in(event.body()))
    verbs = VERBS.search(text)
    if "{verb}" not in event.type:
        yield Told(event.type, text.rstrip("."), data)
        return
    assert verbs, f"{function.__name__} says for which verbs it stands"
    noun = event.type.partition(".")[0]
    for verb in verbs[1].split(", "):
        yield Told(f"{noun}.{verb.partition('.')[2]}", text[: verbs.start()], data)


def example_of(function: Callable[..., Event]) -> Event:
    kinds = get_type_hints(function)
    given: dict[str, Any] = {}
    for name in inspect.signature(function).parameters:
        given[name] = (
            "{verb}" if kinds[name] is str else {} if name in ("before", "after") else None
        )
    try:
        rows = {n: empty(kinds[n]) for n, v in given.items() if v is None and is_row(kinds[n])}
        return function(
            **{n: rows.get(n, Anything() if v is None else v) for n, v in given.items()}
        )
    except AttributeError:  # something that is told about an empty row is not there
        return function(**{n: Anything() if v is None else v for n, v in given.items()})


def is_row(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Row)


def empty(kind: type[Row]) -> Row:
    return kind(**{**dict.fromkeys(kind.model_fields), "version": 1})


def names_in(data: Mapping[str, Any]) -> Iterator[str]:
    for name, value in data.items():
        inner = ", ".join(names_in(value)) if isinstance(value, Mapping) else ""
        yield f"{name} ({inner})" if inner else name


def listeners_to(source: str) -> dict[str, list[str]]:
    heard: dict[str, list[str]] = {}
    for service in SERVICES:
        if (ROOT / f"services/{service}/listeners.py").exists():
            module = importlib.import_module(f"services.{service}.listeners")
            for type in module.FOLLOWS.get(source, {}):
                heard.setdefault(type, []).append(service)
    return heard


def events_tables() -> str:
    parts = []
    for service in SERVICES:
        heard = listeners_to(service)
        rows = [
            (f"`{event.type}`", event.when, event.data, ", ".join(heard.get(event.type, [])))
            for event in events_of(service)
        ]
        parts.append(f"## {service}\n\n" + table("| type | when | data | heard by |", rows))
    return "\n\n".join(parts)


# --- the tests ------------------------------------------------------------------------------------

MADE: Mapping[str, tuple[str, Callable[[], str]]] = {
    "settings": ("README.md", settings_table),
    "problems": ("docs/problems.md", problems_table),
    "events": ("docs/events.md", events_tables),
}


def marked(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name}: .* -->\n)(.*?)(\n<!-- /{name} -->)", re.DOTALL)


@pytest.mark.parametrize("name", MADE)
def test_a_table_in_the_documents_says_what_the_code_does(name: str) -> None:
    path, make = MADE[name]
    found = marked(name).search((ROOT / path).read_text())
    assert found, f"{path} has no place for the {name}"
    assert found[2].strip() == make(), "write it anew: python tests/test_documents.py"


def test_every_setting_says_what_it_means() -> None:
    unsaid = [name for name, field in Settings.model_fields.items() if not field.description]
    assert unsaid == []


def test_every_problem_type_says_what_it_means() -> None:
    assert [slug for slug, kind in documented().items() if not kind.explanation] == []


def test_every_event_type_that_the_code_names_is_documented() -> None:
    known = {event.type for service in SERVICES for event in events_of(service)}
    nouns = "|".join(sorted({type.partition(".")[0] for type in known}))
    named = re.compile(rf"""["']((?:{nouns})\.[a-z]+(?:-[a-z]+)*)["']""")
    sources = [p for s in SERVICES for p in (ROOT / "services" / s).rglob("*.py")]
    sources += (ROOT / "services/chassis").glob("*.py")
    used = {type for path in sources for type in named.findall(path.read_text())}
    assert used - known == set()


def test_every_event_that_a_service_listens_to_is_published() -> None:
    for service in SERVICES:
        published = {event.type for event in events_of(service)}
        assert set(listeners_to(service)) <= published


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_map_names_every_decision() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    decisions = (ROOT / "docs/decisions").glob("*.md")
    assert [page.name for page in decisions if f"(decisions/{page.name})" not in text] == []


def write() -> None:
    """Put the tables into the documents."""
    for name, (path, make) in MADE.items():
        file = ROOT / path
        file.write_text(
            marked(name).sub(
                lambda found, make=make: found[1] + make() + found[3], file.read_text()
            )
        )


if __name__ == "__main__":
    write()
