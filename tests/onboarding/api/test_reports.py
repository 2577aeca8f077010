"""Reports: what a figure counts and what it leaves out, who sees it, and as what it comes."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.chassis.caller import Role
from services.onboarding.api.reports import (
    CurriculumReportPage,
    Kirkpatrick,
    OverduePage,
    ToolMatrixPage,
    ToolPeoplePage,
    TrainerPage,
)
from tests.conftest import Firm, Person
from tests.onboarding.clock import MovedClock, clock
from tests.onboarding.makers import (
    a_key,
    aged,
    assessment,
    assignment,
    attempt,
    bank_question,
    booking,
    certified,
    completion_path,
    course_set,
    in_training,
    made,
    past_completion,
    policy,
    published_course,
    published_curriculum,
    question_bank,
    rollout,
    tool,
    training_session,
)

__all__ = ["clock"]

TODAY = datetime.now(UTC).date()
REPORTS = ("tool-matrix", "overdue", "curricula", "trainers", "kirkpatrick")


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


async def rows(person: Person, report: str, **query: Any) -> list[dict[str, Any]]:
    """The rows of a report's first page."""
    page = made(await person.get(f"/v1/reports/{report}", **query), 200)
    items: list[dict[str, Any]] = page["items"]
    return items


async def as_csv(person: Person, report: str, **query: Any) -> list[dict[str, str]]:
    answer = await person.request(
        "GET", f"/v1/reports/{report}", headers={"Accept": "text/csv"}, params=query
    )
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


async def manage(firm: Firm, *people: Person) -> None:
    """Make the firm's manager theirs."""
    mine = {"manager_id": str(firm.manager.id)}
    for person in people:
        made(await firm.admin.patch(f"/v1/people/{person.id}", mine), 200)
    await firm.product.catch_up()


async def other_team(firm: Firm, name: str = "Kundeservice") -> dict[str, Any]:
    team = made(await firm.admin.post("/v1/teams", {"name": name}))
    await firm.product.catch_up()
    return team


# --- tools ------------------------------------------------------------------------------------------


async def test_the_matrix_counts_each_team_against_the_gate_and_tells_who_is_left_out(firm: Firm):
    taught = await published_course(firm)
    whole = await published_curriculum(firm, course_set(taught))
    done = await assignment(firm, whole)
    made(await firm.learner.post(completion_path(done, taught)), 200)
    waived = await assignment(firm, whole, firm.seller)
    excused = {"reason": "administrative"}
    made(await firm.trainer.post(f"/v1/assignments/{waived['id']}/waivers", excused))
    resting = await assignment(firm, whole, firm.lead)
    leave = {"reason": "On leave."}
    made(await firm.trainer.post(f"/v1/assignments/{resting['id']}/suspension", leave), 200)
    gone = await firm.hire("Borte", team_id=firm.team_id)
    made(await firm.admin.patch(f"/v1/people/{gone.id}", {"active": False}), 200)
    away = await other_team(firm)
    await firm.hire("Andrea Annen", team_id=UUID(away["id"]))
    launch = await in_training(firm, whole, min_pct=50)

    page = made(await firm.trainer.get("/v1/reports/tool-matrix"), 200)
    assert ToolMatrixPage.model_validate(page)
    ours, others = page["items"]
    assert (ours["team_id"], ours["team_name"]) == (str(firm.team_id), "Levering")
    assert (ours["measured_by"], ours["rollout_id"]) == ("rollout", launch["id"])
    figures = {
        name: ours[name] for name in ("of", "have", "need", "trained", "waived", "missing", "met")
    }
    assert figures == {
        "of": 6,
        "have": 2,
        "need": 3,
        "trained": 1,
        "waived": 1,
        "missing": 4,
        "met": False,
    }
    assert [ours[f"left_out_{why}"] for why in ("inactive", "suspended", "not_in_audience")] == [
        *(1, 0, 0)
    ]
    assert ours["why"] is None
    assert (others["team_id"], others["of"], others["left_out_not_in_audience"]) == (
        *(away["id"], 0, 1),
    )
    assert others["why"] == "nobody_counts"

    people = made(
        await firm.trainer.get("/v1/reports/tool-matrix/people", tool_id=ours["tool_id"]), 200
    )
    assert ToolPeoplePage.model_validate(people)
    standing = {one["person_id"]: (one["standing"], one["reason"]) for one in people["items"]}
    assert len(standing) == len(people["items"]) == 8
    assert standing[str(firm.learner.id)] == ("trained", None)
    assert standing[str(firm.seller.id)] == ("waived", None)
    assert standing[str(firm.lead.id)] == ("missing", "suspended")
    assert standing[str(gone.id)] == ("left_out", "inactive")
    assert standing[str(firm.admin.id)] == ("missing", None)
    missing = next(one for one in people["items"] if one["standing"] == "missing")
    assert missing["lacks"] == whole["key"]


