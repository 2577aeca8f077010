"""The facts that the handover service publishes. Each function says when, its name and fields say what."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from services.chassis.events import Event
from services.handover.domain.check_in import CheckIn
from services.handover.domain.competence import CompetenceNeed
from services.handover.domain.customer import Contact, Customer
from services.handover.domain.customer_voice import CustomerVoice
from services.handover.domain.deal_import import DealCustomer, OpenedHandover
from services.handover.domain.estimate import Estimate
from services.handover.domain.handover import Handover
from services.handover.domain.log import LogEntry
from services.handover.domain.outcome import Outcome
from services.handover.domain.past_estimate import PastEstimate
from services.handover.domain.promise import Promise, ReadBack
from services.handover.domain.question import Answer, Question
from services.handover.domain.staffing import Staffing
from services.handover.domain.stakeholder import Stakeholder
from services.handover.domain.unknown import Unknown
from services.handover.domain.value_measure import ValueMeasure, ValueObservation
from services.handover.domain.waiver import CoverageWaiver
from services.handover.domain.walkthrough import Walkthrough


def _on(handover: Handover | OpenedHandover) -> str:
    return f"handovers/{handover.id}"


def customer_created(customer: Customer | DealCustomer) -> Event:
    """A customer became known."""
    return Event("customer.created", f"customers/{customer.id}", after={"name": customer.name})


def customer_changed(
    customer: Customer, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """What is known of a customer changed."""
    return Event("customer.changed", f"customers/{customer.id}", before=before, after=after)


def _contact(verb: str, contact: Contact, **told: Mapping[str, Any]) -> Event:
    path = f"customers/{contact.customer_id}/contacts/{contact.id}"
    return Event(f"contact.{verb}", path, {"customer_id": contact.customer_id}, **told)


def contact_created(contact: Contact) -> Event:
    """Somebody at a customer became known."""
    return _contact(
        "created", contact, after={"name": contact.name, "job_title": contact.job_title}
    )


def contact_changed(contact: Contact, before: Mapping[str, Any], after: Mapping[str, Any]) -> Event:
    """What is known of somebody at a customer changed."""
    return _contact("changed", contact, before=before, after=after)


def contact_deleted(contact: Contact) -> Event:
    """Somebody was taken off a customer's contacts."""
    return _contact(
        "deleted", contact, before={"name": contact.name, "job_title": contact.job_title}
    )


def handover_created(handover: Handover | OpenedHandover) -> Event:
    """A seller opened a handover, by hand or by import."""
    return Event(
        "handover.created",
        _on(handover),
        after={
            "title": handover.title,
            "customer_id": handover.customer_id,
            "seller_id": handover.seller_id,
            "state": handover.state,
        },
    )


