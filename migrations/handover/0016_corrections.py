"""What corrections make of a log, without going through all of its entries."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Beside those who write to logs meanwhile, which no transaction can.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_log_entry_correction",
            "log_entry",
            ["organization_id", "handover_id"],
            schema="handover",
            postgresql_where="corrects IS NOT NULL",
            postgresql_concurrently=True,
            if_not_exists=True,
        )
