"""What every migration uses: who may do what with a table, and row-level security by organization."""

from collections.abc import Sequence

from alembic import op

# NULLIF: a setting that was local to an earlier transaction reads as the empty string, not as NULL.
# In a sub-select: asked once for a statement, and not for each of ten thousand rows.
ORGANIZATION = "(SELECT NULLIF(current_setting('stafett.organization_id', true), '')::uuid)"
FOLLOWER = "current_setting('stafett.follower', true) = 'on'"

CHANGEABLE = ("SELECT", "INSERT", "UPDATE", "DELETE")
KEPT = ("SELECT", "INSERT", "UPDATE")
APPEND_ONLY = ("SELECT", "INSERT")


def protect(schema: str, table: str, rights: Sequence[str] = CHANGEABLE) -> None:
    """Only rows of the transaction's organization are seen or written, by anyone; only `rights` are granted."""
    op.execute(f"ALTER TABLE {schema}.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {schema}.{table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY organization ON {schema}.{table} "
        f"USING (organization_id = {ORGANIZATION}) WITH CHECK (organization_id = {ORGANIZATION})"
    )
    grant(schema, table, rights)


def protect_house_tables(schema: str) -> None:
    """The outbox, the idempotency keys and the followed feeds."""
    protect(schema, "event", APPEND_ONLY)
    op.execute(f"CREATE POLICY follower ON {schema}.event FOR SELECT USING ({FOLLOWER})")
    protect(schema, "idempotency_key", CHANGEABLE)
    op.execute(
        f"CREATE POLICY expiry_seen ON {schema}.idempotency_key FOR SELECT USING ({FOLLOWER})"
    )
    op.execute(f"CREATE POLICY expiry ON {schema}.idempotency_key FOR DELETE USING ({FOLLOWER})")
    # A kept answer is read once if ever: compressing a large one costs more than the assignment of ten thousand people.
    op.execute(f"ALTER TABLE {schema}.idempotency_key ALTER COLUMN body SET STORAGE EXTERNAL")
    grant(schema, "followed_feed", KEPT)


def grant(schema: str, table: str, rights: Sequence[str]) -> None:
    """Let the service's role do `rights`, and nothing else."""
    op.execute(f"GRANT {', '.join(rights)} ON {schema}.{table} TO stafett_{schema}")


def add_check(schema: str, table: str, name: str, condition: str) -> None:
    """A further rule for a table that has rows: new ones obey at once, the old ones are looked at without blocking anyone.

    What the revision did before is committed by it, so call it last.
    """
    constraint = f"ck_{table}_{name}"
    op.execute(
        f"ALTER TABLE {schema}.{table} ADD CONSTRAINT {constraint} CHECK ({condition}) NOT VALID"
    )
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE {schema}.{table} VALIDATE CONSTRAINT {constraint}")
