"""Moodle's GIFT: questions in a text file, as https://docs.moodle.org/en/GIFT_format documents them.

Questions are parted by empty lines. What is read keeps its place in the file, so that every problem has its line and column.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from services.chassis.errors import FieldError
from services.chassis.file_problem import FileError, file_problem
from services.onboarding.domain.gift_answers import AnswerReader
from services.onboarding.domain.gift_text import (
    COMMENT,
    LINE,
    PROSE,
    REMOVED,
    TAG,
    Broken,
    Formatted,
    GiftText,
    Span,
    fitting,
)
from services.onboarding.domain.question import (
    MOST_TAGS,
    QuestionKind,
    TextFormat,
    check_content,
)

MAX_QUESTIONS = 5_000
GAP = "_____"
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CATEGORY = re.compile(r"\s*\$CATEGORY:(.*)", re.IGNORECASE)
_ID = re.compile(r"\[id:((?:\\\]|[^\]])+)\]")
_TAG = re.compile(r"\[tag:((?:\\\]|[^\]])+)\]")
_OTHER_FORMATS = {
    "PK\x03\x04": "ZIP",
    "%PDF": "PDF",
    "<?xml": "XML",
    "<!doctype": "HTML",
    "<html": "HTML",
}


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
    return _Reader(_decoded(content)).read()


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


class _Reader:
    """Reads the questions of a text."""

    def __init__(self, text: str) -> None:
        self._text = GiftText(text)
        self._answers = AnswerReader(self._text)

    def read(self) -> GiftFile:
        """All of it."""
        file = GiftFile()
        category: str | None = None
        unfit: Broken | None = None
        recognized = False
        for block in self._blocks():
            named = _CATEGORY.match(self._text.text, block.start, block.end)
            if named is not None:
                recognized, unfit = True, None
                try:
                    category = fitting(LINE, named.group(1), named.start(1))
                    file.categories.append(category)
                except Broken as broken:
                    unfit = broken
                continue
            if not self._text.render(block, TextFormat.plain):
                continue
            if len(file.entries) == MAX_QUESTIONS:
                line, column = self._text.place(block.start)
                raise FileError(
                    [file_problem(line, column, "More than {limit} questions", limit=MAX_QUESTIONS)]
                )
            try:
                if unfit is not None:
                    raise unfit
                entry, marked = self._question(block, category)
            except Broken as broken:
                line, column = self._text.place(broken.at)
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

    def _blocks(self) -> Iterator[Span]:
        """What stands between empty lines; the line of a category stands alone."""
        start: int | None = None
        at = 0
        for line in re.findall(r"[^\n]*\n|[^\n]+", self._text.text):
            is_category = _CATEGORY.match(line) is not None
            if start is not None and (is_category or not line.strip()):
                yield Span(start, at)
                start = None
            if is_category:
                yield Span(at, at + len(line.rstrip("\n")))
            elif start is None and line.strip():
                start = at
            at += len(line)
        if start is not None:
            yield Span(start, at)

    def _first_line(self, block: Span) -> int:
        at = block.start
        while self._text.text[at] in REMOVED + " \t\n":
            at += 1
        return self._text.place(at)[0]

    def _question(self, block: Span, category: str | None) -> tuple[GiftQuestion, bool]:
        """The question of a block, and whether anything marks it as one."""
        title, rest = self._title(block)
        format, rest, formatted = self._text.format(rest, TextFormat.moodle)
        braces = self._braces(rest)
        if braces is None:
            kind, content, feedback = QuestionKind.description, dict[str, Any](), None
            text = self._text.render(rest, format)
        else:
            before = self._text.render(Span(rest.start, braces.start - 1), format)
            after = self._text.render(Span(braces.end + 1, rest.end), format)
            text = " ".join(filter(None, (before, GAP if after else "", after)))
            answers, feedback = self._general_feedback(braces, format)
            kind, content = self._answers.read(answers, format)
        if not text:
            raise Broken(rest.start, "There is no question before the answers")
        text = fitting(PROSE, text, rest.start)
        wrong = check_content(kind, content)
        if wrong:
            at = rest.start if braces is None else braces.start
            raise Broken(at, wrong[0].template, **wrong[0].params)
        ids = [fitting(LINE, id, at) for at, id in self._in_comments(_ID, block)]
        question = GiftQuestion(
            line=self._first_line(block),
            kind=kind,
            title=title,
            text={"format": format, "text": text},
            content=content,
            general_feedback=feedback,
            category=category,
            external_id=ids[0] if ids else None,
            tags=self._tags(block),
        )
        return question, braces is not None or title is not None or formatted

    def _tags(self, block: Span) -> list[str]:
        """The tags as the API writes them, which knows none with spaces."""
        tags: list[str] = []
        for at, written in self._in_comments(_TAG, block):
            tag = fitting(TAG, "-".join(written.split()), at)
            if tag in tags:
                continue
            if len(tags) == MOST_TAGS:
                raise Broken(at, "More than {limit} tags", limit=MOST_TAGS)
            tags.append(tag)
        return tags

    def _in_comments(self, pattern: re.Pattern[str], block: Span) -> Iterator[tuple[int, str]]:
        """What comments say in brackets, and where each comment begins."""
        for comment in COMMENT.finditer(self._text.raw, block.start, block.end):
            for value in pattern.findall(comment.group()):
                said = value.replace("\\]", "]").strip()
                if said:
                    yield comment.start(), said

    def _title(self, block: Span) -> tuple[str | None, Span]:
        start = self._text.skipped(block)
        if not self._text.mask.startswith("::", start, block.end):
            return None, Span(start, block.end)
        close = self._text.mask.find("::", start + 2, block.end)
        if close < 0:
            raise Broken(start, "The title is not closed: write it between :: and ::")
        title = self._text.render(Span(start + 2, close), TextFormat.moodle)
        return fitting(LINE, title, start) or None, Span(close + 2, block.end)

    def _braces(self, span: Span) -> Span | None:
        """What stands in the braces; None where there are none."""
        opened: int | None = None
        inside: Span | None = None
        for found in re.finditer(r"[{}]", self._text.mask[span.start : span.end]):
            at = span.start + found.start()
            if found.group() == "{":
                if opened is not None:
                    raise Broken(at, "A brace in braces: in a text, write \\{{")
                if inside is not None:
                    raise Broken(
                        at,
                        "More braces: leave an empty line between questions; in a text, write \\{{",
                    )
                opened = at
            elif opened is None:
                raise Broken(
                    at, "Nothing was opened that this brace could close: in a text, write \\}}"
                )
            else:
                inside, opened = Span(opened + 1, at), None
        if opened is not None:
            raise Broken(opened, "This brace is not closed before the next empty line")
        return inside

    def _general_feedback(self, inside: Span, format: TextFormat) -> tuple[Span, Formatted | None]:
        at = self._text.mask.find("####", inside.start, inside.end)
        if at < 0:
            return inside, None
        return Span(inside.start, at), self._text.formatted(Span(at + 4, inside.end), format)
