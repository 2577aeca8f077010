"""Walkthroughs of a handover."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import KEPT, protect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "walkthrough",
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
        sa.Column("handover_id", sa.Uuid(), nullable=False),
        sa.Column("organizer_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tz", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("link", sa.String(), nullable=True),
        sa.Column("attendees", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("notes", sa.String(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "held",
                "not_held",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'held') = (held_at IS NOT NULL)", name=op.f("ck_walkthrough_held_with_moment")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_walkthrough_end_after_start")),
        sa.CheckConstraint(
            "place IS NOT NULL OR link IS NOT NULL", name=op.f("ck_walkthrough_somewhere")
        ),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_walkthrough_sequence_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_walkthrough_organization_id_handover_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_walkthrough")),
        schema="handover",
    )
    op.create_index(
        "ix_walkthrough_handover",
        "walkthrough",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    protect("handover", "walkthrough", KEPT)