async def test_readiness_and_the_matrix_agree(firm: Firm):
    competence = a_key("till")
    taught = await published_course(firm, competence=competence)
    whole = await published_curriculum(firm, course_set(taught))
    await policy(firm, curriculum_id=whole["id"], valid_days=30)
    for person in (firm.learner, firm.seller):
        given = await assignment(firm, whole, person)
        made(await person.post(completion_path(given, taught)), 200)
    launch = await in_training(firm, whole)
    mine = made(await firm.learner.get("/v1/certificates", curriculum_id=whole["id"]), 200)
    await aged(firm, mine["items"][0], 60)
    ready = made(await firm.trainer.get(f"/v1/rollouts/{launch['id']}/readiness"), 200)
    [row] = await rows(firm.trainer, "tool-matrix", tool_id=launch["tool_id"])
    [team] = ready["teams"]
    told = {name: team[name] for name in ("of", "have", "need", "met", "trained")}
    assert told == {name: row[name] for name in told}
    assert row["have"] == 1


async def test_a_tool_without_a_rollout_is_measured_by_its_competence(firm: Firm):
    competence = a_key("till")
    till = await tool(firm, competence=competence)
    await rollout(firm, await published_curriculum(firm), tool_id=till["id"])  # a draft
    await certified(firm, competence)
    taught = await published_course(firm, competence=competence)
    given = await assignment(
        firm, await published_curriculum(firm, course_set(taught)), firm.seller
    )
    tested = {"reason": "tested_out"}
    made(await firm.trainer.post(f"/v1/assignments/{given['id']}/waivers", tested))
    imported = await published_course(firm, competence=competence)
    await past_completion(firm, imported, firm.lead)
    [row] = await rows(firm.trainer, "tool-matrix")
    assert (row["measured_by"], row["competence"], row["rollout_id"]) == (
        *("competence", competence, None),
    )
    assert (row["of"], row["have"], row["trained"], row["waived"], row["missing"]) == (
        6,
        3,
        2,
        1,
        3,
    )
    assert (row["need"], row["met"], row["why"]) == (None, None, "no_gate")
    people = await rows(firm.trainer, "tool-matrix/people", tool_id=till["id"])
    assert {one["lacks"] for one in people} == {None, competence}


async def test_a_tool_that_nothing_is_asked_for_is_null_and_says_why(firm: Firm):
    till = await tool(firm)
    [row] = await rows(firm.trainer, "tool-matrix")
    assert (row["of"], row["have"], row["missing"], row["why"]) == (
        None,
        None,
        None,
        "nothing_asked",
    )
    assert await rows(firm.trainer, "tool-matrix/people", tool_id=till["id"]) == []


async def test_whoever_has_no_team_is_counted_by_themselves(firm: Firm):
    await tool(firm, competence=a_key("till"))
    await firm.hire("Uten Team")
    by_team = {row["team_id"]: row["of"] for row in await rows(firm.admin, "tool-matrix")}
    assert by_team == {None: 1, str(firm.team_id): 6}


