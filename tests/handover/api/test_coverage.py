"""Coverage follows what onboarding tells, and says unknown where it cannot know."""

from typing import Any
from uuid import UUID

from services.chassis.events import Event, record, store_recorded
from services.chassis.tables import new_id
from tests.conftest import Firm
from tests.handover.makers import draft, made, need

COURSE = new_id()


async def onboarding_tells(firm: Firm, kind: str, data: dict[str, Any]) -> None:
    """An event in onboarding's own feed."""
    async with firm.product.database("onboarding").transaction(firm.organization_id) as session:
        record(session, Event(kind, "courses/1", data))
        await store_recorded(session, None, None)


async def a_course_is_published(firm: Firm, level: int = 2, version: int = 1) -> None:
    course = {"id": COURSE, "key": "tills", "title": "Tills", "version": version}
    grants = {"competence": "tills", "level": level}
    await onboarding_tells(firm, "course.published", {"course": course, "grants": grants})


async def is_trained(firm: Firm, person: UUID, level: int = 2, **fields: Any) -> None:
    await onboarding_tells(
        firm,
        "competence.granted",
        {
            "person_id": person,
            "competence": "tills",
            "level": level,
            "granted_on": "2026-01-15",
            "expires_on": None,
            "course_id": COURSE,
            "course_version": 1,
            "assignment_id": new_id(),
            **fields,
        },
    )


async def coverage(firm: Firm, handover: dict[str, Any]) -> dict[str, Any]:
    return made(await firm.lead.get(f"/v1/handovers/{handover['id']}/coverage"), 200)


async def test_coverage_goes_from_unknown_to_gap_to_covered_and_back(firm: Firm):
    handover = await draft(firm)
    await need(firm, handover, level=2, headcount=1, **{"from": "2026-12-01"})
    before = await coverage(firm, handover)
    assert before["state"] == "unknown"
    assert before["as_of"] is not None

    await a_course_is_published(firm)
    gap = await coverage(firm, handover)
    assert gap["state"] == "gap"
    assert (gap["needs"][0]["have"], gap["needs"][0]["trainable"]) == (0, True)

    await is_trained(firm, firm.learner.id)
    covered = await coverage(firm, handover)
    assert covered["state"] == "covered"
    [one] = covered["needs"]
    assert (one["from"], one["to"], one["have"]) == ("2026-12-01", None, 1)
    assert one["people"] == [
        {
            "person_id": str(firm.learner.id),
            "name": "Lærke Lærling",
            "level": 2,
            "since": "2026-01-15",
            "until": None,
        }
    ]


async def test_somebody_who_left_covers_nothing(firm: Firm):
    handover = await draft(firm)
    await need(firm, handover)
    await a_course_is_published(firm)
    await is_trained(firm, firm.learner.id)
    assert (await coverage(firm, handover))["state"] == "covered"
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", {"active": False}), 200)
    await firm.product.catch_up()
    assert (await coverage(firm, handover))["state"] == "gap"


async def test_a_gap_outweighs_what_is_not_known(firm: Firm):
    handover = await draft(firm)
    await need(firm, handover)
    await need(firm, handover, competence="boats")
    await a_course_is_published(firm)
    await is_trained(firm, firm.learner.id)
    answer = await coverage(firm, handover)
    assert [one["state"] for one in answer["needs"]] == ["covered", "unknown"]
    assert answer["state"] == "unknown"
    await need(firm, handover, headcount=2)
    assert (await coverage(firm, handover))["state"] == "gap"


async def test_a_retired_course_trains_nobody_but_its_people_still_count(firm: Firm):
    handover = await draft(firm)
    await need(firm, handover)
    await a_course_is_published(firm)
    await is_trained(firm, firm.learner.id)
    course = {"id": COURSE, "key": "tills", "title": "Tills", "version": 1}
    await onboarding_tells(
        firm,
        "course.retired",
        {"course": course, "grants": {"competence": "tills", "level": 2}},
    )
    [one] = (await coverage(firm, handover))["needs"]
    assert (one["state"], one["trainable"]) == ("covered", False)


async def test_another_firms_people_do_not_count(firm: Firm, stranger: Any):
    handover = await draft(firm)
    await need(firm, handover)
    await a_course_is_published(firm)
    await is_trained(firm, stranger.id)
    assert (await coverage(firm, handover))["state"] == "gap"


async def test_where_no_need_is_named_nothing_is_known(firm: Firm):
    assert (await coverage(firm, await draft(firm)))["state"] == "unknown"


async def test_the_copy_answers_when_onboarding_does_not(firm: Firm):
    handover = await draft(firm)
    await need(firm, handover)
    await a_course_is_published(firm)
    before = await coverage(firm, handover)
    neighbours = firm.product.app.neighbours
    runtime = firm.product.app.handover.state.runtime
    onboarding = neighbours.pop("onboarding")
    clients = runtime._clients.pop("onboarding", None)
    try:
        answer = await coverage(firm, handover)
    finally:
        neighbours["onboarding"] = onboarding
        if clients is not None:
            runtime._clients["onboarding"] = clients
    assert answer["state"] == "gap"
    assert answer["as_of"] >= before["as_of"]