def handover_changed(
    handover: Handover, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """Fields of a handover changed."""
    return Event("handover.changed", _on(handover), before=before, after=after)


def handover_moved(
    verb: str, handover: Handover, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """A handover moved on: handover.submitted, .claimed, .returned, .accepted, .started, .completed, .closed, .cancelled."""
    return Event(f"handover.{verb}", _on(handover), before=before, after=after)


def handover_transferred(
    handover: Handover, reason: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """A manager gave a handover to another lead; open promises wait for their read-back."""
    return Event("handover.transferred", _on(handover), {"reason": reason}, before, after)


class Part(Protocol):
    """What belongs to a handover."""

    id: UUID
    handover_id: UUID


def _part(
    name: str,
    verb: str,
    path: str,
    part: Part,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> Event:
    return Event(
        f"{name}.{verb}",
        f"handovers/{part.handover_id}/{path}/{part.id}",
        {"handover_id": part.handover_id},
        before,
        after,
    )


def stakeholder_created(stakeholder: Stakeholder) -> Event:
    """Somebody at the customer was named."""
    after = {"name": stakeholder.name, "role": stakeholder.role}
    return _part("stakeholder", "created", "stakeholders", stakeholder, after=after)


def stakeholder_changed(
    stakeholder: Stakeholder, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """What is known of somebody at the customer changed."""
    return _part("stakeholder", "changed", "stakeholders", stakeholder, before, after)


def stakeholder_deleted(stakeholder: Stakeholder) -> Event:
    """Somebody at the customer was taken off before the handover was submitted."""
    before = {"name": stakeholder.name, "role": stakeholder.role}
    return _part("stakeholder", "deleted", "stakeholders", stakeholder, before=before)


def unknown_created(unknown: Unknown) -> Event:
    """A gap was declared: what nobody knows yet, and who finds it out by when."""
    after = {"what": unknown.what, "owner_id": unknown.owner_id, "due_on": unknown.due_on}
    return _part("unknown", "created", "unknowns", unknown, after=after)


def unknown_changed(unknown: Unknown, before: Mapping[str, Any], after: Mapping[str, Any]) -> Event:
    """The reason, the owner or the day of a declared gap changed."""
    return _part("unknown", "changed", "unknowns", unknown, before, after)


def unknown_deleted(unknown: Unknown) -> Event:
    """A gap is declared no more."""
    return _part("unknown", "deleted", "unknowns", unknown, before={"what": unknown.what})


def unknown_resolved(
    unknown: Unknown, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """An answer to the question that a declared gap had opened was accepted."""
    return _part("unknown", "resolved", "unknowns", unknown, before, after)


def _need(need: CompetenceNeed) -> dict[str, Any]:
    return {
        "competence": need.competence,
        "level": need.level,
        "headcount": need.headcount,
        "starts_on": need.starts_on,
        "ends_on": need.ends_on,
    }


def competence_need_created(need: CompetenceNeed) -> Event:
    """A handover needs people with a competence."""
    return _part("competence-need", "created", "competence-needs", need, after=_need(need))


def competence_need_changed(
    need: CompetenceNeed, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """The competence, level, headcount or period of a need changed."""
    return _part("competence-need", "changed", "competence-needs", need, before, after)


def competence_need_deleted(need: CompetenceNeed) -> Event:
    """A handover does not need the competence after all."""
    return _part("competence-need", "deleted", "competence-needs", need, before=_need(need))


def log_entry_created(entry: LogEntry) -> Event:
    """Something was written into the log of a handover."""
    after = {
        "at": entry.at,
        "kind": entry.kind,
        "phase": entry.phase,
        "text": entry.text,
        "affects": entry.affects,
        "corrects": entry.corrects,
    }
    return _part("log-entry", "created", "log", entry, after=after)


def _promised(promise: Promise) -> dict[str, Any]:
    return {
        "statement": promise.statement,
        "kind": promise.kind,
        "done_when": promise.done_when,
        "due_on": promise.due_on,
        "state": promise.state,
    }


def promise_created(promise: Promise) -> Event:
    """A promise was written down; `supersedes` names the one whose place it takes."""
    after = {**_promised(promise), "supersedes": promise.supersedes}
    return _part("promise", "created", "promises", promise, after=after)


def promise_changed(promise: Promise, before: Mapping[str, Any], after: Mapping[str, Any]) -> Event:
    """A promise was changed while it was still the seller's."""
    return _part("promise", "changed", "promises", promise, before, after)


def promise_deleted(promise: Promise) -> Event:
    """A promise was taken out before anyone took it over."""
    return _part("promise", "deleted", "promises", promise, before=_promised(promise))


def promise_moved(
    verb: str, promise: Promise, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """A promise moved on: promise.superseded, .offered, .accepted, .conditional, .declined, .kept, .broken, .released."""
    return _part("promise", verb, "promises", promise, before, after)


def promise_read_back(read_back: ReadBack) -> Event:
    """The lead said a promise in their own words, and whether they can make it."""
    after = {
        "promise_id": read_back.promise_id,
        "restated": read_back.restated,
        "stance": read_back.stance,
        "condition": read_back.condition,
    }
    path = f"promises/{read_back.promise_id}/read-backs"
    return _part("promise", "read-back", path, read_back, after=after)


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Hours and what else is measured are numbers in JSON; a Decimal would be written as text, as money is."""
    return {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }


def _estimated(estimate: Estimate | PastEstimate) -> dict[str, Any]:
    said = {
        "item": estimate.item,
        "kind": estimate.kind,
        "optimistic_hours": estimate.optimistic_hours,
        "likely_hours": estimate.likely_hours,
        "pessimistic_hours": estimate.pessimistic_hours,
        "basis": estimate.basis,
        "estimated_by": estimate.estimated_by,
    }
    return _numbers(said)


def estimate_created(estimate: Estimate) -> Event:
    """Somebody estimated what a piece of work takes; `supersedes` names the estimate whose place it takes."""
    after = {**_estimated(estimate), "supersedes": estimate.supersedes}
    return _part("estimate", "created", "estimates", estimate, after=after)


def estimate_changed(
    estimate: Estimate, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """An estimate was changed while it was still the seller's."""
    return _part("estimate", "changed", "estimates", estimate, _numbers(before), _numbers(after))


def estimate_deleted(estimate: Estimate) -> Event:
    """An estimate was taken out before the handover was submitted."""
    return _part("estimate", "deleted", "estimates", estimate, before=_estimated(estimate))


def estimate_superseded(
    estimate: Estimate, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """A new estimate took the place of this one."""
    return _part("estimate", "superseded", "estimates", estimate, before, after)


def estimate_measured(
    estimate: Estimate, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """The lead said what an estimated piece of work took in the end, or corrected it."""
    return _part("estimate", "measured", "estimates", estimate, _numbers(before), _numbers(after))


def past_estimate_imported(past: PastEstimate, earlier: PastEstimate | None) -> Event:
    """An estimate from before Stafett came in by file, or what the file says of a known one has changed."""

    def said(one: PastEstimate) -> dict[str, Any]:
        measured = {
            "actual_hours": one.actual_hours,
            "completed_on": one.completed_on,
            "revision": one.revision,
        }
        told = {**_estimated(one), **_numbers(measured)}
        # How somebody's estimates turned out is not for everybody who reads events.
        del told["estimated_by"]
        return told

    return Event(
        "past-estimate.imported",
        f"past-estimates/{past.id}",
        {"external_id": past.external_id},
        None if earlier is None else said(earlier),
        said(past),
    )


def customer_voice_created(voice: CustomerVoice) -> Event:
    """Somebody wrote down what a customer said. What, and who, is told by no event: consent can be taken back, events cannot."""
    after = {"phase": voice.phase, "may_share": voice.may_share}
    return _part("customer-voice", "created", "customer-voices", voice, after=after)


def customer_voice_moved(verb: str, voice: CustomerVoice) -> Event:
    """A voice was corrected, or its sharing changed, without what was said: customer-voice.corrected, .shared, .unshared."""
    return _part("customer-voice", verb, "customer-voices", voice)


def customer_voice_deleted(voice: CustomerVoice) -> Event:
    """A voice was deleted, and nothing of it is kept."""
    return _part("customer-voice", "deleted", "customer-voices", voice)


def question_asked(question: Question) -> Event:
    """Somebody needs to know something; `routed_to` says who can probably tell, and why it is thought so."""
    after = {
        "text": question.text,
        "topic": question.topic,
        "blocking": question.blocking,
        "due_on": question.due_on,
        "asked_by": question.asked_by,
        "owner_id": question.owner_id,
        "unknown_id": question.unknown_id,
        "routed_to": question.routed_to,
    }
    return _part("question", "asked", "questions", question, after=after)


def question_changed(
    question: Question, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """A question is asked otherwise, or goes to others."""
    return _part("question", "changed", "questions", question, before, after)


def question_answered(answer: Answer) -> Event:
    """Somebody answered; whether it helps is not said yet."""
    after = {
        "question_id": answer.question_id,
        "author_id": answer.author_id,
        "text": answer.text,
    }
    path = f"questions/{answer.question_id}/answers"
    return _part("question", "answered", path, answer, after=after)


def question_resolved(
    question: Question, answer: Answer, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """An answer was accepted."""
    told = {
        **after,
        "accepted_answer_id": answer.id,
        "answered_by": answer.author_id,
        "accepted_by": answer.accepted_by,
    }
    return _part("question", "resolved", "questions", question, before, told)


def question_withdrawn(
    question: Question, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """A question need not be answered any more."""
    return _part("question", "withdrawn", "questions", question, before, after)


def walkthrough_created(walkthrough: Walkthrough) -> Event:
    """A walkthrough was planned."""
    after = {
        "starts_at": walkthrough.starts_at,
        "ends_at": walkthrough.ends_at,
        "tz": walkthrough.tz,
        "place": walkthrough.place,
        "link": walkthrough.link,
        "attendees": walkthrough.attendees,
        "state": walkthrough.state,
    }
    return _part("walkthrough", "created", "walkthroughs", walkthrough, after=after)


def walkthrough_changed(
    walkthrough: Walkthrough, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """A walkthrough was moved, or is with others, elsewhere, or has other notes."""
    return _part("walkthrough", "changed", "walkthroughs", walkthrough, before, after)


def walkthrough_moved(
    verb: str, walkthrough: Walkthrough, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """A walkthrough was held, was not held, or was called off: walkthrough.held, .not-held, .cancelled."""
    return _part("walkthrough", verb, "walkthroughs", walkthrough, before, after)


def _staffed(staffing: Staffing) -> dict[str, Any]:
    return {
        "person_id": staffing.person_id,
        "competence_need_id": staffing.competence_need_id,
        "starts_on": staffing.starts_on,
        "ends_on": staffing.ends_on,
        "allocation": staffing.allocation,
    }


def staffing_created(staffing: Staffing) -> Event:
    """Somebody was staffed on a handover."""
    return _part("staffing", "created", "staffing", staffing, after=_staffed(staffing))


def staffing_changed(
    staffing: Staffing, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """The days, the need or the allocation of a staffing changed."""
    return _part("staffing", "changed", "staffing", staffing, before, after)


def staffing_deleted(staffing: Staffing) -> Event:
    """Somebody was taken off a handover."""
    return _part("staffing", "deleted", "staffing", staffing, before=_staffed(staffing))


def coverage_waiver_granted(waiver: CoverageWaiver) -> Event:
    """A manager answers for a competence need that is not covered."""
    after = {
        "competence_need_id": waiver.competence_need_id,
        "granted_by": waiver.granted_by,
        "reason": waiver.reason,
        "valid_until": waiver.valid_until,
    }
    return _part("coverage-waiver", "granted", "coverage/waivers", waiver, after=after)


def coverage_waiver_ended(waiver: CoverageWaiver) -> Event:
    """A waiver counts no more: it was revoked, its need became another one, or a new one took its place."""
    before = {
        "competence_need_id": waiver.competence_need_id,
        "granted_by": waiver.granted_by,
        "reason": waiver.reason,
    }
    after = {"ended_by": waiver.ended_by, "end_reason": waiver.end_reason}
    return _part("coverage-waiver", "ended", "coverage/waivers", waiver, before, after)


def _measured(measure: ValueMeasure) -> dict[str, Any]:
    said = {
        "name": measure.name,
        "unit": measure.unit,
        "baseline": measure.baseline,
        "target": measure.target,
        "people_reached": measure.people_reached,
    }
    return _numbers(said)


def value_measure_created(measure: ValueMeasure) -> Event:
    """Somebody said what is to come of a handover, in numbers."""
    return _part("value-measure", "created", "value-measures", measure, after=_measured(measure))


def value_measure_changed(
    measure: ValueMeasure, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Event:
    """A measure, where it starts or where it is to get, changed."""
    before, after = _numbers(before), _numbers(after)
    return _part("value-measure", "changed", "value-measures", measure, before, after)


def value_measure_deleted(measure: ValueMeasure) -> Event:
    """A measure was taken out before anything was observed."""
    return _part("value-measure", "deleted", "value-measures", measure, before=_measured(measure))


def value_observed(observation: ValueObservation, measure: ValueMeasure) -> Event:
    """Somebody observed what came of a handover; `corrects` names the observation whose place it takes."""
    said = {
        "value_measure_id": measure.id,
        "name": measure.name,
        "unit": measure.unit,
        "at": observation.at,
        "value": observation.value,
        "corrects": observation.corrects,
    }
    path = f"value-measures/{measure.id}/observations"
    return _part("value", "observed", path, observation, after=_numbers(said))


def outcome_created(outcome: Outcome) -> Event:
    """Somebody said what came of a handover."""
    after = {
        "ended_on": outcome.ended_on,
        "result": outcome.result,
        "lessons": outcome.lessons,
        "told_by": outcome.told_by,
    }
    return _outcome("created", outcome, after=after)


def outcome_changed(outcome: Outcome, before: Mapping[str, Any], after: Mapping[str, Any]) -> Event:
    """What came of a handover was told otherwise, before it was closed."""
    return _outcome("changed", outcome, before, after)


def _outcome(
    verb: str,
    outcome: Outcome,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> Event:
    # An outcome has the id of its handover.
    path = f"handovers/{outcome.id}/outcome"
    return Event(f"outcome.{verb}", path, {"handover_id": outcome.id}, before, after)


def _checked_in(verb: str, check_in: CheckIn, told: UUID | None, after: Mapping[str, Any]) -> Event:
    """Only managers, whoever did it and `told` read it."""
    return Event(
        f"check-in.{verb}",
        f"handovers/{check_in.handover_id}/check-ins/{check_in.id}",
        {
            "handover_id": check_in.handover_id,
            "consultant_id": check_in.consultant_id,
            "due_on": check_in.due_on,
            "person_id": told,
        },
        after=after,
    )


def check_in_answered(handover: Handover, check_in: CheckIn) -> Event:
    """A consultant said how it goes; for them, the lead (`person_id`) and managers alone."""
    after = {
        "ramp_up": check_in.ramp_up,
        "belonging": check_in.belonging,
        "help_needed": check_in.help_needed,
    }
    return _checked_in("answered", check_in, handover.delivery_lead_id, after)


def check_in_help_asked(handover: Handover, check_in: CheckIn) -> Event:
    """A consultant needs help from the lead (`person_id` and `lead_id`); read by those two and managers alone."""
    after = {"lead_id": handover.delivery_lead_id, "help_needed": check_in.help_needed}
    return _checked_in("help-asked", check_in, handover.delivery_lead_id, after)


def check_in_replied(check_in: CheckIn) -> Event:
    """The lead replied to a consultant (`person_id`); read by those two and managers alone."""
    return _checked_in("replied", check_in, check_in.consultant_id, {"reply": check_in.reply})
