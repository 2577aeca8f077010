"""The facts of other services that handover reacts to."""

from services.handover.domain import training_copy
from services.handover.domain.base import directory

FOLLOWS = {"gateway": directory.listeners, "onboarding": training_copy.LISTENERS}
