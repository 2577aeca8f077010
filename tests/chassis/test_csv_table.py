import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.csv_records import MAX_CELL_CHARACTERS, MAX_COLUMNS, MAX_ROWS
from services.chassis.csv_table import read_csv
from services.chassis.errors import FieldError, Invalid
from services.chassis.file_problem import FileError

UNDIVIDED = (
    "Only one column was found where several are needed: "
    "separate them by comma, semicolon, tab or vertical bar"
)


def refusal(content: bytes | str, **options: object) -> list[tuple[int | None, int | None, str]]:
    """What the file is refused for."""
    with pytest.raises(FileError) as refused:
        read_csv(content, **options)
    return places(refused.value.errors)


def places(problems: tuple[FieldError, ...]) -> list[tuple[int | None, int | None, str]]:
    return [(problem.line, problem.column, problem.detail) for problem in problems]


def row_problems(content: str) -> list[tuple[int | None, int | None, str]]:
    return [place for row in read_csv(content).rows for place in places(row.problems)]


def test_rows_carry_the_line_on_which_they_start_and_their_cells_by_name():
    table = read_csv('Name,Note\nOla,"first\n\nthird"\n\nKari, short \n')
    assert [(row.line, dict(row.cells)) for row in table.rows] == [
        (2, {"Name": "Ola", "Note": "first\n\nthird"}),
        (6, {"Name": "Kari", "Note": "short"}),
    ]


