"""JSON files as APIs answer them and people save them, a record at a time."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.file_problem import FileError
from services.chassis.json_records import MAX_RECORD_CHARACTERS, JsonRecord, Number, json_records


def records(content: str | bytes) -> Iterator[JsonRecord]:
    body = content.encode() if isinstance(content, str) else content
    return json_records(io.BytesIO(body), "results", lambda value: "id" in value)


def places(content: str) -> list[tuple[Any, int, str]]:
    return [(record.value, record.line, record.pointer) for record in records(content)]


def refusal(content: str | bytes) -> tuple[int | None, int | None, str, str]:
    with pytest.raises(FileError) as refused:
        list(records(content))
    [error] = refused.value.errors
    return error.line, error.column, error.pointer, error.detail


def test_a_page_gives_its_records_with_line_and_pointer():
    page = '{"total": 2,\n "results": [\n  {"id": "1"},\n  {"id": "2"}],\n "paging": {"next": 1}}'
    assert places(page) == [({"id": "1"}, 3, "/results/0"), ({"id": "2"}, 4, "/results/1")]


def test_several_pages_lines_of_records_and_a_bare_list_are_read_alike():
    assert [
        record.value["id"] for record in records('{"results":[{"id":"1"}]}{"results":[{"id":"2"}]}')
    ] == ["1", "2"]
    assert places('{"id": "1"}\n{"id": "2"}\n') == [({"id": "1"}, 1, ""), ({"id": "2"}, 2, "")]
    assert places('\ufeff[{"id": "1"},\n7]') == [({"id": "1"}, 1, "/0"), ("7", 2, "/1")]


def test_a_page_without_records_has_none():
    assert places('{"results": []}') == []
    assert places('{"success": true, "results": null}') == []


def test_numbers_keep_every_digit():
    [record] = records('[{"id": 1, "amount": 1250.10, "long": ' + "9" * 6000 + "}]")
    assert record.value["amount"] == "1250.10"
    assert len(record.value["long"]) == 6000
    assert isinstance(record.value["id"], Number)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", (1, None, "")),
        (" \n ", (1, None, "")),
        ("deals", (1, 1, "")),
        ('{"results": [{"id": "1"},\n {"id": tru}]}', (2, 9, "")),
        ('{"results": [{"id": "1"}', (1, 25, "")),
        ('{"results": [{"id": "1"},]}', (1, 26, "")),
        ('{"results": [{"id": "1"}]} x', (1, 28, "")),
        ('{"results": [{"id": "1}]}', (1, 21, "")),
        ("{results: []}", (1, 2, "")),
        ('{"results": {"id": "1"}}', (1, None, "/results")),
        ('\n{"deals": []}', (2, None, "/results")),
        ('[{"id": NaN}]', (1, None, "")),
        ('[{"id": "a\x00b"}]', (1, 11, "")),
        ("[" * 100_000, (1, None, "")),
        ('[{"id": ' + "[" * 100_000, (1, None, "")),
        (b'{"results": [\n{"id": "\xe5"}]}', (2, None, "")),
        ('{"results": []}'.encode("utf-16"), (1, None, "")),
    ],
)
def test_what_is_broken_is_told_with_its_place(
    content: str | bytes, place: tuple[int, int | None, str]
):
    assert refusal(content)[:3] == place


def test_a_record_without_end_is_not_read_to_the_end():
    endless = '[{"id": "' + "x" * (3 * MAX_RECORD_CHARACTERS)
    assert "characters" in refusal(endless)[3]
    many = "{" + ",".join(f'"k{number}": "{"x" * 1000}"' for number in range(2000)) + "}"
    assert "characters" in refusal(many)[3]


@given(
    st.lists(
        st.dictionaries(st.text(max_size=3), st.one_of(st.text(), st.none(), st.booleans())),
        max_size=5,
    ),
    st.sampled_from([None, 1]),
)
def test_what_was_written_is_read(values: list[dict[str, Any]], indent: int | None):
    written = json.dumps({"results": values}, indent=indent)
    assert [record.value for record in records(written)] == values


@given(st.binary(max_size=60), st.booleans())
def test_whatever_is_sent_is_read_or_refused(content: bytes, listed: bool):
    with suppress(FileError):
        list(records((b'{"results": [' + content) if listed else content))


def test_records_that_span_what_is_read_at_once_are_whole():
    values = [{"id": str(number), "text": "ø\n" * 9000} for number in range(30)]
    written = json.dumps({"results": values}, ensure_ascii=False, indent=1)
    found = list(records(written))
    assert [record.value for record in found] == values
    lines = written.split("\n")
    assert all(lines[record.line - 1].strip() == "{" for record in found)


def test_memory_does_not_grow_with_the_file():
    def peak(rows: int) -> int:
        page = json.dumps({"results": [{"id": str(n), "text": "x" * 500} for n in range(rows)]})
        file = io.BytesIO(page.encode())
        tracemalloc.start()
        for _ in json_records(file, "results", lambda value: True):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few = peak(1_000)
    assert peak(10_000) < few + 100_000
