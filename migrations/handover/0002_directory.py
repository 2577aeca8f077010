"""Tags of people, and the organization with its country in every service's copy of the directory."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import protect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organization",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("working_days", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("holidays", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_organization")),
        schema="handover",
    )
    op.add_column("person", sa.Column("time_zone", sa.Text(), nullable=True), schema="handover")
    op.add_column("person", sa.Column("locale", sa.Text(), nullable=True), schema="handover")
    op.add_column(
        "person",
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        schema="handover",
    )
    protect("handover", "organization")
