"""When a set of courses is done, what is open in it, and how long it takes at least."""

from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Invalid
from services.onboarding.domain.course_set import (
    CourseSet,
    Item,
    Rule,
    check_sound,
    is_complete,
    minutes_left,
    next_item,
)


def item(key: str, minutes: int = 10, points: int = 0) -> Item:
    return Item(key, key.title(), minutes, UUID(int=1), 1, points)


def course_set(rule: Rule, *items: Item, n: int | None = None, min_points: int | None = None):
    return CourseSet("set", "A set", rule, items, n, min_points)


A, B, C = item("a", 10, 20), item("b", 30, 10), item("c", 20, 10)


def test_in_a_set_in_order_the_first_that_is_not_done_is_open():
    ordered = course_set(Rule.all_in_order, A, B, C)
    assert [i.key for i in ordered.open_items({"a"})] == ["b"]
    assert ordered.first_before("c", {"a"}) == B
    assert ordered.first_before("b", {"a"}) is None


def test_in_a_set_without_order_nothing_stands_before_anything():
    assert course_set(Rule.all, A, B).first_before("b", set()) is None


def test_at_least_n_is_done_with_any_n_and_takes_the_shortest_ones():
    two = course_set(Rule.at_least_n, A, B, C, n=2)
    assert two.minutes_left(set()) == 30
    assert two.minutes_left({"b"}) == 10
    assert two.is_satisfied({"b", "c"})
    assert two.open_items({"b", "c"}) == []


def test_points_are_reached_the_quickest_way():
    points = course_set(Rule.min_points, A, B, C, min_points=30)
    assert points.minutes_left(set()) == 30
    assert points.minutes_left({"b"}) == 10


def test_a_curriculum_goes_on_with_the_first_set_that_is_not_done():
    sets = [course_set(Rule.all, A), course_set(Rule.all_in_order, B, C)]
    assert next_item(sets, {"a"}) == B
    assert next_item(sets, {"a", "b", "c"}) is None


items = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 30)), min_size=1, max_size=6).map(
    lambda found: tuple(item(f"i{n}", m, p) for n, (m, p) in enumerate(found))
)


@st.composite
def sets_with_progress(draw):
    offered = draw(items)
    rule = draw(st.sampled_from(list(Rule)))
    points = sum(i.points for i in offered)
    if rule is Rule.min_points and points == 0:
        rule = Rule.all
    one = CourseSet(
        "set",
        "A set",
        rule,
        offered,
        n=draw(st.integers(1, len(offered))) if rule is Rule.at_least_n else None,
        min_points=draw(st.integers(1, points)) if rule is Rule.min_points else None,
    )
    return one, frozenset(draw(st.sets(st.sampled_from([i.key for i in offered]))))


@given(sets_with_progress())
def test_the_minutes_left_are_those_of_the_quickest_way_to_the_end(found):
    one, done = found
    left = [i for i in one.items if i.key not in done]
    ways = [
        sum(i.minutes for i in way)
        for size in range(len(left) + 1)
        for way in combinations(left, size)
        if one.is_satisfied(done | {i.key for i in way})
    ]
    assert one.minutes_left(done) == min(ways)


@given(sets_with_progress())
def test_whoever_does_what_is_open_comes_to_the_end(found):
    one, done = found
    for _ in one.items:
        todo = one.open_items(done)
        if todo:
            done = done | {todo[0].key}
    assert is_complete([one], done)
    assert one.open_items(done) == []
    assert minutes_left([one], done) == 0


@given(sets_with_progress())
def test_doing_more_never_takes_longer_and_never_undoes_a_set(found):
    one, done = found
    for i in one.items:
        more = done | {i.key}
        assert one.minutes_left(more) <= one.minutes_left(done)
        assert one.is_satisfied(more) >= one.is_satisfied(done)


def raw(**fields):
    courses = [{"course_id": "x", "points": 5}, {"course_id": "y", "points": None}]
    return {"key": "s", "rule": "all", "n": None, "min_points": None, "courses": courses, **fields}


@pytest.mark.parametrize(
    ("sets", "pointer"),
    [
        ([raw(rule="at_least_n")], "/sets/0/n"),
        ([raw(rule="at_least_n", n=3)], "/sets/0/n"),
        ([raw(n=1)], "/sets/0/n"),
        ([raw(rule="min_points")], "/sets/0/min_points"),
        ([raw(rule="min_points", min_points=6)], "/sets/0/min_points"),
        ([raw(min_points=1)], "/sets/0/min_points"),
        ([raw(), raw(courses=[{"course_id": "z", "points": 1}])], "/sets/1/key"),
        (
            [raw(), raw(key="t", courses=[{"course_id": "y", "points": 1}])],
            "/sets/1/courses/0/course_id",
        ),
    ],
)
def test_a_tree_that_cannot_be_satisfied_is_refused_with_the_place(sets, pointer):
    with pytest.raises(Invalid) as refused:
        check_sound(sets)
    assert [e.pointer for e in refused.value.errors] == [pointer]
