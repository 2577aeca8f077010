"""The facts of other services that handover reacts to."""

from services.handover.domain import coverage
from services.handover.domain.base import directory

FOLLOWS = {"gateway": directory.listeners, "onboarding": coverage.LISTENERS}
