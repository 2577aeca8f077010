"""The first tables of onboarding."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import APPEND_ONLY, KEPT, protect, protect_house_tables
from services.chassis.events import Xid8

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assignment",
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
        sa.Column("curriculum_id", sa.Uuid(), nullable=False),
        sa.Column("curriculum_version_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "scheduled",
                "assigned",
                "in_progress",
                "completed",
                "suspended",
                "withdrawn",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column(
            "due_kind",
            sa.Enum(
                "fixed",
                "after_assignment",
                "after_hire",
                name="due_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=True,
        ),
        sa.Column("due_days", sa.SmallInteger(), nullable=True),
        sa.Column("sources", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("items_done", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "suspension",
            sa.Enum(
                "asked",
                "inactive",
                name="suspension",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=True,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(due_kind IN ('after_assignment', 'after_hire')) = (due_days IS NOT NULL)",
            name=op.f("ck_assignment_due_days_with_basis"),
        ),
        sa.CheckConstraint(
            "(state = 'completed') = (completed_at IS NOT NULL)",
            name=op.f("ck_assignment_completed_at_moment"),
        ),
        sa.CheckConstraint(
            "(state = 'suspended') = (suspension IS NOT NULL)",
            name=op.f("ck_assignment_suspended_for_a_cause"),
        ),
        sa.CheckConstraint(
            "state <> 'scheduled' OR starts_on IS NOT NULL",
            name=op.f("ck_assignment_scheduled_has_start"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('suspended', 'withdrawn') OR reason IS NOT NULL",
            name=op.f("ck_assignment_reason_given"),
        ),
        sa.CheckConstraint(
            "(due_on IS NULL) = (due_kind IS NULL)", name=op.f("ck_assignment_due_with_basis")
        ),
        sa.CheckConstraint(
            "(started_at IS NULL) = (items_done = 0)",
            name=op.f("ck_assignment_started_with_an_item"),
        ),
        sa.CheckConstraint("due_on >= starts_on", name=op.f("ck_assignment_due_after_start")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_assignment")),
        schema="onboarding",
    )
    op.create_index(
        "ix_assignment_curriculum",
        "assignment",
        ["organization_id", "curriculum_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_assignment_person",
        "assignment",
        ["organization_id", "person_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "uq_assignment_open",
        "assignment",
        ["organization_id", "person_id", "curriculum_id"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("state IN ('scheduled', 'assigned', 'in_progress', 'suspended')"),
    )
    op.create_table(
        "curriculum",
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
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "char_length(title) BETWEEN 3 AND 200", name=op.f("ck_curriculum_title_length")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_curriculum")),
        sa.UniqueConstraint(
            "organization_id", "key", name=op.f("uq_curriculum_organization_id_key")
        ),
        schema="onboarding",
    )
    op.create_index(
        "ix_curriculum_title",
        "curriculum",
        ["organization_id", "title", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "event",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column(
            "transaction_id", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "transaction_id", "id", name=op.f("pk_event")),
        schema="onboarding",
    )
    op.create_index(
        "ix_event_feed", "event", ["transaction_id", "id"], unique=False, schema="onboarding"
    )
    op.create_table(
        "followed_feed",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), server_default="", nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_followed_feed")),
        schema="onboarding",
    )
    op.create_table(
        "idempotency_key",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "person_id", "key", name=op.f("pk_idempotency_key")
        ),
        schema="onboarding",
    )
    op.create_index(
        "ix_idempotency_key_created_at",
        "idempotency_key",
        ["created_at"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "person",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("hire_date", sa.Date(), nullable=True),
        sa.Column("job_role", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_person")),
        schema="onboarding",
    )
    op.create_index(
        "ix_person_organization_id_email",
        "person",
        ["organization_id", "email"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_person_organization_id_team_id",
        "person",
        ["organization_id", "team_id"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "team",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_team")),
        schema="onboarding",
    )
    op.create_table(
        "tool",
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
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("link", sa.String(), nullable=True),
        sa.Column("competence", sa.String(), nullable=True),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name=op.f("ck_tool_name_length")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_tool")),
        sa.UniqueConstraint("organization_id", "key", name=op.f("uq_tool_organization_id_key")),
        schema="onboarding",
    )
    op.create_index(
        "ix_tool_name", "tool", ["organization_id", "name", "id"], unique=False, schema="onboarding"
    )
    op.create_index(
        "ix_tool_owner",
        "tool",
        ["organization_id", "owner_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "course",
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
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("tool_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "char_length(title) BETWEEN 3 AND 200", name=op.f("ck_course_title_length")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "tool_id"],
            ["onboarding.tool.organization_id", "onboarding.tool.id"],
            name=op.f("fk_course_organization_id_tool_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_course")),
        sa.UniqueConstraint("organization_id", "key", name=op.f("uq_course_organization_id_key")),
        schema="onboarding",
    )
    op.create_index(
        "ix_course_owner",
        "course",
        ["organization_id", "owner_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_course_title",
        "course",
        ["organization_id", "title", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_course_tool",
        "course",
        ["organization_id", "tool_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "curriculum_version",
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
        sa.Column("number", sa.Integer(), nullable=False),
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
        sa.Column("curriculum_id", sa.Uuid(), nullable=False),
        sa.Column("sets", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(state = 'draft') = (minutes IS NULL)",
            name=op.f("ck_curriculum_version_minutes_once_published"),
        ),
        sa.CheckConstraint(
            "(state = 'draft') = (published_at IS NULL)",
            name=op.f("ck_curriculum_version_published_from_a_moment_on"),
        ),
        sa.CheckConstraint(
            "(state = 'retired') = (retired_at IS NOT NULL)",
            name=op.f("ck_curriculum_version_retired_at_moment"),
        ),
        sa.CheckConstraint("minutes >= 0", name=op.f("ck_curriculum_version_minutes_not_negative")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_curriculum_version_number_from_one")),
        sa.ForeignKeyConstraint(
            ["organization_id", "curriculum_id"],
            ["onboarding.curriculum.organization_id", "onboarding.curriculum.id"],
            name=op.f("fk_curriculum_version_organization_id_curriculum_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_curriculum_version")),
        sa.UniqueConstraint(
            "organization_id",
            "curriculum_id",
            "number",
            name=op.f("uq_curriculum_version_organization_id_curriculum_id_number"),
        ),
        schema="onboarding",
    )
    op.create_table(
        "course_version",
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
        sa.Column("number", sa.Integer(), nullable=False),
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
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("units", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("competence", sa.String(), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(state = 'draft') = (published_at IS NULL)",
            name=op.f("ck_course_version_published_from_a_moment_on"),
        ),
        sa.CheckConstraint(
            "(state = 'retired') = (retired_at IS NOT NULL)",
            name=op.f("ck_course_version_retired_at_moment"),
        ),
        sa.CheckConstraint(
            "(competence IS NULL) = (level IS NULL)",
            name=op.f("ck_course_version_competence_with_level"),
        ),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_course_version_level")),
        sa.CheckConstraint("minutes >= 0", name=op.f("ck_course_version_minutes_not_negative")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_course_version_number_from_one")),
        sa.ForeignKeyConstraint(
            ["organization_id", "course_id"],
            ["onboarding.course.organization_id", "onboarding.course.id"],
            name=op.f("fk_course_version_organization_id_course_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_course_version")),
        sa.UniqueConstraint(
            "organization_id",
            "course_id",
            "number",
            name=op.f("uq_course_version_organization_id_course_id_number"),
        ),
        schema="onboarding",
    )
    op.create_index(
        "ix_course_version_competence",
        "course_version",
        ["organization_id", "competence", "level"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "item_completion",
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
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("item_key", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("completed_by", sa.Uuid(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("course_version", sa.Integer(), nullable=False),
        sa.Column("competence", sa.String(), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(competence IS NULL) = (level IS NULL)",
            name=op.f("ck_item_completion_competence_with_level"),
        ),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_item_completion_level")),
        sa.ForeignKeyConstraint(
            ["organization_id", "assignment_id"],
            ["onboarding.assignment.organization_id", "onboarding.assignment.id"],
            name=op.f("fk_item_completion_organization_id_assignment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "course_id"],
            ["onboarding.course.organization_id", "onboarding.course.id"],
            name=op.f("fk_item_completion_organization_id_course_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_item_completion")),
        sa.UniqueConstraint(
            "organization_id",
            "assignment_id",
            "item_key",
            name=op.f("uq_item_completion_organization_id_assignment_id_item_key"),
        ),
        schema="onboarding",
    )
    op.create_index(
        "ix_item_completion_competence",
        "item_completion",
        ["organization_id", "competence", "person_id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_item_completion_person",
        "item_completion",
        ["organization_id", "person_id", "course_id"],
        unique=False,
        schema="onboarding",
    )
    protect_house_tables("onboarding")
    protect("onboarding", "assignment", KEPT)
    protect("onboarding", "curriculum", KEPT)
    protect("onboarding", "person")
    protect("onboarding", "team")
    protect("onboarding", "tool")
    protect("onboarding", "course", KEPT)
    protect("onboarding", "curriculum_version", KEPT)
    protect("onboarding", "course_version", KEPT)
    protect("onboarding", "item_completion", APPEND_ONLY)
    # --- by hand
    # What was published never changes: only retiring it does, and nobody deletes it.
    op.execute("""
