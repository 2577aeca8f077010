"""Question banks and their questions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import protect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "question_bank",
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
        sa.Column("tool_id", sa.Uuid(), nullable=True),
        sa.Column("course_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "char_length(title) BETWEEN 3 AND 200", name=op.f("ck_question_bank_title_length")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "course_id"],
            ["onboarding.course.organization_id", "onboarding.course.id"],
            name=op.f("fk_question_bank_organization_id_course_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "tool_id"],
            ["onboarding.tool.organization_id", "onboarding.tool.id"],
            name=op.f("fk_question_bank_organization_id_tool_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_question_bank")),
        sa.UniqueConstraint(
            "organization_id", "key", name=op.f("uq_question_bank_organization_id_key")
        ),
        schema="onboarding",
    )
    op.create_index(
        "ix_question_bank_title",
        "question_bank",
        ["organization_id", "title", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "question",
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
        sa.Column("question_bank_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "multiple_choice",
                "true_false",
                "short_answer",
                "numerical",
                "matching",
                "essay",
                "description",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("text", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "general_feedback",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "question_bank_id"],
            ["onboarding.question_bank.organization_id", "onboarding.question_bank.id"],
            name=op.f("fk_question_organization_id_question_bank_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_question")),
        schema="onboarding",
    )
    op.create_index(
        "ix_question_bank",
        "question",
        ["organization_id", "question_bank_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "uq_question_digest",
        "question",
        ["organization_id", "question_bank_id", "digest"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("external_id IS NULL"),
    )
    op.create_index(
        "uq_question_external_id",
        "question",
        ["organization_id", "question_bank_id", "external_id"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    protect("onboarding", "question_bank")
    protect("onboarding", "question")
