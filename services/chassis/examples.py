"""An example for a JSON schema, put together from the examples of its fields, so that the document shows one everywhere."""

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_FORMATS = {
    "uuid": "019a2b3c-4d5e-7f60-8123-456789abcdef",
    "date": "2026-11-22",
    "date-time": "2026-11-22T09:00:00Z",
    "email": "ase@nordlys.example",
    "uri": "https://nordlys.example/",
    "uri-reference": "/problems/invalid",
    "binary": "name,email\nÅse Bjørnstad,ase@nordlys.example\n",
}
# For a string with a pattern and no example: the first that fits.
_TEXTS = (
    "Nordlys",
    "nordlys",
    "nb",
    "NOK",
    "https://nordlys.example/",
    "1250.00",
    "2026-11-22",
    "3",
)
_DEEPEST = 12


class NoExample(Exception):
    """The schema says too little, or goes round in a circle."""


def example_of(schema: Schema, schemas: Mapping[str, Schema], depth: int = 0) -> Any:
    """A value that fits `schema`; raises `NoExample` where none can be put together. `schemas` resolves `$ref`."""
    if depth > _DEEPEST:
        raise NoExample
    if "examples" in schema:
        return schema["examples"][0]
    for key in ("example", "const"):
        if key in schema:
            return schema[key]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth + 1)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _of_one(schema[key], schemas, depth)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("default") is not None:
        return schema["default"]
    return _of_type(schema, schemas, depth)


def _of_one(options: list[Schema], schemas: Mapping[str, Schema], depth: int) -> Any:
    for option in sorted(options, key=lambda option: option.get("type") == "null"):
        try:
            return example_of(option, schemas, depth + 1)
        except NoExample:
            continue
    raise NoExample


def _of_type(schema: Schema, schemas: Mapping[str, Schema], depth: int) -> Any:
    match schema.get("type"):
        case "object":
            return _object(schema, schemas, depth)
        case "array":
            return _array(schema, schemas, depth)
        case "string":
            return _string(schema)
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            raise NoExample


def _object(schema: Schema, schemas: Mapping[str, Schema], depth: int) -> dict[str, Any]:
    """All that is required, and of the rest what has an example of its own."""
    required = schema.get("required", ())
    value = {}
    for name, inner in schema.get("properties", {}).items():
        if name in required or "examples" in inner:
            value[name] = example_of(inner, schemas, depth + 1)
    return value


def _array(schema: Schema, schemas: Mapping[str, Schema], depth: int) -> list[Any]:
    try:
        return [example_of(schema.get("items", {}), schemas, depth + 1)]
    except NoExample:
        if schema.get("minItems", 0) > 0:
            raise
        return []


def _string(schema: Schema) -> str:
    if "format" in schema or schema.get("contentMediaType"):
        known = _FORMATS.get(schema.get("format", "binary"))
        if known is None:
            raise NoExample
        return known
    pattern = re.compile(schema.get("pattern", ""))
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", 1_000_000)
    for text in _TEXTS:
        if shortest <= len(text) <= longest and pattern.search(text):
            return text
    raise NoExample


def _number(schema: Schema) -> int | float:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    for number in (3, 1, least, least + 1, least + 0.5):
        if (
            schema.get("minimum", number) <= number <= schema.get("maximum", number)
            and schema.get("exclusiveMinimum", number - 1) < number
            and number < schema.get("exclusiveMaximum", number + 1)
        ):
            return number
    raise NoExample
