"""When each team of a rollout will be ready, by the pace at which its people learn."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from services.chassis.tables import new_id
from services.onboarding.api.forecasts import RolloutForecast
from services.onboarding.domain.forecast import Pace, Team
from services.onboarding.domain.working_days import WorkingDays
from tests.conftest import Firm, Person
from tests.onboarding.makers import (
    as_the_service,
    assignment,
    booking,
    completed,
    course,
    course_draft,
    course_set,
    in_training,
    made,
    published_course,
    published_curriculum,
    training_session,
    unit,
)

TODAY = datetime.now(UTC).date()


async def a_team(firm: Firm, people: int) -> str:
    team = made(await firm.admin.post("/v1/teams", {"name": f"Sales {new_id().hex[-6:]}"}))
    for number in range(people):
        await firm.hire(f"Person {number:02}", team_id=UUID(team["id"]))
    return team["id"]


async def learn(
    firm: Firm, curriculum: dict, team_id: str, *courses: dict, assigned_days_ago: int = 200
) -> None:
    """Assign it to the team, and let each of them complete a course a day until yesterday."""
    given = {"curriculum_id": curriculum["id"], "team_id": team_id}
    made(await firm.trainer.post("/v1/assignments/bulk", given), 200)
    for days, one in enumerate(courses, 1):
        await as_the_service(
            firm,
            "INSERT INTO item_completion (organization_id, id, assignment_id, item_key, person_id, "
            "completed_by, completed_at, course_id, course_version) "
            "SELECT organization_id, uuidv7(), id, "
            f"'{one['key']}', person_id, person_id, now() - interval '{days} days', "
            f"'{one['id']}', 1 FROM assignment WHERE curriculum_id = '{curriculum['id']}'",
        )
    await as_the_service(
        firm,
        f"UPDATE assignment SET items_done = {len(courses)}, state = 'in_progress', "
        f"created_at = now() - interval '{assigned_days_ago} days', started_at = now() WHERE curriculum_id = '{curriculum['id']}'",
    )


async def forecast_of(person: Person, rollout: dict, **query) -> dict:
    told = made(await person.get(f"/v1/rollouts/{rollout['id']}/forecast", **query), 200)
    assert RolloutForecast.model_validate(told)
    return told


async def test_forty_people_with_120_minutes_each_and_three_weeks_to_go(firm: Firm):
    team_id = await a_team(firm, 40)
    courses = [await published_course(firm, minutes=20) for _ in range(6)]
    taught = await published_curriculum(firm, course_set(*courses))
    go_live_on = (TODAY + timedelta(days=21)).isoformat()
    new = await in_training(firm, taught, team_ids=[team_id], go_live_on=go_live_on)
    (unknown,) = (await forecast_of(firm.manager, new))["teams"]
    assert (unknown["state"], unknown["minutes_left"]) == ("unknown", 40 * 120)
    assert [unknown[n] for n in ("pace", "p50", "p80", "chance_pct")] == [None] * 4

    await learn(firm, taught, team_id, *courses[:3])
    told = await forecast_of(firm.manager, new)
    assert (told["on"], told["go_live_on"]) == (TODAY.isoformat(), go_live_on)
    (team,) = told["teams"]
    assert (team["state"], team["need"], team["minutes_left"]) == ("forecast", 36, 40 * 60)
    # Three courses of 20 minutes on ten working days.
    assert team["pace"] == 6
    expected = Team(36, {60: 40}, Pace.observed(40 * 60, 40 * 3 * 400, 40))
    for name, chance in (("p50", 0.5), ("p80", 0.8)):
        days = expected.days_until(chance)
        assert days is not None
        day = WorkingDays().after(TODAY, days)
        assert team[name] == day.isoformat()
    assert TODAY.isoformat() < team["p50"] < team["p80"]
    assert 0 <= team["chance_pct"] <= 50
    assert await forecast_of(firm.manager, new) == told


async def test_days_before_anybody_could_learn_it_do_not_thin_the_pace(firm: Firm):
    team_id = await a_team(firm, 2)
    courses = [await published_course(firm, minutes=20) for _ in range(4)]
    taught = await published_curriculum(firm, course_set(*courses))
    new = await in_training(firm, taught, team_ids=[team_id])
    await learn(firm, taught, team_id, *courses[:3], assigned_days_ago=3)
    (team,) = (await forecast_of(firm.manager, new))["teams"]
    days = max(1, WorkingDays().between(TODAY - timedelta(days=3), TODAY))
    assert team["pace"] == round(60 / days, 2)


async def test_a_team_without_people_is_named_with_why_nobody_of_it_counts(firm: Firm):
    nobody, left, some = [await a_team(firm, size) for size in (0, 1, 1)]
    taught = await published_curriculum(firm)
    page = made(await firm.admin.get("/v1/people", team_id=left), 200)
    gone = page["items"][0]
    made(await firm.admin.patch(f"/v1/people/{gone['id']}", {"active": False}), 200)
    await firm.product.catch_up()
    new = await in_training(firm, taught, team_ids=[nobody, left, some])
    path = f"/v1/rollouts/{new['id']}"
    reasons = {nobody: "no_people", left: "all_left_out", some: None}
    for told in (
        made(await firm.manager.get(f"{path}/readiness"), 200),
        await forecast_of(firm.manager, new),
    ):
        assert told["teams_total"] == 3
        assert {team["team_id"]: team["empty"] for team in told["teams"]} == reasons
        assert {team["team_id"]: team["of"] for team in told["teams"]} == {
            nobody: 0,
            left: 0,
            some: 1,
        }
    states = {team["team_id"]: team["state"] for team in told["teams"]}
    assert states == {nobody: "empty", left: "empty", some: "unknown"}
    only = made(await firm.trainer.get(f"{path}/readiness"), 200)
    assert (only["of"], only["may_go_live"]) == (1, False)


async def test_a_team_that_meets_the_gate_is_ready_today(firm: Firm):
    team_id = await a_team(firm, 0)
    only = await firm.hire("Ane", team_id=UUID(team_id))
    taught = await published_curriculum(firm)
    new = await in_training(firm, taught, team_ids=[team_id])
    await completed(firm, taught, only)
    (team,) = (await forecast_of(firm.trainer, new))["teams"]
    assert (team["state"], team["p50"], team["p80"]) == ("ready", *[TODAY.isoformat()] * 2)
    assert (team["chance_pct"], team["minutes_left"]) == (100, 0)


async def test_too_few_seats_move_the_day_to_the_session_that_has_one_for_the_last(firm: Firm):
    team_id = await a_team(firm, 5)
    basics = [await published_course(firm, minutes=20) for _ in range(2)]
    together = await course(firm.trainer)
    await course_draft(firm.trainer, together, units=[unit(kind="topic_session")])
    made(await firm.trainer.post(f"/v1/courses/{together['id']}/versions/1/publication"), 200)
    taught = await published_curriculum(firm, course_set(*basics, together))
    new = await in_training(firm, taught, team_ids=[team_id], go_live_on="2190-01-07")
    await learn(firm, taught, team_id, basics[0])
    (none,) = (await forecast_of(firm.manager, new))["teams"]
    assert (none["state"], none["too_few_seats"]) == ("forecast", True)
    assert [none[n] for n in ("p50", "p80", "seats_on")] == [None] * 3
    assert none["chance_pct"] == 0

    async def seats(day: str, capacity: int) -> dict:
        return await training_session(
            firm.trainer,
            course_id=together["id"],
            capacity=capacity,
            starts_at=f"{day}T09:00:00+01:00",
            ends_at=f"{day}T10:00:00+01:00",
        )

    await seats("2189-03-02", 3)
    full = await seats("2189-04-06", 2)
    await booking(firm.learner, full)
    # Five need a seat: three and one are free, and the last one sits in May.
    await seats("2189-05-04", 9)
    (team,) = (await forecast_of(firm.manager, new))["teams"]
    assert (team["seats_on"], team["too_few_seats"]) == ("2189-05-04", False)
    assert (team["p50"], team["p80"]) == ("2189-05-04", "2189-05-04")
    assert team["chance_pct"] > 0


async def test_whoever_learns_by_sets_has_the_least_that_still_leads_to_the_end_left(firm: Firm):
    team_id = await a_team(firm, 1)
    short, long = await published_course(firm, minutes=10), await published_course(firm, minutes=90)
    taught = await published_curriculum(firm, course_set(short, long, rule="at_least_n", n=1))
    new = await in_training(firm, taught, team_ids=[team_id])
    (team,) = (await forecast_of(firm.manager, new))["teams"]
    assert team["minutes_left"] == 10


async def test_who_sees_readiness_sees_the_forecast(firm: Firm, stranger: Person):
    new = await in_training(firm, await published_curriculum(firm))
    path = f"/v1/rollouts/{new['id']}/forecast"
    for person in (firm.trainer, firm.manager, firm.admin):
        assert (await person.get(path, teams=1)).status_code == 200
    for person in (firm.learner, firm.lead, firm.seller):
        assert (await person.get(path)).status_code == 403
    led = {"manager_id": str(firm.lead.id)}
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", led), 200)
    await firm.product.catch_up()
    assert (await firm.lead.get(path)).status_code == 200
    assert (await firm.manager.get(path, teams=0)).status_code == 422
    assert (await stranger.get(path)).status_code == 404


async def test_days_off_are_no_days_of_learning(firm: Firm):
    team_id = await a_team(firm, 1)
    courses = [await published_course(firm, minutes=20) for _ in range(2)]
    taught = await published_curriculum(firm, course_set(*courses))
    new = await in_training(firm, taught, team_ids=[team_id], min_pct=100)
    await learn(firm, taught, team_id, courses[0])
    (before,) = (await forecast_of(firm.manager, new))["teams"]
    organization = made(await firm.admin.get("/v1/organization"), 200)
    made(await firm.admin.patch("/v1/organization", {"working_days": [1]}), 200)
    await firm.product.catch_up()
    (after,) = (await forecast_of(firm.manager, new))["teams"]
    assert organization["working_days"] == [1, 2, 3, 4, 5]
    assert after["pace"] == before["pace"]
    assert date.fromisoformat(after["p50"]).isoweekday() == 1
    assert after["p50"] > before["p50"]


async def test_what_is_waived_takes_no_minutes(firm: Firm):
    team_id = await a_team(firm, 0)
    people = [await firm.hire(name, team_id=UUID(team_id)) for name in ("Ane", "Bo")]
    courses = [await published_course(firm, minutes=minutes) for minutes in (10, 30)]
    taught = await published_curriculum(firm, course_set(*courses))
    new = await in_training(firm, taught, team_ids=[team_id])
    given = [await assignment(firm, taught, person) for person in people]
    assert (await forecast_of(firm.manager, new))["teams"][0]["minutes_left"] == 80
    why = {"reason": "administrative", "valid_until": TODAY.isoformat()}
    item = f"/v1/assignments/{given[0]['id']}/items/{courses[1]['key']}/waivers"
    made(await firm.trainer.post(item, why))
    assert (await forecast_of(firm.manager, new))["teams"][0]["minutes_left"] == 50
    made(await firm.trainer.post(f"/v1/assignments/{given[1]['id']}/waivers", why))
    (team,) = (await forecast_of(firm.manager, new))["teams"]
    assert (team["have"], team["need"], team["minutes_left"]) == (1, 2, 10)
