"""Rollouts with their gate, and overrides."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import KEPT, protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rollout",
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
        sa.Column("tool_id", sa.Uuid(), nullable=False),
        sa.Column("team_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("go_live_on", sa.Date(), nullable=False),
        sa.Column("min_pct", sa.SmallInteger(), nullable=False),
        sa.Column("required_curricula", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "planned",
                "training",
                "ready",
                "live",
                "adopted",
                "paused",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column(
            "paused_in",
            sa.Enum(
                "draft",
                "planned",
                "training",
                "ready",
                "live",
                "adopted",
                "paused",
                "cancelled",
                name="paused_in",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=True,
        ),
        sa.Column("went_live_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(state = 'adopted') = (adopted_at IS NOT NULL)",
            name=op.f("ck_rollout_adopted_at_moment"),
        ),
        sa.CheckConstraint(
            "(state = 'paused') = (paused_in IS NOT NULL)",
            name=op.f("ck_rollout_paused_in_a_state"),
        ),
        sa.CheckConstraint(
            "(state IN ('live', 'adopted')) = (went_live_at IS NOT NULL)",
            name=op.f("ck_rollout_live_at_moment"),
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'cancelled') OR cardinality(required_curricula) > 0",
            name=op.f("ck_rollout_gate_asks_for_something"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('paused', 'cancelled') OR reason IS NOT NULL",
            name=op.f("ck_rollout_reason_given"),
        ),
        sa.CheckConstraint("min_pct BETWEEN 0 AND 100", name=op.f("ck_rollout_min_pct")),
        sa.ForeignKeyConstraint(
            ["organization_id", "tool_id"],
            ["onboarding.tool.organization_id", "onboarding.tool.id"],
            name=op.f("fk_rollout_organization_id_tool_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_rollout")),
        schema="onboarding",
    )
    op.create_index(
        "ix_rollout_go_live",
        "rollout",
        ["organization_id", "go_live_on", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_rollout_tool",
        "rollout",
        ["organization_id", "tool_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "override",
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
        sa.Column("rollout_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("mitigation", sa.String(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "requested",
                "approved",
                "rejected",
                "revoked",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.String(), nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revocation_reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(state = 'revoked') = (revoked_by IS NOT NULL)", name=op.f("ck_override_revoked_by")
        ),
        sa.CheckConstraint(
            "state <> 'rejected' OR decision_reason IS NOT NULL",
            name=op.f("ck_override_rejected_for_a_reason"),
        ),
        sa.CheckConstraint(
            "state = 'revoked' OR (state = 'requested') = (decided_by IS NULL)",
            name=op.f("ck_override_decided_by_somebody"),
        ),
        sa.CheckConstraint(
            "(decided_by IS NULL) = (decided_at IS NULL)",
            name=op.f("ck_override_decided_at_moment"),
        ),
        sa.CheckConstraint(
            "(revoked_by IS NULL) = (revocation_reason IS NULL)",
            name=op.f("ck_override_revoked_for_a_reason"),
        ),
        sa.CheckConstraint(
            "(revoked_by IS NULL) = (revoked_at IS NULL)",
            name=op.f("ck_override_revoked_at_moment"),
        ),
        sa.CheckConstraint(
            "char_length(mitigation) >= 1", name=op.f("ck_override_mitigation_given")
        ),
        sa.CheckConstraint("char_length(reason) >= 1", name=op.f("ck_override_reason_given")),
        sa.CheckConstraint(
            "decided_by <> requested_by", name=op.f("ck_override_decided_by_another_person")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "rollout_id"],
            ["onboarding.rollout.organization_id", "onboarding.rollout.id"],
            name=op.f("fk_override_organization_id_rollout_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_override")),
        schema="onboarding",
    )
    op.create_index(
        "ix_override_rollout",
        "override",
        ["organization_id", "rollout_id", "id"],
        unique=False,
        schema="onboarding",
    )
    protect("onboarding", "rollout", KEPT)
    protect("onboarding", "override", KEPT)
