"""Waivers, and more time for an assignment."""

import sqlalchemy as sa
from alembic import op

from migrations.house import APPEND_ONLY, add_check, protect

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "extension",
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
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("due_before", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("extended_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint("char_length(reason) >= 1", name=op.f("ck_extension_reason_given")),
        sa.CheckConstraint("due_on > due_before", name=op.f("ck_extension_later")),
        sa.ForeignKeyConstraint(
            ["organization_id", "assignment_id"],
            ["onboarding.assignment.organization_id", "onboarding.assignment.id"],
            name=op.f("fk_extension_organization_id_assignment_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_extension")),
        schema="onboarding",
    )
    op.create_index(
        "ix_extension_assignment",
        "extension",
        ["organization_id", "assignment_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "waiver",
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
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("item_key", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "tested_out",
                "equivalent_au",
                "equivalent_outside_activity",
                "administrative",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("waived_by", sa.Uuid(), nullable=False),
        sa.Column("waived_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("waived_by <> person_id", name=op.f("ck_waiver_not_for_oneself")),
        sa.ForeignKeyConstraint(
            ["organization_id", "assignment_id"],
            ["onboarding.assignment.organization_id", "onboarding.assignment.id"],
            name=op.f("fk_waiver_organization_id_assignment_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_waiver")),
        schema="onboarding",
    )
    op.create_index(
        "ix_waiver_assignment",
        "waiver",
        ["organization_id", "assignment_id", "item_key"],
        unique=False,
        schema="onboarding",
    )
    op.add_column(
        "assignment",
        sa.Column("extended", sa.Boolean(), server_default="false", nullable=False),
        schema="onboarding",
    )
    op.add_column(
        "assignment",
        sa.Column("waived", sa.Boolean(), server_default="false", nullable=False),
        schema="onboarding",
    )
    op.add_column(
        "assignment", sa.Column("waived_until", sa.Date(), nullable=True), schema="onboarding"
    )
    protect("onboarding", "extension", APPEND_ONLY)
    protect("onboarding", "waiver", APPEND_ONLY)
    add_check(
        "onboarding", "assignment", "waived_when_completed", "NOT waived OR state = 'completed'"
    )
    add_check("onboarding", "assignment", "waived_until_a_day", "waived_until IS NULL OR waived")
