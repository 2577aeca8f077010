"""What search looks through: the words of every text in one table, kept by triggers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import ORGANIZATION, protect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_entry",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("handover_id", sa.Uuid(), nullable=True),
        sa.Column("languages", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_search_entry")),
        schema="handover",
    )
    # Without the list of pending insertions, which every search would go through, and which somebody's change must empty.
    op.create_index(
        "ix_search_entry_words",
        "search_entry",
        ["words"],
        unique=False,
        schema="handover",
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    protect("handover", "search_entry")
    # `@@` is not leakproof, so that no row-level policy lets it use the index: `search_matches` looks as the owner, and
    # names the organization itself.
    op.execute(
        "CREATE POLICY finder ON handover.search_entry FOR SELECT TO CURRENT_USER USING (true)"
    )
    for function in (_CONFIGURATION, _LANGUAGES, _MILLISECONDS, _WORDS, _MARKS, _ASKED, _MATCHES):
        op.execute(function)
    op.execute(
        "REVOKE ALL ON FUNCTION handover.search_matches(tsquery, tsquery, text, uuid, integer) FROM PUBLIC"
    )
    op.execute(
        "GRANT EXECUTE ON FUNCTION handover.search_matches(tsquery, tsquery, text, uuid, integer) "
        "TO stafett_handover"
    )
    _searchable("handover", "customer", heading="name", handover="NULL")
    _searchable(
        "handover",
        "handover",
        heading="title",
        body=["situation", "background", "assessment", "recommendation", "out_of_scope"],
        handover="new.id",
    )
    _searchable("handover", "stakeholder", heading="name")
    _searchable("handover", "promise", heading="statement", body=["done_when"])
    _searchable("handover", "estimate", heading="item", body=["basis_text"])
    _searchable("handover", "question", heading="text", body=["topic"])
    _searchable("handover", "answer", body=["text"])
    _searchable("handover", "log_entry", body=["text"])


# As it was then: what it made is made anew by revision 0015.
def _searchable(
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


_CONFIGURATION = """
CREATE FUNCTION handover.search_configuration(language text) RETURNS regconfig
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE language
    WHEN 'da' THEN 'pg_catalog.danish'::regconfig
    WHEN 'nb' THEN 'pg_catalog.norwegian'::regconfig
    WHEN 'sv' THEN 'pg_catalog.swedish'::regconfig
    WHEN 'en' THEN 'pg_catalog.english'::regconfig
  END
