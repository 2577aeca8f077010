"""Questions of a handover, their answers, and what a declared unknown opened."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
        sa.Column("handover_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=True),
        sa.Column("topic_key", sa.String(), nullable=True),
        sa.Column("blocking", sa.Boolean(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("unknown_id", sa.Uuid(), nullable=True),
        sa.Column("routed_to", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "resolved",
                "withdrawn",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer_count", sa.Integer(), nullable=False),
        sa.Column("first_answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'open') = (closed_at IS NULL)", name=op.f("ck_question_closed_with_moment")
        ),
        sa.CheckConstraint(
            "state <> 'resolved' OR answer_count > 0",
            name=op.f("ck_question_resolved_by_an_answer"),
        ),
        sa.CheckConstraint(
            "(answer_count > 0) = (first_answered_at IS NOT NULL)", name=op.f("ck_question_answers")
        ),
        sa.CheckConstraint(
            "(topic IS NULL) = (topic_key IS NULL)", name=op.f("ck_question_topic_with_key")
        ),
        sa.CheckConstraint("char_length(text) >= 1", name=op.f("ck_question_text_given")),
        sa.CheckConstraint("char_length(topic_key) >= 1", name=op.f("ck_question_topic_given")),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_question_organization_id_handover_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "unknown_id"],
            ["handover.unknown.organization_id", "handover.unknown.id"],
            name=op.f("fk_question_organization_id_unknown_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_question")),
        sa.UniqueConstraint(
            "organization_id", "unknown_id", name=op.f("uq_question_organization_id_unknown_id")
        ),
        schema="handover",
    )
    op.create_index(
        "ix_question_handover",
        "question",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_question_state",
        "question",
        ["organization_id", "state", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_question_topic",
        "question",
        ["organization_id", "topic_key", "id"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "answer",
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
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(accepted_at IS NULL) = (accepted_by IS NULL)",
            name=op.f("ck_answer_accepted_by_somebody"),
        ),
        sa.CheckConstraint("char_length(text) >= 1", name=op.f("ck_answer_text_given")),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_answer_organization_id_handover_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "question_id"],
            ["handover.question.organization_id", "handover.question.id"],
            name=op.f("fk_answer_organization_id_question_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_answer")),
        schema="handover",
    )
    op.create_index(
        "ix_answer_question",
        "answer",
        ["organization_id", "question_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "uq_answer_accepted",
        "answer",
        ["organization_id", "question_id"],
        unique=True,
        schema="handover",
        postgresql_where="accepted_at IS NOT NULL",
    )
    op.add_column(
        "unknown",
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        schema="handover",
    )
    protect("handover", "question")
    protect("handover", "answer")
