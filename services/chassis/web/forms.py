"""The form of an answer that a request asks for."""

from collections.abc import Collection
from typing import Any

from fastapi import Request

from services.chassis.forms import preferred

# For the document: what an operation answers too that has forms of its own.
IN_FORMS: dict[str, Any] = {
    "responses": {"406": {"$ref": "#/components/responses/NotAcceptable"}},
}


def form_of(request: Request, forms: Collection[str]) -> str:
    """The media type that `Accept` asks for most, the first where it says nothing; raises `NotAcceptable`."""
    return preferred(", ".join(request.headers.getlist("accept")), forms)
