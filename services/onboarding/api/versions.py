"""What the versions of courses and of curricula have in common."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel

from services.chassis.pages import PageQuery
from services.onboarding.domain.publication import VersionState

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of the version.")]


class GrantOut(BaseModel):
    """A competence at a level."""

    competence: str
    level: int


class VersionQuery(PageQuery):
    state: VersionState | None = None
