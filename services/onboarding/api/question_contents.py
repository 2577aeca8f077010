"""What a question says, by its kind, and what is right."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from services.chassis.errors import Unfit
from services.chassis.fields import Body, Line, Prose, Tag
from services.onboarding.domain.number_text import number_in
from services.onboarding.domain.question import (
    MOST_ANSWERS,
    MOST_TAGS,
    QuestionKind,
    TextFormat,
)


class FormattedOut(BaseModel):
    """A text and how it is written. HTML is as it came: make it harmless before you show it."""

    format: TextFormat
    text: str


def _plain_number(text: str) -> str:
    number = number_in(text)
    if number is None:
        raise Unfit("It must be a number.")
    return f"{number:f}"


class Formatted(Body):
    """A text and how it is written."""

    format: TextFormat = TextFormat.plain
    text: Prose = Field(examples=["Hva spør du kunden om først?"])


Weight = Annotated[
    float,
    Field(
        strict=True,
        ge=-100,
        le=100,
        allow_inf_nan=False,
        description="Per cent; less than 0 takes away.",
    ),
]
Number = Annotated[str, AfterValidator(_plain_number), Field(max_length=40, examples=["25"])]


class Choice(Body):
    """What can be chosen."""

    text: Formatted
    weight: Weight = 0
    feedback: Formatted | None = None


class Choices(Body):
    """One is chosen where `single`, else any number; the weights of all that are chosen are added up."""

    single: bool = Field(True, strict=True)
    choices: list[Choice] = Field(
        max_length=MOST_ANSWERS,
        examples=[
            [
                {"text": {"text": "Om byttelappen"}, "weight": 100},
                {"text": {"text": "Om lommeboken"}},
            ]
        ],
    )


class TrueFalse(Body):
    """Whether the statement is true, and what is said to whoever answers so."""

    answer: bool = Field(strict=True, examples=[True])
    feedback_true: Formatted | None = None
    feedback_false: Formatted | None = None


class ShortAnswer(Body):
    """A text that counts; `*` stands for anything."""

    text: Line = Field(min_length=1, examples=["byttelapp"])
    weight: Weight = 100
    feedback: Formatted | None = None


class ShortAnswers(Body):
    """The first that fits counts; case does not."""

    answers: list[ShortAnswer] = Field(min_length=1, max_length=MOST_ANSWERS)


class NumberRange(Body):
    """The numbers that count, both ends among them."""

    low: Number
    high: Number
    weight: Weight = 100
    feedback: Formatted | None = None


class Numbers(Body):
    """The first range that the number lies in counts."""

    answers: list[NumberRange] = Field(min_length=1, max_length=MOST_ANSWERS)
    other_feedback: Formatted | None = None


class Pair(Body):
    """A statement and the answer that belongs to it."""

    text: Formatted
    answer: Line = Field(min_length=1, examples=["Kassen"])


class Pairs(Body):
    """Each statement is given one of the answers; `more_answers` belong to none."""

    pairs: list[Pair] = Field(
        max_length=MOST_ANSWERS,
        examples=[
            [
                {"text": {"text": "Tar imot betaling"}, "answer": "Kassen"},
                {"text": {"text": "Viser hva kunden har kjøpt"}, "answer": "Kundeglimt"},
            ]
        ],
    )
    more_answers: list[Line] = Field(default_factory=list, max_length=MOST_ANSWERS)


class Nothing(Body):
    """Nothing further."""


_CONTENTS: Mapping[QuestionKind, type[Body]] = {
    QuestionKind.multiple_choice: Choices,
    QuestionKind.true_false: TrueFalse,
    QuestionKind.short_answer: ShortAnswers,
    QuestionKind.numerical: Numbers,
    QuestionKind.matching: Pairs,
    QuestionKind.essay: Nothing,
    QuestionKind.description: Nothing,
}


class _QuestionFields(Body):
    title: Line | None = Field(None, description="For trainers; learners do not see it.")
    general_feedback: Formatted | None = None
    category: Line | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=MOST_TAGS)


class _NewQuestion(_QuestionFields):
    text: Formatted
    external_id: Line | None = Field(None, description="Names it in a file that is imported again.")


class NewMultipleChoice(_NewQuestion):
    kind: Literal[QuestionKind.multiple_choice]
    content: Choices


class NewTrueFalse(_NewQuestion):
    kind: Literal[QuestionKind.true_false]
    content: TrueFalse


class NewShortAnswer(_NewQuestion):
    kind: Literal[QuestionKind.short_answer]
    content: ShortAnswers


class NewNumerical(_NewQuestion):
    kind: Literal[QuestionKind.numerical]
    content: Numbers


class NewMatching(_NewQuestion):
    kind: Literal[QuestionKind.matching]
    content: Pairs


class NewEssay(_NewQuestion):
    kind: Literal[QuestionKind.essay]
    content: Nothing = Field(default_factory=Nothing)


class NewDescription(_NewQuestion):
    kind: Literal[QuestionKind.description]
    content: Nothing = Field(default_factory=Nothing)


NewQuestion = Annotated[
    NewMultipleChoice
    | NewTrueFalse
    | NewShortAnswer
    | NewNumerical
    | NewMatching
    | NewEssay
    | NewDescription,
    Field(discriminator="kind"),
]


class QuestionPatch(_QuestionFields):
    """JSON Merge Patch of a question; `content` is replaced as a whole, and is of the same kind."""

    text: Formatted = Field(default=None)  # type: ignore[assignment]
    content: dict[str, Any] = Field(default_factory=dict, examples=[{"answer": False}])


def content_of(kind: QuestionKind, given: dict[str, Any]) -> dict[str, Any]:
    """Content that is given for a question of this kind; raises what FastAPI raises for a body."""
    try:
        return _CONTENTS[kind].model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        raise RequestValidationError(
            [{**wrong, "loc": ("body", "content", *wrong["loc"])} for wrong in error.errors()]
        ) from error