async def test_the_matrix_is_read_by_pages(firm: Firm):
    for _ in range(3):
        await tool(firm, competence=a_key("till"))
    await other_team(firm)
    whole = [(r["team_id"], r["tool_id"]) for r in await rows(firm.trainer, "tool-matrix")]
    assert len(set(whole)) == 6
    seen, query = [], {"limit": "4"}
    while True:
        answer = await firm.trainer.get("/v1/reports/tool-matrix", **query)
        page = made(answer, 200)
        seen += [(r["team_id"], r["tool_id"]) for r in page["items"]]
        if page["next"] is None:
            break
        assert 'rel="next"' in answer.headers["link"]
        query["after"] = page["next"]
    assert seen == whole
    people = await rows(firm.trainer, "tool-matrix/people", tool_id=whole[0][1], limit=2)
    first = [one["person_id"] for one in people]
    page = made(
        await firm.trainer.get("/v1/reports/tool-matrix/people", tool_id=whole[0][1], limit=2), 200
    )
    rest = await rows(firm.trainer, "tool-matrix/people", tool_id=whole[0][1], after=page["next"])
    assert len({*first, *(one["person_id"] for one in rest)}) == 6
    wrong = await firm.trainer.get("/v1/reports/overdue", after=page["next"])
    assert wrong.status_code == 422
    assert (await firm.trainer.get("/v1/reports/overdue", after="rubbish")).status_code == 422


# --- overdue and curricula --------------------------------------------------------------------------


async def test_what_is_overdue_is_told_with_days_and_whom_to_ask(firm: Firm, clock: MovedClock):
    first, second = [await published_curriculum(firm) for _ in range(2)]
    late = await assignment(firm, first, due={"kind": "fixed", "on": in_days(-3)})
    later = await assignment(firm, second, firm.seller, due={"kind": "fixed", "on": in_days(-9)})
    await assignment(firm, second, due={"kind": "fixed", "on": in_days(0)})
    await assignment(
        firm,
        first,
        firm.seller,
        starts_on=in_days(5),
        due={"kind": "after_assignment", "days": 5},
    )
    leaves = await assignment(firm, first, firm.lead, due={"kind": "fixed", "on": in_days(-3)})
    made(await firm.admin.patch(f"/v1/people/{firm.lead.id}", {"active": False}), 200)
    await manage(firm, firm.learner)
    page = made(await firm.trainer.get("/v1/reports/overdue"), 200)
    assert OverduePage.model_validate(page)
    assert [(r["assignment_id"], r["days_overdue"]) for r in page["items"]] == [
        (later["id"], 9),
        (late["id"], 3),
    ]
    assert leaves["id"] not in str(page)
    told = page["items"][1]
    assert (told["manager_name"], told["team_name"], told["person_email"]) == (
        *(firm.manager.name, "Levering", firm.learner.email),
    )
    only = await rows(firm.trainer, "overdue", curriculum_id=first["id"])
    assert [row["assignment_id"] for row in only] == [late["id"]]
    # Days go by: what was due today and what had not begun are overdue, too.
    clock.move(days=12)
    assert len(await rows(firm.trainer, "overdue")) == 4