CREATE FUNCTION onboarding.keep_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'draft' THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state = 'published' AND NEW.state = 'retired'
        AND to_jsonb(NEW) - ARRAY['state', 'retired_at', 'updated_at', 'version']
          = to_jsonb(OLD) - ARRAY['state', 'retired_at', 'updated_at', 'version'] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% % of % is % and never changes', TG_TABLE_NAME, OLD.number, OLD.id, OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'published_never_changes';
END
$$""")
    for table in ("course_version", "curriculum_version"):
        op.execute(
            f"CREATE TRIGGER published_never_changes BEFORE UPDATE OR DELETE "
            f"ON onboarding.{table} FOR EACH ROW EXECUTE FUNCTION onboarding.keep_published()"
        )
    # In place of foreign keys, which would be checked row by row: what is assigned was published.
    op.execute("""
CREATE FUNCTION onboarding.assign_published_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added AS a
        LEFT JOIN onboarding.curriculum_version AS v
            ON v.organization_id = a.organization_id
            AND v.id = a.curriculum_version_id
            AND v.curriculum_id = a.curriculum_id
            AND v.state <> 'draft'
        WHERE v.id IS NULL
    ) THEN
        RAISE EXCEPTION 'an assignment refers to no published curriculum version'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'assign_published_only';
    END IF;
    RETURN NULL;
END
$$""")
    op.execute(
        "CREATE TRIGGER assign_published_only AFTER INSERT ON onboarding.assignment "
        "REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION onboarding.assign_published_only()"
    )