def test_a_cell_is_found_by_its_columns_name_in_any_case_and_knows_where_it_stands():
    table = read_csv("ID,Name\n1,Ola\n")
    cell = table.cell(table.rows[0], "name")
    assert (cell.name, cell.text, cell.line, cell.column) == ("Name", "Ola", 2, 2)
    absent = table.cell(table.rows[0], "Amount")
    assert (absent.text, absent.column) == ("", None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_utf_8_and_marked_utf_16_are_read(encoding):
    table = read_csv("navn,sted\nÅse,Tromsø\n".encode(encoding))
    assert table.header == ("navn", "sted")
    assert table.rows[0].cells == {"navn": "Åse", "sted": "Tromsø"}


def test_a_text_may_begin_with_a_byte_order_mark():
    assert read_csv("\ufeffa,b\n1,2").header == ("a", "b")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_count_as_one_line(line_end):
    table = read_csv(line_end.join(["a,b", "1,2", "", '3,"x', 'y"', "5,6"]))
    assert [(row.line, row.values) for row in table.rows] == [
        (2, ("1", "2")),
        (4, ("3", "x\ny")),
        (6, ("5", "6")),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    table = read_csv(f"name{delimiter}place{delimiter}n\nOla{delimiter}Bodø{delimiter}1\n")
    assert table.header == ("name", "place", "n")


def test_the_rows_decide_where_two_delimiters_would_split_the_header():
    table = read_csv("name;price, NOK\nPump;1 000\nValve;2 000\n")
    assert table.header == ("name", "price, NOK")


def test_the_required_columns_decide_before_the_rows_do():
    table = read_csv("name,note;more\na;b,c\nd;e,f\n", required=("name",))
    assert table.header == ("name", "note;more")


def test_decimal_commas_do_not_make_the_comma_a_delimiter():
    assert read_csv("a;b\n1,5;2,5\n").rows[0].values == ("1,5", "2,5")


def test_the_hint_that_excel_writes_is_followed_and_counted_as_a_line():
    table = read_csv("sep=;\r\na;b\r\n1,0;2\r\n")
    assert (table.header, table.header_line, table.rows[0].line) == (("a", "b"), 2, 3)


def test_a_single_column_needs_no_delimiter():
    assert read_csv("name\nHansen, Ola\n").rows[0].values == ("Hansen, Ola",)


def test_an_unknown_delimiter_is_told_as_such():
    assert refusal("name:place\nOla:Bodø\n", required=("name", "place")) == [
        (
            1,
            1,
            UNDIVIDED,
        )
    ]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp1252", "Windows-1252"), ("mac_roman", "Mac Roman"), ("cp850", "code page 850")],
)
def test_another_encoding_is_named_with_line_column_and_character(encoding, name):
    assert refusal("navn;sted\nOla;Bærum\nÅse;Tromsø\n".encode(encoding)) == [
        (
            2,
            2,
            f"Not UTF-8 at character 6 of the line, it looks like {name}: save as CSV UTF-8",
        )
    ]


def test_an_encoding_that_is_not_recognized_is_not_guessed():
    assert refusal(b"a,b\n1,2\n\xff\xfe,3\n") == [
        (3, 1, "Not UTF-8 at character 1 of the line: save as CSV UTF-8")
    ]


def test_the_place_of_a_bad_byte_counts_after_the_byte_order_mark():
    assert refusal(b"\xef\xbb\xbfa,b\n1,\xe5\n")[0][:2] == (2, 2)


def test_utf_16_without_its_mark_is_told():
    assert refusal("a,b\n".encode("utf-16-le")) == [
        (1, 1, "Not UTF-8, it looks like UTF-16 without its mark: save as CSV UTF-8")
    ]


def test_torn_utf_16_is_told():
    assert refusal("a,b\n1,2\n".encode("utf-16")[:-1]) == [
        (
            2,
            2,
            "Not UTF-16 at character 4 of the line, though it begins as such: save as CSV UTF-8",
        )
    ]


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_a_workbook_is_told_from_a_csv(start):
    assert refusal(start + bytes(range(256))) == [
        (1, None, "This is a workbook or archive: save as CSV UTF-8")
    ]


@pytest.mark.parametrize("content", ["", b"", "\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content):
    assert refusal(content) == [(1, None, "The file is empty")]


def test_a_header_alone_is_a_table_without_rows():
    assert read_csv("a,b\n").rows == ()


def test_every_missing_column_is_named():
    assert refusal("a,b\n", required=("Id", "a", "Name")) == [
        (1, None, "Column Id is missing"),
        (1, None, "Column Name is missing"),
    ]


def test_double_and_nameless_columns_are_named_together():
    assert refusal("\nName,, name \n") == [
        (2, 2, "Column 2 has no name"),
        (2, 3, "Column name stands twice"),
    ]


def test_a_row_of_another_width_is_a_problem_of_that_row_alone():
    table = read_csv("a,b\n1\n1,2\n1,2,3\n")
    assert [places(row.problems) for row in table.rows] == [
        [(2, 2, "Too few cells: 1 where the header has 2")],
        [],
        [(4, 3, "Too many cells: 3 where the header has 2")],
    ]


def test_empty_cells_after_the_last_column_are_padding():
    assert read_csv("a,b\n1,2,,\n").rows[0].values == ("1", "2")


def test_rows_of_empty_cells_are_left_out():
    assert [row.line for row in read_csv("a,b\n,\n1,2\n , \n").rows] == [3]


def test_a_row_of_more_columns_than_allowed_is_a_problem_of_that_row_alone():
    assert row_problems("a,b\n" + "x," * MAX_COLUMNS + "\n1,2\n") == [
        (2, MAX_COLUMNS + 1, "More than 500 columns")
    ]


def test_a_control_character_is_a_problem_of_its_row():
    assert row_problems("a,b\n1,\x1b[31m\n") == [(2, 2, "A control character in a cell")]


def test_a_bad_byte_within_a_cell_without_end_has_a_line_and_a_character():
    content = b'a,b\n1,"' + b"x" * 200_000 + b"\xff"
    assert refusal(content) == [
        (2, None, "Not UTF-8 at character 200004 of the line: save as CSV UTF-8")
    ]


def test_a_nul_byte_is_refused_with_its_place():
    assert refusal("a,b\n1,2\n3,\x004\n") == [(3, 2, "A NUL byte at character 3 of the line")]


def test_half_a_surrogate_pair_is_refused_with_its_place():
    assert refusal("a,b\n\ud800,2\n") == [
        (2, 1, "Half a surrogate pair at character 1 of the line")
    ]


def test_a_quote_that_is_never_closed_is_refused_where_it_opens():
    assert refusal('a,b\n1,2\n"x\ny","z\n5,6\n') == [(4, 2, "A quote that is never closed")]


def test_text_after_a_closing_quote_is_a_problem_of_that_row_alone():
    table = read_csv('a,b\n1,"x\ny"z\n3,4\n')
    assert places(table.rows[0].problems) == [
        (
            2,
            2,
            "Text after a closing quote; the row ends on line 3: write a quote within quotes twice",
        )
    ]
    assert (table.rows[1].line, table.rows[1].values) == (4, ("3", "4"))


def test_a_quote_within_a_text_is_a_letter_like_others():
    assert read_csv('a,b\n5" pipe,"say ""hi"""\n').rows[0].values == ('5" pipe', 'say "hi"')


def test_a_cell_over_the_limit_is_a_problem_of_its_row():
    assert row_problems("a,b\n1," + "x" * (MAX_CELL_CHARACTERS + 1)) == [
        (2, 2, "A cell of more than 32767 characters")
    ]


def test_a_cell_that_never_seems_to_end_is_refused():
    assert refusal('a,b\n1,"' + "x\n" * 100_000) == [
        (2, 2, "A cell of more than 32767 characters, or a quote that is never closed")
    ]


def test_more_rows_than_allowed_are_refused_at_the_first_too_many():
    assert refusal("a\n1\n2\n3\n", max_rows=2) == [(4, None, "More than 2 rows")]


def test_a_file_of_blank_lines_is_not_read_to_its_end():
    assert refusal("a\n" + "\n" * (MAX_ROWS + 2)) == [
        (MAX_ROWS + 2, None, "More than 50000 blank rows")
    ]


def test_more_columns_than_allowed_are_refused():
    header = ",".join(f"c{number}" for number in range(MAX_COLUMNS + 1))
    assert refusal(header) == [(1, MAX_COLUMNS + 1, "More than 500 columns")]


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        " =A1",
        '"\t=A1"',
        "＝A1",
        "-profit",
        "+47x",
    ],
)
def test_a_formula_is_refused_with_its_place(cell):
    assert row_problems(f"a,b\n1,{cell}\n") == [(2, 2, "A formula in a cell")]


@pytest.mark.parametrize(
    "cell",
    [
        "-5",
        "+5",
        "-1250.50",
        "-12.5 %",
        "-1 234",
        "+47 22 33 44 55",
        "+1 (555) 214-7954 ext. 12",
        "-",
        "--",
        "a=b",
        "ola@firma.test",
    ],
)
def test_numbers_phone_numbers_and_lone_dashes_are_no_formulas(cell):
    assert row_problems(f"a,b\n1,{cell}\n") == []


def test_a_formula_in_the_header_is_refused():
    assert refusal("a,=b\n") == [(1, 2, "A formula in a cell")]


def test_the_refusal_is_an_invalid_content_whose_places_are_in_the_file():
    with pytest.raises(Invalid) as refused:
        read_csv("a,a\n")
    assert [error.where for error in refused.value.errors] == ["file"]


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_whatever_is_sent_is_read_or_refused(content):
    try:
        table = read_csv(content)
    except FileError:
        return
    assert all(len(row.values) == len(table.header) or row.problems for row in table.rows)


@given(
    st.lists(st.tuples(st.text("aæ,;\"'\n |\t1", min_size=1), st.text('bø,;"\n x')), max_size=5),
    st.sampled_from([",", ";", "|"]),
)
def test_what_is_written_as_csv_is_read_back(rows, delimiter):
    def quoted(text: str) -> str:
        doubled = text.replace('"', '""')
        return f'"{doubled}"'

    lines = [("first", "second"), *rows]
    content = "\n".join(delimiter.join(map(quoted, line)) for line in lines)
    table = read_csv(content, required=("first", "second"))
    # A cell that begins with a tab is taken for a formula, yet it is read.
    assert [row.values for row in table.rows] == [
        (first.strip(), second.strip()) for first, second in rows if (first + second).strip()
    ]
