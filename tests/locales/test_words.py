"""Codes that messages name have words, in every language: states, moves, roles and kinds of things."""

import importlib
import pkgutil
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest

import services
from services.chassis.caller import Role
from services.chassis.errors import Forbidden
from services.chassis.language import catalog, translate, word_for
from services.chassis.reads import Read
from services.locales.catalogs import LANGUAGES
from services.locales.words import WORDS


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def codes() -> set[str]:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if ".domain." in module.name or ".api." in module.name:
            importlib.import_module(module.name)
    named = [
        kind
        for kind in _below(StrEnum)
        if kind.__module__.startswith("services.")
        and kind.__name__.endswith(("State", "Move"))
        and kind.__name__ != "CoverageState"  # told in the words of the matrix
    ]
    return {str(code) for kind in (*named, Role) for code in kind} | {
        read.thing for read in Read.all
    }


def test_every_state_move_role_and_thing_has_a_word():
    assert {code.replace("_", " ") for code in codes()} <= {word.template for word in WORDS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_translated(language: Any):
    assert [word.template for word in WORDS if not catalog(language).get(word.template)] == []


def test_a_message_names_states_moves_roles_and_things_in_its_own_language():
    role = "This takes the role {roles}."
    assert translate("da", role, {"roles": (Role.trainer, Role.manager)}) == (
        "Dette kræver rollen uddannelsesansvarlig / leder."
    )
    assert translate("en", role, {"roles": (Role.trainer,)}) == "This takes the role trainer."
    # As the command line says it, which has no reader.
    refused = Forbidden(role, roles=(Role.trainer, Role.admin))
    assert str(refused) == "This takes the role trainer / admin."
    missing = "There is no such {thing}."
    assert translate("nb", missing, {"thing": "tool"}) == "Det finnes ikke (verktøy)."
    assert translate("sv", "{name}", {"name": "tool"}) == "tool"
    assert word_for("en", "go_live") == "go live"
    assert word_for("sv", "never heard") == "never heard"
