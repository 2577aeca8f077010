"""The facts of other services that onboarding reacts to."""

from services.onboarding.domain.base import directory

FOLLOWS = {"gateway": directory.listeners}
