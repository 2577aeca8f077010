"""Whom a rollout is for: an audience by its rule, or teams."""

import sqlalchemy as sa
from alembic import op

from migrations.house import add_check

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "rollout", sa.Column("audience_id", sa.Uuid(), nullable=True), schema="onboarding"
    )
    op.create_foreign_key(
        op.f("fk_rollout_organization_id_audience_id"),
        "rollout",
        "audience",
        ["organization_id", "audience_id"],
        ["organization_id", "id"],
        source_schema="onboarding",
        referent_schema="onboarding",
        postgresql_not_valid=True,
    )
    add_check("onboarding", "rollout", "one_audience", "audience_id IS NULL OR team_ids = '{}'")
    with op.get_context().autocommit_block():
        op.execute(
            "ALTER TABLE onboarding.rollout "
            "VALIDATE CONSTRAINT fk_rollout_organization_id_audience_id"
        )
