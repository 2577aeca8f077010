"""Past completions from files, and employee numbers in the copy of the directory."""

import sqlalchemy as sa
from alembic import op

from migrations.house import KEPT, protect

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "past_completion",
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
        sa.Column("course_id", sa.Uuid(), nullable=True),
        sa.Column("curriculum_id", sa.Uuid(), nullable=True),
        sa.Column("completed_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=True),
        sa.Column(
            "basis",
            sa.Enum(
                "completed",
                "passed",
                "certified",
                name="basis",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("assignment_id", sa.Uuid(), nullable=True),
        sa.Column("certificate_id", sa.Uuid(), nullable=True),
        sa.Column("imported_by", sa.Uuid(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "expires_on >= completed_on", name=op.f("ck_past_completion_expires_after_completion")
        ),
        sa.CheckConstraint(
            "imported_by <> person_id", name=op.f("ck_past_completion_not_for_oneself")
        ),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_past_completion_level")),
        sa.CheckConstraint(
            "level IS NULL OR course_id IS NOT NULL",
            name=op.f("ck_past_completion_level_of_course"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(course_id, curriculum_id) = 1",
            name=op.f("ck_past_completion_one_subject"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "assignment_id"],
            ["onboarding.assignment.organization_id", "onboarding.assignment.id"],
            name=op.f("fk_past_completion_organization_id_assignment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "certificate_id"],
            ["onboarding.certificate.organization_id", "onboarding.certificate.id"],
            name=op.f("fk_past_completion_organization_id_certificate_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "course_id"],
            ["onboarding.course.organization_id", "onboarding.course.id"],
            name=op.f("fk_past_completion_organization_id_course_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "curriculum_id"],
            ["onboarding.curriculum.organization_id", "onboarding.curriculum.id"],
            name=op.f("fk_past_completion_organization_id_curriculum_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_past_completion")),
        schema="onboarding",
    )
    op.create_index(
        "uq_past_completion_course",
        "past_completion",
        ["organization_id", "person_id", "course_id", "completed_on"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("course_id IS NOT NULL"),
    )
    op.create_index(
        "uq_past_completion_curriculum",
        "past_completion",
        ["organization_id", "person_id", "curriculum_id", "completed_on"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("curriculum_id IS NOT NULL"),
    )
    op.add_column("person", sa.Column("external_id", sa.Text(), nullable=True), schema="onboarding")
    protect("onboarding", "past_completion", KEPT)
