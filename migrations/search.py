"""What makes a table's texts findable: a trigger that keeps their words in `search_entry`, in the transaction of the change."""

from collections.abc import Sequence

from alembic import op

# Rows of one transaction: whoever changes one of them meanwhile waits for it.
_BATCH = 1_000
_BEFORE_ALL = "'00000000-0000-0000-0000-000000000000'"


def searchable(
    schema: str,
    table: str,
    *,
    heading: str | None = None,
    body: Sequence[str] = (),
    handover: str = "new.handover_id",
) -> None:
    """Find the rows of `table`, those that are there too, by the words of `heading`, which count more, and of `body`.

    `handover` is SQL over a row called `new`. A trigger sees every way of writing, COPY and INSERT … SELECT too. Done again, it
    takes the words out anew. What the revision did before is committed by it, so call it last.
    """
    name = f"{schema}.search_{table}"
    texts = [*([heading] if heading else []), *body]
    first = f"new.{heading}" if heading else "NULL"
    rest = (
        f"concat_ws(chr(10), {', '.join(f'new.{column}' for column in body)})" if body else "NULL"
    )
    # Put together from names of the schema; nothing of it comes from outside.
    insert = (
        f"INSERT INTO {schema}.search_entry (organization_id, id, kind, handover_id, languages, words, forms) "  # nosec B608
        f"SELECT new.organization_id, new.id, '{table}', {handover}, found.languages, "
        f"found.words || {schema}.search_marks(new.organization_id, new.id, '{table}'), found.forms"
    )
    found = f"{schema}.search_words(new.organization_id, {first}, {rest}) AS found"
    anew = (
        "ON CONFLICT (organization_id, id) DO UPDATE SET handover_id = excluded.handover_id, "
        "languages = excluded.languages, words = excluded.words, forms = excluded.forms"
    )
    op.execute(f"""
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM {schema}.search_entry WHERE organization_id = old.organization_id AND id = old.id;
  ELSE
    {insert} FROM {found}
    {anew};
  END IF;
  RETURN NULL;
END $$
""")  # nosec B608
    op.execute(
        f"CREATE OR REPLACE TRIGGER search AFTER INSERT OR DELETE OR UPDATE OF {', '.join(texts)} "
        f"ON {schema}.{table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )
    with op.get_context().autocommit_block():
        # Locked, so that no words of what somebody replaces meanwhile are written after theirs.
        op.execute(f"""
DO $$
DECLARE
  organization uuid := {_BEFORE_ALL};
  last uuid := {_BEFORE_ALL};
BEGIN
  LOOP
    WITH batch AS MATERIALIZED (
      SELECT * FROM {schema}.{table} AS new
      WHERE (new.organization_id, new.id) > (organization, last)
      ORDER BY new.organization_id, new.id LIMIT {_BATCH} FOR NO KEY UPDATE
    ), written AS (
      {insert} FROM batch AS new, LATERAL {found}
      {anew}
    )
    SELECT batch.organization_id, batch.id INTO organization, last
    FROM batch ORDER BY batch.organization_id DESC, batch.id DESC LIMIT 1;
    EXIT WHEN NOT FOUND;
    COMMIT;
  END LOOP;
END $$
""")  # nosec B608
