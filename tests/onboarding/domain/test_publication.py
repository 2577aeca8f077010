"""What was published never changes: the rules of versions, of units, and of what is pinned."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.chassis.caller import Caller, Role
from services.chassis.errors import Conflict, Forbidden, Frozen, IllegalMove, Invalid
from services.chassis.tables import new_id
from services.onboarding.domain.course import Course, CourseVersion
from services.onboarding.domain.curriculum import CurriculumVersion
from services.onboarding.domain.publication import MOVES, VersionMove, VersionState, moves_from
from services.onboarding.domain.tool import Tool

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
FIRM = new_id()
UNIT = {"key": "u", "kind": "reading", "title": "U", "minutes": 25, "body": None, "link": None}


def caller(*roles: Role) -> Caller:
    return Caller(FIRM, new_id(), "Somebody", frozenset(roles))


def a_version(state: VersionState = VersionState.draft, **fields) -> CourseVersion:
    return CourseVersion(organization_id=FIRM, course_id=new_id(), number=1, state=state, **fields)


@pytest.mark.parametrize("state", VersionState)
@pytest.mark.parametrize("move", VersionMove)
def test_a_version_moves_as_the_table_says_and_not_otherwise(state, move):
    version = a_version(state, units=[UNIT])
    act = version.publish if move is VersionMove.publish else version.retire
    if state in MOVES[move][0]:
        act(NOW)
        assert version.state is MOVES[move][1]
    else:
        with pytest.raises(IllegalMove) as refused:
            act(NOW)
        assert refused.value.allowed == sorted(moves_from(state))


@pytest.mark.parametrize("state", [VersionState.published, VersionState.retired])
def test_only_a_draft_is_changed(state):
    with pytest.raises(Frozen):
        a_version(state).revise({"units": [UNIT]})
    with pytest.raises(Frozen):
        CurriculumVersion(curriculum_id=new_id(), number=1, state=state).revise([])


def test_the_minutes_of_a_course_are_those_of_its_units():
    version = a_version()
    version.revise({"units": [UNIT, {**UNIT, "key": "v", "minutes": 5}]})
    assert version.minutes == 30


def test_what_a_course_grants_can_be_taken_out_of_a_draft():
    version = a_version()
    version.revise({"grants": {"competence": "selling", "level": 3}})
    assert version.grants == {"competence": "selling", "level": 3}
    version.revise({"grants": None})
    assert version.grants is None


def test_a_course_without_units_is_not_published():
    with pytest.raises(Invalid) as refused:
        a_version().publish(NOW)
    assert refused.value.missing == [{"field": "units"}]


@pytest.mark.parametrize(
    ("second", "pointer"),
    [({}, "/units/1/key"), ({"key": "v", "kind": "external_link"}, "/units/1/link")],
)
def test_units_that_do_not_fit_are_refused_with_the_place(second, pointer):
    with pytest.raises(Invalid) as refused:
        a_version().revise({"units": [UNIT, {**UNIT, **second}]})
    assert [e.pointer for e in refused.value.errors] == [pointer]


def test_a_trainer_or_the_owner_of_the_tool_publishes():
    owner, author = caller(), caller()
    tool = Tool(key="t", name="T", owner_id=owner.person_id)
    course = Course(key="c", title="C", owner_id=author.person_id)
    course.require_publisher(owner, tool)
    course.require_publisher(caller(Role.trainer), None)
    with pytest.raises(Forbidden):
        course.require_publisher(author, tool)
    with pytest.raises(Forbidden):
        course.require_publisher(caller(Role.manager), None)


def a_tree(course: Course) -> list[dict]:
    courses = [{"course_id": str(course.id), "points": None}]
    return [
        {"key": "s", "title": "S", "rule": "all", "n": None, "min_points": None, "courses": courses}
    ]


def test_publishing_a_curriculum_pins_what_is_published_of_its_courses():
    course = Course(organization_id=FIRM, key="c", title="The course", owner_id=new_id())
    version = a_version(VersionState.published, minutes=25, competence="selling", level=2)
    curriculum = CurriculumVersion(curriculum_id=new_id(), number=1)
    curriculum.revise(a_tree(course))
    curriculum.publish({course.id: (course, version)}, NOW)
    assert curriculum.minutes == 25
    assert curriculum.sets[0]["courses"] == [
        {
            "course_id": str(course.id),
            "points": None,
            "key": "c",
            "title": "The course",
            "course_version": 1,
            "minutes": 25,
            "grants": {"competence": "selling", "level": 2},
        }
    ]
    draft = CurriculumVersion(curriculum_id=new_id(), number=2)
    draft.revise(a_tree(course))
    assert curriculum.unpinned_sets() == draft.sets
    assert draft.sets[0]["courses"][0]["key"] is None


def test_a_curriculum_with_an_unpublished_course_is_not_published():
    course = Course(id=UUID(int=7), key="c", title="The course", owner_id=new_id())
    curriculum = CurriculumVersion(curriculum_id=new_id(), number=1)
    curriculum.revise(a_tree(course))
    with pytest.raises(Conflict) as refused:
        curriculum.publish({}, NOW)
    assert [e.pointer for e in refused.value.errors] == ["/sets/0/courses/0/course_id"]
    assert curriculum.state is VersionState.draft


def test_a_curriculum_without_courses_is_not_published():
    with pytest.raises(Invalid):
        CurriculumVersion(curriculum_id=new_id(), number=1).publish({}, NOW)
