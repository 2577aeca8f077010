"""The facts that the onboarding service publishes. Each function says when, its name and fields say what.

Assigning writes `assignment.created` and `assignment.changed` set-based (domain/assigning.py), with the same data as here;
what follows from an audience, too (domain/following.py): beside those, `assignment.excepted` when a rule cannot assign
somebody, with the reason, and `assignment.cleared` when that is over. Going on to a later version of a curriculum writes
`assignment.migrated`, and `assignment.completed` where that was all there is to do (domain/migration.py). Reminding writes
`reminder.due` (domain/reminding.py), and a day that moves what follows from it (domain/redating.py).
"""

from collections.abc import Mapping
from typing import Any

from services.chassis.events import Event
from services.onboarding.domain.assessment import Assessment, AttemptGrant
from services.onboarding.domain.assignment import Assignment, ItemCompletion
from services.onboarding.domain.assignment_rule import AssignmentException, AssignmentRule
from services.onboarding.domain.attempt import Attempt
from services.onboarding.domain.audience import Audience, Flow
from services.onboarding.domain.booking import Booking, Seat
from services.onboarding.domain.certificate import Certificate
from services.onboarding.domain.certification_policy import CertificationPolicy
from services.onboarding.domain.course import Course, CourseVersion
from services.onboarding.domain.curriculum import Curriculum, CurriculumVersion
from services.onboarding.domain.following import Applied
from services.onboarding.domain.override import Override
from services.onboarding.domain.past_completion import PastCompletion
from services.onboarding.domain.question import Question, QuestionBank
from services.onboarding.domain.rollout import Rollout
from services.onboarding.domain.tool import Tool
from services.onboarding.domain.topic_session import SessionPost, TopicSession
from services.onboarding.domain.waiver import Extension, Waiver

Changes = Mapping[str, Any]


def tool_created(tool: Tool) -> Event:
    """A tool became known."""
    return Event(
        "tool.created",
        f"tools/{tool.id}",
        after={
            "key": tool.key,
            "name": tool.name,
            "owner_id": tool.owner_id,
            "competence": tool.competence,
        },
    )


def tool_changed(tool: Tool, before: Changes, after: Changes) -> Event:
    """A tool got another name, owner, link or competence, or trains for handovers from now on, or no more."""
    return Event("tool.changed", f"tools/{tool.id}", before=before, after=after)


def tool_deleted(tool: Tool) -> Event:
    """A tool is no more; no course was about it."""
    return Event("tool.deleted", f"tools/{tool.id}", before={"key": tool.key, "name": tool.name})


def course_created(course: Course) -> Event:
    """Somebody began a course."""
    return Event(
        "course.created",
        f"courses/{course.id}",
        after={"key": course.key, "title": course.title, "owner_id": course.owner_id},
    )


def course_changed(course: Course, before: Changes, after: Changes) -> Event:
    """A course got another title, language, owner or tool."""
    return Event("course.changed", f"courses/{course.id}", before=before, after=after)


def course_drafted(version: CourseVersion) -> Event:
    """A new version of a course was begun."""
    return Event("course.drafted", f"courses/{version.course_id}", {"version": version.number})


def course_revised(version: CourseVersion, before: Changes, after: Changes) -> Event:
    """The draft of a version changed."""
    return Event(
        "course.revised",
        f"courses/{version.course_id}",
        {"version": version.number},
        before=before,
        after=after,
    )


def _taught(course: Course, version: CourseVersion) -> dict[str, Any]:
    return {
        "course": {
            "id": course.id,
            "key": course.key,
            "title": course.title,
            "version": version.number,
        },
        "grants": version.grants,
    }


def course_published(course: Course, version: CourseVersion) -> Event:
    """A version of a course is what new learners get, and grants a competence, or none."""
    return Event("course.published", f"courses/{course.id}", _taught(course, version))


def course_retired(course: Course, version: CourseVersion) -> Event:
    """A version of a course is taught no more."""
    return Event("course.retired", f"courses/{course.id}", _taught(course, version))


