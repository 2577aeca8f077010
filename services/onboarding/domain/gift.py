"""Moodle's GIFT: questions in a text file, as https://docs.moodle.org/en/GIFT_format documents them.

Questions are parted by empty lines. What is read keeps its place in the file, so that every problem has its line and column.
Escaped characters and comments are masked in a copy of the same length, in which control characters can be looked for.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from services.chassis.errors import FieldError
from services.chassis.file_problem import FileError, file_problem
from services.onboarding.domain.number_text import number_in
from services.onboarding.domain.question import QuestionKind, TextFormat, check_content

MAX_QUESTIONS = 5_000
LONGEST_TEXT = 20_000
LONGEST_LINE = 500
GAP = "_____"
_ESCAPED = re.compile(r"\\[\\~=#{}:n]")
_COMMENT = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
_MASK, _REMOVED = "\x01", "\x02"
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_FORMAT = re.compile(r"\[(html|moodle|plain|markdown)\]", re.IGNORECASE)
_WEIGHT = re.compile(r"%(-?\d+(?:\.\d*)?)%")
_TRUE_FALSE = re.compile(r"\s*(TRUE|FALSE|T|F)\s*(?=#|\Z)", re.IGNORECASE)
_CATEGORY = re.compile(r"\s*\$CATEGORY:(.*)", re.IGNORECASE)
_ID = re.compile(r"\[id:((?:\\\]|[^\]])+)\]")
_TAG = re.compile(r"\[tag:((?:\\\]|[^\]])+)\]")
_ATTRIBUTE = re.compile(r"<[^<>]*\w(=)[\"']")
_OTHER_FORMATS = {
    "PK\x03\x04": "ZIP",
    "%PDF": "PDF",
    "<?xml": "XML",
    "<!doctype": "HTML",
    "<html": "HTML",
}

Formatted = dict[str, str]


@dataclass(slots=True)
class GiftQuestion:
    """A question of the file; `line` is the one on which it begins."""

    line: int
    kind: QuestionKind
    title: str | None
    text: Formatted
    content: dict[str, Any]
    general_feedback: Formatted | None
    category: str | None
    external_id: str | None
    tags: list[str]


@dataclass(slots=True)
class BrokenQuestion:
    """What could not be read as a question, and why."""

    line: int
    problem: FieldError


@dataclass(slots=True)
class GiftFile:
    """What the file holds, in its order."""

    entries: list[GiftQuestion | BrokenQuestion] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)

    @property
    def questions(self) -> list[GiftQuestion]:
        """Those that could be read."""
        return [entry for entry in self.entries if isinstance(entry, GiftQuestion)]

    @property
    def problems(self) -> list[FieldError]:
        """What is wrong with the others."""
        return [entry.problem for entry in self.entries if isinstance(entry, BrokenQuestion)]


def read_gift(content: bytes | str) -> GiftFile:
    """The questions of a GIFT file, and what is wrong with those that are none; raises `FileError` if it is not GIFT."""
    return _Source(_decoded(content)).read()


def _decoded(content: bytes | str) -> str:
    head = content[:100].decode("latin-1") if isinstance(content, bytes) else content[:100]
    other = _other_format(head)
    if other is not None:
        raise FileError([file_problem(1, 1, "This is {format}, not GIFT", format=other)])
    if isinstance(content, bytes):
        utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        try:
            text = content.decode("utf-16" if utf_16 else "utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start]
            raise FileError(
                [
                    file_problem(
                        before.count(b"\n") + 1,
                        len(before) - before.rfind(b"\n"),
                        "This is not UTF-8: save the file as UTF-8",
                    )
                ]
            ) from error
    else:
        text = content.removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    bad = _UNREADABLE.search(text)
    if bad is not None:
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - text.rfind("\n", 0, bad.start())
        raise FileError([file_problem(line, column, "A control character, which no text has")])
    return text


def _other_format(text: str) -> str | None:
    start = text.removeprefix("\ufeff").removeprefix("ï»¿").lstrip().casefold()
    for sign, name in _OTHER_FORMATS.items():
        if start.startswith(sign.casefold()):
            return name
    return None


class _Broken(Exception):
    """A question is not as it should be, at an offset of the file."""

    def __init__(self, at: int, template: str, /, **params: object) -> None:
        self.at, self.template, self.params = at, template, params
        super().__init__(template)


@dataclass(frozen=True, slots=True)
class _Span:
    """A piece of the file, by offsets."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """`=` or `~`, what stands after it, and the feedback."""

    at: int
    right: bool
    weight: float
    span: _Span
    feedback: Formatted | None


class _Source:
    """The text, and the same with its escaped characters and comments masked."""

    def __init__(self, text: str) -> None:
        self.text = _COMMENT.sub(lambda found: _REMOVED * len(found.group()), text)
        self.mask = _ESCAPED.sub(_MASK * 2, self.text)
        self.raw = text
        self.line_starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def read(self) -> GiftFile:
        """All of it."""
        file = GiftFile()
        category: str | None = None
        recognized = False
        for block in self._blocks():
            named = _CATEGORY.match(self.text, block.start, block.end)
            if named is not None:
                category = named.group(1).strip()
                file.categories.append(category)
                recognized = True
                continue
            if not self._render(block, TextFormat.plain):
                continue
            if len(file.entries) == MAX_QUESTIONS:
                line, column = self._place(block.start)
                raise FileError(
                    [file_problem(line, column, "More than {limit} questions", limit=MAX_QUESTIONS)]
                )
            try:
                entry, marked = self._question(block, category)
            except _Broken as broken:
                line, column = self._place(broken.at)
                problem = file_problem(line, column, broken.template, **broken.params)
                file.entries.append(BrokenQuestion(self._first_line(block), problem))
            else:
                file.entries.append(entry)
                recognized = recognized or marked
        if not recognized:
            raise FileError(
                file.problems[:20]
                or [
                    file_problem(
                        1, 1, "This is not GIFT: there is no question with answers in braces"
                    )
                ]
            )
        return file

    def _blocks(self) -> Iterator[_Span]:
        """What stands between empty lines; the line of a category stands alone."""
        start: int | None = None
        at = 0
        for line in re.findall(r"[^\n]*\n|[^\n]+", self.text):
            is_category = _CATEGORY.match(line) is not None
            if start is not None and (is_category or not line.strip()):
                yield _Span(start, at)
                start = None
            if is_category:
                yield _Span(at, at + len(line.rstrip("\n")))
            elif start is None and line.strip():
                start = at
            at += len(line)
        if start is not None:
            yield _Span(start, at)

    def _first_line(self, block: _Span) -> int:
        at = block.start
        while self.text[at] in _REMOVED + " \t\n":
            at += 1
        return self._place(at)[0]

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self.line_starts, at)
        return line, at - self.line_starts[line - 1] + 1

    def _question(self, block: _Span, category: str | None) -> tuple[GiftQuestion, bool]:
        """The question of a block, and whether anything marks it as one."""
        title, rest = self._title(block)
        format, rest, formatted = self._format(rest, TextFormat.moodle)
        braces = self._braces(rest)
        if braces is None:
            kind, content, feedback = QuestionKind.description, dict[str, Any](), None
            text = self._render(rest, format)
        else:
            before = self._render(_Span(rest.start, braces.start - 1), format)
            after = self._render(_Span(braces.end + 1, rest.end), format)
            text = " ".join(filter(None, (before, GAP if after else "", after)))
            answers, feedback = self._general_feedback(braces, format)
            kind, content = self._answers(answers, format)
        if not text:
            raise _Broken(rest.start, "There is no question before the answers")
        if len(text) > LONGEST_TEXT:
            raise _Broken(rest.start, "Longer than {limit} characters", limit=LONGEST_TEXT)
        if title is not None and len(title) > LONGEST_LINE:
            raise _Broken(
                block.start, "A title of more than {limit} characters", limit=LONGEST_LINE
            )
        wrong = check_content(kind, content)
        if wrong:
            at = rest.start if braces is None else braces.start
            raise _Broken(at, wrong[0].template, **wrong[0].params)
        id = self._in_comments(_ID, block)
        question = GiftQuestion(
            line=self._first_line(block),
            kind=kind,
            title=title,
            text={"format": format, "text": text},
            content=content,
            general_feedback=feedback,
            category=category,
            external_id=id[0] if id else None,
            tags=self._in_comments(_TAG, block),
        )
        return question, braces is not None or title is not None or formatted

    def _in_comments(self, pattern: re.Pattern[str], block: _Span) -> list[str]:
        found: list[str] = []
        for comment in _COMMENT.finditer(self.raw, block.start, block.end):
            values = (
                value.replace("\\]", "]").strip() for value in pattern.findall(comment.group())
            )
            for value in values:
                if len(value) > LONGEST_LINE:
                    raise _Broken(
                        comment.start(), "Longer than {limit} characters", limit=LONGEST_LINE
                    )
                if value and value not in found:
                    found.append(value)
        return found

    def _title(self, block: _Span) -> tuple[str | None, _Span]:
        start = self._skipped(block)
        if not self.mask.startswith("::", start, block.end):
            return None, _Span(start, block.end)
        close = self.mask.find("::", start + 2, block.end)
        if close < 0:
            raise _Broken(start, "The title is not closed: write it between :: and ::")
        title = self._render(_Span(start + 2, close), TextFormat.moodle)
        return title or None, _Span(close + 2, block.end)

    def _format(self, span: _Span, usual: TextFormat) -> tuple[TextFormat, _Span, bool]:
        start = self._skipped(span)
        named = _FORMAT.match(self.mask, start, span.end)
        if named is None:
            return usual, span, False
        return TextFormat(named.group(1).lower()), _Span(named.end(), span.end), True

    def _skipped(self, span: _Span) -> int:
        at = span.start
        while at < span.end and (self.text[at].isspace() or self.text[at] == _REMOVED):
            at += 1
        return at

    def _braces(self, span: _Span) -> _Span | None:
        """What stands in the braces; None where there are none."""
        opened: int | None = None
        inside: _Span | None = None
        for found in re.finditer(r"[{}]", self.mask[span.start : span.end]):
            at = span.start + found.start()
            if found.group() == "{":
                if opened is not None:
                    raise _Broken(at, "A brace in braces: in a text, write \\{{")
                if inside is not None:
                    raise _Broken(
                        at,
                        "More braces: leave an empty line between questions; in a text, write \\{{",
                    )
                opened = at
            elif opened is None:
                raise _Broken(
                    at, "Nothing was opened that this brace could close: in a text, write \\}}"
                )
            else:
                inside, opened = _Span(opened + 1, at), None
        if opened is not None:
            raise _Broken(opened, "This brace is not closed before the next empty line")
        return inside

    def _general_feedback(
        self, inside: _Span, format: TextFormat
    ) -> tuple[_Span, Formatted | None]:
        at = self.mask.find("####", inside.start, inside.end)
        if at < 0:
            return inside, None
        return _Span(inside.start, at), self._formatted(_Span(at + 4, inside.end), format)

    def _answers(self, span: _Span, format: TextFormat) -> tuple[QuestionKind, dict[str, Any]]:
        start = self._skipped(span)
        if start == span.end:
            return QuestionKind.essay, {}
        masked = self.mask[start : span.end]
        if masked.startswith("#"):
            return QuestionKind.numerical, self._numerical(_Span(start + 1, span.end), format)
        if _TRUE_FALSE.match(masked):
            return QuestionKind.true_false, self._true_false(_Span(start, span.end), format)
        if masked[0] not in "=~":
            raise _Broken(
                start, "Answers begin with = where they are right and ~ where they are wrong"
            )
        attribute = _ATTRIBUTE.search(masked)
        if attribute is not None:
            raise _Broken(start + attribute.start(1), "In a tag of HTML, write \\=")
        if "~" in masked:
            return QuestionKind.multiple_choice, self._choices(_Span(start, span.end), format)
        if "->" in masked:
            return QuestionKind.matching, self._matching(_Span(start, span.end), format)
        return QuestionKind.short_answer, self._short_answers(_Span(start, span.end), format)

    def _split(self, span: _Span, markers: str) -> Iterator[tuple[int, _Span]]:
        """Each marker with what stands between it and the next."""
        places = [at for at in range(span.start, span.end) if self.mask[at] in markers]
        for at, following in zip(places, [*places, span.end][1:], strict=True):
            yield at, _Span(at + 1, following)

    def _each(self, span: _Span, format: TextFormat) -> Iterator[_Answer]:
        for at, part in self._split(span, "=~"):
            right = self.mask[at] == "="
            weight, part = self._weight(part, 100.0 if right else 0.0)
            answer, feedback = self._with_feedback(part, format)
            yield _Answer(at, right, weight, answer, feedback)

    def _weight(self, span: _Span, usual: float) -> tuple[float, _Span]:
        start = self._skipped(span)
        given = _WEIGHT.match(self.mask, start, span.end)
        if given is None:
            return usual, span
        weight = float(given.group(1))
        if not -100 <= weight <= 100:
            raise _Broken(start, "A weight lies between -100 and 100")
        return weight, _Span(given.end(), span.end)

    def _with_feedback(self, span: _Span, format: TextFormat) -> tuple[_Span, Formatted | None]:
        at = self.mask.find("#", span.start, span.end)
        if at < 0:
            return span, None
        return _Span(span.start, at), self._formatted(_Span(at + 1, span.end), format)

    def _choices(self, span: _Span, format: TextFormat) -> dict[str, Any]:
        answers = list(self._each(span, format))
        choices = [
            {
                "text": self._required(answer, format),
                "weight": answer.weight,
                "feedback": answer.feedback,
            }
            for answer in answers
        ]
        # As Moodle has it: where an answer is right by itself, one is chosen.
        single = any(answer.right and answer.weight == 100 for answer in answers)
        return {"single": single, "choices": choices}

    def _short_answers(self, span: _Span, format: TextFormat) -> dict[str, Any]:
        return {
            "answers": [
                {
                    "text": self._required(answer, format)["text"],
                    "weight": answer.weight,
                    "feedback": answer.feedback,
                }
                for answer in self._each(span, format)
            ]
        }

    def _required(self, answer: _Answer, format: TextFormat) -> Formatted:
        formatted = self._formatted(answer.span, format)
        if formatted is None:
            raise _Broken(answer.at, "An answer without text")
        return formatted

    def _matching(self, span: _Span, format: TextFormat) -> dict[str, Any]:
        pairs: list[dict[str, Any]] = []
        more: list[str] = []
        for at, part in self._split(span, "="):
            arrow = self.mask.find("->", part.start, part.end)
            if arrow < 0:
                raise _Broken(at, "A pair is written = statement -> answer")
            answer = self._render(_Span(arrow + 2, part.end), TextFormat.moodle)
            if not answer:
                raise _Broken(arrow, "After -> stands no answer")
            statement = self._formatted(_Span(part.start, arrow), format)
            if statement is None:
                more.append(answer)
            else:
                pairs.append({"text": statement, "answer": answer})
        return {"pairs": pairs, "more_answers": more}

    def _true_false(self, span: _Span, format: TextFormat) -> dict[str, Any]:
        said = _TRUE_FALSE.match(self.mask[span.start : span.end])
        assert said is not None
        feedback = [
            self._formatted(part, format)
            for _, part in self._split(_Span(span.start + said.end(), span.end), "#")
        ]
        if len(feedback) > 2:
            raise _Broken(span.start, "True or false has two feedbacks at most")
        for_true, for_false = [*feedback, None, None][:2]
        return {
            "answer": said.group(1).upper().startswith("T"),
            "feedback_true": for_true,
            "feedback_false": for_false,
        }

    def _numerical(self, span: _Span, format: TextFormat) -> dict[str, Any]:
        other: Formatted | None = None
        wrong = self.mask.find("~", span.start, span.end)
        if wrong >= 0:
            _, other = self._with_feedback(_Span(wrong + 1, span.end), format)
            span = _Span(span.start, wrong)
        start = self._skipped(span)
        if start == span.end:
            raise _Broken(span.start, "After # stands no number")
        parts = (
            [part for _, part in self._split(span, "=")]
            if self.mask[start] == "="
            else [_Span(start, span.end)]
        )
        answers: list[dict[str, Any]] = []
        for part in parts:
            weight, value = self._weight(part, 100.0)
            value, feedback = self._with_feedback(value, format)
            if self._render(value, TextFormat.moodle) == "*":
                other = feedback or other
                continue
            low, high = self._range(value)
            answers.append({"low": low, "high": high, "weight": weight, "feedback": feedback})
        return {"answers": answers, "other_feedback": other}

    def _range(self, span: _Span) -> tuple[str, str]:
        written = self._render(span, TextFormat.moodle)
        first, dots, last = written.partition("..")
        middle, colon, margin = written.partition(":")
        numbers = [number_in(part) for part in ((first, last) if dots else (middle, margin or "0"))]
        at = self._skipped(span)
        if numbers[0] is None or numbers[1] is None or (colon and not margin.strip()):
            raise _Broken(
                at, "{text} is no number: write 5, a range 4..6, or a margin 5:1", text=written[:40]
            )
        if dots:
            return f"{numbers[0]:f}", f"{numbers[1]:f}"
        if numbers[1] < 0:
            raise _Broken(at, "A margin is not less than 0")
        return f"{numbers[0] - numbers[1]:f}", f"{numbers[0] + numbers[1]:f}"

    def _formatted(self, span: _Span, usual: TextFormat) -> Formatted | None:
        """A text with its format; None where there is none."""
        format, span, _ = self._format(span, usual)
        text = self._render(span, format)
        if len(text) > LONGEST_TEXT:
            raise _Broken(span.start, "Longer than {limit} characters", limit=LONGEST_TEXT)
        return {"format": format, "text": text} if text else None

    def _render(self, span: _Span, format: TextFormat) -> str:
        text = self.text[span.start : span.end].replace(_REMOVED, "").strip()
        if format is TextFormat.moodle:
            text = " ".join(text.split())
        return _ESCAPED.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    character = found.group()[1]
    return "\n" if character == "n" else character
