"""The text of a GIFT file: where something stands, what is escaped, and how a piece of it is written.

Escaped characters and comments are masked in a copy of the same length, in which control characters can be looked for.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from services.chassis.fields import Line, Prose, Tag
from services.chassis.validation import field_error
from services.onboarding.domain.question import TextFormat

# What the API takes, a file may hold.
LINE: TypeAdapter[str] = TypeAdapter(Line)
PROSE: TypeAdapter[str] = TypeAdapter(Prose)
TAG: TypeAdapter[str] = TypeAdapter(Tag)

_ESCAPED = re.compile(r"\\[\\~=#{}:n]")
COMMENT = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
_MASK, REMOVED = "\x01", "\x02"
_BREAK = re.compile(r"[\n\t]")
_FORMAT = re.compile(r"\[(html|moodle|plain|markdown)\]", re.IGNORECASE)

Formatted = dict[str, str]


class Broken(Exception):
    """A question is not as it should be, at an offset of the file."""

    def __init__(self, at: int, template: str, /, **params: object) -> None:
        self.at, self.template, self.params = at, template, params
        super().__init__(template)


def fitting(kind: TypeAdapter[str], text: str, at: int) -> str:
    """The text as a field of the API takes it; raises `Broken` for what that would refuse."""
    try:
        return kind.validate_python(text)
    except ValidationError as error:
        wrong = field_error(error.errors()[0], "", "file")
        raise Broken(at, wrong.template, **wrong.params) from error


def fitting_lines(text: str, at: int) -> str:
    """The text as it is, if it would fit a line of the API without its line breaks, which Moodle has in answers."""
    fitting(LINE, _BREAK.sub(" ", text), at)
    return text


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the file, by offsets."""

    start: int
    end: int


class GiftText:
    """The text, and the same with its escaped characters and comments masked."""

    def __init__(self, text: str) -> None:
        self.text = COMMENT.sub(lambda found: REMOVED * len(found.group()), text)
        self.mask = _ESCAPED.sub(_MASK * 2, self.text)
        self.raw = text
        self.line_starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def place(self, at: int) -> tuple[int, int]:
        """The line and the column of an offset, counted from 1."""
        line = bisect_right(self.line_starts, at)
        return line, at - self.line_starts[line - 1] + 1

    def skipped(self, span: Span) -> int:
        """Where something stands that is neither empty nor a comment."""
        at = span.start
        while at < span.end and (self.text[at].isspace() or self.text[at] == REMOVED):
            at += 1
        return at

    def format(self, span: Span, usual: TextFormat) -> tuple[TextFormat, Span, bool]:
        """The format that is named at the beginning, or the usual one; what stands after it, and whether one is named."""
        start = self.skipped(span)
        named = _FORMAT.match(self.mask, start, span.end)
        if named is None:
            return usual, span, False
        return TextFormat(named.group(1).lower()), Span(named.end(), span.end), True

    def formatted(self, span: Span, usual: TextFormat) -> Formatted | None:
        """A text with its format; None where there is none."""
        format, span, _ = self.format(span, usual)
        text = self.render(span, format)
        return {"format": format, "text": fitting(PROSE, text, span.start)} if text else None

    def render(self, span: Span, format: TextFormat) -> str:
        """The text of a span as it is meant."""
        text = self.text[span.start : span.end].replace(REMOVED, "").strip()
        if format is TextFormat.moodle:
            text = " ".join(text.split())
        return _ESCAPED.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    character = found.group()[1]
    return "\n" if character == "n" else character
