"""Certificates through the API: earned, renewed, revoked, seen by whom, and what others make of them."""

import asyncio
from datetime import UTC, datetime, timedelta

from services.chassis.events import store_recorded
from services.chassis.tables import new_id
from services.onboarding.api.certificates import CertificateOut
from services.onboarding.api.certification_policies import CertificationPolicyOut
from services.onboarding.domain.certifying import open_renewals, tell_of_certificates
from services.onboarding.domain.chores import CHORES
from tests.conftest import Firm, Person
from tests.handover import makers as handover
from tests.onboarding.makers import (
    aged,
    assignment,
    certified,
    completion_path,
    course_set,
    made,
    policy,
    published_course,
    published_curriculum,
    told,
)

TODAY = datetime.now(UTC).date()


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


async def chores(firm: Firm, days: int = 0) -> dict[str, int]:
    """Do the chores of certificates once, as of so many days from now."""
    now = datetime.now(UTC) + timedelta(days=days)
    done = {}
    for chore in (one for one in CHORES if one.do in (open_renewals, tell_of_certificates)):
        async with firm.product.database("onboarding").transaction(firm.organization_id) as session:
            done[chore.name] = await chore.do(session, now)
            await session.flush()
            await store_recorded(session, None, None)
    return done


async def covered(firm: Firm, competence: str, on: str | None = None) -> list[str]:
    query = {"competence": competence} | ({} if on is None else {"on": on})
    found = made(await firm.seller.get("/v1/coverage", **query), 200)
    assert found["trained"] == len(found["people"])
    return [person["person_id"] for person in found["people"]]


async def test_completing_certifies_the_competence_and_the_curriculum(firm: Firm):
    await policy(firm, competence="selling", valid_days=30, renewal_window_days=30)
    taught = await published_course(firm, competence="selling", level=3)
    curriculum = await published_curriculum(firm, course_set(taught))
    given = await assignment(firm, curriculum)
    made(await firm.learner.post(completion_path(given, taught)), 200)

    mine = made(await firm.learner.get("/v1/certificates"), 200)["items"]
    of_curriculum, of_competence = mine
    assert CertificateOut.model_validate(of_competence)
    assert of_competence["title"] == taught["title"]
    assert (of_competence["competence"], of_competence["level"]) == ("selling", 3)
    assert (of_competence["issued_on"], of_competence["expires_on"]) == (in_days(0), in_days(30))
    assert of_competence["state"] == "in_window"
    assert of_curriculum["curriculum_id"] == curriculum["id"]
    assert (of_curriculum["expires_on"], of_curriculum["state"]) == (None, "valid")
    assert len(await told(firm, "certificate.issued")) == 2
    (granted,) = await told(firm, "competence.granted")
    assert granted["data"]["expires_on"] == in_days(30)
    assert await covered(firm, "selling", in_days(30)) == [str(firm.learner.id)]
    assert await covered(firm, "selling", in_days(31)) == []


async def test_whose_certificates_one_sees(firm: Firm, stranger: Person):
    certificate = await certified(firm, "selling")
    path = f"/v1/certificates/{certificate['id']}"
    seen = {
        person.name: (
            (await person.get(path)).status_code,
            len(made(await person.get("/v1/certificates", competence="selling"), 200)["items"]),
        )
        for person in (firm.learner, firm.trainer, firm.admin, firm.manager, firm.seller, stranger)
    }
    assert list(seen.values()) == [(200, 1), (200, 1), (200, 1), (404, 0), (404, 0), (404, 0)]

    made(await firm.admin.patch(f"/v1/teams/{firm.team_id}", {"lead_id": str(firm.seller.id)}), 200)
    boss = {"manager_id": str(firm.manager.id)}
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", boss), 200)
    await firm.product.catch_up()
    for person in (firm.manager, firm.seller):
        assert (await person.get(path)).status_code == 200


