"""The rule of an audience: what it takes, and why it holds."""

import pytest
from pydantic import ValidationError

from services.onboarding.domain.audience_rule import (
    Because,
    RuleNode,
    bounded,
    moves_with_time,
    questions,
    reasons,
)

ADVISOR = {"job_role": ["advisor"]}
OSLO = {"location": ["Oslo"]}
NEW = {"hire_date": {"within_days": 30}}


def rule(tree) -> RuleNode:
    return RuleNode.model_validate(tree)


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({}, ()),
        ({**ADVISOR, **OSLO}, ()),
        ({"and": [ADVISOR, {"colour": "red"}]}, ("and", 1, "colour")),
        ({"and": [ADVISOR, {"not": {"or": []}}]}, ("and", 1, "not", "or")),
        ({"or": [{"team": ["Oslo"]}]}, ("or", 0, "team", 0)),
        ({"not": {"hire_date": {}}}, ("not", "hire_date")),
        ({"hire_date": {"before": "soon"}}, ("hire_date", "before")),
        ({"tag": ["no spaces here"]}, ("tag", 0)),
        ({"location": ["Os\x00lo"]}, ("location", 0)),
    ],
)
def test_what_is_wrong_is_pointed_to(tree, place):
    with pytest.raises(ValidationError) as caught:
        rule(tree)
    assert place in {error["loc"] for error in caught.value.errors()}


def test_it_is_bounded_in_depth_and_size():
    deep = ADVISOR
    for _ in range(7):
        deep = {"not": deep}
    bounded(rule(deep))
    with pytest.raises(ValueError, match="8 deep"):
        bounded(rule({"not": deep}))
    bounded(rule({"or": [ADVISOR] * 99}))
    with pytest.raises(ValueError, match="100 nodes"):
        bounded(rule({"or": [ADVISOR] * 100}))


def test_it_is_written_as_it_was_read():
    tree = {"and": [{"not": {"or": [ADVISOR, OSLO]}}, NEW]}
    assert rule(tree).written() == tree


def test_only_a_time_since_hiring_moves_by_itself():
    assert moves_with_time(rule({"and": [ADVISOR, {"not": NEW}]}))
    assert not moves_with_time(rule({"and": [ADVISOR, {"hire_date": {"after": "2026-01-01"}}]}))


def test_its_questions_have_places():
    tree = rule({"and": [{"not": ADVISOR}, {"or": [OSLO, NEW]}]})
    assert [pointer for pointer, _ in questions(tree)] == [
        "/and/0/not",
        "/and/1/or/0",
        "/and/1/or/1",
    ]


def test_only_what_decides_is_a_reason():
    tree = rule({"and": [{"not": ADVISOR}, {"or": [OSLO, NEW]}]})
    answers = {"/and/0/not": False, "/and/1/or/0": True, "/and/1/or/1": False}
    assert reasons(tree, answers) == [
        Because("/and/0/not", "job_role", False),
        Because("/and/1/or/0", "location", True),
    ]
    assert reasons(tree, {**answers, "/and/0/not": True}) == [
        Because("/and/0/not", "job_role", True)
    ]
    assert [why.pointer for why in reasons(tree, {**answers, "/and/1/or/0": False})] == [
        "/and/1/or/0",
        "/and/1/or/1",
    ]
