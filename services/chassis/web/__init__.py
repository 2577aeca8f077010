"""How the web reaches a service: what its `api/` folder and its `app.py` need, under one name."""

from services.chassis.web.answer import found, keep_instead, listed
from services.chassis.web.app import Service, create_app
from services.chassis.web.export import CSV, LINES, exported
from services.chassis.web.failure import mapping_as
from services.chassis.web.forms import IN_FORMS, form_of
from services.chassis.web.invitation import INVITATION, invited
from services.chassis.web.request import (
    CallerDep,
    MatchDep,
    NowDep,
    ReaderDep,
    RuntimeDep,
    SessionDep,
    ViewerDep,
    language_of,
)
from services.chassis.web.route import concept, pages
from services.chassis.web.rows_answer import RowsAnswer, in_parts

__all__ = [
    "CSV",
    "INVITATION",
    "IN_FORMS",
    "LINES",
    "CallerDep",
    "MatchDep",
    "NowDep",
    "ReaderDep",
    "RowsAnswer",
    "RuntimeDep",
    "Service",
    "SessionDep",
    "ViewerDep",
    "concept",
    "create_app",
    "exported",
    "form_of",
    "found",
    "in_parts",
    "invited",
    "keep_instead",
    "language_of",
    "listed",
    "mapping_as",
    "pages",
]
