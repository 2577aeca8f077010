"""How the handovers of a period turned out, without going through all outcomes."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_outcome_ended",
            "outcome",
            ["organization_id", "ended_on"],
            schema="handover",
            postgresql_concurrently=True,
            if_not_exists=True,
        )
