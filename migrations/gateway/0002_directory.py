"""Tags of people, and the organization with its country in every service's copy of the directory."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import add_check

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "organization", sa.Column("country", sa.String(), nullable=True), schema="gateway"
    )
    op.add_column(
        "person",
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        schema="gateway",
    )
    add_check("gateway", "organization", "country", "country ~ '^[A-Z]{2}$'")
