"""A firm with one of everything: what stands for each path parameter of the API."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.chassis.caller import Role
from services.chassis.tables import new_id
from services.onboarding.domain.badge import code_of
from tests.conftest import Firm, Person
from tests.handover import makers as handover
from tests.onboarding import makers as onboarding

# What a body or a query calls something that a path calls by its kind.
KINDS = {
    "asked_by": "person_id",
    "author_id": "person_id",
    "competence_need_id": "need_id",
    "delivery_lead_id": "person_id",
    "lead_id": "person_id",
    "manager_id": "person_id",
    "owner_id": "person_id",
    "person_ids": "person_id",
    "said_by": "person_id",
    "seller_id": "person_id",
    "trainer_id": "person_id",
    "supersedes": "promise_id",
}


@dataclass
class Filled:
    """Values for path parameters by name; the first ones belong together, others are in other states."""

    firm: Firm
    everyone: Person
    parameters: dict[str, list[str]] = field(default_factory=dict)

    def have(self, **values: Any) -> None:
        for name, value in values.items():
            self.parameters.setdefault(name, []).append(str(value))

    def first(self, name: str) -> str:
        """The value that fits the other first ones; KeyError when nobody makes such a thing."""
        return self.parameters[name][0]


async def filled(firm: Firm) -> Filled:
    """The firm, filled; `everyone` has every role."""
    everything = Filled(firm, await firm.hire("Alle Roller", *Role))
    await _fill_gateway(everything)
    taught = await _fill_onboarding(everything)
    await firm.product.catch_up()
    await _fill_handover(everything, taught)
    return everything


async def _fill_gateway(everything: Filled) -> None:
    admin = everything.firm.admin
    everything.have(person_id=everything.firm.learner.id, team_id=everything.firm.team_id)
    key = handover.made(await admin.post("/v1/api-keys", {"name": "CRM export"}))
    empty_team = handover.made(await admin.post("/v1/teams", {"name": "Tom"}))
    everything.have(api_key_id=key["id"], team_id=empty_team["id"])
    # Issuer and audience are one organization's in the whole installation, which the tests share.
    provider = handover.made(
        await admin.post(
            "/v1/identity-providers",
            {"name": "Entra ID", "issuer": "https://login.example", "audience": new_id().hex},
        )
    )
    path = f"/v1/identity-providers/{provider['id']}/subjects"
    tied = {"subject": "248289761001", "person_id": str(everything.firm.learner.id)}
    subject = handover.made(await admin.post(path, tied))
    everything.have(identity_provider_id=provider["id"], subject_id=subject["id"])


async def _fill_onboarding(everything: Filled) -> str:
    """Returns the competence that the learner now has."""
    firm = everything.firm
    competence = onboarding.a_key("tills")
    tool = onboarding.made(
        await firm.trainer.post("/v1/tools", {"key": onboarding.a_key("tool"), "name": "Till"})
    )
    everything.have(tool_id=tool["id"])
    course = await onboarding.published_course(firm, competence=competence)
    unfinished = await onboarding.course(firm.trainer)
    await onboarding.course_draft(firm.trainer, unfinished)
    everything.have(course_id=course["id"], number=1)
    everything.have(course_id=unfinished["id"])
    curriculum = await onboarding.published_curriculum(firm, onboarding.course_set(course))
    everything.have(curriculum_id=curriculum["id"])
    assigned = await onboarding.assignment(firm, curriculum)
    item = assigned["sets"][0]["items"][0]["key"]
    everything.have(assignment_id=assigned["id"], key=item)
    onboarding.made(await firm.learner.post(onboarding.completion_path(assigned, item)), 200)
    certificates = onboarding.made(await firm.learner.get("/v1/certificates"), 200)["items"]
    everything.have(certificate_id=certificates[0]["id"])
    code = code_of(firm.organization_id, UUID(certificates[0]["id"]))
    keys = onboarding.made(await firm.learner.get("/v1/public/keys"), 200)["keys"]
    everything.have(code=code, issuer_id=firm.organization_id, key_id=keys[0]["kid"])
    policy = await onboarding.policy(firm, competence=competence)
    everything.have(certification_policy_id=policy["id"])
    due = {"kind": "fixed", "on": "2199-06-19"}
    under_way = await onboarding.assignment(firm, curriculum, everything.everyone, due=due)
    everything.have(assignment_id=under_way["id"])
    assert await onboarding.reminded(firm, "2199-06-18 10:00")
    reminders = onboarding.made(await everything.everyone.get("/v1/reminders"), 200)["items"]
    everything.have(reminder_id=reminders[0]["id"])
    bank = await onboarding.question_bank(firm)
    asked = await onboarding.bank_question(firm, bank)
    everything.have(question_bank_id=bank["id"], bank_question_id=asked["id"])
    assessment = await onboarding.assessment(firm, bank)
    tried = await onboarding.attempt(everything.everyone, assessment)
    everything.have(assessment_id=assessment["id"], attempt_id=tried["id"])
    grant = {"person_id": str(firm.learner.id), "reason": "The fire alarm went off."}
    path = f"/v1/assessments/{assessment['id']}/grants"
    onboarding.made(await firm.trainer.post(path, grant))
    await onboarding.past_completion(firm, course)
    await _fill_sessions(everything)
    rollout = await onboarding.in_training(firm, curriculum)
    override = await onboarding.override(firm.trainer, rollout)
    everything.have(rollout_id=rollout["id"], override_id=override["id"])
    everything.have(rollout_id=(await onboarding.rollout(firm, curriculum))["id"])
    audience = await onboarding.audience(firm, {"person": [str(firm.learner.id)]})
    rule = await onboarding.assignment_rule(firm, audience, curriculum)
    unused = await onboarding.audience(firm, {"job_role": ["nobody's"]})
    idle = await onboarding.assignment_rule(firm, audience, curriculum, active=False)
    everything.have(audience_id=audience["id"], assignment_rule_id=rule["id"])
    # Somebody whose due date nobody can work out.
    other = await onboarding.published_curriculum(firm, onboarding.course_set(course))
    due = {"kind": "after_hire", "days": 14}
    await onboarding.assignment_rule(firm, audience, other, due=due)
    everything.have(audience_id=unused["id"], assignment_rule_id=idle["id"])
    return competence


async def _fill_sessions(everything: Filled) -> None:
    firm = everything.firm
    session = await onboarding.training_session(firm.trainer)
    seat = await onboarding.booking(firm.learner, session)
    waits = await onboarding.booking(firm.seller, session)
    post = {"text": "What if there are two cards?"}
    posted = onboarding.made(await firm.learner.post(f"/v1/sessions/{session['id']}/posts", post))
    everything.have(session_id=session["id"], booking_id=seat["id"], post_id=posted["id"])
    everything.have(booking_id=waits["id"])


async def _fill_handover(everything: Filled, competence: str) -> None:
    firm = everything.firm
    first = await handover.complete_draft(firm, planned_start="2026-08-03")
    path = f"/v1/handovers/{first['id']}"
    people = await firm.seller.get(f"{path}/stakeholders")
    everything.have(stakeholder_id=handover.made(people, 200)["items"][0]["id"])
    given = {
        "what": "out_of_scope",
        "reason": "The customer decides it in December.",
        "owner_id": str(firm.seller.id),
        "due_on": "2199-12-15",
    }
    unknown = handover.made(await firm.seller.post(f"{path}/unknowns", given))
    need = await handover.need(firm, first, competence=competence)
    estimates = handover.made(await firm.seller.get(f"{path}/estimates"), 200)["items"]
    everything.have(unknown_id=unknown["id"], need_id=need["id"])
    everything.have(estimate_id=estimates[0]["id"])
    await handover.past_estimate(everything.everyone)
    walkthrough = await handover.held_walkthrough(firm, first)
    everything.have(walkthrough_id=walkthrough["id"])
    await handover.move(firm.seller, first, "submission")
    await handover.move(firm.lead, first, "claim")
    staffing = await handover.staffed(firm, first, competence_need_id=need["id"])
    waiver = await handover.waived(firm, first, need)
    await handover.staffed(firm, first, **{"from": "2026-11-01"})
    check_ins = await firm.lead.get(f"/v1/handovers/{first['id']}/check-ins", sort="due_on")
    everything.have(delivery_check_in_id=handover.made(check_ins, 200)["items"][0]["id"])
    [promise] = await handover.promises_of(firm, first)
    read_back = handover.made(await handover.read_back(firm.lead, promise))
    entry = await handover.logged(firm.seller, first)
    contact = await handover.contact(firm.seller, first["customer_id"])
    voice = await handover.voice(firm.learner, first)
    everything.have(contact_id=contact["id"], voice_id=voice["id"])
    measure = await handover.measure(firm.seller, first)
    observation = await handover.observed(firm.learner, measure)
    everything.have(value_measure_id=measure["id"], observation_id=observation["id"])
    everything.have(
        handover_id=first["id"],
        customer_id=first["customer_id"],
        promise_id=promise["id"],
        read_back_id=read_back["id"],
        entry_id=entry["id"],
        staffing_id=staffing["id"],
        coverage_waiver_id=waiver["id"],
    )
    asked = await handover.question(firm.learner, first, topic="VAT")
    answer = await handover.answer(firm.trainer, asked)
    everything.have(question_id=asked["id"], answer_id=answer["id"])
    resolved = await handover.question(firm.learner, first)
    helped = await handover.answer(firm.trainer, resolved)
    handover.made(await handover.accept_answer(firm.learner, helped), 200)
    # As far as it takes for it to have an outcome.
    await handover.move(firm.lead, first, "acceptance")
    await handover.move(firm.lead, first, "start")
    outcome = {"ended_on": "2026-10-30", "result": "partly", "lessons": "Visit the weak shops."}
    handover.made(await firm.lead.post(f"{path}/outcome", outcome))
    for other in (
        await handover.complete_draft(firm),
        await handover.in_review(firm),
        await handover.accepted(firm),
        await handover.in_delivery(firm),
    ):
        everything.have(handover_id=other["id"])
        for promise in await handover.promises_of(firm, other):
            everything.have(promise_id=promise["id"])
