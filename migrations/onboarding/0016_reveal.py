"""When an assessment tells a learner what is right."""

import sqlalchemy as sa
from alembic import op

from migrations.house import add_check

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "assessment",
        sa.Column("reveal", sa.String(32), server_default="when_done", nullable=False),
        schema="onboarding",
    )
    add_check("onboarding", "assessment", "reveal", "reveal IN ('never', 'when_done', 'always')")
