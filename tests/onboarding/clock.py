"""The onboarding service's clock, which a test may set."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import Product


@dataclass
class MovedClock:
    """What the service takes for now: as far ahead of the real time as somebody moved it."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def move(self, **by: float) -> None:
        """Go on by `timedelta(**by)`."""
        self.ahead += timedelta(**by)


@pytest.fixture
def clock(product: Product) -> Iterator[MovedClock]:
    """The service's clock for the time of a test. Keys and tokens are held against the real one."""
    runtime = product.app.onboarding.state.runtime
    real, moved = runtime.clock, MovedClock()
    runtime.clock = moved
    yield moved
    runtime.clock = real
