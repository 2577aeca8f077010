"""Who is staffed, and which needs are waived."""

import sqlalchemy as sa
from alembic import op

from migrations.house import KEPT, protect

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coverage_waiver",
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
        sa.Column("competence_need_id", sa.Uuid(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL)",
            name=op.f("ck_coverage_waiver_ended_by_somebody"),
        ),
        sa.CheckConstraint(
            "char_length(reason) >= 1", name=op.f("ck_coverage_waiver_reason_given")
        ),
        sa.CheckConstraint(
            "end_reason IS NULL OR ended_at IS NOT NULL",
            name=op.f("ck_coverage_waiver_reason_of_the_end"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_coverage_waiver_organization_id_handover_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_coverage_waiver")),
        schema="handover",
    )
    op.create_index(
        "ix_coverage_waiver_handover",
        "coverage_waiver",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "uq_coverage_waiver_open",
        "coverage_waiver",
        ["organization_id", "competence_need_id"],
        unique=True,
        schema="handover",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "staffing",
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
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("competence_need_id", sa.Uuid(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("allocation", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "allocation BETWEEN 1 AND 100", name=op.f("ck_staffing_allocation_percent")
        ),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_staffing_end_after_start")),
        sa.ForeignKeyConstraint(
            ["organization_id", "competence_need_id"],
            ["handover.competence_need.organization_id", "handover.competence_need.id"],
            name=op.f("fk_staffing_organization_id_competence_need_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_staffing_organization_id_handover_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_staffing")),
        sa.UniqueConstraint(
            "organization_id",
            "handover_id",
            "person_id",
            "competence_need_id",
            "starts_on",
            name="uq_staffing_start",
            postgresql_nulls_not_distinct=True,
        ),
        schema="handover",
    )
    op.create_index(
        "ix_staffing_handover",
        "staffing",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_staffing_need",
        "staffing",
        ["organization_id", "competence_need_id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_staffing_person",
        "staffing",
        ["organization_id", "person_id", "starts_on"],
        unique=False,
        schema="handover",
    )
    protect("handover", "coverage_waiver", KEPT)
    protect("handover", "staffing")
