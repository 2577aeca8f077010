"""The records of a JSON file, one after the other; whatever is wrong is named with line, character or JSON Pointer.

A file is a document or several, one after the other: pages as an API answered them (`{"results": [record, …], …}`), bare
lists, or one record a line. No more of the text is kept than the record at hand. Written on the standard library's
decoder: the streaming parsers that there are do not say where in the file a record stands.
"""

import codecs
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Never

from services.chassis.file_problem import FileError, file_problem, pointed_problem

MAX_RECORD_CHARACTERS = 1_000_000
_CHUNK = 65_536
# A text that ends within so many characters of the mistake may only be cut off: `tru`, `\u00`, `1.`.
_CUT_OFF = 16
_SPACE = " \t\r\n"


class Number(str):
    """A number as it is written: no digit is lost, and none is too many."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class JsonRecord:
    """A member of the list, where it begins, and what points to it in its document."""

    value: Any
    line: int
    pointer: str


def json_records(
    file: BinaryIO, list_name: str, is_record: Callable[[dict[str, Any]], bool]
) -> Iterator[JsonRecord]:
    """The records in the lists of this name, or those that stand alone.

    Raises FileError where the file is no JSON, or has neither.
    """
    file.seek(0)
    if file.read(4).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError([file_problem(1, None, "Not UTF-8: save as UTF-8")])
    file.seek(0)
    reader = _JsonReader(file)
    if not reader.next_character():
        raise FileError([file_problem(1, None, "The file is empty")])
    while following := reader.next_character():
        if following == "[":
            yield from _listed(reader, "")
        elif following == "{":
            yield from _page(reader, list_name, is_record)
        else:
            reader.refuse("Expecting a JSON object or list")


def _page(
    reader: "_JsonReader", list_name: str, is_record: Callable[[dict[str, Any]], bool]
) -> Iterator[JsonRecord]:
    """The records of a page, or the object itself where it is one."""
    line, begin = reader.line(), reader.passed()
    reader.take("{")
    others: dict[str, Any] = {}
    found = False
    first = True
    while reader.next_character() != "}":
        if not first:
            reader.take(",")
        first = False
        reader.expect('"')
        name = reader.value()
        reader.take(":")
        if name == list_name and reader.next_character() == "[":
            found = True
            yield from _listed(reader, f"/{list_name}")
            continue
        place = reader.line()
        value = reader.value()
        if name == list_name and value is not None:
            raise FileError([pointed_problem(f"/{list_name}", place, "This is no list of records")])
        found = found or name == list_name
        if not found:
            others[name] = value
            if reader.passed() - begin > MAX_RECORD_CHARACTERS:
                reader.refuse_length(line)
    reader.take("}")
    if found:
        return
    if not is_record(others):
        raise FileError(
            [
                pointed_problem(
                    f"/{list_name}",
                    line,
                    "Neither a record nor a page of them: there is no {name}",
                    name=list_name,
                )
            ]
        )
    yield JsonRecord(others, line, "")


def _listed(reader: "_JsonReader", pointer: str) -> Iterator[JsonRecord]:
    reader.take("[")
    place = 0
    while reader.next_character() != "]":
        if place:
            reader.take(",")
        reader.next_character()
        line = reader.line()
        yield JsonRecord(reader.value(), line, f"{pointer}/{place}")
        place += 1
    reader.take("]")


class _JsonReader:
    """The text as far as it has been read and not yet been passed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._text = ""
        self._at = 0
        self._ended = False
        # How much of the text is no longer kept.
        self._passed = 0
        # The line breaks of the file before `_counted`, and where in the file the line there begins.
        self._counted = 0
        self._lines = 0
        self._line_start = 0
        self._decoder = json.JSONDecoder(
            parse_float=Number, parse_int=Number, parse_constant=_no_number
        )

    def passed(self) -> int:
        """How many characters of the file stand before this place."""
        return self._passed + self._at

    def line(self) -> int:
        """The line at this place, from 1."""
        self._count()
        if self._at > _CHUNK:
            self._text = self._text[self._at :]
            self._passed += self._at
            self._at = self._counted = 0
        return self._lines + 1

    def next_character(self) -> str:
        """The next character that is no space; none at the end of the file."""
        while True:
            while self._at < len(self._text):
                character = self._text[self._at]
                if character not in _SPACE:
                    return character
                self._at += 1
            if not self._more(_CHUNK):
                return ""

    def expect(self, character: str) -> None:
        """Raises FileError unless this character comes next."""
        if self.next_character() != character:
            self.refuse("Expecting {character}", character=character)

    def take(self, character: str) -> None:
        """Pass this character, which must come next."""
        self.expect(character)
        self._at += 1

    def value(self) -> Any:
        """The value that comes next, of no more than MAX_RECORD_CHARACTERS."""
        self.next_character()
        begin = self.line()
        wanted = _CHUNK
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                self._broken(error, begin, wanted)
            except _NoNumber as error:
                self._raise(
                    begin, None, "This is no JSON: {reason}", reason=f"{error} is no number"
                )
            except RecursionError:
                self._raise(begin, None, "Nested too deep")
            else:
                # A number may go on in what is still to be read.
                if end < len(self._text) or not self._more(_CHUNK):
                    self._at = end
                    return value
            wanted *= 2

    def refuse(self, template: str, **params: object) -> Never:
        """Raises FileError at this place."""
        line, character = self._place(self._at)
        self._raise(line, character, template, **params)

    def refuse_length(self, line: int) -> Never:
        """Raises FileError for a record without end."""
        self._raise(
            line, None, "A record of more than {limit} characters", limit=MAX_RECORD_CHARACTERS
        )

    def _broken(self, error: json.JSONDecodeError, begin: int, wanted: int) -> None:
        """Read on where the value may only be cut off, else raise FileError."""
        cut_off = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _CUT_OFF
        if cut_off and len(self._text) - self._at > MAX_RECORD_CHARACTERS:
            self.refuse_length(begin)
        if cut_off and self._more(wanted):
            return
        line, character = self._place(error.pos)
        self._raise(line, character, "This is no JSON: {reason}", reason=error.msg)

    def _raise(self, line: int, character: int | None, template: str, /, **params: object) -> Never:
        raise FileError([file_problem(line, character, template, **params)])

    def _more(self, size: int) -> bool:
        """Read on by so many bytes; False at the end of the file."""
        if self._ended:
            return False
        content = self._file.read(size)
        try:
            text = self._decode(content, not content)
        except UnicodeDecodeError as error:
            line, _ = self._place(len(self._text))
            line += error.object.count(b"\n", 0, error.start)
            raise FileError([file_problem(line, None, "Not UTF-8: save as UTF-8")]) from error
        self._text += text
        self._ended = not content
        return not self._ended

    def _place(self, at: int) -> tuple[int, int]:
        """Line and character in the line of an offset in the text."""
        self._count()
        lines = self._text.count("\n", self._counted, at)
        start = self._line_start - self._passed
        if lines:
            start = self._text.rfind("\n", self._counted, at) + 1
        return self._lines + lines + 1, at - start + 1

    def _count(self) -> None:
        """Count the line breaks up to this place."""
        lines = self._text.count("\n", self._counted, self._at)
        if lines:
            self._lines += lines
            start = self._text.rfind("\n", self._counted, self._at) + 1
            self._line_start = self._passed + start
        self._counted = self._at


class _NoNumber(ValueError):
    """`NaN` and its like, which Python's decoder would take."""


def _no_number(text: str) -> Never:
    raise _NoNumber(text)
