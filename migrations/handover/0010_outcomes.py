"""Outcomes of handovers, and closing them."""

import sqlalchemy as sa
from alembic import op

from migrations.house import KEPT, add_check, protect

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outcome",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=False),
        sa.Column(
            "result",
            sa.Enum(
                "succeeded",
                "partly",
                "failed",
                name="result",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("lessons", sa.String(), nullable=False),
        sa.Column("told_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint("char_length(lessons) >= 1", name=op.f("ck_outcome_lessons_given")),
        sa.ForeignKeyConstraint(
            ["organization_id", "id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_outcome_organization_id_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_outcome")),
        schema="handover",
    )
    op.add_column(
        "handover",
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        schema="handover",
    )
    protect("handover", "outcome", KEPT)
    # One state more is no guarantee less: the new rule takes the place of the old one at once.
    op.execute(
        "-- squawk-ignore ban-drop-constraint\n"
        "ALTER TABLE handover.handover DROP CONSTRAINT ck_handover_state"
    )
    add_check(
        "handover",
        "handover",
        "state",
        "state IN ('draft', 'submitted', 'in_review', 'returned', 'accepted', 'in_delivery', "
        "'completed', 'closed', 'cancelled')",
    )
    add_check(
        "handover", "handover", "closed_with_moment", "(state = 'closed') = (closed_at IS NOT NULL)"
    )