async def test_a_curriculum_is_told_by_how_far_people_are_and_how_long_it_took(
    firm: Firm, clock: MovedClock
):
    first, second = await published_course(firm), await published_course(firm)
    whole = await published_curriculum(firm, course_set(first, second))
    people = [await firm.hire(f"Person {n}", team_id=firm.team_id) for n in range(4)]
    assigned = [await assignment(firm, whole, one) for one in people]
    for days, (one, given) in enumerate(zip(people[:3], assigned, strict=False), 1):
        made(await one.post(completion_path(given, first)), 200)
        clock.move(days=days)
        if days < 3:
            made(await one.post(completion_path(given, second)), 200)
    await assignment(firm, whole, firm.seller, due={"kind": "fixed", "on": in_days(1)})
    waived = await assignment(firm, whole, firm.learner)
    tested = {"reason": "tested_out"}
    made(await firm.trainer.post(f"/v1/assignments/{waived['id']}/waivers", tested))
    resting = await assignment(firm, whole, firm.admin)
    leave = {"reason": "On leave."}
    made(await firm.trainer.post(f"/v1/assignments/{resting['id']}/suspension", leave), 200)
    taken = await assignment(firm, whole, firm.manager)
    made(await firm.trainer.post(f"/v1/assignments/{taken['id']}/withdrawal", leave), 200)
    empty = await published_curriculum(firm)
    page = made(await firm.trainer.get("/v1/reports/curricula"), 200)
    assert CurriculumReportPage.model_validate(page)
    by_id = {row["curriculum_id"]: row for row in page["items"]}
    row = by_id[whole["id"]]
    expected = {
        "of": 6,
        "assigned": 2,
        "in_progress": 1,
        "completed": 2,
        "waived": 1,
        "overdue": 1,
        "scheduled": 0,
        "timed": 2,
        "completed_late": 0,
        "left_out_suspended": 1,
        "left_out_withdrawn": 1,
        "left_out_inactive": 0,
    }
    assert {name: row[name] for name in expected} == expected
    # One took a day, the other three: 1.0 and 3.0, of which the median is 2.
    assert row["median_days_to_complete"] == pytest.approx(2.0, abs=0.1)
    assert row["p90_days_to_complete"] == pytest.approx(2.8, abs=0.1)
    nothing = by_id[empty["id"]]
    assert (nothing["of"], nothing["timed"], nothing["median_days_to_complete"]) == (0, 0, None)


async def test_imports_take_no_days_and_inactive_people_are_left_out(firm: Firm):
    taught = await published_course(firm)
    whole = await published_curriculum(firm, course_set(taught))
    await assignment(firm, whole)
    await past_completion(firm, taught)
    gone = await assignment(firm, whole, firm.seller)
    made(await firm.seller.post(completion_path(gone, taught)), 200)
    made(await firm.admin.patch(f"/v1/people/{firm.seller.id}", {"active": False}), 200)
    await firm.product.catch_up()
    [row] = await rows(firm.trainer, "curricula", curriculum_id=whole["id"])
    assert (row["of"], row["completed"], row["timed"], row["left_out_inactive"]) == (1, 1, 0, 1)
    assert row["median_days_to_complete"] is None


# --- trainers ---------------------------------------------------------------------------------------


