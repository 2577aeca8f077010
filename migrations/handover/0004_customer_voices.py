"""Customer voices, contacts, and what a customer is found by."""

import sqlalchemy as sa
from alembic import op

from migrations.house import add_check, protect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact",
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
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("job_title", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.CheckConstraint(
            "char_length(name) BETWEEN 1 AND 200", name=op.f("ck_contact_name_length")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["handover.customer.organization_id", "handover.customer.id"],
            name=op.f("fk_contact_organization_id_customer_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_contact")),
        schema="handover",
    )
    op.create_index(
        "ix_contact_customer",
        "contact",
        ["organization_id", "customer_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_contact_email", "contact", ["organization_id", "email"], unique=False, schema="handover"
    )
    op.create_index(
        "ix_contact_phone", "contact", ["organization_id", "phone"], unique=False, schema="handover"
    )
    op.create_table(
        "customer_key",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "phone",
                "email",
                "registration_number",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=False,
        ),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["handover.customer.organization_id", "handover.customer.id"],
            name=op.f("fk_customer_key_organization_id_customer_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "kind", "value", "customer_id", name=op.f("pk_customer_key")
        ),
        schema="handover",
    )
    op.create_index(
        "ix_customer_key_customer",
        "customer_key",
        ["organization_id", "customer_id"],
        unique=False,
        schema="handover",
    )
    op.create_table(
        "customer_voice",
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
        sa.Column("author_id", sa.Uuid(), nullable=False),
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
        sa.Column(
            "channel",
            sa.Enum(
                "meeting",
                "call",
                "email",
                "survey",
                "visit",
                "review",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="handover",
            ),
            nullable=True,
        ),
        sa.Column("csat", sa.Integer(), nullable=True),
        sa.Column("nps", sa.Integer(), nullable=True),
        sa.Column("quote", sa.String(), nullable=True),
        sa.Column("said_by", sa.String(), nullable=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("may_share", sa.Boolean(), nullable=False),
        sa.CheckConstraint("char_length(quote) >= 1", name=op.f("ck_customer_voice_quote_given")),
        sa.CheckConstraint("csat BETWEEN 1 AND 5", name=op.f("ck_customer_voice_csat_range")),
        sa.CheckConstraint("nps BETWEEN 0 AND 10", name=op.f("ck_customer_voice_nps_range")),
        sa.CheckConstraint(
            "num_nonnulls(csat, nps, quote) >= 1", name=op.f("ck_customer_voice_says_something")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "handover_id"],
            ["handover.handover.organization_id", "handover.handover.id"],
            name=op.f("fk_customer_voice_organization_id_handover_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_customer_voice")),
        schema="handover",
    )
    op.create_index(
        "ix_customer_voice_handover",
        "customer_voice",
        ["organization_id", "handover_id", "id"],
        unique=False,
        schema="handover",
    )
    op.create_index(
        "ix_customer_voice_shared",
        "customer_voice",
        ["organization_id", "said_at", "id"],
        unique=False,
        schema="handover",
        postgresql_where="may_share",
    )
    op.add_column("customer", sa.Column("country", sa.String(), nullable=True), schema="handover")
    protect("handover", "contact")
    protect("handover", "customer_key")
    protect("handover", "customer_voice")
    # --- by hand
    add_check("handover", "customer", "country_code", "country ~ '^[A-Z]{2}$'")
    with op.get_context().autocommit_block():
        for column in ("email", "phone"):
            op.create_index(
                f"ix_stakeholder_{column}",
                "stakeholder",
                ["organization_id", column],
                schema="handover",
                postgresql_concurrently=True,
            )
