"""Value measures with their observations, and what the value feed looks for."""

import sqlalchemy as sa
from alembic import op

from migrations.house import APPEND_ONLY, protect

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "value_measure",
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
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("baseline", sa.Numeric(), nullable=True),
        sa.Column("target", sa.Numeric(), nullable=True),
        sa.Column("people_reached", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "char_length(name) BETWEEN 1 AND 200", name=op.f("ck_value_measure_name_length")
        ),
        sa.CheckConstraint(
            "char_length(unit) BETWEEN 1 AND 80", name=op.f("ck_value_measure_unit_length")
        ),
        sa.CheckConstraint(
            "people_reached >= 0", name=op.f("ck_value_measure_people_not_negative")
        ),
        sa.CheckConstraint("target <> baseline", name=op.f("ck_value_measure_target_elsewhere")),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_value_measure_organization_id_handover_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_value_measure")),
        schema="handover",
    )
    op.create_index(
        "ix_value_measure_handover",
        "value_measure",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "value_observation",
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
        sa.Column("value_measure_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("corrects", sa.Uuid(), nullable=True),
        sa.CheckConstraint("corrects <> id", name=op.f("ck_value_observation_corrects_another")),
        sa.ForeignKeyConstraint(
            ["organization_id", "corrects"],
            ["handover.value_observation.organization_id", "handover.value_observation.id"],
            name=op.f("fk_value_observation_organization_id_corrects"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_value_observation_organization_id_handover_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "value_measure_id"],
            ["handover.value_measure.organization_id", "handover.value_measure.id"],
            name=op.f("fk_value_observation_organization_id_value_measure_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_value_observation")),
        sa.UniqueConstraint(
            "organization_id",
            "corrects",
            name=op.f("uq_value_observation_organization_id_corrects"),
        ),
        schema="handover",
    )
    op.create_index(
        "ix_value_observation_at",
        "value_observation",
        ["organization_id", "at", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_value_observation_measure",
        "value_observation",
        ["organization_id", "value_measure_id", "at", "id"],
        unique=False,
        schema="handover",
    )
    protect("handover", "value_measure")
    protect("handover", "value_observation", APPEND_ONLY)
    # --- by hand
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_handover_completed",
            "handover",
            ["organization_id", "completed_at"],
            schema="handover",
            postgresql_concurrently=True,
        )
        op.create_index(
            "ix_log_entry_talk",
            "log_entry",
            ["organization_id", "at"],
            schema="handover",
            postgresql_concurrently=True,
            postgresql_include=["handover_id"],
            postgresql_where="kind IN ('meeting', 'call', 'email')",
        )
        op.create_index(
            "ix_promise_outcome",
            "promise",
            ["organization_id", "outcome_at", "id"],
            schema="handover",
            postgresql_concurrently=True,
            postgresql_where="outcome_at IS NOT NULL",
        )
