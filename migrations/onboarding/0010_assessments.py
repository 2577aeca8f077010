"""Assessments, attempts and further attempts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import APPEND_ONLY, KEPT, protect

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assessment",
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
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("question_bank_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=True),
        sa.Column("unit_key", sa.String(), nullable=True),
        sa.Column("pass_mark", sa.Numeric(precision=6, scale=5), nullable=False),
        sa.Column("max_attempts", sa.SmallInteger(), nullable=True),
        sa.Column("questions_drawn", sa.SmallInteger(), nullable=True),
        sa.Column("cooldown_minutes", sa.Integer(), nullable=False),
        sa.Column("time_limit_minutes", sa.Integer(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "published",
                "retired",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'draft') = (published_at IS NULL)",
            name=op.f("ck_assessment_published_from_a_moment_on"),
        ),
        sa.CheckConstraint(
            "(state = 'retired') = (retired_at IS NOT NULL)",
            name=op.f("ck_assessment_retired_at_moment"),
        ),
        sa.CheckConstraint(
            "(course_id IS NULL) = (unit_key IS NULL)", name=op.f("ck_assessment_course_with_unit")
        ),
        sa.CheckConstraint(
            "char_length(title) BETWEEN 3 AND 200", name=op.f("ck_assessment_title_length")
        ),
        sa.CheckConstraint("cooldown_minutes >= 0", name=op.f("ck_assessment_cooldown")),
        sa.CheckConstraint("max_attempts >= 1", name=op.f("ck_assessment_max_attempts")),
        sa.CheckConstraint(
            "pass_mark > 0 AND pass_mark <= 1", name=op.f("ck_assessment_pass_mark")
        ),
        sa.CheckConstraint("questions_drawn >= 1", name=op.f("ck_assessment_questions_drawn")),
        sa.CheckConstraint("time_limit_minutes >= 1", name=op.f("ck_assessment_time_limit")),
        sa.ForeignKeyConstraint(
            ["organization_id", "course_id"],
            ["onboarding.course.organization_id", "onboarding.course.id"],
            name=op.f("fk_assessment_organization_id_course_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "question_bank_id"],
            ["onboarding.question_bank.organization_id", "onboarding.question_bank.id"],
            name=op.f("fk_assessment_organization_id_question_bank_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_assessment")),
        sa.UniqueConstraint(
            "organization_id", "key", name=op.f("uq_assessment_organization_id_key")
        ),
        schema="onboarding",
    )
    op.create_index(
        "ix_assessment_title",
        "assessment",
        ["organization_id", "title", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "uq_assessment_unit",
        "assessment",
        ["organization_id", "course_id", "unit_key"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("state <> 'retired'"),
    )
    op.create_table(
        "attempt",
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
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("assignment_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "submitted",
                "passed",
                "failed",
                "expired",
                "voided",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("questions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("scores", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pass_mark", sa.Numeric(precision=6, scale=5), nullable=False),
        sa.Column("score", sa.Numeric(precision=6, scale=5), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("graded_by", sa.Uuid(), nullable=True),
        sa.Column("void_reason", sa.String(), nullable=True),
        sa.Column("voided_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(state = 'voided') = (void_reason IS NOT NULL)",
            name=op.f("ck_attempt_voided_for_a_reason"),
        ),
        sa.CheckConstraint(
            "state <> 'failed' OR score < pass_mark", name=op.f("ck_attempt_failed_by_score")
        ),
        sa.CheckConstraint(
            "state <> 'passed' OR score >= pass_mark", name=op.f("ck_attempt_passed_by_score")
        ),
        sa.CheckConstraint(
            "state NOT IN ('open', 'expired') OR submitted_at IS NULL",
            name=op.f("ck_attempt_not_handed_in"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('passed', 'failed') OR (score IS NOT NULL AND submitted_at IS NOT NULL)",
            name=op.f("ck_attempt_result_with_score"),
        ),
        sa.CheckConstraint("ends_at > started_at", name=op.f("ck_attempt_ends_after_start")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_attempt_number_from_one")),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name=op.f("ck_attempt_score")),
        sa.ForeignKeyConstraint(
            ["organization_id", "assessment_id"],
            ["onboarding.assessment.organization_id", "onboarding.assessment.id"],
            name=op.f("fk_attempt_organization_id_assessment_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_attempt")),
        sa.UniqueConstraint(
            "organization_id",
            "assessment_id",
            "person_id",
            "assignment_id",
            "number",
            name="uq_attempt_number",
            postgresql_nulls_not_distinct=True,
        ),
        schema="onboarding",
    )
    op.create_index(
        "ix_attempt_assignment",
        "attempt",
        ["organization_id", "assignment_id", "assessment_id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_attempt_ends",
        "attempt",
        ["organization_id", "ends_at"],
        unique=False,
        schema="onboarding",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_attempt_person",
        "attempt",
        ["organization_id", "person_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "uq_attempt_open",
        "attempt",
        ["organization_id", "assessment_id", "person_id"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "attempt_grant",
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
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("assignment_id", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint("attempts BETWEEN 1 AND 100", name=op.f("ck_attempt_grant_attempts")),
        sa.ForeignKeyConstraint(
            ["organization_id", "assessment_id"],
            ["onboarding.assessment.organization_id", "onboarding.assessment.id"],
            name=op.f("fk_attempt_grant_organization_id_assessment_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_attempt_grant")),
        schema="onboarding",
    )
    op.create_index(
        "ix_attempt_grant_person",
        "attempt_grant",
        ["organization_id", "assessment_id", "person_id", "id"],
        unique=False,
        schema="onboarding",
    )
    protect("onboarding", "assessment")
    protect("onboarding", "attempt", KEPT)
    protect("onboarding", "attempt_grant", APPEND_ONLY)