def curriculum_created(curriculum: Curriculum) -> Event:
    """Somebody began a curriculum."""
    return Event(
        "curriculum.created",
        f"curricula/{curriculum.id}",
        after={"key": curriculum.key, "title": curriculum.title, "owner_id": curriculum.owner_id},
    )


def curriculum_changed(curriculum: Curriculum, before: Changes, after: Changes) -> Event:
    """A curriculum got another title, language or owner."""
    return Event("curriculum.changed", f"curricula/{curriculum.id}", before=before, after=after)


def curriculum_drafted(version: CurriculumVersion) -> Event:
    """A new version of a curriculum was begun."""
    return Event(
        "curriculum.drafted", f"curricula/{version.curriculum_id}", {"version": version.number}
    )


def curriculum_revised(version: CurriculumVersion, before: Changes, after: Changes) -> Event:
    """The draft of a version changed."""
    return Event(
        "curriculum.revised",
        f"curricula/{version.curriculum_id}",
        {"version": version.number},
        before=before,
        after=after,
    )


def _offered(curriculum: Curriculum, version: CurriculumVersion) -> dict[str, Any]:
    return {
        "curriculum": {
            "id": curriculum.id,
            "key": curriculum.key,
            "title": curriculum.title,
            "version": version.number,
        },
        "minutes": version.minutes,
    }


def curriculum_published(curriculum: Curriculum, version: CurriculumVersion) -> Event:
    """A version of a curriculum is what is assigned from now on."""
    return Event(
        "curriculum.published", f"curricula/{curriculum.id}", _offered(curriculum, version)
    )


def curriculum_retired(curriculum: Curriculum, version: CurriculumVersion) -> Event:
    """A version of a curriculum is assigned no more; learners in flight finish it."""
    return Event("curriculum.retired", f"curricula/{curriculum.id}", _offered(curriculum, version))


def _to_whom(assignment: Assignment) -> dict[str, Any]:
    return {
        "assignment_id": assignment.id,
        "person_id": assignment.person_id,
        "curriculum_id": assignment.curriculum_id,
        "due_on": assignment.due_on,
    }


def assignment_moved(verb: str, assignment: Assignment, before: Changes, after: Changes) -> Event:
    """An assignment went on: assignment.completed, .reopened, .suspended, .resumed, .withdrawn."""
    return Event(
        f"assignment.{verb}",
        f"assignments/{assignment.id}",
        _to_whom(assignment),
        before=before,
        after=after,
    )


def _done(completion: ItemCompletion) -> dict[str, Any]:
    return {
        "assignment_id": completion.assignment_id,
        "person_id": completion.person_id,
        "item_key": completion.item_key,
        "course_id": completion.course_id,
        "course_version": completion.course_version,
    }


def item_completed(completion: ItemCompletion) -> Event:
    """A learner completed a course of an assigned curriculum."""
    return Event("item.completed", f"assignments/{completion.assignment_id}", _done(completion))


def item_reopened(completion: ItemCompletion) -> Event:
    """A course counts as completed no more: the attempt by which it was passed is voided."""
    return Event(
        "item.reopened",
        f"assignments/{completion.assignment_id}",
        _done(completion),
        before={
            "completed_at": completion.completed_at,
            "completed_by": completion.completed_by,
        },
    )


def completion_imported(completion: PastCompletion) -> Event:
    """What somebody completed before Stafett, or outside of it, was brought in."""
    return Event(
        "completion.imported",
        f"people/{completion.person_id}",
        {
            "past_completion_id": completion.id,
            "person_id": completion.person_id,
            "course_id": completion.course_id,
            "curriculum_id": completion.curriculum_id,
            "completed_on": completion.completed_on,
            "certificate_id": completion.certificate_id,
        },
    )


def completion_corrected(completion: PastCompletion, before: Changes, after: Changes) -> Event:
    """A later file says otherwise of what was brought in."""
    return Event(
        "completion.corrected",
        f"people/{completion.person_id}",
        {"past_completion_id": completion.id, "person_id": completion.person_id},
        before=before,
        after=after,
    )


