"""The text of a CSV file, whatever program wrote it; another encoding than UTF-8 is named with its place."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from services.chassis.csv_records import delimiter_of, line_breaks, lines_of
from services.chassis.file_problem import FileError, file_problem

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_LEGACY_ENCODINGS = {"Windows-1252": "cp1252", "Mac Roman": "mac_roman", "code page 850": "cp850"}
_EXPECTED_LETTERS = frozenset("æøåäöÆØÅÄÖéÉüÜ")


def csv_text(content: bytes | str) -> str:
    """The file's text without byte order mark; raises FileError where its encoding is not UTF-8."""
    text = _decoded(content) if isinstance(content, bytes) else content.removeprefix("\ufeff")
    bad = _NOT_STORABLE.search(text)
    if bad is None:
        return text
    line, column, character = _place(text, bad.start(), text)
    template = (
        "A NUL byte at character {character} of the line"
        if bad.group() == "\x00"
        else "Half a surrogate pair at character {character} of the line"
    )
    raise FileError([file_problem(line, column, template, character=character)])


def csv_lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a file, of which no more is kept in memory than the one at hand; raises what `csv_text` raises."""
    file.seek(0)
    start = file.read(4)
    if start.startswith(_WORKBOOKS) or (0 in start and not start.startswith(_UTF_16)):
        csv_text(start)
    file.seek(0)
    encoding = "utf-16" if start.startswith(_UTF_16) else "utf-8-sig"
    text = io.TextIOWrapper(file, encoding, newline="")
    try:
        for line in text:
            if "\x00" in line:
                break
            yield line
        else:
            return
    except UnicodeDecodeError:
        pass
    finally:
        # It would close the file, which is somebody else's.
        text.detach()
    # The place of what is wrong is found in the whole: only a file that is refused is read so.
    file.seek(0)
    csv_text(file.read())


def _decoded(content: bytes) -> str:
    if content.startswith(_WORKBOOKS):
        raise FileError([file_problem(1, None, "This is a workbook or archive: save as CSV UTF-8")])
    if content.startswith(_UTF_16):
        return _utf_16(content)
    if 0 in content[:4]:
        raise FileError(
            [
                file_problem(
                    1, 1, "Not UTF-8, it looks like UTF-16 without its mark: save as CSV UTF-8"
                )
            ]
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # What utf-8-sig complains about is the content after the mark.
        body = error.object
        line, column, character = _place(
            body[: error.start].decode(), error.start, body.decode("latin-1")
        )
        looks = _legacy_encoding(body)
        raise FileError(
            [
                file_problem(
                    line,
                    column,
                    "Not UTF-8 at character {character} of the line, it looks like {encoding}: "
                    "save as CSV UTF-8"
                    if looks
                    else "Not UTF-8 at character {character} of the line: save as CSV UTF-8",
                    character=character,
                    encoding=looks,
                )
            ]
        ) from error


def _utf_16(content: bytes) -> str:
    try:
        return content.decode("utf-16")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-16")
        line, column, character = _place(before, len(before), before)
        raise FileError(
            [
                file_problem(
                    line,
                    column,
                    "Not UTF-16 at character {character} of the line, though it begins as such: "
                    "save as CSV UTF-8",
                    character=character,
                )
            ]
        ) from error


def _legacy_encoding(body: bytes) -> str | None:
    """The old encoding in which most of the letters would be Nordic ones, if there is any."""
    strange = bytes(byte for byte in body[:100_000] if byte > 0x7F)
    best, letters = None, 0
    for name, codec in _LEGACY_ENCODINGS.items():
        found = sum(char in _EXPECTED_LETTERS for char in strange.decode(codec, "replace"))
        if found > letters:
            best, letters = name, found
    return best


def _place(text: str, at: int, whole: str) -> tuple[int, int | None, int]:
    """Line, column and character in the line of an offset; `whole` tells the delimiter."""
    before = text[:at]
    begin = max(before.rfind("\n"), before.rfind("\r")) + 1
    # A character stands for what follows, so that a cell has begun even right after a delimiter.
    rows = csv.reader(
        lines_of(before + "x"), delimiter=delimiter_of(whole, ()), skipinitialspace=True
    )
    width: int | None = None
    try:
        for row in rows:
            width = len(row)
    except csv.Error:
        # A cell that never seems to end: where it began says nothing about this place.
        width = None
    return line_breaks(before, at) + 1, width, len(before) - begin + 1