$$
"""

# Those of the four whose small words occur most; all of them where none does, as in a name.
_SMALL_WORDS = {
    "da": "af|at|blev|bliver|de|den|der|deres|det|efter|eller|en|er|et|for|fra|gerne|ham|han|har|hun|hvad|hvis|"
    "i|igen|ikke|jeg|kan|kun|med|mellem|men|mig|ned|nogen|noget|nu|når|og|også|om|op|over|på|sig|"
    "skal|som|så|til|ud|uden|var|ved|vi|vil|vores|være|år",
    "nb": "av|at|ble|blir|bare|de|den|der|deres|det|dette|du|en|er|et|etter|eller|for|fra|gjerne|ham|han|har|hun|"
    "hva|hvis|i|igjen|ikke|jeg|kan|med|mellom|men|meg|ned|noen|noe|nå|når|og|også|om|opp|over|på|seg|"
    "skal|som|så|til|ut|uten|var|vår|våre|ved|vi|vil|være|å|år",
    "sv": "av|att|blev|blir|bara|de|den|deras|det|detta|du|efter|eller|en|ett|för|från|gärna|han|har|hon|hur|"
    "i|igen|inte|jag|kan|kom|med|mellan|men|mig|ner|någon|något|nu|när|och|också|om|upp|under|över|på|sig|"
    "ska|som|så|till|ut|utan|var|vad|vår|våra|vid|vi|vill|vara|är|år",
    "en": "a|after|an|and|are|as|at|be|before|been|but|by|can|do|does|for|from|had|has|have|he|her|his|if|in|"
    "is|it|its|more|must|no|not|of|on|only|or|our|out|over|she|so|than|that|the|their|them|then|they|this|"
    "to|until|was|we|were|what|when|which|who|will|with|you",
}
_COUNTED = ", ".join(
    f"count(*) FILTER (WHERE word = ANY ('{{{words.replace('|', ',')}}}'))"
    for words in _SMALL_WORDS.values()
)
# Put together from the lists above. Words are looked up: a regular expression of fifty takes twenty times as long.
_LANGUAGES = f"""
CREATE FUNCTION handover.search_languages(told text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  da integer; nb integer; sv integer; en integer; most integer;
BEGIN
  SELECT {_COUNTED} INTO da, nb, sv, en
  FROM unnest(string_to_array(translate(lower(told), '.,;:!?()"', '         '), ' ')) AS word;
  most := greatest(da, nb, sv, en);
  RETURN array_remove(ARRAY[
    CASE da WHEN most THEN 'da' END, CASE nb WHEN most THEN 'nb' END,
    CASE sv WHEN most THEN 'sv' END, CASE en WHEN most THEN 'en' END
  ], NULL);
END $$
"""  # nosec B608

_MILLISECONDS = """
CREATE FUNCTION handover.search_milliseconds(id uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint
$$
"""

# Words as each of the languages stems them, and again without the marks on their letters. Languages are told by `=`, with
# which no word begins.
_WORDS = """
CREATE FUNCTION handover.search_words(heading text, body text, OUT languages text[], OUT words tsvector)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  first text := normalize(coalesce(heading, ''));
  rest text := normalize(coalesce(body, ''));
  configuration regconfig;
  said text := '';
  bare text;
  language text;
BEGIN
  languages := handover.search_languages(left(first || ' ' || rest, 2000));
  FOREACH language IN ARRAY languages LOOP
    configuration := handover.search_configuration(language);
    said := said || (
      setweight(to_tsvector(configuration, first), 'A') || to_tsvector(configuration, rest)
    )::text || ' ';
  END LOOP;
  bare := translate(said, 'åäæáàøöóéèëüúí', 'aaaaaoooeeeuui');
  IF bare <> said THEN
    said := said || bare;
  END IF;
  words := (said || ' =' || array_to_string(languages, ' ='))::tsvector;
END $$
"""

# What else narrows a search: the kind; the organization, alone and with the first four and five hexadecimal digits of the id,
# which stand for seven weeks and three days.
_MARKS = """
CREATE FUNCTION handover.search_marks(organization_id uuid, id uuid, kind text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT format(
    '=%1$s =%2$s =%2$s%3$s =%2$s%4$s', kind, right(organization_id::text, 12), left(id::text, 4), left(id::text, 5)
  )::tsvector
$$
"""

# `variants` are spellings of what was asked for, any of which will do; `taken_out` those of what must not occur, in no language.
_ASKED = """
CREATE FUNCTION handover.search_asked(
  variants text[], taken_out text[], only_in text,
  OUT da tsquery, OUT nb tsquery, OUT sv tsquery, OUT en tsquery, OUT wanted tsquery, OUT asked tsquery
)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  language text;
  variant text;
  part tsquery;
  one tsquery;
  known tsquery[] := '{}';
  unwanted tsquery;
BEGIN
  FOREACH language IN ARRAY ARRAY['da', 'nb', 'sv', 'en'] LOOP
    one := NULL;
    FOREACH variant IN ARRAY variants LOOP
      part := websearch_to_tsquery(handover.search_configuration(language), normalize(variant));
      CONTINUE WHEN numnode(part) = 0;
      IF one IS NULL OR one <> part THEN
        one := coalesce(one || part, part);
      END IF;
      -- Each word once, however many languages stem it alike: PostgreSQL would go through it as often.
      IF (only_in IS NULL OR only_in = language) AND part <> ALL (known) THEN
        known := known || part;
        wanted := coalesce(wanted || part, part);
      END IF;
    END LOOP;
    CASE language
      WHEN 'da' THEN da := one; WHEN 'nb' THEN nb := one; WHEN 'sv' THEN sv := one; ELSE en := one;
    END CASE;
    FOREACH variant IN ARRAY taken_out LOOP
      part := websearch_to_tsquery(handover.search_configuration(language), normalize(variant));
      IF numnode(part) > 0 AND (unwanted IS NULL OR unwanted <> part) THEN
        unwanted := coalesce(unwanted || part, part);
      END IF;
    END LOOP;
  END LOOP;
  asked := wanted;
  IF only_in IS NOT NULL THEN
    asked := ('=' || only_in)::tsquery && asked;
  END IF;
  IF unwanted IS NOT NULL THEN
    asked := asked && !!unwanted;
  END IF;
END $$
"""


def _window(on_the_index: str) -> str:
    """Matches between two ids. Several conditions on the index: PostgreSQL then leaps over what only one of them holds, as it
    does not within one. IS TRUE keeps it from going through the primary key for the rest."""
    return f"""
      SELECT m.id, m.kind, m.handover_id, m.languages, ts_rank(m.words, ranked)::double precision
      FROM (
        SELECT e.id, e.kind, e.handover_id, e.languages, e.words FROM handover.search_entry AS e
        WHERE {on_the_index} AND (e.organization_id = mine AND e.id >= lower_id AND e.id < upper_id) IS TRUE
        ORDER BY e.id DESC LIMIT missing
      ) AS m"""  # nosec B608


# The newest matches before an id, `most` of them, in windows that reach four times as far back each: a common word has enough
# in the first, a rare one has few anywhere, and what lies between is never collected from all the years to show the newest.
# There is one good plan, whatever is asked for: the index of words, then a sort. The settings leave no other, and so it is made
# once a connection; planning each window anew would cost more than most of them take.
_MATCHES = f"""
CREATE FUNCTION handover.search_matches(
  asked tsquery, ranked tsquery, only_kind text, before uuid, most integer
)
RETURNS TABLE (id uuid, kind text, handover_id uuid, languages text[], rank double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 200
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_indexscan = off
SET enable_indexonlyscan = off
AS $$
DECLARE
  mine CONSTANT uuid := {ORGANIZATION};
  mark CONSTANT text := '=' || right(mine::text, 12);
  now_ms CONSTANT bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
  newest CONSTANT bigint := least(now_ms, handover.search_milliseconds(before));
  upper_id uuid := before;
  lower_id uuid;
  oldest bigint;
  missing integer := most;
  found_here integer;
  shift integer;
  back integer;
  scope tsquery;
  of_kind CONSTANT tsquery := ('=' || only_kind)::tsquery;
BEGIN
  IF mine IS NULL OR asked IS NULL THEN
    RETURN;
  END IF;
  -- A bucket ahead as well, for a clock that runs before this one.
  oldest := newest + (1 << 28);
  FOR shift, back IN VALUES (28, 1), (28, 4), (28, 16), (32, 4), (32, 16), (48, 0) LOOP
    -- Few in seven weeks are few in all the years.
    CONTINUE WHEN shift = 32 AND most - missing < 5;
    IF shift = 48 THEN
      lower_id := '00000000-0000-0000-0000-000000000000';
      scope := mark::tsquery;
    ELSE
      SELECT string_agg(mark || lpad(to_hex(n), (48 - shift) / 4, '0'), '|')::tsquery INTO scope
      FROM generate_series((newest >> shift) - back, oldest >> shift) AS n;
      oldest := ((newest >> shift) - back) << shift;
      lower_id := rpad(lpad(to_hex(oldest), 12, '0'), 32, '0')::uuid;
    END IF;
    IF only_kind IS NULL THEN
      RETURN QUERY {_window("e.words @@ scope AND e.words @@ asked")};
    ELSE
      RETURN QUERY {_window("e.words @@ scope AND e.words @@ of_kind AND e.words @@ asked")};
    END IF;
    GET DIAGNOSTICS found_here = ROW_COUNT;
    missing := missing - found_here;
    EXIT WHEN missing <= 0;
    upper_id := lower_id;
  END LOOP;
END $$
"""  # nosec B608
