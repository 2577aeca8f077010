"""One document over all services: complete, true to the routes, with an example everywhere."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from services.commands.document import merged_document
from services.gateway.openapi import merge
from services.gateway.routes import TABLE, service_for
from tests.conftest import Firm, Product


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return merged_document()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


async def test_it_is_served_without_a_key_and_is_the_one_the_command_writes(
    product: Product, document: dict[str, Any]
) -> None:
    answer = await product.client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == document
    assert document["openapi"] == "3.1.0"


def test_every_path_of_every_service_is_in_the_route_table(product: Product) -> None:
    for service, app in product.app.neighbours.items():
        for path in app.openapi()["paths"]:
            assert service_for(path) == service, path


def test_no_line_of_the_route_table_is_dead(document: dict[str, Any]) -> None:
    for pattern, service in TABLE.items():
        shape = re.compile("/v1/" + pattern.replace("*", "[^/]+") + "(/.*)?")
        served = [p for p in document["paths"] if shape.fullmatch(p) and service_for(p) == service]
        assert served, f"nothing is served under {pattern}"


def test_no_two_operations_have_the_same_id(document: dict[str, Any]) -> None:
    ids = Counter(operation["operationId"] for _, _, operation in operations(document))
    assert [name for name, count in ids.items() if count > 1] == []
    for name in ids:
        assert re.fullmatch(r"[a-z][a-zA-Z0-9]+", name)


def test_every_operation_says_what_it_is(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"], f"{method} {path}"
        assert operation["description"], f"{method} {path}"
        assert len(operation["tags"]) == 1, f"{method} {path}"


def test_every_operation_names_the_errors_that_it_can_answer(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        expected = {"400", "422", "500", "503"}
        if operation.get("security") != []:
            expected |= {"401", "403"}
        if method != "get":
            expected |= {"404", "409", "413"}
        if "{" in path:
            expected.add("404")
        if method in ("patch", "delete"):
            expected |= {"412", "428"}
            named = [p["name"] for p in operation["parameters"] if p["in"] == "header"]
            assert "If-Match" in named
        if method == "post":
            named = [p["name"] for p in operation["parameters"] if p["in"] == "header"]
            assert "Idempotency-Key" in named
        assert expected <= set(operation["responses"]), f"{method} {path}"


KINDS = {
    "application/json",
    "multipart/form-data",
    "application/x-ndjson",
    "text/calendar",
    "text/csv",
    "text/markdown",
    "text/html",
    "application/pdf",
    "application/vc+jwt",
}


def test_every_body_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    schemas = {"components": document["components"]}
    for path, method, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for kind, media in body.get("content", {}).items():
                assert kind in KINDS, f"{method} {path}"
                assert "example" in media, f"{method} {path}"
                jsonschema.Draft202012Validator(
                    {**media["schema"], **schemas}, format_checker=jsonschema.FormatChecker()
                ).validate(media["example"])


def test_a_merge_patch_has_no_defaults(document: dict[str, Any]) -> None:
    for _, method, operation in operations(document):
        if method == "patch":
            (media,) = operation["requestBody"]["content"].values()
            schema = document["components"]["schemas"][media["schema"]["$ref"].rpartition("/")[2]]
            assert not any("default" in field for field in schema["properties"].values())


def test_what_a_handover_is_about_goes_by_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = set(document["components"]["schemas"])
    assert {"CalibrationFigures", "PeriodFigures", "NewPromiseOutcome"} <= names
    # A module's path: two of one service are called the same.
    assert not [name for name in names if name.startswith(("services__handover", "services__gat"))]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    for reference in references(document):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def _service(path: str, **schemas: Any) -> dict[str, Any]:
    (first, *_) = schemas
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{first}"}}}
    return {
        "info": {"version": "1"},
        "paths": {path: {"get": {"responses": {"200": {"content": content}}}}},
        "components": {"schemas": schemas},
    }


def test_schemas_that_differ_under_one_name_are_told_apart() -> None:
    whole = merge(
        {
            "gateway": _service("/v1/people", Same={"type": "null"}, State={"enum": ["a"]}),
            "handover": _service("/v1/handovers", State={"enum": ["b"]}, Same={"type": "null"}),
            "onboarding": _service("/v1/courses", State={"enum": ["c"]}),
        }
    )
    schemas = whole["components"]["schemas"]
    assert schemas == {
        "Same": {"type": "null"},
        "State": {"enum": ["a"]},
        "HandoverState": {"enum": ["b"]},
        "OnboardingState": {"enum": ["c"]},
    }
    ok = whole["paths"]["/v1/courses"]["get"]["responses"]["200"]
    assert ok["content"]["application/json"]["schema"]["$ref"].endswith("/OnboardingState")


def test_a_schema_that_reads_the_same_but_refers_to_another_is_told_apart_too() -> None:
    page = {"items": {"$ref": "#/components/schemas/Thing"}}
    book = {"items": {"$ref": "#/components/schemas/Page"}}
    whole = merge(
        {
            "gateway": _service("/v1/people", Book=book, Page=page, Thing={"type": "string"}),
            "handover": _service("/v1/handovers", Book=book, Page=page, Thing={"type": "null"}),
        }
    )
    schemas = whole["components"]["schemas"]
    assert schemas["Page"]["items"]["$ref"].endswith("/Thing")
    assert schemas["HandoverPage"]["items"]["$ref"].endswith("/HandoverThing")
    assert schemas["HandoverBook"]["items"]["$ref"].endswith("/HandoverPage")
    assert schemas["Thing"] == {"type": "string"}


async def test_the_browser_of_the_document_loads_nothing_from_elsewhere(product: Product) -> None:
    page = await product.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//", page.text)
    assets = re.findall(r"(?:src|href)=[\"']([^\"']+)", page.text)
    assert len(assets) >= 3
    for asset in assets:
        answer = await product.client.get(asset)
        assert answer.status_code == 200, asset
        assert len(answer.content) > 100
    assert "/openapi.json" in page.text


async def test_nothing_else_is_served_beside_the_document(product: Product) -> None:
    for path in ("/redoc", "/docs/assets/../../etc/passwd", "/docs/oauth2-redirect", "/anything"):
        answer = await product.client.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_document_of_a_service_is_for_services(firm: Firm, product: Product) -> None:
    for key in (None, firm.admin.key):
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        answer = await product.client.get("/internal/openapi.json", headers=headers)
        assert answer.status_code == 401
