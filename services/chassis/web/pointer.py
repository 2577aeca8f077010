"""Where in a body something is wrong, as a JSON Pointer (RFC 6901): only through what the body itself holds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

# Core schemas that only wrap another one, and by what they hold it.
_WRAPPED = ("schema", "lax_schema", "python_schema")
# Nothing of what was sent lies behind these: the rest of a place is told as Pydantic tells it.
_END: Mapping[str, Any] = {"type": "any"}


def pointer_of(path: Sequence[str | int]) -> str:
    """The pointer along these names and indices."""
    return "".join("/" + pointer_part(str(part)) for part in path)


def pointer_part(name: str) -> str:
    """A name as a part of a JSON Pointer (RFC 6901); half a surrogate pair, which JSON lets in, becomes `?`."""
    return name.encode("utf-8", "replace").decode().replace("~", "~0").replace("/", "~1")


def path_in(adapter: TypeAdapter[Any], location: Sequence[str | int]) -> list[str | int]:
    """Pydantic's location of an error without what is not of the input: which member of a union it had chosen."""
    schema: Mapping[str, Any] = adapter.core_schema
    defined: dict[str, Mapping[str, Any]] = {}
    path: list[str | int] = []
    for part in location:
        schema = _bare(schema, defined)
        match schema["type"]:
            case "tagged-union":
                schema = _chosen(schema, part)
            case "union":
                schema = _END
            case kind:
                path.append(part)
                schema = _inside(schema, kind, part)
    return path


def _bare(schema: Mapping[str, Any], defined: dict[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The schema under everything that adds nothing to a location."""
    while True:
        match schema["type"]:
            case "definitions":
                defined |= {one["ref"]: one for one in schema["definitions"]}
                schema = schema["schema"]
            case "definition-ref":
                schema = defined[schema["schema_ref"]]
            case _:
                inner = next((schema[name] for name in _WRAPPED if name in schema), None)
                if inner is None:
                    return schema
                if "ref" in schema:
                    defined[schema["ref"]] = schema
                schema = inner


def _chosen(union: Mapping[str, Any], tag: str | int) -> Mapping[str, Any]:
    """The member of the union with this tag, as Pydantic writes tags: an enumeration's by its value."""
    named: Iterator[Mapping[str, Any]] = (
        choice for name, choice in union["choices"].items() if str(name) == str(tag)
    )
    return next(named, _END)


def _inside(schema: Mapping[str, Any], kind: str, part: str | int) -> Mapping[str, Any]:
    """What the schema says of its part of this name or index."""
    inside: Mapping[str, Any] | None = None
    match kind:
        case "model-fields":
            inside = _field(schema["fields"], part)
        case "list":
            inside = schema.get("items_schema")
        case "dict":
            inside = schema.get("values_schema")
    return _END if inside is None else inside


def _field(fields: Mapping[str, Any], name: str | int) -> Mapping[str, Any] | None:
    """The schema of a model's field, by what it is called where it is sent."""
    for field_name, field in fields.items():
        if name == field.get("validation_alias", field_name):
            schema: Mapping[str, Any] = field["schema"]
            return schema
    return None
