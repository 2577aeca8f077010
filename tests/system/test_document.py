"""The merged document is OpenAPI 3.1, whole, and made of valid schemas."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from services.commands.document import merged_document

DOCUMENT = merged_document()


def test_it_is_what_openapi_3_1_allows() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []
    broken = {**DOCUMENT, "info": {"title": "No version"}}
    assert not OPENAPI_31_VALIDATOR.is_valid(broken)


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_everything_that_it_refers_to_is_in_it() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 100
    for reference in found:
        place: Any = DOCUMENT
        assert reference.startswith("#/")
        for name in reference[2:].split("/"):
            assert name in place, reference
            place = place[name]


def test_its_schemas_are_json_schemas() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