def item_waived(waiver: Waiver) -> Event:
    """A trainer answered for it that somebody need not work through an item."""
    return Event(
        "item.waived",
        f"assignments/{waiver.assignment_id}",
        {
            "assignment_id": waiver.assignment_id,
            "person_id": waiver.person_id,
            "item_key": waiver.item_key,
            "reason": waiver.reason,
            "valid_until": waiver.valid_until,
        },
    )


def assignment_extended(assignment: Assignment, extension: Extension) -> Event:
    """Somebody got more time."""
    return Event(
        "assignment.extended",
        f"assignments/{assignment.id}",
        {**_to_whom(assignment), "reason": extension.reason},
        before={"due_on": extension.due_before},
        after={"due_on": extension.due_on},
    )


def _certified(certificate: Certificate) -> dict[str, Any]:
    return {
        "certificate_id": certificate.id,
        "person_id": certificate.person_id,
        "competence": certificate.competence,
        "level": certificate.level,
        "curriculum_id": certificate.curriculum_id,
        "title": certificate.title,
        "expires_on": certificate.expires_on,
    }


def certificate_issued(certificate: Certificate) -> Event:
    """Somebody can do something, or completed a curriculum, and has it in writing."""
    return Event("certificate.issued", f"certificates/{certificate.id}", _certified(certificate))


def certificate_renewed(certificate: Certificate) -> Event:
    """A newer certificate took the place of this one."""
    return Event(
        "certificate.renewed",
        f"certificates/{certificate.id}",
        {**_certified(certificate), "renewed_by": certificate.renewed_by},
    )


def certificate_restored(certificate: Certificate) -> Event:
    """The certificate that had taken the place of this one was revoked; this one stands again."""
    return Event("certificate.restored", f"certificates/{certificate.id}", _certified(certificate))


def certificate_revoked(certificate: Certificate) -> Event:
    """A trainer took a certificate back."""
    return Event(
        "certificate.revoked",
        f"certificates/{certificate.id}",
        {**_certified(certificate), "reason": certificate.revocation_reason},
    )


def certificate_aged(verb: str, certificate: Certificate) -> Event:
    """A certificate came into its renewal window, or ran out, and this is told once: certificate.renewable, .expired."""
    return Event(f"certificate.{verb}", f"certificates/{certificate.id}", _certified(certificate))


def _competent(certificate: Certificate) -> dict[str, Any]:
    return {
        "person_id": certificate.person_id,
        "competence": certificate.competence,
        "level": certificate.level,
        "granted_on": certificate.issued_on,
        "expires_on": certificate.expires_on,
        "course_id": certificate.course_id,
        "course_version": certificate.course_version,
        "assignment_id": certificate.assignment_id,
        "certificate_id": certificate.id,
    }


def competence_granted(certificate: Certificate) -> Event:
    """A person has a competence at a level, up to and including `expires_on`; for good where it is null."""
    return Event("competence.granted", f"people/{certificate.person_id}", _competent(certificate))


def competence_revoked(certificate: Certificate) -> Event:
    """What a course had granted a person counts no more. Where something else of that course still does, it is granted anew."""
    return Event("competence.revoked", f"people/{certificate.person_id}", _competent(certificate))


def certification_policy_created(policy: CertificationPolicy) -> Event:
    """It was decided how long certificates of something hold."""
    return Event(
        "certification-policy.created", f"certification-policies/{policy.id}", after=_held(policy)
    )


def certification_policy_changed(
    policy: CertificationPolicy, before: Changes, after: Changes
) -> Event:
    """Certificates that are issued from now on hold for another time."""
    return Event(
        "certification-policy.changed",
        f"certification-policies/{policy.id}",
        before=before,
        after=after,
    )


def certification_policy_deleted(policy: CertificationPolicy) -> Event:
    """Certificates that are issued from now on hold for good."""
    return Event(
        "certification-policy.deleted", f"certification-policies/{policy.id}", before=_held(policy)
    )