async def test_certificates_are_listed_by_what_they_are(firm: Firm):
    certificate = await certified(firm, "selling")
    for query, found in (
        ({"person_id": str(firm.learner.id)}, 2),
        ({"person_id": str(firm.seller.id)}, 0),
        ({"competence": "selling"}, 1),
        ({"competence": "selling", "state": "valid"}, 1),
        ({"state": "revoked"}, 0),
        ({"team_id": str(firm.team_id)}, 2),
        ({"curriculum_id": str(new_id())}, 0),
    ):
        page = made(await firm.trainer.get("/v1/certificates", **query), 200)
        assert len(page["items"]) == found, query
    assert certificate["state"] == "valid"
    assert (await firm.trainer.get("/v1/certificates", state="new")).status_code == 422


async def test_learning_it_anew_is_a_new_cycle_and_renews(firm: Firm):
    await policy(firm, competence="selling", valid_months=12, renewal_window_days=30)
    first = await certified(firm, "selling")
    await aged(firm, first, 350)
    again = await firm.learner.get(f"/v1/certificates/{first['id']}")
    assert made(again, 200)["state"] == "in_window"

    opened = await chores(firm)
    assert opened | {"open_renewals": 1, "tell_of_certificates": 1} == opened
    assert set((await chores(firm)).values()) == {0}
    mine = made(await firm.learner.get("/v1/me/learning"), 200)
    (renewal,) = mine["open"]
    assert (renewal["cycle"], renewal["items_done"]) == (2, 0)
    assert renewal["due_on"] == made(again, 200)["expires_on"]
    assert renewal["sources"][0]["kind"] == "renewal"
    (told_of,) = await told(firm, "certificate.renewable")
    assert told_of["data"]["certificate_id"] == first["id"]

    item = renewal["sets"][0]["items"][0]["key"]
    made(await firm.learner.post(completion_path(renewal, item)), 200)
    newest, older = made(await firm.learner.get("/v1/certificates", competence="selling"), 200)[
        "items"
    ]
    assert (older["state"], older["renewed_by"]) == ("renewed", newest["id"])
    assert newest["state"] == "valid"
    # Renewed early, the first one still counts for the days before.
    assert await covered(firm, "selling", in_days(-300)) == [str(firm.learner.id)]
    assert set((await chores(firm)).values()) == {0}


async def test_assigning_again_what_was_completed_is_the_next_cycle(firm: Firm):
    taught = await published_course(firm)
    curriculum = await published_curriculum(firm, course_set(taught))
    first = await assignment(firm, curriculum)
    made(await firm.learner.post(completion_path(first, taught)), 200)
    second = await assignment(firm, curriculum, renew=True)
    assert (first["cycle"], second["cycle"], second["items_done"]) == (1, 2, 0)


async def test_an_expired_certificate_covers_nothing_and_the_matrix_says_so(firm: Firm):
    await policy(firm, competence="selling", valid_days=90)
    certificate = await certified(firm, "selling")
    await policy(
        firm,
        curriculum_id=(await _curriculum_of(firm, certificate)),
        valid_months=1,
        renewal_window_days=0,
    )
    of_curriculum = made(await firm.learner.get("/v1/certificates"), 200)["items"][0]
    path = f"/v1/teams/{firm.team_id}/training-matrix"

    async def cell(by: str) -> tuple[str | None, int]:
        matrix = made(await firm.trainer.get(path, by=by), 200)
        (column,) = matrix["columns"]
        (person,) = [p for p in matrix["people"] if p["person_id"] == str(firm.learner.id)]
        return person["cells"][0]["state"], column["trained"]

    assert await cell("competence") == ("completed", 1)
    assert await cell("curriculum") == ("completed", 1)
    await aged(firm, certificate, 91)
    # The certificate of the curriculum was issued before its policy, and holds for good.
    assert (of_curriculum["expires_on"], await cell("curriculum")) == (None, ("completed", 1))
    assert await cell("competence") == ("expired", 0)
    assert await covered(firm, "selling") == []
    assert await covered(firm, "selling", in_days(-1)) == [str(firm.learner.id)]
    assert (await chores(firm))["tell_of_certificates"] == 1
    (expired,) = await told(firm, "certificate.expired")
    assert expired["data"]["expires_on"] == in_days(-1)
    # Late is not too late: the next cycle is open, and overdue at once.
    (renewal,) = made(await firm.learner.get("/v1/me/learning"), 200)["open"]
    assert renewal["overdue"]
    assert await cell("curriculum") == ("completed", 1)


