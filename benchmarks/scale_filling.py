"""A hundred thousand handovers with their promises and logs, written by statements over whole sets, three years of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

# What an organization of this size has, per handover.
PROMISES = 10
LOG_ENTRIES = 20
HANDOVERS_OF_A_CUSTOMER = 10

SENTENCES = [
    "Kunden vil gerne have, at kasserne er på plads inden påske, og butikschefen i Aarhus hjælper med oplæringen.",
    "Vi har aftalt, at den gamle leverandør tager serveren med, så snart det sidste varelager er flyttet.",
    "Hun spurgte, hvad der sker med kvitteringerne, hvis netværket falder ud en lørdag formiddag.",
    "Kunden vil gjerne ha kassene på plass før påske, og butikksjefen i Ålesund har lovet å hjelpe de ansatte.",
    "Vi ble enige om at piloten flyttes fra oktober til november, siden to av butikkene bygger om.",
    "Han sa at opplæringen må være ferdig før sommeren, ellers får de ikke nok folk i helgene.",
    "Kunden vill att kassorna är på plats före påsk, och butikschefen i Örebro har lovat att hjälpa personalen.",
    "Vi kom överens om att prislistan läses in varje natt och att felen skickas till inköparen på morgonen.",
    "De frågade vad som händer om en medlem saknar kort, och vi lovade att visa det under utbildningen.",
    "The customer wants the tills to be in place before Easter, and the manager in Aberdeen will train the staff.",
    "We agreed that the pilot moves to November, because two of the shops are being rebuilt until then.",
    "She asked what happens to the receipts when the network is down on a Saturday morning.",
]
# So many different texts, of which each row takes one: the words of each are taken out once.
_TEXTS = 20_000
_WORDS_KNOWN = 3000


def made_up(rank: int) -> str:
    """The made-up word of this rank: the nth one stands in about one of 4·n texts."""
    return "w" + f"{1000 + rank:x}".translate(str.maketrans("0123456789abcdef", "kalmunertsivopgd"))


@dataclass(frozen=True)
class Owner:
    """The organization that is filled, whom its handovers are by, and how many there are."""

    organization_id: UUID
    people: Sequence[UUID]
    handovers: int


async def fill_at_scale(
    connection: "asyncpg.Connection[Any]", owners: Sequence[Owner], tell: Callable[[str], None]
) -> None:
    """Fill for each of them, then what search looks through; as the administrator, with triggers and checks of keys off.

    What the triggers would do row by row is done for all rows at once, by the same function; the index is built afterwards.
    """
    run = connection
    await run.execute("SET session_replication_role = replica")
    await run.execute("SET synchronous_commit = off")
    await run.execute("SET maintenance_work_mem = '512MB'")
    await run.execute("SET work_mem = '128MB'")
    await run.execute(_SOME_TEXT)
    tell("making up texts")
    await run.execute(_TOLD)
    await run.execute("ANALYZE told")
    for owner in owners:
        for table, sql in _FILLING.items():
            tell(f"filling {table} for {owner.handovers:,} handovers")
            if table == "deal":
                # A definition takes no parameters.
                people = ", ".join(f"'{id}'" for id in owner.people)
                await run.execute(
                    sql.format(handovers=owner.handovers, people=people, staff=len(owner.people))
                )
                continue
            customers = [owner.handovers // HANDOVERS_OF_A_CUSTOMER] if table == "customer" else []
            await run.execute(sql, owner.organization_id, *customers, timeout=3600)
        await run.execute("DROP TABLE deal")
    definition = await run.fetchval(
        "SELECT pg_get_indexdef('handover.ix_search_entry_words'::regclass)"
    )
    await run.execute("DROP INDEX handover.ix_search_entry_words")
    tell("filling search_entry")
    for owner in owners:
        await run.execute(_SPOKEN.format(organization_id=owner.organization_id))
        await run.execute("ANALYZE spoken")
        await run.execute(_WORDS, owner.organization_id, timeout=3600)
        await run.execute("DROP TABLE spoken")
    tell("building the index of words")
    await run.execute(definition, timeout=3600)
    await run.execute("SET session_replication_role = origin")


_ALL = ", ".join(f"'{sentence}'" for sentence in SENTENCES)
_SENTENCE = f"(ARRAY[{_ALL}])[1 + floor(random() * {len(SENTENCES)})]"
_WORD = (
    f"'w' || translate(to_hex(1000 + floor(exp(random() * ln({_WORDS_KNOWN})))::integer), "
    "'0123456789abcdef', 'kalmunertsivopgd')"
)
_SOME_TEXT = f"""
CREATE FUNCTION pg_temp.some_text() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT {_SENTENCE} || ' ' || {_WORD} || ' ' || {_WORD}
$$
"""
_TOLD = f"""
CREATE TEMP TABLE told AS
SELECT n, pg_temp.some_text() AS heading, pg_temp.some_text() AS body FROM generate_series(0, {_TEXTS} - 1) AS n
"""
# A definition takes no parameters.
_SPOKEN = """
CREATE TEMP TABLE spoken AS
SELECT n, found.languages, found.words, found.forms,
  in_body.languages AS body_languages, in_body.words AS body_words, in_body.forms AS body_forms
FROM told, handover.search_words('{organization_id}', heading, body) AS found,
  handover.search_words('{organization_id}', NULL, body) AS in_body