def _held(policy: CertificationPolicy) -> dict[str, Any]:
    return {
        "competence": policy.competence,
        "curriculum_id": policy.curriculum_id,
        "valid_months": policy.valid_months,
        "valid_days": policy.valid_days,
        "renewal_window_days": policy.renewal_window_days,
        "basis": policy.basis,
    }


def session_created(topic_session: TopicSession) -> Event:
    """A session was planned."""
    return Event(
        "session.created",
        f"sessions/{topic_session.id}",
        after={
            "title": topic_session.title,
            "starts_at": topic_session.starts_at,
            "ends_at": topic_session.ends_at,
            "tz": topic_session.tz,
            "place": topic_session.place,
            "link": topic_session.link,
            "trainer_id": topic_session.trainer_id,
            "course_id": topic_session.course_id,
            "capacity": topic_session.capacity,
        },
    )


def session_changed(topic_session: TopicSession, before: Changes, after: Changes) -> Event:
    """A session was moved, or has another place, trainer, capacity or text. `sequence` rises with what calendars show."""
    return Event("session.changed", f"sessions/{topic_session.id}", before=before, after=after)


def session_cancelled(topic_session: TopicSession, before: Changes, after: Changes) -> Event:
    """A session does not take place; a booking.cancelled follows for everybody who had one."""
    return Event("session.cancelled", f"sessions/{topic_session.id}", before=before, after=after)


def session_post_created(post: SessionPost) -> Event:
    """Somebody wrote into a session's thread. What, is told by no event."""
    return Event(
        "session-post.created",
        f"sessions/{post.session_id}/posts/{post.id}",
        {"session_id": post.session_id, "author_id": post.author_id},
    )


def _whose(booking: Booking | Seat) -> dict[str, Any]:
    return {
        "booking_id": booking.id,
        "session_id": booking.session_id,
        "person_id": booking.person_id,
    }


def _booking_at(booking: Booking | Seat) -> str:
    return f"sessions/{booking.session_id}/bookings/{booking.id}"


def booking_created(booking: Booking) -> Event:
    """Somebody has a seat in a session, or waits for one."""
    return Event(
        "booking.created",
        _booking_at(booking),
        _whose(booking),
        after={
            "state": booking.state,
            "number": booking.number,
            "booked_by": booking.booked_by,
        },
    )


def booking_moved(verb: str, booking: Booking | Seat, before: Changes, after: Changes) -> Event:
    """A booking went on; an offer stands until expires_at: booking.offered, .accepted, .lapsed, .cancelled."""
    return Event(
        f"booking.{verb}", _booking_at(booking), _whose(booking), before=before, after=after
    )


def booking_attendance(booking: Booking, before: Changes, after: Changes) -> Event:
    """It was said, or corrected, whether somebody was there, and in which assignments that completed a course."""
    return Event(
        "booking.attendance-taken",
        _booking_at(booking),
        {**_whose(booking), "completed_assignments": booking.completed_assignments},
        before=before,
        after=after,
    )


def rollout_created(rollout: Rollout) -> Event:
    """A rollout of a tool was drafted."""
    return Event(
        "rollout.created",
        f"rollouts/{rollout.id}",
        after={
            "tool_id": rollout.tool_id,
            "audience_id": rollout.audience_id,
            "team_ids": rollout.team_ids,
            "go_live_on": rollout.go_live_on,
            "gate": rollout.gate,
        },
    )


def rollout_changed(rollout: Rollout, before: Changes, after: Changes) -> Event:
    """A rollout got another day, gate or audience."""
    return Event("rollout.changed", f"rollouts/{rollout.id}", before=before, after=after)


def rollout_moved(verb: str, rollout: Rollout, before: Changes, after: Changes) -> Event:
    """A rollout went on: rollout.planned, .begun, .ready, .adopted, .paused, .resumed, .cancelled."""
    return Event(
        f"rollout.{verb}",
        f"rollouts/{rollout.id}",
        {"rollout_id": rollout.id, "tool_id": rollout.tool_id, "go_live_on": rollout.go_live_on},
        before=before,
        after=after,
    )


