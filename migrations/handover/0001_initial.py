"""The first tables of handover."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import APPEND_ONLY, protect, protect_house_tables
from services.chassis.events import Xid8

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer",
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
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "source",
            sa.Enum(
                "manual",
                "csv",
                "hubspot",
                "salesforce",
                "pipedrive",
                name="source",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("registration_number", sa.String(), nullable=True),
        sa.Column("website", sa.String(), nullable=True),
        sa.Column("phones", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("emails", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint(
            "char_length(name) BETWEEN 1 AND 200", name=op.f("ck_customer_name_length")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_customer")),
        sa.UniqueConstraint(
            "organization_id",
            "source",
            "external_id",
            name=op.f("uq_customer_organization_id_source_external_id"),
        ),
        schema="handover",
    )
    op.create_index(
        "ix_customer_name",
        "customer",
        ["organization_id", "name", "id"],
        unique=False,
        schema="handover",
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
        schema="handover",
    )
    op.create_index(
        "ix_event_feed", "event", ["transaction_id", "id"], unique=False, schema="handover"
    )
    op.create_table(
        "followed_feed",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), server_default="", nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_followed_feed")),
        schema="handover",
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
        schema="handover",
    )
    op.create_index(
        "ix_idempotency_key_created_at",
        "idempotency_key",
        ["created_at"],
        unique=False,
        schema="handover",
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
        schema="handover",
    )
    op.create_index(
        "ix_person_organization_id_email",
        "person",
        ["organization_id", "email"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_person_organization_id_team_id",
        "person",
        ["organization_id", "team_id"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "team",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_team")),
        schema="handover",
    )
    op.create_table(
        "trainable_competence",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("course_version", sa.Integer(), nullable=False),
        sa.Column("competence", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "course_id", "course_version", name=op.f("pk_trainable_competence")
        ),
        schema="handover",
    )
    op.create_index(
        "ix_trainable_competence",
        "trainable_competence",
        ["organization_id", "competence"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "trained_person",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("competence", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "competence",
            "person_id",
            "course_id",
            name=op.f("pk_trained_person"),
        ),
        schema="handover",
    )
    op.create_index(
        "ix_trained_person_person",
        "trained_person",
        ["organization_id", "person_id"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "handover",
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
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column(
            "engagement_type",
            sa.Enum(
                "fixed_price",
                "time_and_material",
                "retainer",
                "secondment",
                "product",
                name="engagement_type",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column(
            "source",
            sa.Enum(
                "manual",
                "csv",
                "hubspot",
                "salesforce",
                "pipedrive",
                name="source",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("stage_raw", sa.String(), nullable=True),
        sa.Column("is_won", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("planned_start", sa.Date(), nullable=True),
        sa.Column("planned_end", sa.Date(), nullable=True),
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_lead_id", sa.Uuid(), nullable=True),
        sa.Column("situation", sa.String(), nullable=True),
        sa.Column("background", sa.String(), nullable=True),
        sa.Column("assessment", sa.String(), nullable=True),
        sa.Column("recommendation", sa.String(), nullable=True),
        sa.Column("out_of_scope", sa.String(), nullable=True),
        sa.Column(
            "risk",
            sa.Enum(
                "green",
                "watch",
                "red",
                name="risk",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "submitted",
                "in_review",
                "returned",
                "accepted",
                "in_delivery",
                "completed",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("gaps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cancelled_reason", sa.String(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "imported", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.CheckConstraint(
            "(state = 'cancelled') = (cancelled_reason IS NOT NULL)",
            name=op.f("ck_handover_cancelled_with_reason"),
        ),
        sa.CheckConstraint(
            "delivery_lead_id IS NOT NULL OR state IN ('draft', 'submitted', 'cancelled')",
            name=op.f("ck_handover_lead_from_review_on"),
        ),
        sa.CheckConstraint(
            "(amount IS NULL) = (currency IS NULL)", name=op.f("ck_handover_amount_with_currency")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_handover_amount_not_negative")),
        sa.CheckConstraint(
            "char_length(title) BETWEEN 3 AND 200", name=op.f("ck_handover_title_length")
        ),
        sa.CheckConstraint(
            "delivery_lead_id <> seller_id", name=op.f("ck_handover_lead_is_not_seller")
        ),
        sa.CheckConstraint(
            "planned_end >= planned_start", name=op.f("ck_handover_end_after_start")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["handover.customer.organization_id", "handover.customer.id"],
            name=op.f("fk_handover_organization_id_customer_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_handover")),
        sa.UniqueConstraint(
            "organization_id",
            "source",
            "external_id",
            name=op.f("uq_handover_organization_id_source_external_id"),
        ),
        schema="handover",
    )
    op.create_index(
        "ix_handover_created",
        "handover",
        ["organization_id", "created_at", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_handover_customer",
        "handover",
        ["organization_id", "customer_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_handover_lead",
        "handover",
        ["organization_id", "delivery_lead_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_handover_seller",
        "handover",
        ["organization_id", "seller_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_handover_state",
        "handover",
        ["organization_id", "state", "id"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "competence_need",
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
        sa.Column("competence", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("headcount", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_competence_need_end_after_start")),
        sa.CheckConstraint("headcount >= 1", name=op.f("ck_competence_need_headcount_positive")),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_competence_need_level_range")),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_competence_need_organization_id_handover_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_competence_need")),
        schema="handover",
    )
    op.create_index(
        "ix_competence_need_handover",
        "competence_need",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "log_entry",
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
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "meeting",
                "call",
                "email",
                "decision",
                "change",
                "risk",
                "note",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column(
            "phase",
            sa.Enum(
                "before",
                "during",
                "after",
                name="phase",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("links", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("affects", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("corrects", sa.Uuid(), nullable=True),
        sa.CheckConstraint("char_length(text) >= 1", name=op.f("ck_log_entry_text_given")),
        sa.CheckConstraint("corrects <> id", name=op.f("ck_log_entry_corrects_another")),
        sa.ForeignKeyConstraint(
            ["organization_id", "corrects"],
            ["handover.log_entry.organization_id", "handover.log_entry.id"],
            name=op.f("fk_log_entry_organization_id_corrects"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_log_entry_organization_id_handover_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_log_entry")),
        schema="handover",
    )
    op.create_index(
        "ix_log_entry_corrects",
        "log_entry",
        ["organization_id", "corrects"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_log_entry_handover",
        "log_entry",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_log_entry_handover_at",
        "log_entry",
        ["organization_id", "handover_id", "at", "id"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "promise",
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
        sa.Column("statement", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "feature",
                "timeline",
                "price",
                "staffing",
                "support",
                "security",
                "quality",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column(
            "channel",
            sa.Enum(
                "contract",
                "email",
                "meeting",
                "verbal",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("said_by", sa.Uuid(), nullable=False),
        sa.Column("said_on", sa.Date(), nullable=False),
        sa.Column("said_to", sa.String(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("done_when", sa.String(), nullable=False),
        sa.Column("evidence", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("customer_validated", sa.Boolean(), nullable=False),
        sa.Column(
            "feasibility",
            sa.Enum(
                "unreviewed",
                "ok",
                "conditional",
                "infeasible",
                name="feasibility",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("supersedes", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "offered",
                "accepted",
                "conditional",
                "declined",
                "kept",
                "broken",
                "released",
                "superseded",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("worded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome_note", sa.String(), nullable=True),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state IN ('kept', 'broken', 'released')) = (outcome_at IS NOT NULL)",
            name=op.f("ck_promise_outcome_with_moment"),
        ),
        sa.CheckConstraint(
            "state <> 'released' OR cardinality(evidence) > 0",
            name=op.f("ck_promise_released_with_consent"),
        ),
        sa.CheckConstraint("char_length(done_when) >= 1", name=op.f("ck_promise_done_when_given")),
        sa.CheckConstraint("char_length(statement) >= 1", name=op.f("ck_promise_statement_given")),
        sa.CheckConstraint("supersedes <> id", name=op.f("ck_promise_supersedes_another")),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_promise_organization_id_handover_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "supersedes"],
            ["handover.promise.organization_id", "handover.promise.id"],
            name=op.f("fk_promise_organization_id_supersedes"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_promise")),
        sa.UniqueConstraint(
            "organization_id", "supersedes", name=op.f("uq_promise_organization_id_supersedes")
        ),
        schema="handover",
    )
    op.create_index(
        "ix_promise_due",
        "promise",
        ["organization_id", "due_on", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_promise_handover",
        "promise",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_promise_state",
        "promise",
        ["organization_id", "state", "id"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "stakeholder",
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
        sa.Column(
            "role",
            sa.Enum(
                "economic_buyer",
                "champion",
                "decision_maker",
                "user",
                "blocker",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("preferences", sa.String(), nullable=True),
        sa.CheckConstraint(
            "char_length(name) BETWEEN 1 AND 200", name=op.f("ck_stakeholder_name_length")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_stakeholder_organization_id_handover_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_stakeholder")),
        schema="handover",
    )
    op.create_index(
        "ix_stakeholder_handover",
        "stakeholder",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "unknown",
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
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.CheckConstraint("char_length(reason) >= 1", name=op.f("ck_unknown_reason_given")),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_unknown_organization_id_handover_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_unknown")),
        sa.UniqueConstraint(
            "organization_id",
            "handover_id",
            "what",
            name=op.f("uq_unknown_organization_id_handover_id_what"),
        ),
        schema="handover",
    )
    op.create_table(
        "read_back",
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
        sa.Column("promise_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("restated", sa.String(), nullable=False),
        sa.Column(
            "stance",
            sa.Enum(
                "promise",
                "conditional",
                "decline",
                name="stance",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("condition", sa.String(), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(stance = 'conditional') = (condition IS NOT NULL)",
            name=op.f("ck_read_back_condition_with_stance"),
        ),
        sa.CheckConstraint("char_length(restated) >= 1", name=op.f("ck_read_back_restated_given")),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_read_back_organization_id_handover_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "promise_id"],
            ["handover.promise.organization_id", "handover.promise.id"],
            name=op.f("fk_read_back_organization_id_promise_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_read_back")),
        schema="handover",
    )
    op.create_index(
        "ix_read_back_handover",
        "read_back",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_read_back_promise",
        "read_back",
        ["organization_id", "promise_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "uq_read_back_standing",
        "read_back",
        ["organization_id", "promise_id"],
        unique=True,
        schema="handover",
        postgresql_where="voided_at IS NULL",
    )
    protect_house_tables("handover")
    protect("handover", "customer")
    protect("handover", "person")
    protect("handover", "team")
    protect("handover", "trainable_competence")
    protect("handover", "trained_person")
    protect("handover", "handover")
    protect("handover", "competence_need")
    protect("handover", "log_entry", APPEND_ONLY)
    protect("handover", "promise")
    protect("handover", "stakeholder")
    protect("handover", "unknown")
    protect("handover", "read_back")