"""


def _told(id: str) -> str:
    """The number of the text that the row of this id has."""
    return f"told.n = ('x' || right({id}::text, 7))::bit(28)::integer % {_TEXTS}"


# The rows of each table in the order in which they would have been written: pages are read in that order, too.
_AGO = "interval '-3 years' + interval '3 years'"
_FILLING = {
    "customer": f"""
        INSERT INTO handover.customer (organization_id, id, name, source, phones, emails)
        SELECT $1, uuidv7({_AGO} * (n::float8 / $2)), 'Kunde ' || n || ' Ålesund', 'manual', '{{}}', '{{}}'
        FROM generate_series(1, $2::integer) AS n
    """,
    "deal": f"""
        CREATE TEMP TABLE deal AS
        SELECT n, uuidv7({_AGO} * (n::float8 / {{handovers}})) AS id, n::float8 / {{handovers}} AS place,
          (ARRAY[{{people}}]::uuid[])[1 + n % {{staff}}] AS seller_id,
          (ARRAY[{{people}}]::uuid[])[1 + (n + 1) % {{staff}}] AS lead_id
        FROM generate_series(1, {{handovers}}) AS n
    """,
    "handover": f"""
        INSERT INTO handover.handover (organization_id, id, created_at, customer_id, title, engagement_type, source,
          is_won, seller_id, delivery_lead_id, situation, background, risk, state, gaps)
        SELECT $1, deal.id, uuid_extract_timestamp(deal.id), customer.id,
          'Kassesystem K' || lpad(deal.n::text, 7, '0'), 'fixed_price', 'manual', true, seller_id, lead_id,
          heading, body, 'green',
          CASE WHEN place > 0.95 THEN 'in_review' WHEN place > 0.8 THEN 'in_delivery' ELSE 'completed' END, '[]'
        FROM deal
        JOIN told ON {_told("deal.id")}
        JOIN (
          SELECT id, row_number() OVER (ORDER BY id) - 1 AS number, count(*) OVER () AS of_all
          FROM handover.customer WHERE organization_id = $1
        ) AS customer ON customer.number = deal.n % customer.of_all
        ORDER BY deal.id
    """,
    "promise": f"""
        INSERT INTO handover.promise (organization_id, id, handover_id, statement, kind, channel, said_by, said_on, due_on,
          done_when, evidence, customer_validated, feasibility, state, worded_at, outcome_at)
        SELECT $1, made.id, deal.id, heading, 'feature', 'meeting', seller_id,
          uuid_extract_timestamp(made.id)::date, uuid_extract_timestamp(made.id)::date + 30 + deal.n % 200,
          body, '{{}}', true, 'ok',
          CASE WHEN place > 0.95 THEN 'offered' WHEN place > 0.8 THEN 'accepted'
            WHEN deal.n % 9 = 0 THEN 'broken' ELSE 'kept' END,
          uuid_extract_timestamp(made.id), CASE WHEN place <= 0.8 THEN now() END
        FROM deal
        CROSS JOIN LATERAL (
          SELECT uuidv7({_AGO} * deal.place + interval '1 hour' * part - interval '10 days') AS id
          FROM generate_series(1, {PROMISES}) AS part
        ) AS made
        JOIN told ON {_told("made.id")}
        ORDER BY made.id
    """,
    "log_entry": f"""
        INSERT INTO handover.log_entry (organization_id, id, created_at, handover_id, at, author_id, kind, phase, text,
          links, affects)
        SELECT $1, made.id, uuid_extract_timestamp(made.id), deal.id, uuid_extract_timestamp(made.id), lead_id,
          (ARRAY['meeting', 'call', 'email', 'note'])[1 + part % 4], 'during', body, '{{}}', '{{}}'
        FROM deal
        CROSS JOIN LATERAL (
          SELECT part, uuidv7({_AGO} * deal.place + interval '5 hours' * part - interval '10 days') AS id
          FROM generate_series(1, {LOG_ENTRIES}) AS part
        ) AS made
        JOIN told ON {_told("made.id")}
        ORDER BY made.id
    """,
}
_WORDS = f"""
INSERT INTO handover.search_entry (organization_id, id, kind, handover_id, languages, words, forms)
SELECT row.organization_id, row.id, kind, handover_id, row.languages,
  row.words || handover.search_marks(row.organization_id, row.id, kind), row.forms
FROM (
  SELECT organization_id, customer.id, 'customer' AS kind, NULL::uuid AS handover_id, found.*
  FROM handover.customer, handover.search_words(organization_id, name, NULL) AS found
  UNION ALL
  SELECT organization_id, handover.id, 'handover', handover.id, told.languages, titled.words || told.words,
    titled.forms || told.forms
  FROM handover.handover JOIN spoken AS told ON {_told("handover.id")},
    handover.search_words(organization_id, title, NULL) AS titled
  UNION ALL
  SELECT organization_id, promise.id, 'promise', handover_id, languages, words, forms
  FROM handover.promise JOIN spoken AS told ON {_told("promise.id")}
  UNION ALL
  SELECT organization_id, log_entry.id, 'log_entry', handover_id, body_languages, body_words, body_forms
  FROM handover.log_entry JOIN spoken AS told ON {_told("log_entry.id")}
) AS row
WHERE row.organization_id = $1
ORDER BY row.id
ON CONFLICT DO NOTHING
"""