async def _curriculum_of(firm: Firm, certificate: dict) -> str:
    given = await firm.learner.get(f"/v1/assignments/{certificate['assignment_id']}")
    curriculum_id: str = made(given, 200)["curriculum_id"]
    return curriculum_id


async def test_nobody_who_left_is_assigned_a_renewal(firm: Firm):
    await policy(firm, competence="selling", valid_days=1)
    await certified(firm, "selling")
    made(await firm.admin.patch(f"/v1/people/{firm.learner.id}", {"active": False}), 200)
    await firm.product.catch_up()
    assert (await chores(firm, 5))["open_renewals"] == 0


async def test_a_revoked_certificate_counts_nowhere_and_handover_forgets_it(firm: Firm):
    competence = "selling"
    certificate = await certified(firm, competence, level=2)
    draft = await handover.draft(firm)
    await handover.need(firm, draft, competence=competence, level=2, headcount=1)

    async def state() -> str:
        await firm.product.catch_up()
        found = made(await firm.lead.get(f"/v1/handovers/{draft['id']}/coverage"), 200)
        return str(found["state"])

    assert await state() == "covered"
    path = f"/v1/certificates/{certificate['id']}/revocation"
    why = {"reason": "Somebody else answered."}
    for person in (firm.learner, firm.manager, firm.admin):
        assert (await person.post(path, why)).status_code == 403
    assert (await firm.trainer.post(path, {"reason": ""})).status_code == 422
    assert (await firm.trainer.post(path)).status_code == 422
    revoked = made(await firm.trainer.post(path, why), 200)
    assert (revoked["state"], revoked["revocation_reason"]) == ("revoked", why["reason"])
    assert revoked["revoked_by"] == str(firm.trainer.id)
    assert (await firm.trainer.post(path, why)).status_code == 409
    assert await covered(firm, competence) == []
    assert await state() == "gap"
    (told_of,) = await told(firm, "competence.revoked")
    assert told_of["data"]["certificate_id"] == certificate["id"]


async def test_what_a_revoked_certificate_had_renewed_stands_again(firm: Firm):
    competence = "selling"
    await policy(firm, competence=competence, valid_months=12)
    first = await certified(firm, competence)
    again = await assignment(firm, {"id": await _curriculum_of(firm, first)}, renew=True)
    item = again["sets"][0]["items"][0]["key"]
    made(await firm.learner.post(completion_path(again, item)), 200)
    second = made(await firm.learner.get("/v1/certificates", competence=competence), 200)["items"][
        0
    ]
    assert second["id"] != first["id"]
    why = {"reason": "A mistake."}
    made(await firm.trainer.post(f"/v1/certificates/{second['id']}/revocation", why), 200)
    stands = made(await firm.learner.get(f"/v1/certificates/{first['id']}"), 200)
    assert (stands["state"], stands["renewed_by"]) == ("valid", None)
    assert (await told(firm, "competence.granted"))[-1]["data"]["certificate_id"] == first["id"]
    assert await covered(firm, competence) == [str(firm.learner.id)]


