"""Drawing questions for an attempt, and what of them is shown before it is handed in.

What is drawn is a copy with everything that is right, kept with the attempt: who edits the bank later changes no result.
Which questions, in which order, and the order of their answers hang on the seed alone.
"""

import random
from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any

from services.onboarding.domain.question import ASKS_NOTHING, Content, Question, QuestionKind

Drawn = dict[str, Any]


def draw(questions: Sequence[Question], seed: int, number: int | None) -> list[Drawn]:
    """`number` of the questions that ask something, or all of them, with keys from 1."""
    # The seed decides nothing that anybody gains from guessing: it is drawn from the system's source.
    dice = random.Random(seed)  # nosec B311
    asking = sorted((q for q in questions if q.kind not in ASKS_NOTHING), key=lambda q: str(q.id))
    chosen = dice.sample(asking, len(asking) if number is None else min(number, len(asking)))
    return [
        {
            "key": str(place),
            "question_id": str(question.id),
            "kind": question.kind.value,
            "text": question.text,
            "content": _shuffled(question.kind, question.content, dice),
            "general_feedback": question.general_feedback,
        }
        for place, question in enumerate(chosen, 1)
    ]


def _shuffled(kind: QuestionKind, content: Content, dice: random.Random) -> dict[str, Any]:
    match kind:
        case QuestionKind.multiple_choice:
            choices = dice.sample(content["choices"], len(content["choices"]))
            return {
                "single": content["single"],
                "choices": [
                    {"key": letter_of(place), **choice} for place, choice in enumerate(choices)
                ],
            }
        case QuestionKind.matching:
            answers = [pair["answer"] for pair in content["pairs"]] + content["more_answers"]
            options = sorted(set(answers))
            dice.shuffle(options)
            keys = {text: letter_of(place) for place, text in enumerate(options)}
            pairs = dice.sample(content["pairs"], len(content["pairs"]))
            return {
                "statements": [
                    {"key": str(place), "text": pair["text"], "answer": keys[pair["answer"]]}
                    for place, pair in enumerate(pairs, 1)
                ],
                "options": [{"key": key, "text": text} for text, key in keys.items()],
            }
        case _:
            return dict(content)


def letter_of(place: int) -> str:
    """a, b, … z, aa, ab …"""
    more, letter = divmod(place, len(ascii_lowercase))
    return (letter_of(more - 1) if more else "") + ascii_lowercase[letter]


def shown(drawn: Drawn) -> dict[str, Any]:
    """A question as it is put to the learner: field by field, so that nothing right slips through."""
    content = drawn["content"]
    return {
        "key": drawn["key"],
        "kind": drawn["kind"],
        "text": drawn["text"],
        "single": content.get("single"),
        "choices": _parts(content, "choices"),
        "statements": _parts(content, "statements"),
        "options": _parts(content, "options"),
    }


def _parts(content: Content, name: str) -> list[dict[str, Any]] | None:
    if name not in content:
        return None
    return [{"key": part["key"], "text": part["text"]} for part in content[name]]
