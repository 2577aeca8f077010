"""Examples put together from a schema."""

from typing import Any

import pytest

from services.chassis.examples import NoExample, example_of

ID = "019a2b3c-4d5e-7f60-8123-456789abcdef"


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "string", "examples": ["Åse"]}, "Åse"),
        ({"type": "string", "example": "Åse"}, "Åse"),
        ({"const": 7}, 7),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "integer", "default": 50}, 50),
        ({"type": "string", "format": "uuid"}, ID),
        (
            {"type": "string", "contentMediaType": "text/csv"},
            "name,email\nÅse Bjørnstad,ase@nordlys.example\n",
        ),
        ({"type": "string", "pattern": "^[A-Z]{3}$"}, "NOK"),
        ({"type": "string", "maxLength": 2}, "nb"),
        ({"type": "integer", "minimum": 7}, 7),
        ({"type": "number", "exclusiveMinimum": 7}, 8),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}, 0.5),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"type": "array", "items": {}}, []),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
        ({"oneOf": [{}, {"type": "null"}]}, None),
        ({"$ref": "#/components/schemas/Kind"}, "first"),
        (
            {
                "type": "object",
                "required": ["a"],
                "properties": {
                    "a": {"type": "boolean"},
                    "b": {"type": "boolean"},
                    "c": {"examples": [1]},
                },
            },
            {"a": True, "c": 1},
        ),
    ],
)
def test_a_schema_has_an_example(schema: dict[str, Any], example: Any) -> None:
    assert example_of(schema, {"Kind": {"enum": ["first", "second"]}}) == example


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string", "format": "ipv6"},
        {"type": "string", "pattern": "^§$"},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "array", "items": {}, "minItems": 1},
        {"anyOf": [{}, {}]},
        {"$ref": "#/components/schemas/Round"},
    ],
)
def test_a_schema_that_says_too_little_has_none(schema: dict[str, Any]) -> None:
    schemas = {"Round": {"$ref": "#/components/schemas/Round"}}
    with pytest.raises(NoExample):
        example_of(schema, schemas)
