"""Employee numbers in the copy of the directory."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("external_id", sa.Text(), nullable=True), schema="handover")
