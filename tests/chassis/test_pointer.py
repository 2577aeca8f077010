"""Where in a body something is wrong: through what was sent, whichever form of it was held against."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.chassis.web.pointer import path_in, pointer_of


class Kind(StrEnum):
    day = "day"
    span = "span"


class Moment(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal[Kind.day]
    on: int


class Span(BaseModel):
    kind: Literal[Kind.span]
    starts: int = Field(alias="from")
    parts: "list[When]" = Field(default_factory=list)


When = Annotated[Moment | Span, Field(discriminator="kind")]


class Plan(BaseModel):
    when: When | None = None
    others: list[When] = Field(default_factory=list)
    named: dict[str, When] = Field(default_factory=dict)
    either: int | list[bool] = 0


Span.model_rebuild()


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        ({"when": {"kind": "day"}}, ["/when/on"]),
        ({"when": {"kind": "day", "on": 1, "day": 1}}, ["/when/day"]),
        ({"when": {"kind": "x"}}, ["/when"]),
        ({"others": [{"kind": "day", "on": 1}, {"kind": "span"}]}, ["/others/1/from"]),
        ({"named": {"a/day": {"kind": "day"}}}, ["/named/a~1day/on"]),
        ({"others": [{"kind": "span", "from": 1, "parts": [{"kind": "day"}]}]},
         ["/others/0/parts/0/on"]),
        ({"either": [3]}, ["/either", "/either/0"]),
    ],
)  # fmt: skip
def test_the_member_of_a_union_is_no_part_of_what_was_sent(
    sent: dict[str, Any], pointers: list[str]
) -> None:
    adapter = TypeAdapter(Plan)
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(sent)
    assert [pointer_of(path_in(adapter, e["loc"])) for e in caught.value.errors()] == pointers


def test_a_body_that_is_one_of_several_forms_is_pointed_into_from_its_root() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(When)
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python({"kind": "span"})
    assert [pointer_of(path_in(adapter, e["loc"])) for e in caught.value.errors()] == ["/from"]
