"""The missing list: what a handover must say before it is submitted. Short, and the same list everywhere.

It is in the error, in `GET …/readiness` and in docs/missing-list.md, which a test holds against this file.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from services.chassis.errors import FieldError, Invalid
from services.handover.domain.contents import Contents
from services.handover.domain.handover import EngagementType
from services.handover.domain.placeholder import is_placeholder
from services.handover.domain.stakeholder import DECIDING


class Item(StrEnum):
    """What the missing list can ask for; an unknown is declared by one of these keys."""

    situation = "situation"
    background = "background"
    assessment = "assessment"
    recommendation = "recommendation"
    out_of_scope = "out_of_scope"
    planned_start = "planned_start"
    planned_end = "planned_end"
    amount = "amount"
    deciding_stakeholder = "deciding_stakeholder"
    promises = "promises"
    estimates = "estimates"
    competence_needs = "competence_needs"


@dataclass(frozen=True, slots=True)
class Missing:
    """One gap: the item of the list, why it counts as missing, and where and what is asked."""

    item: Item
    reason: Literal["missing", "placeholder"]
    error: FieldError

    def told(self) -> dict[str, object]:
        """As a member of a problem: the template becomes text in the reader's language."""
        return {
            "item": self.item,
            "pointer": self.error.pointer,
            "reason": self.reason,
            "template": self.error.template,
            "params": self.error.params,
        }


_Find = Callable[[Contents], Iterator[Missing]]


@dataclass(frozen=True, slots=True)
class Rule:
    """An item, what it asks for in words, and for which engagement types."""

    item: Item
    asks: str
    types: frozenset[EngagementType]
    find: _Find


def _placeholder(item: Item, pointer: str) -> Missing:
    return Missing(
        item,
        "placeholder",
        FieldError(pointer, "A placeholder is no answer: say it, or say who finds out."),
    )


def _text(item: Item) -> _Find:
    def find(contents: Contents) -> Iterator[Missing]:
        said = getattr(contents.handover, item)
        if not said:
            yield Missing(item, "missing", FieldError(f"/{item}", "This is not filled in."))
        elif is_placeholder(said):
            yield _placeholder(item, f"/{item}")

    return find


def _value(item: Item) -> _Find:
    def find(contents: Contents) -> Iterator[Missing]:
        if getattr(contents.handover, item) is None:
            yield Missing(item, "missing", FieldError(f"/{item}", "This is not filled in."))

    return find


def _deciding_stakeholder(contents: Contents) -> Iterator[Missing]:
    item = Item.deciding_stakeholder
    deciding = [one for one in contents.stakeholders if one.role in DECIDING]
    if not deciding:
        yield Missing(
            item,
            "missing",
            FieldError(
                "/stakeholders",
                "Nobody who decides is named: an economic buyer or a decision maker.",
            ),
        )
    elif all(is_placeholder(one.name) for one in deciding):
        yield _placeholder(item, f"/stakeholders/{deciding[0].id}/name")


def _promises(contents: Contents) -> Iterator[Missing]:
    live = [promise for promise in contents.promises if promise.is_live]
    if not live:
        yield Missing(
            Item.promises, "missing", FieldError("/promises", "Not one promise is written down.")
        )
    for promise in live:
        for field in ("statement", "done_when"):
            if is_placeholder(getattr(promise, field)):
                yield _placeholder(Item.promises, f"/promises/{promise.id}/{field}")


def _estimates(contents: Contents) -> Iterator[Missing]:
    if not any(estimate.is_live for estimate in contents.estimates):
        yield Missing(
            Item.estimates,
            "missing",
            FieldError("/estimates", "Nobody has estimated what it takes."),
        )


def _competence_needs(contents: Contents) -> Iterator[Missing]:
    if not contents.competence_needs:
        yield Missing(
            Item.competence_needs,
            "missing",
            FieldError("/competence-needs", "It does not say what people must be able to do."),
        )


_ALL = frozenset(EngagementType)
_WITH_AN_END = _ALL - {EngagementType.retainer}
_WITH_A_PRICE = _ALL - {EngagementType.time_and_material}
_AT_A_FIXED_PRICE = frozenset({EngagementType.fixed_price})
_OF_PEOPLE = frozenset({EngagementType.secondment})

RULES: Sequence[Rule] = (
    Rule(Item.situation, "SBAR: what is going on at the customer", _ALL, _text(Item.situation)),
    Rule(Item.background, "SBAR: how it came to this", _ALL, _text(Item.background)),
    Rule(Item.assessment, "SBAR: what the seller makes of it", _ALL, _text(Item.assessment)),
    Rule(
        Item.recommendation, "SBAR: what delivery should do first", _ALL, _text(Item.recommendation)
    ),
    Rule(Item.out_of_scope, "What the customer does not get", _ALL, _text(Item.out_of_scope)),
    Rule(Item.planned_start, "The day on which it starts", _ALL, _value(Item.planned_start)),
    Rule(Item.planned_end, "The day on which it ends", _WITH_AN_END, _value(Item.planned_end)),
    Rule(Item.amount, "The amount with its currency", _WITH_A_PRICE, _value(Item.amount)),
    Rule(
        Item.deciding_stakeholder,
        "A stakeholder who decides: economic_buyer or decision_maker",
        _ALL,
        _deciding_stakeholder,
    ),
    Rule(
        Item.promises,
        "At least one promise, and of each how the customer will judge it (done_when)",
        _ALL,
        _promises,
    ),
    Rule(
        Item.estimates,
        "At least one estimate of what it takes, in hours",
        _AT_A_FIXED_PRICE,
        _estimates,
    ),
    Rule(
        Item.competence_needs,
        "At least one competence that the people must have",
        _OF_PEOPLE,
        _competence_needs,
    ),
)


def missing_in(contents: Contents) -> list[Missing]:
    """What is missing for this engagement type, without what was declared unknown."""
    declared = {unknown.what for unknown in contents.unknowns}
    return [
        gap
        for rule in RULES
        if contents.handover.engagement_type in rule.types and rule.item not in declared
        for gap in rule.find(contents)
    ]


def require_complete(contents: Contents) -> None:
    """Refuse with `Invalid` and the list while something is missing."""
    missing = missing_in(contents)
    if missing:
        raise Invalid(
            "The handover is not complete: {items}.",
            missing=[gap.told() for gap in missing],
            items=", ".join(dict.fromkeys(gap.item for gap in missing)),
        )


def require_answer(pointer: str, text: str | None) -> None:
    """Refuse with `Invalid` a text that only looks like an answer."""
    if text is not None and is_placeholder(text):
        raise Invalid(
            "A placeholder is no answer.",
            errors=[
                FieldError(pointer, "A placeholder is no answer: say it, or say who finds out.")
            ],
        )
