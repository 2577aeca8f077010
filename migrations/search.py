"""What makes a table's texts findable: a trigger that keeps their words in `search_entry`, in the transaction of the change."""

from collections.abc import Sequence

from alembic import op


def searchable(
    schema: str,
    table: str,
    *,
    heading: str | None = None,
    body: Sequence[str] = (),
    handover: str = "new.handover_id",
) -> None:
    """Find the rows of `table`, those that are there too, by the words of `heading`, which count more, and of `body`.

    `handover` is SQL over a row called `new`. A trigger sees every way of writing, COPY and INSERT … SELECT too.
    """
    name = f"{schema}.search_{table}"
    texts = [*([heading] if heading else []), *body]
    first = f"new.{heading}" if heading else "NULL"
    rest = (
        f"concat_ws(chr(10), {', '.join(f'new.{column}' for column in body)})" if body else "NULL"
    )
    # Put together from names of the schema; nothing of it comes from outside.
    insert = (
        f"INSERT INTO {schema}.search_entry (organization_id, id, kind, handover_id, languages, words) "  # nosec B608
        f"SELECT new.organization_id, new.id, '{table}', {handover}, found.languages, "
        f"found.words || {schema}.search_marks(new.organization_id, new.id, '{table}')"
    )
    found = f"{schema}.search_words({first}, {rest}) AS found"
    op.execute(f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM {schema}.search_entry WHERE organization_id = old.organization_id AND id = old.id;
  ELSE
    {insert} FROM {found}
    ON CONFLICT (organization_id, id) DO UPDATE SET
      handover_id = excluded.handover_id, languages = excluded.languages, words = excluded.words;
  END IF;
  RETURN NULL;
END $$
""")  # nosec B608
    op.execute(
        f"CREATE TRIGGER search AFTER INSERT OR DELETE OR UPDATE OF {', '.join(texts)} "
        f"ON {schema}.{table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )
    op.execute(f"{insert} FROM {schema}.{table} AS new, LATERAL {found}")
