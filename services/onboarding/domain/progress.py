"""How far somebody has come in an assignment: its tree, and what counts as done in it.

What was completed or is waived counts by its key, at whatever version of the course it was passed.
"""

from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.database import load
from services.onboarding.domain.assignment import Assignment, ItemCompletion
from services.onboarding.domain.course_set import CourseSet
from services.onboarding.domain.curriculum import CurriculumVersion, course_sets
from services.onboarding.domain.waiver import Waiver

_i = ItemCompletion.__table__.c  # type: ignore[attr-defined]
_w = Waiver.__table__.c  # type: ignore[attr-defined]


async def sets_of(session: AsyncSession, assignment: Assignment) -> list[CourseSet]:
    """The tree of the version that an assignment is on."""
    version = await load(session, CurriculumVersion, assignment.curriculum_version_id, lock=False)
    return course_sets(version.sets)


async def completed_in(session: AsyncSession, assignment: Assignment) -> set[str]:
    """The items that were completed in an assignment."""
    keys = await session.scalars(
        select(_i.item_key).where(
            _i.organization_id == assignment.organization_id, _i.assignment_id == assignment.id
        )
    )
    return set(keys)


async def waivers_of(session: AsyncSession, assignment: Assignment) -> list[Waiver]:
    """The waivers in an assignment, also those that have run out."""
    found = await session.scalars(
        select(Waiver).where(
            _w.organization_id == assignment.organization_id, _w.assignment_id == assignment.id
        )
    )
    return list(found)


async def sets_and_done(
    session: AsyncSession, assignment: Assignment, today: date
) -> tuple[list[CourseSet], set[str]]:
    """The tree of an assignment, and the items that are completed or waived."""
    completed = await completed_in(session, assignment)
    waivers = await waivers_of(session, assignment)
    waived = {one.item_key for one in waivers if one.stands_on(today)}
    return await sets_of(session, assignment), completed | waived
