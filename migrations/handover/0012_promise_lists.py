"""Lists of promises by state and day, by kind and by who said them, without going through all of the firm's."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_promise_state_due": ["organization_id", "state", "due_on", "id"],
    "ix_promise_kind": ["organization_id", "kind", "id"],
    "ix_promise_said_by": ["organization_id", "said_by", "id"],
}


def upgrade() -> None:
    # Beside those who write promises meanwhile, which no transaction can.
    with op.get_context().autocommit_block():
        for name, columns in _INDEXES.items():
            op.create_index(
                name,
                "promise",
                columns,
                schema="handover",
                postgresql_concurrently=True,
                if_not_exists=True,
            )
