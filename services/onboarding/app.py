"""The onboarding service: one line per concept."""

from typing import Any

from fastapi import FastAPI

from services.chassis.caller import Role
from services.chassis.internal_token import Clock, utc_now
from services.chassis.runtime import Neighbours
from services.chassis.settings import Settings
from services.chassis.web import Service, create_app
from services.onboarding.api import (
    assessments,
    assigning,
    assignment_rules,
    assignments,
    attempts,
    attendance,
    audiences,
    badges,
    bank_questions,
    bookings,
    certificates,
    certification_policies,
    completion_imports,
    course_imports,
    course_versions,
    courses,
    curricula,
    curriculum_versions,
    forecasts,
    gift_imports,
    migrations,
    overrides,
    question_banks,
    readiness,
    reminders,
    reports,
    rollouts,
    session_posts,
    sessions,
    tools,
    training,
    waivers,
)
from services.onboarding.listeners import FOLLOWS
from services.onboarding.schedule import SCHEDULE

_KNOW_WHO_LEARNS = frozenset({Role.manager, Role.admin, Role.trainer})

SERVICE = Service(
    name="onboarding",
    title="Stafett: onboarding",
    description="How people become able to: tools, curricula, assignments, and who is trained in what.",
    routers=[
        tools.router,
        courses.router,
        course_versions.router,
        curricula.router,
        curriculum_versions.router,
        migrations.router,
        audiences.router,
        # Before the assignments: `exceptions` is no assignment's id.
        assignment_rules.router,
        assigning.router,
        assignments.router,
        training.router,
        certification_policies.router,
        certificates.router,
        sessions.router,
        bookings.router,
        attendance.router,
        session_posts.router,
        rollouts.router,
        overrides.router,
        readiness.router,
        reports.router,
        question_banks.router,
        bank_questions.router,
        gift_imports.files,
        badges.router,
        forecasts.router,
        waivers.router,
        course_imports.router,
        completion_imports.router,
        completion_imports.records,
        assessments.router,
        attempts.router,
        reminders.router,
    ],
    follows=FOLLOWS,
    schedule=SCHEDULE,
    confidential=dict.fromkeys(
        (
            "assignment.",
            "assignment-rule.",
            "audience.",
            "item.",
            "completion.",
            "competence.",
            "certificate.",
            "booking.",
            "reminder.",
            # With the figures of each team that the gate was judged by; that a tool is live is seen at the rollout.
            "rollout.launched",
        ),
        _KNOW_WHO_LEARNS,
    )
    # Managers read the results of their own people, and only theirs, by the API; of question banks they read nothing.
    | dict.fromkeys(("attempt.", "question"), frozenset({Role.trainer, Role.admin})),
)


def create(
    settings: Settings,
    database_url: Any,
    neighbours: Neighbours | None = None,
    clock: Clock = utc_now,
) -> FastAPI:
    """The app of the onboarding service."""
    return create_app(SERVICE, settings, database_url, neighbours=neighbours, clock=clock)
