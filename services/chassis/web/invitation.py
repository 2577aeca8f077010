"""An appointment as an answer: the .ics file that calendars take."""

from datetime import datetime
from typing import Any

from fastapi import Request
from starlette.responses import Response

from services.chassis.calendar import MEDIA_TYPE, Appointment, invitation
from services.chassis.preconditions import etag
from services.chassis.web.forms import IN_FORMS, form_of

# How the document tells of it, for the decorator of an endpoint.
INVITATION: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {
            "description": "An .ics file: METHOD:REQUEST, METHOD:CANCEL once it is cancelled, or "
            "METHOD:PUBLISH for whoever is told of it and not invited.",
            "content": {
                MEDIA_TYPE: {
                    "schema": {"type": "string"},
                    "example": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\n…",
                }
            },
        }
    },
    "openapi_extra": IN_FORMS,
}


def invited(request: Request, appointment: Appointment, version: int, now: datetime) -> Response:
    """The invitation, or its withdrawal; raises `NotAcceptable` where no calendar is asked for."""
    form_of(request, [MEDIA_TYPE])
    return Response(
        invitation(appointment, now),
        media_type=f"{MEDIA_TYPE}; charset=utf-8; method={appointment.method}",
        headers={
            "Content-Disposition": f'attachment; filename="{appointment.uid}.ics"',
            "ETag": etag(version),
            "Vary": "Accept",
        },
    )
