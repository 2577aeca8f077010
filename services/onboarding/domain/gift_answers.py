"""The answers of a GIFT question: what stands between its braces, by kind."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from services.onboarding.domain.gift_text import Broken, Formatted, GiftText, Span, fitting_lines
from services.onboarding.domain.number_text import number_in
from services.onboarding.domain.question import MOST_ANSWERS, QuestionKind, TextFormat

_WEIGHT = re.compile(r"%(-?\d+(?:\.\d*)?)%")
# What begins as a weight does, and is none; %PATH% may well be an answer.
_NO_WEIGHT = re.compile(r"%([-+]?[.,]?\d[^%\s]{0,40})%")
_TRUE_FALSE = re.compile(r"\s*(TRUE|FALSE|T|F)\s*(?=#|\Z)", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"<[^<>]*\w(=)[\"']")


@dataclass(frozen=True, slots=True)
class _Answer:
    """`=` or `~`, what stands after it, and the feedback."""

    at: int
    right: bool
    weight: float
    span: Span
    feedback: Formatted | None


class AnswerReader:
    """Reads the answers of a text."""

    def __init__(self, text: GiftText) -> None:
        self._text = text

    def read(self, span: Span, format: TextFormat) -> tuple[QuestionKind, dict[str, Any]]:
        """The kind of the question, and what is right."""
        start = self._text.skipped(span)
        if start == span.end:
            return QuestionKind.essay, {}
        masked = self._text.mask[start : span.end]
        if masked.startswith("#"):
            return QuestionKind.numerical, self._numerical(Span(start + 1, span.end), format)
        if _TRUE_FALSE.match(masked):
            return QuestionKind.true_false, self._true_false(Span(start, span.end), format)
        if masked[0] not in "=~":
            raise Broken(
                start, "Answers begin with = where they are right and ~ where they are wrong"
            )
        attribute = _ATTRIBUTE.search(masked)
        if attribute is not None:
            raise Broken(start + attribute.start(1), "In a tag of HTML, write \\=")
        if "~" in masked:
            return QuestionKind.multiple_choice, self._choices(Span(start, span.end), format)
        if "->" in masked:
            return QuestionKind.matching, self._matching(Span(start, span.end), format)
        return QuestionKind.short_answer, self._short_answers(Span(start, span.end), format)

    def _split(self, span: Span, markers: str) -> Iterator[tuple[int, Span]]:
        """Each marker with what stands between it and the next, one by one: there may be a million too many."""
        marker = re.compile(f"[{re.escape(markers)}]")
        found = marker.search(self._text.mask, span.start, span.end)
        while found is not None:
            following = marker.search(self._text.mask, found.end(), span.end)
            yield found.start(), Span(found.end(), following.start() if following else span.end)
            found = following

    def _each(self, span: Span, format: TextFormat) -> Iterator[_Answer]:
        for number, (at, part) in enumerate(self._split(span, "=~")):
            _require_room(number, at)
            right = self._text.mask[at] == "="
            weight, part = self._weight(part, 100.0 if right else 0.0)
            answer, feedback = self._with_feedback(part, format)
            yield _Answer(at, right, weight, answer, feedback)

    def _weight(self, span: Span, usual: float) -> tuple[float, Span]:
        start = self._text.skipped(span)
        given = _WEIGHT.match(self._text.mask, start, span.end)
        if given is None:
            wrong = _NO_WEIGHT.match(self._text.mask, start, span.end)
            if wrong is not None:
                raise Broken(
                    start,
                    "{text} is no weight: write a number between -100 and 100, such as %33.3%",
                    text=wrong.group(),
                )
            return usual, span
        weight = float(given.group(1))
        if not -100 <= weight <= 100:
            raise Broken(start, "A weight lies between -100 and 100")
        return weight, Span(given.end(), span.end)

    def _with_feedback(self, span: Span, format: TextFormat) -> tuple[Span, Formatted | None]:
        at = self._text.mask.find("#", span.start, span.end)
        if at < 0:
            return span, None
        return Span(span.start, at), self._text.formatted(Span(at + 1, span.end), format)

    def _choices(self, span: Span, format: TextFormat) -> dict[str, Any]:
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

    def _short_answers(self, span: Span, format: TextFormat) -> dict[str, Any]:
        return {
            "answers": [
                {
                    "text": fitting_lines(self._required(answer, format)["text"], answer.at),
                    "weight": answer.weight,
                    "feedback": answer.feedback,
                }
                for answer in self._each(span, format)
            ]
        }

    def _required(self, answer: _Answer, format: TextFormat) -> Formatted:
        formatted = self._text.formatted(answer.span, format)
        if formatted is None:
            raise Broken(answer.at, "An answer without text")
        return formatted

    def _matching(self, span: Span, format: TextFormat) -> dict[str, Any]:
        pairs: list[dict[str, Any]] = []
        more: list[str] = []
        for at, part in self._split(span, "="):
            arrow = self._text.mask.find("->", part.start, part.end)
            if arrow < 0:
                raise Broken(at, "A pair is written = statement -> answer")
            answer = self._text.render(Span(arrow + 2, part.end), TextFormat.moodle)
            if not answer:
                raise Broken(arrow, "After -> stands no answer")
            answer = fitting_lines(answer, arrow)
            statement = self._text.formatted(Span(part.start, arrow), format)
            _require_room(len(more if statement is None else pairs), at)
            if statement is None:
                more.append(answer)
            else:
                pairs.append({"text": statement, "answer": answer})
        return {"pairs": pairs, "more_answers": more}

    def _true_false(self, span: Span, format: TextFormat) -> dict[str, Any]:
        said = _TRUE_FALSE.match(self._text.mask[span.start : span.end])
        assert said is not None
        parts = list(islice(self._split(Span(span.start + said.end(), span.end), "#"), 3))
        if len(parts) > 2:
            raise Broken(span.start, "True or false has two feedbacks at most")
        feedback = [self._text.formatted(part, format) for _, part in parts]
        for_true, for_false = [*feedback, None, None][:2]
        return {
            "answer": said.group(1).upper().startswith("T"),
            "feedback_true": for_true,
            "feedback_false": for_false,
        }

    def _numerical(self, span: Span, format: TextFormat) -> dict[str, Any]:
        other: Formatted | None = None
        wrong = self._text.mask.find("~", span.start, span.end)
        if wrong >= 0:
            _, other = self._with_feedback(Span(wrong + 1, span.end), format)
            span = Span(span.start, wrong)
        start = self._text.skipped(span)
        if start == span.end:
            raise Broken(span.start, "After # stands no number")
        parts: Iterable[tuple[int, Span]] = (
            self._split(span, "=")
            if self._text.mask[start] == "="
            else [(start, Span(start, span.end))]
        )
        answers: list[dict[str, Any]] = []
        for number, (at, part) in enumerate(parts):
            _require_room(number, at)
            weight, value = self._weight(part, 100.0)
            value, feedback = self._with_feedback(value, format)
            if self._text.render(value, TextFormat.moodle) == "*":
                other = feedback or other
                continue
            low, high = self._range(value)
            answers.append({"low": low, "high": high, "weight": weight, "feedback": feedback})
        return {"answers": answers, "other_feedback": other}

    def _range(self, span: Span) -> tuple[str, str]:
        written = self._text.render(span, TextFormat.moodle)
        first, dots, last = written.partition("..")
        middle, colon, margin = written.partition(":")
        numbers = [number_in(part) for part in ((first, last) if dots else (middle, margin or "0"))]
        at = self._text.skipped(span)
        if numbers[0] is None or numbers[1] is None or (colon and not margin.strip()):
            raise Broken(
                at, "{text} is no number: write 5, a range 4..6, or a margin 5:1", text=written[:40]
            )
        if dots:
            return f"{numbers[0]:f}", f"{numbers[1]:f}"
        if numbers[1] < 0:
            raise Broken(at, "A margin is not less than 0")
        return f"{numbers[0] - numbers[1]:f}", f"{numbers[0] + numbers[1]:f}"


def _require_room(before: int, at: int) -> None:
    """Refuse another answer after so many."""
    if before == MOST_ANSWERS:
        raise Broken(at, "More than {limit} answers", limit=MOST_ANSWERS)
