"""What consultants answer when they are asked how it goes."""

import sqlalchemy as sa
from alembic import op

from migrations.house import KEPT, protect

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery_check_in",
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
        sa.Column("consultant_id", sa.Uuid(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("ramp_up", sa.Integer(), nullable=False),
        sa.Column("belonging", sa.Integer(), nullable=False),
        sa.Column("help_needed", sa.String(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reply", sa.String(), nullable=True),
        sa.Column("replied_by", sa.Uuid(), nullable=True),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(reply IS NULL) = (replied_at IS NULL) AND (reply IS NULL) = (replied_by IS NULL)",
            name=op.f("ck_delivery_check_in_reply_of_somebody"),
        ),
        sa.CheckConstraint(
            "belonging BETWEEN 1 AND 5", name=op.f("ck_delivery_check_in_belonging_range")
        ),
        sa.CheckConstraint(
            "ramp_up BETWEEN 1 AND 5", name=op.f("ck_delivery_check_in_ramp_up_range")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_delivery_check_in_organization_id_handover_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_delivery_check_in")),
        sa.UniqueConstraint(
            "organization_id",
            "handover_id",
            "consultant_id",
            "due_on",
            name="uq_delivery_check_in_day",
        ),
        schema="handover",
    )
    op.create_index(
        "ix_delivery_check_in_consultant",
        "delivery_check_in",
        ["organization_id", "consultant_id", "due_on"],
        unique=False,
        schema="handover",
    )
    protect("handover", "delivery_check_in", KEPT)