def rollout_launched(
    rollout: Rollout, tool: Tool, judged: Changes, before: Changes, after: Changes
) -> Event:
    """A tool is live: the gate was met, or an override stood in for it, team by team."""
    return Event(
        "rollout.launched",
        f"rollouts/{rollout.id}",
        {
            "rollout_id": rollout.id,
            "tool_id": tool.id,
            "tool_key": tool.key,
            "competence": tool.competence,
            "gate": judged,
        },
        before=before,
        after=after,
    )


def override_requested(override: Override) -> Event:
    """Somebody asked that a team may go live untrained, with what is done instead."""
    return Event(
        "override.requested",
        f"rollouts/{override.rollout_id}",
        {"override_id": override.id, "rollout_id": override.rollout_id},
        after={
            "team_id": override.team_id,
            "reason": override.reason,
            "mitigation": override.mitigation,
            "expires_on": override.expires_on,
            "requested_by": override.requested_by,
        },
    )


def override_moved(verb: str, override: Override, before: Changes, after: Changes) -> Event:
    """A second person decided on an override, or it was taken back: override.approved, .rejected, .revoked."""
    return Event(
        f"override.{verb}",
        f"rollouts/{override.rollout_id}",
        {
            "override_id": override.id,
            "rollout_id": override.rollout_id,
            "team_id": override.team_id,
        },
        before=before,
        after=after,
    )


def assessment_created(assessment: Assessment) -> Event:
    """An assessment was begun."""
    return Event(
        "assessment.created",
        f"assessments/{assessment.id}",
        after={
            "key": assessment.key,
            "title": assessment.title,
            "question_bank_id": assessment.question_bank_id,
            "course_id": assessment.course_id,
        },
    )


def assessment_changed(assessment: Assessment, before: Changes, after: Changes) -> Event:
    """An assessment asks for more or less than before; attempts that have begun do not notice."""
    return Event("assessment.changed", f"assessments/{assessment.id}", before=before, after=after)


def assessment_published(assessment: Assessment) -> Event:
    """An assessment can be attempted from now on."""
    return Event("assessment.published", f"assessments/{assessment.id}", {"key": assessment.key})


def assessment_retired(assessment: Assessment) -> Event:
    """An assessment is attempted no more."""
    return Event("assessment.retired", f"assessments/{assessment.id}", {"key": assessment.key})


# Neither questions nor answers are in any event of an attempt.
def attempt_moved(verb: str, attempt: Attempt) -> Event:
    """An attempt went on: attempt.started, .answered, .submitted, .passed, .failed, .expired, .voided."""
    return Event(
        f"attempt.{verb}",
        f"attempts/{attempt.id}",
        {
            "attempt_id": attempt.id,
            "assessment_id": attempt.assessment_id,
            "person_id": attempt.person_id,
            "assignment_id": attempt.assignment_id,
            "number": attempt.number,
            "score": attempt.score,
            "reason": attempt.void_reason,
        },
    )


def attempt_granted(grant: AttemptGrant) -> Event:
    """A trainer granted somebody further attempts."""
    return Event(
        "attempt.granted",
        f"assessments/{grant.assessment_id}",
        {
            "assessment_id": grant.assessment_id,
            "person_id": grant.person_id,
            "assignment_id": grant.assignment_id,
            "attempts": grant.attempts,
            "reason": grant.reason,
        },
    )


def question_bank_created(bank: QuestionBank) -> Event:
    """A question bank was begun."""
    return Event(
        "question-bank.created",
        f"question-banks/{bank.id}",
        after={"key": bank.key, "title": bank.title},
    )


def question_bank_changed(bank: QuestionBank, before: Changes, after: Changes) -> Event:
    """A question bank got another title or description, or is about something else."""
    return Event("question-bank.changed", f"question-banks/{bank.id}", before=before, after=after)


