"""The missing list: what a handover must say, by engagement type, and what does not count as an answer."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.chassis.errors import Invalid
from services.chassis.tables import new_id
from services.handover.domain.competence import CompetenceNeed
from services.handover.domain.completeness import (
    RULES,
    Item,
    missing_in,
    require_complete,
)
from services.handover.domain.contents import Contents
from services.handover.domain.estimate import Estimate
from services.handover.domain.handover import EngagementType, Handover
from services.handover.domain.promise import Promise, PromiseState
from services.handover.domain.stakeholder import Stakeholder, StakeholderRole
from services.handover.domain.unknown import Unknown

DOCUMENT = Path(__file__).parents[3] / "docs" / "missing-list.md"


def a_handover(**fields: Any) -> Handover:
    said = {
        "title": "Self-service tills",
        "engagement_type": EngagementType.fixed_price,
        "situation": "The shops change their tills before Easter.",
        "background": "The old tills lost their supplier in May.",
        "assessment": "The network in four shops is the risk.",
        "recommendation": "Visit the four shops in the first week.",
        "out_of_scope": "The web shop.",
        "planned_start": date(2026, 12, 1),
        "planned_end": date(2027, 3, 31),
        "amount": Decimal("1250000.00"),
        "currency": "NOK",
    }
    return Handover(
        organization_id=new_id(), customer_id=new_id(), seller_id=new_id(), **(said | fields)
    )


def a_promise(**fields: Any) -> Promise:
    return Promise(
        **{
            "statement": "All shops take cards.",
            "done_when": "Each has sold something by card.",
            "state": PromiseState.offered,
            **fields,
        }
    )


def a_stakeholder(role: StakeholderRole = StakeholderRole.economic_buyer) -> Stakeholder:
    return Stakeholder(name="Randi Fjellheim", role=role)


def contents(handover: Handover | None = None, **parts: Any) -> Contents:
    return Contents(
        handover or a_handover(),
        **{
            "promises": [a_promise()],
            "stakeholders": [a_stakeholder()],
            "estimates": [Estimate(item="Tills")],
            **parts,
        },
    )


def items(found: Contents) -> list[str]:
    return [gap.item for gap in missing_in(found)]


def test_nothing_is_missing_where_everything_is_said():
    assert missing_in(contents()) == []
    require_complete(contents())


def test_an_empty_fixed_price_handover_misses_everything_but_competences():
    empty = Handover(title="Tills", engagement_type=EngagementType.fixed_price)
    asked = [item for item in Item if item is not Item.competence_needs]
    assert items(Contents(empty)) == asked


@pytest.mark.parametrize(
    "field", ["situation", "background", "assessment", "recommendation", "out_of_scope"]
)
@pytest.mark.parametrize(
    "text", ["TBD", "n/a", ".", "xxx", "avklares", "ikke afklaret", "klargörs"]
)
def test_a_placeholder_counts_as_missing(field: str, text: str):
    [gap] = missing_in(contents(a_handover(**{field: text})))
    assert (gap.item, gap.reason, gap.error.pointer) == (field, "placeholder", f"/{field}")


@pytest.mark.parametrize("field", ["statement", "done_when"])
def test_a_promise_that_says_nothing_is_named(field: str):
    promise = a_promise(**{field: "TBD"})
    [gap] = missing_in(contents(promises=[a_promise(), promise]))
    assert gap.item == "promises"
    assert gap.error.pointer == f"/promises/{promise.id}/{field}"


def test_a_superseded_promise_neither_counts_nor_is_looked_at():
    superseded = a_promise(state=PromiseState.superseded, done_when="TBD")
    assert items(contents(promises=[superseded])) == ["promises"]
    assert items(contents(promises=[superseded, a_promise()])) == []


@pytest.mark.parametrize("kind", list(EngagementType))
def test_at_a_fixed_price_something_must_be_estimated_that_nothing_superseded(kind: EngagementType):
    asked = ["estimates"] if kind is EngagementType.fixed_price else []
    superseded = Estimate(item="Tills", superseded_at=datetime(2026, 11, 22, tzinfo=UTC))
    needs = [CompetenceNeed(competence="tills", level=2)]
    for estimates in ([], [superseded]):
        found = contents(
            a_handover(engagement_type=kind), competence_needs=needs, estimates=estimates
        )
        assert items(found) == asked


@pytest.mark.parametrize(
    ("role", "decides"),
    [
        ("economic_buyer", True),
        ("decision_maker", True),
        ("champion", False),
        ("user", False),
        ("blocker", False),
    ],
)
def test_somebody_who_decides_must_be_named(role: str, decides: bool):
    named = contents(stakeholders=[a_stakeholder(StakeholderRole(role))])
    assert items(named) == ([] if decides else ["deciding_stakeholder"])


def test_an_unknown_takes_its_item_off_the_list_and_no_other():
    bare = a_handover(planned_end=None, amount=None, currency=None)
    assert items(contents(bare)) == ["planned_end", "amount"]
    declared = Unknown(what="amount", reason="The ceiling follows the budget.")
    assert items(contents(bare, unknowns=[declared])) == ["planned_end"]


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("fixed_price", {"planned_end", "amount"}),
        ("time_and_material", {"planned_end"}),
        ("retainer", {"amount"}),
        ("secondment", {"planned_end", "amount", "competence_needs"}),
        ("product", {"planned_end", "amount"}),
    ],
)
def test_what_is_asked_depends_on_the_engagement(kind: str, asked: set[str]):
    bare = a_handover(
        engagement_type=EngagementType(kind), planned_end=None, amount=None, currency=None
    )
    assert set(items(contents(bare))) == asked
    need = CompetenceNeed(competence="tills", level=2)
    assert "competence_needs" not in items(contents(bare, competence_needs=[need]))


def test_the_refusal_carries_the_list():
    with pytest.raises(Invalid, match="planned_end") as refused:
        require_complete(contents(a_handover(planned_end=None)))
    [gap] = refused.value.missing or []
    assert gap["item"] == "planned_end"
    assert gap["pointer"] == "/planned_end"
    assert gap["reason"] == "missing"


def test_the_document_holds_the_same_list():
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", DOCUMENT.read_text(), re.MULTILINE)
    everything = set(EngagementType)
    told = [
        (
            key,
            asks,
            everything if types == "all" else {EngagementType(t) for t in types.split(", ")},
        )
        for key, asks, types in rows
    ]
    assert told == [(rule.item, rule.asks, set(rule.types)) for rule in RULES]
