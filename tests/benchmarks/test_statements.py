"""The SQL of a request, repeated by pgbench."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from benchmarks.statements import Overheard, Query, literal, script
from services.chassis.idempotency import as_text

ID = UUID("0198c0de-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "NULL"),
        (True, "true"),
        (51, "51"),
        (-3, "(-3)"),
        (b"\x00\xff", r"E'\\x00ff'"),
        (timedelta(hours=24), "'86400.0 seconds'"),
        ("it's", "E'it''s'"),
        ("a\\b", r"E'a\\b'"),
        (ID, f"E'{ID}'"),
        ([1, None], "ARRAY[1, NULL]"),
        (datetime(2026, 11, 22, 9, 30, tzinfo=UTC), r"E'2026-11-22 09\x3a30\x3a00+00\x3a00'"),
    ],
)
def test_a_parameter_becomes_a_literal_without_a_variable_of_pgbench(
    value: object, written: str
) -> None:
    assert literal(value) == written
    assert ":" not in literal(value)


def test_begin_and_the_organization_go_in_one_round_trip() -> None:
    transaction = [
        Query("BEGIN; SET LOCAL stafett.organization_id = 'x'", (), 0.0),
        Query("SELECT $2::UUID, $1::INTEGER, $2::UUID", (7, ID), 0.0),
        Query("COMMIT", (), 0.0),
    ]
    assert script(transaction).splitlines() == [
        r"\startpipeline",
        "BEGIN;",
        "SET LOCAL stafett.organization_id = 'x';",
        r"\endpipeline",
        f"SELECT E'{ID}'::UUID, 7::INTEGER, E'{ID}'::UUID;",
        "COMMIT;",
    ]


def test_what_must_differ_each_time_is_put_in_place_of_its_value() -> None:
    transaction = [
        Query(f"BEGIN; SET LOCAL a = 'x'; SELECT {as_text('a key')}", (), 0.0),
        Query("SELECT $1, $2", (ID, []), 0.0),
    ]
    written = script(transaction, {ID: ":n", "a key": ":k"}).splitlines()
    assert written[3:] == ["SELECT :k;", r"\endpipeline", "SELECT :n, ARRAY[];"]


def test_transactions_of_organizations_are_heard_and_those_of_followers_are_not() -> None:
    overheard = Overheard()
    for connection, sql in [
        (1, "BEGIN; SET LOCAL stafett.organization_id = 'x'"),
        (2, "BEGIN; SET LOCAL stafett.follower = 'on'"),
        (1, "WITH RECURSIVE typeinfo_tree(oid) AS (SELECT 1)"),
        (1, "SELECT 1"),
        (2, "SELECT 2"),
        (2, "COMMIT"),
        (3, "SELECT 3"),
        (1, "COMMIT"),
        (1, "BEGIN; SET LOCAL stafett.organization_id = 'not ended'"),
    ]:
        overheard.hear(connection, Query(sql, (), 0.0))
    (heard,) = overheard.transactions
    assert [query.sql for query in heard][1:] == ["SELECT 1", "COMMIT"]
