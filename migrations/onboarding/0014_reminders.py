"""Reminders, and finding what is due."""

import sqlalchemy as sa
from alembic import op

from migrations.house import APPEND_ONLY, protect

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reminder",
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
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "due_soon",
                "overdue",
                "renewal_opens",
                "certificate_expires",
                "offer_lapses",
                "override_ends",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column("step", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("assignment_id", sa.Uuid(), nullable=True),
        sa.Column("cycle", sa.SmallInteger(), nullable=True),
        sa.Column("certificate_id", sa.Uuid(), nullable=True),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("override_id", sa.Uuid(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind IN ('due_soon', 'overdue')) = (assignment_id IS NOT NULL)"
            " AND (kind IN ('renewal_opens', 'certificate_expires')) = (certificate_id IS NOT NULL)"
            " AND (kind = 'offer_lapses') = (booking_id IS NOT NULL)"
            " AND (kind = 'override_ends') = (override_id IS NOT NULL)",
            name=op.f("ck_reminder_kind_fits_subject"),
        ),
        sa.CheckConstraint(
            "(assignment_id IS NULL) = (cycle IS NULL)",
            name=op.f("ck_reminder_cycle_of_assignment"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(assignment_id, certificate_id, booking_id, override_id) = 1",
            name=op.f("ck_reminder_one_subject"),
        ),
        sa.CheckConstraint("step >= 0", name=op.f("ck_reminder_step_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "assignment_id"],
            ["onboarding.assignment.organization_id", "onboarding.assignment.id"],
            name=op.f("fk_reminder_organization_id_assignment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "booking_id"],
            ["onboarding.booking.organization_id", "onboarding.booking.id"],
            name=op.f("fk_reminder_organization_id_booking_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "certificate_id"],
            ["onboarding.certificate.organization_id", "onboarding.certificate.id"],
            name=op.f("fk_reminder_organization_id_certificate_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "override_id"],
            ["onboarding.override.organization_id", "onboarding.override.id"],
            name=op.f("fk_reminder_organization_id_override_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_reminder")),
        schema="onboarding",
    )
    op.create_index(
        "ix_reminder_due",
        "reminder",
        ["organization_id", "due_on", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_reminder_person",
        "reminder",
        ["organization_id", "person_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "uq_reminder_assignment_id",
        "reminder",
        ["organization_id", "assignment_id", "cycle", "kind", "due_on", "step"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("assignment_id IS NOT NULL"),
    )
    op.create_index(
        "uq_reminder_booking_id",
        "reminder",
        ["organization_id", "booking_id", "kind", "due_on", "step"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("booking_id IS NOT NULL"),
    )
    op.create_index(
        "uq_reminder_certificate_id",
        "reminder",
        ["organization_id", "certificate_id", "kind", "due_on", "step"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("certificate_id IS NOT NULL"),
    )
    op.create_index(
        "uq_reminder_override_id",
        "reminder",
        ["organization_id", "override_id", "kind", "due_on", "step"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("override_id IS NOT NULL"),
    )
    protect("onboarding", "reminder", APPEND_ONLY)
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_assignment_due",
            "assignment",
            ["organization_id", "due_on"],
            unique=False,
            schema="onboarding",
            postgresql_where=sa.text("state IN ('scheduled', 'assigned', 'in_progress')"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
