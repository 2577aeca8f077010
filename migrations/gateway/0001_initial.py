"""The first tables of gateway."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import protect, protect_house_tables
from services.chassis.events import Xid8

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
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
        schema="gateway",
    )
    op.create_index(
        "ix_event_feed", "event", ["transaction_id", "id"], unique=False, schema="gateway"
    )
    op.create_table(
        "followed_feed",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), server_default="", nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_followed_feed")),
        schema="gateway",
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
        schema="gateway",
    )
    op.create_index(
        "ix_idempotency_key_created_at",
        "idempotency_key",
        ["created_at"],
        unique=False,
        schema="gateway",
    )
    op.create_table(
        "organization",
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
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("working_days", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("holidays", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint("organization_id = id", name=op.f("ck_organization_is_its_own")),
        sa.CheckConstraint(
            "working_days <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint[]",
            name=op.f("ck_organization_working_days"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_organization")),
        schema="gateway",
    )
    op.create_table(
        "person",
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
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("hire_date", sa.Date(), nullable=True),
        sa.Column("job_role", sa.String(), nullable=True),
        sa.Column("location", sa.String(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
        sa.Column("time_zone", sa.String(), nullable=True),
        sa.Column("locale", sa.String(), nullable=True),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint(
            "roles <@ ARRAY['seller', 'delivery', 'trainer', 'manager', 'admin']::text[]",
            name=op.f("ck_person_roles"),
        ),
        sa.CheckConstraint(
            "char_length(name) BETWEEN 1 AND 200", name=op.f("ck_person_name_length")
        ),
        sa.CheckConstraint("manager_id <> id", name=op.f("ck_person_not_own_manager")),
        sa.ForeignKeyConstraint(
            ["organization_id", "manager_id"],
            ["gateway.person.organization_id", "gateway.person.id"],
            name=op.f("fk_person_organization_id_manager_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["gateway.team.organization_id", "gateway.team.id"],
            name=op.f("fk_person_organization_id_team_id"),
            use_alter=True,
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_person")),
        sa.UniqueConstraint(
            "organization_id", "external_id", name=op.f("uq_person_organization_id_external_id")
        ),
        schema="gateway",
    )
    op.create_index(
        "ix_person_name",
        "person",
        ["organization_id", "name", "id"],
        unique=False,
        schema="gateway",
    )
    op.create_index(
        "ix_person_team",
        "person",
        ["organization_id", "team_id", "id"],
        unique=False,
        schema="gateway",
    )
    op.create_index(
        "uq_person_email",
        "person",
        ["organization_id", sa.literal_column("lower(email)")],
        unique=True,
        schema="gateway",
    )
    op.create_table(
        "api_key",
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
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "scopes <@ ARRAY['read', 'write']::text[] AND cardinality(scopes) > 0",
            name=op.f("ck_api_key_scopes"),
        ),
        sa.CheckConstraint("octet_length(secret_hash) = 32", name=op.f("ck_api_key_secret_hash")),
        sa.ForeignKeyConstraint(
            ["organization_id", "person_id"],
            ["gateway.person.organization_id", "gateway.person.id"],
            name=op.f("fk_api_key_organization_id_person_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_api_key")),
        schema="gateway",
    )
    op.create_index(
        "ix_api_key_person",
        "api_key",
        ["organization_id", "person_id"],
        unique=False,
        schema="gateway",
    )
    op.create_table(
        "team",
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
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name=op.f("ck_team_name_length")),
        sa.ForeignKeyConstraint(
            ["organization_id", "lead_id"],
            ["gateway.person.organization_id", "gateway.person.id"],
            name=op.f("fk_team_organization_id_lead_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_team")),
        schema="gateway",
    )
    op.create_index(
        "uq_team_name",
        "team",
        ["organization_id", sa.literal_column("lower(name)")],
        unique=True,
        schema="gateway",
    )
    protect_house_tables("gateway")
    protect("gateway", "organization")
    protect("gateway", "person")
    protect("gateway", "api_key")
    protect("gateway", "team")
    # --- by hand
    # Teams refer to their lead and people to their team, so one of the two comes last.
    op.create_foreign_key(
        op.f("fk_person_organization_id_team_id"),
        "person",
        "team",
        ["organization_id", "team_id"],
        ["organization_id", "id"],
        source_schema="gateway",
        referent_schema="gateway",
    )
