"""Certificates, how long they hold, and cycles of assignments."""

import sqlalchemy as sa
from alembic import op

from migrations.house import KEPT, add_check, protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certification_policy",
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
        sa.Column("competence", sa.String(), nullable=True),
        sa.Column("curriculum_id", sa.Uuid(), nullable=True),
        sa.Column("valid_months", sa.Integer(), nullable=True),
        sa.Column("valid_days", sa.Integer(), nullable=True),
        sa.Column("renewal_window_days", sa.Integer(), nullable=False),
        sa.Column(
            "basis",
            sa.Enum(
                "completion",
                "expiry",
                name="basis",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.CheckConstraint(
            "num_nonnulls(competence, curriculum_id) = 1",
            name=op.f("ck_certification_policy_one_subject"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(valid_months, valid_days) <= 1",
            name=op.f("ck_certification_policy_one_validity"),
        ),
        sa.CheckConstraint(
            "renewal_window_days BETWEEN 0 AND 3650", name=op.f("ck_certification_policy_window")
        ),
        sa.CheckConstraint(
            "valid_days BETWEEN 1 AND 36500", name=op.f("ck_certification_policy_days")
        ),
        sa.CheckConstraint(
            "valid_months BETWEEN 1 AND 1200", name=op.f("ck_certification_policy_months")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "curriculum_id"],
            ["onboarding.curriculum.organization_id", "onboarding.curriculum.id"],
            name=op.f("fk_certification_policy_organization_id_curriculum_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_certification_policy")),
        schema="onboarding",
    )
    op.create_index(
        "uq_certification_policy_competence",
        "certification_policy",
        ["organization_id", "competence"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("competence IS NOT NULL"),
    )
    op.create_index(
        "uq_certification_policy_curriculum",
        "certification_policy",
        ["organization_id", "curriculum_id"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("curriculum_id IS NOT NULL"),
    )
    op.create_table(
        "certificate",
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
        sa.Column("assignment_id", sa.Uuid(), nullable=True),
        sa.Column("curriculum_id", sa.Uuid(), nullable=True),
        sa.Column("course_id", sa.Uuid(), nullable=True),
        sa.Column("course_version", sa.Integer(), nullable=True),
        sa.Column("competence", sa.String(), nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("window_from", sa.Date(), nullable=True),
        sa.Column("renewed_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("revocation_reason", sa.String(), nullable=True),
        sa.Column("window_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expiry_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewal_opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(competence IS NULL) = (course_id IS NULL)",
            name=op.f("ck_certificate_competence_by_course"),
        ),
        sa.CheckConstraint(
            "(competence IS NULL) = (level IS NULL)",
            name=op.f("ck_certificate_competence_with_level"),
        ),
        sa.CheckConstraint(
            "(course_id IS NULL) = (course_version IS NULL)",
            name=op.f("ck_certificate_course_at_version"),
        ),
        sa.CheckConstraint(
            "(expires_on IS NULL) = (window_from IS NULL)",
            name=op.f("ck_certificate_window_with_end"),
        ),
        sa.CheckConstraint(
            "expires_on >= issued_on", name=op.f("ck_certificate_expires_after_issue")
        ),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_certificate_level")),
        sa.CheckConstraint(
            "num_nonnulls(competence, curriculum_id) = 1", name=op.f("ck_certificate_one_subject")
        ),
        sa.CheckConstraint(
            "num_nonnulls(revoked_at, revoked_by, revocation_reason) IN (0, 3)",
            name=op.f("ck_certificate_revoked_by_somebody"),
        ),
        sa.CheckConstraint(
            "window_from <= expires_on", name=op.f("ck_certificate_window_before_end")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "assignment_id"],
            ["onboarding.assignment.organization_id", "onboarding.assignment.id"],
            name=op.f("fk_certificate_organization_id_assignment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "course_id"],
            ["onboarding.course.organization_id", "onboarding.course.id"],
            name=op.f("fk_certificate_organization_id_course_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "curriculum_id"],
            ["onboarding.curriculum.organization_id", "onboarding.curriculum.id"],
            name=op.f("fk_certificate_organization_id_curriculum_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_certificate")),
        schema="onboarding",
    )
    op.create_index(
        "ix_certificate_competence",
        "certificate",
        ["organization_id", "competence", "person_id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_certificate_curriculum",
        "certificate",
        ["organization_id", "curriculum_id", "person_id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_certificate_person",
        "certificate",
        ["organization_id", "person_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_certificate_window",
        "certificate",
        ["organization_id", "window_from"],
        unique=False,
        schema="onboarding",
        postgresql_where=sa.text("renewed_by IS NULL AND revoked_at IS NULL"),
    )
    op.create_index(
        "uq_certificate_of_course",
        "certificate",
        ["organization_id", "assignment_id", "course_id"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("course_id IS NOT NULL"),
    )
    op.create_index(
        "uq_certificate_of_curriculum",
        "certificate",
        ["organization_id", "assignment_id"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("curriculum_id IS NOT NULL"),
    )
    op.add_column(
        "assignment",
        sa.Column("cycle", sa.SmallInteger(), server_default="1", nullable=False),
        schema="onboarding",
    )
    protect("onboarding", "certification_policy")
    protect("onboarding", "certificate", KEPT)
    add_check("onboarding", "assignment", "cycle_from_one", "cycle >= 1")