async def test_a_trainer_is_told_by_what_was_done_for_others(firm: Firm, clock: MovedClock):
    begins = datetime.now(UTC) + timedelta(hours=2)
    session = await training_session(
        firm.trainer,
        capacity=4,
        starts_at=begins.isoformat(),
        ends_at=(begins + timedelta(minutes=90)).isoformat(),
    )
    seats = [await booking(one, session) for one in (firm.learner, firm.seller, firm.lead)]
    to_come = await training_session(firm.trainer)
    assert to_come["id"]
    taught = await published_course(firm)
    given = await assignment(firm, await published_curriculum(firm, course_set(taught)))
    made(await firm.trainer.post(completion_path(given, taught)), 200)
    other = await published_course(firm)
    await past_completion(firm, other, firm.seller)
    waived = await assignment(firm, await published_curriculum(firm), firm.seller)
    tested = {"reason": "tested_out"}
    made(await firm.trainer.post(f"/v1/assignments/{waived['id']}/waivers", tested))
    clock.move(hours=5)
    attendance = f"/v1/sessions/{session['id']}/attendance"
    here = [
        {"person_id": str(seats[0]["person_id"]), "state": "attended"},
        {"person_id": str(seats[1]["person_id"]), "state": "attended"},
        {"person_id": str(seats[2]["person_id"]), "state": "no_show"},
    ]
    made(await firm.trainer.post(attendance, {"people": here}), 200)
    page = made(await firm.admin.get("/v1/reports/trainers"), 200)
    assert TrainerPage.model_validate(page)
    [row] = page["items"]
    expected = {
        "person_id": str(firm.trainer.id),
        "sessions_held": 1,
        "minutes_held": 90,
        "seats": 4,
        "attended": 2,
        "no_shows": 1,
        "people_reached": 2,
        "assigned": 2,
        "completed_for_others": 1,
        "graded": 0,
        "waived": 1,
        "imported": 1,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["show_rate"] == pytest.approx(0.667)
    before = {"since": in_days(-9), "until": in_days(-8)}
    assert await rows(firm.admin, "trainers", **before) == []
    wrong = await firm.admin.get("/v1/reports/trainers", since=in_days(1), until=in_days(0))
    assert made(wrong, 422)["errors"][0]["pointer"] == "/until"
    # A manager sees what was done for their own people.
    away = await other_team(firm)
    theirs = await firm.hire("Deres Egen", team_id=UUID(away["id"]), manager_id=firm.manager.id)
    assert await rows(firm.manager, "trainers") == []
    await assignment(firm, await published_curriculum(firm), theirs)
    [row] = await rows(firm.manager, "trainers")
    assert (row["assigned"], row["sessions_held"], row["show_rate"]) == (1, 0, None)


# --- Kirkpatrick ------------------------------------------------------------------------------------


async def tried(firm: Firm, quiz: dict[str, Any], person: Person, *, right: bool) -> None:
    begun = await attempt(person, quiz)
    key = begun["questions"][0]["key"]
    answers = {"answers": {key: right}}
    made(await person.post(f"/v1/attempts/{begun['id']}/submission", answers), 200)


def level(told: dict[str, Any], number: int) -> dict[str, Any]:
    assert Kirkpatrick.model_validate(told)
    assert [one["level"] for one in told["levels"]] == [1, 2, 3, 4]
    found: dict[str, Any] = told["levels"][number - 1]
    return found


async def test_levels_without_data_are_null_and_say_why(firm: Firm):
    told = made(await firm.trainer.get("/v1/reports/kirkpatrick"), 200)
    assert [(level(told, n)["figures"], level(told, n)["why"]) for n in (1, 2, 3, 4)] == [
        (None, "not_collected"),
        (None, "no_data"),
        (None, "no_data"),
        (None, "elsewhere"),
    ]
    answer = await firm.trainer.request(
        "GET", "/v1/reports/kirkpatrick", headers={"Accept-Language": "nb"}
    )
    assert level(made(answer, 200), 3)["detail"] == "Ingen verktøy er tatt i bruk."


async def test_learning_is_told_by_attempts_of_five_people_or_more(firm: Firm):
    bank = await question_bank(firm)
    await bank_question(firm, bank)
    quiz = await assessment(firm, bank)
    people = [firm.learner, firm.seller, firm.lead, firm.admin]
    for person in people:
        await tried(firm, quiz, person, right=True)
    told = made(await firm.trainer.get("/v1/reports/kirkpatrick"), 200)
    few = level(told, 2)
    assert (few["figures"], few["people"], few["why"]) == (None, None, "fewer_than_five")
    fifth = await firm.hire("Femte", team_id=firm.team_id)
    await tried(firm, quiz, fifth, right=False)
    await tried(firm, quiz, fifth, right=True)
    learned = level(made(await firm.trainer.get("/v1/reports/kirkpatrick"), 200), 2)
    assert (learned["people"], learned["why"]) == (5, None)
    assert learned["figures"] == {
        "attempts": 6,
        "first_attempts": 5,
        "mean_score": pytest.approx(0.833),
        "pass_rate": pytest.approx(0.833),
        "first_attempt_pass_rate": 0.8,
    }
    elsewhere = await published_curriculum(firm)
    none = made(
        await firm.trainer.get("/v1/reports/kirkpatrick", curriculum_id=elsewhere["id"]), 200
    )
    assert level(none, 2)["why"] == "no_data"
    lines = await as_csv(firm.trainer, "kirkpatrick")
    figures = {line["figure"]: line["value"] for line in lines if line["level"] == "2"}
    assert figures["first_attempt_pass_rate"] == "0.8"
    assert [line["why"] for line in lines if line["level"] == "4"] == ["elsewhere"]
    listed = await firm.trainer.request(
        "GET", "/v1/reports/kirkpatrick", headers={"Accept": "application/x-ndjson"}
    )
    assert len(listed.text.splitlines()) == len(lines) == 8
    unknown = await firm.trainer.get("/v1/reports/kirkpatrick", curriculum_id=str(firm.team_id))
    assert unknown.status_code == 404


async def test_behaviour_is_told_by_the_tools_that_people_took_up(firm: Firm):
    whole = await published_curriculum(firm)
    for adopted in (True, False):
        launch = await in_training(firm, whole, min_pct=0)
        made(await firm.manager.post(f"/v1/rollouts/{launch['id']}/go-live"), 200)
        if adopted:
            made(await firm.manager.post(f"/v1/rollouts/{launch['id']}/adoption"), 200)
    told = made(await firm.trainer.get("/v1/reports/kirkpatrick", curriculum_id=whole["id"]), 200)
    assert level(told, 3)["figures"] == {
        "rollouts_live": 2,
        "rollouts_adopted": 1,
        "adoption_rate": 0.5,
    }
    told = made(await firm.trainer.get("/v1/reports/kirkpatrick", team_id=str(firm.team_id)), 200)
    assert (level(told, 3)["figures"], level(told, 3)["why"]) == (None, "not_by_team")


# --- who sees what, and as what ---------------------------------------------------------------------


async def test_managers_see_their_own_teams_others_are_not_there_and_learners_see_none(
    firm: Firm, stranger: Person
):
    till = await tool(firm, competence=a_key("till"))
    away = await other_team(firm)
    theirs = await firm.hire("Deres Egen", team_id=UUID(away["id"]), manager_id=firm.manager.id)
    late = {"due": {"kind": "fixed", "on": in_days(-1)}}
    whole = await published_curriculum(firm)
    await assignment(firm, whole, **late)
    mine = await assignment(firm, whole, theirs, **late)
    people = f"tool-matrix/people?tool_id={till['id']}"
    for report in (*REPORTS, people):
        path = f"/v1/reports/{report}"
        for person in (firm.trainer, firm.admin, firm.manager):
            assert (await person.get(path)).status_code == 200, report
        for person in (firm.learner, firm.seller, firm.lead):
            assert (await person.get(path)).status_code == 403, report
        joined = "&" if "?" in report else "?"
        ours = f"{path}{joined}team_id={firm.team_id}"
        assert (await firm.manager.get(ours)).status_code == 404, report
        assert (await firm.learner.get(ours)).status_code == 403, report
        assert (await firm.trainer.get(ours)).status_code == 200, report
        assert (await stranger.get(ours)).status_code == 404, report
    assert {row["team_id"] for row in await rows(firm.manager, "tool-matrix")} == {away["id"]}
    assert [row["assignment_id"] for row in await rows(firm.manager, "overdue")] == [mine["id"]]
    [row] = await rows(firm.manager, "curricula")
    assert row["of"] == 1
    assert len(await rows(firm.trainer, "overdue", team_id=away["id"])) == 1
    assert len(await rows(firm.trainer, "overdue")) == 2
    # Whoever leads a team sees it, too.
    lead = {"lead_id": str(firm.lead.id)}
    made(await firm.admin.patch(f"/v1/teams/{firm.team_id}", lead), 200)
    await firm.product.catch_up()
    assert {r["team_id"] for r in await rows(firm.lead, "tool-matrix")} == {str(firm.team_id)}
    other_tool = await stranger.get("/v1/reports/tool-matrix", tool_id=till["id"])
    assert other_tool.status_code == 404


async def test_a_manager_without_a_team_sees_an_empty_report(firm: Firm):
    await tool(firm, competence=a_key("till"))
    assert await rows(firm.manager, "tool-matrix") == []
    assert await rows(firm.manager, "overdue") == []


@pytest.mark.parametrize("report", ["tool-matrix", "overdue", "curricula", "trainers"])
async def test_a_csv_holds_every_row_and_harms_nobody(firm: Firm, report: str):
    till = await tool(firm, competence=a_key("till"), name='=HYPERLINK("http://evil")')
    for person in (firm.learner, firm.seller, firm.lead):
        whole = await published_curriculum(firm)
        await assignment(firm, whole, person, due={"kind": "fixed", "on": in_days(-1)})
    page = made(await firm.trainer.get(f"/v1/reports/{report}", limit=1), 200)
    lines = await as_csv(firm.trainer, report, limit=1)
    whole_page = await rows(firm.trainer, report)
    assert len(lines) == len(whole_page) >= len(page["items"]) == 1
    assert list(lines[0]) == list(whole_page[0])
    if report == "tool-matrix":
        assert lines[0]["tool_name"].startswith("'=HYPERLINK")
        assert lines[0]["tool_id"] == till["id"]
    marked = await firm.trainer.request(
        "GET",
        f"/v1/reports/{report}",
        headers={"Accept": "text/csv"},
        params={"bom": "true"},
    )
    assert marked.content.startswith(b"\xef\xbb\xbf")
    assert marked.headers["content-disposition"] == f'attachment; filename="{report}.csv"'
    as_lines = await firm.trainer.request(
        "GET", f"/v1/reports/{report}", headers={"Accept": "application/x-ndjson"}
    )
    assert len(as_lines.text.splitlines()) == len(lines)


@pytest.mark.parametrize("report", REPORTS)
async def test_what_is_asked_wrongly_is_refused(firm: Firm, report: str):
    path = f"/v1/reports/{report}"

    async def status(headers: dict[str, str] | None = None, **query: str) -> int:
        answer: httpx.Response = await firm.trainer.request(
            "GET", path, headers=headers, params=query
        )
        return answer.status_code

    assert await status({"Accept": "application/pdf"}) == 406
    assert await status(colour="red") == 422
    assert await status(team_id="ours") == 422
    assert await status(team_id="019a2b3c-4d5e-7f60-8123-456789abcdef") in (200, 404)


async def test_a_waiver_that_ran_out_counts_no_more(firm: Firm, clock: MovedClock):
    whole = await published_curriculum(firm)
    launch = await in_training(firm, whole)
    waived = await assignment(firm, whole)
    excused = {"reason": "administrative", "valid_until": in_days(10)}
    made(await firm.trainer.post(f"/v1/assignments/{waived['id']}/waivers", excused))
    [row] = await rows(firm.trainer, "tool-matrix", tool_id=launch["tool_id"])
    assert (row["have"], row["waived"]) == (1, 1)
    path = f"/v1/rollouts/{launch['id']}/readiness"
    assert made(await firm.trainer.get(path), 200)["waived"] == 1
    clock.move(days=11)
    [row] = await rows(firm.trainer, "tool-matrix", tool_id=launch["tool_id"])
    assert (row["have"], row["waived"]) == (0, 0)
    assert made(await firm.trainer.get(path), 200)["waived"] == 0


async def test_somebody_with_every_role_sees_every_team(firm: Firm):
    everyone = await firm.hire("Alle Roller", *Role)
    await tool(firm, competence=a_key("till"))
    assert len(await rows(everyone, "tool-matrix")) == 2
