"""A file in parts: every row goes once, and stands where it stood."""

import pytest

from services.chassis.csv_table import read_csv
from services.chassis.file_problem import FileError
from services.commands.file_parts import parts_of


def rows_of(content: bytes) -> list[tuple[int, tuple[str, ...]]]:
    return [(row.line, row.values) for row in read_csv(content).rows]


@pytest.mark.parametrize(
    "file",
    [
        "name,email\nA,a@x.example\nB,b@x.example\nC,c@x.example\n",
        "\ufeffname;email\r\nA;a@x.example\r\n\r\nB;b@x.example\r\nC;c@x.example",
        'name,email\n"A\nof two lines",a@x.example\nB,b@x.example\n\n\nC,c@x.example\n',
        "sep=|\nname|email\nA|a@x.example\nB|b@x.example\n",
        "\n\nname,email\n\nA,a@x.example\nB,b@x.example\n",
    ],
)
def test_every_row_of_the_parts_stands_on_its_line_of_the_file(file: str) -> None:
    content = file.encode()
    for size in (1, 2):
        parts = parts_of(content, size)
        assert [row for part in parts for row in rows_of(part.content)] == rows_of(content)
        assert [part.rows for part in parts] == [len(rows_of(part.content)) for part in parts]


def test_a_small_file_goes_as_it_is() -> None:
    content = b"\xef\xbb\xbfname,email\r\nA,a@x.example\r\n"
    [part] = parts_of(content)
    assert part.content == content
    assert part.rows == 1


def test_a_file_with_more_lines_than_may_be_empty_goes_in_one_piece() -> None:
    content = b"name\n" + b"A\n" * 50_001
    assert [part.rows for part in parts_of(content)] == [50_001]


def test_a_file_that_cannot_be_read_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(FileError):
        parts_of(b'name,email\n"A,a@x.example\n', 1)
