"""Estimates in three points, and past ones that were imported."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import APPEND_ONLY, protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "past_estimate",
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
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column(
            "basis",
            sa.Enum(
                "expert",
                "analogy",
                "reference_class",
                "guess",
                name="basis",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("optimistic_hours", sa.Numeric(), nullable=False),
        sa.Column("likely_hours", sa.Numeric(), nullable=False),
        sa.Column("pessimistic_hours", sa.Numeric(), nullable=False),
        sa.Column("actual_hours", sa.Numeric(), nullable=False),
        sa.Column("estimated_by", sa.Uuid(), nullable=True),
        sa.Column("completed_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "0 < optimistic_hours AND optimistic_hours <= likely_hours AND likely_hours <= pessimistic_hours",
            name=op.f("ck_past_estimate_three_points_in_order"),
        ),
        sa.CheckConstraint(
            "actual_hours > 0 AND actual_hours < 100000", name=op.f("ck_past_estimate_actual_hours")
        ),
        sa.CheckConstraint(
            "char_length(external_id) >= 1", name=op.f("ck_past_estimate_external_id_given")
        ),
        sa.CheckConstraint("char_length(kind) >= 1", name=op.f("ck_past_estimate_kind_given")),
        sa.CheckConstraint(
            "pessimistic_hours < 100000", name=op.f("ck_past_estimate_hours_within_limit")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_past_estimate_revision")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_past_estimate")),
        sa.UniqueConstraint(
            "organization_id",
            "external_id",
            "revision",
            name=op.f("uq_past_estimate_organization_id_external_id_revision"),
        ),
        schema="handover",
    )
    op.create_index(
        "ix_past_estimate_kind",
        "past_estimate",
        ["organization_id", "kind", "basis"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "estimate",
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
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("optimistic_hours", sa.Numeric(), nullable=False),
        sa.Column("likely_hours", sa.Numeric(), nullable=False),
        sa.Column("pessimistic_hours", sa.Numeric(), nullable=False),
        sa.Column(
            "basis",
            sa.Enum(
                "expert",
                "analogy",
                "reference_class",
                "guess",
                name="basis",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("basis_text", sa.String(), nullable=False),
        sa.Column("assumptions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("exclusions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("estimated_by", sa.Uuid(), nullable=False),
        sa.Column("supersedes", sa.Uuid(), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actual_hours", sa.Numeric(), nullable=True),
        sa.CheckConstraint(
            "0 < optimistic_hours AND optimistic_hours <= likely_hours AND likely_hours <= pessimistic_hours",
            name=op.f("ck_estimate_three_points_in_order"),
        ),
        sa.CheckConstraint(
            "actual_hours >= 0 AND actual_hours < 100000", name=op.f("ck_estimate_actual_hours")
        ),
        sa.CheckConstraint(
            "actual_hours IS NULL OR superseded_at IS NULL", name=op.f("ck_estimate_actual_of_live")
        ),
        sa.CheckConstraint(
            "char_length(basis_text) >= 1", name=op.f("ck_estimate_basis_text_given")
        ),
        sa.CheckConstraint("char_length(item) >= 1", name=op.f("ck_estimate_item_given")),
        sa.CheckConstraint("char_length(kind) >= 1", name=op.f("ck_estimate_kind_given")),
        sa.CheckConstraint(
            "pessimistic_hours < 100000", name=op.f("ck_estimate_hours_within_limit")
        ),
        sa.CheckConstraint("supersedes <> id", name=op.f("ck_estimate_supersedes_another")),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_estimate_organization_id_handover_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "supersedes"],
            ["handover.estimate.organization_id", "handover.estimate.id"],
            name=op.f("fk_estimate_organization_id_supersedes"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_estimate")),
        sa.UniqueConstraint(
            "organization_id", "supersedes", name=op.f("uq_estimate_organization_id_supersedes")
        ),
        schema="handover",
    )
    op.create_index(
        "ix_estimate_completed",
        "estimate",
        ["organization_id", "kind", "basis"],
        unique=False,
        schema="handover",
        postgresql_where="actual_hours > 0",
    )
    op.create_index(
        "ix_estimate_handover",
        "estimate",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    protect("handover", "past_estimate", APPEND_ONLY)
    protect("handover", "estimate")