# Questions hold the right answers: events tell which question, never what it says.
def _of_bank(question: Question) -> dict[str, Any]:
    return {
        "question_bank_id": question.question_bank_id,
        "question_id": question.id,
        "kind": question.kind,
    }


def question_created(question: Question) -> Event:
    """A question came into a bank, by hand or from a file."""
    return Event(
        "question.created", f"question-banks/{question.question_bank_id}", _of_bank(question)
    )


def question_changed(question: Question, fields: list[str]) -> Event:
    """A question of a bank was changed, in the fields that are named."""
    return Event(
        "question.changed",
        f"question-banks/{question.question_bank_id}",
        {**_of_bank(question), "fields": fields},
    )


def question_removed(question: Question) -> Event:
    """A question was taken out of its bank."""
    return Event(
        "question.removed", f"question-banks/{question.question_bank_id}", _of_bank(question)
    )


def audience_created(audience: Audience, flow: Flow) -> Event:
    """Somebody described an audience; `joined` says how many are in it."""
    return Event(
        "audience.created",
        f"audiences/{audience.id}",
        {"joined": flow.joined},
        after={"name": audience.name, "mode": audience.mode, "rule": audience.rule},
    )


def audience_changed(audience: Audience, before: Changes, after: Changes) -> Event:
    """An audience got another name, mode or rule."""
    return Event("audience.changed", f"audiences/{audience.id}", before=before, after=after)


def audience_refreshed(audience: Audience, flow: Flow) -> Event:
    """People joined or left an audience."""
    return Event(
        "audience.refreshed",
        f"audiences/{audience.id}",
        {"joined": flow.joined, "left": flow.left},
    )


def audience_deleted(audience: Audience) -> Event:
    """An audience is no more; no rule was about it."""
    return Event("audience.deleted", f"audiences/{audience.id}", before={"name": audience.name})


def assignment_rule_created(rule: AssignmentRule) -> Event:
    """Somebody made a rule who learns what."""
    return Event(
        "assignment-rule.created",
        f"assignment-rules/{rule.id}",
        after={
            "name": rule.name,
            "audience_id": rule.audience_id,
            "curriculum_id": rule.curriculum_id,
            "due_kind": rule.due_kind,
            "on_leave": rule.on_leave,
        },
    )


def assignment_rule_changed(rule: AssignmentRule, before: Changes, after: Changes) -> Event:
    """A rule got another name, due policy, or way to treat those who leave."""
    return Event(
        "assignment-rule.changed", f"assignment-rules/{rule.id}", before=before, after=after
    )


def assignment_rule_activated(rule: AssignmentRule, applied: Applied) -> Event:
    """A rule assigns from now on; with how many it assigned at once, had it already, and could not be assigned."""
    return Event(
        "assignment-rule.activated",
        f"assignment-rules/{rule.id}",
        {"created": applied.created, "joined": applied.joined, "excepted": applied.excepted},
    )


def assignment_rule_deactivated(rule: AssignmentRule) -> Event:
    """A rule assigns nobody any more."""
    return Event("assignment-rule.deactivated", f"assignment-rules/{rule.id}")


def assignment_excepted(exception: AssignmentException) -> Event:
    """A rule could not assign a person of its audience, or a handover one who is staffed; or a due date could not follow."""
    return _excepted("excepted", exception)


def assignment_cleared(exception: AssignmentException) -> Event:
    """Nobody waits any more for what could not be assigned, or for a due date that could not follow: it is, or they are gone."""
    return _excepted("cleared", exception)


def _excepted(verb: str, exception: AssignmentException) -> Event:
    of_rule = f"assignment-rules/{exception.rule_id}"
    return Event(
        f"assignment.{verb}",
        f"handovers/{exception.handover_id}" if exception.rule_id is None else of_rule,
        {
            "rule_id": exception.rule_id,
            "handover_id": exception.handover_id,
            "competence": exception.competence,
            "person_id": exception.person_id,
            "curriculum_id": exception.curriculum_id,
            "reason": exception.reason,
        },
    )
