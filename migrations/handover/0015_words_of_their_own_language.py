"""Words that are found in their own language and organization only, and in the form in which they were asked for first."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import ORGANIZATION
from migrations.search import searchable

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "search_entry",
        sa.Column("forms", postgresql.TSVECTOR(), server_default="", nullable=False),
        schema="handover",
        if_not_exists=True,
    )
    for function in (
        _CODE,
        _QUOTED,
        _STEM,
        _STEMS,
        _WORDS,
        _MARKS,
        _QUESTION,
        _MATCHES,
        _EXCERPT,
        _ASKED_BEFORE,
        _MATCHES_BEFORE,
    ):
        op.execute(function)
    signature = "handover.search_matches(tsquery, tsquery, tsquery, text, uuid, uuid, integer)"
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO stafett_handover")
    searchable("handover", "customer", heading="name", handover="NULL")
    searchable(
        "handover",
        "handover",
        heading="title",
        body=["situation", "background", "assessment", "recommendation", "out_of_scope"],
        handover="new.id",
    )
    searchable("handover", "stakeholder", heading="name")
    searchable("handover", "promise", heading="statement", body=["done_when"])
    searchable("handover", "estimate", heading="item", body=["basis_text"])
    searchable("handover", "question", heading="text", body=["topic"])
    searchable("handover", "answer", body=["text"])
    searchable("handover", "log_entry", body=["text"])


# Three letters for the organization before each of its words: what others wrote is not gone through. Two of a quarter of a
# million may have the same; rows are told apart by their organization all the same.
_CODE = """
CREATE OR REPLACE FUNCTION handover.search_code(organization_id uuid) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT left(encode(substr(uuid_send(organization_id), 14), 'base64'), 3)
$$
"""

# As a tsvector and a tsquery are read and written.
_QUOTED = r"""
CREATE OR REPLACE FUNCTION handover.search_quoted(word text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT '''' || replace(replace(word, '\', '\\'), '''', '''''') || ''''
$$
"""

# Endings that Snowball leaves: -et, -en, -an, -n and -t of the definite form in Swedish (löftet, löftena, kassan, regeln, kontot),
# what an e was left out of (regler, fönstret; eksempler), and what a second pass takes off (kortere in Norwegian).
_ENDINGS = "an,ar,at,en,er,et,or,ot,ln,rn,ig,bl,dl,fl,gl,kl,ml,pl,sl,tl,vl,br,fr,gr,kr,mr,pr,sr,tr,vr,kn,pn,tn"
_REDUCIBLE = f"language <> 'en' AND length(stem) > 3 AND right(stem, 2) = ANY ('{{{_ENDINGS}}}')"
_STEM = """
CREATE OR REPLACE FUNCTION handover.search_stem(language text, stem text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  dictionary CONSTANT regdictionary := CASE language
    WHEN 'da' THEN 'pg_catalog.danish_stem'::regdictionary
    WHEN 'nb' THEN 'pg_catalog.norwegian_stem'::regdictionary
    WHEN 'sv' THEN 'pg_catalog.swedish_stem'::regdictionary
  END;
  shorter text;
BEGIN
  WHILE dictionary IS NOT NULL LOOP
    shorter := coalesce((ts_lexize(dictionary, stem))[1], stem);
    IF shorter = stem THEN
      shorter := CASE
        WHEN stem ~ '..([bdfgkmpstv]l|[bfgkmpstv]r|[kpt]n)$'
          THEN left(stem, -1) || 'e' || right(stem, 1)
        WHEN language <> 'sv' THEN stem
        WHEN stem ~ '(..et|...en|....an)$' THEN left(stem, -2)
        WHEN stem ~ '...([eo][lr]n|ot)$' THEN left(stem, -1)
        ELSE stem
      END;
      EXIT WHEN shorter = stem;
      -- An e that was put in is there to be taken off with the rest of an ending, or to stay.
      shorter := coalesce((ts_lexize(dictionary, shorter))[1], shorter);
    END IF;
    stem := shorter;
  END LOOP;
  RETURN stem;
END $$
"""

# The words of a tsvector or a tsquery, both in their text form, with those stems; `stems` are the words alone.
_STEMS = f"""
CREATE OR REPLACE FUNCTION handover.search_stems(language text, words text, stems text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  one text;
BEGIN
  FOR one IN SELECT stem FROM unnest(stems) AS stem WHERE {_REDUCIBLE} LOOP
    words := replace(words, '''' || one || '''', '''' || handover.search_stem(language, one) || '''');
  END LOOP;
  RETURN words;
END $$
"""  # nosec B608

# Each word as its language stems it, and again without the marks on its letters; before it the letter of the language and the
# organization's. No text in one language is found by a stem of another, where a short one often means something else.
# `forms` are the words as they were written: what has them is shown before what has only their stems.
_WORDS = """
CREATE OR REPLACE FUNCTION handover.search_words(
  organization_id uuid, heading text, body text, OUT languages text[], OUT words tsvector, OUT forms tsvector
)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  code CONSTANT text := handover.search_code(organization_id);
  first CONSTANT text := normalize(coalesce(heading, ''));
  rest CONSTANT text := normalize(coalesce(body, ''));
  configuration regconfig;
  in_language tsvector;
  said text := '';
  bare text;
  language text;
BEGIN
  languages := handover.search_languages(left(first || ' ' || rest, 2000));
  FOREACH language IN ARRAY languages LOOP
    configuration := handover.search_configuration(language);
    in_language := setweight(to_tsvector(configuration, first), 'A') || to_tsvector(configuration, rest);
    -- No word holds a blank, so that a quotation mark after one begins a word.
    said := said || replace(
      ' ' || handover.search_stems(language, in_language::text, tsvector_to_array(in_language)),
      ' ''', ' ''' || left(language, 1) || code
    );
  END LOOP;
  bare := translate(said, 'åäæáàøöóéèëüúí', 'aaaaaoooeeeuui');
  IF bare <> said THEN
    said := said || bare;
  END IF;
  words := said::tsvector;
  forms := strip(to_tsvector('pg_catalog.simple', first || ' ' || rest));
END $$
"""

# What else narrows a search: the kind, and the first five hexadecimal digits of the id, which stand for three days; each with its
# organization.
_MARKS = """
CREATE OR REPLACE FUNCTION handover.search_marks(organization_id uuid, id uuid, kind text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT format('''=%1$s%2$s'' ''=%1$s%3$s''', handover.search_code(organization_id), kind, left(id::text, 5))::tsvector
$$
"""

# `variants` are spellings of what was asked for, any of which will do; `taken_out` those of what must not occur, in no language.
# `da` and so on mark these words in a text, as does `stems` with all their endings; `exact` are those that were asked for, as
# they were written.
_QUESTION = f"""
CREATE OR REPLACE FUNCTION handover.search_question(
  variants text[], taken_out text[], only_in text,
  OUT wanted tsquery, OUT asked tsquery, OUT exact tsquery, OUT stems text[],
  OUT da tsquery, OUT nb tsquery, OUT sv tsquery, OUT en tsquery
)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  code CONSTANT text := handover.search_code({ORGANIZATION});
  word CONSTANT text := '''((?:[^'']|'''')*)''';
  language text;
  variant text;
  part text;
  shortened text;
  known text[];
  marks text[];
  one tsquery;
  unwanted tsquery;
BEGIN
  FOREACH language IN ARRAY ARRAY['da', 'nb', 'sv', 'en'] LOOP
    known := '{{}}';
    marks := '{{}}';
    FOREACH variant IN ARRAY variants LOOP
      CONTINUE WHEN only_in <> language;
      part := websearch_to_tsquery(handover.search_configuration(language), normalize(variant))::text;
      CONTINUE WHEN part = '' OR part = ANY (known);
      known := known || part;
      shortened := handover.search_stems(
        language, part, ARRAY(SELECT hit[1] FROM regexp_matches(part, word, 'g') AS hit)
      );
      marks := marks || ARRAY(SELECT hit[1] FROM regexp_matches(part || ' ' || shortened, word, 'g') AS hit);
      one := regexp_replace(shortened, word, '''' || left(language, 1) || code || '\\1''', 'g');
      wanted := coalesce(wanted || one, one);
    END LOOP;
    stems := stems || ARRAY(SELECT left(language, 1) || replace(mark, '''''', '''') FROM unnest(marks) AS mark);
    one := '''' || nullif(array_to_string(marks, ''' | '''), '') || '''';
    CASE language
      WHEN 'da' THEN da := one; WHEN 'nb' THEN nb := one; WHEN 'sv' THEN sv := one; ELSE en := one;
    END CASE;
    FOREACH variant IN ARRAY taken_out LOOP
      part := websearch_to_tsquery(handover.search_configuration(language), normalize(variant))::text;
      CONTINUE WHEN part = '';
      part := handover.search_stems(
        language, part, ARRAY(SELECT hit[1] FROM regexp_matches(part, word, 'g') AS hit)
      );
      one := regexp_replace(part, word, '''' || left(language, 1) || code || '\\1''', 'g');
      unwanted := coalesce(unwanted || one, one);
    END LOOP;
  END LOOP;
  asked := wanted;
  IF unwanted IS NOT NULL THEN
    asked := asked && !!unwanted;
  END IF;
  SELECT string_agg(DISTINCT handover.search_quoted(form), ' | ')::tsquery INTO exact
  FROM unnest(variants) AS spelling,
    unnest(tsvector_to_array(to_tsvector('pg_catalog.simple', normalize(spelling)))) AS form
  -- Small words that a language leaves out say nothing about a text.
  WHERE to_tsvector('pg_catalog.danish', form) <> '' AND to_tsvector('pg_catalog.norwegian', form) <> ''
    AND to_tsvector('pg_catalog.swedish', form) <> '' AND to_tsvector('pg_catalog.english', form) <> '';
END $$
"""  # nosec B608


def _window(on_the_index: str) -> str:
    """Matches between two ids. Several conditions on the index: PostgreSQL then leaps over what only one of them holds, as it
    does not within one. IS TRUE keeps it from going through the primary key for the rest.

    Stems count by how often and where they stand, alike in a text of one language and in one of all four; each word that
    stands there as it was asked for counts more than any of them."""
    return f"""
      SELECT m.id, m.kind, m.handover_id, m.languages, ts_rank(m.words, ranked)::double precision / cardinality(m.languages)
        + coalesce(2 * ts_rank('{{1, 1, 1, 1}}', m.forms, exact), 0)
      FROM (
        SELECT e.id, e.kind, e.handover_id, e.languages, e.words, e.forms FROM handover.search_entry AS e
        WHERE {on_the_index} AND (e.organization_id = mine AND e.id >= lower_id AND e.id < upper_id) IS TRUE
        ORDER BY e.id DESC LIMIT missing
      ) AS m"""  # nosec B608


# The newest matches before an id, `most` of them. A common word has enough in the last days, and what lies before them is never
# collected to show the newest: the first window reaches back from `newest`, the newest of all texts before that id, over six days
# at most, and each of the next as far as the matches so far let expect to be enough. A rare word has few anywhere: it is asked
# for without a window, since to look each of its rows up in the window's lists takes twenty times what the row itself takes.
# There is one good plan, whatever is asked for: the index of words, then a sort. The settings leave no other, and so it is made
# once a connection; planning each window anew would cost more than most of them take.
_MATCHES = f"""
CREATE OR REPLACE FUNCTION handover.search_matches(
  asked tsquery, ranked tsquery, exact tsquery, only_kind text, before uuid, newest uuid, most integer
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
  mark CONSTANT text := '=' || handover.search_code(mine);
  of_kind CONSTANT tsquery := ('''' || mark || only_kind || '''')::tsquery;
  -- Three days each, as in search_marks.
  last CONSTANT bigint := handover.search_milliseconds(newest) >> 28;
  latest bigint := last;
  back integer := 1;
  enough bigint;
  upper_id uuid := before;
  lower_id uuid;
  scope tsquery;
  found_here integer;
  missing integer := most;
BEGIN
  IF mine IS NULL OR asked IS NULL OR newest IS NULL THEN
    RETURN;
  END IF;
  WHILE back IS NOT NULL LOOP
    SELECT string_agg('''' || mark || lpad(to_hex(n), 5, '0') || '''', '|')::tsquery INTO scope
    FROM generate_series(last - back, latest) AS n;
    latest := last - back - 1;
    lower_id := rpad(lpad(to_hex(last - back), 5, '0'), 32, '0')::uuid;
    IF only_kind IS NULL THEN
      RETURN QUERY {_window("e.words @@ scope AND e.words @@ asked")};
    ELSE
      RETURN QUERY {_window("e.words @@ scope AND e.words @@ of_kind AND e.words @@ asked")};
    END IF;
    GET DIAGNOSTICS found_here = ROW_COUNT;
    missing := missing - found_here;
    IF missing <= 0 THEN
      RETURN;
    END IF;
    upper_id := lower_id;
    enough := back + ceil(1.3 * missing * (back + 1) / nullif(most - missing, 0));
    -- The last days may be quiet ones, and tell little. A list of three months' days costs more than a rare word's rows.
    back := CASE
      WHEN back < 4 AND enough IS NULL THEN 4
      WHEN back = 4 AND most - missing < 3 OR back >= 16 AND enough > 32 THEN NULL
      ELSE least(enough, back * CASE WHEN 4 * missing < 3 * most THEN 2 ELSE 4 END)
    END;
  END LOOP;
  lower_id := '00000000-0000-0000-0000-000000000000';
  IF only_kind IS NULL THEN
    RETURN QUERY {_window("e.words @@ asked")};
  ELSE
    RETURN QUERY {_window("e.words @@ of_kind AND e.words @@ asked")};
  END IF;
END $$
"""  # nosec B608

# What of a text is looked at for words to mark at once, in letters; what stands further back is looked at where nothing is found.
_LOOKED_AT, _NEXT = 12_000, 11_800
_EXCERPT = f"""
CREATE OR REPLACE FUNCTION handover.search_excerpt(
  told text, languages text[], stems text[], da tsquery, nb tsquery, sv tsquery, en tsquery, opening text, closing text,
  OUT shown text, OUT marked text, OUT skipped integer
)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  composed CONSTANT text := CASE WHEN told IS NORMALIZED THEN told ELSE normalize(told) END;
  whole CONSTANT text := translate(composed, opening || closing, '');
  options CONSTANT text := 'HighlightAll=true, StartSel=' || opening || ', StopSel=' || closing;
  language text;
  marks tsquery;
BEGIN
  skipped := 0;
  LOOP
    shown := substr(whole, 1 + skipped, {_LOOKED_AT});
    FOREACH language IN ARRAY languages LOOP
      marks := CASE language WHEN 'da' THEN da WHEN 'nb' THEN nb WHEN 'sv' THEN sv ELSE en END;
      CONTINUE WHEN marks IS NULL;
      marked := ts_headline(handover.search_configuration(language), shown, marks, options);
      IF strpos(marked, opening) > 0 THEN
        RETURN;
      END IF;
    END LOOP;
    -- Letters that were asked for without their marks, and forms that only search_stem takes for the same word.
    FOREACH language IN ARRAY languages LOOP
      SELECT string_agg(handover.search_quoted(stem), ' | ')::tsquery INTO marks
      FROM unnest(tsvector_to_array(to_tsvector(handover.search_configuration(language), shown))) AS stem
      CROSS JOIN LATERAL (
        SELECT left(language, 1) || CASE WHEN {_REDUCIBLE} THEN handover.search_stem(language, stem) ELSE stem END AS word
      ) AS of_language
      WHERE word = ANY (stems) OR translate(word, 'åäæáàøöóéèëüúí', 'aaaaaoooeeeuui') = ANY (stems);
      IF marks IS NOT NULL THEN
        marked := ts_headline(handover.search_configuration(language), shown, marks, options);
        RETURN;
      END IF;
    END LOOP;
    EXIT WHEN length(whole) <= skipped + {_LOOKED_AT};
    skipped := skipped + {_NEXT};
  END LOOP;
  marked := shown;
END $$
"""  # nosec B608

# What the release before asks, for as long as both run; the next one drops them, and `search_words` of two texts.
_ASKED_BEFORE = """
CREATE OR REPLACE FUNCTION handover.search_asked(
  variants text[], taken_out text[], only_in text,
  OUT da tsquery, OUT nb tsquery, OUT sv tsquery, OUT en tsquery, OUT wanted tsquery, OUT asked tsquery
)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  SELECT question.wanted, question.asked INTO wanted, asked
  FROM handover.search_question(variants, taken_out, only_in) AS question;
  da := websearch_to_tsquery('pg_catalog.danish', variants[1]);
  nb := websearch_to_tsquery('pg_catalog.norwegian', variants[1]);
  sv := websearch_to_tsquery('pg_catalog.swedish', variants[1]);
  en := websearch_to_tsquery('pg_catalog.english', variants[1]);
END $$
"""
_MATCHES_BEFORE = """
CREATE OR REPLACE FUNCTION handover.search_matches(
  asked tsquery, ranked tsquery, only_kind text, before uuid, most integer
)
RETURNS TABLE (id uuid, kind text, handover_id uuid, languages text[], rank double precision)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 200 SET search_path = pg_catalog, pg_temp AS $$
  SELECT * FROM handover.search_matches(asked, ranked, NULL, only_kind, before, least(before, uuidv7()), most)
$$
"""
