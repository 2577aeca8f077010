"""What a cancelled booking was: a seat, or a place in the line, whose holder nobody else is told of."""

import sqlalchemy as sa
from alembic import op

from migrations.house import add_check

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "booking", sa.Column("cancelled_from", sa.String(), nullable=True), schema="onboarding"
    )
    add_check(
        "onboarding",
        "booking",
        "cancelled_from",
        "state = 'cancelled' AND cancelled_from IN ('booked', 'waitlisted', 'offered') "
        "OR cancelled_from IS NULL",
    )
