"""Assignments go on to later versions only, what a voided attempt completed is undone, and certified anew once passed again."""

from alembic import op

from migrations.house import grant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_STANDING = {
    "uq_certificate_of_curriculum": (["assignment_id"], "curriculum_id"),
    "uq_certificate_of_course": (["assignment_id", "course_id"], "course_id"),
}


def upgrade() -> None:
    # In place of foreign keys, as for what is assigned.
    op.execute("""
CREATE OR REPLACE FUNCTION onboarding.migrate_forwards_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM onboarding.curriculum_version AS o
        JOIN onboarding.curriculum_version AS t
            ON t.organization_id = o.organization_id AND t.curriculum_id = o.curriculum_id
            AND t.number > o.number AND t.state = 'published'
        WHERE o.organization_id = OLD.organization_id AND o.id = OLD.curriculum_version_id
            AND t.id = NEW.curriculum_version_id
    ) THEN
        RAISE EXCEPTION 'assignment % does not go on to a later published version', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'migrate_forwards_only';
    END IF;
    RETURN NEW;
END
$$""")
    op.execute(
        "CREATE OR REPLACE TRIGGER migrate_forwards_only BEFORE UPDATE OF curriculum_version_id "
        "ON onboarding.assignment FOR EACH ROW "
        "WHEN (OLD.curriculum_version_id <> NEW.curriculum_version_id) "
        "EXECUTE FUNCTION onboarding.migrate_forwards_only()"
    )
    grant("onboarding", "item_completion", ["DELETE"])
    # A revoked certificate does not stand in the way of the one that follows it.
    with op.get_context().autocommit_block():
        for name, (columns, subject) in _STANDING.items():
            op.create_index(
                f"{name}_standing",
                "certificate",
                ["organization_id", *columns],
                unique=True,
                schema="onboarding",
                postgresql_where=f"{subject} IS NOT NULL AND revoked_at IS NULL",
                postgresql_concurrently=True,
                if_not_exists=True,
            )
            op.drop_index(
                name,
                "certificate",
                schema="onboarding",
                postgresql_concurrently=True,
                if_exists=True,
            )
