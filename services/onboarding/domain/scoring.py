"""The form of an answer, what it scores, and what is said to it afterwards. Scores lie between 0 and 1."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from services.chassis.errors import FieldError
from services.onboarding.domain.drawing import Drawn
from services.onboarding.domain.number_text import number_in
from services.onboarding.domain.question import Content, QuestionKind

LONGEST_ANSWER = 10_000
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NONE, _FULL = Decimal(0), Decimal(1)
_STEP = Decimal("0.00001")


def check_answer(drawn: Drawn, answer: Any, pointer: str) -> list[FieldError]:
    """What is wrong with the form of an answer; it tells nothing of what is right."""
    content = drawn["content"]
    match QuestionKind(drawn["kind"]):
        case QuestionKind.multiple_choice:
            return _check_chosen(content, answer, pointer)
        case QuestionKind.matching:
            return _check_matched(content, answer, pointer)
        case QuestionKind.true_false:
            if not isinstance(answer, bool):
                return [FieldError(pointer, "It must be true or false.")]
        case QuestionKind.numerical:
            if _number(answer) is None:
                return [FieldError(pointer, "It must be a number.")]
        case _:
            if not isinstance(answer, str) or _UNSTORABLE.search(answer):
                return [FieldError(pointer, "It must be text.")]
            if len(answer) > LONGEST_ANSWER:
                return [
                    FieldError(
                        pointer,
                        "It must have at most {max_length} characters.",
                        {"max_length": LONGEST_ANSWER},
                    )
                ]
    return []


def _number(answer: Any) -> Decimal | None:
    if isinstance(answer, bool) or not isinstance(answer, int | float | str):
        return None
    return number_in(str(answer))


def _check_chosen(content: Content, answer: Any, pointer: str) -> list[FieldError]:
    if content["single"]:
        if not isinstance(answer, str):
            return [FieldError(pointer, "It must be the key of a choice.")]
        chosen = [answer]
    elif not isinstance(answer, list) or not all(isinstance(one, str) for one in answer):
        return [FieldError(pointer, "It must be a list of keys of choices.")]
    else:
        chosen = answer
    if len(set(chosen)) < len(chosen):
        return [FieldError(pointer, "A choice is named twice.")]
    return _check_known(chosen, content["choices"], pointer)


def _check_matched(content: Content, answer: Any, pointer: str) -> list[FieldError]:
    if not isinstance(answer, dict) or not all(isinstance(one, str) for one in answer.values()):
        return [
            FieldError(pointer, "It must be an object of statements and options by their keys.")
        ]
    return _check_known(answer, content["statements"], pointer) or _check_known(
        answer.values(), content["options"], pointer
    )


def _check_known(
    given: Iterable[str], parts: Sequence[Mapping[str, Any]], pointer: str
) -> list[FieldError]:
    keys = [part["key"] for part in parts]
    if all(one in keys for one in given):
        return []
    return [FieldError(pointer, "It must be one of {expected}.", {"expected": ", ".join(keys)})]


# --- scores ---------------------------------------------------------------------------------------


def score_of(drawn: Drawn, answer: Any) -> Decimal | None:
    """What an answer is worth; None where a person has to read it. No answer is worth nothing."""
    if answer is None:
        return _NONE
    content = drawn["content"]
    match QuestionKind(drawn["kind"]):
        case QuestionKind.essay:
            return None
        case QuestionKind.multiple_choice:
            return _score_of_choice(content, answer)
        case QuestionKind.true_false:
            return _FULL if answer == content["answer"] else _NONE
        case QuestionKind.matching:
            right = sum(answer.get(s["key"]) == s["answer"] for s in content["statements"])
            return Decimal(right) / len(content["statements"])
        case kind:
            hit = _hit(kind, content, answer)
            return _NONE if hit is None else _within(_weight(hit) / 100)


def _score_of_choice(content: Content, answer: Any) -> Decimal:
    chosen = [answer] if content["single"] else answer
    weights = [_weight(choice) for choice in content["choices"] if choice["key"] in chosen]
    if content["single"]:
        return _within(sum(weights, _NONE) / 100)
    # 33.33333 three times is all of it, as the author meant it.
    whole = sum((w for choice in content["choices"] if (w := _weight(choice)) > 0), _NONE)
    return _within(sum(weights, _NONE) / whole)


def _weight(part: Mapping[str, Any]) -> Decimal:
    return Decimal(str(part["weight"]))


def _within(score: Decimal) -> Decimal:
    return min(max(score, _NONE), _FULL)


def _hit(kind: QuestionKind, content: Content, answer: Any) -> Mapping[str, Any] | None:
    """The first of the answers that fits."""
    if kind is QuestionKind.numerical:
        number = _number(answer)
        assert number is not None  # its form was checked when it was saved
        for part in content["answers"]:
            if Decimal(part["low"]) <= number <= Decimal(part["high"]):
                found: Mapping[str, Any] = part
                return found
        return None
    return next((part for part in content["answers"] if _fits(part["text"], answer)), None)


def _fits(pattern: str, answer: str) -> bool:
    """Whether a short answer fits: case and runs of white space do not count, `*` stands for anything."""
    said = " ".join(answer.casefold().split())
    first, *rest = (" ".join(part.split(" ")) for part in pattern.casefold().split("*"))
    if not rest:
        return said == first.strip()
    *middle, last = rest
    if not said.startswith(first.lstrip()) or not said.endswith(last.rstrip()):
        return False
    at, end = len(first.lstrip()), len(said) - len(last.rstrip())
    for part in middle:
        at = said.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return at <= end


def scaled(scores: Sequence[Decimal]) -> Decimal:
    """The mean of the scores, to five decimals."""
    return (sum(scores, _NONE) / len(scores)).quantize(_STEP, ROUND_HALF_UP)


# --- afterwards -----------------------------------------------------------------------------------


def explained(drawn: Drawn, answer: Any) -> dict[str, Any]:
    """What is right, and what is said to the answer. Only for an attempt that was handed in, and may tell it."""
    content = drawn["content"]
    kind = QuestionKind(drawn["kind"])
    right: Any = None
    said: list[Any] = []
    match kind:
        case QuestionKind.multiple_choice:
            chosen = [answer] if content["single"] else answer or []
            right = [choice["key"] for choice in content["choices"] if choice["weight"] > 0]
            said = [choice["feedback"] for choice in content["choices"] if choice["key"] in chosen]
        case QuestionKind.true_false:
            right = content["answer"]
            if answer is not None:
                said = [content["feedback_true" if answer else "feedback_false"]]
        case QuestionKind.matching:
            right = {statement["key"]: statement["answer"] for statement in content["statements"]}
        case QuestionKind.short_answer | QuestionKind.numerical:
            right = [
                {name: part[name] for name in part if name != "feedback"}
                for part in content["answers"]
                if part["weight"] > 0
            ]
            if answer is not None:
                hit = _hit(kind, content, answer)
                said = [content.get("other_feedback") if hit is None else hit["feedback"]]
    return {
        "right": right,
        "feedback": [one for one in said if one is not None],
        "general_feedback": drawn["general_feedback"],
    }


# In place of `explained` while another attempt could use it: feedback often says what would have been right.
UNEXPLAINED: Mapping[str, Any] = {"right": None, "feedback": [], "general_feedback": None}
