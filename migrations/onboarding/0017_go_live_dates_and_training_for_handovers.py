"""Due dates that follow a rollout's day, and training for the handovers that need it."""

import sqlalchemy as sa
from alembic import op

from migrations.house import add_check, protect

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INDEXES = {
    ("assignment_rule", "ix_assignment_rule_rollout"): ["organization_id", "rollout_id", "id"],
    ("tool", "ix_tool_competence"): ["organization_id", "competence"],
}
_CHECKS = {
    ("assignment_rule", "rollout_gives_the_day"): "rollout_id IS NULL OR go_live_on IS NOT NULL",
    ("assignment_exception", "of_rule_or_handover"): "(rule_id IS NULL) <> (handover_id IS NULL)",
    ("assignment_exception", "handover_needs_competence"): (
        "(handover_id IS NULL) = (competence IS NULL)"
    ),
    ("tool", "trains_for_a_competence"): "NOT trains_for_handovers OR competence IS NOT NULL",
}


def upgrade() -> None:
    op.create_table(
        "accepted_delivery",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_accepted_delivery")),
        schema="onboarding",
    )
    op.create_table(
        "delivery_need",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("handover_id", sa.Uuid(), nullable=False),
        sa.Column("competence", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_delivery_need")),
        schema="onboarding",
    )
    op.create_index(
        "ix_delivery_need_handover",
        "delivery_need",
        ["organization_id", "handover_id"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "delivery_staffing",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("handover_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("competence_need_id", sa.Uuid(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_delivery_staffing")),
        schema="onboarding",
    )
    op.create_index(
        "ix_delivery_staffing_handover",
        "delivery_staffing",
        ["organization_id", "handover_id"],
        unique=False,
        schema="onboarding",
    )
    op.add_column(
        "assignment_exception",
        sa.Column("handover_id", sa.Uuid(), nullable=True),
        schema="onboarding",
    )
    op.add_column(
        "assignment_exception",
        sa.Column("competence", sa.String(), nullable=True),
        schema="onboarding",
    )
    op.add_column(
        "assignment_exception",
        sa.Column("curriculum_id", sa.Uuid(), nullable=True),
        schema="onboarding",
    )
    op.add_column(
        "assignment_exception",
        sa.Column("assignment_id", sa.Uuid(), nullable=True),
        schema="onboarding",
    )
    # Whoever reads it knows that a handover may be the reason, too.
    op.execute(
        "-- squawk-ignore ban-drop-not-null\n"
        "ALTER TABLE onboarding.assignment_exception ALTER COLUMN rule_id DROP NOT NULL"
    )
    op.add_column(
        "assignment_rule", sa.Column("rollout_id", sa.Uuid(), nullable=True), schema="onboarding"
    )
    op.add_column(
        "tool",
        sa.Column("trains_for_handovers", sa.Boolean(), server_default="false", nullable=False),
        schema="onboarding",
    )
    protect("onboarding", "accepted_delivery")
    protect("onboarding", "delivery_need")
    protect("onboarding", "delivery_staffing")
    op.execute(
        "ALTER TABLE onboarding.assignment_rule ADD CONSTRAINT "
        "fk_assignment_rule_organization_id_rollout_id FOREIGN KEY (organization_id, rollout_id) "
        "REFERENCES onboarding.rollout (organization_id, id) NOT VALID"
    )
    # Beside those who write meanwhile, which no transaction can.
    with op.get_context().autocommit_block():
        op.execute(
            "ALTER TABLE onboarding.assignment_rule "
            "VALIDATE CONSTRAINT fk_assignment_rule_organization_id_rollout_id"
        )
        for (table, name), columns in _INDEXES.items():
            op.create_index(
                name,
                table,
                columns,
                schema="onboarding",
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        op.create_index(
            "uq_assignment_exception_handover",
            "assignment_exception",
            ["organization_id", "handover_id", "competence", "person_id"],
            unique=True,
            schema="onboarding",
            postgresql_where=sa.text("resolved_at IS NULL AND handover_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    for (table, name), condition in _CHECKS.items():
        add_check("onboarding", table, name, condition)
