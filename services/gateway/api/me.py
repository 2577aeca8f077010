"""Who am I, as the product sees me."""

from uuid import UUID

import orjson
from pydantic import BaseModel
from starlette.responses import Response

from services.chassis.caller import Role
from services.chassis.web import CallerDep, ViewerDep, concept
from services.gateway.api.organization import ORGANIZATIONS, OrganizationOut
from services.gateway.api.people import PEOPLE, PersonOut

router = concept("me")


class Me(BaseModel):
    """The caller, their organization and what they are trusted with."""

    person_id: UUID
    roles: list[Role]
    person: PersonOut
    organization: OrganizationOut


@router.get("/me", response_model=Me, summary="Who am I")
async def get_me(caller: CallerDep, reader: ViewerDep) -> Response:
    """The person, the organization and the roles behind the credential."""
    person = await PEOPLE.one(reader, caller.person_id)
    organization = await ORGANIZATIONS.one(reader, caller.organization_id)
    content = orjson.dumps(
        {
            "person_id": caller.person_id,
            "roles": sorted(caller.roles),
            "person": orjson.Fragment(person.content),
            "organization": orjson.Fragment(organization.content),
        }
    )
    return Response(content, media_type="application/json")
