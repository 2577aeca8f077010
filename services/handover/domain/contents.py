"""Reading a handover with everything in it, for the rules that look at the whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.chassis.caller import Caller
from services.chassis.database import load, organization_of, reader_of
from services.chassis.errors import FieldError, Invalid, NotFound
from services.chassis.preconditions import Match
from services.handover.domain.check_in import CheckIn
from services.handover.domain.competence import CompetenceNeed
from services.handover.domain.coverage import NeedCoverage, cover
from services.handover.domain.customer_voice import CustomerVoice
from services.handover.domain.estimate import Estimate
from services.handover.domain.handover import Handover
from services.handover.domain.log import LogEntry, LogKind, unresolved_changes
from services.handover.domain.outcome import Outcome
from services.handover.domain.promise import Promise, ReadBack
from services.handover.domain.question import Answer, Question, QuestionState
from services.handover.domain.staffing import Staffing
from services.handover.domain.stakeholder import Stakeholder
from services.handover.domain.training_copy import Known, known_to
from services.handover.domain.unknown import Unknown
from services.handover.domain.value_measure import ValueMeasure
from services.handover.domain.waiver import CoverageWaiver
from services.handover.domain.walkthrough import Walkthrough

Part = TypeVar(
    "Part",
    Stakeholder,
    Promise,
    ReadBack,
    Estimate,
    LogEntry,
    Unknown,
    CompetenceNeed,
    CustomerVoice,
    Question,
    Answer,
    Walkthrough,
    Staffing,
    CoverageWaiver,
    CheckIn,
    ValueMeasure,
)


@dataclass(frozen=True, slots=True)
class Contents:
    """A handover with everything in it that the missing list and the guards look at."""

    handover: Handover
    promises: Sequence[Promise] = ()
    stakeholders: Sequence[Stakeholder] = ()
    competence_needs: Sequence[CompetenceNeed] = ()
    estimates: Sequence[Estimate] = ()
    unknowns: Sequence[Unknown] = ()
    read_backs: Sequence[ReadBack] = ()
    """Those that stand: of the words that the promises have now."""
    walkthroughs: Sequence[Walkthrough] = ()
    changes: Sequence[LogEntry] = ()
    """What the log tells of changes that nobody has corrected."""
    outcome: Outcome | None = None
    blocking_questions: Sequence[Question] = ()
    """Those that are open."""
    coverage: Sequence[NeedCoverage] = ()
    """Whether each competence need is covered, as the copy of what onboarding tells knows it."""
    staffing: Sequence[Staffing] = ()
    """Who is staffed today or later."""


async def load_part(
    session: AsyncSession, table: type[Part], handover_id: UUID, id: UUID, *, lock: bool = True
) -> Part:
    """A part of this very handover, locked for a change; raises `NotFound`."""
    part = await load(session, table, id, lock=lock)
    if part.handover_id != handover_id:
        raise NotFound("There is no such {thing}.", thing=table.__tablename__.replace("_", " "))
    return part


async def load_writable(
    session: AsyncSession,
    table: type[Part],
    handover: Handover,
    id: UUID,
    caller: Caller,
    match: Match,
) -> Part:
    """A part of what was said, locked to be changed or taken out while the handover is still being written.

    Raises `NotFound`, `Forbidden`, `Frozen`, and `PreconditionFailed` where the caller has read an older version.
    """
    part = await load_part(session, table, handover.id, id)
    handover.require_writer(caller)
    match.check(part.version)
    return part


async def parts_of(session: AsyncSession, table: type[Part], handover_id: UUID) -> Sequence[Part]:
    """All parts of a kind, oldest first."""
    columns = table.__table__.c  # type: ignore[attr-defined]
    found = await session.scalars(
        select(table)
        .where(
            columns.organization_id == organization_of(session),
            columns.handover_id == handover_id,
        )
        .order_by(columns.id)
    )
    return found.all()


async def require_parts(
    session: AsyncSession,
    table: type[Part],
    handover_id: UUID,
    pointer: str,
    named: UUID | Sequence[UUID],
) -> None:
    """Refuse with `Invalid` unless what is named under `pointer` are parts of this handover."""
    places = {pointer: named} if isinstance(named, UUID) else _numbered(pointer, named)
    await require_parts_at(session, table, handover_id, places)


async def require_parts_at(
    session: AsyncSession, table: type[Part], handover_id: UUID, places: Mapping[str, UUID]
) -> None:
    """Refuse with `Invalid` unless what stands at each place (JSON Pointer → id) is a part of this handover."""
    if not places:
        return
    columns = table.__table__.c  # type: ignore[attr-defined]
    known = set(
        await session.scalars(
            select(columns.id).where(
                columns.organization_id == organization_of(session),
                columns.handover_id == handover_id,
                columns.id.in_(set(places.values())),
            )
        )
    )
    wrong = [place for place, id in places.items() if id not in known]
    if wrong:
        raise Invalid(
            "It names something that is not of this handover.",
            errors=[
                FieldError(place, "There is no such thing in this handover.") for place in wrong
            ],
        )


def _numbered(pointer: str, named: Sequence[UUID]) -> dict[str, UUID]:
    return {f"{pointer}/{place}": id for place, id in enumerate(named)}


async def contents_of(session: AsyncSession, handover: Handover, today: date) -> Contents:
    """The handover as it stands in this transaction."""
    read_backs = await parts_of(session, ReadBack, handover.id)
    needs = await parts_of(session, CompetenceNeed, handover.id)
    staffing = await parts_of(session, Staffing, handover.id)
    return Contents(
        handover,
        promises=await parts_of(session, Promise, handover.id),
        stakeholders=await parts_of(session, Stakeholder, handover.id),
        estimates=await parts_of(session, Estimate, handover.id),
        competence_needs=needs,
        unknowns=await parts_of(session, Unknown, handover.id),
        read_backs=[read_back for read_back in read_backs if read_back.voided_at is None],
        walkthroughs=await parts_of(session, Walkthrough, handover.id),
        changes=await changes_of(session, handover.id),
        outcome=await session.get(Outcome, (organization_of(session), handover.id)),
        blocking_questions=await _blocking_questions_of(session, handover.id),
        coverage=await coverage_of(session, handover, needs, staffing, today),
        staffing=[one for one in staffing if one.ends_on is None or one.ends_on >= today],
    )


async def coverage_of(
    session: AsyncSession,
    handover: Handover,
    needs: Sequence[CompetenceNeed],
    staffing: Sequence[Staffing],
    today: date,
    *,
    heard: bool = True,
) -> list[NeedCoverage]:
    """Whether each need is covered; unless anything was ever `heard` of onboarding, nothing is known."""
    if not needs:
        return []
    waivers = await parts_of(session, CoverageWaiver, handover.id)
    known: Known | None = await known_to(reader_of(session), handover.id) if heard else None
    return [
        cover(need, handover, known, today, staffing=staffing, waivers=waivers) for need in needs
    ]


async def changes_of(session: AsyncSession, handover_id: UUID) -> Sequence[LogEntry]:
    """What the log tells of changes that nobody has corrected, oldest first."""
    columns = LogEntry.__table__.c  # type: ignore[attr-defined]
    told = await session.scalars(
        select(LogEntry)
        .where(
            columns.organization_id == organization_of(session),
            columns.handover_id == handover_id,
            or_(columns.kind == LogKind.change, columns.corrects.is_not(None)),
        )
        .order_by(columns.id)
    )
    return unresolved_changes(told)


async def _blocking_questions_of(session: AsyncSession, handover_id: UUID) -> Sequence[Question]:
    columns = Question.__table__.c  # type: ignore[attr-defined]
    found = await session.scalars(
        select(Question)
        .where(
            columns.organization_id == organization_of(session),
            columns.handover_id == handover_id,
            columns.blocking,
            columns.state == QuestionState.open,
        )
        .order_by(columns.id)
    )
    return found.all()
