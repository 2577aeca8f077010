"""Importing questions from Moodle's GIFT into a bank: for trainers."""

from functools import partial
from typing import Annotated
from uuid import UUID

import anyio.to_thread
import orjson
from fastapi import File, Query, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.database import load
from services.chassis.events import record
from services.chassis.language import translate
from services.chassis.web import (
    CallerDep,
    SessionDep,
    concept,
    language_of,
)
from services.onboarding import events
from services.onboarding.domain.gift import read_gift
from services.onboarding.domain.gift_import import Outcome, count, import_questions
from services.onboarding.domain.question import QuestionBank, QuestionKind

files = concept("question banks", files=True)


class GiftProblem(BaseModel):
    """What is wrong, and where in the file; both count from 1."""

    line: int
    column: int | None
    detail: str = Field(examples=["This brace is not closed before the next empty line"])


class GiftRow(BaseModel):
    """What became of a question of the file."""

    line: int = Field(description="On which it begins, counted from 1.", examples=[3])
    result: Outcome
    question_id: UUID | None = Field(description="Null where it is not in the bank.")
    kind: QuestionKind | None
    text: str | None
    errors: list[GiftProblem]


class GiftImport(BaseModel):
    """What became of the file."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    failed: int
    categories: list[str]
    rows: list[GiftRow]


@files.post("/imports/gift", response_model=GiftImport, summary="Import questions from GIFT")
async def import_gift(
    request: Request,
    file: Annotated[UploadFile, File(description="Moodle's GIFT in UTF-8.")],
    question_bank_id: Annotated[
        UUID,
        Query(
            description="The bank that takes them.",
            examples=["019a2b3c-4d5e-7f60-8123-456789abcdef"],
        ),
    ],
    caller: CallerDep,
    session: SessionDep,
    dry_run: Annotated[bool, Query(description="Tell what would happen; write nothing.")] = False,
) -> Response:
    """Trainers. Good questions land, the others are told with line and column; the same file again changes nothing."""
    bank = await load(session, QuestionBank, question_bank_id)
    caller.require(Role.trainer)
    # A large file takes a second of reading, in which others want to be answered.
    gift = await anyio.to_thread.run_sync(partial(read_gift, await file.read()))
    rows = await import_questions(session, bank, gift, dry_run=dry_run)
    if not dry_run:
        for row in rows:
            if row.question is not None and row.outcome is Outcome.created:
                record(session, events.question_created(row.question))
            elif row.question is not None and row.outcome is Outcome.updated:
                record(session, events.question_changed(row.question, row.changed))
    language = language_of(request)
    told = {
        "dry_run": dry_run,
        **count(rows),
        "categories": gift.categories,
        "rows": [
            {
                "line": row.line,
                "result": row.outcome,
                "question_id": None if row.question is None else str(row.question.id),
                "kind": row.kind,
                "text": row.text,
                "errors": []
                if row.problem is None
                else [
                    {
                        "line": row.problem.line,
                        "column": row.problem.column,
                        "detail": translate(language, row.problem.template, row.problem.params),
                    }
                ],
            }
            for row in rows
        ],
    }
    return Response(orjson.dumps(told), media_type="application/json")