async def test_of_two_that_are_earned_at_once_one_renews_the_other(firm: Firm):
    courses = [await published_course(firm, competence="selling", level=2) for _ in range(4)]
    given = [
        await assignment(firm, await published_curriculum(firm, course_set(course)))
        for course in courses
    ]
    answers = await asyncio.gather(
        *(
            firm.learner.post(completion_path(one, course))
            for one, course in zip(given, courses, strict=True)
        )
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    mine = made(await firm.learner.get("/v1/certificates", competence="selling"), 200)["items"]
    assert sorted(one["state"] for one in mine) == ["renewed", "renewed", "renewed", "valid"]
    assert len({one["renewed_by"] for one in mine}) == 4


async def test_revoking_leaves_what_a_later_one_covers_renewed_by_that(firm: Firm):
    kept = await policy(firm, competence="selling", valid_days=30, renewal_window_days=29)
    older = await certified(firm, "selling", level=2)
    await aged(firm, older, 5)
    high = await certified(firm, "selling", level=5)
    await aged(firm, high, 3)
    longer = {"valid_days": 3000, "renewal_window_days": 10}
    made(await firm.trainer.patch(f"/v1/certification-policies/{kept['id']}", longer), 200)
    newest = await certified(firm, "selling", level=2)
    assert (newest["state"], newest["renewed_by"]) == ("valid", None)

    why = {"reason": "A mistake."}
    made(await firm.trainer.post(f"/v1/certificates/{high['id']}/revocation", why), 200)
    covered_one = made(await firm.learner.get(f"/v1/certificates/{older['id']}"), 200)
    assert (covered_one["state"], covered_one["renewed_by"]) == ("renewed", newest["id"])
    assert await told(firm, "certificate.restored") == []
    assert (await told(firm, "certificate.renewed"))[-1]["data"]["renewed_by"] == newest["id"]
    assert set((await chores(firm)).values()) == {0}
    assert await told(firm, "certificate.renewable") == []

    made(await firm.trainer.post(f"/v1/certificates/{newest['id']}/revocation", why), 200)
    stands = made(await firm.learner.get(f"/v1/certificates/{older['id']}"), 200)
    assert (stands["state"], stands["renewed_by"]) == ("in_window", None)


async def test_revoking_what_is_renewed_already_leaves_the_older_ones_renewed(firm: Firm):
    first, second, third = [await certified(firm, "selling", level=2) for _ in range(3)]
    why = {"reason": "A mistake."}
    made(await firm.trainer.post(f"/v1/certificates/{second['id']}/revocation", why), 200)
    oldest = made(await firm.learner.get(f"/v1/certificates/{first['id']}"), 200)
    assert (oldest["state"], oldest["renewed_by"]) == ("renewed", third["id"])


async def test_trainers_decide_how_long_certificates_hold(firm: Firm, stranger: Person):
    kept = await policy(firm, competence="selling")
    assert CertificationPolicyOut.model_validate(kept)
    path = f"/v1/certification-policies/{kept['id']}"
    assert (await stranger.get(path)).status_code == 404
    assert made(await firm.learner.get(path), 200) == kept
    asked = await firm.learner.get("/v1/certification-policies", competence="selling")
    assert len(made(asked, 200)["items"]) == 1
    again = {"competence": "selling", "valid_months": 1}
    assert (await firm.trainer.post("/v1/certification-policies", again)).status_code == 409
    for person in (firm.learner, firm.manager, firm.admin):
        assert (await person.post("/v1/certification-policies", again)).status_code == 403
        assert (await person.patch(path, {"valid_months": 3})).status_code == 403
        assert (await person.delete(path)).status_code == 403
    changed = made(await firm.trainer.patch(path, {"valid_months": 3, "basis": "expiry"}), 200)
    assert (changed["valid_months"], changed["basis"]) == (3, "expiry")
    assert (await firm.trainer.patch(path, {"valid_days": 3})).status_code == 422
    assert (await firm.trainer.patch(path, {"valid_months": 4}, '"1"')).status_code == 412
    assert (await firm.trainer.patch(path, {"competence": "x"})).status_code == 422
    assert (await firm.trainer.delete(path)).status_code == 204
    assert (await firm.trainer.get(path)).status_code == 404
    for kind in ("created", "changed", "deleted"):
        assert len(await told(firm, f"certification-policy.{kind}")) == 1


async def test_a_policy_is_for_one_thing_that_is_there(firm: Firm):
    curriculum = await published_curriculum(firm)
    for wrong in (
        {},
        {"competence": "selling", "curriculum_id": curriculum["id"]},
        {"curriculum_id": str(new_id())},
        {"competence": "selling", "valid_months": 0},
        {"competence": "selling", "valid_months": 1, "valid_days": 1},
        {"competence": "selling", "renewal_window_days": 1},
        {"competence": "selling", "mood": "good"},
    ):
        answer = await firm.trainer.post("/v1/certification-policies", wrong)
        assert answer.status_code == 422, wrong
    kept = await policy(firm, curriculum_id=curriculum["id"])
    assert kept["curriculum_id"] == curriculum["id"]
