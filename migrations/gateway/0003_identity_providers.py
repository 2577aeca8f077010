"""Identity providers, and the subjects that are tied to people."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import FOLLOWER, protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity_provider",
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
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "access_token",
                "untyped_access_token",
                "id_token",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="gateway",
            ),
            nullable=False,
        ),
        sa.Column("client_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "person_by",
            sa.Enum(
                "email",
                "external_id",
                "subject",
                name="person_by",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="gateway",
            ),
            nullable=False,
        ),
        sa.Column("person_claim", sa.String(), nullable=True),
        sa.Column("roles_claim", sa.String(), nullable=True),
        sa.Column("role_names", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "kind <> 'untyped_access_token' OR cardinality(client_ids) > 0",
            name=op.f("ck_identity_provider_clients_named"),
        ),
        sa.CheckConstraint(
            "char_length(issuer) <= 500 AND char_length(audience) <= 500",
            name=op.f("ck_identity_provider_length"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_identity_provider")),
        sa.UniqueConstraint(
            "issuer", "audience", name=op.f("uq_identity_provider_issuer_audience")
        ),
        schema="gateway",
    )
    op.create_table(
        "tied_subject",
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
        sa.Column("identity_provider_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "char_length(subject) BETWEEN 1 AND 255", name=op.f("ck_tied_subject_length")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "identity_provider_id"],
            ["gateway.identity_provider.organization_id", "gateway.identity_provider.id"],
            name=op.f("fk_tied_subject_organization_id_identity_provider_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "person_id"],
            ["gateway.person.organization_id", "gateway.person.id"],
            name=op.f("fk_tied_subject_organization_id_person_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_tied_subject")),
        sa.UniqueConstraint(
            "organization_id",
            "identity_provider_id",
            "person_id",
            name=op.f("uq_tied_subject_organization_id_identity_provider_id_person_id"),
        ),
        sa.UniqueConstraint(
            "organization_id",
            "identity_provider_id",
            "subject",
            name=op.f("uq_tied_subject_organization_id_identity_provider_id_subject"),
        ),
        schema="gateway",
    )
    protect("gateway", "identity_provider")
    protect("gateway", "tied_subject")
    # A token tells its issuer and audience, and not whose it is: the gateway finds that out before it knows an organization.
    op.execute(f"CREATE POLICY found ON gateway.identity_provider FOR SELECT USING ({FOLLOWER})")
